//! Processes and folders that do not outlive the test process, however it ends.
//!
//! Each holds one end of a pipe whose other end is in the test process, and a small shell reads it. A line says that all
//! went well; the end of the pipe without one says that the test process is gone (Rust drops no statics, and `kill -9`
//! asks nobody), and then the shell cleans up.

use std::fs::{self, File};
use std::io::Write;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};

/// Becomes the program it is given, and leaves a reader behind that kills it. `$$` stays the program's own pid.
const LEASH: &str = r#"exec 3<&0 </dev/null
{ read -r _ <&3 || kill -9 $$; } &
exec 3<&-
exec "$@""#;

/// Removes a folder, again if a dying process put a last file into it.
const BROOM: &str = r#"read -r _
for _ in 1 2 3 4 5; do
  rm -rf "$1"
  [ -e "$1" ] || exit 0
  sleep 1
done"#;

/// A running program that is killed when this value is dropped and when the test process ends.
pub struct Leashed {
    child: Child,
    leash: ChildStdin,
}

impl Leashed {
    /// Starts `program` in a process group of its own, so that Ctrl-C reaches it only through its leash.
    ///
    /// Its standard output and error go to `log`; without one they are the test process's own standard error.
    pub fn spawn(program: &Path, log: Option<&Path>, configure: impl FnOnce(&mut Command)) -> Self {
        let output = || match log {
            Some(path) => {
                let file = File::options().create(true).append(true).open(path);
                Stdio::from(file.unwrap_or_else(|error| panic!("cannot write {}: {error}", path.display())))
            }
            None => Stdio::from(std::io::stderr()),
        };
        let mut command = Command::new("sh");
        command.args(["-c", LEASH, "sh"]).arg(program);
        configure(&mut command);
        command.stdin(Stdio::piped()).stdout(output()).stderr(output()).process_group(0);
        let mut child =
            command.spawn().unwrap_or_else(|error| panic!("cannot start sh for {}: {error}", program.display()));
        let leash = child.stdin.take().expect("standard input was asked to be a pipe");
        Self { child, leash }
    }

    /// The program's process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Asks the program to end, by `SIGTERM`.
    pub fn terminate(&self) {
        let kill = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status();
        assert!(kill.expect("`kill` runs").success(), "the program had ended before");
    }

    /// Ends the program at once, by `SIGKILL`.
    pub fn kill(&mut self) {
        self.child.kill().expect("a child of this process can be killed");
    }

    /// How the program ended, or `None` while it runs.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().expect("a child of this process can be waited for")
    }

    /// Waits until the program ends by itself; blocks the thread.
    pub fn wait(&mut self) -> ExitStatus {
        self.child.wait().expect("a child of this process can be waited for")
    }
}

impl Drop for Leashed {
    fn drop(&mut self) {
        // An error here means that it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = self.leash.write_all(b"ended\n");
    }
}

/// A folder that is removed when this value is dropped and when the test process ends.
pub struct ScratchDir {
    path: PathBuf,
    broom: Child,
}

impl ScratchDir {
    /// Makes a new folder in `parent`, readable by this user only.
    pub fn new(parent: &Path) -> Self {
        fs::create_dir_all(parent).unwrap_or_else(|error| panic!("cannot make {}: {error}", parent.display()));
        let path = tempfile::Builder::new()
            .prefix("run-")
            .tempdir_in(parent)
            .unwrap_or_else(|error| panic!("cannot make a folder in {}: {error}", parent.display()))
            .keep();
        let broom = Command::new("sh")
            .args(["-c", BROOM, "sh"])
            .arg(&path)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()
            .expect("a POSIX `sh` is needed on the PATH");
        Self { path, broom }
    }

    /// Where the folder is.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for ScratchDir {
    fn drop(&mut self) {
        drop(self.broom.stdin.take());
        let _ = self.broom.wait();
    }
}
