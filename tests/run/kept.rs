//! A public file that an edit takes out of a ConfigMap stays as long as tokens may need it.

use std::fs;

use crate::program::{Workplace, auth, kids};

const TIMES: &str = "rotation: { mode: Never }\n\
    timing: { publishDelay: 0s, verifierCacheTtl: 0s, signerReloadDelay: 0s, maxTokenLifetime: 4s, clockSkew: 0s }";

fn two_lines() -> String {
    auth(&format!(
        "keys:\n  - {{ algorithm: ES256, name: a }}\n  - {{ algorithm: ES384, name: b }}\n{TIMES}\n\
         configMaps:\n  - name: auth-jwks\n    files:\n      a.json: {{ content: PublicJwks, line: a }}\n      b.json: {{ content: PublicJwks, line: b }}"
    ))
}

fn one_line() -> String {
    auth(&format!(
        "keys:\n  - {{ algorithm: ES256, name: a }}\n{TIMES}\n\
         configMaps:\n  - name: auth-jwks\n    files:\n      a.json: {{ content: PublicJwks, line: a }}"
    ))
}

#[test]
fn the_jwks_of_a_dropped_line_stays_until_what_its_key_signed_has_expired() {
    let place = Workplace::new(&two_lines());
    place.once_well();
    let of_b = kids(&place.json("configmaps/auth-jwks/b.json")).remove(0);
    let mut running = {
        place.state(&one_line());
        place.start_ready()
    };
    running.until("the line retires", || place.in_phase("Retired") == [of_b.clone()]);
    assert!(running.printed().contains("Kept  ") && running.printed().contains("\"b.json\""), "{}", running.printed());
    assert_eq!(kids(&place.json("configmaps/auth-jwks/b.json")), std::slice::from_ref(&of_b));
    let b = place.path("configmaps/auth-jwks/b.json");
    fs::remove_file(&b).unwrap();
    running.until("it is restored like every other file", || b.exists());
    running.until("the last key is gone, and its file with it", || !b.exists());
    assert!(place.in_phase("Retired").is_empty());
    assert!(running.end("TERM").status.success());
}

#[test]
fn it_stays_although_the_keyring_is_lost() {
    let place = Workplace::new(&two_lines().replace("maxTokenLifetime: 4s", "maxTokenLifetime: 1h"));
    place.once_well();
    let of_b = kids(&place.json("configmaps/auth-jwks/b.json")).remove(0);
    place.state(&one_line().replace("maxTokenLifetime: 4s", "maxTokenLifetime: 1h"));
    place.once_well();
    fs::remove_file(place.path("keyrings/auth.json")).unwrap();
    let outcome = place.once_well();
    assert!(outcome.stdout.contains("KeyringRecovered"), "{outcome:#?}");
    assert_eq!(kids(&place.json("configmaps/auth-jwks/b.json")), [of_b]);
}
