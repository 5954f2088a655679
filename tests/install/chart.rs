//! Helm, and what it makes of the chart.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;
use tempfile::TempDir;

use crate::support::binaries;

/// The folder of the repository.
pub fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// The chart's folder.
pub fn folder() -> PathBuf {
    root().join("charts/keyturn")
}

/// Helm with a home of its own.
pub struct Helm {
    home: TempDir,
    kubeconfig: Option<PathBuf>,
}

impl Helm {
    /// Without a cluster.
    pub fn new() -> Self {
        Self { home: tempfile::tempdir().unwrap(), kubeconfig: None }
    }

    /// On a cluster.
    pub fn on(kubeconfig: &Path) -> Self {
        Self { kubeconfig: Some(kubeconfig.to_owned()), ..Self::new() }
    }

    /// Runs Helm and waits for it; blocks the thread.
    pub fn run(&self, args: &[&str]) -> Output {
        let mut helm = Command::new(binaries::helm());
        helm.args(args).env("HOME", self.home.path()).env_remove("KUBECONFIG");
        for name in ["XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME"] {
            helm.env_remove(name);
        }
        if let Some(kubeconfig) = &self.kubeconfig {
            helm.env("KUBECONFIG", kubeconfig);
        }
        helm.output().expect("helm runs")
    }

    /// Runs Helm, which has to succeed; what it printed.
    pub fn must(&self, args: &[&str]) -> String {
        let output = self.run(args);
        assert!(output.status.success(), "helm {args:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).expect("text")
    }

    /// Runs Helm, which has to refuse; what it complained of.
    pub fn refuses(&self, args: &[&str]) -> String {
        let output = self.run(args);
        assert!(!output.status.success(), "helm {args:?} was not refused: {}", String::from_utf8_lossy(&output.stdout));
        String::from_utf8(output.stderr).expect("text")
    }

    /// A file with these values.
    pub fn values(&self, values: &Value) -> String {
        let path = tempfile::Builder::new().suffix(".json").tempfile_in(self.home.path()).unwrap();
        fs::write(path.path(), values.to_string()).unwrap();
        let (_, path) = path.keep().unwrap();
        path.to_str().expect("text").to_owned()
    }

    /// The manifests of a release named `keyturn`, as text.
    pub fn template(&self, namespace: &str, values: &Value) -> String {
        let (chart, values) = (folder(), self.values(values));
        let chart = chart.to_str().expect("text");
        self.must(&["template", "keyturn", chart, "--namespace", namespace, "--values", &values])
    }

    /// The objects of a release named `keyturn`.
    pub fn objects(&self, namespace: &str, values: &Value) -> Vec<Value> {
        objects(&self.template(namespace, values))
    }
}

/// The objects of a text of several YAML documents.
pub fn objects(text: &str) -> Vec<Value> {
    let all: Vec<Value> = serde_saphyr::from_multiple(text).expect("YAML");
    all.into_iter().filter(|object| !object.is_null()).collect()
}

/// The objects of one kind.
pub fn of_kind<'a>(objects: &'a [Value], kind: &'a str) -> impl Iterator<Item = &'a Value> {
    objects.iter().filter(move |object| object["kind"] == kind)
}

/// The object of that kind and name.
pub fn named<'a>(objects: &'a [Value], kind: &str, name: &str) -> &'a Value {
    let found = objects.iter().find(|object| object["kind"] == kind && object["metadata"]["name"] == name);
    found.unwrap_or_else(|| panic!("there is no {kind} {name}"))
}

/// A file of objects that `kubectl` takes.
pub fn list(folder: &Path, objects: &[Value]) -> String {
    let path = folder.join("objects.json");
    let list = serde_json::json!({ "apiVersion": "v1", "kind": "List", "items": objects });
    fs::write(&path, list.to_string()).unwrap();
    path.to_str().expect("text").to_owned()
}
