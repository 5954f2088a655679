//! A real Kubernetes API server for the tests, with garbage collection on demand.
//!
//! `ControlPlane::shared()` is one per test process, in which each test takes a namespace of its own;
//! `ControlPlane::start()` is a test's own, which it may take down. There are no nodes: pods are accepted and never run.
//! Roles (RBAC) are enforced; the `ServiceAccount` admission is off, so pods need no service account.
//!
//! Needs Go 1.26, `openssl` and a POSIX `sh` on the PATH; or `KEYTURN_TEST_KUBECONFIG`, for the shared one, and `kubectl`.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::{Mutex, PoisonError};

use k8s_openapi::api::core::v1::Namespace;
use kube::api::{Api, ObjectMeta, PostParams};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
use tokio::sync::OnceCell;

use super::binaries;
use super::leash::Leashed;
use super::processes::Processes;

/// A Kubernetes control plane to test against.
pub struct ControlPlane {
    kubeconfig: PathBuf,
    server_url: String,
    controllers: Mutex<Option<Leashed>>, // dropped before the server that they talk to
    processes: Option<Processes>,        // none on a cluster that this process did not start
}

impl ControlPlane {
    /// The control plane that all tests of this process share; the first one that asks starts it.
    ///
    /// With `KEYTURN_TEST_KUBECONFIG` set it is the cluster that this file names.
    pub async fn shared() -> &'static Self {
        static SHARED: OnceCell<ControlPlane> = OnceCell::const_new();
        SHARED
            .get_or_init(|| async {
                match std::env::var_os("KEYTURN_TEST_KUBECONFIG") {
                    Some(path) => Self::new(PathBuf::from(path), None).await,
                    None => Self::start().await,
                }
            })
            .await
    }

    /// Starts a control plane of the caller's own, in about three seconds; it is gone when this value is dropped.
    ///
    /// The very first start builds it, which takes minutes and says so.
    pub async fn start() -> Self {
        tokio::task::spawn_blocking(binaries::folder).await.expect("the control plane is built, see above");
        let processes = Processes::start().await;
        Self::new(processes.kubeconfig(), Some(processes)).await
    }

    async fn new(kubeconfig: PathBuf, processes: Option<Processes>) -> Self {
        let url = read_config(&kubeconfig).await.cluster_url.to_string();
        let server_url = url.trim_end_matches('/').to_owned();
        Self { kubeconfig, server_url, controllers: Mutex::new(None), processes }
    }

    /// A kubeconfig of an administrator.
    pub fn kubeconfig_path(&self) -> &Path {
        &self.kubeconfig
    }

    /// Where the API server listens, for example `https://127.0.0.1:23456`.
    pub fn server_url(&self) -> &str {
        &self.server_url
    }

    /// The administrator's bearer token; `None` on a cluster that this process did not start.
    pub fn admin_token(&self) -> Option<&str> {
        self.processes.as_ref().map(Processes::admin_token)
    }

    /// The administrator's settings, for a test that changes some (retries, impersonation) before it makes a client.
    pub async fn config(&self) -> Config {
        read_config(&self.kubeconfig).await
    }

    /// A new client of the administrator. It lives in the runtime of the test that asks: keep none in a static.
    pub async fn client(&self) -> Client {
        Client::try_from(self.config().await).expect("the administrator's kubeconfig makes a client")
    }

    /// Makes a namespace whose name begins with `prefix`, and returns its name.
    ///
    /// It stays, with the label `keyturn.dev/test`: on a cluster of yours, delete by that label.
    pub async fn fresh_namespace(&self, prefix: &str) -> String {
        let namespace = Namespace {
            metadata: ObjectMeta {
                generate_name: Some(format!("{prefix}-")),
                labels: Some([("keyturn.dev/test".to_owned(), String::new())].into()),
                ..ObjectMeta::default()
            },
            ..Namespace::default()
        };
        let created = Api::all(self.client().await).create(&PostParams::default(), &namespace).await;
        created.expect("an administrator may make a namespace").metadata.name.expect("what was created has a name")
    }

    /// What service accounts asked so far, as audit events; only of a control plane of one's own.
    pub fn audited(&self) -> Vec<serde_json::Value> {
        let processes = self.processes.as_ref().expect("only a control plane from `start` has its log here");
        let log = processes.audit_log();
        // The last line may be half written.
        log.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
    }

    /// Where the audit log grows; only of a control plane of one's own.
    pub fn audit_path(&self) -> PathBuf {
        self.processes.as_ref().expect("only a control plane from `start` has its log here").audit_path()
    }

    /// Runs `kubectl` as the administrator and waits for it; blocks the thread.
    pub fn kubectl(&self, args: &[&str]) -> Output {
        let mut kubectl = self.kubectl_command();
        kubectl.args(args);
        kubectl.output().unwrap_or_else(|error| panic!("cannot run kubectl {args:?}: {error}"))
    }

    /// `kubectl` as the administrator, for a test that changes how it runs.
    pub fn kubectl_command(&self) -> Command {
        let mut kubectl = match &self.processes {
            Some(processes) => processes.kubectl(),
            None => Command::new("kubectl"),
        };
        kubectl.env("KUBECONFIG", &self.kubeconfig);
        kubectl
    }

    /// Where the `kubectl` of the server's version is; `None` on a cluster that this process did not start.
    pub fn kubectl_path(&self) -> Option<PathBuf> {
        self.processes.as_ref().map(|processes| processes.kubectl().get_program().into())
    }

    /// Starts garbage collection, the deletion of namespaces, and the workload controllers (enough for 0 replicas).
    ///
    /// Does nothing where they run already. Install CRDs first: the garbage collector notices later ones only every 30 s.
    pub fn start_controller_manager(&self) {
        if let Some(processes) = &self.processes {
            let mut controllers = self.controllers.lock().unwrap_or_else(PoisonError::into_inner);
            controllers.get_or_insert_with(|| processes.spawn_controller_manager());
        }
    }

    /// Kills the API server: connections are refused from now on, and etcd keeps the data.
    pub fn stop_api_server(&mut self) {
        self.own_processes().stop_api_server();
    }

    /// Starts the API server again, with the same port and certificate, and returns when it is ready.
    pub async fn start_api_server(&mut self) {
        self.own_processes().start_api_server().await;
    }

    fn own_processes(&mut self) -> &mut Processes {
        self.processes
            .as_mut()
            .expect("only a control plane from `start`, with its own processes, can be borrowed mutably")
    }
}

async fn read_config(kubeconfig: &Path) -> Config {
    let file = Kubeconfig::read_from(kubeconfig);
    let file = file.unwrap_or_else(|error| panic!("cannot read the kubeconfig {}: {error}", kubeconfig.display()));
    let config = Config::from_custom_kubeconfig(file, &KubeConfigOptions::default()).await;
    config.unwrap_or_else(|error| panic!("cannot use the kubeconfig {}: {error}", kubeconfig.display()))
}
