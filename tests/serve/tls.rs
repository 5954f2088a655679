//! TLS, with certificates that change under the running server.

use std::fs;
use std::io::Write;
use std::net::SocketAddr;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use crate::program::{Workplace, auth};
use crate::server::{PATIENCE, Server};

fn openssl(args: &[&str], input: &str) -> Output {
    let child =
        Command::new("openssl").args(args).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let mut child = child.expect("openssl is needed on the PATH");
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    child.wait_with_output().unwrap()
}

/// Makes a self-signed certificate and its key.
fn make(folder: &Path, name: &str) {
    fs::create_dir_all(folder).unwrap();
    let (certificate, key) = (folder.join("tls.crt"), folder.join("tls.key"));
    let subject = format!("/CN={name}");
    let args = [
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:P-256",
        "-nodes",
        "-days",
        "1",
        "-subj",
        &subject,
    ];
    let places = ["-keyout", key.to_str().unwrap(), "-out", certificate.to_str().unwrap()];
    let made = openssl(&[&args[..], &places[..]].concat(), "");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
}

/// A folder as the kubelet mounts a Secret, changed in one step.
fn mount(folder: &Path, version: &str) {
    let next = folder.join("..next");
    symlink(version, &next).unwrap();
    fs::rename(next, folder.join("..data")).unwrap();
    for file in ["tls.crt", "tls.key"] {
        let _ = symlink(format!("..data/{file}"), folder.join(file));
    }
}

/// What a client is told in the handshake.
fn handshake(address: SocketAddr, args: &[&str]) -> String {
    let address = address.to_string();
    let output = openssl(&[&["s_client", "-connect", &address][..], args].concat(), "");
    [output.stdout, output.stderr].map(|part| String::from_utf8_lossy(&part).into_owned()).concat()
}

/// The name in the certificate that a new connection sees.
fn name(address: SocketAddr) -> String {
    let told = handshake(address, &[]);
    let subject = told.lines().find(|line| line.trim_start().starts_with("subject=")).unwrap_or_default();
    subject.rsplit('=').next().unwrap_or_default().trim().to_owned()
}

fn until_named(server: &Server, wanted: &str) {
    let begun = std::time::Instant::now();
    while name(server.address) != wanted {
        assert!(begun.elapsed() < PATIENCE, "{wanted} is not served: {}", server.log());
        std::thread::sleep(Duration::from_millis(100));
    }
}

struct Site {
    place: Workplace,
    server: Server,
}

impl Site {
    fn new() -> Self {
        let place = Workplace::new(&auth("keys: [{ algorithm: ES256 }]"));
        place.once_well();
        let tls = place.beside("tls");
        make(&tls.join("..one"), "one");
        mount(&tls, "..one");
        let file = |name: &str| tls.join(name).to_str().unwrap().to_owned();
        let server = Server::of_dir(&place.dir(), &["--tls-cert", &file("tls.crt"), "--tls-key", &file("tls.key")]);
        Self { place, server }
    }

    fn request(&self) -> String {
        let address = self.server.address.to_string();
        let request = "GET /default/auth/jwks.json HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n";
        let output = openssl(&["s_client", "-quiet", "-connect", &address], request);
        String::from_utf8_lossy(&output.stdout).into_owned()
    }
}

#[test]
fn both_versions_and_both_protocols_are_spoken() {
    let site = Site::new();
    let address = site.server.address;
    assert!(site.server.log().contains("url=https://127.0.0.1:"), "{}", site.server.log());
    for (version, says) in [("-tls1_2", "TLSv1.2"), ("-tls1_3", "TLSv1.3")] {
        assert!(handshake(address, &[version]).contains(says), "{says}");
    }
    let old = handshake(address, &["-tls1_1", "-cipher", "DEFAULT:@SECLEVEL=0"]);
    assert!(!old.contains("BEGIN CERTIFICATE"), "{old}");
    for (offered, says) in [("h2,http/1.1", "ALPN protocol: h2"), ("http/1.1", "ALPN protocol: http/1.1")] {
        assert!(handshake(address, &["-alpn", offered]).contains(says), "{says}");
    }
    let begun = std::time::Instant::now();
    while !site.request().contains("application/jwk-set+json") {
        assert!(begun.elapsed() < PATIENCE, "{}", site.request());
    }
    let script = format!(
        "const c = require('http2').connect('https://{address}', {{ rejectUnauthorized: false }});\
         const r = c.request({{ ':path': '/default/auth/jwks.json' }}); let b = '';\
         r.on('response', h => process.stdout.write(h[':status'] + ' ')); r.on('data', d => b += d);\
         r.on('end', () => {{ console.log(JSON.parse(b).keys.length); c.close(); }}); r.end();"
    );
    let node = Command::new("node").args(["-e", &script]).output().expect("node is needed on the PATH");
    assert_eq!(String::from_utf8_lossy(&node.stdout).trim(), "200 2", "{node:?}");
}

#[test]
fn a_new_certificate_is_taken_up_and_a_bad_one_is_not() {
    let mut site = Site::new();
    let tls = site.place.beside("tls");
    assert_eq!(name(site.server.address), "one");
    make(&tls.join("..two"), "two");
    mount(&tls, "..two");
    until_named(&site.server, "two");
    assert!(site.server.log().contains("a new certificate is served"));

    // A key of another certificate, then no certificate at all, then no files.
    fs::create_dir(tls.join("..bad")).unwrap();
    fs::copy(tls.join("..one/tls.key"), tls.join("..bad/tls.key")).unwrap();
    fs::copy(tls.join("..two/tls.crt"), tls.join("..bad/tls.crt")).unwrap();
    mount(&tls, "..bad");
    site.server.await_log("can't be used together: ");
    assert_eq!(name(site.server.address), "two");
    fs::write(tls.join("..bad/tls.crt"), "-----BEGIN CERTIFICATE-----\nAAAA").unwrap();
    site.server.await_log("holds no certificate in PEM: ");
    fs::remove_file(tls.join("..bad/tls.crt")).unwrap();
    site.server.await_log("tls.crt can't be read: ");
    assert_eq!(name(site.server.address), "two");
    assert!(site.request().contains("200 OK"));

    make(&tls.join("..three"), "three");
    mount(&tls, "..three");
    until_named(&site.server, "three");
    let log = site.server.log();
    for version in ["..one", "..two"] {
        let key = fs::read_to_string(tls.join(version).join("tls.key")).unwrap();
        assert!(!log.contains(key.lines().nth(1).unwrap()), "a key was logged");
    }
}

#[test]
fn files_that_cannot_be_used_stop_the_start() {
    let place = Workplace::new(&auth("keys: [{ algorithm: ES256 }]"));
    let (one, two) = (place.beside("one"), place.beside("two"));
    make(&one, "one");
    make(&two, "two");
    let start = |certificate: &Path, key: &Path| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_keyturn"));
        command.args(["serve", "--listen", "127.0.0.1:0", "--dir"]).arg(place.dir());
        let output = command.arg("--tls-cert").arg(certificate).arg("--tls-key").arg(key).output().unwrap();
        assert_eq!(output.status.code(), Some(1));
        String::from_utf8(output.stderr).unwrap()
    };
    let cases = [
        (start(&one.join("tls.crt"), &two.join("tls.key")), "put the certificate of that key first in its file"),
        (start(&one.join("tls.key"), &one.join("tls.key")), "put the server's certificate there"),
        (start(&one.join("tls.crt"), &one.join("tls.crt")), "put the key there, without a passphrase"),
        (start(&one.join("none"), &one.join("tls.key")), "see that it is there and that this user may read it"),
    ];
    for (said, wanted) in cases {
        assert!(said.contains(wanted), "{said}");
    }
}
