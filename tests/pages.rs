//! The pages of `docs/` whose commands run as they stand: every `sh` block of one page, in order, in one empty folder.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test says by panicking what is wrong")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The pages that say so of themselves.
const SAYS_SO: &str = "The commands run as they stand";

/// The `sh` blocks of a page, each as one script.
fn blocks(page: &str) -> Vec<String> {
    let after = page.split("\n```sh\n").skip(1);
    after.map(|rest| rest.split("\n```").next().unwrap_or_default().to_owned()).collect()
}

fn run_page(page: &Path) {
    let text = fs::read_to_string(page).unwrap();
    let blocks = blocks(&text);
    assert!(!blocks.is_empty(), "{} has no commands", page.display());
    let folder = tempfile::tempdir().unwrap();
    let program = PathBuf::from(env!("CARGO_BIN_EXE_keyturn"));
    let path = format!("{}:{}", program.parent().unwrap().display(), std::env::var("PATH").unwrap());
    for block in blocks {
        let script = format!("set -euo pipefail\n{block}\n");
        let output = Command::new("bash").args(["-c", &script]).current_dir(folder.path()).env("PATH", &path).output();
        let output = output.unwrap();
        assert!(
            output.status.success(),
            "{}: this block failed:\n{block}\n{}{}",
            page.display(),
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
    }
}

#[test]
fn every_page_that_says_its_commands_run_is_right() {
    let docs = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("docs");
    let mut ran = Vec::new();
    for entry in fs::read_dir(docs).unwrap() {
        let page = entry.unwrap().path();
        if page.extension().is_some_and(|extension| extension == "md")
            && fs::read_to_string(&page).unwrap().replace('\n', " ").contains(SAYS_SO)
        {
            run_page(&page);
            ran.push(page.file_name().unwrap().to_string_lossy().into_owned());
        }
    }
    ran.sort();
    for page in ["generate.md", "mia-platform.md", "ory.md"] {
        assert!(ran.iter().any(|name| name == page), "{page} was not run: {ran:?}");
    }
}
