//! `keyturn controller` as a program of its own, and what it answers to the keepers of a cluster.

use std::fs;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::{Fixture, metric};
use crate::support::leash::Leashed;
use crate::support::processes::fresh_port;

/// How long a start may take on a busy machine.
const STARTED: Duration = Duration::from_secs(120);

/// One of the operators of a namespace, which contend for its lease; killed when this is dropped.
pub struct Program {
    child: Leashed,
    port: u16,
    pub log: PathBuf,
    _folder: tempfile::TempDir,
}

impl Program {
    pub fn start(fixture: &Fixture) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let (log, port) = (folder.path().join("log"), fresh_port());
        let child = Leashed::spawn(Path::new(env!("CARGO_BIN_EXE_keyturn")), Some(&log), |keyturn| {
            keyturn
                .args(["controller", "--log-json", "--leader-elect", "--admin-listen", &format!("127.0.0.1:{port}")])
                .args(["--namespace", &fixture.namespace, "--lease-namespace", &fixture.namespace])
                .env("KUBECONFIG", fixture.cluster.kubeconfig_path())
                .env_remove("RUST_LOG");
        });
        Self { child, port, log, _folder: folder }
    }

    /// Its process number.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Status line and body of an answer; `None` if nobody listens.
    pub fn get(&self, path: &str) -> Option<(String, String)> {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).ok()?;
        let request = format!("GET {path} HTTP/1.1\r\nHost: keyturn\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        let (head, body) = answer.split_once("\r\n\r\n")?;
        Some((head.to_owned(), body.to_owned()))
    }

    /// Whether a probe is answered well.
    pub fn is_well(&self, probe: &str) -> bool {
        self.get(probe).is_some_and(|(head, _)| head.contains(" 200 "))
    }

    /// Waits until it is ready; blocks the thread.
    pub fn ready(&self) {
        let begun = Instant::now();
        while !self.is_well("/readyz") {
            assert!(begun.elapsed() < STARTED, "it is not ready: {:?} {:#?}", self.get("/readyz"), self.lines());
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    pub fn metrics(&self) -> String {
        let (head, body) = self.get("/metrics").expect("an answer");
        assert!(head.starts_with("HTTP/1.1 200"), "{head}");
        assert!(head.contains("application/openmetrics-text; version=1.0.0"), "{head}");
        assert!(body.ends_with("# EOF\n"), "{body}");
        body
    }

    /// Whether it writes; one that does not answer does not.
    pub fn leads(&self) -> bool {
        self.get("/metrics").is_some_and(|(_, text)| metric(&text, "keyturn_leader") == Some(1.0))
    }

    /// What it logged: nothing but JSON, so that it did not panic either.
    pub fn lines(&self) -> Vec<Value> {
        let text = fs::read_to_string(&self.log).expect("the log");
        text.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("not JSON: {line}"))).collect()
    }

    /// Asks it to end.
    pub fn terminate(&self) {
        self.child.terminate();
    }

    /// Ends it at once, by `SIGKILL`.
    pub fn kill(&mut self) {
        self.child.kill();
    }

    /// How it ended; blocks the thread until it does.
    pub fn ended(&mut self, patience: Duration) -> ExitStatus {
        let begun = Instant::now();
        loop {
            if let Some(status) = self.child.ended() {
                return status;
            }
            assert!(begun.elapsed() < patience, "it does not end: {:#?}", self.lines());
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}
