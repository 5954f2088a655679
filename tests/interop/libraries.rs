//! The drivers in other languages, with their libraries.

use std::fs;
use std::process::Command;

use crate::fetched::{Language, require, run};

const GO: &str = "Install Go 1.26 or newer";

/// The driver on `jose`.
pub fn node() -> Command {
    let home = Language::npm("interop");
    // Node looks for libraries from where the file is.
    let sources = Language::new("interop", "node", &[]).sources;
    fs::copy(sources.join("driver.mjs"), home.join("driver.mjs")).unwrap();
    let mut node = Command::new("node");
    node.arg(home.join("driver.mjs"));
    node
}

/// The driver on `jwcrypto`.
pub fn python() -> Command {
    let home = Language::venv("interop");
    let mut python = Command::new(home.join("venv/bin/python"));
    python.arg(Language::new("interop", "python", &[]).sources.join("driver.py"));
    python
}

/// The driver on `jwx`.
pub fn go() -> Command {
    require("go", "version", GO);
    let language = Language::new("interop", "go", &["go.mod", "go.sum", "main.go"]);
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
    let mut java = Command::new("java");
    java.args(["--class-path", &Language::maven("interop")]);
    java.arg(Language::new("interop", "java", &[]).sources.join("Driver.java"));
    java
}
