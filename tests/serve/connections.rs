//! Connections that ask nothing, ask slowly, or are there when the server is told to stop.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use crate::program::{Workplace, auth};
use crate::server::Server;

const PATH: &str = "/default/auth/jwks.json";

fn serving() -> (Workplace, Server) {
    let place = Workplace::new(&auth("keys: [{ algorithm: ES256 }]"));
    place.once_well();
    let server = Server::of_dir(&place.dir(), &[]);
    server.ready(PATH);
    (place, server)
}

fn connect(server: &Server) -> TcpStream {
    let stream = TcpStream::connect(server.address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    stream
}

/// Reads until the other side ends the connection.
fn end(mut stream: TcpStream) -> Vec<u8> {
    let mut read = Vec::new();
    match stream.read_to_end(&mut read) {
        Ok(_) => read,
        Err(error) if error.kind() == ErrorKind::ConnectionReset => read,
        Err(error) => panic!("the connection stays open: {error}"),
    }
}

#[test]
fn those_that_say_nothing_or_speak_slowly_are_ended() {
    let (_place, server) = serving();
    let begun = Instant::now();
    let silent = connect(&server);
    let mut slow = connect(&server);
    let drops = std::thread::spawn(move || {
        for octet in format!("GET {PATH} HTTP/1.1\r\nhost: a\r\nx: ").bytes().chain(std::iter::repeat(b'x')) {
            if slow.write_all(&[octet]).is_err() || begun.elapsed() > Duration::from_secs(60) {
                break;
            }
            std::thread::sleep(Duration::from_millis(300));
        }
        begun.elapsed()
    });
    assert!(end(silent).is_empty());
    for after in [begun.elapsed(), drops.join().unwrap()] {
        assert!((9..25).contains(&after.as_secs()), "ended after {after:?}");
    }
}

#[test]
fn a_connection_serves_several_requests_and_ends_when_it_idles() {
    let (_place, server) = serving();
    let mut stream = connect(&server);
    let begun = Instant::now();
    for _ in 0..2 {
        write!(stream, "GET {PATH} HTTP/1.1\r\nhost: a\r\n\r\n").unwrap();
    }
    let read = String::from_utf8(end(stream)).unwrap();
    assert_eq!(read.matches("HTTP/1.1 200 OK").count(), 2);
    assert!((29..55).contains(&begun.elapsed().as_secs()), "ended after {:?}", begun.elapsed());
}

#[test]
fn told_to_stop_it_answers_what_was_asked_and_ends() {
    let (_place, server) = serving();
    let mut half = connect(&server);
    write!(half, "GET {PATH} HTTP/1.1\r\nhost: a\r\n").unwrap();
    let mut used = connect(&server);
    write!(used, "GET {PATH} HTTP/1.1\r\nhost: a\r\n\r\n").unwrap();
    let mut first = [0; 15];
    used.read_exact(&mut first).unwrap();
    assert_eq!(&first, b"HTTP/1.1 200 OK");
    // The server has begun to read the request whose end is missing.
    std::thread::sleep(Duration::from_millis(300));
    server.terminate();
    std::thread::sleep(Duration::from_millis(300));
    assert!(TcpStream::connect(server.address).is_err(), "nobody new is let in");
    // A client that has begun to ask is heard to the end; one that idles is not waited for.
    write!(half, "\r\n").unwrap();
    assert!(end(half).starts_with(b"HTTP/1.1 200 OK"));
    end(used);
    let (status, after) = server.ended();
    assert!(status.success(), "{status}");
    assert!(after < Duration::from_secs(15), "{after:?}");
}

#[test]
fn one_client_leaves_room_for_others() {
    let place = Workplace::new(&auth("keys: [{ algorithm: ES256 }]"));
    place.once_well();
    let server = Server::of_dir(&place.dir(), &["--connections-per-client", "2"]);
    server.ready(PATH);
    // One that was closed is counted for a moment more.
    let keep = || {
        let begun = Instant::now();
        loop {
            let mut stream = connect(&server);
            let mut first = [0; 15];
            let asked = write!(stream, "GET {PATH} HTTP/1.1\r\nhost: a\r\n\r\n");
            if asked.and_then(|()| stream.read_exact(&mut first)).is_ok() {
                assert_eq!(&first, b"HTTP/1.1 200 OK");
                return stream;
            }
            assert!(begun.elapsed() < Duration::from_secs(9), "there is room");
            std::thread::sleep(Duration::from_millis(20));
        }
    };
    let kept = [keep(), keep()];
    let begun = Instant::now();
    assert!(end(connect(&server)).is_empty(), "a third is ended");
    assert!(begun.elapsed() < Duration::from_secs(9), "at once");
    drop(kept);
    keep();
}
