//! A `keyturn serve` that stays.

use std::fs::{self, File};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::http::{self, Answer};

/// How long anything may take on a busy machine before a test gives up.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Killed when it is dropped.
pub struct Server {
    child: Child,
    logs: TempDir,
    pub address: SocketAddr,
}

impl Server {
    /// Serves a directory.
    pub fn of_dir(dir: &Path, args: &[&str]) -> Self {
        Self::start(|command| {
            command.arg("--dir").arg(dir).args(args);
        })
    }

    /// Starts it on a port that is free.
    pub fn start(configure: impl FnOnce(&mut Command)) -> Self {
        let logs = tempfile::tempdir().unwrap();
        let log = File::create(logs.path().join("log")).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_keyturn"));
        command.args(["serve", "--listen", "127.0.0.1:0"]).stdin(Stdio::null()).stderr(log);
        configure(&mut command);
        let mut server = Self { child: command.spawn().unwrap(), logs, address: SocketAddr::from(([127, 0, 0, 1], 0)) };
        let url = server.await_log("url=");
        server.address = url.rsplit('/').next().unwrap().parse().expect("the log says where it listens");
        server
    }

    /// Its process number.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    pub fn get(&self, path: &str) -> Answer {
        http::get(self.address, path, &[])
    }

    /// Asks until something is true of the answer.
    pub fn until(&self, path: &str, what: &str, wanted: impl Fn(&Answer) -> bool) -> Answer {
        let begun = Instant::now();
        loop {
            let answer = self.get(path);
            if wanted(&answer) {
                return answer;
            }
            assert!(begun.elapsed() < PATIENCE, "{what} did not come true: {answer:?}; {}", self.log());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Asks until there is a JWKS.
    pub fn ready(&self, path: &str) -> Answer {
        self.until(path, "a JWKS", |answer| answer.status == 200)
    }

    /// What it logged so far.
    pub fn log(&self) -> String {
        fs::read_to_string(self.logs.path().join("log")).unwrap()
    }

    /// The word in the log that begins like that, without its beginning.
    pub fn await_log(&mut self, beginning: &str) -> String {
        let begun = Instant::now();
        loop {
            let log = self.log();
            if let Some((_, rest)) = log.split_once(beginning).filter(|(_, rest)| rest.contains('\n')) {
                return rest.split_whitespace().next().unwrap_or_default().to_owned();
            }
            assert!(self.child.try_wait().unwrap().is_none(), "it ended: {log}");
            assert!(begun.elapsed() < PATIENCE, "{beginning:?} is not in the log: {log}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Waits for its end: how it ended, and after how long.
    pub fn ended(mut self) -> (ExitStatus, Duration) {
        let begun = Instant::now();
        let status = self.child.wait().unwrap();
        (status, begun.elapsed())
    }

    /// Sends it SIGTERM.
    pub fn terminate(&self) {
        let sent = Command::new("kill").arg("-TERM").arg(self.child.id().to_string()).status().unwrap();
        assert!(sent.success());
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // An error here means that it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
