//! A client that adds nothing to a request and takes nothing from an answer.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::Value;

/// How long an answer may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);

/// One answer.
#[derive(Clone, Debug)]
pub struct Answer {
    pub status: u16,
    headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

/// Asks for a path.
pub fn get(address: SocketAddr, path: &str, headers: &[(&str, &str)]) -> Answer {
    ask(address, "GET", path, headers)
}

/// Sends one request, on a connection of its own.
pub fn ask(address: SocketAddr, method: &str, path: &str, headers: &[(&str, &str)]) -> Answer {
    let lines = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect::<Vec<_>>().concat();
    send(address, &format!("{method} {path} HTTP/1.1\r\nhost: keys.example\r\nconnection: close\r\n{lines}\r\n"))
}

/// Sends octets, and reads until the server closes the connection.
pub fn send(address: SocketAddr, request: &str) -> Answer {
    let mut stream = TcpStream::connect(address).expect("the server listens");
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut octets = Vec::new();
    // A server that refuses what it has not read to its end may reset the connection behind its answer.
    let _ = stream.read_to_end(&mut octets);
    Answer::parse(&octets)
}

impl Answer {
    fn parse(octets: &[u8]) -> Self {
        let end = octets.windows(4).position(|four| four == b"\r\n\r\n").expect("an answer has a head");
        let head = String::from_utf8(octets[..end].to_vec()).unwrap();
        let mut lines = head.split("\r\n");
        let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
        let pair = |line: &str| line.split_once(": ").map(|(name, value)| (name.to_owned(), value.to_owned())).unwrap();
        let mut answer = Self { status, headers: lines.map(pair).collect(), body: octets[end + 4..].to_vec() };
        if answer.header("transfer-encoding") == Some("chunked") {
            answer.body = whole(&answer.body);
        }
        answer
    }

    /// The only header of that name.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut found = self.headers.iter().filter(|(one, _)| one == name).map(|(_, value)| value.as_str());
        let first = found.next();
        assert_eq!(found.next(), None, "{name} is there twice: {self:?}");
        first
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// `max-age` and `stale-if-error`, in seconds.
    pub fn lifetime(&self) -> (u64, u64) {
        (self.seconds("max-age"), self.seconds("stale-if-error"))
    }

    /// A directive of `Cache-Control`; 0 if it is not there.
    pub fn seconds(&self, directive: &str) -> u64 {
        let directives = self.header("cache-control").expect("every answer has one");
        let value = directives.split(", ").find_map(|one| one.strip_prefix(directive)?.strip_prefix('='));
        value.map_or(0, |value| value.parse().unwrap())
    }

    /// The body, decompressed by a program that is not Keyturn's.
    pub fn gunzip(&self) -> Vec<u8> {
        let gzip = Command::new("gzip").arg("-dc").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
        let mut gzip = gzip.expect("gzip is needed on the PATH");
        gzip.stdin.take().unwrap().write_all(&self.body).unwrap();
        let output = gzip.wait_with_output().unwrap();
        assert!(output.status.success());
        output.stdout
    }
}

/// What chunks make together (RFC 9112 section 7.1).
fn whole(mut chunks: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    loop {
        let end = chunks.windows(2).position(|two| two == b"\r\n").expect("a chunk has a size");
        let size = usize::from_str_radix(std::str::from_utf8(&chunks[..end]).unwrap(), 16).unwrap();
        if size == 0 {
            return body;
        }
        body.extend_from_slice(&chunks[end + 2..end + 2 + size]);
        chunks = &chunks[end + 4 + size..];
    }
}
