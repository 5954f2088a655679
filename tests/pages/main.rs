//! The pages of `docs/` whose commands run as they stand: every `sh` block of one page, in order, in one empty folder; on a
//! cluster if the page says so.
//!
//! Needs openssl, a JDK's `keytool`, and what the control plane needs.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test says by panicking what is wrong")]
#![allow(clippy::indexing_slicing, reason = "what is not as expected fails the test")]

#[path = "../support/mod.rs"]
mod support;

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use keyturn::api::JwksKeySet;
use kube::CustomResourceExt;
use support::control_plane::ControlPlane;
use support::leash::Leashed;
use tempfile::TempDir;

/// What a page says whose commands run.
const SAYS_SO: &str = "The commands run as they stand,";
/// What it goes on with if they run on a cluster.
const ON_A_CLUSTER: &str = "on a cluster";

/// Pages whose commands other tests run, with how many blocks each has: a new one needs a test too.
const ELSEWHERE: [(&str, usize, &[&str]); 5] = [
    // The fourth is `cargo test`.
    ("README.md", 4, &["tests/run/readme.rs", "tests/install/page.rs"]),
    ("charts/keyturn/README.md", 1, &["tests/install/page.rs"]),
    ("docs/adoption.md", 1, &["tests/kubernetes/import.rs"]),
    ("docs/install.md", 8, &["tests/install/page.rs"]),
    ("docs/serve.md", 2, &["tests/serve/answers.rs"]),
];

/// A page whose commands run.
struct Page {
    path: PathBuf,
    text: String,
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Every page of `docs/`, in order.
fn markdown() -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![root().join("docs")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "md") {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

/// Every page there is.
fn every_page() -> Vec<PathBuf> {
    let others = ["README.md", "CONTRIBUTING.md", "SECURITY.md", "charts/keyturn/README.md"];
    others.map(|page| root().join(page)).into_iter().chain(markdown()).collect()
}

/// Every page that says so.
fn pages(on_a_cluster: bool) -> Vec<Page> {
    let read = |path: PathBuf| Page { text: fs::read_to_string(&path).unwrap(), path };
    let says_so = |page: &Page| {
        let text = page.text.replace('\n', " ");
        text.split_once(SAYS_SO).map(|(_, how)| how.trim().starts_with(ON_A_CLUSTER)) == Some(on_a_cluster)
    };
    markdown().into_iter().map(read).filter(says_so).collect()
}

impl Page {
    /// The `sh` blocks, which are one script.
    fn blocks(&self) -> Vec<&str> {
        let after = self.text.split("\n```sh\n").skip(1);
        after.map(|rest| rest.split("\n```").next().unwrap_or_default()).collect()
    }

    fn name(&self) -> String {
        self.path.file_name().unwrap().to_string_lossy().into_owned()
    }

    /// Runs the blocks in a new folder, with `programs` first on the PATH.
    fn run(&self, programs: &Path, kubeconfig: Option<&Path>) {
        let blocks = self.blocks();
        assert!(!blocks.is_empty(), "{} has no commands", self.path.display());
        let folder = tempfile::tempdir().unwrap();
        let path = format!("{}:{}", programs.display(), std::env::var("PATH").unwrap());
        let script = format!("set -euxo pipefail\n{}\n", blocks.join("\n"));
        let mut bash = Command::new("bash");
        bash.args(["-c", &script]).current_dir(folder.path()).env("PATH", &path).env_remove("KUBECONFIG");
        if let Some(kubeconfig) = kubeconfig {
            bash.env("KUBECONFIG", kubeconfig);
        }
        let output = bash.output().unwrap();
        assert!(
            output.status.success(),
            "{}: the last of these commands failed:\n{}{}",
            self.path.display(),
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
    }
}

/// A folder with Keyturn under both of its names, and `kubectl` where it is given.
fn programs(kubectl: Option<&Path>) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let keyturn = Path::new(env!("CARGO_BIN_EXE_keyturn"));
    symlink(keyturn, folder.path().join("keyturn")).unwrap();
    symlink(keyturn, folder.path().join("kubectl-keyturn")).unwrap();
    if let Some(kubectl) = kubectl {
        symlink(kubectl, folder.path().join("kubectl")).unwrap();
    }
    folder
}

#[test]
fn every_page_whose_commands_run_in_a_folder_is_right() {
    let pages = pages(false);
    let programs = programs(None);
    for page in &pages {
        page.run(programs.path(), None);
    }
    let ran: Vec<String> = pages.iter().map(Page::name).collect();
    for page in ["from-janssen-cronjob.md", "generate.md", "janssen.md", "mia-platform.md", "ory.md"] {
        assert!(ran.iter().any(|name| name == page), "{page} was not run: {ran:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_page_whose_commands_run_on_a_cluster_is_right() {
    let cluster = ControlPlane::shared().await;
    let folder = tempfile::tempdir().unwrap();
    let crd = folder.path().join("crd.json");
    fs::write(&crd, serde_json::to_string(&JwksKeySet::crd()).unwrap()).unwrap();
    assert!(cluster.kubectl(&["apply", "-f", crd.to_str().unwrap()]).status.success());
    assert!(cluster.kubectl(&["wait", "--for=condition=Established", "crd/jwkskeysets.keyturn.dev"]).status.success());
    let programs = programs(cluster.kubectl_path().as_deref());
    let pages = pages(true);
    for page in &pages {
        let namespace = cluster.fresh_namespace("page").await;
        let kubeconfig = folder.path().join(&namespace);
        fs::copy(cluster.kubeconfig_path(), &kubeconfig).unwrap();
        let path = kubeconfig.to_str().unwrap();
        let set = ["--kubeconfig", path, "config", "set-context", "--current", "--namespace", &namespace];
        assert!(cluster.kubectl(&set).status.success());
        let log = folder.path().join(format!("{namespace}.log"));
        let operator = Leashed::spawn(Path::new(env!("CARGO_BIN_EXE_keyturn")), Some(&log), |keyturn| {
            keyturn.args(["controller", "--namespace", &namespace]).env("KUBECONFIG", path);
        });
        page.run(programs.path(), Some(&kubeconfig));
        drop(operator);
    }
    let ran: Vec<String> = pages.iter().map(Page::name).collect();
    for page in ["backup.md", "compromise.md", "first-key-set.md", "from-cert-manager.md", "uninstall.md"] {
        assert!(ran.iter().any(|name| name == page), "{page} was not run: {ran:?}");
    }
}

#[test]
fn every_command_that_is_shown_is_run_by_some_test() {
    for path in every_page() {
        let text = fs::read_to_string(&path).unwrap();
        let blocks = text.lines().filter(|line| ["```sh", "```bash", "```console"].contains(&line.trim())).count();
        if blocks == 0 || text.replace('\n', " ").contains(SAYS_SO) {
            // Those of its blocks that are indented would not run.
            assert_eq!(blocks, Page { text, path: path.clone() }.blocks().len(), "{}", path.display());
            continue;
        }
        let found = ELSEWHERE.iter().find(|(page, ..)| root().join(page) == path);
        let (page, expected, tests) = found.unwrap_or_else(|| panic!("no test runs what {} shows", path.display()));
        assert_eq!(blocks, *expected, "{page}");
        let name = Path::new(page).file_name().unwrap().to_str().unwrap();
        for test in *tests {
            assert!(fs::read_to_string(root().join(test)).unwrap().contains(name), "{test} reads {page}");
        }
    }
}

#[test]
fn every_link_between_pages_leads_somewhere() {
    let mut broken = Vec::new();
    for page in &every_page() {
        let text = fs::read_to_string(page).unwrap();
        // Code is no link.
        let prose: Vec<&str> = text.split('`').step_by(2).collect();
        for rest in prose.join("code").split("](").skip(1) {
            let target = rest.split([')', '#', ' ']).next().unwrap_or_default();
            let elsewhere = target.is_empty() || target.contains("://");
            if !elsewhere && !page.parent().unwrap().join(target).exists() {
                broken.push(format!("{}: {target}", page.display()));
            }
        }
    }
    assert!(broken.is_empty(), "{broken:#?}");
}
