//! A cluster's sets, served by someone who may read ConfigMaps and JwksKeySets and nothing else.

use std::time::{Duration, Instant};

use k8s_openapi::api::authentication::v1::{TokenRequest, TokenRequestSpec};
use k8s_openapi::api::core::v1::{ConfigMap, ServiceAccount};
use kube::Api;
use kube::api::{DeleteParams, Patch, PatchParams, PostParams};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::operator::{Fixture, example, install_crd};
use crate::program::kids;
use crate::server::Server;
use crate::support::control_plane::ControlPlane;

/// The rights that `keyturn serve` needs, and no others.
pub fn grant(cluster: &ControlPlane, namespace: &str) {
    let rules = json!([
        { "apiGroups": [""], "resources": ["configmaps"], "verbs": ["get", "list", "watch"] },
        { "apiGroups": ["keyturn.dev"], "resources": ["jwkskeysets"], "verbs": ["get", "list", "watch"] },
    ]);
    let subject = json!({ "kind": "ServiceAccount", "name": "serve", "namespace": namespace });
    let objects = json!({ "apiVersion": "v1", "kind": "List", "items": [
        { "apiVersion": "v1", "kind": "ServiceAccount", "metadata": { "name": "serve", "namespace": namespace } },
        { "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": { "name": "serve", "namespace": namespace }, "rules": rules },
        {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "RoleBinding",
            "metadata": { "name": "serve", "namespace": namespace },
            "subjects": [subject],
            "roleRef": { "apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "serve" },
        },
    ]});
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("rights.json");
    std::fs::write(&file, objects.to_string()).unwrap();
    let applied = cluster.kubectl(&["apply", "-f", file.to_str().unwrap()]);
    assert!(applied.status.success(), "{}", String::from_utf8_lossy(&applied.stderr));
}

/// A kubeconfig of the service account that may do so.
pub async fn kubeconfig(cluster: &ControlPlane, namespace: &str) -> TempDir {
    let accounts: Api<ServiceAccount> = Api::namespaced(cluster.client().await, namespace);
    let request = TokenRequest {
        spec: TokenRequestSpec { audiences: Vec::new(), bound_object_ref: None, expiration_seconds: Some(3600) },
        ..TokenRequest::default()
    };
    let token = accounts.create_token_request("serve", &PostParams::default(), &request).await.expect("a token");
    let text = std::fs::read_to_string(cluster.kubeconfig_path()).unwrap();
    let mut config: Value = serde_json::from_str(&text).expect("the kubeconfig of the tests is JSON");
    config["users"][0]["user"] = json!({ "token": token.status.unwrap().token });
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("config"), config.to_string()).unwrap();
    folder
}

/// Serves one namespace with these rights.
pub async fn serve(cluster: &ControlPlane, namespace: &str, args: &[&str]) -> (Server, TempDir) {
    grant(cluster, namespace);
    let config = kubeconfig(cluster, namespace).await;
    let server = Server::start(|command| {
        command.args(["--namespace", namespace]).args(args).env("KUBECONFIG", config.path().join("config"));
    });
    (server, config)
}

fn maps(fixture: &Fixture) -> Api<ConfigMap> {
    Api::namespaced(fixture.client.clone(), &fixture.namespace)
}

async fn edit(fixture: &Fixture, name: &str, patch: Value) {
    maps(fixture).patch(name, &PatchParams::default(), &Patch::Merge(patch)).await.expect("edited");
}

async fn file(fixture: &Fixture, name: &str) -> Vec<u8> {
    let map = fixture.config_map(name).await.expect("the ConfigMap");
    map.data.unwrap().remove("jwks.json").unwrap().into_bytes()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_set_is_served_without_any_right_on_secrets() {
    let fixture = Fixture::new("serve").await;
    let namespace = fixture.namespace.clone();
    let issuer = "https://auth.example.com/main";
    fixture.apply(&example("auth", json!({ "keys": [{ "algorithm": "ES256" }], "issuer": issuer }))).await;
    let operator = fixture.operator().await;
    fixture.ready("auth").await;
    let (server, config) = serve(fixture.cluster, &namespace, &["--default", &format!("{namespace}/auth")]).await;
    let may = |verb: &str, what: &str| {
        let config = config.path().join("config");
        let asked = fixture.cluster.kubectl(&[
            "auth",
            "can-i",
            verb,
            what,
            "-n",
            &namespace,
            "--kubeconfig",
            config.to_str().unwrap(),
        ]);
        String::from_utf8_lossy(&asked.stdout).trim() == "yes"
    };
    assert!(may("watch", "configmaps") && may("watch", "jwkskeysets"));
    assert!(!may("get", "secrets") && !may("list", "secrets") && !may("update", "configmaps"));

    let path = format!("/{namespace}/auth/jwks.json");
    let answer = server.ready(&path);
    assert_eq!(answer.body, file(&fixture, "auth-jwks").await);
    assert_eq!(answer.lifetime(), (1800, 1800));
    assert_eq!(server.get("/.well-known/jwks.json").body, answer.body);
    assert_eq!(server.get(&format!("/{namespace}/nobody/jwks.json")).status, 404);

    let document = server.get(&format!("/{namespace}/auth/.well-known/openid-configuration"));
    assert_eq!(document.header("content-type"), Some("application/json"));
    assert_eq!(document.lifetime(), (1800, 1800));
    let expected = json!({
        "issuer": issuer,
        "jwks_uri": "https://auth.example.com/main/.well-known/jwks.json",
        "response_types_supported": ["id_token"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["ES256"],
    });
    assert_eq!(document.json(), expected);
    assert_eq!(server.get("/.well-known/openid-configuration").json(), expected);

    // Another line: the answer changes within a second of the ConfigMap.
    fixture.apply(&example("auth", json!({ "keys": [{ "algorithm": "ES256" }, { "algorithm": "ES384" }] }))).await;
    let changed = async || {
        fixture.config_map("auth-jwks").await.is_some_and(|map| map.data.unwrap()["jwks.json"].contains("ES384"))
    };
    while !changed().await {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let seen = Instant::now();
    server.until(&path, "the other line", |answer| String::from_utf8_lossy(&answer.body).contains("ES384"));
    assert!(seen.elapsed() < Duration::from_secs(1), "it took {:?}", seen.elapsed());
    let document = format!("/{namespace}/auth/.well-known/openid-configuration");
    server.until(&document, "no issuer any more", |answer| answer.status == 404);

    // The resource goes, and what it published stays until that goes as well.
    fixture.sets().delete("auth", &DeleteParams::default()).await.unwrap();
    operator.stop().await;
    std::thread::sleep(Duration::from_millis(500));
    assert_eq!(server.get(&path).status, 200);
    maps(&fixture).delete("auth-jwks", &DeleteParams::default()).await.unwrap();
    server.until(&path, "nothing", |answer| answer.status == 404);
    assert!(!server.log().contains("WARN"), "{}", server.log());
}

#[tokio::test(flavor = "multi_thread")]
async fn edited_and_foreign_config_maps_are_not_served() {
    let fixture = Fixture::new("edits").await;
    let namespace = fixture.namespace.clone();
    fixture.apply(&example("auth", json!({ "keys": [{ "algorithm": "ES256" }] }))).await;
    let operator = fixture.operator().await;
    fixture.ready("auth").await;
    operator.stop().await;
    let (server, _config) = serve(fixture.cluster, &namespace, &[]).await;
    let path = format!("/{namespace}/auth/jwks.json");
    let good = server.ready(&path).body;
    let private = fixture.secret("auth-signer").await.unwrap().data.unwrap()["jwks.json"].clone();
    let private = String::from_utf8(private.0).unwrap();
    let original = fixture.config_map("auth-jwks").await.unwrap();
    let header = &original.metadata.annotations.as_ref().unwrap()["keyturn.dev/header"];
    let edits = [
        json!({ "data": { "jwks.json": private } }),
        json!({ "data": { "jwks.json": "{\"keys\":[]}" } }),
        json!({ "data": null }),
        json!({ "metadata": { "annotations": { "keyturn.dev/header": null } } }),
        json!({ "metadata": { "annotations": { "keyturn.dev/header": "{}" } } }),
        json!({ "metadata": { "annotations": { "keyturn.dev/key-set": "other" } } }),
        json!({ "metadata": { "labels": { "keyturn.dev/key-set": "other" } } }),
        json!({ "metadata": { "labels": { "app.kubernetes.io/managed-by": "me" } } }),
    ];
    let whole = json!({
        "metadata": {
            "labels": { "keyturn.dev/key-set": "auth", "app.kubernetes.io/managed-by": "keyturn" },
            "annotations": { "keyturn.dev/key-set": "auth", "keyturn.dev/header": header },
        },
        "data": original.data,
    });
    for patch in edits {
        edit(&fixture, "auth-jwks", patch.clone()).await;
        tokio::time::sleep(Duration::from_millis(400)).await;
        let answer = server.get(&path);
        assert_eq!((answer.status, &answer.body), (200, &good), "{patch}");
        assert_eq!(server.get(&format!("/{namespace}/other/jwks.json")).status, 404, "{patch}");
        edit(&fixture, "auth-jwks", whole.clone()).await;
    }
    maps(&fixture).delete("auth-jwks", &DeleteParams::default()).await.unwrap();
    tokio::time::sleep(Duration::from_millis(400)).await;
    assert_eq!(server.get(&path).body, good, "the operator is about to write it anew");

    // Someone else's, with Keyturn's label.
    let foreign = json!({
        "metadata": {
            "name": "foreign",
            "labels": { "keyturn.dev/key-set": "foreign", "app.kubernetes.io/managed-by": "keyturn" },
            "annotations": { "keyturn.dev/key-set": "foreign" },
        },
        "data": { "jwks.json": String::from_utf8(good.clone()).unwrap() },
    });
    maps(&fixture).create(&PostParams::default(), &serde_json::from_value(foreign).unwrap()).await.unwrap();
    let foreign = format!("/{namespace}/foreign/jwks.json");
    let answer = server.until(&foreign, "it was seen", |answer| answer.status != 404);
    assert_eq!(answer.status, 503);

    let operator = fixture.operator().await;
    fixture.until("the ConfigMap is back", async || fixture.config_map("auth-jwks").await).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(kids(&server.get(&path).json()).len(), 2);
    operator.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_renamed_config_map_gives_way_to_its_successor() {
    let fixture = Fixture::new("renamed").await;
    let namespace = fixture.namespace.clone();
    let spec = |map: &str, lines: Value| json!({ "keys": lines, "configMaps": [{ "name": map, "files": { "jwks.json": { "content": "PublicJwks" } } }] });
    fixture.apply(&example("auth", spec("old", json!([{ "algorithm": "ES256" }])))).await;
    let operator = fixture.operator().await;
    fixture.ready("auth").await;
    let (server, _config) = serve(fixture.cluster, &namespace, &[]).await;
    let path = format!("/{namespace}/auth/jwks.json");
    server.ready(&path);
    fixture.apply(&example("auth", spec("new", json!([{ "algorithm": "ES256" }, { "algorithm": "ES384" }])))).await;
    server.until(&path, "the new line", |answer| String::from_utf8_lossy(&answer.body).contains("ES384"));
    assert!(fixture.config_map("old").await.is_some(), "what the spec names no more is left as it is");
    assert_eq!(server.get(&path).body, file(&fixture, "new").await);
    operator.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn before_the_crd_and_the_rights_are_there_it_waits() {
    let cluster = ControlPlane::start().await;
    let namespace = cluster.fresh_namespace("early").await;
    let account = json!({ "metadata": { "name": "serve" } });
    let accounts: Api<ServiceAccount> = Api::namespaced(cluster.client().await, &namespace);
    accounts.create(&PostParams::default(), &serde_json::from_value(account).unwrap()).await.unwrap();
    let config = kubeconfig(&cluster, &namespace).await;
    let server = Server::start(|command| {
        command.args(["--namespace", &namespace]).env("KUBECONFIG", config.path().join("config"));
    });
    let path = format!("/{namespace}/auth/jwks.json");
    std::thread::sleep(Duration::from_secs(2));
    assert_eq!(server.get(&path).status, 503);
    assert!(server.log().contains("a watch was interrupted"), "{}", server.log());
    install_crd(&cluster.client().await).await;
    grant(&cluster, &namespace);
    server.until(&path, "nothing of that name", |answer| answer.status == 404);
}
