//! `kill -9` at random moments: nothing is lost, nothing is minted twice, nothing is half written.

use std::fs;
use std::hash::{BuildHasher, RandomState};
use std::os::unix::fs::MetadataExt;
use std::time::{Duration, Instant};

use crate::program::{Workplace, auth};
use crate::tree::names;

/// Something to do all the time: a rotation every second, and no lead.
const RESTLESS: &str = "
keys:
  - algorithm: ES256
rotation: { interval: 1s }
timing: { publishDelay: 0s, verifierCacheTtl: 0s, signerReloadDelay: 0s, maxTokenLifetime: 6s, clockSkew: 0s }";

const ROUNDS: u64 = 30;

/// A moment of this round, in microseconds below `most`; another one in each run.
fn moment(round: u64, most: u64) -> Duration {
    Duration::from_micros(RandomState::new().hash_one(round) % most)
}

/// One active key with its standby, in the files as in the keyring.
fn assert_settled(place: &Workplace) {
    assert_eq!((place.in_phase("Active").len(), place.in_phase("Standby").len()), (1, 1));
    assert_eq!(place.in_phase("Active"), [place.active_kid()]);
    let published = place.public_kids();
    for phase in ["Active", "Standby", "Retired"] {
        assert!(place.in_phase(phase).iter().all(|kid| published.contains(kid)), "{phase}");
    }
    assert_eq!(published.len(), place.in_phase("Retired").len() + 2, "no more than the keyring knows");
    assert_eq!(names(&place.path("keyrings")).len(), 1);
    for folder in ["secrets/auth-signer", "configmaps/auth-jwks"] {
        let hidden: Vec<_> = names(&place.path(folder)).into_iter().filter(|name| name.starts_with("..")).collect();
        assert_eq!(hidden.len(), 2, "one version and the link to it: {hidden:?}");
    }
}

/// Waits until the keyring is another file than `before`, which is when the outputs begin to be written; not for ever.
fn await_commit(place: &Workplace, before: Option<u64>) {
    let begun = Instant::now();
    while keyring_inode(place) == before && begun.elapsed() < Duration::from_secs(10) {
        std::thread::sleep(Duration::from_micros(100));
    }
}

fn keyring_inode(place: &Workplace) -> Option<u64> {
    fs::metadata(place.path("keyrings/auth.json")).ok().map(|metadata| metadata.ino())
}

#[test]
fn the_first_pass_can_be_killed_anywhere() {
    let mut in_the_middle = 0;
    for round in 0..ROUNDS {
        let place = Workplace::new(&auth("keys:\n  - algorithm: ES256"));
        let running = place.start();
        if round % 2 == 0 {
            std::thread::sleep(moment(round, 60_000));
        } else {
            await_commit(&place, None);
            std::thread::sleep(moment(round, 4_000));
        }
        running.kill();
        let committed = keyring_inode(&place);
        let signing = place.path("secrets/auth-signer/jwks.json").exists().then(|| place.active_kid());
        in_the_middle += u32::from(committed.is_some() && signing.is_none());
        if place.path("configmaps/auth-jwks/jwks.json").exists() {
            assert_eq!(place.public_kids().len(), 2, "files are whole or not there");
        }
        place.once_well();
        assert_settled(&place);
        assert!(committed.is_none() || keyring_inode(&place) == committed, "what was committed stays, and only once");
        assert!(signing.is_none_or(|signing| signing == place.active_kid()));
    }
    println!("{in_the_middle} of {ROUNDS} kills came between the keyring and the last output");
}

#[test]
fn a_set_that_rotates_all_the_time_can_be_killed_anywhere() {
    let place = Workplace::new(&auth(RESTLESS));
    place.once_well();
    let mut in_the_middle = 0;
    for round in 0..ROUNDS {
        let before = keyring_inode(&place);
        let running = place.start();
        if round % 2 == 0 {
            std::thread::sleep(moment(round, 700_000));
        } else {
            await_commit(&place, before);
            std::thread::sleep(moment(round, 4_000));
        }
        running.kill();
        let (signing, published) = (place.active_kid(), place.public_kids());
        in_the_middle += u32::from(place.in_phase("Active") != [signing.clone()]);
        assert!(published.contains(&signing), "round {round}: a key signs that verifiers never saw");
        place.once_well();
        assert_settled(&place);
        assert!(place.public_kids().contains(&signing), "round {round}: the key that signed is forgotten");
    }
    println!("{in_the_middle} of {ROUNDS} kills came between the keyring and the signers' files");
    let revision = place.json("keyrings/auth.json")["revision"].as_u64().unwrap();
    assert!(revision > ROUNDS / 3, "it rotated meanwhile: revision {revision}");
}
