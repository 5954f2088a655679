//! The token test on a directory, with `keyturn run` as a program of its own.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::encrypted::Encrypted;
use crate::jwt::Jwt;
use crate::program::{Workplace, auth};
use crate::reader::{Source, chance};
use crate::world::{Habits, World};

/// P, C, R and L, in seconds.
#[derive(Clone, Copy)]
struct Facts(u64, u64, u64, u64);

/// What is true of the readers.
const TRUE: Facts = Facts(1, 3, 1, 8);

const SIG: &str = "keys: [{ algorithm: ES256 }, { algorithm: RS256, rsaBits: 2048 }]";
const ENC: &str = "keys: [{ algorithm: RSA-OAEP-256, rsaBits: 2048 }]";

/// How long each step may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(180);

struct File(PathBuf);

impl Source for File {
    fn read(&self) -> Option<String> {
        fs::read_to_string(&self.0).ok()
    }
}

/// Keys that rotate every six seconds. Without a standby each new key waits exactly its lead; with one it is known for
/// longer than it would have to be.
fn spec(keys: &str, standby: bool, Facts(p, c, r, l): Facts) -> String {
    auth(&format!(
        "{keys}\nrotation: {{ interval: 6s, standby: {standby} }}\ntiming: {{ publishDelay: {p}s, verifierCacheTtl: {c}s, \
         signerReloadDelay: {r}s, maxTokenLifetime: {l}s, clockSkew: 0s }}"
    ))
}

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn signers(place: &Workplace, Facts(p, c, r, l): Facts) -> Habits {
    Habits {
        makers_read: Arc::new(File(place.path("secrets/auth-signer/jwks.json"))),
        maker_delays: vec![seconds(r)],
        checkers_read: Arc::new(File(place.path("configmaps/auth-jwks/jwks.json"))),
        checker_delays: vec![seconds(p), seconds(c)],
        lifetime: seconds(l),
    }
}

fn senders(place: &Workplace, Facts(p, c, r, l): Facts) -> Habits {
    Habits {
        makers_read: Arc::new(File(place.path("configmaps/auth-jwks/jwks.json"))),
        maker_delays: vec![seconds(p), seconds(c)],
        checkers_read: Arc::new(File(place.path("secrets/auth-signer/jwks.json"))),
        checker_delays: vec![seconds(r)],
        lifetime: seconds(l),
    }
}

/// Three rotations, with a `kill -9` at any moment between the first and the third.
fn rotate_and_kill(place: &Workplace, world: World, lines: usize) {
    let running = place.start();
    world.until_used(lines, 2, PATIENCE);
    std::thread::sleep(chance(seconds(6)));
    running.kill();
    std::thread::sleep(chance(seconds(2)));
    let running = place.start();
    world.until_used(lines, 4, PATIENCE);
    world.end().assert_flawless();
    assert!(running.end("TERM").status.success());
}

#[test]
fn no_token_fails_while_keys_rotate_on_a_directory() {
    let place = Workplace::new(&spec(SIG, false, TRUE));
    rotate_and_kill(&place, World::begin::<Jwt>(&signers(&place, TRUE)), 2);
}

#[test]
fn no_token_fails_with_a_standby_either() {
    let place = Workplace::new(&spec(SIG, true, TRUE));
    rotate_and_kill(&place, World::begin::<Jwt>(&signers(&place, TRUE)), 2);
}

#[test]
fn everything_encrypted_decrypts_while_keys_rotate_on_a_directory() {
    let place = Workplace::new(&spec(ENC, false, TRUE));
    rotate_and_kill(&place, World::begin::<Encrypted>(&senders(&place, TRUE)), 1);
}

/// What must fail where the readers are slower than the spec states.
fn assert_fails(keys: &str, stated: Facts, real: Facts) {
    let place = Workplace::new(&spec(keys, false, stated));
    let _running = place.start();
    let world = if keys == SIG {
        World::begin::<Jwt>(&signers(&place, real))
    } else {
        World::begin::<Encrypted>(&senders(&place, real))
    };
    assert!(world.fails(PATIENCE), "nothing failed although the stated facts are untrue");
}

#[test]
fn without_a_lead_tokens_fail_so_this_test_can_fail() {
    assert_fails(SIG, Facts(0, 0, 1, 8), Facts(1, 8, 1, 8));
}

#[test]
fn without_a_retention_tokens_fail_too() {
    assert_fails(SIG, Facts(1, 3, 0, 0), TRUE);
}

#[test]
fn without_a_lead_what_is_encrypted_can_not_be_decrypted() {
    assert_fails(ENC, Facts(1, 3, 0, 8), Facts(1, 3, 8, 8));
}

#[test]
fn without_a_retention_what_is_encrypted_can_not_be_decrypted() {
    assert_fails(ENC, Facts(0, 0, 1, 0), TRUE);
}
