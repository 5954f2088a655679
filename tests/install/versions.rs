//! One version for everything that a release holds.

use std::fs;

use serde_json::Value;

use crate::chart::{folder, root};

#[test]
fn chart_image_and_changelog_have_the_version_of_the_program() {
    let version = env!("CARGO_PKG_VERSION");
    let chart: Value = serde_saphyr::from_str(&fs::read_to_string(folder().join("Chart.yaml")).unwrap()).unwrap();
    assert_eq!(chart["version"], version, "version in charts/keyturn/Chart.yaml");
    assert_eq!(chart["appVersion"], version, "appVersion in charts/keyturn/Chart.yaml");
    let changelog = fs::read_to_string(root().join("CHANGELOG.md")).unwrap();
    let newest = changelog.lines().find_map(|line| line.strip_prefix("## ")).expect("a section");
    assert_eq!(newest.split_whitespace().next(), Some(version), "the first section of CHANGELOG.md");
    let operator = fs::read_to_string(root().join("deploy/operator/keyturn.yaml")).unwrap();
    let image = format!("image: ghcr.io/keyturn/keyturn:{version}\n");
    assert!(operator.contains(&image), "deploy/ has the image of another version");
}
