//! What is made from something else equals it: the chart's copies, its schema, its table of values, and `deploy/`.

use std::fs;

use serde_json::json;

use crate::chart::{Helm, folder, root};
use crate::values;

/// What Helm says of itself, which is not true of plain manifests.
const OF_HELM: [&str; 4] =
    ["# Source: ", "helm.sh/chart:", "helm.sh/resource-policy:", "app.kubernetes.io/managed-by: Helm"];

/// Holds a committed file equal to what it is made from; with `KEYTURN_WRITE_DOCS` it is written instead.
fn hold(path: &str, made: &str) {
    let file = root().join(path);
    if std::env::var_os("KEYTURN_WRITE_DOCS").is_some() {
        fs::create_dir_all(file.parent().expect("a folder")).unwrap();
        fs::write(&file, made).unwrap();
    }
    let committed = fs::read_to_string(&file).unwrap_or_default();
    assert!(
        committed == made,
        "{path} is stale: run `KEYTURN_WRITE_DOCS=1 cargo test --test install generated` and commit the result"
    );
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

#[test]
fn generated_files_equal_what_they_are_made_from() {
    // Helm reads nothing outside of the chart's folder.
    for (source, copy) in [
        ("crds/jwkskeysets.keyturn.dev.yaml", "jwkskeysets.keyturn.dev.yaml"),
        ("monitoring/alerts.yaml", "alerts.yaml"),
        ("monitoring/dashboard.json", "dashboard.json"),
    ] {
        hold(&format!("charts/keyturn/files/{copy}"), &read(source));
    }

    let values = values::read(&fs::read_to_string(folder().join("values.yaml")).unwrap());
    let mut schema = serde_json::to_string_pretty(&values::schema(&values)).unwrap();
    schema.push('\n');
    hold("charts/keyturn/values.schema.json", &schema);
    let readme = read("charts/keyturn/README.md");
    let (before, rest) = readme.split_once("<!-- values -->\n").expect("where the table begins");
    let (_, after) = rest.split_once("<!-- /values -->\n").expect("where the table ends");
    let table = values::table(&values);
    hold("charts/keyturn/README.md", &format!("{before}<!-- values -->\n{table}<!-- /values -->\n{after}"));

    let helm = Helm::new();
    hold("deploy/crd/jwkskeysets.keyturn.dev.yaml", &read("crds/jwkskeysets.keyturn.dev.yaml"));
    hold("deploy/operator/keyturn.yaml", &plain(&helm, &json!({ "crds": { "install": false } }), |_| true));
    let with_server = json!({ "crds": { "install": false }, "server": { "enabled": true } });
    hold(
        "deploy/server/keyturn-server.yaml",
        &plain(&helm, &with_server, |document| document.contains("app.kubernetes.io/component: server\n")),
    );
}

/// The manifests of a release in `keyturn-system`, without what only Helm needs.
fn plain(helm: &Helm, values: &serde_json::Value, wanted: impl Fn(&str) -> bool) -> String {
    let rendered = helm.template("keyturn-system", values);
    let documents = rendered.split("---\n").filter(|document| !document.trim().is_empty() && wanted(document));
    let plain = documents.map(|document| {
        let lines = document.lines().filter(|line| !OF_HELM.iter().any(|word| line.trim().starts_with(word)));
        lines.collect::<Vec<_>>().join("\n").trim().to_owned() + "\n"
    });
    plain.collect::<Vec<_>>().join("---\n")
}
