//! Values that the user keeps in the directory.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::symlink;

use futures::executor::block_on;

use super::{Fixture, set};
use crate::api::SecretKeyRef;
use crate::store::{LARGEST_VALUE, Referenced, SetRef, Store, StoreError, Unreadable};

fn reference(name: &str, key: &str) -> SecretKeyRef {
    SecretKeyRef { name: name.to_owned(), key: key.to_owned() }
}

fn try_read(fixture: &Fixture, set: &SetRef, name: &str, key: &str) -> Result<Referenced, StoreError> {
    let wanted = reference(name, key);
    let found = block_on(fixture.store.referenced(set, &BTreeSet::from([wanted.clone()])));
    found.map(|mut found| found.remove(&wanted).unwrap())
}

fn read(fixture: &Fixture, name: &str, key: &str) -> Referenced {
    try_read(fixture, &set(), name, key).unwrap()
}

#[test]
fn a_value_is_read_from_a_file_or_through_the_links_of_a_mounted_secret() {
    let fixture = Fixture::new();
    let folder = fixture.path("secrets/pass");
    assert!(read(&fixture, "pass", "password").version.is_none());
    fs::create_dir_all(folder.join("..1")).unwrap();
    let missing = read(&fixture, "pass", "password");
    assert_eq!(missing.value.unwrap_err(), Unreadable::Missing);
    assert_eq!(missing.place, folder.join("password").display().to_string());

    fs::write(folder.join("password"), "sesame").unwrap();
    let first = read(&fixture, "pass", "password");
    assert_eq!(first.value.as_deref().unwrap().as_slice(), b"sesame");
    assert!(!format!("{first:?}").contains("sesame"));
    fs::remove_file(folder.join("password")).unwrap();
    fs::write(folder.join("..1/password"), "open").unwrap();
    symlink("..1", folder.join("..data")).unwrap();
    symlink("..data/password", folder.join("password")).unwrap();
    let second = read(&fixture, "pass", "password");
    assert_eq!(second.value.as_deref().unwrap().as_slice(), b"open");
    assert_ne!(first.version, second.version);
    assert_eq!(second.version, read(&fixture, "pass", "password").version);
}

#[test]
fn a_namespace_has_its_own_values() {
    let fixture = Fixture::new();
    fs::create_dir_all(fixture.path("secrets/iam/pass")).unwrap();
    fs::write(fixture.path("secrets/iam/pass/password"), "sesame").unwrap();
    assert!(read(&fixture, "pass", "password").value.is_err());
    let elsewhere = SetRef { namespace: "iam".to_owned(), ..set() };
    assert!(try_read(&fixture, &elsewhere, "pass", "password").unwrap().value.is_ok());
}

#[test]
fn nothing_outside_of_the_folder_is_read() {
    let fixture = Fixture::new();
    let folder = fixture.path("secrets/pass");
    fs::create_dir_all(folder.join("folder")).unwrap();
    fs::write(fixture.path("outside"), "outside").unwrap();
    symlink("../../outside", folder.join("relative")).unwrap();
    symlink(fixture.path("keyrings"), folder.join("absolute")).unwrap();
    symlink("pass", fixture.path("secrets/linked")).unwrap();
    fs::File::create(folder.join("large")).unwrap().set_len(LARGEST_VALUE as u64 + 1).unwrap();
    for (name, key, expected) in [
        ("pass", "relative", Unreadable::Elsewhere),
        ("pass", "absolute", Unreadable::Elsewhere),
        ("pass", "folder", Unreadable::Elsewhere),
        ("linked", "relative", Unreadable::Elsewhere),
        ("pass", "large", Unreadable::TooLarge),
    ] {
        assert_eq!(read(&fixture, name, key).value.unwrap_err(), expected, "{name}/{key}");
    }
    for (name, key) in [("pass", "../outside"), ("..", "outside"), ("pass", ".."), ("pass", ""), ("a/b", "c")] {
        assert!(try_read(&fixture, &set(), name, key).is_err(), "{name}/{key}");
    }
}
