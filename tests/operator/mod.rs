//! A namespace of its own on the real API server, and the operator in it.
#![allow(dead_code, reason = "each test binary uses its own part of this module")]

pub mod program;
pub mod view;
pub mod wire;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use keyturn::api::{ConditionStatus, JwksKeySet, JwksKeySetStatus};
use keyturn::controller::{Options, Telemetry};
use keyturn::probe::ServerClock;
use keyturn::store::Seal;
use kube::api::{DeleteParams, Patch, PatchParams, PostParams};
use kube::client::ClientBuilder;
use kube::{Api, Client, CustomResourceExt, Resource, ResourceExt};
use serde_json::{Value, json};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::support::control_plane::ControlPlane;
use wire::Wire;

/// How long anything may take on a busy machine before the test gives up.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// A namespace of its own.
pub struct Fixture {
    pub cluster: &'static ControlPlane,
    pub client: Client,
    pub namespace: String,
}

/// An operator that runs in this process until it is dropped.
pub struct Operator {
    stop: Option<oneshot::Sender<()>>,
    task: JoinHandle<()>,
    pub telemetry: Telemetry,
}

/// A resource of that name and spec.
#[allow(clippy::needless_pass_by_value, reason = "callers write the spec in place")]
pub fn example(name: &str, spec: Value) -> JwksKeySet {
    let object = json!({
        "apiVersion": "keyturn.dev/v1alpha1",
        "kind": "JwksKeySet",
        "metadata": { "name": name },
        "spec": spec,
    });
    serde_json::from_value(object).expect("a JwksKeySet")
}

impl Fixture {
    /// A fresh namespace on a cluster that knows the CRD.
    pub async fn new(prefix: &str) -> Self {
        let logs = tracing_subscriber::fmt().with_env_filter(tracing_subscriber::EnvFilter::from_default_env());
        drop(logs.with_test_writer().try_init());
        let cluster = ControlPlane::shared().await;
        let client = cluster.client().await;
        install_crd(&client).await;
        Self { cluster, namespace: cluster.fresh_namespace(prefix).await, client }
    }

    /// Starts the operator, on this namespace only.
    pub async fn operator(&self) -> Operator {
        self.operator_on(&Wire::default()).await
    }

    /// Starts the operator, on this namespace only, with its requests going over that wire.
    pub async fn operator_on(&self, wire: &Wire) -> Operator {
        self.sealing_operator_on(wire, Seal::default()).await
    }

    /// Starts the operator as [`Self::operator_on`] does, with system secrets.
    pub async fn sealing_operator_on(&self, wire: &Wire, seal: Seal) -> Operator {
        Operator::start(self.cluster.config().await, wire, &self.namespace, seal)
    }

    pub fn sets(&self) -> Api<JwksKeySet> {
        Api::namespaced(self.client.clone(), &self.namespace)
    }

    /// Creates or changes a resource.
    pub async fn apply(&self, set: &JwksKeySet) -> JwksKeySet {
        let params = PatchParams::apply("test").force();
        let mut set = set.clone();
        set.status = None;
        self.sets()
            .patch(&set.name_any(), &params, &Patch::Apply(&set))
            .await
            .expect("the API server takes the resource")
    }

    /// Sets annotations of a resource.
    pub async fn annotate(&self, name: &str, annotations: &[(&str, &str)]) {
        let map: BTreeMap<_, _> = annotations.iter().copied().collect();
        let patch = Patch::Merge(json!({ "metadata": { "annotations": map } }));
        self.sets().patch(name, &PatchParams::default(), &patch).await.expect("the resource is annotated");
    }

    /// The status of a set, once `wanted` is true of it.
    pub async fn status(&self, name: &str, what: &str, wanted: impl Fn(&JwksKeySetStatus) -> bool) -> JwksKeySetStatus {
        let begun = Instant::now();
        loop {
            let status = self.sets().get(name).await.expect("the resource").status.unwrap_or_default();
            if wanted(&status) {
                return status;
            }
            assert!(begun.elapsed() < PATIENCE, "{what} did not come true: {status:#?}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// The status of a set that is ready.
    pub async fn ready(&self, name: &str) -> JwksKeySetStatus {
        self.status(name, "Ready", |status| {
            condition(status, "Ready").is_some_and(|one| one.0 == ConditionStatus::True)
        })
        .await
    }

    /// Waits until something is true of an object.
    pub async fn until<T>(&self, what: &str, look: impl AsyncFnMut() -> Option<T>) -> T {
        self.within(PATIENCE, what, look).await
    }

    /// Waits that long, at most, until something is true of an object.
    pub async fn within<T>(&self, patience: Duration, what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
        let begun = Instant::now();
        loop {
            if let Some(found) = look().await {
                return found;
            }
            assert!(begun.elapsed() < patience, "{what} did not come true");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    pub async fn secret(&self, name: &str) -> Option<Secret> {
        Api::<Secret>::namespaced(self.client.clone(), &self.namespace)
            .get_opt(name)
            .await
            .expect("the API server answers")
    }

    pub async fn config_map(&self, name: &str) -> Option<ConfigMap> {
        Api::<ConfigMap>::namespaced(self.client.clone(), &self.namespace)
            .get_opt(name)
            .await
            .expect("the API server answers")
    }

    pub async fn create_secret(&self, name: &str, data: &[(&str, &str)]) {
        let secret =
            json!({ "metadata": { "name": name }, "stringData": data.iter().copied().collect::<BTreeMap<_, _>>() });
        let api = Api::<Secret>::namespaced(self.client.clone(), &self.namespace);
        api.create(&PostParams::default(), &serde_json::from_value(secret).expect("a Secret")).await.expect("created");
    }

    pub async fn delete_secret(&self, name: &str) {
        let api = Api::<Secret>::namespaced(self.client.clone(), &self.namespace);
        api.delete(name, &DeleteParams::default()).await.expect("deleted");
    }

    /// Runs kubectl in the namespace; what it printed.
    pub fn kubectl(&self, args: &[&str]) -> String {
        let mut all = vec!["--namespace", &self.namespace];
        all.extend(args);
        let output = self.cluster.kubectl(&all);
        assert!(output.status.success(), "kubectl {args:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).into_owned()
    }
}

impl Operator {
    /// Starts the operator on one namespace of a cluster.
    pub fn start(config: kube::Config, wire: &Wire, namespace: &str, seal: Seal) -> Self {
        let namespaces = [namespace.to_owned()].into_iter().collect();
        Self::start_with(config, wire, Options { namespaces, seal, ..Options::default() })
    }

    /// Starts the operator with all that it can be told.
    pub fn start_with(mut config: kube::Config, wire: &Wire, options: Options) -> Self {
        config.default_retry = false;
        let clock = ServerClock::default();
        let builder = ClientBuilder::try_from(config).expect("a client");
        let telemetry = Telemetry::default();
        let builder = builder.with_layer(&telemetry.metrics.api_calls());
        let client = builder.with_layer(wire).with_layer(&clock).build();
        let (stop, stopped) = oneshot::channel();
        let told = telemetry.clone();
        let task = tokio::spawn(async move {
            let stop = async move { drop(stopped.await) };
            keyturn::controller::run_with(client, clock, options, told, stop).await.expect("the operator runs");
        });
        Self { stop: Some(stop), task, telemetry }
    }

    /// The value of a series, as `/metrics` would tell it.
    pub fn metric(&self, series: &str) -> Option<f64> {
        metric(&self.telemetry.metrics.text(), series)
    }

    /// Whether it writes.
    pub fn leads(&self) -> bool {
        self.metric("keyturn_leader") == Some(1.0)
    }

    /// Whether it still runs.
    pub fn is_running(&self) -> bool {
        !self.task.is_finished()
    }

    /// Ends the operator the clean way.
    pub async fn stop(mut self) {
        drop(self.stop.take());
        (&mut self.task).await.expect("the operator ends");
    }
}

impl Drop for Operator {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// The value of a series in the text format of OpenMetrics.
pub fn metric(text: &str, series: &str) -> Option<f64> {
    let value = text.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '))?;
    Some(value.parse().expect("a number"))
}

/// Status, reason and message of a condition.
pub fn condition(status: &JwksKeySetStatus, type_: &str) -> Option<(ConditionStatus, String, String)> {
    let found = status.conditions.iter().find(|one| one.type_ == type_)?;
    Some((found.status, found.reason.clone(), found.message.clone()))
}

pub async fn install_crd(client: &Client) {
    use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
    let api: Api<CustomResourceDefinition> = Api::all(client.clone());
    let crd = JwksKeySet::crd();
    let params = PatchParams::apply("test").force();
    api.patch(&crd.name_any(), &params, &Patch::Apply(&crd)).await.expect("the API server takes the CRD");
    let established = kube::runtime::conditions::is_crd_established();
    kube::runtime::wait::await_condition(api, &crd.name_any(), established).await.expect("the CRD is established");
    assert_eq!(JwksKeySet::plural(&()), "jwkskeysets");
}
