//! Tokens that are minted and checked all the time: `node/watch.mjs`.

use std::fs;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use serde::Deserialize;
use serde_json::Value;

use crate::fetched::{Language, NODE};
use crate::leash::Leashed;
use crate::program::Workplace;
use crate::programs;

/// What came of it.
#[derive(Debug, Deserialize)]
pub struct Outcome {
    pub minted: u32,
    pub checks: u32,
    /// The keys that signed, in order.
    pub kids: Vec<String>,
    pub failures: Vec<Value>,
}

/// How long a server may take to listen.
const PATIENCE: Duration = Duration::from_secs(60);

/// A folder with Node's libraries, in which scripts find them.
pub fn node_home() -> PathBuf {
    Language::npm("servers")
}

/// Mints and checks, as `watch.mjs` says, until it has seen enough.
pub fn watch(how: &Value) -> Outcome {
    let (home, sources) = (node_home(), Language::new("servers", "node", &[]).sources);
    let script = home.join("watch.mjs");
    fs::copy(sources.join("watch.mjs"), &script).unwrap();
    let said = programs::run(Command::new("node").arg(script).arg(how.to_string()), NODE);
    serde_json::from_str(&said.unwrap_or_else(|why| panic!("{why}"))).unwrap()
}

/// A port that was free a moment ago.
pub fn free_port() -> u16 {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port()
}

/// `keyturn serve` of a directory.
pub fn serve(place: &Workplace, port: u16) -> Leashed {
    let log = place.beside("serve.log");
    let mut server = Leashed::spawn(Path::new(env!("CARGO_BIN_EXE_keyturn")), Some(&log), |keyturn| {
        keyturn.args(["serve", "--listen", &format!("127.0.0.1:{port}"), "--dir"]).arg(place.dir());
    });
    until_it_listens(&mut server, port, &log);
    server
}

/// Waits until something listens there.
pub fn until_it_listens(server: &mut Leashed, port: u16, log: &Path) {
    let begun = Instant::now();
    while TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err() {
        let said = || fs::read_to_string(log).unwrap_or_default();
        assert!(server.ended().is_none(), "the server ended: {}", said());
        assert!(begun.elapsed() < PATIENCE, "the server does not listen: {}", said());
        std::thread::sleep(Duration::from_millis(50));
    }
}
