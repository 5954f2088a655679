//! `keyturn generate` as its users run it, and what other programs make of it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test says by panicking what is wrong")]
#![allow(clippy::indexing_slicing, reason = "JSON that is not as expected fails the test")]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

const PASSWORD: &str = "keystore secret";

fn generate(folder: &Path, args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_keyturn"));
    command.arg("generate").args(args).current_dir(folder).stdin(Stdio::null());
    command.env("KEYTURN_KEYSTORE_PASSWORD", PASSWORD).output().unwrap()
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
    let before = chrono::Utc::now().timestamp_millis();
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
    assert!(properties.starts_with(&format!("RS256_keyId={}", keys[0]["kid"].as_str().unwrap())));
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

#[test]
fn misuse_is_told_and_writes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let run = |args: &[&str]| generate(folder.path(), args);
    let keystore = ["--keystore", "k.p12"];
    let with = |args: &[&'static str]| [args, &keystore[..]].concat();
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
    refused(
        &run(&with(&["--sig-keys", "ES256", "--expiration-days", "1", "--keypasswd", "x"])),
        2,
        "can't be an argument",
    );
    let nowhere = ["--sig-keys", "ES256", "--expiration-days", "1", "--keystore", "/dev/null/k.p12"];
    refused(&run(&nowhere), 1, "/dev/null/k.p12");
    let mut empty = Command::new(env!("CARGO_BIN_EXE_keyturn"));
    empty.args(["generate", "--sig-keys", "ES256", "--expiration-days", "1", "--keystore", "k.p12"]);
    let empty = empty.current_dir(folder.path()).env_remove("KEYTURN_KEYSTORE_PASSWORD").stdin(Stdio::null()).output();
    refused(&empty.unwrap(), 1, "the keystore needs a password");
    assert_eq!(names(folder.path()), [""; 0]);
}
