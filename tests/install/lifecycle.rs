//! A release on a real API server, from its installation until after its end. There are no nodes, so no pod runs.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use crate::chart::{Helm, folder};
use crate::operator::{Fixture, example};
use crate::support::control_plane::ControlPlane;

const CRD: &str = "jwkskeysets.keyturn.dev";

/// The chart as an older version may have been: its CRD lacks a column.
fn older_chart(place: &Path) -> String {
    let chart = place.join("keyturn");
    assert!(Command::new("cp").arg("-r").arg(folder()).arg(&chart).status().expect("cp runs").success());
    let crd = chart.join("files/jwkskeysets.keyturn.dev.yaml");
    let text = fs::read_to_string(&crd).unwrap();
    let column = "    - jsonPath: .status.keyCount\n      name: Keys\n      type: integer\n";
    assert!(text.contains(column));
    fs::write(&crd, text.replace(column, "")).unwrap();
    chart.to_str().expect("text").to_owned()
}

struct Cluster(&'static ControlPlane);

impl Cluster {
    fn get(&self, args: &[&str]) -> Option<Value> {
        let mut all = vec!["get", "-o", "json"];
        all.extend(args);
        let output = self.0.kubectl(&all);
        output.status.success().then(|| serde_json::from_slice(&output.stdout).expect("JSON"))
    }

    fn must(&self, args: &[&str]) {
        let output = self.0.kubectl(args);
        assert!(output.status.success(), "kubectl {args:?}: {}", String::from_utf8_lossy(&output.stderr));
    }

    /// Columns of `kubectl get jwks`.
    fn columns(&self) -> Vec<String> {
        let crd = self.get(&["crd", CRD]).expect("the CRD is there");
        let columns = crd["spec"]["versions"][0]["additionalPrinterColumns"].as_array().cloned().expect("columns");
        columns.iter().map(|column| column["name"].as_str().unwrap_or_default().to_owned()).collect()
    }

    fn operator(&self, namespace: &str) -> Option<Value> {
        self.get(&["deployment", "keyturn", "-n", namespace])
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_survive_install_upgrade_rollback_and_uninstall() {
    let control_plane: &ControlPlane = Box::leak(Box::new(ControlPlane::start().await));
    let cluster = Cluster(control_plane);
    let helm = Helm::on(control_plane.kubeconfig_path());
    let (chart, scratch) = (folder(), tempfile::tempdir().unwrap());
    let (new, old) = (chart.to_str().unwrap(), older_chart(scratch.path()));

    let notes = helm.must(&["install", "keyturn", &old, "--namespace", "keyturn-system", "--create-namespace"]);
    assert!(notes.contains("kubectl -n keyturn-system rollout status deployment/keyturn"), "{notes}");
    assert!(!cluster.columns().contains(&"Keys".to_owned()));
    let established = format!("crd/{CRD}");
    cluster.must(&["wait", "--for=condition=Established", &established, "--timeout=60s"]);

    let client = control_plane.client().await;
    let fixture = Fixture { cluster: control_plane, client, namespace: control_plane.fresh_namespace("release").await };
    let operator = fixture.operator().await;
    fixture.apply(&example("auth", json!({ "keys": [{ "algorithm": "ES256" }] }))).await;
    fixture.ready("auth").await;
    operator.stop().await;
    let before = fixture.view("auth").await;
    before.assert_settled();

    // An upgrade brings the CRD up to date, which Helm never does with a folder `crds/`.
    let server = ["--set", "server.enabled=true", "--set", "operator.replicas=3"];
    helm.must(&[&["upgrade", "keyturn", new, "-n", "keyturn-system"][..], &server].concat());
    assert!(cluster.columns().contains(&"Keys".to_owned()));
    assert_eq!(cluster.operator("keyturn-system").expect("the operator")["spec"]["replicas"], 3);
    assert!(cluster.get(&["deployment", "keyturn-server", "-n", "keyturn-system"]).is_some());
    assert_eq!(fixture.view("auth").await, before);

    helm.must(&["rollback", "keyturn", "1", "-n", "keyturn-system"]);
    assert_eq!(cluster.operator("keyturn-system").expect("the operator")["spec"]["replicas"], 2);
    assert!(cluster.get(&["deployment", "keyturn-server", "-n", "keyturn-system"]).is_none());
    assert_eq!(fixture.view("auth").await, before);

    helm.must(&["uninstall", "keyturn", "-n", "keyturn-system"]);
    assert!(cluster.operator("keyturn-system").is_none());
    assert!(cluster.get(&["clusterrole", "keyturn"]).is_none(), "no right is left behind");
    assert!(cluster.get(&["jwks", "auth", "-n", &fixture.namespace]).is_some(), "what users asked for stays");
    assert_eq!(fixture.view("auth").await, before, "and so do their keys");

    // The same release takes its CRD back by itself, and another one where it is told to.
    helm.must(&["install", "keyturn", new, "--namespace", "keyturn-system"]);
    helm.must(&["uninstall", "keyturn", "-n", "keyturn-system"]);
    let elsewhere = ["install", "keyturn", new, "--namespace", "elsewhere", "--create-namespace"];
    let refusal = helm.refuses(&elsewhere);
    assert!(refusal.contains(CRD) && refusal.contains("cannot be imported"), "{refusal}");
    helm.must(&[&elsewhere[..], &["--take-ownership"]].concat());
    assert!(cluster.operator("elsewhere").is_some());
    assert_eq!(fixture.view("auth").await, before);
    helm.must(&["uninstall", "keyturn", "-n", "elsewhere"]);

    // A CRD that was applied by hand is taken over in the same way, also where it is an older one.
    cluster.must(&["delete", "crd", CRD]);
    let by_hand = format!("{old}/files/jwkskeysets.keyturn.dev.yaml");
    cluster.must(&["apply", "-f", &by_hand]);
    helm.must(&["install", "keyturn", new, "--namespace", "elsewhere", "--take-ownership", "--force-conflicts"]);
    assert!(cluster.columns().contains(&"Keys".to_owned()));
}
