//! `keyturn generate` as its users run it, and what other programs make of it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test says by panicking what is wrong")]
#![allow(clippy::indexing_slicing, reason = "JSON that is not as expected fails the test")]

use std::fs::{self, File};
use std::io::{Read, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink};
use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

const PASSWORD: &str = "keystore secret";

fn command(folder: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_keyturn"));
    command.arg("generate").args(args).current_dir(folder).stdin(Stdio::null());
    command.env("KEYTURN_KEYSTORE_PASSWORD", PASSWORD);
    command
}

fn generate(folder: &Path, args: &[&str]) -> Output {
    command(folder, args).output().unwrap()
}

fn well(output: &Output) -> Value {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn refused(output: &Output, code: i32, sentence: &str) {
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{said}");
    assert!(said.contains(sentence) && output.stdout.is_empty(), "{said}");
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

fn aliases(keystore: &Path) -> Vec<String> {
    let args = ["-J-Duser.language=en", "-list", "-storetype", "pkcs12", "-storepass", PASSWORD, "-keystore"];
    let listed = Command::new("keytool").args(args).arg(keystore).output().unwrap();
    assert!(listed.status.success(), "{}", String::from_utf8_lossy(&listed.stdout));
    let text = String::from_utf8(listed.stdout).unwrap();
    let mut found: Vec<String> =
        text.lines().filter_map(|line| line.split_once(',').map(|(alias, _)| alias.to_owned())).collect();
    found.sort();
    found
}

#[test]
#[expect(clippy::disallowed_methods, reason = "what is printed counts from when it was asked for")]
fn keys_of_every_kind_are_printed_and_kept_as_janssen_has_them() {
    let folder = tempfile::tempdir().unwrap();
    let args = [
        "--sig-keys",
        "RS256,ES256",
        "ES512",
        "EdDSA",
        "--enc-keys",
        "RSA-OAEP",
        "ECDH-ES",
        "--key-length",
        "2048",
        "--expiration-days",
        "2",
        "--expiration-hours",
        "1",
        "--key-ops-type",
        "ALL",
        "--dn-name",
        "CN=Test,O=Example",
        "--keystore",
        "k.p12",
        "--test-prop-file",
        "test.properties",
    ];
    let before = chrono::Utc::now().timestamp() * 1000;
    let printed = well(&generate(folder.path(), &args));
    let keys = printed["keys"].as_array().unwrap();
    assert_eq!(keys.len(), 12, "each algorithm for connect and for ssa");
    for key in keys {
        let kid = key["kid"].as_str().unwrap();
        let (alg, usage) = (key["alg"].as_str().unwrap(), key["use"].as_str().unwrap());
        let ops = key["key_ops_type"][0].as_str().unwrap();
        assert!(
            kid.starts_with(&format!("{ops}_")) && kid.ends_with(&format!("_{usage}_{}", alg.to_lowercase())),
            "{kid}"
        );
        assert!(key["name"].is_string() && key["descr"].is_string() && key["x5c"].as_array().unwrap().len() == 1);
        assert!(key.get("d").is_none() && key.get("p").is_none());
        let years = (key["exp"].as_i64().unwrap() - before) / 86_400_000 / 365;
        assert_eq!(years, if ops == "ssa" { 50 } else { 0 }, "{kid}");
        if key["kty"] == "EC" {
            assert_eq!(key["x"].as_str().unwrap().len(), key["y"].as_str().unwrap().len());
        }
    }
    let hours = (keys[0]["exp"].as_i64().unwrap() - before) / 3_600_000;
    assert_eq!(hours, 49);
    let mut kids: Vec<String> = keys.iter().map(|key| key["kid"].as_str().unwrap().to_lowercase()).collect();
    kids.sort();
    assert_eq!(aliases(&folder.path().join("k.p12")), kids);
    let properties = fs::read_to_string(folder.path().join("test.properties")).unwrap();
    assert_eq!(properties.lines().count(), 12);
    let property = |index: usize, name: &str| format!("{name}_keyId={}", keys[index]["kid"].as_str().unwrap());
    assert!(properties.starts_with(&property(0, "RS256")));
    assert!(properties.contains(&property(8, "RSA_OAEP")), "as the KeyGenerator writes it: {properties}");
    assert_eq!(keys[0]["name"], "id_token RS256 Sign Key");
    assert_eq!(keys[8]["descr"], "Encryption Key: RSAES OAEP using default parameters");
    let mode = fs::metadata(folder.path().join("k.p12")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn what_is_there_is_kept_and_no_backup_is_overwritten() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let args = ["--sig-keys", "ES256", "--expiration-days", "1", "--keystore", "k.p12", "--json", "k.json"];
    let mut printed = Vec::new();
    for _ in 0..3 {
        printed.push(well(&generate(folder.path(), &args)));
    }
    let backups: Vec<String> = names(folder.path()).into_iter().filter(|name| name.contains(".bak-")).collect();
    assert_eq!(backups.len(), 4, "{backups:?}");
    for (backup, first) in backups.iter().filter(|name| name.starts_with("k.json")).zip(&printed) {
        let kept: Value = serde_json::from_slice(&fs::read(path(backup)).unwrap()).unwrap();
        assert_eq!(kept, *first, "backups are in the order of time");
    }
    let kept = backups.iter().find(|name| name.starts_with("k.p12")).unwrap();
    assert_eq!(aliases(&path(kept)), [printed[0]["keys"][0]["kid"].as_str().unwrap().to_lowercase()]);
    assert_eq!(fs::metadata(path(kept)).unwrap().permissions().mode() & 0o777, 0o600);
}

/// Every certificate is of its key, issued by itself, and ends when the key does.
const NODE: &str = r"
const { X509Certificate, createPublicKey } = require('node:crypto');
const { keys } = JSON.parse(require('node:fs').readFileSync(0));
for (const key of keys) {
    const certificate = new X509Certificate(Buffer.from(key.x5c[0], 'base64'));
    const of = (one) => one.export({ type: 'spki', format: 'der' }).toString('hex');
    const right = of(createPublicKey({ key, format: 'jwk' })) === of(certificate.publicKey)
        && certificate.verify(certificate.publicKey)
        && certificate.subject === 'CN=Test\nO=Example' && certificate.issuer === certificate.subject
        && Date.parse(certificate.validTo) === key.exp;
    console.log(key.alg, key.crv ?? key.kty, right);
}";

#[test]
fn node_and_openssl_read_what_was_made() {
    let folder = tempfile::tempdir().unwrap();
    let args = "--sig-keys ES256 ES384 ES512 ES256K EdDSA PS256 --enc-keys ECDH-ES --key-length 2048 --expiration-hours 3 \
                --dn-name O=Example,CN=Test --keystore k.p12 --json k.json";
    let args: Vec<&str> = args.split_whitespace().collect();
    let printed = generate(folder.path(), &args);
    let keys = well(&printed);
    assert_eq!(fs::read(folder.path().join("k.json")).unwrap(), printed.stdout);
    let node = Command::new("node")
        .args(["-e", NODE])
        .stdin(File::open(folder.path().join("k.json")).unwrap())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&node.stdout);
    let expected = "ES256 P-256 true\nES384 P-384 true\nES512 P-521 true\nES256K secp256k1 true\nEdDSA Ed25519 true\n\
                    PS256 RSA true\nECDH-ES P-256 true\n";
    assert_eq!(said, expected, "{}", String::from_utf8_lossy(&node.stderr));
    for profile in ["modern", "legacy"] {
        let made = generate(folder.path(), &[&args[..], &["--keystore-profile", profile]].concat());
        let keys = well(&made);
        let mut openssl = Command::new("openssl");
        openssl.args(["pkcs12", "-in", "k.p12", "-passin", &format!("pass:{PASSWORD}"), "-nodes"]);
        if profile == "legacy" {
            openssl.arg("-legacy");
        }
        let read = openssl.current_dir(folder.path()).output().unwrap();
        let text = String::from_utf8(read.stdout).unwrap();
        assert!(read.status.success(), "{}", String::from_utf8_lossy(&read.stderr));
        assert_eq!(text.matches("BEGIN PRIVATE KEY").count(), 7, "{profile}");
        for key in keys["keys"].as_array().unwrap() {
            assert!(text.contains(&format!("friendlyName: {}", key["kid"].as_str().unwrap())), "{profile}");
        }
    }
    let said = String::from_utf8_lossy(&printed.stderr);
    assert_eq!(said.lines().count(), 2, "{said}");
    assert!(said.contains("EdDSA: the label EdDSA is deprecated"), "{said}");
    assert!(
        said.contains("PS256: RSA keys of 2048 bits") && said.contains("write --key-length 3072 or more"),
        "{said}"
    );
    assert!(keys["keys"].as_array().unwrap().iter().all(|key| key["y"].is_null() || key["kty"] == "EC"));
}

const ONE: [&str; 4] = ["--sig-keys", "ES256", "--expiration-days", "1"];

#[test]
fn a_link_stays_one_and_owner_group_and_the_groups_rights_are_kept() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let set = |name: &str, mode: u32| {
        fs::write(path(name), "old").unwrap();
        fs::set_permissions(path(name), fs::Permissions::from_mode(mode)).unwrap();
    };
    set("real.p12", 0o644);
    set("k.json", 0o640);
    symlink("real.p12", path("k.p12")).unwrap();
    // Only root can give a file away.
    let given = chown(path("real.p12"), Some(1234), Some(1234)).is_ok();
    let owner = fs::metadata(path("real.p12")).unwrap().uid();
    assert_eq!(given, owner == 1234);
    let made = generate(folder.path(), &[&ONE[..], &["--keystore", "k.p12", "--json", "k.json"]].concat());
    well(&made);
    assert_eq!(fs::read_link(path("k.p12")).unwrap(), Path::new("real.p12"));
    assert_eq!(aliases(&path("real.p12")).len(), 1);
    let said = String::from_utf8_lossy(&made.stderr);
    assert!(said.contains("/real.p12 is kept as ") && said.contains("/k.json is kept as "), "{said}");
    for name in names(folder.path()) {
        let metadata = fs::symlink_metadata(path(&name)).unwrap();
        let (expected, keystore) = match name.as_str() {
            "k.p12" => continue,
            "real.p12" => (0o640, true),
            backup if backup.starts_with("real.p12.bak-") => (0o644, true),
            _ => (0o640, false),
        };
        assert_eq!(metadata.mode() & 0o777, expected, "{name}");
        assert!(!keystore || metadata.uid() == owner, "{name}");
        assert!(!name.contains(".new"), "{name}");
    }
}

#[test]
fn what_can_not_all_be_written_is_not_written_at_all() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    fs::write(path("k.p12"), "old").unwrap();
    let keystore = [&ONE[..], &["--keystore", "k.p12"]].concat();
    for (more, sentence) in [
        (["--json", "./k.p12"], "./k.p12 is named twice"),
        (["--json", "none/k.json"], "none/k.json"),
        (["--test-prop-file", "."], ". is no file"),
    ] {
        let code = if sentence.starts_with("none") { 1 } else { 2 };
        refused(&generate(folder.path(), &[&keystore[..], &more].concat()), code, sentence);
    }
    let full = command(folder.path(), &keystore).stdout(File::create("/dev/full").unwrap()).output().unwrap();
    assert_eq!(full.status.code(), Some(1), "{full:?}");
    assert_eq!(names(folder.path()), ["k.p12"]);
    assert_eq!(fs::read(path("k.p12")).unwrap(), b"old");
}

#[test]
fn a_terminal_is_asked_twice() {
    let folder = tempfile::tempdir().unwrap();
    let line = format!("{} generate {} --keystore k.p12", env!("CARGO_BIN_EXE_keyturn"), ONE.join(" "));
    let ask = |second: &str| {
        // `script` gives the program a terminal.
        let mut command = Command::new("script");
        command.args(["-qec", &line, "/dev/null"]).current_dir(folder.path());
        command.env_remove("KEYTURN_KEYSTORE_PASSWORD").stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let (mut keyboard, mut screen) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        let mut seen = Vec::new();
        for (question, answer) in [("Password of the keystore: ", PASSWORD), ("Once more: ", second)] {
            while !seen.ends_with(question.as_bytes()) {
                let mut octet = [0];
                assert_eq!(screen.read(&mut octet).unwrap(), 1, "{}", String::from_utf8_lossy(&seen));
                seen.extend(octet);
            }
            keyboard.write_all(format!("{answer}\n").as_bytes()).unwrap();
        }
        screen.read_to_end(&mut seen).unwrap();
        (child.wait().unwrap().code(), String::from_utf8_lossy(&seen).into_owned())
    };
    let (code, said) = ask("another");
    assert!(code == Some(1) && said.contains("the passwords differ"), "{said}");
    assert_eq!(names(folder.path()), [""; 0]);
    let (code, said) = ask(PASSWORD);
    assert_eq!(code, Some(0), "{said}");
    assert_eq!(aliases(&folder.path().join("k.p12")).len(), 1);
}

#[test]
fn a_command_line_of_the_key_generator_runs_as_it_stands() {
    let folder = tempfile::tempdir().unwrap();
    let line = "-keystore k.p12 -keypasswd -keystore -sig_keys RS256 ES256 -enc_keys RSA-OAEP -key_length 2048 -dnname O=Example,CN=Keys \
                -expiration 365 -expiration_hours 1 -key_ops_type ALL -test_prop_file k.properties";
    let made = generate(folder.path(), &line.split_whitespace().collect::<Vec<_>>());
    assert_eq!(well(&made)["keys"].as_array().unwrap().len(), 6);
    let said = String::from_utf8_lossy(&made.stderr);
    assert!(said.contains("the password is an argument, which everyone on this machine can read"), "{said}");
    assert!(folder.path().join("k.properties").exists());
    let read = Command::new("openssl")
        .args(["pkcs12", "-in", "k.p12", "-passin", "pass:-keystore", "-noout"])
        .current_dir(folder.path())
        .output()
        .unwrap();
    assert!(read.status.success(), "{}", String::from_utf8_lossy(&read.stderr));
}

#[test]
fn what_makes_no_difference_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let line = "--sig-keys ES256 ES256 --key-length 2048 --expiration-days 1 --keystore k.p12";
    let made = generate(folder.path(), &line.split_whitespace().collect::<Vec<_>>());
    assert_eq!(well(&made)["keys"].as_array().unwrap().len(), 2);
    let said = String::from_utf8_lossy(&made.stderr);
    assert!(said.contains("ES256 is named 2 times") && said.contains("--key-length makes no difference"), "{said}");
}

#[test]
fn misuse_is_told_and_writes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let run = |args: &[&str]| generate(folder.path(), args);
    let keystore = ["--keystore", "k.p12"];
    let with = |args: &[&'static str]| [args, &keystore[..]].concat();
    refused(&run(&["--sig-keys", "ES256", "--expiration-days", "1"]), 2, "state --keystore FILE");
    refused(&run(&with(&["--expiration-days", "1"])), 2, "name algorithms with --sig-keys, --enc-keys or both");
    refused(&run(&with(&["--sig-keys", "RS265", "--expiration-days", "1"])), 2, "did you mean RS256?");
    refused(&run(&with(&["--sig-keys", "RSA-OAEP", "--expiration-days", "1"])), 2, "name it with --enc-keys");
    refused(&run(&with(&["--sig-keys", "RS256"])), 2, "state how long the keys live");
    refused(
        &run(&with(&["--sig-keys", "RS256", "--key-length", "1024", "--expiration-days", "1"])),
        2,
        "1024 is too small",
    );
    refused(&run(&with(&["--sig-keys", "HS256", "--expiration-days", "1"])), 2, "no public half");
    refused(&run(&with(&["--sig-keys", "ES256", "--expiration-days", "1", "--dn-name", "nonsense"])), 2, "--dn-name");
    refused(&run(&[&ONE[..], &["--keystore", "."]].concat()), 2, ". is no file");
    let with_password = |password: &[u8]| {
        fs::write(folder.path().join("password"), password).unwrap();
        let said =
            run(&with(&["--sig-keys", "ES256", "--expiration-days", "1", "--keystore-password-file", "password"]));
        fs::remove_file(folder.path().join("password")).unwrap();
        said
    };
    refused(&with_password(b"\n"), 2, "password is empty");
    refused(&with_password(b"a\0b"), 2, "has a NUL byte");
    let nowhere = ["--sig-keys", "ES256", "--expiration-days", "1", "--keystore", "/dev/null/k.p12"];
    refused(&run(&nowhere), 1, "/dev/null/k.p12");
    let mut empty = Command::new(env!("CARGO_BIN_EXE_keyturn"));
    empty.args(["generate", "--sig-keys", "ES256", "--expiration-days", "1", "--keystore", "k.p12"]);
    let empty = empty.current_dir(folder.path()).env_remove("KEYTURN_KEYSTORE_PASSWORD").stdin(Stdio::null()).output();
    refused(&empty.unwrap(), 2, "the keystore needs a password");
    assert_eq!(names(folder.path()), [""; 0]);
}
