//! Fetches the libraries once into `target/interop`, at the versions that the lock files here name.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::programs;

const NODE: &str = "Install Node 20 or newer, with npm";
const PYTHON: &str = "Install Python 3.11 or newer, with venv";
const GO: &str = "Install Go 1.26 or newer";
const JAVA: &str = "Install a JDK, 17 or newer, and Maven";

/// The driver on `jose`.
pub fn node() -> Command {
    require("node", "--version", NODE);
    let language = Language::new("node", &["package.json", "package-lock.json"]);
    let home = language.ready(|home| {
        for name in ["package.json", "package-lock.json"] {
            fs::copy(language.sources.join(name), home.join(name)).unwrap();
        }
        run(Command::new("npm").args(["ci", "--no-audit", "--no-fund", "--ignore-scripts"]).current_dir(home), NODE);
    });
    // Node looks for libraries from where the file is.
    fs::copy(language.sources.join("driver.mjs"), home.join("driver.mjs")).unwrap();
    let mut node = Command::new("node");
    node.arg(home.join("driver.mjs"));
    node
}

/// The driver on `jwcrypto`.
pub fn python() -> Command {
    require("python3", "--version", PYTHON);
    let language = Language::new("python", &["requirements.txt"]);
    let home = language.ready(|home| {
        run(Command::new("python3").args(["-m", "venv"]).arg(home.join("venv")), PYTHON);
        let mut pip = Command::new(home.join("venv/bin/pip"));
        pip.args(["install", "--quiet", "--no-deps", "--disable-pip-version-check", "--requirement"]);
        run(pip.arg(language.sources.join("requirements.txt")), PYTHON);
    });
    let mut python = Command::new(home.join("venv/bin/python"));
    python.arg(language.sources.join("driver.py"));
    python
}

/// The driver on `jwx`.
pub fn go() -> Command {
    require("go", "version", GO);
    let language = Language::new("go", &["go.mod", "go.sum", "main.go"]);
    let home = language.ready(|home| {
        let mut go = Command::new("go");
        go.args(["build", "-trimpath", "-buildvcs=false", "-tags", "jwx_es256k", "-o"])
            .arg(home.join("driver"))
            .arg(".");
        run(go.current_dir(&language.sources), GO);
    });
    Command::new(home.join("driver"))
}

/// The driver on `nimbus-jose-jwt`.
pub fn java() -> Command {
    require("javac", "-version", JAVA);
    let language = Language::new("java", &["pom.xml"]);
    let home = language.ready(|home| {
        let mut maven = Command::new("mvn");
        maven.args(["--quiet", "--batch-mode", "dependency:copy-dependencies", "--file"]);
        maven.arg(language.sources.join("pom.xml"));
        run(maven.arg(format!("-DoutputDirectory={}", home.join("lib").display())), JAVA);
    });
    let mut java = Command::new("java");
    java.arg("--class-path").arg(home.join("lib/*")).arg(language.sources.join("Driver.java"));
    java
}

/// A folder here and what is made of it.
struct Language {
    name: &'static str,
    sources: PathBuf,
    /// What the folder under `target` was made of.
    stamp: String,
}

impl Language {
    fn new(name: &'static str, pinned: &[&str]) -> Self {
        let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/interop").join(name);
        let stamp = pinned.iter().map(|file| fs::read_to_string(sources.join(file)).unwrap()).collect();
        Self { name, sources, stamp }
    }

    /// The folder with the libraries; fetches them if they are not there or are others. Test processes that run at once
    /// fetch once.
    fn ready(&self, fetch: impl FnOnce(&Path)) -> PathBuf {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/interop");
        fs::create_dir_all(&root).unwrap();
        let lock = File::create(root.join(format!("{}.lock", self.name))).unwrap();
        lock.lock().unwrap();
        let (home, stamp) = (root.join(self.name), root.join(self.name).join("stamp"));
        if !fs::read_to_string(&stamp).is_ok_and(|made_of| made_of == self.stamp) {
            let said = format!("[interop] fetching the {} libraries once into {}", self.name, home.display());
            // Past the test harness, which would keep it back.
            let _ = writeln!(std::io::stderr().lock(), "{said}");
            let _ = fs::remove_dir_all(&home);
            fs::create_dir_all(&home).unwrap();
            fetch(&home);
            fs::write(&stamp, &self.stamp).unwrap();
        }
        home
    }
}

fn require(program: &str, version: &str, needs: &str) {
    run(Command::new(program).arg(version), needs);
}

fn run(command: &mut Command, needs: &str) {
    let said = programs::run(command, needs);
    said.unwrap_or_else(|why| panic!("{command:?} failed: {why}. {needs}; the first run needs its package registry"));
}
