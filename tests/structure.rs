//! What is generated equals its source, and the rooms keep to what they may use.
#![allow(clippy::expect_used, reason = "a test says what it expected")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Rooms that neither read a clock, nor draw randomness, nor do I/O, and what would betray that.
const PURE_ROOMS: [&str; 8] =
    ["jose", "keyring", "lifecycle", "publish", "forecast", "timeline", "material", "inspect"];
const IMPURE: [&str; 11] = [
    "kube::",
    "k8s_openapi",
    "tokio",
    "std::fs",
    "std::net",
    "std::process",
    "std::time",
    "Utc::now",
    "async fn",
    ".await",
    "tracing::",
];

/// Rooms that may know Kubernetes.
const KUBERNETES_ROOMS: [&str; 7] =
    ["api", "store/kubernetes.rs", "probe", "controller", "server/jwks/cluster.rs", "server/jwks/cluster", "cli"];

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("the folder is there").map(|entry| entry.expect("readable").path()) {
        if entry.is_dir() {
            found.extend(sources(&entry));
        } else if entry.extension().is_some_and(|extension| extension == "rs") {
            found.push(entry);
        }
    }
    found
}

/// The code of a file without comments and without its tests.
fn code(path: &Path) -> String {
    let text = fs::read_to_string(path).expect("readable");
    let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
    code.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n")
}

fn is_test(path: &Path) -> bool {
    path.components().any(|part| {
        let part = part.as_os_str().to_string_lossy();
        part.contains("tests") || part.contains("fixtures")
    })
}

#[test]
fn the_committed_crd_is_what_the_program_prints() {
    let output = Command::new(env!("CARGO_BIN_EXE_keyturn")).arg("crd").output().expect("keyturn runs");
    let printed = String::from_utf8(output.stdout).expect("text");
    let committed = fs::read_to_string(root().join("crds/jwkskeysets.keyturn.dev.yaml")).expect("the CRD is committed");
    assert!(
        printed == committed,
        "crds/ is stale: run `cargo run -- crd > crds/jwkskeysets.keyturn.dev.yaml` and commit the result"
    );
}

#[test]
fn pure_rooms_read_no_clock_and_do_no_io() {
    for room in PURE_ROOMS {
        for file in sources(&root().join("src").join(room)).iter().filter(|file| !is_test(file)) {
            let code = code(file);
            for word in IMPURE {
                assert!(!code.contains(word), "{} uses {word}: pass in what it needs", file.display());
            }
        }
    }
}

#[test]
fn only_the_outer_rooms_know_kubernetes() {
    let allowed: Vec<PathBuf> = KUBERNETES_ROOMS.iter().map(|room| root().join("src").join(room)).collect();
    for file in sources(&root().join("src")) {
        if allowed.iter().any(|room| file.starts_with(room)) {
            continue;
        }
        let code = code(&file);
        for word in ["use kube", "kube::", "k8s_openapi"] {
            assert!(!code.contains(word), "{} uses {word}", file.display());
        }
    }
}
