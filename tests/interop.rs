//! Other people's programs read what Keyturn wrote: `openssl`, and the JOSE library of Node.
//!
//! Needs `openssl`, Node 20 or newer, and `npm`, which puts the library `jose` into `target/jose-node` once.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test says by panicking what is wrong")]
#![allow(clippy::indexing_slicing, reason = "JSON that is not as expected fails the test")]

#[path = "run/program.rs"]
mod program;
#[path = "run/tree.rs"]
mod tree;

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::{Arc, Mutex, Weak};

use program::{Workplace, auth};

/// A key line, and who can read its keys.
struct Line {
    algorithm: &'static str,
    /// `rsaBits` or `curve`, as the spec states it.
    stated: &'static str,
    /// What `openssl` says of such a key; openssl 3.0 knows no ML-DSA.
    openssl: Option<&'static str>,
    /// Whether Node signs or encrypts with it: `jose` knows neither ES256K nor `RSA1_5`, and Node 20 no ML-DSA. For
    /// ES256K its `crypto` serves.
    node: bool,
}

const fn line(algorithm: &'static str, stated: &'static str, openssl: &'static str) -> Line {
    Line { algorithm, stated, openssl: Some(openssl), node: true }
}

const fn ml_dsa(algorithm: &'static str) -> Line {
    Line { algorithm, stated: "", openssl: None, node: false }
}

/// Every algorithm.
const LINES: [Line; 24] = [
    line("RS256", "rsaBits: 2048", "(2048 bit"),
    line("RS384", "rsaBits: 3072", "(3072 bit"),
    line("RS512", "rsaBits: 2048", "(2048 bit"),
    line("PS256", "rsaBits: 2048", "(2048 bit"),
    line("PS384", "rsaBits: 2048", "(2048 bit"),
    line("PS512", "rsaBits: 4096", "(4096 bit"),
    line("ES256", "", "prime256v1"),
    line("ES384", "", "secp384r1"),
    line("ES512", "", "secp521r1"),
    line("ES256K", "", "secp256k1"),
    line("Ed25519", "", "ED25519 Public-Key"),
    line("EdDSA", "curve: Ed25519", "ED25519 Public-Key"),
    ml_dsa("ML-DSA-44"),
    ml_dsa("ML-DSA-65"),
    ml_dsa("ML-DSA-87"),
    Line { node: false, ..line("RSA1_5", "rsaBits: 2048", "(2048 bit") },
    line("RSA-OAEP", "rsaBits: 2048", "(2048 bit"),
    line("RSA-OAEP-256", "rsaBits: 2048", "(2048 bit"),
    line("RSA-OAEP-384", "rsaBits: 2048", "(2048 bit"),
    line("RSA-OAEP-512", "rsaBits: 2048", "(2048 bit"),
    line("ECDH-ES", "", "prime256v1"),
    line("ECDH-ES+A128KW", "curve: X25519", "X25519 Public-Key"),
    line("ECDH-ES+A192KW", "curve: P-384", "secp384r1"),
    line("ECDH-ES+A256KW", "curve: P-521", "secp521r1"),
];

impl Line {
    fn name(&self) -> String {
        self.algorithm.to_lowercase().replace(['+', '_'], "-")
    }

    fn signs(&self) -> bool {
        !self.algorithm.starts_with("RSA") && !self.algorithm.starts_with("ECDH")
    }
}

/// Signs, verifies, encrypts and decrypts with everything in the two folders.
const SCRIPT: &str = r"
import assert from 'node:assert/strict';
import * as crypto from 'node:crypto';
import { readFileSync, readdirSync } from 'node:fs';
import * as jose from 'jose';

const [signer, singles, verifier] = process.argv.slice(1);
const text = (path) => readFileSync(path, 'utf8');
const json = (path) => JSON.parse(text(path));
const published = json(`${verifier}/jwks.json`);
const lines = new Map(readdirSync(signer).filter((name) => name.endsWith('.kid'))
  .map((name) => [text(`${signer}/${name}`), name.slice(0, -'.kid'.length)]));
const es256k = (private_, public_) => {
  const key = crypto.createPrivateKey(private_);
  const signature = crypto.sign('sha256', 'hello', { key, dsaEncoding: 'ieee-p1363' });
  const verifier = { key: crypto.createPublicKey(public_), dsaEncoding: 'ieee-p1363' };
  assert.ok(crypto.verify('sha256', 'hello', verifier, signature));
};
const local = jose.createLocalJWKSet(published);
for (const jwk of published.keys) {
  assert.equal(await jose.calculateJwkThumbprint(jwk, 'sha256'), jwk.kid);
  for (const member of ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k', 'priv']) assert.ok(!(member in jwk), member);
}
for (const jwk of json(`${signer}/jwks.json`).keys) {
  const { alg, kid, use } = jwk;
  const line = lines.get(kid);
  const found = published.keys.find((one) => one.kid === kid);
  if (use === 'enc' && !found) continue; // senders must not know the next key yet
  assert.deepEqual(json(`${singles}/${line}.jwk`), jwk);
  assert.deepEqual(json(`${verifier}/${line}.jwk`), found);
  if (alg === 'RSA1_5' || alg.startsWith('ML-DSA')) continue;
  if (alg === 'ES256K') {
    for (const private_ of [{ key: jwk, format: 'jwk' }, text(`${signer}/${line}.pem`)]) {
      for (const public_ of [{ key: found, format: 'jwk' }, text(`${verifier}/${line}.pem`)]) es256k(private_, public_);
    }
    console.log(`${alg} works`);
    continue;
  }
  const private_ = [await jose.importJWK(jwk, alg), await jose.importPKCS8(text(`${signer}/${line}.pem`), alg)];
  const public_ = [await jose.importJWK(found, alg), await jose.importSPKI(text(`${verifier}/${line}.pem`), alg)];
  for (const key of private_) {
    if (use === 'sig') {
      const token = await new jose.SignJWT({ hello: 'world' })
        .setProtectedHeader({ alg, kid }).setExpirationTime('1m').sign(key);
      for (const verify of [local, ...public_]) {
        const { payload } = await jose.jwtVerify(token, verify, { algorithms: [alg] });
        assert.equal(payload.hello, 'world');
      }
    } else {
      for (const other of public_) {
        const message = await new jose.CompactEncrypt(new TextEncoder().encode('hello'))
          .setProtectedHeader({ alg, kid, enc: 'A256GCM' }).encrypt(other);
        const { plaintext } = await jose.compactDecrypt(message, key);
        assert.equal(new TextDecoder().decode(plaintext), 'hello');
      }
    }
  }
  console.log(`${alg} works`);
}
";

/// Symmetric lines, and what a `dir` key encrypts with.
const SYMMETRIC: [(&str, Option<&str>); 13] = [
    ("HS256", None),
    ("HS384", None),
    ("HS512", None),
    ("A128KW", None),
    ("A192KW", None),
    ("A256KW", None),
    ("A128GCMKW", None),
    ("A192GCMKW", None),
    ("A256GCMKW", None),
    ("dir", Some("A128GCM")),
    ("dir", Some("A256GCM")),
    ("dir", Some("A128CBC-HS256")),
    ("dir", Some("A256CBC-HS512")),
];

/// Signs and verifies, or encrypts and decrypts, with each key of a private JWKS, the first of each line as a sender would.
const SYMMETRIC_SCRIPT: &str = r"
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import * as jose from 'jose';

const [signer, ...contents] = process.argv.slice(1);
const { keys } = JSON.parse(readFileSync(`${signer}/jwks.json`, 'utf8'));
for (const jwk of keys) {
  const { alg, kid, use, kty } = jwk;
  assert.equal(kty, 'oct');
  const enc = alg === 'dir' ? contents.find((one) => kid.startsWith(`dir-${one.toLowerCase()}.`)) : 'A256GCM';
  const key = await jose.importJWK(jwk, alg);
  if (use === 'sig') {
    const token = await new jose.SignJWT({ hello: 'world' })
      .setProtectedHeader({ alg, kid }).setExpirationTime('1m').sign(key);
    const { payload } = await jose.jwtVerify(token, await jose.importJWK(jwk, alg), { algorithms: [alg] });
    assert.equal(payload.hello, 'world');
    const other = keys.find((one) => one.alg === alg && one.kid !== kid);
    await assert.rejects(jose.jwtVerify(token, await jose.importJWK(other, alg)), { code: 'ERR_JWS_SIGNATURE_VERIFICATION_FAILED' });
  } else {
    const message = await new jose.CompactEncrypt(new TextEncoder().encode('hello'))
      .setProtectedHeader({ alg, kid, enc }).encrypt(key);
    const { plaintext } = await jose.compactDecrypt(message, await jose.importJWK(jwk, alg));
    assert.equal(new TextDecoder().decode(plaintext), 'hello');
  }
  console.log(`${alg} ${alg === 'dir' ? enc : ''} works`);
}
";

/// What Keyturn wrote, for all tests that run at the same time; the last one removes it.
fn written() -> Arc<Workplace> {
    static WRITTEN: Mutex<Weak<Workplace>> = Mutex::new(Weak::new());
    let mut written = WRITTEN.lock().unwrap();
    written.upgrade().unwrap_or_else(|| {
        let place = Arc::new(write());
        *written = Arc::downgrade(&place);
        place
    })
}

fn write() -> Workplace {
    let place = Workplace::new(&spec());
    let mut running = place.start_ready();
    running.until("the encryption keys are active", || {
        let (active, published) = (place.in_phase("Active"), place.public_kids());
        active.len() == LINES.len() && active.iter().all(|kid| published.contains(kid))
    });
    assert!(running.end("TERM").status.success());
    place
}

fn spec() -> String {
    let stated = |Line { algorithm, stated, .. }: &Line| format!("  - {{ algorithm: {algorithm}, {stated} }}\n");
    let keys = LINES.iter().map(stated).collect::<Vec<_>>().concat();
    let files = |kinds: &[(&str, &str)]| -> String {
        let file = |line: &str, (end, content): &(&str, &str)| {
            format!("      {line}.{end}: {{ content: {content}, line: {line} }}\n")
        };
        let lines = LINES.iter().map(Line::name);
        lines.flat_map(|line| kinds.iter().map(move |kind| file(&line, kind)).collect::<Vec<_>>()).collect()
    };
    let private = files(&[("pem", "PrivateKeyPem"), ("kid", "ActiveKid")]);
    let singles = files(&[("jwk", "PrivateJwk")]);
    let public = files(&[("pem", "PublicKeyPem"), ("jwk", "PublicJwk")]);
    auth(&format!(
        "keys:\n{keys}timing: {{ signerReloadDelay: 0s, clockSkew: 0s }}\n\
         secrets:\n  - name: auth-signer\n    files:\n      jwks.json: {{ content: PrivateJwks }}\n{private}  \
         - name: auth-singles\n    files:\n{singles}\
         configMaps:\n  - name: auth-jwks\n    files:\n      jwks.json: {{ content: PublicJwks }}\n{public}"
    ))
}

/// The PEM files of a line: its private and its public key.
fn pems(place: &Workplace, line: &str) -> (String, String) {
    let path = |folder: &str| place.path(&format!("{folder}/{line}.pem")).into_os_string().into_string().unwrap();
    (path("secrets/auth-signer"), path("configmaps/auth-jwks"))
}

fn run(program: &str, args: &[&str], configure: impl FnOnce(&mut Command)) -> Output {
    let mut command = Command::new(program);
    command.args(args);
    configure(&mut command);
    command.output().unwrap_or_else(|error| panic!("cannot run `{program}`: {error}. Install {}", needed(program)))
}

fn needed(program: &str) -> &str {
    match program {
        "openssl" => "the openssl command",
        _ => "Node 20 or newer, with npm",
    }
}

fn openssl(args: &[&str]) -> String {
    let output = run("openssl", args, |_| {});
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "openssl {args:?}: {errors}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn openssl_finds_every_private_key_sound_and_its_public_half_the_published_one() {
    let place = written();
    for (line, said) in LINES.iter().filter_map(|line| Some((line.name(), line.openssl?))) {
        let (private, public) = pems(&place, &line);
        let text = fs::read_to_string(&private).unwrap();
        assert!(text.starts_with("-----BEGIN PRIVATE KEY-----\n") && text.ends_with("-----END PRIVATE KEY-----\n"));
        let checked = openssl(&["pkey", "-in", &private, "-check", "-noout"]);
        assert!(checked.contains("Key is valid"), "{line}: {checked}");
        assert_eq!(openssl(&["pkey", "-in", &private, "-pubout"]), fs::read_to_string(&public).unwrap(), "{line}");
        let shown = openssl(&["pkey", "-pubin", "-in", &public, "-pubcheck", "-noout", "-text"]);
        assert!(shown.contains(said), "{line}: {shown}");
    }
}

#[test]
fn openssl_verifies_what_openssl_signed_with_the_private_pem() {
    let place = written();
    let temp = tempfile::tempdir().unwrap();
    let (message, signature) = (temp.path().join("message"), temp.path().join("signature"));
    fs::write(&message, "hello").unwrap();
    let (message, signature) = (message.to_str().unwrap(), signature.to_str().unwrap());
    for line in LINES.iter().filter(|line| line.signs() && line.openssl.is_some()) {
        let (private, public) = pems(&place, &line.name());
        if line.algorithm.starts_with("Ed") {
            // These hash by themselves.
            openssl(&["pkeyutl", "-sign", "-rawin", "-inkey", &private, "-in", message, "-out", signature]);
            let verify =
                ["pkeyutl", "-verify", "-rawin", "-pubin", "-inkey", &public, "-in", message, "-sigfile", signature];
            assert!(openssl(&verify).contains("Signature Verified Successfully"), "{}", line.algorithm);
            continue;
        }
        openssl(&["dgst", "-sha256", "-sign", &private, "-out", signature, message]);
        let verify = ["dgst", "-sha256", "-verify", &public, "-signature", signature, message];
        assert!(openssl(&verify).contains("Verified OK"), "{}", line.algorithm);
    }
}

#[test]
fn openssl_decrypts_what_openssl_encrypted_with_the_padding_of_rsa1_5() {
    let place = written();
    let (private, public) = pems(&place, "rsa1-5");
    let temp = tempfile::tempdir().unwrap();
    let (message, sealed) = (temp.path().join("message"), temp.path().join("sealed"));
    fs::write(&message, "hello").unwrap();
    let (message, sealed) = (message.to_str().unwrap(), sealed.to_str().unwrap());
    let padding = ["-pkeyopt", "rsa_padding_mode:pkcs1"];
    let encrypt = ["pkeyutl", "-encrypt", "-pubin", "-inkey", &public, "-in", message, "-out", sealed];
    openssl(&[&encrypt[..], &padding].concat());
    let decrypt = ["pkeyutl", "-decrypt", "-inkey", &private, "-in", sealed];
    assert_eq!(openssl(&[&decrypt[..], &padding].concat()), "hello");
}

#[test]
fn jose_of_node_signs_verifies_encrypts_and_decrypts_with_every_key() {
    let home = jose_home();
    let place = written();
    let folders = ["secrets/auth-signer", "secrets/auth-singles", "configmaps/auth-jwks"].map(|path| place.path(path));
    let output = run("node", &["--input-type=module", "--eval", SCRIPT, "--"], |node| {
        node.args(folders).current_dir(home);
    });
    let (said, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{said}{errors}");
    for Line { algorithm, .. } in LINES.iter().filter(|line| line.node) {
        assert!(said.lines().any(|line| line == format!("{algorithm} works")), "{algorithm}: {said}");
    }
}

#[test]
fn jose_of_node_signs_and_encrypts_with_every_symmetric_key() {
    let home = jose_home();
    let lines: String = SYMMETRIC
        .iter()
        .map(|(algorithm, content)| match content {
            Some(content) => {
                let name = format!("dir-{}", content.to_lowercase());
                format!("  - {{ algorithm: {algorithm}, name: {name}, contentEncryption: {content} }}\n")
            }
            None => format!("  - {{ algorithm: {algorithm} }}\n"),
        })
        .collect();
    let place = Workplace::new(&auth(&format!(
        "keys:\n{lines}encSelection: First\nkid: {{ template: \"{{line}}.{{thumbprint}}\" }}\n\
         timing: {{ signerReloadDelay: 0s, clockSkew: 0s }}"
    )));
    let mut running = place.start_ready();
    running.until("every line has an active key", || place.in_phase("Active").len() == SYMMETRIC.len());
    assert!(running.end("TERM").status.success());
    assert!(tree::names(&place.path("configmaps")).is_empty(), "there is nothing to publish");
    let folder = place.path("secrets/auth-signer");
    let output = run("node", &["--input-type=module", "--eval", SYMMETRIC_SCRIPT, "--"], |node| {
        node.arg(&folder).args(SYMMETRIC.iter().filter_map(|(_, content)| *content)).current_dir(home);
    });
    let (said, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{said}{errors}");
    for (algorithm, content) in SYMMETRIC {
        let works = format!("{algorithm} {} works", content.unwrap_or_default());
        assert_eq!(said.lines().filter(|line| *line == works).count(), 2, "{works}, active and standby: {said}");
    }
}

/// The folder in which Node finds `jose`; fetches it once.
fn jose_home() -> PathBuf {
    let version = run("node", &["--version"], |_| {});
    let version = String::from_utf8_lossy(&version.stdout).trim().to_owned();
    let major = version.trim_start_matches('v').split('.').next().and_then(|major| major.parse::<u32>().ok());
    assert!(major.is_some_and(|major| major >= 20), "Node 20 or newer is needed, and `node` is {version}");
    let home = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/jose-node");
    fs::create_dir_all(&home).unwrap();
    let lock = File::create(home.join("lock")).unwrap();
    lock.lock().unwrap();
    if !home.join("node_modules/jose/package.json").exists() {
        let said = format!("[interop] fetching the npm package jose once into {}", home.display());
        // Past the test harness, which would keep it back.
        let _ = writeln!(std::io::stderr().lock(), "{said}");
        let output = run("npm", &["install", "--no-audit", "--no-fund", "--ignore-scripts", "--prefix"], |npm| {
            npm.arg(&home).arg("jose@6");
        });
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "`npm install jose@6` failed; it needs an npm registry once: {errors}");
    }
    home
}
