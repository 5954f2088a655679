//! Tells the program what it was built from: operators of one build believe what another of them saw (`status.settled`).

use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::{fs, io};

/// What decides what is built, beside `src`.
const OTHERS: [&str; 3] = ["Cargo.toml", "Cargo.lock", "build.rs"];

fn main() -> io::Result<()> {
    let mut files = OTHERS.map(PathBuf::from).to_vec();
    list(Path::new("src"), &mut files)?;
    files.sort();
    let mut hash = DefaultHasher::new();
    for file in files {
        let bytes = fs::read(&file).map_err(|error| io::Error::other(format!("{}: {error}", file.display())))?;
        (file, bytes).hash(&mut hash);
    }
    for changes in OTHERS.iter().chain(&["src"]) {
        println!("cargo::rerun-if-changed={changes}");
    }
    println!("cargo::rustc-env=KEYTURN_BUILD={:016x}", hash.finish());
    Ok(())
}

/// Every file below a folder, without what editors leave there.
fn list(folder: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let path = entry.path();
        let kind = entry.file_type()?;
        if entry.file_name().as_encoded_bytes().starts_with(b".") {
            continue;
        }
        if kind.is_dir() {
            list(&path, files)?;
        } else if kind.is_file() {
            files.push(path);
        }
    }
    Ok(())
}
