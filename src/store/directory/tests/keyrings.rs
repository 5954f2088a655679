//! Keyrings that someone or something damaged.

use std::fs;
use std::os::unix::fs::symlink;

use futures::executor::block_on;

use super::{Fixture, set};
use crate::keyring::FormatError;
use crate::store::{Store, StoreError};

#[test]
fn a_keyring_cut_off_in_the_middle_is_damaged_and_kept() {
    let fixture = Fixture::new();
    fixture.commit(1, None).unwrap();
    let path = fixture.path("keyrings/auth.json");
    let whole = fs::read(&path).unwrap();
    for length in [0, 1, whole.len() / 2, whole.len() - 1] {
        fs::write(&path, &whole[..length]).unwrap();
        match block_on(fixture.store.load(&set(), &[])) {
            Err(StoreError::Keyring { place, source: FormatError::Damaged { .. } }) => {
                assert_eq!(place, path.display().to_string());
            }
            other => panic!("{length} bytes: {other:?}"),
        }
        assert!(matches!(fixture.commit(1, None), Err(StoreError::Conflict(_))), "never written over unseen");
    }
    fs::write(&path, &whole).unwrap();
    assert_eq!(fixture.load().keyring.unwrap().keyring.revision, 1);
}

#[test]
fn what_is_no_file_is_not_taken_for_a_missing_keyring() {
    let fixture = Fixture::new();
    let path = fixture.path("keyrings/auth.json");
    symlink("/not/mounted/auth.json", &path).unwrap();
    assert!(matches!(block_on(fixture.store.load(&set(), &[])), Err(StoreError::KeyringTaken(_))));
    fs::remove_file(&path).unwrap();
    fs::create_dir(&path).unwrap();
    assert!(matches!(fixture.commit(1, None), Err(StoreError::KeyringTaken(_))));
}
