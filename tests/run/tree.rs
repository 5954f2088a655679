//! Everything under a folder: to see that nothing was touched, and what in it is private.
#![allow(dead_code, reason = "each test binary uses its own part of this module")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use serde_json::Value;

/// One file, folder or link: inode, mode, time of the last change, and content or target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    pub inode: u64,
    pub mode: u32,
    changed: (i64, i64),
    content: Vec<u8>,
}

/// Path → what is there; links are not followed. Empty where there is no such folder.
pub fn tree(folder: &Path) -> BTreeMap<PathBuf, Entry> {
    let mut found = BTreeMap::new();
    let Ok(entries) = fs::read_dir(folder) else { return found };
    for entry in entries {
        let path = entry.unwrap().path();
        // A running program may sweep what was just listed.
        let Ok(metadata) = fs::symlink_metadata(&path) else { continue };
        let content = if metadata.is_symlink() {
            fs::read_link(&path).unwrap_or_default().into_os_string().into_encoded_bytes()
        } else if metadata.is_file() {
            fs::read(&path).unwrap_or_default()
        } else {
            found.extend(tree(&path));
            Vec::new()
        };
        let changed = (metadata.mtime(), metadata.mtime_nsec());
        let mode = metadata.permissions().mode() & 0o7777;
        found.insert(path, Entry { inode: metadata.ino(), mode, changed, content });
    }
    found
}

/// Names of what stands in a folder.
pub fn names(folder: &Path) -> BTreeSet<String> {
    let entries = fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

/// Every text that holds private key material in Keyturn's directory: JWK members, lines of PEM, and the keyring's own.
pub fn private_texts(dir: &Path) -> BTreeSet<String> {
    let mut texts = BTreeSet::new();
    for (path, entry) in tree(dir) {
        if path.starts_with(dir.join("configmaps")) {
            continue;
        }
        let text = String::from_utf8_lossy(&entry.content);
        if let Ok(json) = serde_json::from_str::<Value>(&text) {
            collect_private(&json, &mut texts);
        } else if text.contains("PRIVATE KEY") {
            texts.extend(text.lines().filter(|line| line.len() > 30).map(str::to_owned));
        }
    }
    texts
}

fn collect_private(json: &Value, texts: &mut BTreeSet<String>) {
    match json {
        Value::Object(members) => {
            for (name, value) in members {
                let private =
                    ["d", "p", "q", "dp", "dq", "qi", "k", "priv", "private", "macKey"].contains(&name.as_str());
                match value.as_str() {
                    Some(text) if private && text.len() > 20 => drop(texts.insert(text.to_owned())),
                    _ => collect_private(value, texts),
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| collect_private(item, texts)),
        _ => {}
    }
}
