//! The commands of `docs/install.md`, in their order, and those of both READMEs, on a real API server; without `--wait`, since there are no
//! nodes.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Command, Output};

use crate::chart::root;
use crate::support::binaries;
use crate::support::control_plane::ControlPlane;

/// What an installation in another way begins with: nothing left of the one before.
const CLEARED: &str = "helm uninstall keyturn --namespace keyturn-system --ignore-not-found
kubectl delete --ignore-not-found -k deploy/server
kubectl delete --ignore-not-found -k deploy/operator
kubectl delete --ignore-not-found -k deploy/namespace
kubectl delete --ignore-not-found -k deploy/crd";

/// In a folder that looks like the repository's to these commands, with the programs in it.
fn bash(script: &str, folder: &Path, kubeconfig: &Path) -> Output {
    let path = format!("{0}:{0}/bin:{1}", folder.display(), std::env::var("PATH").unwrap());
    let mut bash = Command::new("bash");
    bash.args(["-c", &format!("set -euxo pipefail\n{script}")]).current_dir(folder);
    bash.env("PATH", path).env("HOME", folder).env("KUBECONFIG", kubeconfig).output().expect("bash runs")
}

#[tokio::test(flavor = "multi_thread")]
async fn the_commands_of_the_page_on_installing_work() {
    let cluster = ControlPlane::start().await;
    cluster.start_controller_manager();
    let folder = tempfile::tempdir().unwrap();
    let link = |target: &Path, name: &str| symlink(target, folder.path().join(name)).unwrap();
    link(binaries::helm(), "helm");
    link(&binaries::folder().join("kubectl"), "kubectl");
    link(Path::new(env!("CARGO_BIN_EXE_keyturn")), "keyturn");
    fs::create_dir(folder.path().join("bin")).unwrap();
    link(&root().join("charts"), "charts");
    link(&root().join("deploy"), "deploy");
    link(&root().join("examples"), "examples");
    let must = |script: &str| {
        let output = bash(script, folder.path(), cluster.kubeconfig_path());
        assert!(output.status.success(), "{script}\n{}", String::from_utf8_lossy(&output.stderr));
    };
    must("kubectl create namespace iam\nkubectl create namespace web");

    let page = fs::read_to_string(root().join("docs/install.md")).unwrap();
    let blocks = page.split("\n```sh\n").skip(1).map(|rest| rest.split("\n```").next().unwrap_or_default());
    let mut ran = 0;
    for block in blocks {
        if block.starts_with("helm install") || block.starts_with("kubectl apply") {
            must(CLEARED);
        }
        must(&block.replace(" --wait", ""));
        ran += 1;
    }
    assert_eq!(ran, 8, "the blocks of the page");

    for readme in ["README.md", "charts/keyturn/README.md"] {
        must(CLEARED);
        let readme = fs::read_to_string(root().join(readme)).unwrap();
        let (_, block) = readme.split_once("\n```sh\nhelm install ").expect("it tells how to install");
        must(&format!("helm install {}", block.split("\n```").next().unwrap_or_default()));
    }
}
