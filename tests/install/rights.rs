//! The operator and the server under exactly the rights that the chart gives, through all that they do, on a real API server that logs each
//! request. A request that is refused fails the test, and so does a rule that was never needed.

use std::collections::BTreeSet;
use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};

use keyturn::jose::{Curve, KeySpec};
use keyturn::material::PrivateKey;
use kube::ResourceExt;
use kube::api::DeleteParams;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::chart::{Helm, list, named, of_kind};
use crate::operator::{Fixture, PATIENCE, example};
use crate::support::control_plane::ControlPlane;
use crate::support::leash::Leashed;

/// Where the chart is installed.
const HOME: &str = "keyturn-system";

/// A release whose pods this test runs itself, since there are no nodes.
struct Release {
    cluster: &'static ControlPlane,
    objects: Vec<Value>,
    folder: TempDir,
    /// Where the server listens.
    listen: SocketAddr,
}

impl Release {
    /// Applies everything, as `helm install` would.
    fn install(cluster: &'static ControlPlane, values: &Value) -> Self {
        let port = TcpListener::bind("127.0.0.1:0").expect("some port is free");
        let release = Self {
            cluster,
            objects: Helm::new().objects(HOME, values),
            folder: tempfile::tempdir().unwrap(),
            listen: port.local_addr().expect("an address"),
        };
        drop(port);
        release.kubectl(&["create", "namespace", HOME]);
        release.kubectl(&["apply", "--server-side", "-f", &list(release.folder.path(), &release.objects)]);
        release.kubectl(&["wait", "--for=condition=Established", "crd/jwkskeysets.keyturn.dev", "--timeout=60s"]);
        fs::write(release.folder.path().join("system-secret"), "a secret of thirty-two bytes or more").unwrap();
        release
    }

    fn kubectl(&self, args: &[&str]) -> String {
        let output = self.cluster.kubectl(args);
        assert!(output.status.success(), "kubectl {args:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).expect("text").trim().to_owned()
    }

    /// A kubeconfig with a token of the service account that a Deployment names, as its pods have it.
    fn kubeconfig(&self, account: &str) -> PathBuf {
        let token = self.kubectl(&["create", "token", account, "-n", HOME, "--duration=1h"]);
        let admin = fs::read_to_string(self.cluster.kubeconfig_path()).unwrap();
        let mut config: Value = serde_json::from_str(&admin).expect("the test's own kubeconfig is JSON");
        config["users"][0]["user"] = json!({ "token": token });
        let path = self.folder.path().join(format!("{account}.kubeconfig"));
        fs::write(&path, config.to_string()).unwrap();
        path
    }

    /// One pod of a Deployment: the program with the arguments and environment that the chart gives it.
    fn pod(&self, deployment: &str, pod: &str) -> Pod {
        let spec = &named(&self.objects, "Deployment", deployment)["spec"]["template"]["spec"];
        let kubeconfig = self.kubeconfig(spec["serviceAccountName"].as_str().expect("a service account"));
        let container = &spec["containers"][0];
        let text = |value: &Value| value.as_str().expect("text").to_owned();
        let args: Vec<String> = container["args"].as_array().expect("arguments").iter().map(text).collect();
        let args = args.into_iter().map(|arg| match arg.split_once('=') {
            Some(("--listen", _)) => format!("--listen={}", self.listen),
            Some(("--admin-listen", _)) => "--admin-listen=127.0.0.1:0".to_owned(),
            Some(("--system-secret-file", _)) => {
                format!("--system-secret-file={}", self.folder.path().join("system-secret").display())
            }
            _ => arg,
        });
        let env = container["env"].as_array().expect("an environment").iter();
        let env = env.filter_map(|one| Some((text(&one["name"]), one["value"].as_str()?.to_owned())));
        let log = self.folder.path().join(format!("{pod}.log"));
        let process = Leashed::spawn(Path::new(env!("CARGO_BIN_EXE_keyturn")), Some(&log), |keyturn| {
            keyturn.args(args).envs(env).env("HOSTNAME", pod).env("KUBECONFIG", &kubeconfig);
        });
        Pod { process, log }
    }

    /// Who leads.
    fn leader(&self) -> String {
        self.kubectl(&[
            "get",
            "lease",
            "keyturn",
            "-n",
            HOME,
            "--ignore-not-found",
            "-o",
            "jsonpath={.spec.holderIdentity}",
        ])
    }

    /// What the server answers for a set.
    fn served(&self, namespace: &str, set: &str) -> Option<String> {
        let mut stream = TcpStream::connect(self.listen).ok()?;
        write!(stream, "GET /{namespace}/{set}/jwks.json HTTP/1.0\r\n\r\n").ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        Some(answer)
    }

    /// The rules that a service account has, one verb and one resource each.
    fn rules(&self, account: &str) -> BTreeSet<Rule> {
        let mut rules = BTreeSet::new();
        let bindings = of_kind(&self.objects, "RoleBinding").chain(of_kind(&self.objects, "ClusterRoleBinding"));
        for binding in bindings.filter(|binding| binding["subjects"][0]["name"] == account) {
            let role = of_kind(&self.objects, binding["roleRef"]["kind"].as_str().unwrap()).find(|role| {
                role["metadata"]["name"] == binding["roleRef"]["name"]
                    && role["metadata"]["namespace"] == binding["metadata"]["namespace"]
            });
            let role = role.expect("the role of that binding");
            for rule in role["rules"].as_array().expect("rules") {
                let all = |field: &str| texts(&rule[field]);
                for group in all("apiGroups") {
                    for resource in all("resources") {
                        for verb in all("verbs") {
                            let namespace = role["metadata"]["namespace"].as_str().map(str::to_owned);
                            rules.insert(Rule { namespace, group: group.clone(), resource: resource.clone(), verb });
                        }
                    }
                }
            }
        }
        rules
    }
}

fn texts(list: &Value) -> Vec<String> {
    list.as_array().into_iter().flatten().map(|one| one.as_str().expect("text").to_owned()).collect()
}

/// One verb on one resource, in one namespace or in all.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Rule {
    namespace: Option<String>,
    group: String,
    resource: String,
    verb: String,
}

impl Rule {
    /// Whether it is what allowed that request.
    fn allowed(&self, event: &Value) -> bool {
        let object = &event["objectRef"];
        let text = |field: &str| object[field].as_str().unwrap_or_default();
        let resource = match object["subresource"].as_str() {
            Some(part) => format!("{}/{part}", text("resource")),
            None => text("resource").to_owned(),
        };
        let here = self.namespace.as_ref().is_none_or(|namespace| namespace == text("namespace"));
        here && text("apiGroup") == self.group && resource == self.resource && event["verb"] == self.verb.as_str()
    }
}

struct Pod {
    process: Leashed,
    log: PathBuf,
}

impl Pod {
    fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Ends it as the kubelet does.
    fn stop(mut self) {
        self.process.terminate();
        let status = self.process.wait();
        assert!(status.success(), "{status}: {}", self.log());
    }
}

/// Every request of the account was allowed, and every rule of it was needed.
fn assert_least(release: &Release, account: &str) {
    let user = format!("system:serviceaccount:{HOME}:{account}");
    let mut events = release.cluster.audited();
    events.retain(|event| event["user"]["username"] == user.as_str());
    assert!(!events.is_empty(), "{account} asked nothing");
    for event in &events {
        assert_ne!(event["responseStatus"]["code"], 403, "a right is missing: {event:#}");
    }
    let rules = release.rules(account);
    assert!(!rules.is_empty(), "{account} has no rules");
    let unneeded: Vec<&Rule> = rules.iter().filter(|rule| !events.iter().any(|event| rule.allowed(event))).collect();
    assert!(unneeded.is_empty(), "{account} never needed {unneeded:#?}");
}

/// The active and the standby kid of a set with one line. The keyring is sealed, so the outputs have to tell.
async fn kids(fixture: &Fixture, set: &str) -> (String, String) {
    let view = fixture.view(set).await;
    let (active, published) = (view.private.first(), view.published.iter());
    let standby: Vec<&String> = published.filter(|kid| Some(*kid) != active).collect();
    assert!(view.private.len() == 1 && standby.len() == 1, "{view:?}");
    (view.private[0].clone(), standby[0].clone())
}

fn es256() -> Value {
    json!([{ "algorithm": "ES256" }])
}

/// A rotation on the real clock: facts so short that the bound on one write, 60 s, is most of the lead.
async fn rotates(fixture: &Fixture) {
    let timing = json!({
        "publishDelay": "1s", "verifierCacheTtl": "1s", "signerReloadDelay": "1s", "maxTokenLifetime": "1s", "clockSkew": "0s",
    });
    fixture.apply(&example("rotates", json!({ "keys": es256(), "timing": timing }))).await;
    fixture.ready("rotates").await;
    let (_, standby) = kids(fixture, "rotates").await;
    fixture.annotate("rotates", &[("keyturn.dev/rotate", "now")]).await;
    let rotated = fixture.within(PATIENCE * 4, "the rotation", async || {
        (fixture.view("rotates").await.private == [standby.clone()]).then_some(())
    });
    rotated.await;
}

async fn drifts(fixture: &Fixture) {
    fixture.apply(&example("drifts", json!({ "keys": es256() }))).await;
    fixture.ready("drifts").await;
    let before = fixture.view("drifts").await;
    let settled = async || (fixture.view("drifts").await == before).then_some(());
    fixture.delete_config_map("drifts-jwks").await;
    fixture.until("the ConfigMap is back", settled).await;
    fixture.patch_config_map("drifts-jwks", &json!({ "data": { "jwks.json": "{}" } })).await;
    fixture.until("the ConfigMap is restored", settled).await;
    fixture.patch_secret("drifts-signer", &json!({ "stringData": { "jwks.json": "{}" } })).await;
    fixture.until("the Secret is restored", settled).await;
    fixture.delete_secret("drifts-signer").await;
    fixture.until("the Secret is back", settled).await;
}

async fn recovers(fixture: &Fixture) {
    fixture.apply(&example("recovers", json!({ "keys": es256() }))).await;
    fixture.ready("recovers").await;
    let (active, _) = kids(fixture, "recovers").await;
    fixture.delete_secret("recovers-keyring").await;
    fixture.event("recovers", "KeyringRecovered").await;
    fixture.ready("recovers").await;
    assert_eq!(fixture.view("recovers").await.private, [active]);
}

async fn is_deleted(fixture: &Fixture) {
    fixture.apply(&example("gone", json!({ "keys": es256() }))).await;
    fixture.ready("gone").await;
    let uid = fixture.apply(&example("gone", json!({ "keys": es256(), "deletionPolicy": "Delete" }))).await.uid();
    fixture
        .until("everything is owned by the resource", async || {
            let parts =
                [fixture.secret("gone-keyring").await?.metadata, fixture.config_map("gone-jwks").await?.metadata];
            let owned = |uids: Vec<String>| uid.as_ref().is_some_and(|uid| uids.contains(uid));
            let uids = |one: k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta| {
                one.owner_references.into_iter().flatten().map(|owner| owner.uid).collect()
            };
            parts.into_iter().all(|part| owned(uids(part))).then_some(())
        })
        .await;
    fixture.sets().delete("gone", &DeleteParams::default()).await.expect("deleted");
    fixture
        .within(PATIENCE * 2, "the keys are gone with the resource", async || {
            (fixture.secret("gone-keyring").await.is_none() && fixture.config_map("gone-jwks").await.is_none())
                .then_some(())
        })
        .await;
}

async fn adopts(fixture: &Fixture) {
    let key = PrivateKey::generate(&KeySpec::Ec { curve: Curve::P256 }).unwrap().to_pkcs8_pem().unwrap().to_string();
    let import = json!({ "keys": [{ "secretKeyRef": { "name": "legacy", "key": "k.pem" }, "kid": "old-1" }] });
    let secrets = json!([{
        "name": "adopts-signer",
        "passphrase": { "secretKeyRef": { "name": "pass", "key": "password" } },
        "files": { "key.pem": { "content": "PrivateKeyPem", "line": "es256" } },
    }]);
    fixture.apply(&example("adopts", json!({ "keys": es256(), "import": import, "secrets": secrets }))).await;
    fixture.event("adopts", "ReferenceMissing").await;
    fixture.create_secret("pass", &[("password", "correct horse")]).await;
    fixture.create_secret("legacy", &[("k.pem", &key)]).await;
    let status = fixture.ready("adopts").await;
    assert_eq!(status.active_kids.as_deref(), Some("old-1"));
}

async fn revokes(fixture: &Fixture) {
    fixture.apply(&example("revokes", json!({ "keys": es256() }))).await;
    fixture.ready("revokes").await;
    let (active, standby) = kids(fixture, "revokes").await;
    let revoked = json!([{ "kid": active, "reason": "Compromised" }]);
    fixture.apply(&example("revokes", json!({ "keys": es256(), "revoked": revoked }))).await;
    fixture
        .until("the key is revoked", async || {
            (fixture.view("revokes").await.private == [standby.clone()]).then_some(())
        })
        .await;
}

async fn is_refused(fixture: &Fixture) {
    let spec = json!({ "keys": es256(), "rotation": { "mode": "Schedule", "schedule": "never" } });
    fixture.apply(&example("refused", spec)).await;
    let refused = |status: &keyturn::api::JwksKeySetStatus| !status.conditions.is_empty();
    fixture.status("refused", "a condition", refused).await;
}

async fn everything_is_done(cluster: &'static ControlPlane, namespace: String, release: &Release) {
    let fixture = Fixture { cluster, client: cluster.client().await, namespace };
    let (one, other) = (release.pod("keyturn", "one"), release.pod("keyturn", "other"));
    let server = release.pod("keyturn-server", "server");
    tokio::join!(
        rotates(&fixture),
        drifts(&fixture),
        recovers(&fixture),
        is_deleted(&fixture),
        adopts(&fixture),
        revokes(&fixture),
        is_refused(&fixture),
    );

    // The leader hands over, and the next one goes on.
    let (leader, follower) = if release.leader().starts_with("one_") { (one, other) } else { (other, one) };
    let before = release.leader();
    leader.stop();
    fixture
        .until("another one leads", async || {
            let now = release.leader();
            (now != before && !now.is_empty()).then_some(())
        })
        .await;
    fixture.apply(&example("later", json!({ "keys": es256() }))).await;
    fixture.ready("later").await;
    follower.stop();

    let (_, standby) = kids(&fixture, "later").await;
    let answer = async || release.served(&fixture.namespace, "later").filter(|answer| answer.contains(&standby));
    let answer = fixture.until("the server has the new set", answer).await;
    assert!(answer.starts_with("HTTP/1.0 200") || answer.starts_with("HTTP/1.1 200"), "{answer}");
    server.stop();
}

async fn install(values: impl FnOnce(&str) -> Value) {
    let cluster: &ControlPlane = Box::leak(Box::new(ControlPlane::start().await));
    let namespace = cluster.fresh_namespace("rights").await;
    let release = Release::install(cluster, &values(&namespace));
    cluster.start_controller_manager();
    Box::pin(everything_is_done(cluster, namespace, &release)).await;
    for account in ["keyturn", "keyturn-server"] {
        assert_least(&release, account);
    }
}

fn sealing() -> Value {
    json!({ "secrets": [{ "name": "system", "key": "secret" }] })
}

#[tokio::test(flavor = "multi_thread")]
async fn over_all_namespaces_no_right_is_missing_and_none_is_needless() {
    install(|_| json!({ "sealing": sealing(), "server": { "enabled": true } })).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn over_a_list_of_namespaces_no_right_is_missing_and_none_is_needless() {
    install(|namespace| json!({ "watchNamespaces": [namespace], "sealing": sealing(), "server": { "enabled": true } }))
        .await;
}
