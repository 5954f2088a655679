//! The real `keyturn run` on a folder of its own, and what it wrote there.
#![allow(dead_code, reason = "each test binary uses its own part of this module")]

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

use crate::tree;

/// How long anything may take on a busy machine before a test gives up.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// A folder with key set files and, in `keys`, what Keyturn keeps of them.
pub struct Workplace {
    temp: TempDir,
}

/// What a program that ended left behind.
#[derive(Debug)]
pub struct Outcome {
    pub status: ExitStatus,
    pub stdout: String,
    pub stderr: String,
}

/// A `keyturn run` that stays; killed when it is dropped.
pub struct Running {
    child: Child,
    stdout: PathBuf,
    stderr: PathBuf,
    dir: PathBuf,
}

/// A key set named `auth` with that spec; each line of the spec begins at the left margin.
pub fn auth(spec: &str) -> String {
    let spec = spec.trim().replace('\n', "\n  ");
    format!("apiVersion: keyturn.dev/v1alpha1\nkind: JwksKeySet\nmetadata:\n  name: auth\nspec:\n  {spec}\n")
}

impl Workplace {
    /// One whose file `set.yaml` holds `yaml`.
    pub fn new(yaml: &str) -> Self {
        let place = Self { temp: tempfile::tempdir().unwrap() };
        place.state(yaml);
        place
    }

    /// Replaces `set.yaml` in one step, as an editor does.
    pub fn state(&self, yaml: &str) {
        let new = self.temp.path().join("set.yaml.new");
        fs::write(&new, yaml).unwrap();
        fs::rename(new, self.set()).unwrap();
    }

    pub fn set(&self) -> PathBuf {
        self.temp.path().join("set.yaml")
    }

    /// The directory that Keyturn keeps.
    pub fn dir(&self) -> PathBuf {
        self.temp.path().join("keys")
    }

    /// A path in the directory.
    pub fn path(&self, path: &str) -> PathBuf {
        self.dir().join(path)
    }

    /// A path beside the directory.
    pub fn beside(&self, path: &str) -> PathBuf {
        self.temp.path().join(path)
    }

    /// `keyturn run set.yaml --dir keys`, not started yet.
    pub fn command(&self) -> Command {
        command(&[self.set()], &self.dir())
    }

    /// Does what is due, and ends.
    pub fn once(&self) -> Outcome {
        Outcome::of(self.command().arg("--once"), &self.dir())
    }

    /// Like [`Self::once`], where nothing may go wrong.
    pub fn once_well(&self) -> Outcome {
        let outcome = self.once();
        assert!(outcome.status.success(), "{outcome:#?}");
        outcome
    }

    /// Starts it to stay.
    pub fn start(&self) -> Running {
        self.spawn(&mut self.command())
    }

    /// Starts a command to stay.
    pub fn spawn(&self, command: &mut Command) -> Running {
        let (stdout, stderr) = (self.temp.path().join("stdout"), self.temp.path().join("stderr"));
        let to = |path: &Path| Stdio::from(File::create(path).unwrap());
        let child = command.stdin(Stdio::null()).stdout(to(&stdout)).stderr(to(&stderr)).spawn();
        Running { child: child.unwrap(), stdout, stderr, dir: self.dir() }
    }

    /// Starts it to stay, and waits until the first pass is over, whose last word is what comes next.
    pub fn start_ready(&self) -> Running {
        let mut running = self.start();
        let stdout = running.stdout.clone();
        running.until("the first pass is over", || fs::read_to_string(&stdout).unwrap().contains("  next  "));
        running
    }

    pub fn json(&self, path: &str) -> Value {
        read_json(&self.path(path))
    }

    /// The kid of the first key of the signers' private JWKS: the key that signs.
    pub fn active_kid(&self) -> String {
        kids(&self.json("secrets/auth-signer/jwks.json")).remove(0)
    }

    /// The kids that verifiers see.
    pub fn public_kids(&self) -> Vec<String> {
        kids(&self.json("configmaps/auth-jwks/jwks.json"))
    }

    /// The kids of one phase, as the keyring says it.
    pub fn in_phase(&self, phase: &str) -> Vec<String> {
        let keyring = self.json("keyrings/auth.json");
        let keys = keyring["keys"].as_array().unwrap();
        keys.iter().filter(|key| key["phase"] == phase).map(|key| key["kid"].as_str().unwrap().to_owned()).collect()
    }
}

/// `keyturn run FILE… --dir DIR`, not started yet.
pub fn command(files: &[PathBuf], dir: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_keyturn"));
    command.arg("run").args(files).arg("--dir").arg(dir);
    command
}

impl Outcome {
    /// Runs a command to its end. Nothing it printed may hold a private key of the directory.
    pub fn of(command: &mut Command, dir: &Path) -> Self {
        let output = command.stdin(Stdio::null()).output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("what is printed is text");
        let outcome = Self { status: output.status, stdout: text(output.stdout), stderr: text(output.stderr) };
        outcome.assert_nothing_private(dir);
        outcome
    }

    /// It failed, with a sentence that holds all of these.
    pub fn assert_refused(&self, sentences: &[&str]) {
        assert_eq!(self.status.code(), Some(1), "{self:#?}");
        for sentence in sentences {
            assert!(self.stderr.contains(sentence), "{sentence:?} is not said: {self:#?}");
        }
        assert!(!self.stderr.contains("panicked"), "{self:#?}");
    }

    fn assert_nothing_private(&self, dir: &Path) {
        for secret in tree::private_texts(dir) {
            let printed = self.stdout.contains(&secret) || self.stderr.contains(&secret);
            assert!(!printed, "private key material was printed");
        }
    }
}

impl Running {
    /// Waits until something is true, while the program runs.
    pub fn until(&mut self, what: &str, mut wanted: impl FnMut() -> bool) {
        let begun = Instant::now();
        while !wanted() {
            let ended = self.child.try_wait().unwrap();
            assert!(ended.is_none(), "it ended with {ended:?} before {what}: {}", self.printed());
            assert!(begun.elapsed() < PATIENCE, "{what} did not come true: {}", self.printed());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// What it printed so far.
    pub fn printed(&self) -> String {
        [&self.stdout, &self.stderr].map(|path| fs::read_to_string(path).unwrap_or_default()).concat()
    }

    /// Sends it a signal by name, such as `INT`, and waits for its end.
    pub fn end(mut self, signal: &str) -> Outcome {
        let sent = Command::new("kill").arg(format!("-{signal}")).arg(self.child.id().to_string()).status().unwrap();
        assert!(sent.success(), "the signal can be sent");
        let begun = Instant::now();
        let status = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            assert!(begun.elapsed() < PATIENCE, "it does not end after SIG{signal}: {}", self.printed());
            std::thread::sleep(Duration::from_millis(5));
        };
        let read = |path| fs::read_to_string(path).unwrap_or_default();
        let outcome = Outcome { status, stdout: read(&self.stdout), stderr: read(&self.stderr) };
        outcome.assert_nothing_private(&self.dir);
        outcome
    }

    /// `kill -9`, at once.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // An error here means that it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A file that is whole JSON.
pub fn read_json(path: &Path) -> Value {
    let bytes = fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_slice(&bytes).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The kids of a JWKS, in its order.
pub fn kids(jwks: &Value) -> Vec<String> {
    jwks["keys"].as_array().unwrap().iter().map(|key| key["kid"].as_str().unwrap().to_owned()).collect()
}
