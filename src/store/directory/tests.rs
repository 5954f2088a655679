mod crashes;
mod drift;
mod keyrings;
mod sealed;
mod values;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use futures::executor::block_on;
use tempfile::TempDir;
use zeroize::Zeroizing;

use super::{DirectoryError, DirectoryStore, GRACE};
use crate::keyring::{Digest, Facts, Keyring, MacKey, Marks, Publisher, SettledFacts, Time};
use crate::lifecycle::policy::{OutputId, OutputKind};
use crate::publish::{Files, Header};
use crate::store::{Place, Seal, SetRef, Snapshot, Store, StoreError, Stored, Version};

/// No write is late.
const ANY_TIME: Time = Time::MAX_UTC;

/// A store on a new directory.
struct Fixture {
    dir: TempDir,
    store: DirectoryStore,
}

impl Fixture {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let store = DirectoryStore::open(dir.path(), Seal::default()).unwrap();
        Self { dir, store }
    }

    fn path(&self, path: &str) -> PathBuf {
        self.dir.path().join(path)
    }

    fn load(&self) -> Snapshot {
        block_on(self.store.load(&set(), &[secret(), config_map()])).unwrap()
    }

    fn place(&self, output: &OutputId) -> Place {
        block_on(self.store.load(&set(), std::slice::from_ref(output))).unwrap().outputs.remove(output).unwrap()
    }

    fn ours(&self, output: &OutputId) -> Stored {
        match self.place(output) {
            Place::Ours(stored) => stored,
            other => panic!("expected an output of this set, found {other:?}"),
        }
    }

    fn commit(&self, revision: u64, seen: Option<&Version>) -> Result<Version, StoreError> {
        block_on(self.store.commit(&set(), &keyring(revision), seen))
    }

    fn publish(&self, output: &OutputId, revision: u64, wanted: &Files, seen: Option<&Stored>) -> Version {
        block_on(self.store.publish(&set(), output, wanted, &header(revision), seen, ANY_TIME)).unwrap()
    }

    /// Publishes over whatever is there.
    fn restore(&self, output: &OutputId, revision: u64, wanted: &Files) {
        match self.place(output) {
            Place::Ours(stored) => self.publish(output, revision, wanted, Some(&stored)),
            _ => self.publish(output, revision, wanted, None),
        };
        self.assert_clean(output, revision, wanted);
    }

    /// The output is as published, and soon nothing else is in its folder.
    fn assert_clean(&self, output: &OutputId, revision: u64, wanted: &Files) {
        let stored = self.ours(output);
        assert_eq!(stored.files, *wanted);
        assert_eq!(stored.header, Some(header(revision)));
        assert!(stored.dressed);
        self.assert_swept(output, wanted);
    }

    fn assert_swept(&self, output: &OutputId, wanted: &Files) {
        let folder = self.folder(output);
        let current = fs::read_link(folder.join("..data")).unwrap();
        let own = ["..data".to_owned(), current.to_str().unwrap().to_owned()];
        let wanted: BTreeSet<String> = wanted.keys().cloned().chain(own).collect();
        let begun = Instant::now();
        while names(&folder) != wanted && begun.elapsed() < Duration::from_secs(10) {
            std::thread::sleep(GRACE / 10);
            self.load();
        }
        assert_eq!(names(&folder), wanted);
    }

    fn folder(&self, output: &OutputId) -> PathBuf {
        let kind = if output.kind == OutputKind::Secret { "secrets" } else { "configmaps" };
        self.path(kind).join(&output.name)
    }
}

fn set() -> SetRef {
    SetRef { namespace: "default".to_owned(), name: "auth".to_owned(), owner: None }
}

fn secret() -> OutputId {
    OutputId { kind: OutputKind::Secret, name: "auth-signer".to_owned() }
}

fn config_map() -> OutputId {
    OutputId { kind: OutputKind::ConfigMap, name: "auth-jwks".to_owned() }
}

fn files(files: &[(&str, &str)]) -> Files {
    files.iter().map(|(name, content)| ((*name).to_owned(), Zeroizing::new(content.as_bytes().to_vec()))).collect()
}

fn header(revision: u64) -> Header {
    let keyring = keyring(revision);
    Header {
        revision,
        marks: Marks::new(),
        revoked: Vec::new(),
        facts: keyring.facts,
        publisher: keyring.publisher,
        kept: Vec::new(),
        kept_private: Vec::new(),
        inputs: None,
        digest: Digest(format!("digest of {revision}")),
    }
}

fn keyring(revision: u64) -> Keyring {
    let second = chrono::TimeDelta::seconds(1);
    let facts = Facts {
        publish_delay: second,
        verifier_cache_ttl: second,
        signer_reload_delay: second,
        max_token_lifetime: second,
        clock_skew: second,
    };
    Keyring {
        revision,
        barrier: 0,
        mac_key: MacKey::new([7; MacKey::BYTES]),
        rotate_answered: None,
        imports: BTreeMap::new(),
        accepted: None,
        kept: Vec::new(),
        kept_private: Vec::new(),
        facts: SettledFacts::new(facts),
        publisher: Publisher::Keyturn,
        keys: Vec::new(),
        revoked: Vec::new(),
    }
}

fn names(folder: &Path) -> BTreeSet<String> {
    fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

/// Everything under a folder, with what it holds, to see that nothing was touched.
fn everything(folder: &Path) -> Vec<(PathBuf, u64, i64, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        let metadata = entry.metadata().unwrap();
        let content = if metadata.is_file() { fs::read(entry.path()).unwrap() } else { Vec::new() };
        found.push((entry.path(), metadata.ino(), metadata.mtime_nsec(), content));
        if metadata.is_dir() {
            found.extend(everything(&entry.path()));
        }
    }
    found.sort();
    found
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn what_was_written_is_read() {
    let fixture = Fixture::new();
    let nothing = fixture.load();
    assert!(nothing.keyring.is_none());
    assert!(nothing.outputs.values().all(|place| matches!(place, Place::Empty)));

    let version = fixture.commit(1, None).unwrap();
    let wanted = files(&[("jwks.json", "{}"), ("key.pem", "private")]);
    let published = fixture.publish(&secret(), 1, &wanted, None);
    let loaded = fixture.load().keyring.unwrap();
    assert_eq!((loaded.keyring.revision, loaded.version, loaded.dressed), (1, version.clone(), true));
    assert_eq!(fixture.ours(&secret()).version, published, "what was published is not taken for an edit");
    fixture.assert_clean(&secret(), 1, &wanted);
    assert_eq!(fs::read_to_string(fixture.path("secrets/auth-signer/key.pem")).unwrap(), "private");

    fixture.commit(2, Some(&version)).unwrap();
    let wanted = files(&[("jwks.json", "{ }"), (".keyturn.json", "a file's name like any other")]);
    let stored = fixture.ours(&secret());
    fixture.publish(&secret(), 2, &wanted, Some(&stored));
    fixture.assert_clean(&secret(), 2, &wanted);
    assert_eq!(fixture.load().keyring.unwrap().keyring.revision, 2);
    assert_eq!(names(&fixture.path("keyrings")), BTreeSet::from(["auth.json".to_owned()]));
}

#[test]
fn reading_writes_nothing() {
    let fixture = Fixture::new();
    fixture.commit(1, None).unwrap();
    fixture.publish(&secret(), 1, &files(&[("jwks.json", "{}")]), None);
    let before = everything(fixture.dir.path());
    fixture.load();
    assert_eq!(everything(fixture.dir.path()), before);
}

#[test]
fn private_things_are_private_from_the_start() {
    let fixture = Fixture::new();
    fixture.commit(1, None).unwrap();
    fixture.publish(&secret(), 1, &files(&[("key.pem", "private")]), None);
    fixture.publish(&config_map(), 1, &files(&[("jwks.json", "{}")]), None);
    for path in ["keyrings/auth.json", "secrets/auth-signer/key.pem", "secrets/auth-signer/..data/..keyturn.json"] {
        assert_eq!(mode(&fixture.path(path)), 0o600, "{path}");
    }
    for path in ["keyrings", "secrets", "secrets/auth-signer", "secrets/auth-signer/..data"] {
        assert_eq!(mode(&fixture.path(path)), 0o700, "{path}");
    }
    // The umask of whoever runs the tests may have taken bits away.
    for (path, most) in [("configmaps/auth-jwks", 0o755), ("configmaps/auth-jwks/jwks.json", 0o644)] {
        let found = mode(&fixture.path(path));
        assert_eq!(found & !most, 0, "{path}");
        assert_eq!(found & 0o600, 0o600, "{path}");
    }
}

#[test]
fn namespaces_have_folders_of_their_own() {
    let fixture = Fixture::new();
    let iam = SetRef { namespace: "iam".to_owned(), ..set() };
    block_on(fixture.store.commit(&iam, &keyring(1), None)).unwrap();
    let wanted = files(&[("key.pem", "private")]);
    block_on(fixture.store.publish(&iam, &secret(), &wanted, &header(1), None, ANY_TIME)).unwrap();
    assert!(fixture.path("keyrings/iam/auth.json").is_file());
    assert!(fixture.path("secrets/iam/auth-signer/key.pem").is_file());
    assert_eq!(mode(&fixture.path("secrets/iam")), 0o700);
    assert_eq!(mode(&fixture.path("keyrings/iam")), 0o700);
    assert!(fixture.load().keyring.is_none(), "another namespace's set of the same name is another set");
    assert!(matches!(fixture.place(&secret()), Place::Empty));
}

#[test]
fn a_namespace_and_an_output_of_one_name_leave_each_other_alone() {
    let fixture = Fixture::new();
    let wanted = files(&[("key.pem", "private")]);
    fixture.publish(&secret(), 1, &wanted, None);
    let other = SetRef { namespace: secret().name, name: "other".to_owned(), owner: None };
    let inner = OutputId { kind: OutputKind::Secret, name: "inner".to_owned() };
    block_on(fixture.store.publish(&other, &inner, &wanted, &header(1), None, ANY_TIME)).unwrap();
    let inside = fixture.path("secrets/auth-signer/inner");
    let before = everything(&inside);
    let stored = fixture.ours(&secret());
    assert!(stored.dressed && stored.files == wanted);
    fixture.publish(&secret(), 2, &wanted, Some(&stored));
    assert_eq!(everything(&inside), before);
}

#[test]
fn names_that_lead_out_of_the_directory_are_refused() {
    let fixture = Fixture::new();
    for (namespace, name) in [("..", "auth"), ("a/b", "auth"), ("", "auth"), ("default", "../auth"), ("default", "")] {
        let set = SetRef { namespace: namespace.to_owned(), name: name.to_owned(), owner: None };
        let refused = block_on(fixture.store.commit(&set, &keyring(1), None));
        assert!(matches!(refused, Err(StoreError::Failed { .. })), "{namespace}/{name}: {refused:?}");
    }
}

#[test]
fn one_process_at_a_time() {
    let fixture = Fixture::new();
    let refused = DirectoryStore::open(fixture.dir.path(), Seal::default()).unwrap_err();
    assert!(matches!(refused, DirectoryError::InUse { .. }));
    assert!(refused.to_string().ends_with("is in use by another keyturn process: stop it, or use another --dir"));
    let Fixture { dir, store } = fixture;
    drop(store);
    DirectoryStore::open(dir.path(), Seal::default()).unwrap();
}

#[test]
fn a_directory_that_vanished_is_not_an_empty_one() {
    let fixture = Fixture::new();
    fixture.commit(1, None).unwrap();
    let aside = fixture.path("aside");
    fs::create_dir(&aside).unwrap();
    for name in [".lock", "keyrings", "secrets", "configmaps"] {
        fs::rename(fixture.path(name), aside.join(name)).unwrap();
    }
    let refused = block_on(fixture.store.load(&set(), &[])).unwrap_err();
    assert!(refused.to_string().contains("unmounted, moved, deleted or replaced"), "{refused}");
    assert!(fixture.commit(2, None).is_err());
    fs::write(fixture.path(".lock"), "").unwrap();
    assert!(block_on(fixture.store.load(&set(), &[])).is_err(), "another lock is not the one that is held");
}

#[test]
fn a_state_that_was_not_seen_is_a_conflict() {
    let fixture = Fixture::new();
    let version = fixture.commit(1, None).unwrap();
    assert!(matches!(fixture.commit(2, None), Err(StoreError::Conflict(_))));
    fixture.commit(2, Some(&version)).unwrap();
    assert!(matches!(fixture.commit(3, Some(&version)), Err(StoreError::Conflict(_))));

    let wanted = files(&[("key.pem", "private")]);
    let publish =
        |seen: Option<&Stored>| block_on(fixture.store.publish(&set(), &secret(), &wanted, &header(2), seen, ANY_TIME));
    publish(None).unwrap();
    assert!(matches!(publish(None), Err(StoreError::Conflict(_))));
    let seen = fixture.ours(&secret());
    fs::write(fixture.path("secrets/auth-signer/extra"), "").unwrap();
    assert!(matches!(publish(Some(&seen)), Err(StoreError::Conflict(_))), "someone edits at the same time");
    fs::remove_dir_all(fixture.path("secrets/auth-signer")).unwrap();
    assert!(matches!(publish(Some(&seen)), Err(StoreError::Conflict(_))));
}

#[test]
fn a_place_that_can_not_be_written_says_what_to_change() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    fs::write(&file, "not a folder").unwrap();
    for path in [file.clone(), file.join("inner")] {
        let refused = DirectoryStore::open(&path, Seal::default()).unwrap_err().to_string();
        assert!(refused.starts_with(&path.display().to_string()), "{refused}");
        assert!(refused.ends_with("move that away, or use another --dir"), "{refused}");
    }
    let fixture = Fixture::new();
    fs::remove_dir(fixture.path("keyrings")).unwrap();
    fs::write(fixture.path("keyrings"), "not a folder").unwrap();
    let failed = fixture.commit(1, None).unwrap_err().to_string();
    assert!(failed.contains("keyrings") && failed.contains("move that away"), "{failed}");
}

#[test]
fn what_can_not_be_seen_by_its_time_never_is() {
    let fixture = Fixture::new();
    let (before, after) = (files(&[("a", "1")]), files(&[("a", "2"), ("b", "2")]));
    fixture.publish(&secret(), 1, &before, None);
    let stored = fixture.ours(&secret());
    let past = Time::UNIX_EPOCH;
    let late = block_on(fixture.store.publish(&set(), &secret(), &after, &header(2), Some(&stored), past)).unwrap_err();
    assert!(matches!(late, StoreError::Late(_)), "{late}");
    fixture.assert_clean(&secret(), 1, &before);
    fixture.publish(&secret(), 2, &after, Some(&stored));
    fixture.assert_clean(&secret(), 2, &after);
}
