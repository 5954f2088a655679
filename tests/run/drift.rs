//! What someone edits or deletes in the directory is put right within seconds; what someone edits in a key set file counts.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use crate::program::{Running, Workplace, auth, kids, read_json};

const ES256: &str = "keys:\n  - algorithm: ES256";

/// Harms a file by `harm` and waits until it is as before.
fn is_restored(place: &Workplace, running: &mut Running, file: &str, harm: impl FnOnce(&Path)) {
    let path = place.path(file);
    let before = fs::read(&path).unwrap();
    harm(&path);
    running.until(&format!("{file} is restored"), || fs::read(&path).is_ok_and(|now| now == before));
}

#[test]
fn what_was_edited_or_deleted_is_restored_by_a_running_program() {
    let place = Workplace::new(&auth(ES256));
    let mut running = place.start_ready();
    let (secret, map) = ("secrets/auth-signer/jwks.json", "configmaps/auth-jwks/jwks.json");
    let active = place.active_kid();
    let delete = |path: &Path| fs::remove_file(path).unwrap();
    let replace = |path: &Path| {
        fs::remove_file(path).unwrap();
        fs::write(path, "{\"keys\":[]}").unwrap();
    };
    for file in [secret, map] {
        is_restored(&place, &mut running, file, |path| fs::write(path, "edited, through the link").unwrap());
        is_restored(&place, &mut running, file, delete);
        is_restored(&place, &mut running, file, replace);
        is_restored(&place, &mut running, file, |path| fs::remove_dir_all(path.parent().unwrap()).unwrap());
        is_restored(&place, &mut running, file, |path| fs::remove_file(path.with_file_name("..data")).unwrap());
    }
    let extra = place.path("secrets/auth-signer/extra");
    fs::write(&extra, "someone else's file in Keyturn's folder").unwrap();
    running.until("a file that does not belong there is gone", || !extra.exists());
    assert_eq!(place.active_kid(), active, "the same key all the time");
    let outcome = running.end("TERM");
    assert!(outcome.status.success() && outcome.stdout.contains("Restored"), "{outcome:#?}");
}

#[test]
fn the_kid_that_was_restored_is_the_one_that_was_there() {
    let place = Workplace::new(&auth(ES256));
    place.once_well();
    let (active, public) = (place.active_kid(), place.public_kids());
    fs::remove_dir_all(place.path("secrets")).unwrap();
    fs::remove_dir_all(place.path("configmaps")).unwrap();
    place.once_well();
    assert_eq!((place.active_kid(), place.public_kids()), (active, public));
    assert_eq!(fs::metadata(place.path("secrets/auth-signer/jwks.json")).unwrap().permissions().mode() & 0o777, 0o600);
}

#[test]
fn an_edited_key_set_counts_and_a_broken_one_does_not_stop_the_rest() {
    let place = Workplace::new(&auth(ES256));
    let mut running = place.start_ready();
    let active = place.active_kid();

    place.state("spec: [");
    let stderr = place.beside("stderr");
    running.until("a broken file is told", || fs::read_to_string(&stderr).unwrap().contains("going on with"));
    is_restored(&place, &mut running, "secrets/auth-signer/jwks.json", |path| fs::remove_file(path).unwrap());
    fs::remove_file(place.set()).unwrap();
    running.until("a missing file is told", || fs::read_to_string(&stderr).unwrap().contains("can't be read"));
    place.state(&auth("keys:\n  - algorithm: ES999"));
    running.until("a bad spec is told", || fs::read_to_string(&stderr).unwrap().contains("unknown algorithm"));
    assert_eq!(place.active_kid(), active, "what was published stays");

    place.state(&auth(&format!("{ES256}\n  - algorithm: ES384")));
    let map = place.path("configmaps/auth-jwks/jwks.json");
    running.until("the new line's first key is published", || kids(&read_json(&map)).len() == 3);
    assert_eq!(
        kids(&place.json("secrets/auth-signer/jwks.json")),
        [active],
        "it waits its lead, for caches may be filled"
    );
    assert!(running.end("INT").status.success());
}

#[test]
fn the_rotate_annotation_and_a_revocation_count_while_it_runs() {
    let facts = "timing: { publishDelay: 0s, verifierCacheTtl: 0s, signerReloadDelay: 0s, maxTokenLifetime: 5m, clockSkew: 0s }";
    let yaml = auth(&format!("{ES256}\n{facts}"));
    let place = Workplace::new(&yaml);
    let mut running = place.start_ready();
    let (first, second) = (place.active_kid(), place.in_phase("Standby").remove(0));
    let asked = |yaml: &str| yaml.replace("name: auth", "name: auth\n  annotations: { keyturn.dev/rotate: now }");
    place.state(&asked(&yaml));
    running.until("the standby is promoted", || place.active_kid() == second);
    running.until("there is a standby again", || place.in_phase("Standby").len() == 1);
    let third = place.in_phase("Standby").remove(0);
    place.state(&asked(&format!("{yaml}  revoked:\n    - kid: {second}\n      reason: Compromised\n")));
    running.until("the revoked key is replaced", || place.active_kid() == third);
    running.until("the revoked key is gone", || !place.public_kids().contains(&second));
    assert!(place.public_kids().contains(&first), "the retired key has nothing to do with it");
    let outcome = running.end("INT");
    assert!(outcome.status.success());
    let told = |what: &str, with: &str, without: &str| {
        let line =
            |line: &str| line.contains(what) && line.contains(&format!("with {with}, and no more with {without}"));
        assert!(outcome.stdout.lines().any(line), "{what}: {outcome:#?}");
    };
    told("Secret \"auth-signer\"", &second, &first);
    told("Secret \"auth-signer\"", &third, &second);
}
