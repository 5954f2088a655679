//! Every kind of file, and the profiles, as other programs read them.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::program::{PATIENCE, Workplace, auth};
use crate::tree::tree;

const PASSPHRASE: &str = "correct horse";

/// A set of an RSA and an EC line whose Secret has a passphrase and one file of each kind.
const EVERY_FILE: &str = r#"
keys:
  - { algorithm: RS256, name: rsa, rsaBits: 2048 }
  - { algorithm: ES256, name: ec }
certificate: { subject: "CN=Auth,O=Example", validity: 87600h }
jwk: { keyOps: true, x5c: true, x5tS256: true, iat: true, nbf: true, exp: Seconds }
secrets:
  - name: encrypted
    passphrase: { secretKeyRef: { name: pass, key: password } }
    files:
      jwks.json: { content: PrivateJwks }
      rsa.key: { content: PrivateKeyPem, line: rsa }
      ec.der: { content: PrivateKeyDer, line: ec }
      keystore.p12: { content: Pkcs12 }
      legacy.p12: { content: Pkcs12, encryption: Legacy }
      PRIVATE_KEY_PASSWORD: { content: Passphrase }
      PRIVATE_RSA_KEY_ID: { content: ActiveKid, line: rsa }
      active-kids.json: { content: ActiveKids }
      revision: { content: Revision }
  - name: plain
    files:
      pkcs1.key: { content: PrivateKeyPem, line: rsa, encoding: PKCS1 }
      sec1.key: { content: PrivateKeyPem, line: ec, encoding: SEC1 }
      pkcs8.der: { content: PrivateKeyDer, line: rsa }
      all.json: { content: PrivateJwks, inactiveKeys: PublicOnly }
configMaps:
  - name: auth-jwks
    files:
      jwks.json: { content: PublicJwks }
      rsa.crt: { content: CertificatePem, line: rsa }
      rsa.pem: { content: PublicKeyPem, line: rsa }
"#;

fn given_passphrase(place: &Workplace, passphrase: &str) {
    let folder = place.path("secrets/pass");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("password"), format!("{passphrase}\n")).unwrap();
}

fn run(program: &str, args: &[&str], file: &Path) -> String {
    let output = Command::new(program).args(args).arg(file).output().unwrap();
    assert!(output.status.success(), "{program} {args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn openssl(args: &[&str], file: &Path) -> String {
    let mut all = args.to_vec();
    all.push("-in");
    run("openssl", &all, file)
}

/// The aliases of a keystore.
fn aliases(keystore: &Path, passphrase: &str) -> Vec<String> {
    let args = ["-J-Duser.language=en", "-list", "-storetype", "pkcs12", "-storepass", passphrase, "-keystore"];
    let listed = run("keytool", &args, keystore);
    listed.lines().filter_map(|line| line.split_once(',').map(|(alias, _)| alias)).map(str::to_owned).collect()
}

#[test]
fn every_file_is_read_by_the_programs_it_is_for_and_all_agree() {
    let place = Workplace::new(&auth(EVERY_FILE));
    given_passphrase(&place, PASSPHRASE);
    place.once_well();
    let pass = format!("pass:{PASSPHRASE}");
    let secret = |file: &str| place.path(&format!("secrets/encrypted/{file}"));
    let plain = |file: &str| place.path(&format!("secrets/plain/{file}"));

    let public = fs::read_to_string(place.path("configmaps/auth-jwks/rsa.pem")).unwrap();
    let pubout = ["pkey", "-pubout", "-passin", &pass];
    assert_eq!(openssl(&pubout, &secret("rsa.key")), public);
    assert_eq!(openssl(&["rsa", "-check", "-pubout"], &plain("pkcs1.key")).replace("RSA key ok\n", ""), public);
    assert_eq!(openssl(&["pkey", "-pubout", "-inform", "DER"], &plain("pkcs8.der")), public);
    let ec = openssl(&["pkey", "-pubout", "-inform", "DER", "-passin", &pass], &secret("ec.der"));
    assert_eq!(openssl(&["ec", "-check", "-pubout"], &plain("sec1.key")), ec);
    assert!(fs::read_to_string(secret("rsa.key")).unwrap().starts_with("-----BEGIN ENCRYPTED PRIVATE KEY-----"));
    assert!(fs::read_to_string(plain("pkcs1.key")).unwrap().starts_with("-----BEGIN RSA PRIVATE KEY-----"));
    assert!(fs::read_to_string(plain("sec1.key")).unwrap().starts_with("-----BEGIN EC PRIVATE KEY-----"));

    let certificate = place.path("configmaps/auth-jwks/rsa.crt");
    assert_eq!(openssl(&["x509", "-noout", "-pubkey"], &certificate), public);
    let subject = openssl(&["x509", "-noout", "-subject", "-nameopt", "RFC2253"], &certificate);
    assert_eq!(subject.trim(), "subject=CN=Auth,O=Example");

    let kids = place.json("secrets/encrypted/active-kids.json");
    let kid = |line: &str| kids[line].as_str().unwrap().to_owned();
    let text = |file: &str| fs::read_to_string(secret(file)).unwrap();
    assert_eq!(text("PRIVATE_RSA_KEY_ID"), kid("rsa"));
    assert_eq!(text("PRIVATE_KEY_PASSWORD"), PASSPHRASE);
    assert_eq!(text("revision"), place.json("keyrings/auth.json")["revision"].to_string());
    let mut wanted = [kid("rsa").to_lowercase(), kid("ec").to_lowercase()];
    wanted.sort();
    for keystore in ["keystore.p12", "legacy.p12"] {
        let mut found = aliases(&secret(keystore), PASSPHRASE);
        found.sort();
        assert_eq!(found, wanted, "{keystore}");
    }

    let jwks = place.json("configmaps/auth-jwks/jwks.json");
    let key = jwks["keys"].as_array().unwrap().iter().find(|key| key["kid"] == kids["rsa"]).unwrap();
    let pem = fs::read_to_string(&certificate).unwrap();
    let base64: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
    assert_eq!(key["x5c"], serde_json::json!([base64]));
    assert_eq!(key["key_ops"], serde_json::json!(["verify"]));
    assert!(key["x5t#S256"].is_string());
    let skew = key["iat"].as_i64().unwrap() - key["nbf"].as_i64().unwrap();
    assert_eq!(skew, 60, "for readers whose clock is behind");
    assert_eq!(key["exp"].as_i64().unwrap() - key["iat"].as_i64().unwrap(), 87600 * 3600);
    let private = place.json("secrets/encrypted/jwks.json");
    assert!(private["keys"].as_array().unwrap().iter().all(|key| key["key_ops"] == serde_json::json!(["sign"])));
    let all = place.json("secrets/plain/all.json");
    let halves: Vec<bool> = all["keys"].as_array().unwrap().iter().map(|key| key.get("d").is_some()).collect();
    assert_eq!(halves, [true, true, false, false], "the active ones first, of the others the public half");
}

#[test]
fn nothing_is_made_anew_until_something_changes_and_a_new_passphrase_is() {
    let place = Workplace::new(&auth(EVERY_FILE));
    given_passphrase(&place, PASSPHRASE);
    place.once_well();
    let before = tree(&place.dir());
    place.once_well();
    assert_eq!(tree(&place.dir()), before, "salts are drawn for what changed only");
    given_passphrase(&place, "another one");
    place.once_well();
    let kids = place.json("secrets/encrypted/active-kids.json");
    let keystore = place.path("secrets/encrypted/keystore.p12");
    assert_eq!(aliases(&keystore, "another one").len(), kids.as_object().unwrap().len());
    let pass = ["pkey", "-noout", "-passin", "pass:another one"];
    openssl(&pass, &place.path("secrets/encrypted/rsa.key"));
}

/// Who loads a keystore and a JWKS goes by the file `revision` alone.
#[test]
fn whatever_changes_in_a_secret_its_revision_does() {
    let place = Workplace::new(&auth(EVERY_FILE));
    given_passphrase(&place, PASSPHRASE);
    place.once_well();
    let revision = || fs::read_to_string(place.path("secrets/encrypted/revision")).unwrap().parse::<u64>().unwrap();
    let mut last = revision();
    let mut is_higher = |why: &str| {
        assert!(revision() > last, "{why}: {} after {last}", revision());
        last = revision();
        assert_eq!(place.json("keyrings/auth.json")["revision"], last);
        place.once_well();
        assert_eq!(revision(), last, "nothing changed since");
    };
    given_passphrase(&place, "another one");
    place.once_well();
    is_higher("another passphrase");
    let edits = [
        ("keyOps: true, ", ""),
        ("      ec.der: { content: PrivateKeyDer, line: ec }\n", ""),
        ("legacy.p12: { content: Pkcs12, encryption: Legacy }", "legacy.p12: { content: Pkcs12 }"),
    ];
    let mut spec = EVERY_FILE.to_owned();
    for (old, new) in edits {
        assert!(spec.contains(old));
        spec = spec.replace(old, new);
        place.state(&auth(&spec));
        place.once_well();
        is_higher(old);
    }
    let before = revision();
    fs::write(place.path("secrets/encrypted/stray"), "text").unwrap();
    place.once_well();
    assert!(!place.path("secrets/encrypted/stray").exists());
    assert_eq!(revision(), before, "what others did is undone, and nothing is new");
}

#[test]
fn a_passphrase_that_is_missing_empty_or_no_text_is_said_and_nothing_is_written() {
    let place = Workplace::new(&auth(EVERY_FILE));
    let missing = place.once();
    assert!(!missing.status.success());
    assert!(missing.stderr.contains("password") && missing.stderr.contains("is missing"), "{}", missing.stderr);
    assert!(!place.path("keyrings/auth.json").exists());
    given_passphrase(&place, "");
    let empty = place.once();
    assert!(!empty.status.success() && empty.stderr.contains("is empty"), "{}", empty.stderr);
    fs::write(place.path("secrets/pass/password"), b"\xff\xfe").unwrap();
    let binary = place.once();
    assert!(!binary.status.success() && binary.stderr.contains("must be UTF-8"), "{}", binary.stderr);
    assert!(!place.path("keyrings/auth.json").exists());
}

#[test]
fn a_revocation_does_not_wait_for_a_passphrase() {
    let place = Workplace::new(&auth(EVERY_FILE));
    given_passphrase(&place, PASSPHRASE);
    place.once_well();
    let kids = place.json("secrets/encrypted/active-kids.json");
    let kid = kids["rsa"].as_str().unwrap().to_owned();
    fs::remove_file(place.path("secrets/pass/password")).unwrap();
    place.state(&auth(&format!("{EVERY_FILE}revoked: [ {{ kid: {kid}, reason: Compromised }} ]\n")));
    let outcome = place.once();
    assert!(!outcome.status.success() && outcome.stderr.contains("is missing"), "{}", outcome.stderr);
    assert!(!place.public_kids().contains(&kid));
    assert!(!place.path("secrets/encrypted/keystore.p12").exists(), "it could not be made without the revoked key");
    given_passphrase(&place, PASSPHRASE);
    place.once_well();
    assert!(!aliases(&place.path("secrets/encrypted/keystore.p12"), PASSPHRASE).contains(&kid.to_lowercase()));
}

#[test]
fn a_certificate_comes_to_keys_that_exist_and_stays_the_same() {
    let keys = "keys:\n  - { algorithm: ES256, name: a }\n";
    let place = Workplace::new(&auth(keys));
    place.once_well();
    let kid = place.active_kid();
    let with =
        |subject: &str| auth(&format!("{keys}certificate: {{ subject: \"{subject}\" }}\njwk: {{ x5c: true }}\n"));
    place.state(&with("CN=One"));
    place.once_well();
    let x5c = || place.json("configmaps/auth-jwks/jwks.json")["keys"][0]["x5c"].clone();
    let first = x5c();
    assert!(first[0].is_string());
    place.state(&with("CN=Two"));
    place.once_well();
    assert_eq!((x5c(), place.active_kid()), (first, kid));
}

#[test]
fn the_profiles_give_their_worlds_what_they_read() {
    let keys = "keys:\n  - { algorithm: RS256, name: a, rsaBits: 2048 }\n";
    let with_passphrase = |name: &str| {
        format!("secrets:\n  - name: {name}\n    passphrase: {{ secretKeyRef: {{ name: pass, key: password }} }}\n")
    };

    let janssen = Workplace::new(&auth(&format!("{keys}profile: Janssen\n{}", with_passphrase("jans"))));
    given_passphrase(&janssen, PASSPHRASE);
    janssen.once_well();
    let web_keys = janssen.json("secrets/jans/jans-auth-keys.json");
    let all = web_keys["keys"].as_array().unwrap();
    let kid = all[0]["kid"].as_str().unwrap();
    assert!(kid.starts_with("connect_") && kid.ends_with("_sig_rs256"), "{kid}");
    assert_eq!(all[0]["key_ops_type"], serde_json::json!(["connect"]));
    assert!(all[0]["exp"].as_i64().unwrap() > 1_000_000_000_000 && all[0]["x5c"].is_array());
    assert!(all.iter().all(|key| key["exp"] == all[0]["exp"]), "readers that choose by exp take the first");
    assert_eq!(aliases(&janssen.path("secrets/jans/jans-auth-keys.p12"), PASSPHRASE).len(), all.len());
    assert!(!janssen.path("configmaps").join("auth-jwks").exists(), "the server publishes");

    let mia = Workplace::new(&auth(&format!("{keys}profile: MiaPlatform\n")));
    mia.once_well();
    let pem = fs::read_to_string(mia.path("secrets/auth-signer/private.key")).unwrap();
    assert!(pem.starts_with("-----BEGIN RSA PRIVATE KEY-----"));
    let jwk = mia.json("configmaps/auth-jwks/client-jwk.json");
    let id = fs::read_to_string(mia.path("secrets/auth-signer/PRIVATE_RSA_KEY_ID")).unwrap();
    assert_eq!(
        (jwk["kid"].as_str(), jwk["use"].as_str(), jwk["alg"].as_str()),
        (Some(id.as_str()), Some("sig"), Some("RS256"))
    );
    assert_ne!(mia.json("configmaps/auth-jwks/next-client-jwk.json")["kid"], jwk["kid"]);
    mia.state(&auth(&format!("{keys}profile: MiaPlatform\n{}", with_passphrase("auth-signer"))));
    given_passphrase(&mia, PASSPHRASE);
    mia.once_well();
    openssl(
        &["pkey", "-noout", "-passin", &format!("pass:{PASSPHRASE}")],
        &mia.path("secrets/auth-signer/private.key"),
    );
    assert_eq!(fs::read_to_string(mia.path("secrets/auth-signer/PRIVATE_KEY_PASSWORD")).unwrap(), PASSPHRASE);

    for profile in ["Ory", "Spring"] {
        let place = Workplace::new(&auth(&format!("{keys}profile: {profile}\n")));
        place.once_well();
        let private: Value = place.json("secrets/auth-signer/jwks.json");
        assert_eq!(private["keys"].as_array().unwrap().len(), 1, "{profile}: one key can sign");
        assert_eq!(place.public_kids().len(), 2, "{profile}");
        let kid = private["keys"][0]["kid"].as_str().unwrap();
        assert_eq!(kid.len(), if profile == "Ory" { 36 } else { 43 }, "{profile}: {kid}");
    }
}

#[test]
fn what_verifiers_read_is_restored_while_a_passphrase_is_missing() {
    let place = Workplace::new(&auth(EVERY_FILE));
    given_passphrase(&place, PASSPHRASE);
    place.once_well();
    let before = place.public_kids();
    fs::remove_file(place.path("secrets/pass/password")).unwrap();
    fs::remove_dir_all(place.path("configmaps/auth-jwks")).unwrap();
    let keystore = fs::read(place.path("secrets/encrypted/keystore.p12")).unwrap();
    let outcome = place.once();
    assert!(!outcome.status.success() && outcome.stderr.contains("is missing"), "{}", outcome.stderr);
    assert_eq!(place.public_kids(), before);
    assert_eq!(fs::read(place.path("secrets/encrypted/keystore.p12")).unwrap(), keystore, "it stays as it is");
}

#[test]
fn a_revocation_counts_in_every_output_even_if_the_pass_that_decided_it_died() {
    let place = Workplace::new(&auth(EVERY_FILE));
    given_passphrase(&place, PASSPHRASE);
    place.once_well();
    let kids = place.json("secrets/encrypted/active-kids.json");
    let kid = kids["rsa"].as_str().unwrap().to_owned();
    let saved = tempfile::tempdir().unwrap();
    let outputs = ["configmaps/auth-jwks", "secrets/encrypted", "secrets/plain"];
    let copy = |from: &Path, to: &Path| {
        assert!(Command::new("cp").arg("-a").arg(from).arg(to).status().unwrap().success());
    };
    for output in outputs {
        copy(&place.path(output), &saved.path().join(output.replace('/', "-")));
    }
    fs::remove_file(place.path("secrets/pass/password")).unwrap();
    place.state(&auth(&format!("{EVERY_FILE}revoked: [ {{ kid: {kid} }} ]\n")));
    place.once();
    // As after a crash between the commit and the first output.
    for output in outputs {
        fs::remove_dir_all(place.path(output)).unwrap();
        copy(&saved.path().join(output.replace('/', "-")), &place.path(output));
    }
    assert!(place.public_kids().contains(&kid));
    place.once();
    assert!(!place.public_kids().contains(&kid));
    assert!(!place.path("secrets/encrypted/keystore.p12").exists());
}

#[test]
fn a_recovery_waits_for_the_passphrase_of_what_it_would_lose() {
    let spec = "keys:\n  - { algorithm: ES256, name: a }\nrotation: { mode: Never }\n\
        timing: { publishDelay: 0s, verifierCacheTtl: 0s, signerReloadDelay: 0s, maxTokenLifetime: 1h, clockSkew: 0s }\n\
        secrets:\n  - name: s\n    passphrase: { secretKeyRef: { name: pass, key: password } }\n    files: { k.p12: { content: Pkcs12 } }\n";
    let place = Workplace::new(&auth(spec));
    given_passphrase(&place, "first");
    place.once_well();
    let backup = fs::read(place.path("keyrings/auth.json")).unwrap();
    for round in ["one", "two"] {
        let asked = format!("name: auth\n  annotations: {{ keyturn.dev/rotate: \"{round}\" }}\n");
        place.state(&auth(spec).replace("name: auth\n", &asked));
        let before = place.in_phase("Active");
        let begun = std::time::Instant::now();
        while place.in_phase("Active") == before {
            assert!(begun.elapsed() < PATIENCE, "the rotation does not come");
            place.once_well();
        }
    }
    let signing = aliases(&place.path("secrets/s/k.p12"), "first");
    fs::write(place.path("keyrings/auth.json"), &backup).unwrap();
    given_passphrase(&place, "another");
    let before = tree(&place.dir());
    let outcome = place.once();
    assert!(!outcome.status.success() && outcome.stderr.contains("does not open (k.p12)"), "{}", outcome.stderr);
    assert_eq!(tree(&place.dir()), before, "nothing is made, and nothing lost");
    given_passphrase(&place, "first");
    place.once_well();
    assert_eq!(aliases(&place.path("secrets/s/k.p12"), "first"), signing, "the key that signs goes on");
}
