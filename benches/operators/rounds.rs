//! One round: an operator, a fresh API server, and a number of objects.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use futures::{StreamExt, stream};
use k8s_openapi::api::core::v1::Secret;
use kube::api::{DeleteParams, PostParams};
use kube::core::{DynamicObject, PartialObjectMeta};
use kube::runtime::watcher::{self, Event, watcher};
use kube::{Api, Client, ResourceExt};
use serde_json::{Value, json};

use crate::audit::Audit;
use crate::contender::{Contender, secret};
use crate::measured::{Creation, Measured, Restart, Work};
use crate::process::Operator;
use crate::support::control_plane::ControlPlane;

/// How many objects are created at a time.
const AT_A_TIME: usize = 16;

/// How many Secrets are deleted, one after the other.
const DELETED: usize = 100;

/// An operator that asked nothing, and did next to nothing, for so long has nothing left to do.
const QUIET: Duration = Duration::from_secs(10);

/// How often it is looked at until then, and how much of a core is next to nothing.
const LOOK: Duration = Duration::from_millis(100);
const NEXT_TO_NOTHING: Duration = Duration::from_millis(10);

/// How long an operator is watched doing nothing.
const IDLE: Duration = Duration::from_secs(60);

/// An API server with one operator on it.
struct Round {
    contender: Contender,
    client: Client,
    audit: Audit,
    operator: Option<Operator>, // none while one ends and the next begins
    kubeconfig: PathBuf,
    log: PathBuf,
    _cluster: ControlPlane,
}

pub async fn measure(contender: Contender, objects: usize) -> Measured {
    let mut round = Round::begin(contender).await;
    let names: Vec<String> = (0..objects).map(|number| format!("object-{number}")).collect();
    let creation = round.create(&names).await;
    let restorations = round.delete_secrets(&names).await;
    let idle = round.idle().await;
    let restart = round.restart().await;
    round.stop();
    Measured { objects, creation, restorations, idle, restart }
}

impl Round {
    async fn begin(contender: Contender) -> Self {
        let cluster = ControlPlane::start().await;
        let kubectl = |args: &[&str]| {
            let said = cluster.kubectl(args);
            assert!(said.status.success(), "kubectl {args:?}: {}", String::from_utf8_lossy(&said.stderr));
            String::from_utf8_lossy(&said.stdout).trim().to_owned()
        };
        let crds = contender.crds();
        kubectl(&["create", "--filename", &crds.display().to_string()]);
        kubectl(&["wait", "--for=condition=Established", "crd", "--all"]);
        kubectl(&["create", "serviceaccount", "operator"]);
        let right = ["create", "clusterrolebinding", "operator", "--clusterrole=cluster-admin"];
        kubectl(&[&right[..], &["--serviceaccount=default:operator"]].concat());
        let token = kubectl(&["create", "token", "operator", "--duration=10h"]);

        let folder = cluster.kubeconfig_path().parent().expect("a folder").to_owned();
        let (kubeconfig, log) = (folder.join("operator.kubeconfig"), folder.join("operator.log"));
        write_kubeconfig(cluster.kubeconfig_path(), &kubeconfig, &token);
        let operator = start(contender, &kubeconfig, &log);
        // The log begins with the first request of a service account.
        while !cluster.audit_path().exists() {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        let audit = Audit::open(&cluster.audit_path());
        if let Some(manifest) = contender.first() {
            let path = folder.join("first.json");
            fs::write(&path, manifest.to_string()).expect("the folder can be written");
            kubectl(&["create", "--filename", &path.display().to_string()]);
        }
        let client = cluster.client().await;
        let operator = Some(operator);
        let mut round = Self { contender, client, audit, operator, kubeconfig, log, _cluster: cluster };
        round.settle().await;
        round
    }

    /// Creates all objects, and waits until each is ready.
    async fn create(&mut self, names: &[String]) -> Creation {
        self.audit.take();
        let (api, cpu) = (self.objects(), self.operator().cpu());
        let mut waiting: HashSet<String> = names.iter().cloned().collect();
        let begun = Instant::now();
        let creating = stream::iter(names).for_each_concurrent(AT_A_TIME, |name| async {
            let object = self.contender.object(name);
            api.create(&PostParams::default(), &object).await.expect("the API server takes the object");
        });
        let becoming_ready = async {
            let mut changes = watcher(self.objects(), watcher::Config::default()).boxed();
            while !waiting.is_empty() {
                let change = changes.next().await.expect("a watch does not end").expect("the watch is not interrupted");
                if let Event::Apply(object) | Event::InitApply(object) = change
                    && is_ready(&object)
                {
                    waiting.remove(&object.name_any());
                }
            }
            begun.elapsed()
        };
        let ((), ready) = futures::join!(creating, becoming_ready);
        self.settle().await;
        let secrets = self.secrets().list_metadata(&kube::api::ListParams::default()).await.expect("a list");
        let there: HashSet<String> = secrets.iter().map(ResourceExt::name_any).collect();
        assert!(names.iter().all(|name| there.contains(&secret(name))), "each object that is ready has its Secret");
        let work = Work { cpu: self.operator().cpu().saturating_sub(cpu), requests: self.audit.take() };
        Creation { ready, work, peak_memory: self.operator().peak_memory() }
    }

    /// Deletes Secrets, each when the one before is there again.
    async fn delete_secrets(&mut self, names: &[String]) -> Vec<Duration> {
        let secrets = self.secrets();
        let metadata: Api<PartialObjectMeta<Secret>> = Api::namespaced(self.client.clone(), "default");
        let mut changes = watcher(metadata, watcher::Config::default()).boxed();
        while !matches!(changes.next().await, Some(Ok(Event::InitDone))) {}
        let mut all = Vec::new();
        for name in names.iter().take(DELETED) {
            let wanted = secret(name);
            let begun = Instant::now();
            secrets.delete(&wanted, &DeleteParams::default()).await.expect("the Secret is there");
            let mut gone = false;
            loop {
                match changes.next().await.expect("a watch does not end").expect("the watch is not interrupted") {
                    Event::Delete(one) if one.name_any() == wanted => gone = true,
                    Event::Apply(one) if gone && one.name_any() == wanted => break,
                    _ => {}
                }
            }
            all.push(begun.elapsed());
        }
        all.sort();
        all
    }

    async fn idle(&mut self) -> Work {
        self.settle().await;
        self.audit.take();
        let cpu = self.operator().cpu();
        tokio::time::sleep(IDLE).await;
        Work { cpu: self.operator().cpu().saturating_sub(cpu), requests: self.audit.take() }
    }

    /// Ends the operator and starts it anew.
    async fn restart(&mut self) -> Restart {
        self.stop();
        self.audit.take();
        let begun = Instant::now();
        self.operator = Some(start(self.contender, &self.kubeconfig, &self.log));
        let settled = self.settle().await - begun;
        let (cpu, requests) = (self.operator().cpu(), self.audit.take());
        let (peak_memory, memory) = (self.operator().peak_memory(), self.operator().memory());
        Restart { settled, work: Work { cpu, requests }, peak_memory, memory }
    }

    /// Waits until the operator is quiet. When it did something last.
    async fn settle(&mut self) -> Instant {
        let (mut last, mut cpu) = (Instant::now(), self.operator().cpu());
        while last.elapsed() < QUIET {
            tokio::time::sleep(LOOK).await;
            let now = self.operator().cpu();
            if self.audit.moved() || now.saturating_sub(cpu) > NEXT_TO_NOTHING {
                last = Instant::now();
            }
            cpu = now;
        }
        last
    }

    fn stop(&mut self) {
        if let Some(operator) = self.operator.take() {
            operator.stop();
        }
    }

    fn operator(&self) -> &Operator {
        self.operator.as_ref().expect("one runs")
    }

    fn objects(&self) -> Api<DynamicObject> {
        Api::namespaced_with(self.client.clone(), "default", &self.contender.resource())
    }

    fn secrets(&self) -> Api<Secret> {
        Api::namespaced(self.client.clone(), "default")
    }
}

fn start(contender: Contender, kubeconfig: &Path, log: &Path) -> Operator {
    let (program, args) = contender.program();
    Operator::start(&program, args, kubeconfig, log)
}

/// The administrator's kubeconfig with the token of a service account: the requests of those are audited.
fn write_kubeconfig(of_admin: &Path, path: &Path, token: &str) {
    let text = fs::read_to_string(of_admin).expect("the administrator's kubeconfig");
    let mut config: Value = serde_json::from_str(&text).expect("JSON");
    config["users"][0]["user"] = json!({ "token": token });
    fs::write(path, config.to_string()).expect("the folder can be written");
}

fn is_ready(object: &DynamicObject) -> bool {
    let conditions = object.data["status"]["conditions"].as_array();
    conditions.into_iter().flatten().any(|one| one["type"] == "Ready" && one["status"] == "True")
}
