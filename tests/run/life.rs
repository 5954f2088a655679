//! Start, rotate, stop, start again.

use std::fs;
use std::path::Path;
use std::time::Duration;

use crate::program::{Outcome, Workplace, auth, command, kids, read_json};
use crate::tree::{names, private_texts, tree};

/// Rotates every three seconds, waiting for nobody.
const BRISK: &str = "
keys:
  - algorithm: ES256
rotation: { interval: 3s }
timing: { publishDelay: 0s, verifierCacheTtl: 0s, signerReloadDelay: 0s, maxTokenLifetime: 20s, clockSkew: 0s }";

#[test]
fn once_makes_the_keys_and_a_second_once_touches_nothing() {
    let place = Workplace::new(&auth("keys:\n  - algorithm: ES256\n  - algorithm: RSA-OAEP-256\n    rsaBits: 2048"));
    let first = place.once_well();
    for word in ["Minted", "Published", "next"] {
        assert!(first.stdout.contains(word), "{word} is not told: {first:#?}");
    }
    let discouraged = "Discouraged  line rsa-oaep-256: RSA keys of 2048 bits must not be relied on past 2030";
    assert_eq!(first.stdout.matches(discouraged).count(), 1, "told once for both new keys: {first:#?}");
    assert!(first.stderr.contains("making an RSA 2048 key for line rsa-oaep-256 of auth"), "{first:#?}");
    assert!(
        private_texts(&place.dir()).len() > 8,
        "private keys are found, so the search of the output means something"
    );

    let before = tree(&place.dir());
    let second = place.once_well();
    assert_eq!(tree(&place.dir()), before);
    assert!(!second.stdout.contains("Minted") && !second.stdout.contains("Published"), "{second:#?}");
    assert_eq!(second.stderr, "", "nothing to do, nothing to warn of");
}

#[test]
fn private_files_are_only_their_owners() {
    let files = "secrets:\n  - name: auth-signer\n    files:\n      jwks.json: { content: PrivateJwks }\n      \
                 private.key: { content: PrivateKeyPem }\n      kid: { content: ActiveKid }";
    let place = Workplace::new(&auth(&format!("keys:\n  - algorithm: ES256\n{files}")));
    place.once_well();
    let mut seen = 0;
    for (path, entry) in tree(&place.dir()) {
        let private = ["keyrings", "secrets"].iter().any(|kind| path.starts_with(place.path(kind)));
        if path.is_symlink() {
            continue;
        }
        let expected = if path.is_dir() { 0o700 } else { 0o600 };
        if private {
            assert_eq!(entry.mode, expected, "{}", path.display());
            seen += 1;
        } else {
            assert_eq!(entry.mode & 0o022, 0, "others can't write {}", path.display());
        }
    }
    assert!(seen >= 8, "keyring, three files, a header, and their folders: {seen}");
    assert_eq!(fs::read_to_string(place.path("secrets/auth-signer/kid")).unwrap(), place.active_kid());
}

#[test]
fn ctrl_c_and_sigterm_end_it_cleanly_and_the_next_start_goes_on() {
    let place = Workplace::new(&auth("keys:\n  - algorithm: ES256"));
    let mut kept = None;
    for signal in ["INT", "TERM"] {
        let outcome = place.start_ready().end(signal);
        assert_eq!(outcome.status.code(), Some(0), "{outcome:#?}");
        assert!(outcome.stdout.contains("stopped"), "{outcome:#?}");
        assert_eq!(outcome.stderr, "");
        let now = (place.active_kid(), place.public_kids(), fs::read(place.path("keyrings/auth.json")).unwrap());
        assert_eq!(*kept.get_or_insert_with(|| now.clone()), now, "the second start changed nothing");
    }
}

#[test]
fn ctrl_c_ends_it_while_a_large_key_is_made() {
    let place = Workplace::new(&auth("keys:\n  - algorithm: RS256\n    rsaBits: 8192"));
    let mut running = place.start();
    let printed = place.beside("stderr");
    running.until("it makes a key", || fs::read_to_string(&printed).unwrap_or_default().contains("making an RSA 8192"));
    let outcome = running.end("INT");
    assert_eq!(outcome.status.code(), Some(0), "{outcome:#?}");
    assert!(!place.path("secrets/auth-signer").exists() && !place.path("keyrings/auth.json").exists());
}

#[test]
fn a_running_program_rotates_and_the_next_start_goes_on_with_what_is_due() {
    let place = Workplace::new(&auth(BRISK));
    let mut running = place.start_ready();
    let (first, second) = (place.active_kid(), place.in_phase("Standby").remove(0));
    assert_ne!(first, second);
    running.until("the standby is promoted", || place.active_kid() != first);
    assert_eq!(place.active_kid(), second, "the key that was published before");
    running.until("the retired key is told", || place.in_phase("Retired").contains(&first));
    assert!(place.public_kids().contains(&first), "what it signed still verifies");
    running.end("TERM");

    // Some decisions may have come between what was read above and the end.
    let (active, standby) = (place.active_kid(), place.in_phase("Standby").remove(0));
    std::thread::sleep(Duration::from_millis(4_100));
    place.once_well();
    assert_eq!(place.active_kid(), standby, "one rotation was due, and exactly one was done");
    assert!(place.in_phase("Retired").contains(&active));
    assert_eq!((place.in_phase("Active").len(), place.in_phase("Standby").len()), (1, 1));
}

#[test]
fn a_retired_key_is_removed_when_its_tokens_have_expired() {
    let place = Workplace::new(&auth(&BRISK.replace("maxTokenLifetime: 20s", "maxTokenLifetime: 2s")));
    let mut running = place.start_ready();
    let first = place.active_kid();
    running.until("the first key retires", || place.in_phase("Retired").contains(&first));
    running.until("it is removed", || !place.public_kids().contains(&first));
    running.until("nothing of it is left", || {
        let files = [place.path("keyrings/auth.json"), place.path("configmaps/auth-jwks/jwks.json")];
        files.iter().all(|file| !fs::read_to_string(file).unwrap_or_default().contains(&first))
    });
    let outcome = running.end("INT");
    for word in ["Minted", "Published", "Promoted", "Retired", "Removed", "next"] {
        assert!(outcome.stdout.contains(word), "{word} is not told: {outcome:#?}");
    }
    for kind in ["secrets/auth-signer", "configmaps/auth-jwks"] {
        let versions = names(&place.path(kind)).into_iter().filter(|name| name.starts_with("..")).count();
        assert_eq!(versions, 2, "one version and the link to it");
    }
}

#[test]
fn every_example_works() {
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
    let mut files: Vec<_> = fs::read_dir(&examples).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert!(files.len() >= 4, "{files:?}");
    let temp = tempfile::tempdir().unwrap();
    let outcome = Outcome::of(command(&files, temp.path()).arg("--once"), temp.path());
    assert!(outcome.status.success(), "{outcome:#?}");
    let public = |name: &str| kids(&read_json(&temp.path().join("configmaps").join(name).join("jwks.json")));
    assert_eq!(public("quickstart-jwks").len(), 4);
    assert_eq!(public("auth-jwks").len(), 4, "two keys of both signing lines; the encryption line waits its lead");
    assert_eq!(public("hydra.jwt.access-token-jwks").len(), 4);
    assert_eq!(public("hydra.openid.id-token-jwks").len(), 2);
    assert_eq!(public("billing-client-public").len(), 2);
    let client = temp.path().join("secrets/billing-client-key");
    assert_eq!(names(&client).into_iter().filter(|name| !name.starts_with("..")).count(), 2);
    let before = tree(temp.path());
    let again = Outcome::of(command(&files, temp.path()).arg("--once"), temp.path());
    assert!(again.status.success(), "{again:#?}");
    assert_eq!(tree(temp.path()), before);
}
