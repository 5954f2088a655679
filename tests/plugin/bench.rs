//! kubectl with the plugin in its PATH.

use std::io::Write;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};

use keyturn::api::JwksKeySet;

use crate::operator::{Fixture, example};

/// A folder with the plugin under the names that kubectl looks for.
pub struct Bench {
    pub folder: tempfile::TempDir,
}

/// What a command said.
#[derive(Debug)]
pub struct Said {
    pub code: i32,
    pub out: String,
    pub err: String,
}

/// Facts so short that the bound on one write, 60 s, is most of every wait.
#[allow(clippy::needless_pass_by_value, reason = "callers write the spec in place")]
pub fn quick(name: &str, more: Value) -> JwksKeySet {
    let mut spec = json!({
        "keys": [{ "algorithm": "ES256", "name": "tokens" }],
        "timing": {
            "publishDelay": "1s", "verifierCacheTtl": "1s", "signerReloadDelay": "1s", "maxTokenLifetime": "1s",
            "clockSkew": "0s",
        },
    });
    spec.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    example(name, spec)
}

impl Bench {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        for name in ["kubectl-keyturn", "kubectl_complete-keyturn"] {
            symlink(env!("CARGO_BIN_EXE_keyturn"), folder.path().join(name)).unwrap();
        }
        Self { folder }
    }

    /// `kubectl ARGS`, as the administrator of the fixture's cluster.
    pub fn kubectl(&self, fixture: &Fixture, args: &[&str]) -> Said {
        Said::of(self.ready(&mut fixture.cluster.kubectl_command()).args(args))
    }

    /// `kubectl keyturn ARGS --namespace …`
    pub fn keyturn(&self, fixture: &Fixture, args: &[&str]) -> Said {
        let all = [&["keyturn"], args, &["--namespace", &fixture.namespace]].concat();
        self.kubectl(fixture, &all)
    }

    /// `keyturn ARGS --kubeconfig …`, without kubectl.
    pub fn alone(&self, kubeconfig: &Path, args: &[&str]) -> Said {
        let mut command = Command::new(env!("CARGO_BIN_EXE_keyturn"));
        self.ready(&mut command).args(args).arg("--kubeconfig").arg(kubeconfig);
        Said::of(command.env_remove("KUBECONFIG"))
    }

    /// Settings that no test depends on the machine for.
    pub fn ready<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        let path = format!("{}:{}", self.folder.path().display(), std::env::var("PATH").unwrap());
        command.env("PATH", path).env("HOME", self.folder.path()).env("LC_ALL", "C").stdin(Stdio::null())
    }
}

impl Said {
    pub fn of(command: &mut Command) -> Self {
        Self::from(command.output().unwrap())
    }

    /// What was said to a program that is answered on a terminal: `script` gives it one.
    pub fn on_terminal(command: &mut Command, answer: &str) -> Self {
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        child.stdin.as_mut().unwrap().write_all(answer.as_bytes()).unwrap();
        Self::from(child.wait_with_output().unwrap())
    }

    /// What it printed, if all went well.
    pub fn well(self) -> String {
        assert!(self.code == 0, "{self:#?}");
        self.out
    }

    /// The complaint of one that failed.
    pub fn failed(self) -> String {
        assert!(self.code == 1, "{self:#?}");
        self.err
    }
}

impl From<Output> for Said {
    fn from(output: Output) -> Self {
        let text = |octets: Vec<u8>| String::from_utf8(octets).unwrap();
        Self { code: output.status.code().unwrap_or(-1), out: text(output.stdout), err: text(output.stderr) }
    }
}
