//! Other people's libraries and programs, fetched once into `target`, at the versions that a suite's lock files name.
#![allow(dead_code, reason = "each test binary uses its own part of this module")]

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::programs;

/// What to install where `npm` is missing.
pub const NODE: &str = "Install Node 20 or newer, with npm";
/// What to install where `python3` is missing.
pub const PYTHON: &str = "Install Python 3.11 or newer, with venv";

/// What to install where `javac` or `mvn` is missing.
pub const JAVA: &str = "Install a JDK, 17 or newer, and Maven";

/// A folder of a suite, `tests/SUITE/NAME`, and what is made of it, `target/SUITE/NAME`.
pub struct Language {
    suite: &'static str,
    name: &'static str,
    /// The folder of the suite.
    pub sources: PathBuf,
    /// What the folder under `target` was made of.
    stamp: String,
}

impl Language {
    /// One whose folder under `target` is as the `pinned` files say.
    pub fn new(suite: &'static str, name: &'static str, pinned: &[&str]) -> Self {
        let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(suite).join(name);
        let stamp = pinned.iter().map(|file| fs::read_to_string(sources.join(file)).unwrap()).collect();
        Self { suite, name, sources, stamp }
    }

    /// The folder with the libraries of a `package-lock.json`.
    pub fn npm(suite: &'static str) -> PathBuf {
        require("node", "--version", NODE);
        let language = Self::new(suite, "node", &["package.json", "package-lock.json"]);
        language.ready(|home| {
            for name in ["package.json", "package-lock.json"] {
                fs::copy(language.sources.join(name), home.join(name)).unwrap();
            }
            run(
                Command::new("npm").args(["ci", "--no-audit", "--no-fund", "--ignore-scripts"]).current_dir(home),
                NODE,
            );
        })
    }

    /// The folder of a virtual environment with the packages of a `requirements.txt`.
    pub fn venv(suite: &'static str) -> PathBuf {
        require("python3", "--version", PYTHON);
        let language = Self::new(suite, "python", &["requirements.txt"]);
        language.ready(|home| {
            run(Command::new("python3").args(["-m", "venv"]).arg(home.join("venv")), PYTHON);
            let mut pip = Command::new(home.join("venv/bin/pip"));
            pip.args(["install", "--quiet", "--no-deps", "--disable-pip-version-check", "--requirement"]);
            run(pip.arg(language.sources.join("requirements.txt")), PYTHON);
        })
    }

    /// The class path of what a `pom.xml` names.
    pub fn maven(suite: &'static str) -> String {
        require("javac", "-version", JAVA);
        let language = Self::new(suite, "java", &["pom.xml"]);
        let home = language.ready(|home| {
            let mut maven = Command::new("mvn");
            maven.args(["--quiet", "--batch-mode", "dependency:copy-dependencies", "--file"]);
            maven.arg(language.sources.join("pom.xml"));
            run(maven.arg(format!("-DoutputDirectory={}", home.join("lib").display())), JAVA);
        });
        format!("{}/*", home.join("lib").display())
    }

    /// The folder with the libraries; fetches them if they are not there or are others. Test processes that run at once
    /// fetch once.
    pub fn ready(&self, fetch: impl FnOnce(&Path)) -> PathBuf {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("target").join(self.suite);
        fs::create_dir_all(&root).unwrap();
        let lock = File::create(root.join(format!("{}.lock", self.name))).unwrap();
        lock.lock().unwrap();
        let (home, stamp) = (root.join(self.name), root.join(self.name).join("stamp"));
        if !fs::read_to_string(&stamp).is_ok_and(|made_of| made_of == self.stamp) {
            let said = format!("[{}] fetching the {} libraries once into {}", self.suite, self.name, home.display());
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

/// Fails where a program is not on the machine.
pub fn require(program: &str, version: &str, needs: &str) {
    run(Command::new(program).arg(version), needs);
}

/// Runs a program that fetches or builds something.
pub fn run(command: &mut Command, needs: &str) {
    let said = programs::run(command, needs);
    said.unwrap_or_else(|why| panic!("{command:?} failed: {why}. {needs}; the first run needs its package registry"));
}
