//! Symmetric keys: in the Secret, and nowhere else.

use std::fs;

use serde_json::Value;

use crate::program::{Workplace, auth};
use crate::tree::{names, private_texts};

/// A line `a` of that algorithm, for which nobody waits; what was signed lives on for four seconds.
fn set(algorithm: &str) -> String {
    auth(&format!(
        "keys:\n  - algorithm: {algorithm}\n    name: a\nrotation: {{ mode: Never }}\n\
         timing: {{ publishDelay: 0s, verifierCacheTtl: 0s, signerReloadDelay: 0s, maxTokenLifetime: 4s, clockSkew: 0s }}"
    ))
}

fn octets(place: &Workplace) -> Vec<Value> {
    let jwks = place.json("secrets/auth-signer/jwks.json");
    jwks["keys"].as_array().unwrap().iter().map(|key| key["k"].clone()).collect()
}

#[test]
fn a_symmetric_set_has_no_config_map_and_tells_nothing_of_its_keys() {
    let place = Workplace::new(&set("HS256"));
    let outcome = place.once_well();
    assert!(names(&place.path("configmaps")).is_empty());
    let secrets = private_texts(&place.dir());
    assert_eq!(
        secrets.len(),
        3,
        "two keys, in the keyring and in the Secret, and the keyring's own: {}",
        secrets.len()
    );
    let header = fs::read_to_string(place.path("keyrings/auth.json")).unwrap();
    assert!(secrets.iter().all(|secret| header.contains(secret)));
    assert!(!secrets.iter().any(|secret| outcome.stdout.contains(secret) || outcome.stderr.contains(secret)));
    assert_eq!(place.in_phase("Active"), [place.active_kid()], "the active key comes first");
}

#[test]
fn a_set_that_turns_symmetric_publishes_its_last_public_key_until_what_it_signed_has_expired() {
    let place = Workplace::new(&set("ES256"));
    let mut running = place.start_ready();
    let former = place.active_kid();
    place.state(&set("HS256"));
    let former = [former];
    running.until("the symmetric key signs", || place.in_phase("Retired") == former);
    assert_eq!(place.public_kids(), former);
    running.until("the former key is gone", || place.in_phase("Retired").is_empty());
    running.until("nothing is published any more", || place.public_kids().is_empty());
    assert!(running.end("TERM").status.success());
    assert!(octets(&place).iter().all(Value::is_string));
}

/// A crash between the keyring and the last write of the ConfigMap must not leave a revoked key published.
#[test]
fn a_set_that_turned_symmetric_takes_a_revoked_key_away_even_after_a_crash() {
    let place = Workplace::new(&set("ES256"));
    place.once_well();
    place.state(&set("HS256").replace("maxTokenLifetime: 4s", "maxTokenLifetime: 1h"));
    let former = place.active_kid();
    let mut running = place.start_ready();
    running.until("the symmetric key signs", || place.in_phase("Retired") == [former.clone()]);
    running.end("TERM");
    let map = place.path("configmaps/auth-jwks");
    let saved = tempfile::tempdir().unwrap();
    let copy = |from: &std::path::Path, to: &std::path::Path| {
        assert!(std::process::Command::new("cp").arg("-a").arg(from).arg(to).status().unwrap().success());
    };
    let symmetric = set("HS256").replace("maxTokenLifetime: 4s", "maxTokenLifetime: 1h");
    copy(&map, &saved.path().join("map"));
    place.state(&format!("{}  revoked: [ {{ kid: {former} }} ]\n", symmetric.trim_end_matches('\n').to_owned() + "\n"));
    place.once_well();
    assert!(place.public_kids().is_empty());
    fs::remove_dir_all(&map).unwrap();
    copy(&saved.path().join("map"), &map);
    assert_eq!(place.public_kids(), [former], "as after a crash");
    place.once_well();
    assert!(place.public_kids().is_empty());
    fs::remove_dir_all(&map).unwrap();
    place.once_well();
    assert!(!map.exists(), "an empty one is not made anew");
}

#[test]
fn a_symmetric_key_signs_on_after_its_keyring_was_lost() {
    let place = Workplace::new(&set("HS256"));
    place.once_well();
    let (kid, before) = (place.active_kid(), octets(&place));
    fs::remove_file(place.path("keyrings/auth.json")).unwrap();
    let outcome = place.once();
    assert!(outcome.stdout.contains("KeyringRecovered"), "{outcome:#?}");
    assert_eq!((place.active_kid(), &octets(&place)[0]), (kid, &before[0]));
    assert!(octets(&place).contains(&before[1]), "the next key is known, so it stays for a retention");
}
