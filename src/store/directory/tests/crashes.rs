//! States that a crash or a failed write can leave, and what readers see meanwhile.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use futures::executor::block_on;

use super::{ANY_TIME, Fixture, config_map, files, header, names, secret, set};
use crate::store::directory::GRACE;
use crate::store::{Place, Store, StoreError};

#[test]
fn a_write_that_fails_leaves_the_old_state() {
    let fixture = Fixture::new();
    let version = fixture.commit(1, None).unwrap();
    let wanted = files(&[("a", "1")]);
    fixture.publish(&secret(), 1, &wanted, None);

    // Not even root can make a file where a folder is in the way of its temporary name.
    let in_the_way = fixture.path("keyrings/..auth.json.new");
    fs::create_dir_all(in_the_way.join("inner")).unwrap();
    let failed = fixture.commit(2, Some(&version)).unwrap_err();
    assert!(matches!(&failed, StoreError::Failed { .. }), "{failed}");
    assert!(failed.to_string().contains("something else is in its place: move that away"), "{failed}");
    assert_eq!(fixture.load().keyring.unwrap().keyring.revision, 1);

    let stored = fixture.ours(&secret());
    let impossible = files(&[("a", "2"), (&"x".repeat(300), "a name that no file system takes")]);
    let failed = block_on(fixture.store.publish(&set(), &secret(), &impossible, &header(2), Some(&stored), ANY_TIME));
    assert!(matches!(failed, Err(StoreError::Failed { .. })));
    fixture.assert_clean(&secret(), 1, &wanted);
}

/// A version as a crash may leave it, whole or not.
fn leave_version(folder: &Path, revision: u64, content: &[(&str, &str)]) -> String {
    let name = format!("..{revision}-{}", "0123456789abcdef".repeat(2));
    fs::create_dir_all(folder.join(&name)).unwrap();
    for (file, content) in content {
        fs::write(folder.join(&name).join(file), content).unwrap();
    }
    name
}

#[test]
fn a_crash_before_the_first_swap_leaves_nothing() {
    for with_link in [false, true] {
        let fixture = Fixture::new();
        let folder = fixture.folder(&secret());
        let name = leave_version(&folder, 1, &[("a", "1")]);
        if with_link {
            symlink(name, folder.join("..new")).unwrap();
        }
        assert!(matches!(fixture.place(&secret()), Place::Empty));
        fixture.restore(&secret(), 1, &files(&[("a", "1")]));
    }
}

#[test]
fn a_crash_before_a_swap_leaves_the_old_state() {
    let fixture = Fixture::new();
    let folder = fixture.folder(&secret());
    let wanted = files(&[("a", "1")]);
    let published = fixture.publish(&secret(), 1, &wanted, None);
    let name = leave_version(&folder, 2, &[("a", "2")]);
    symlink(name, folder.join("..new")).unwrap();
    let stored = fixture.ours(&secret());
    assert_eq!((stored.version, &stored.files, stored.header), (published, &wanted, Some(header(1))));
    // The look itself takes away what the crash left, for it may hold private keys.
    fixture.assert_clean(&secret(), 1, &wanted);
}

#[test]
fn a_crash_after_a_swap_leaves_the_new_state() {
    let fixture = Fixture::new();
    let folder = fixture.folder(&secret());
    fixture.publish(&secret(), 1, &files(&[("a", "1"), ("old", "1")]), None);
    let stamp = format!("{{\"set\":\"default/auth\",\"header\":{}}}", header(2).to_json().unwrap());
    let name = leave_version(&folder, 2, &[("a", "2"), ("new", "2"), ("..keyturn.json", &stamp)]);
    fs::remove_file(folder.join("..data")).unwrap();
    symlink(name, folder.join("..data")).unwrap();
    let stored = fixture.ours(&secret());
    assert_eq!(stored.header, Some(header(2)));
    assert_eq!(stored.files, files(&[("a", "2")]), "a file without a name can't be read yet, so it counts as missing");
    assert!(!stored.dressed, "a name without a file");
    fixture.restore(&secret(), 2, &files(&[("a", "2"), ("new", "2")]));
}

#[test]
fn leftovers_are_removed_without_following_links() {
    let fixture = Fixture::new();
    let outside = tempfile::tempdir().unwrap();
    fs::write(outside.path().join("kept"), "kept").unwrap();
    let wanted = files(&[("a", "1")]);
    fixture.publish(&secret(), 1, &wanted, None);
    let folder = fixture.folder(&secret());
    let name = leave_version(&folder, 2, &[]);
    symlink(outside.path(), folder.join(name).join("link")).unwrap();
    symlink(outside.path(), folder.join("..3-0123456789abcdef0123456789abcdef")).unwrap();
    symlink(outside.path(), folder.join("stray")).unwrap();
    fixture.restore(&secret(), 2, &wanted);
    assert_eq!(fs::read_to_string(outside.path().join("kept")).unwrap(), "kept");
}

#[test]
fn an_old_version_stays_for_readers_that_are_on_their_way() {
    let fixture = Fixture::new();
    let folder = fixture.folder(&secret());
    let versions = || names(&folder).iter().filter(|name| name.contains('-')).count();
    fixture.publish(&secret(), 1, &files(&[("a", "1")]), None);
    let stored = fixture.ours(&secret());
    let begun = Instant::now();
    fixture.publish(&secret(), 2, &files(&[("a", "2")]), Some(&stored));
    assert_eq!(versions(), 2);
    fixture.load();
    assert!(versions() == 2 || begun.elapsed() >= GRACE);
    let Fixture { dir: _dir, store } = fixture;
    drop(store);
    assert_eq!(versions(), 1, "but not longer than the store, for it may hold private keys");
}

#[test]
fn readers_never_see_half_an_output() {
    let fixture = Fixture::new();
    let folder = fixture.folder(&config_map());
    let numbered = |number: u64| files(&[("a", &number.to_string()), ("b", &number.to_string())]);
    fixture.publish(&config_map(), 1, &numbered(1), None);
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let mut pairs = 0;
            while !done.load(Ordering::Relaxed) {
                let one: u64 = fs::read_to_string(folder.join("a")).unwrap().parse().unwrap();
                let other: u64 = fs::read_to_string(folder.join("b")).unwrap().parse().unwrap();
                assert!(one <= other, "time does not run backwards");
                // A version that a reader resolved may be gone a moment later, but is never mixed with another.
                let version = folder.join(fs::read_link(folder.join("..data")).unwrap());
                let read = |name| fs::read_to_string(version.join(name));
                if let (Ok(one), Ok(other)) = (read("a"), read("b")) {
                    assert_eq!(one, other);
                    pairs += 1;
                }
            }
            pairs
        });
        for number in 2..60 {
            let stored = fixture.ours(&config_map());
            fixture.publish(&config_map(), number, &numbered(number), Some(&stored));
        }
        done.store(true, Ordering::Relaxed);
        assert!(reader.join().unwrap() > 0);
    });
}
