//! `kubectl apply -k deploy` on a real API server.

use crate::chart::root;
use crate::support::control_plane::ControlPlane;

#[tokio::test(flavor = "multi_thread")]
async fn the_plain_manifests_are_applied_and_taken_away_again_without_the_crd() {
    let cluster = ControlPlane::start().await;
    cluster.start_controller_manager();
    let folder = |name: &str| root().join(name).to_str().expect("text").to_owned();
    let kubectl = |args: &[&str]| {
        let output = cluster.kubectl(args);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "kubectl {args:?}: {said}");
        (String::from_utf8(output.stdout).expect("text"), said)
    };
    for _ in 0..2 {
        let (_, said) = kubectl(&["apply", "-k", &folder("deploy")]);
        assert_eq!(said, "", "no warning, of the pod security standard above all");
    }
    kubectl(&["apply", "-k", &folder("deploy/server")]);
    let (found, _) = kubectl(&["get", "deployments", "-n", "keyturn-system", "-o", "name"]);
    assert_eq!(found, "deployment.apps/keyturn\ndeployment.apps/keyturn-server\n");
    kubectl(&["delete", "-k", &folder("deploy/server")]);
    let secret = ["secret", "keyturn-system-secret", "--namespace", "keyturn-system"];
    kubectl(&[&["create", "secret", "generic"], &secret[1..], &["--from-literal=secret=s"]].concat());
    kubectl(&["delete", "-k", &folder("deploy/operator")]);
    kubectl(&["get", "crd", "jwkskeysets.keyturn.dev"]);
    let (left, _) = kubectl(&["get", "deployments", "-n", "keyturn-system", "-o", "name"]);
    assert_eq!(left, "");
    kubectl(&[&["get"], &secret[..]].concat());
}
