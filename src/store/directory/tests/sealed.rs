//! Keyrings sealed under system secrets that come from files.

use std::fs;
use std::path::PathBuf;

use futures::executor::block_on;
use tempfile::TempDir;

use super::{keyring, mode, set};
use crate::keyring::{FormatError, SecretId, SystemSecret};
use crate::store::directory::DirectoryStore;
use crate::store::{Seal, SetRef, Snapshot, Store, StoreError, StoredKeyring};

/// A directory, and files of system secrets beside it.
struct Place {
    dir: TempDir,
}

impl Place {
    fn new() -> Self {
        Self { dir: tempfile::tempdir().unwrap() }
    }

    fn secret(&self, name: &str, content: &str) -> PathBuf {
        let path = self.dir.path().join(name);
        fs::write(&path, content).unwrap();
        path
    }

    fn store(&self, seal: &Seal) -> DirectoryStore {
        DirectoryStore::open(&self.dir.path().join("keys"), seal.clone()).unwrap()
    }

    fn stored(&self) -> Vec<u8> {
        fs::read(self.keyring()).unwrap()
    }

    fn keyring(&self) -> PathBuf {
        self.dir.path().join("keys/keyrings/auth.json")
    }
}

const OLD: &str = "the old one, of thirty-two bytes";
const NEW: &str = "the new one, of thirty-two bytes";

fn seal(files: &[&PathBuf]) -> Seal {
    Seal::open(files.iter().map(|path| (*path).clone()).collect(), None).unwrap()
}

fn id(text: &str) -> SecretId {
    SystemSecret::new(text.as_bytes()).unwrap().id().clone()
}

fn load(store: &DirectoryStore) -> Result<StoredKeyring, StoreError> {
    block_on(store.load(&set(), &[])).map(|Snapshot { keyring, .. }| keyring.unwrap())
}

#[test]
fn a_sealed_keyring_is_read_again_and_nothing_is_due() {
    let place = Place::new();
    let old = place.secret("old", OLD);
    let store = place.store(&seal(&[&old]));
    let version = block_on(store.commit(&set(), &keyring(1), None)).unwrap();
    let stored = load(&store).unwrap();
    assert_eq!((stored.keyring.revision, stored.version, stored.seal_due), (1, version, None));
    let text = String::from_utf8(place.stored()).unwrap();
    assert!(text.contains(&id(OLD).to_string()) && !text.contains("macKey"), "{text}");
    assert_eq!(mode(&place.keyring()), 0o600);
}

#[test]
fn no_nonce_is_drawn_twice() {
    let place = Place::new();
    let store = place.store(&seal(&[&place.secret("old", OLD)]));
    let mut seen = std::collections::HashSet::new();
    let mut version = None;
    for _ in 0..32 {
        version = Some(block_on(store.commit(&set(), &keyring(1), version.as_ref())).unwrap());
        let envelope: serde_json::Value = serde_json::from_slice(&place.stored()).unwrap();
        assert!(seen.insert(envelope["nonce"].as_str().unwrap().to_owned()));
    }
}

#[test]
fn the_first_secret_seals_and_all_unseal() {
    let place = Place::new();
    let (old, new) = (place.secret("old", OLD), place.secret("new", NEW));
    let plain = place.store(&Seal::default());
    let version = block_on(plain.commit(&set(), &keyring(1), None)).unwrap();
    assert_eq!(load(&plain).unwrap().seal_due, None, "no secret, no seal");
    drop(plain);

    let store = place.store(&seal(&[&old]));
    assert_eq!(load(&store).unwrap().seal_due, Some(id(OLD)), "a plain one is read, and due");
    block_on(store.commit(&set(), &keyring(1), Some(&version))).unwrap();
    assert_eq!(load(&store).unwrap().seal_due, None);
    drop(store);

    let store = place.store(&seal(&[&new, &old]));
    let stored = load(&store).unwrap();
    assert_eq!(stored.seal_due, Some(id(NEW)));
    block_on(store.commit(&set(), &keyring(1), Some(&stored.version))).unwrap();
    assert_eq!(load(&store).unwrap().seal_due, None);
    drop(store);
    assert_eq!(load(&place.store(&seal(&[&new]))).unwrap().keyring.revision, 1, "the old one may go");
}

#[test]
fn a_keyring_that_does_not_open_is_an_error_and_stays() {
    let place = Place::new();
    let (old, new) = (place.secret("old", OLD), place.secret("new", NEW));
    let store = place.store(&seal(&[&old]));
    block_on(store.commit(&set(), &keyring(1), None)).unwrap();
    let before = place.stored();
    let other_set = SetRef { name: "other".to_owned(), ..set() };
    fs::copy(place.keyring(), place.keyring().with_file_name("other.json")).unwrap();
    let moved = block_on(store.load(&other_set, &[]));
    assert!(matches!(moved, Err(StoreError::Keyring { source: FormatError::Changed { .. }, .. })), "{moved:?}");
    drop(store);
    for (seal, listed) in [(Seal::default(), 0), (seal(&[&new, &new]), 1)] {
        let store = place.store(&seal);
        let refused = load(&store);
        let missing = matches!(&refused, Err(StoreError::Keyring { source: FormatError::SecretMissing { given, .. }, .. })
            if given.len() == listed);
        assert!(missing, "{refused:?}");
        let committed = block_on(store.commit(&set(), &keyring(1), None));
        assert!(matches!(committed, Err(StoreError::Conflict(_))), "never written over unseen");
    }
    assert_eq!(place.stored(), before);
}

#[test]
fn a_changed_file_is_noticed_and_a_bad_one_changes_nothing() {
    let place = Place::new();
    let file = place.secret("secret", OLD);
    let seal = seal(&[&file]);
    assert!(!seal.refresh().unwrap(), "nothing has changed");
    fs::write(&file, format!("{OLD}\n")).unwrap();
    assert!(!seal.refresh().unwrap(), "the end of the line is no part of the secret");
    fs::write(&file, format!("{OLD}\r\n")).unwrap();
    assert!(!seal.refresh().unwrap());
    fs::write(&file, format!("{OLD}\n\n")).unwrap();
    assert!(seal.refresh().unwrap(), "only one end of a line is left out");
    fs::write(&file, format!("{NEW}\n")).unwrap();
    assert!(seal.refresh().unwrap());
    assert_eq!(seal.first(), Some(id(NEW)));
    for bad in ["", "\n", "thirty-one bytes are not enough\n"] {
        fs::write(&file, bad).unwrap();
        let refused = seal.refresh().unwrap_err().to_string();
        assert!(refused.contains("at least 32 bytes") && refused.contains("secret can't be used"), "{refused}");
        assert!(bad.trim().is_empty() || !refused.contains(bad.trim()), "{refused}");
    }
    fs::write(&file, vec![b'a'; 70_000]).unwrap();
    assert!(seal.refresh().unwrap_err().to_string().contains("more than 65536 bytes"));
    fs::remove_file(&file).unwrap();
    assert!(seal.refresh().unwrap_err().to_string().contains("--system-secret-file"));
    fs::create_dir(&file).unwrap();
    assert!(seal.refresh().unwrap_err().to_string().contains("it is no file"));
    assert_eq!(seal.first(), Some(id(NEW)), "the list is as it was read last");
}

#[test]
fn a_given_secret_is_the_last_of_the_list() {
    let place = Place::new();
    let given = || Some(SystemSecret::new(OLD.as_bytes()).unwrap());
    let alone = Seal::open(Vec::new(), given()).unwrap();
    assert_eq!(alone.first(), Some(id(OLD)));
    let store = place.store(&alone);
    block_on(store.commit(&set(), &keyring(1), None)).unwrap();
    drop(store);
    let both = Seal::open(vec![place.secret("new", NEW)], given()).unwrap();
    assert_eq!(load(&place.store(&both)).unwrap().seal_due, Some(id(NEW)));
}

#[test]
fn debug_shows_no_secret() {
    let place = Place::new();
    let text = format!("{:?}", seal(&[&place.secret("old", OLD)]));
    assert!(text.contains(&id(OLD).to_string()) && !text.contains(OLD), "{text}");
}
