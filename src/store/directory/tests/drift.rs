//! What people do to outputs behind Keyturn's back.

use std::fs;
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;
use std::path::Path;

use futures::executor::block_on;

use super::{ANY_TIME, Fixture, everything, files, header, mode, secret, set};
use crate::store::{Place, Store, StoreError};

type Edit = fn(&Path);

/// A version that might be Keyturn's.
const VERSION: &str = "..1-0123456789abcdef0123456789abcdef";

#[test]
fn edits_show_and_are_undone() {
    let wanted = files(&[("a", "1"), ("b", "2")]);
    let edits: [(&str, Edit); 12] = [
        ("a file written through its link", |folder| fs::write(folder.join("a"), "edited").unwrap()),
        ("a link replaced by a file", |folder| {
            fs::remove_file(folder.join("a")).unwrap();
            fs::write(folder.join("a"), "edited").unwrap();
        }),
        ("a link replaced by a link elsewhere", |folder| {
            fs::remove_file(folder.join("a")).unwrap();
            symlink("/dev/zero", folder.join("a")).unwrap();
        }),
        ("a link replaced by a socket", |folder| {
            fs::remove_file(folder.join("a")).unwrap();
            UnixListener::bind(folder.join("a")).unwrap();
        }),
        ("a link deleted", |folder| fs::remove_file(folder.join("a")).unwrap()),
        ("a file deleted behind its link", |folder| fs::remove_file(folder.join("..data/a")).unwrap()),
        ("a file replaced behind its link", |folder| {
            fs::remove_file(folder.join("..data/a")).unwrap();
            symlink("/dev/zero", folder.join("..data/a")).unwrap();
        }),
        ("a file added", |folder| fs::write(folder.join("c"), "added").unwrap()),
        ("a hidden file added", |folder| fs::write(folder.join("..c"), "added").unwrap()),
        ("the version deleted", |folder| {
            let current = fs::read_link(folder.join("..data")).unwrap();
            fs::remove_dir_all(folder.join(current)).unwrap();
        }),
        ("the version replaced by a link", |folder| {
            let current = folder.join(fs::read_link(folder.join("..data")).unwrap());
            fs::remove_dir_all(&current).unwrap();
            symlink("/", current).unwrap();
        }),
        ("..data deleted", |folder| fs::remove_file(folder.join("..data")).unwrap()),
    ];
    for (what, edit) in edits {
        let fixture = Fixture::new();
        fixture.publish(&secret(), 1, &wanted, None);
        let before = fixture.ours(&secret()).version;
        edit(&fixture.folder(&secret()));
        let edited = fixture.ours(&secret());
        assert_ne!(edited.files, wanted, "{what}");
        assert_ne!(edited.version, before, "{what}");
        fixture.restore(&secret(), 2, &wanted);
    }
}

#[test]
fn a_copy_with_the_same_content_becomes_a_link_again() {
    let fixture = Fixture::new();
    let wanted = files(&[("a", "1")]);
    fixture.publish(&secret(), 1, &wanted, None);
    let path = fixture.path("secrets/auth-signer/a");
    fs::remove_file(&path).unwrap();
    fs::write(&path, "1").unwrap();
    let stored = fixture.ours(&secret());
    assert!(stored.files == wanted && !stored.dressed, "no drift, but the next swap would not reach it");
    fixture.restore(&secret(), 1, &wanted);
}

#[test]
fn a_deleted_output_is_empty_and_is_made_again() {
    let fixture = Fixture::new();
    let wanted = files(&[("a", "1")]);
    fixture.publish(&secret(), 1, &wanted, None);
    fs::remove_dir_all(fixture.path("secrets")).unwrap();
    assert!(matches!(fixture.place(&secret()), Place::Empty));
    fixture.restore(&secret(), 1, &wanted);
    assert_eq!(mode(&fixture.path("secrets")), 0o700);
}

#[test]
fn a_damaged_header_is_still_ours() {
    let wanted = files(&[("a", "1")]);
    for damage in ["", "{\"set\":\"default/auth\",", "{\"set\":\"default/auth\",\"header\":{}}"] {
        let fixture = Fixture::new();
        fixture.publish(&secret(), 1, &wanted, None);
        fs::write(fixture.path("secrets/auth-signer/..data/..keyturn.json"), damage).unwrap();
        let stored = fixture.ours(&secret());
        assert_eq!((stored.header, &stored.files), (None, &wanted));
        fixture.restore(&secret(), 2, &wanted);
    }
}

#[test]
fn what_others_made_is_not_touched() {
    let make: [(&str, Edit); 6] = [
        ("a file", |folder| fs::write(folder, "mine").unwrap()),
        ("a link", |folder| symlink("/", folder).unwrap()),
        ("a folder with a file", |folder| {
            fs::create_dir(folder).unwrap();
            fs::write(folder.join("a"), "mine").unwrap();
        }),
        ("a folder with a folder", |folder| fs::create_dir_all(folder.join("inner")).unwrap()),
        ("the kubelet's", |folder| {
            fs::create_dir_all(folder.join("..2026_01_01_00_00_00.123456789")).unwrap();
            symlink("..2026_01_01_00_00_00.123456789", folder.join("..data")).unwrap();
            symlink("..data/a", folder.join("a")).unwrap();
        }),
        ("another set's", |folder| {
            fs::create_dir_all(folder.join(VERSION)).unwrap();
            fs::write(folder.join(VERSION).join("..keyturn.json"), "{\"set\":\"default/other\"}").unwrap();
            symlink(VERSION, folder.join("..data")).unwrap();
        }),
    ];
    for (what, make) in make {
        let fixture = Fixture::new();
        make(&fixture.folder(&secret()));
        let before = everything(&fixture.path("secrets"));
        assert!(matches!(fixture.place(&secret()), Place::Foreign), "{what}");
        let refused =
            block_on(fixture.store.publish(&set(), &secret(), &files(&[("a", "1")]), &header(1), None, ANY_TIME));
        assert!(matches!(refused, Err(StoreError::Conflict(_))), "{what}");
        assert_eq!(everything(&fixture.path("secrets")), before, "{what}");
    }
}

#[test]
fn a_folder_in_a_file_s_place_holds_up_only_that_file() {
    let fixture = Fixture::new();
    fixture.publish(&secret(), 1, &files(&[("a", "1"), ("b", "1")]), None);
    let in_the_way = fixture.path("secrets/auth-signer/a");
    fs::remove_file(&in_the_way).unwrap();
    fs::create_dir(&in_the_way).unwrap();
    fs::write(in_the_way.join("mine"), "kept").unwrap();
    let stored = fixture.ours(&secret());
    let wanted = files(&[("a", "2"), ("b", "2"), ("c", "2")]);
    let failed =
        block_on(fixture.store.publish(&set(), &secret(), &wanted, &header(2), Some(&stored), ANY_TIME)).unwrap_err();
    assert!(failed.to_string().contains("move that away"), "{failed}");
    assert_eq!(fs::read_to_string(in_the_way.join("mine")).unwrap(), "kept");
    assert_eq!(fixture.ours(&secret()).files, files(&[("b", "2"), ("c", "2")]));
}

#[test]
fn what_was_opened_for_others_to_read_is_closed_and_told_once() {
    use std::os::unix::fs::PermissionsExt;

    let fixture = Fixture::new();
    fixture.commit(1, None).unwrap();
    fixture.publish(&secret(), 1, &files(&[("a", "1")]), None);
    fixture.publish(&super::config_map(), 1, &files(&[("b", "2")]), None);
    assert_eq!(fixture.load().closed, [""; 0]);
    let (folder, keyring) = (fixture.folder(&secret()), fixture.path("keyrings/auth.json"));
    let opened = [folder.join("..data/a"), folder.join("..data"), folder, keyring, fixture.path("keyrings")];
    for path in &opened {
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
    }
    assert_eq!(fixture.load().closed.len(), opened.len());
    for path in &opened {
        assert_eq!(mode(path) & 0o077, 0, "{}", path.display());
    }
    assert_eq!(fixture.load().closed, [""; 0]);
}
