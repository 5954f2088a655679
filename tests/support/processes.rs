//! The processes of one control plane: how each is started, and when it is ready.

use std::fs;
use std::hash::{BuildHasher, RandomState};
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use kube::api::{ListParams, Request};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
use serde_json::json;

use super::binaries;
use super::leash::{Leashed, ScratchDir};

/// How long one program may take until it is ready, on a busy machine.
const READY_WITHIN: Duration = Duration::from_secs(120);

/// What tests need, and not the controller that puts `kube-root-ca.crt` into each namespace.
const CONTROLLERS: &str = "garbage-collector-controller,namespace-controller,deployment-controller,\
                           replicaset-controller,statefulset-controller,daemonset-controller";

/// Requests of service accounts go to the audit log, with the rule that allowed each; nothing of what they hold does.
const AUDIT_POLICY: &str = r#"{
    "apiVersion": "audit.k8s.io/v1", "kind": "Policy", "omitStages": ["RequestReceived"],
    "rules": [{ "level": "Metadata", "userGroups": ["system:serviceaccounts"] }, { "level": "None" }]
}"#;

/// etcd and kube-apiserver on loopback ports, and the folder with their data, keys and logs.
pub struct Processes {
    // Dropped in this order: the folder when nobody writes into it any more.
    api_server: Option<Leashed>,
    etcd: Leashed,
    etcd_port: u16,
    api_port: u16,
    admin_token: String,
    dir: ScratchDir,
}

impl Processes {
    /// Starts etcd and the API server and returns when it is ready; on other ports if somebody else took these.
    pub async fn start() -> Self {
        let mut failure = String::new();
        for _ in 0..5 {
            match Self::try_start().await {
                Ok(processes) => return processes,
                Err(error) => failure = error,
            }
        }
        panic!("the control plane does not start: {failure}")
    }

    async fn try_start() -> Result<Self, String> {
        let dir = ScratchDir::new(&binaries::home());
        let admin_token = openssl(&["rand", "-hex", "24"]);
        write(&dir.path().join("tokens.csv"), &format!("{admin_token},admin,admin,system:masters\n"));
        write(&dir.path().join("audit-policy.json"), AUDIT_POLICY);
        write(
            &dir.path().join("service-account.key"),
            &openssl(&["ecparam", "-name", "prime256v1", "-genkey", "-noout"]),
        );

        let (etcd_port, api_port) = (fresh_port(), fresh_port());
        let etcd = spawn_etcd(dir.path(), etcd_port);
        let mut processes = Self { api_server: None, etcd, etcd_port, api_port, admin_token, dir };
        processes.await_etcd().await?;
        processes.api_server = Some(processes.spawn_api_server());
        processes.await_certificate().await?;
        processes.write_kubeconfig();
        processes.await_api_server().await?;
        Ok(processes)
    }

    /// The bearer token of a member of `system:masters`.
    pub fn admin_token(&self) -> &str {
        &self.admin_token
    }

    /// The administrator's kubeconfig.
    pub fn kubeconfig(&self) -> PathBuf {
        self.dir.path().join("kubeconfig")
    }

    /// The lines of the audit log.
    pub fn audit_log(&self) -> String {
        fs::read_to_string(self.audit_path()).unwrap_or_default()
    }

    /// Where the audit log grows.
    pub fn audit_path(&self) -> PathBuf {
        self.dir.path().join("audit.log")
    }

    /// A `kubectl` of the server's version, which keeps its caches with the server's data.
    pub fn kubectl(&self) -> Command {
        let mut kubectl = Command::new(binaries::folder().join("kubectl"));
        kubectl.env("HOME", self.dir.path());
        kubectl
    }

    /// Ends the API server at once; returns when its port is free.
    pub fn stop_api_server(&mut self) {
        self.api_server = None;
    }

    /// Starts the API server, on its port as before, unless it runs; returns when it is ready.
    pub async fn start_api_server(&mut self) {
        if self.api_server.is_none() {
            self.api_server = Some(self.spawn_api_server());
        }
        self.await_api_server()
            .await
            .unwrap_or_else(|failure| panic!("the API server does not start again: {failure}"));
    }

    /// Starts kube-controller-manager with the controllers that tests need; it works soon after.
    pub fn spawn_controller_manager(&self) -> Leashed {
        spawn("kube-controller-manager", self.dir.path(), |command| {
            command
                .arg(flag("--kubeconfig", &self.kubeconfig()))
                .arg(format!("--controllers={CONTROLLERS}"))
                .args(["--leader-elect=false", "--secure-port=0"]);
        })
    }

    fn spawn_api_server(&self) -> Leashed {
        let dir = self.dir.path();
        let key = dir.join("service-account.key");
        spawn("kube-apiserver", dir, |command| {
            command
                .arg(format!("--etcd-servers=http://127.0.0.1:{}", self.etcd_port))
                .arg(format!("--secure-port={}", self.api_port))
                .args(["--bind-address=127.0.0.1", "--advertise-address=127.0.0.1"])
                .args(["--endpoint-reconciler-type=none", "--service-cluster-ip-range=10.0.0.0/24"])
                .arg(flag("--cert-dir", &dir.join("certificates")))
                .arg(flag("--token-auth-file", &dir.join("tokens.csv")))
                .args(["--authorization-mode=RBAC", "--disable-admission-plugins=ServiceAccount"])
                .arg(flag("--audit-policy-file", &dir.join("audit-policy.json")))
                .arg(flag("--audit-log-path", &self.audit_path()))
                .arg("--audit-log-maxsize=4096")
                .arg("--service-account-issuer=https://kubernetes.default.svc")
                .arg(flag("--service-account-key-file", &key))
                .arg(flag("--service-account-signing-key-file", &key));
        })
    }

    /// Waits for a line in etcd's log: proof that this etcd has the port, and not another process's.
    async fn await_etcd(&mut self) -> Result<(), String> {
        let log = log_of("etcd", self.dir.path());
        let deadline = Instant::now() + READY_WITHIN;
        while !fs::read_to_string(&log).is_ok_and(|log| log.contains("ready to serve client requests")) {
            pause(&mut self.etcd, &log, deadline).await?;
        }
        Ok(())
    }

    /// The server writes its certificate first, then the key.
    async fn await_certificate(&mut self) -> Result<(), String> {
        let key = self.dir.path().join("certificates/apiserver.key");
        let deadline = Instant::now() + READY_WITHIN;
        while !key.exists() {
            self.pause_for_api_server(deadline).await?;
        }
        Ok(())
    }

    async fn await_api_server(&mut self) -> Result<(), String> {
        let file = Kubeconfig::read_from(self.kubeconfig()).expect("the kubeconfig was just written");
        let mut config =
            Config::from_custom_kubeconfig(file, &KubeConfigOptions::default()).await.expect("it is complete");
        config.default_retry = false;
        let client = Client::try_from(config).expect("it has the server's certificate");
        let deadline = Instant::now() + READY_WITHIN;
        while !is_ready(&client).await {
            self.pause_for_api_server(deadline).await?;
        }
        Ok(())
    }

    async fn pause_for_api_server(&mut self, deadline: Instant) -> Result<(), String> {
        let log = log_of("kube-apiserver", self.dir.path());
        let server = self.api_server.as_mut().ok_or("the API server was stopped")?;
        pause(server, &log, deadline).await
    }

    /// JSON, which is YAML too. The certificate file also holds the authority that signed it.
    fn write_kubeconfig(&self) {
        let kubeconfig = json!({
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "test",
            "contexts": [{ "name": "test", "context": { "cluster": "test", "user": "admin" } }],
            "clusters": [{ "name": "test", "cluster": {
                "server": format!("https://127.0.0.1:{}", self.api_port),
                "certificate-authority": self.dir.path().join("certificates/apiserver.crt"),
            } }],
            "users": [{ "name": "admin", "user": { "token": self.admin_token } }],
        });
        write(&self.kubeconfig(), &kubeconfig.to_string());
    }
}

fn spawn_etcd(dir: &Path, port: u16) -> Leashed {
    let url = format!("http://127.0.0.1:{port}");
    spawn("etcd", dir, |command| {
        command
            .arg(flag("--data-dir", &dir.join("etcd")))
            .args(["--listen-client-urls", &url, "--advertise-client-urls", &url])
            .args(["--listen-peer-urls=http://127.0.0.1:0", "--unsafe-no-fsync"]);
    })
}

fn spawn(program: &str, dir: &Path, configure: impl FnOnce(&mut Command)) -> Leashed {
    Leashed::spawn(&binaries::folder().join(program), Some(&log_of(program, dir)), configure)
}

fn log_of(program: &str, dir: &Path) -> PathBuf {
    dir.join(format!("{program}.log"))
}

fn flag(name: &str, path: &Path) -> String {
    format!("{name}={}", path.display())
}

async fn is_ready(client: &Client) -> bool {
    // A list is a plain GET, which `/readyz` answers.
    let get = Request::new("/readyz").list(&ListParams::default()).expect("an empty list request is valid");
    client.request_text(get).await.is_ok_and(|answer| answer == "ok")
}

/// Waits a moment, unless `program` has ended or is late; then the error is the end of its log.
async fn pause(program: &mut Leashed, log: &Path, deadline: Instant) -> Result<(), String> {
    let problem = match program.ended() {
        Some(status) => format!("it ended with {status}"),
        None if Instant::now() > deadline => {
            format!("it is not ready after {} s", READY_WITHIN.as_secs())
        }
        None => {
            tokio::time::sleep(Duration::from_millis(50)).await;
            return Ok(());
        }
    };
    let text = fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<_> = text.lines().collect();
    let tail = lines[lines.len().saturating_sub(20)..].join("\n");
    Err(format!("{problem}; the end of {}:\n{tail}", log.display()))
}

/// A port nobody listens on, below the ranges that systems give to outgoing connections: it stays free while a server is down.
pub fn fresh_port() -> u16 {
    let start = RandomState::new().hash_one(std::process::id());
    let mut candidates =
        (0..10_000_u64).map(|step| 20_000 + u16::try_from((start % 10_000 + step) % 10_000).unwrap_or(0));
    let free = |port: &u16| TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok();
    candidates.find(free).expect("one of the ports 20000 to 29999 is free")
}

fn openssl(args: &[&str]) -> String {
    let output = Command::new("openssl").args(args).output();
    let output = output.unwrap_or_else(|error| panic!("cannot run `openssl`: {error}. Install the openssl command"));
    assert!(output.status.success(), "openssl {args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("hex and PEM are text").trim_end().to_owned()
}

fn write(path: &Path, text: &str) {
    fs::write(path, text).unwrap_or_else(|error| panic!("cannot write {}: {error}", path.display()));
}
