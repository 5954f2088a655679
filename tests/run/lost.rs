//! Keyrings that are lost, cut off or restored from a backup.

use std::fs;

use crate::program::{Workplace, auth};
use crate::tree::tree;

const ES256: &str = "keys:\n  - algorithm: ES256";

fn used_place() -> Workplace {
    let place = Workplace::new(&auth(ES256));
    place.once_well();
    place
}

#[test]
fn a_deleted_keyring_is_rebuilt_around_the_key_that_signs() {
    let place = used_place();
    let (active, public) = (place.active_kid(), place.public_kids());
    fs::remove_file(place.path("keyrings/auth.json")).unwrap();
    let outcome = place.once_well();
    assert!(outcome.stdout.contains("KeyringRecovered"), "{outcome:#?}");
    assert_eq!(place.active_kid(), active);
    assert_eq!(place.in_phase("Active"), [active]);
    assert!(public.iter().all(|kid| place.public_kids().contains(kid)), "what was published stays");
    let before = tree(&place.dir());
    place.once_well();
    assert_eq!(tree(&place.dir()), before);
}

#[test]
fn a_keyring_deleted_under_a_running_program_is_rebuilt_too() {
    let place = used_place();
    let active = place.active_kid();
    let mut running = place.start_ready();
    fs::remove_file(place.path("keyrings/auth.json")).unwrap();
    running.until("the keyring is back", || place.path("keyrings/auth.json").exists());
    assert_eq!((place.active_kid(), place.in_phase("Active")), (active.clone(), vec![active]));
    assert!(running.end("INT").status.success());
}

#[test]
fn where_the_private_keys_are_lost_nothing_is_minted_without_the_users_word() {
    let place = used_place();
    let (lost, public) = (place.active_kid(), place.public_kids());
    fs::remove_file(place.path("keyrings/auth.json")).unwrap();
    fs::remove_dir_all(place.path("secrets/auth-signer")).unwrap();
    let before = tree(&place.dir());
    place.once().assert_refused(&["keyring (revision 1) is lost", "everything published stays", "accept-key-loss=1"]);
    assert_eq!(tree(&place.dir()), before, "verifiers go on with what is published");

    let word = |revision: u8| {
        let annotations = format!("name: auth\n  annotations: {{ keyturn.dev/accept-key-loss: \"{revision}\" }}");
        auth(ES256).replace("name: auth", &annotations)
    };
    place.state(&word(2));
    place.once().assert_refused(&["accept-key-loss=1"]);
    assert_eq!(tree(&place.dir()), before, "another revision's loss was accepted");

    place.state(&word(1));
    place.once_well();
    assert!(public.iter().all(|kid| place.public_kids().contains(kid)), "tokens of the lost key still verify");
    let new = place.in_phase("Standby");
    assert_eq!(new.len(), 1);
    assert!(!public.contains(&new[0]) && place.public_kids().contains(&new[0]));
    assert!(place.in_phase("Active").is_empty(), "a new key waits its lead: caches hold the old JWKS");
    assert!(place.in_phase("Retired").contains(&lost));
}

#[test]
fn a_keyring_that_is_cut_off_is_a_sentence_and_stays_as_it_is() {
    let place = used_place();
    let keyring = place.path("keyrings/auth.json");
    let whole = fs::read(&keyring).unwrap();
    for length in [0, 1, whole.len() / 2, whole.len() - 1] {
        fs::write(&keyring, &whole[..length]).unwrap();
        let before = tree(&place.dir());
        place.once().assert_refused(&["keyrings/auth.json", "the keyring is damaged", "restore it from a backup"]);
        assert_eq!(tree(&place.dir()), before, "cut off at {length}");
    }
    fs::write(&keyring, &whole).unwrap();
    place.once_well();

    let newer = String::from_utf8(whole).unwrap().replace("keyring/v1", "keyring/v2");
    fs::write(&keyring, newer).unwrap();
    let before = tree(&place.dir());
    place.once().assert_refused(&["keyring/v2", "run the newer version"]);
    assert_eq!(tree(&place.dir()), before);
}

#[test]
fn a_keyring_from_a_backup_does_not_undo_the_rotation_after_it() {
    let facts = "rotation: { interval: 1h }\ntiming: { publishDelay: 0s, verifierCacheTtl: 0s, signerReloadDelay: 0s, \
                 maxTokenLifetime: 5m, clockSkew: 0s }";
    let yaml = auth(&format!("{ES256}\n{facts}"));
    let place = Workplace::new(&yaml);
    place.once_well();
    let backup = fs::read(place.path("keyrings/auth.json")).unwrap();
    place.state(&yaml.replace("name: auth", "name: auth\n  annotations: { keyturn.dev/rotate: now }"));
    let first = place.active_kid();
    let mut running = place.start_ready();
    running.until("the standby is promoted", || place.active_kid() != first);
    running.end("TERM");
    let (active, public) = (place.active_kid(), place.public_kids());

    fs::write(place.path("keyrings/auth.json"), backup).unwrap();
    let outcome = place.once_well();
    assert!(outcome.stdout.contains("was older than its outputs"), "{outcome:#?}");
    assert_eq!((place.active_kid(), place.in_phase("Active")), (active.clone(), vec![active]));
    assert!(public.iter().all(|kid| place.public_kids().contains(kid)), "every published key stays published");
}

/// `publisher: Signer` waits until the retired keys are gone whose private half no longer exists. A keyring that is lost
/// meanwhile must not forget them.
#[test]
fn a_lost_keyring_finds_what_was_published_while_the_publisher_is_to_change() {
    let facts = "rotation: { mode: Never }\ntiming: { publishDelay: 0s, verifierCacheTtl: 0s, signerReloadDelay: 0s, \
                 maxTokenLifetime: 1h, clockSkew: 0s }";
    let yaml = auth(&format!("{ES256}\n{facts}"))
        .replace("name: auth", "name: auth\n  annotations: { keyturn.dev/rotate: now }");
    let place = Workplace::new(&yaml.replace(": now", ": then"));
    place.once_well();
    let first = place.active_kid();
    place.state(&yaml);
    let mut running = place.start_ready();
    running.until("the standby is promoted", || place.active_kid() != first && place.in_phase("Standby").len() == 1);
    running.end("TERM");
    place.state(&format!("{yaml}  publisher: Signer\n"));
    place.once().assert_refused(&["spec.publisher can become Signer only when", &first]);
    let public = place.public_kids();
    assert!(public.contains(&first));
    fs::remove_file(place.path("keyrings/auth.json")).unwrap();
    place.once().assert_refused(&["spec.publisher can become Signer only when", &first]);
    assert!(public.iter().all(|kid| place.public_kids().contains(kid)), "tokens of the first key still verify");
}

/// Its private keys are those of the published ones: nobody else has them.
#[test]
fn a_secret_that_lost_its_header_still_gives_its_keys_back() {
    let place = used_place();
    let (active, public) = (place.active_kid(), place.public_kids());
    fs::remove_file(place.path("keyrings/auth.json")).unwrap();
    fs::remove_file(place.path("secrets/auth-signer/..data/..keyturn.json")).unwrap();
    let outcome = place.once_well();
    assert!(outcome.stdout.contains("KeyringRecovered"), "{outcome:#?}");
    assert_eq!((place.active_kid(), place.in_phase("Active")), (active.clone(), vec![active]));
    assert!(public.iter().all(|kid| place.public_kids().contains(kid)), "what was published stays");

    let (place, strange) = (used_place(), used_place());
    fs::remove_file(place.path("keyrings/auth.json")).unwrap();
    fs::remove_file(place.path("secrets/auth-signer/..data/..keyturn.json")).unwrap();
    let jwks = "secrets/auth-signer/..data/jwks.json";
    fs::copy(strange.path(jwks), place.path(jwks)).unwrap();
    let before = tree(&place.dir());
    place.once().assert_refused(&["keyring (revision 1) is lost"]);
    assert_eq!(tree(&place.dir()), before, "a key that nobody published is no key of this set");
}

#[test]
fn a_header_that_someone_forged_is_drift_and_nothing_more() {
    let place = used_place();
    let (active, public) = (place.active_kid(), place.public_kids());
    let path = place.path("configmaps/auth-jwks/..data/..keyturn.json");
    let mut stamp: serde_json::Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    stamp["header"]["revision"] = 999.into();
    stamp["header"]["revoked"] = serde_json::json!([{ "kid": active }]);
    fs::write(&path, stamp.to_string()).unwrap();
    let outcome = place.once_well();
    assert!(outcome.stdout.contains("Restored") && !outcome.stdout.contains("KeyringRecovered"), "{outcome:#?}");
    assert_eq!((place.active_kid(), place.public_kids()), (active, public));
    let stamp: serde_json::Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    assert_eq!(stamp["header"]["revision"], 1);
}
