//! A spec that is refused: the one before it goes on, and what the refused one revokes is revoked.

use std::fs;
use std::time::Duration;

use crate::program::{Workplace, auth};
use crate::tree::tree;

const GOOD: &str = "keys:\n  - { algorithm: ES256, name: a }\nrotation: { mode: Never }\n\
    timing: { publishDelay: 0s, verifierCacheTtl: 0s, signerReloadDelay: 0s, maxTokenLifetime: 2s, clockSkew: 0s }";
/// What no keyring may be kept by: a schedule that never fires, for another line.
const BAD: &str = "keys:\n  - { algorithm: ES384, name: b }\nrotation: { mode: Schedule, schedule: every day }";

fn annotated(spec: &str, annotation: &str) -> String {
    auth(spec).replace("name: auth\n", &format!("name: auth\n  annotations: {{ {annotation} }}\n"))
}

#[test]
fn what_a_refused_spec_revokes_is_revoked() {
    let place = Workplace::new(&auth(GOOD));
    place.once_well();
    let (active, next) = (place.active_kid(), place.in_phase("Standby").remove(0));
    place.state(&auth(&format!("{BAD}\nrevoked: [ {{ kid: {active}, reason: Compromised }} ]")));
    place.once().assert_refused(&["every day", "Until that is mended the spec before it counts"]);
    assert_eq!(place.active_kid(), next, "the standby signs");
    assert!(!place.public_kids().contains(&active));
    let keyring = place.json("keyrings/auth.json");
    assert!(keyring["keys"].as_array().unwrap().iter().all(|key| key["line"] == "a"), "nothing is made for line b");

    place.state(&auth(GOOD));
    place.once_well();
    assert!(!place.public_kids().contains(&active), "it stays revoked when the spec is mended");
}

#[test]
fn what_is_due_goes_on_by_the_spec_before_a_refused_one() {
    let place = Workplace::new(&auth(GOOD));
    let mut running = place.start_ready();
    let first = place.active_kid();
    place.state(&annotated(BAD, "keyturn.dev/rotate: now"));
    running.until("the standby is promoted", || place.active_kid() != first);
    running.until("the first key retires and is removed", || !place.public_kids().contains(&first));
    fs::remove_file(place.path("configmaps/auth-jwks/jwks.json")).unwrap();
    running.until("what someone deleted is restored", || place.path("configmaps/auth-jwks/jwks.json").exists());
    let told = running.printed().matches("every day").count();
    assert_eq!(told, 1, "{}", running.printed());
    assert!(running.end("TERM").status.success());
}

#[test]
fn a_spec_that_is_edited_back_changes_nothing() {
    let place = Workplace::new(&auth(GOOD));
    place.once_well();
    let before = tree(&place.dir());
    place.state(&auth(BAD));
    place.once().assert_refused(&["every day"]);
    assert_eq!(tree(&place.dir()), before);
    place.state(&auth(GOOD));
    place.once_well();
    assert_eq!(tree(&place.dir()), before);
}

#[test]
fn the_spec_before_is_the_last_one_that_was_taken() {
    let place = Workplace::new(&auth(GOOD));
    place.once_well();
    place.state(&auth(&format!("{GOOD}\nsecrets: [ {{ name: other }} ]")));
    place.once_well();
    let active = place.in_phase("Active").remove(0);
    place.state(&auth(&format!("{BAD}\nrevoked: [ {{ kid: {active} }} ]")));
    place.once().assert_refused(&["every day"]);
    let signs = place.json("secrets/other/jwks.json")["keys"][0]["kid"].clone();
    assert_ne!(signs, active.as_str());
    assert_eq!(place.active_kid(), active, "a dropped output is left as it is");
}

/// A keyring of an earlier version knows no spec, and one that is lost knows nothing.
#[test]
fn where_no_spec_is_known_a_refused_one_changes_nothing() {
    let place = Workplace::new(&auth(GOOD));
    place.once_well();
    let path = place.path("keyrings/auth.json");
    let mut keyring = place.json("keyrings/auth.json");
    assert!(keyring.as_object_mut().unwrap().remove("accepted").is_some());
    fs::write(&path, keyring.to_string()).unwrap();
    let bad = auth(&format!("{BAD}\nrevoked: [ {{ kid: {} }} ]", place.active_kid()));
    let refused = |place: &Workplace| {
        let before = tree(&place.dir());
        place.state(&bad);
        place.once().assert_refused(&["every day"]);
        assert_eq!(tree(&place.dir()), before);
    };
    refused(&place);
    place.state(&auth(GOOD));
    place.once_well();
    assert!(place.json("keyrings/auth.json")["accepted"]["spec"]["keys"].is_array(), "the next pass notes it");
    fs::remove_file(&path).unwrap();
    refused(&place);
}

#[test]
fn a_keyring_from_a_backup_waits_for_a_spec_that_counts() {
    let place = Workplace::new(&auth(GOOD));
    place.once_well();
    let backup = fs::read(place.path("keyrings/auth.json")).unwrap();
    let first = place.active_kid();
    place.state(&annotated(GOOD, "keyturn.dev/rotate: now"));
    let mut running = place.start_ready();
    running.until("the standby is promoted", || place.active_kid() != first);
    running.end("TERM");
    std::thread::sleep(Duration::from_millis(10));
    fs::write(place.path("keyrings/auth.json"), backup).unwrap();
    let before = tree(&place.dir());
    place.state(&auth(BAD));
    place.once().assert_refused(&["every day"]);
    assert_eq!(tree(&place.dir()), before);
}
