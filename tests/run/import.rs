//! Keys that exist, as other programs wrote them, are adopted: what was signed before is verified afterwards.

use std::fs;
use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde_json::{Value, json};

use crate::program::{Workplace, auth};
use crate::tree::tree;

/// A line `a` of that algorithm, whose former key is in `secrets/legacy/old`; `more` is said of it.
fn set(algorithm: &str, more: &str) -> String {
    let bits = if algorithm == "RS256" { "\n    rsaBits: 2048" } else { "" };
    auth(&format!(
        "keys:\n  - algorithm: {algorithm}\n    name: a{bits}\n\
         import:\n  keys:\n    - secretKeyRef: {{ name: legacy, key: old }}{more}"
    ))
}

/// Runs lines, whose words are parted by spaces, in the folder of `legacy`, where the passphrase is in `pass`.
fn make(place: &Workplace, lines: &[&str]) {
    let folder = place.path("secrets/legacy");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("pass"), "correct-horse\n").unwrap();
    for line in lines {
        let mut words = line.split_whitespace().map(|word| if word == "''" { "" } else { word });
        let output = Command::new(words.next().unwrap()).args(words).current_dir(&folder).output().unwrap();
        assert!(output.status.success(), "{line}: {}", String::from_utf8_lossy(&output.stderr));
    }
}

/// A token that the former issuer signed with the key in `plain.der`.
fn token(place: &Workplace, algorithm: &str, kid: &str) -> String {
    let der = fs::read(place.path("secrets/legacy/plain.der")).unwrap();
    let key = if algorithm == "RS256" { EncodingKey::from_rsa_der(&der) } else { EncodingKey::from_ec_der(&der) };
    #[expect(clippy::disallowed_methods, reason = "the former issuer has a clock of its own")]
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let header = Header { kid: Some(kid.to_owned()), ..Header::new(algorithm.parse().unwrap()) };
    jsonwebtoken::encode(&header, &json!({ "sub": "someone", "exp": now + 3600 }), &key).unwrap()
}

/// Whether verifiers of the ConfigMap take a token.
fn verifies(place: &Workplace, token: &str) -> bool {
    let jwks: JwkSet = serde_json::from_value(place.json("configmaps/auth-jwks/jwks.json")).unwrap();
    let header = jsonwebtoken::decode_header(token).unwrap();
    let Some(jwk) = jwks.find(&header.kid.unwrap()) else { return false };
    let algorithm: Algorithm = jwk.common.key_algorithm.unwrap().to_string().parse().unwrap();
    let key = DecodingKey::from_jwk(jwk).unwrap();
    jsonwebtoken::decode::<Value>(token, &key, &Validation::new(algorithm)).is_ok()
}

#[test]
fn keys_of_other_programs_are_adopted_and_their_tokens_verify() {
    let passphrase = "\n      passphrase: { secretKeyRef: { name: legacy, key: pass } }";
    let kid = "\n      kid: old-1";
    let rsa = "openssl rsa -in old -traditional -outform DER -out plain.der";
    let ec = "openssl pkcs8 -topk8 -nocrypt -in old -outform DER -out plain.der";
    let cases: Vec<(&str, &str, String, Vec<&str>)> = vec![
        ("PKCS#1", "RS256", kid.to_owned(), vec!["openssl genrsa -traditional -out old 2048", rsa]),
        ("PKCS#1 of another size", "RS256", kid.to_owned(), vec!["openssl genrsa -traditional -out old 3072", rsa]),
        ("SEC1", "ES256", kid.to_owned(), vec!["openssl ecparam -genkey -noout -name prime256v1 -out old", ec]),
        (
            "encrypted PKCS#8",
            "RS256",
            format!("{kid}{passphrase}"),
            vec![
                "openssl genrsa -out plain 2048",
                "openssl rsa -in plain -traditional -outform DER -out plain.der",
                "openssl pkcs8 -topk8 -in plain -passout file:pass -out old",
            ],
        ),
        (
            "OpenSSH",
            "ES256",
            kid.to_owned(),
            vec![
                "ssh-keygen -q -t ecdsa -b 256 -N '' -C someone@machine -f old",
                "cp old copy",
                "ssh-keygen -q -p -m PKCS8 -P '' -N '' -f copy",
                "openssl pkcs8 -topk8 -nocrypt -in copy -outform DER -out plain.der",
            ],
        ),
        (
            "a keystore, whose alias stays the kid",
            "RS256",
            passphrase.to_owned(),
            vec![
                "keytool -genkeypair -alias old-1 -keyalg RSA -keysize 2048 -dname CN=Auth -storetype PKCS12 -keystore old \
                 -storepass:file pass",
                "openssl pkcs12 -in old -passin file:pass -nodes -nocerts -out plain",
                "openssl rsa -in plain -traditional -outform DER -out plain.der",
            ],
        ),
    ];
    for (name, algorithm, more, lines) in cases {
        let place = Workplace::new(&set(algorithm, &more));
        make(&place, &lines);
        let token = token(&place, algorithm, "old-1");
        let outcome = place.once_well();
        assert!(outcome.stdout.contains("Imported"), "{name}: {outcome:#?}");
        assert!(verifies(&place, &token), "{name}");
        assert_eq!(place.active_kid(), "old-1", "{name}: it signs on");
        assert_eq!(place.in_phase("Standby").len(), 1, "{name}: its successor is published, and waits");
        assert_eq!(place.public_kids().len(), 2, "{name}");
        // The files are not needed any more.
        fs::remove_dir_all(place.path("secrets/legacy")).unwrap();
        let before = tree(&place.dir());
        let outcome = place.once_well();
        assert!(!outcome.stdout.contains("Imported"), "{name}: {outcome:#?}");
        assert_eq!(tree(&place.dir()), before, "{name}");
    }
}

#[test]
fn a_certificate_that_is_valid_stays_so_that_what_names_it_is_found() {
    let files = "\nsecrets:\n  - name: auth-signer\n    files:\n      a.crt: { content: CertificatePem }\n      jwks.json: { content: PrivateJwks }";
    let place = Workplace::new(&set("RS256", files));
    let request = "openssl req -x509 -newkey rsa:2048 -noenc -keyout key -subj /CN=Auth -out crt -days";
    make(&place, &[&format!("{request} 9"), "sh -c cat<key>old;cat<crt>>old"]);
    place.once_well();
    let kept = || fs::read_to_string(place.path("secrets/auth-signer/a.crt")).unwrap();
    assert_eq!(kept(), fs::read_to_string(place.path("secrets/legacy/crt")).unwrap());
}

#[test]
fn the_documented_set_is_adopted() {
    let page = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/adoption.md")).unwrap();
    let yaml = page.split("```yaml\n").nth(1).unwrap().split("```").next().unwrap();
    let place = Workplace::new(yaml.replace("\n   ", "\n").trim_start());
    fs::create_dir_all(place.path("secrets/legacy-keys")).unwrap();
    make(&place, &["openssl genrsa -out ../legacy-keys/k.pem 2048"]);
    place.once_well();
    assert_eq!(place.active_kid(), "old-1");
}

#[test]
fn an_adopted_key_rotates_and_its_tokens_verify_until_they_expire() {
    let quick = "\nrotation: { interval: 2s }\n\
                 timing: { publishDelay: 0s, verifierCacheTtl: 0s, signerReloadDelay: 0s, maxTokenLifetime: 4s, clockSkew: 0s }";
    let place = Workplace::new(&set("ES256", &format!("\n      kid: old-1{quick}")));
    let ec = "openssl pkcs8 -topk8 -nocrypt -in old -outform DER -out plain.der";
    make(&place, &["openssl ecparam -genkey -noout -name prime256v1 -out old", ec]);
    let token = token(&place, "ES256", "old-1");
    let mut running = place.start_ready();
    assert!(verifies(&place, &token) && place.active_kid() == "old-1");
    running.until("the next key signs", || place.in_phase("Retired") == ["old-1"]);
    assert!(verifies(&place, &token), "what it signed is still valid");
    running.until("the adopted key is gone", || !verifies(&place, &token));
    assert!(running.end("TERM").status.success());
}

#[test]
fn a_set_of_several_keys_comes_whole_and_some_of_them_may_be_public() {
    let place = Workplace::new(&set("ES256", "\n      role: Active"));
    // Keyturn's own signers' files are a way to move keys from one place to another.
    let other = Workplace::new(&auth("keys:\n  - algorithm: ES256"));
    other.once_well();
    let mut jwks = other.json("secrets/auth-signer/jwks.json");
    let standby = other.in_phase("Standby").remove(0);
    let public = other.json("configmaps/auth-jwks/jwks.json");
    let half = public["keys"].as_array().unwrap().iter().find(|key| key["kid"] == *standby).unwrap();
    jwks["keys"].as_array_mut().unwrap().insert(0, half.clone());
    fs::create_dir_all(place.path("secrets/legacy")).unwrap();
    let file = place.path("secrets/legacy/old");

    fs::write(&file, jwks.to_string()).unwrap();
    place
        .once()
        .assert_refused(&[&standby, "only its public half is there, and it is to be active: give the private one"]);
    assert!(!place.path("keyrings/auth.json").exists(), "nothing is adopted half-way");
    jwks["keys"].as_array_mut().unwrap().reverse();
    fs::write(&file, jwks.to_string()).unwrap();
    place.once_well();
    assert_eq!(place.active_kid(), other.active_kid());
    assert_eq!(place.in_phase("Retired"), [standby]);
}

/// Verifiers refuse a whole JWK Set for one point that is none.
#[test]
fn a_public_key_that_is_no_point_of_its_curve_is_refused_by_its_name() {
    let place = Workplace::new(&set("ES256", ""));
    let other = Workplace::new(&auth("keys: [ { algorithm: ES256, name: a } ]"));
    other.once_well();
    let mut jwks = other.json("secrets/auth-signer/jwks.json");
    let standby = other.in_phase("Standby")[0].clone();
    let public = other.json("configmaps/auth-jwks/jwks.json");
    let mut half = public["keys"].as_array().unwrap().iter().find(|key| key["kid"] == standby).unwrap().clone();
    half["x"] = half["y"].clone();
    jwks["keys"].as_array_mut().unwrap().push(half);
    fs::create_dir_all(place.path("secrets/legacy")).unwrap();
    fs::write(place.path("secrets/legacy/old"), jwks.to_string()).unwrap();
    place.once().assert_refused(&[&standby, "the public key is no point of its curve"]);
    assert!(!place.path("keyrings/auth.json").exists(), "nothing is adopted half-way");
}

#[test]
fn a_public_key_beside_a_private_one_in_a_pem_file_is_not_passed_over() {
    let place = Workplace::new(&set("ES256", ""));
    make(
        &place,
        &[
            "openssl ecparam -name prime256v1 -genkey -noout -out former",
            "openssl pkey -in former -pubout -out former.pem",
            "openssl pkcs8 -topk8 -nocrypt -in former -outform DER -out plain.der",
            "openssl ecparam -name prime256v1 -genkey -noout -out now",
        ],
    );
    let read = |name: &str| fs::read_to_string(place.path("secrets/legacy").join(name)).unwrap();
    fs::write(place.path("secrets/legacy/old"), read("now") + &read("former.pem")).unwrap();
    place.once_well();
    let [former] = &place.in_phase("Retired")[..] else { panic!("one retired key") };
    assert!(verifies(&place, &token(&place, "ES256", former)), "what the former key signed is still valid");
}

#[test]
fn what_is_not_asked_for_stands_in_nobodys_way() {
    let place = Workplace::new(&set("ES256", "\n      alias: good"));
    let other = Workplace::new(&auth("keys:\n  - algorithm: ES256"));
    other.once_well();
    let mut jwk = other.json("secrets/auth-signer/jwks.json")["keys"][0].clone();
    jwk["kid"] = "good".into();
    let keys = json!([{ "kty": "WAT", "kid": "odd", "x": 1 }, "no key", { "kid": 5 }, { "kty": "RSA", "kid": "bad", "n": "AQAB" }, jwk]);
    fs::create_dir_all(place.path("secrets/legacy")).unwrap();
    fs::write(place.path("secrets/legacy/old"), json!({ "keys": keys }).to_string()).unwrap();
    place.once_well();
    assert_eq!(place.active_kid(), "good");

    let all = Workplace::new(&set("ES256", ""));
    fs::create_dir_all(all.path("secrets/legacy")).unwrap();
    fs::copy(place.path("secrets/legacy/old"), all.path("secrets/legacy/old")).unwrap();
    all.once().assert_refused(&["keys[0] (odd): this is no JWK", "key type \"WAT\" is not supported", "keys[3] (bad)"]);
}

#[test]
fn certificates_of_a_keystore_are_retired_public_keys() {
    let passphrase = "passphrase: { secretKeyRef: { name: legacy, key: pass } }";
    let trusted = |alias: &str| {
        format!(
            "\n      {passphrase}\n      alias: Bee\n    - secretKeyRef: {{ name: legacy, key: trust }}\n      {passphrase}\n      role: \
             Retired{alias}"
        )
    };
    for alias in ["", "\n      alias: Former"] {
        let place = Workplace::new(&set("ES256", &trusted(alias)));
        let stores = "-storetype PKCS12 -storepass:file pass -keystore";
        let key = "-keyalg EC -groupname secp256r1 -dname CN=keys";
        make(
            &place,
            &[
                &format!("keytool -genkeypair -alias Bee {key} {stores} old"),
                &format!("keytool -genkeypair -alias former {key} {stores} former"),
                &format!("keytool -exportcert -rfc -alias former -file former.pem {stores} former"),
                &format!("keytool -importcert -noprompt -alias former -file former.pem {stores} trust"),
                "openssl pkcs12 -in former -passin file:pass -nodes -nocerts -out former.key",
                "openssl pkcs8 -topk8 -nocrypt -in former.key -outform DER -out plain.der",
            ],
        );
        place.once_well();
        assert_eq!((place.active_kid().as_str(), &place.in_phase("Retired")[..]), ("bee", &["former".to_owned()][..]));
        assert!(verifies(&place, &token(&place, "ES256", "former")));
    }
}

#[test]
fn an_rsa_key_comes_from_its_exponent_alone_and_one_for_pss_only_into_a_line_of_pss() {
    let place = Workplace::new(&set("RS256", ""));
    let other = Workplace::new(&auth("keys:\n  - algorithm: RS256\n    rsaBits: 2048"));
    other.once_well();
    let mut jwk = other.json("secrets/auth-signer/jwks.json")["keys"][0].clone();
    let whole = jwk.clone();
    for member in ["p", "q", "dp", "dq", "qi"] {
        jwk.as_object_mut().unwrap().remove(member);
    }
    fs::create_dir_all(place.path("secrets/legacy")).unwrap();
    fs::write(place.path("secrets/legacy/old"), jwk.to_string()).unwrap();
    place.once_well();
    let kept = place.json("secrets/auth-signer/jwks.json")["keys"][0].clone();
    assert_eq!((&kept["kid"], &kept["n"], &kept["d"]), (&whole["kid"], &whole["n"], &whole["d"]));
    assert!(kept["p"].is_string() && kept["qi"].is_string());

    let place = Workplace::new(&set("RS256", ""));
    make(&place, &["openssl genpkey -algorithm RSA-PSS -pkeyopt rsa_keygen_bits:2048 -out old"]);
    place.once().assert_refused(&[
        "block 1: it is of type id-RSASSA-PSS, for PS256 or PS384 or PS512 alone",
        "line a is for RS256",
    ]);
    place.state(&set("PS256", ""));
    place.once_well();
}

#[test]
fn a_refused_key_is_named_and_what_is_missing_is_awaited() {
    let more = "\n      passphrase: { secretKeyRef: { name: legacy, key: pass } }";
    let place = Workplace::new(&set("RS256", more));
    let folder = place.path("secrets/legacy");
    let mut running = place.start();
    let path = folder.join("old").display().to_string();
    running
        .until("the path is told", || running_says(&place, &format!("the spec refers to {path}, which is not there")));

    make(&place, &["openssl genrsa -out plain 1024", "openssl pkcs8 -topk8 -in plain -passout file:pass -out old"]);
    running.until("a small key is refused", || running_says(&place, "block 1: the RSA modulus has 1024 bits"));
    make(&place, &["openssl genrsa -out plain 2048", "openssl pkcs8 -topk8 -in plain -passout pass:other -out old"]);
    running.until("the passphrase is refused", || running_says(&place, "the passphrase does not open this"));
    make(&place, &["openssl ecparam -genkey -noout -name prime256v1 -out old"]);
    running.until("the kind is refused", || running_says(&place, "it is a P-256 key, and line a (RS256) takes RSA"));
    assert!(!place.path("keyrings/auth.json").exists() && !place.path("secrets/auth-signer").exists());
    make(&place, &["openssl genrsa -out old 2048"]);
    running.until("it is adopted", || place.path("secrets/auth-signer/jwks.json").exists());

    place.state(&set("RS256", "\n      kid: another"));
    running
        .until("a late edit is told", || running_says(&place, "spec.import asks for keys for line a, which has begun"));
    let said = running.end("TERM").stderr;
    assert!(!said.contains("correct-horse") && !said.contains("PRIVATE KEY"), "{said}");
    assert_eq!(said.lines().filter(|line| line.contains("is not there")).count(), 1, "told once: {said}");
}

fn running_says(place: &Workplace, sentence: &str) -> bool {
    ["stdout", "stderr"]
        .iter()
        .any(|name| fs::read_to_string(place.beside(name)).unwrap_or_default().contains(sentence))
}

#[test]
fn a_symmetric_jwk_is_adopted() {
    let place = Workplace::new(&set("HS256", ""));
    fs::create_dir_all(place.path("secrets/legacy")).unwrap();
    let jwk = json!({ "kty": "oct", "kid": "shared", "alg": "HS256", "k": "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow" });
    fs::write(place.path("secrets/legacy/old"), jwk.to_string()).unwrap();
    place.once_well();
    let kept = place.json("secrets/auth-signer/jwks.json");
    assert_eq!((&kept["keys"][0]["kid"], &kept["keys"][0]["k"]), (&jwk["kid"], &jwk["k"]));
}
