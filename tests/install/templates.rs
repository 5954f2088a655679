//! What the chart makes of several sets of values, and what a real API server says to it.

use serde_json::{Value, json};

use crate::chart::{Helm, list, named, of_kind};
use crate::support::control_plane::ControlPlane;

/// Kinds whose CRDs are another project's.
const FOREIGN: [&str; 2] = ["ServiceMonitor", "PrometheusRule"];

/// Everything on, and something in every list. `namespace` exists.
pub fn everything(namespace: &str) -> Value {
    json!({
        "image": { "digest": format!("sha256:{}", "a".repeat(64)) },
        "imagePullSecrets": ["registry"],
        "commonLabels": { "team": "identity" },
        "watchNamespaces": [namespace],
        "operator": {
            "extraArgs": ["--log-json"],
            "extraEnv": [{ "name": "RUST_BACKTRACE", "value": "1" }],
            "podLabels": { "pod": "yes" },
            "podAnnotations": { "note": "yes" },
            "priorityClassName": "system-cluster-critical",
            "nodeSelector": { "kubernetes.io/os": "linux" },
            "tolerations": [{ "key": "dedicated", "operator": "Exists" }],
            "affinity": { "nodeAffinity": {} },
            "serviceAccount": { "annotations": { "note": "yes" } },
        },
        "sealing": { "secrets": [{ "name": "new", "key": "secret" }, { "name": "old", "key": "secret" }] },
        "server": {
            "enabled": true,
            "default": "iam/auth",
            "timeline": true,
            "tls": { "secretName": "tls" },
            "service": { "annotations": { "note": "yes" } },
            "ingress": {
                "enabled": true,
                "className": "nginx",
                "hosts": ["keys.example.com"],
                "tls": [{ "hosts": ["keys.example.com"], "secretName": "ingress-tls" }],
            },
        },
        "networkPolicy": {
            "enabled": true,
            "metricsFrom": [{ "namespaceSelector": {} }],
            "serverFrom": [{ "podSelector": {} }],
            "egress": [{ "ports": [{ "port": 6443 }] }],
        },
        "monitoring": {
            "serviceMonitor": { "enabled": true, "labels": { "release": "prometheus" } },
            "rules": { "enabled": true, "labels": { "release": "prometheus" } },
            "dashboard": { "enabled": true },
        },
        "extraObjects": [
            { "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": "{{ .Release.Name }}-as-object", "namespace": "{{ .Release.Namespace }}" } },
            "apiVersion: v1\nkind: ConfigMap\nmetadata: { name: '{{ .Release.Name }}-as-text', namespace: '{{ .Release.Namespace }}' }",
        ],
    })
}

/// Sets of values that differ in what they make.
fn sets(namespace: &str) -> Vec<(&'static str, Value)> {
    vec![
        ("defaults", json!({})),
        ("everything", everything(namespace)),
        ("server", json!({ "server": { "enabled": true, "ingress": { "enabled": true } } })),
        ("listed", json!({ "watchNamespaces": [namespace, "default"], "server": { "enabled": true } })),
        ("alone", json!({ "operator": { "replicas": 1, "leaderElection": false }, "rbac": { "aggregate": false } })),
        ("policies", json!({ "networkPolicy": { "enabled": true }, "server": { "enabled": true } })),
        (
            "without",
            json!({
                "crds": { "install": false },
                "rbac": { "create": false, "aggregate": false },
                "operator": { "serviceAccount": { "create": false, "name": "mine" } },
            }),
        ),
    ]
}

fn rules(role: &Value) -> Vec<(&str, &str)> {
    let rules = role["rules"].as_array().expect("rules");
    let pairs = rules.iter().flat_map(|rule| {
        let resources = rule["resources"].as_array().expect("resources").iter();
        resources.flat_map(|resource| {
            let verbs = rule["verbs"].as_array().expect("verbs").iter();
            verbs.map(|verb| (resource.as_str().expect("text"), verb.as_str().expect("text")))
        })
    });
    pairs.collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_api_server_takes_everything_and_every_pod_is_restricted() {
    let cluster = ControlPlane::shared().await;
    crate::operator::install_crd(&cluster.client().await).await;
    let namespace = cluster.fresh_namespace("templates").await;
    let level = "pod-security.kubernetes.io/enforce=restricted";
    assert!(cluster.kubectl(&["label", "namespace", &namespace, level]).status.success());
    let helm = Helm::new();
    let folder = tempfile::tempdir().unwrap();
    let dry_run = |what: &str, objects: &[Value]| {
        let file = list(folder.path(), objects);
        let output = cluster.kubectl(&["apply", "--server-side", "--force-conflicts", "--dry-run=server", "-f", &file]);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() && said.is_empty(), "{what}: {said}");
    };
    for (what, values) in sets(&namespace) {
        let objects = helm.objects(&namespace, &values);
        let known: Vec<Value> =
            objects.iter().filter(|object| !FOREIGN.iter().any(|kind| object["kind"] == *kind)).cloned().collect();
        dry_run(what, &known);
        let pods = of_kind(&objects, "Deployment").map(|deployment| {
            let mut pod = deployment["spec"]["template"].clone();
            pod["apiVersion"] = json!("v1");
            pod["kind"] = json!("Pod");
            pod["metadata"]["namespace"] = json!(namespace);
            pod["metadata"]["name"] = deployment["metadata"]["name"].clone();
            pod
        });
        let pods: Vec<Value> = pods.collect();
        assert_eq!(pods.len(), if values["server"]["enabled"] == true { 2 } else { 1 }, "{what}");
        dry_run(what, &pods);
        for pod in &pods {
            let container = &pod["spec"]["containers"][0];
            assert_eq!(container["securityContext"]["readOnlyRootFilesystem"], true, "{what}");
            assert_eq!(container["securityContext"]["capabilities"], json!({ "drop": ["ALL"] }), "{what}");
            assert_eq!(container["securityContext"]["allowPrivilegeEscalation"], false, "{what}");
            let of_pod = &pod["spec"]["securityContext"];
            assert_eq!(
                (&of_pod["runAsNonRoot"], &of_pod["seccompProfile"]["type"]),
                (&json!(true), &json!("RuntimeDefault"))
            );
            assert!(container["resources"]["limits"]["memory"].is_string(), "{what}");
            for probe in ["livenessProbe", "readinessProbe"] {
                assert_eq!(container[probe]["httpGet"]["port"], "admin", "{what}");
            }
        }
    }
}

#[test]
fn replicas_stand_on_nodes_and_in_zones_of_their_own_where_they_can() {
    let objects = Helm::new().objects("keyturn-system", &json!({ "server": { "enabled": true } }));
    for deployment in of_kind(&objects, "Deployment") {
        let spread = &deployment["spec"]["template"]["spec"]["topologySpreadConstraints"];
        let apart = spread.as_array().expect("constraints");
        let by: Vec<&Value> = apart.iter().map(|constraint| &constraint["topologyKey"]).collect();
        assert_eq!(by, ["kubernetes.io/hostname", "topology.kubernetes.io/zone"], "{deployment}");
        for constraint in apart {
            assert_eq!(constraint["labelSelector"]["matchLabels"], deployment["spec"]["selector"]["matchLabels"]);
        }
    }
    let own = json!([{ "maxSkew": 2, "topologyKey": "zone", "whenUnsatisfiable": "DoNotSchedule" }]);
    let objects = Helm::new().objects("keyturn-system", &json!({ "operator": { "topologySpreadConstraints": own } }));
    let operator = named(&objects, "Deployment", "keyturn");
    assert_eq!(operator["spec"]["template"]["spec"]["topologySpreadConstraints"][0]["topologyKey"], "zone");
}

#[test]
fn with_a_list_of_namespaces_nobody_reads_secrets_elsewhere() {
    let objects = Helm::new()
        .objects("keyturn-system", &json!({ "watchNamespaces": ["iam", "web"], "server": { "enabled": true } }));
    for role in of_kind(&objects, "ClusterRole") {
        let resources: Vec<&str> = rules(role).into_iter().map(|(resource, _)| resource).collect();
        assert!(resources.iter().all(|resource| resource.starts_with("jwkskeysets")), "{role}");
    }
    assert_eq!(of_kind(&objects, "ClusterRoleBinding").count(), 0);
    let mut places: Vec<&str> = of_kind(&objects, "Role")
        .filter(|role| rules(role).iter().any(|(resource, _)| *resource == "secrets"))
        .map(|role| role["metadata"]["namespace"].as_str().expect("text"))
        .collect();
    places.sort_unstable();
    assert_eq!(places, ["iam", "web"], "and not keyturn-system");
    let operator = named(&objects, "Deployment", "keyturn");
    let env = operator["spec"]["template"]["spec"]["containers"][0]["env"].to_string();
    assert!(env.contains(r#"{"name":"KEYTURN_NAMESPACE","value":"iam,web"}"#), "{env}");
}

#[test]
fn the_server_has_no_right_on_secrets_and_no_right_to_write() {
    for namespaces in [json!([]), json!(["iam"])] {
        let values = json!({ "watchNamespaces": namespaces, "server": { "enabled": true } });
        let objects = Helm::new().objects("keyturn-system", &values);
        let bound = |binding: &&Value| binding["subjects"][0]["name"] == "keyturn-server";
        let bindings = of_kind(&objects, "RoleBinding").chain(of_kind(&objects, "ClusterRoleBinding"));
        let mut count = 0;
        for binding in bindings.filter(bound) {
            let role = &binding["roleRef"];
            let role = named(&objects, role["kind"].as_str().unwrap(), role["name"].as_str().unwrap());
            for (resource, verb) in rules(role) {
                assert!(["configmaps", "jwkskeysets"].contains(&resource), "{resource}");
                assert!(["list", "watch"].contains(&verb), "{verb}");
            }
            count += 1;
        }
        assert_eq!(count, 1);
    }
}

#[test]
fn names_images_and_files_are_as_the_values_say() {
    let helm = Helm::new();
    let objects = helm.objects("keyturn-system", &everything("iam"));
    let container =
        |name: &str| named(&objects, "Deployment", name)["spec"]["template"]["spec"]["containers"][0].clone();
    let args = container("keyturn")["args"].to_string();
    for arg in ["--system-secret-file=/system-secrets/0/secret", "--system-secret-file=/system-secrets/1/secret"] {
        assert!(args.contains(arg), "{args}");
    }
    assert!(args.find("/0/") < args.find("/1/"), "the first seals");
    assert_eq!(container("keyturn")["image"], format!("ghcr.io/keyturn/keyturn@sha256:{}", "a".repeat(64)));
    assert_eq!(container("keyturn-server")["lifecycle"]["preStop"]["sleep"]["seconds"], 10);
    let args = container("keyturn-server")["args"].to_string();
    for arg in ["--tls-cert=/tls/tls.crt", "--tls-key=/tls/tls.key", "--default=iam/auth", "--timeline"] {
        assert!(args.contains(arg), "{args}");
    }
    assert_eq!(named(&objects, "Service", "keyturn-server")["spec"]["ports"][0]["port"], 443);
    assert_eq!(named(&objects, "ServiceMonitor", "keyturn")["spec"]["endpoints"][0]["honorLabels"], true);
    assert_eq!(named(&objects, "ServiceMonitor", "keyturn")["metadata"]["labels"]["release"], "prometheus");
    let alerts = named(&objects, "PrometheusRule", "keyturn");
    assert!(alerts["spec"]["groups"][0]["rules"].as_array().is_some_and(|rules| !rules.is_empty()));
    let dashboard = named(&objects, "ConfigMap", "keyturn-dashboard")["data"]["keyturn.json"].as_str().unwrap();
    let dashboard: Value = serde_json::from_str(dashboard).expect("JSON");
    assert_eq!(dashboard["title"], "Keyturn");
    named(&objects, "ConfigMap", "keyturn-as-object");
    named(&objects, "ConfigMap", "keyturn-as-text");
    let crd = named(&objects, "CustomResourceDefinition", "jwkskeysets.keyturn.dev");
    assert_eq!(crd["metadata"]["annotations"]["helm.sh/resource-policy"], "keep");
    for object in &objects {
        let made_here = !object["metadata"]["name"].as_str().unwrap().contains("-as-");
        assert!(!made_here || object["metadata"]["labels"]["team"] == "identity", "{object}");
        let by = &object["metadata"]["labels"]["app.kubernetes.io/managed-by"];
        assert_ne!(by, "keyturn", "what the operator writes has that label: {object}");
    }

    let objects = helm.objects("keyturn-system", &json!({ "fullnameOverride": "keys", "image": { "tag": "edge" } }));
    let operator = named(&objects, "Deployment", "keys");
    assert_eq!(operator["spec"]["template"]["spec"]["containers"][0]["image"], "ghcr.io/keyturn/keyturn:edge");
    let alone = helm.objects("keyturn-system", &json!({ "operator": { "replicas": 1, "leaderElection": false } }));
    assert_eq!(of_kind(&alone, "PodDisruptionBudget").count(), 0, "it would stop every drain");
    assert!(!alone.iter().any(|object| object.to_string().contains("leases")));
}
