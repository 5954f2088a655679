//! An operator as a process of its own.

use std::path::Path;
use std::time::Duration;

use procfs::process::Process;

use crate::support::leash::Leashed;

/// A running operator.
pub struct Operator {
    leashed: Leashed,
    process: Process,
}

impl Operator {
    pub fn start(program: &Path, args: &[&str], kubeconfig: &Path, log: &Path) -> Self {
        let leashed = Leashed::spawn(program, Some(log), |command| {
            command.args(args).env("KUBECONFIG", kubeconfig).env_remove("RUST_LOG");
        });
        let id = i32::try_from(leashed.id()).expect("a process id");
        Self { process: Process::new(id).expect("it was just started"), leashed }
    }

    /// Asks it to end, and waits.
    pub fn stop(mut self) {
        self.leashed.terminate();
        self.leashed.wait();
    }

    /// Time on a core since its start.
    pub fn cpu(&self) -> Duration {
        let stat = self.process.stat().expect("the operator runs, see its log");
        Duration::from_millis((stat.utime + stat.stime) * 1000 / procfs::ticks_per_second())
    }

    /// The most memory that it had, in bytes.
    pub fn peak_memory(&self) -> u64 {
        self.status().vmhwm.unwrap_or_default() * 1024
    }

    /// The memory that it has, in bytes.
    pub fn memory(&self) -> u64 {
        self.status().vmrss.unwrap_or_default() * 1024
    }

    fn status(&self) -> procfs::process::Status {
        self.process.status().expect("the operator runs, see its log")
    }
}
