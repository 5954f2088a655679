//! Directories that can't be used, and places that someone else has taken.

use std::fs;
use std::os::unix::fs::symlink;

use crate::program::{Outcome, Workplace, auth, command};
use crate::tree::tree;

const ES256: &str = "keys:\n  - algorithm: ES256";

#[test]
fn a_directory_that_can_not_be_written_is_a_sentence() {
    let place = Workplace::new(&auth(ES256));
    let file = place.beside("file");
    fs::write(&file, "not a folder").unwrap();
    let nowhere = place.beside("link");
    symlink("/nonexistent/keyturn", &nowhere).unwrap();
    for dir in [file.clone(), file.join("inner"), file.join("inner/deeper"), nowhere] {
        let outcome = Outcome::of(command(&[place.set()], &dir).arg("--once"), &dir);
        outcome.assert_refused(&[&dir.display().to_string(), "can't be used", "or use another --dir"]);
    }
    let read_only = std::path::PathBuf::from("/proc/keyturn");
    if read_only.parent().unwrap().exists() {
        let outcome = Outcome::of(command(&[place.set()], &read_only).arg("--once"), &read_only);
        outcome.assert_refused(&["/proc/keyturn", "can't be used"]);
    }
    assert_eq!(fs::read_to_string(file).unwrap(), "not a folder");
}

#[test]
fn a_file_in_the_place_of_a_folder_inside_is_a_sentence() {
    for inside in ["keyrings", "secrets", "configmaps"] {
        let place = Workplace::new(&auth(ES256));
        fs::create_dir(place.dir()).unwrap();
        fs::write(place.path(inside), "not a folder").unwrap();
        place.once().assert_refused(&[inside, "move that away"]);
        assert_eq!(fs::read_to_string(place.path(inside)).unwrap(), "not a folder");
    }
}

#[test]
fn one_process_at_a_time_keeps_a_directory() {
    let place = Workplace::new(&auth(ES256));
    let running = place.start_ready();
    let before = fs::read(place.path("keyrings/auth.json")).unwrap();
    place.once().assert_refused(&["in use by another keyturn process", "stop it, or use another --dir"]);
    assert_eq!(fs::read(place.path("keyrings/auth.json")).unwrap(), before);
    running.kill();
    place.once_well();
}

#[test]
fn a_folder_that_someone_else_made_is_left_alone_and_nothing_is_minted_beside_it() {
    for taken in ["secrets/auth-signer", "configmaps/auth-jwks"] {
        let place = Workplace::new(&auth(ES256));
        fs::create_dir_all(place.path(taken)).unwrap();
        fs::write(place.path(taken).join("theirs.txt"), "precious").unwrap();
        let before = tree(&place.path(taken));
        place.once().assert_refused(&[
            taken.rsplit('/').next().unwrap(),
            "was not made for this key set",
            "choose another name",
        ]);
        assert_eq!(tree(&place.path(taken)), before);
        assert!(!place.path("keyrings/auth.json").exists(), "a set that can't be whole is not begun");

        place.state(&auth(&format!("{ES256}\nsecrets:\n  - name: other\nconfigMaps:\n  - name: another")));
        place.once_well();
        assert_eq!(tree(&place.path(taken)), before);
    }
}

#[test]
fn a_set_in_use_goes_on_beside_an_output_that_is_taken() {
    let place = Workplace::new(&auth(ES256));
    place.once_well();
    let taken = place.path("configmaps/more");
    fs::create_dir(&taken).unwrap();
    fs::write(taken.join("jwks.json"), "theirs").unwrap();
    let (before, active) = (tree(&taken), place.active_kid());
    place.state(&auth(&format!("{ES256}\nconfigMaps:\n  - name: auth-jwks\n  - name: more")));
    place.once().assert_refused(&["ConfigMap \"more\" exists and was not made for this key set"]);
    assert_eq!(tree(&taken), before);
    assert_eq!(place.active_kid(), active);
    fs::remove_file(place.path("configmaps/auth-jwks/jwks.json")).unwrap();
    place.once().assert_refused(&["\"more\""]);
    assert!(place.public_kids().contains(&active), "the others are kept all the same");
}

#[test]
fn another_sets_output_is_not_taken_over() {
    let place = Workplace::new(&auth(ES256));
    place.once_well();
    let before = tree(&place.dir());
    place.state(&auth(&format!("{ES256}\nsecrets:\n  - name: auth-signer")).replace("name: auth\n", "name: thief\n"));
    place.once().assert_refused(&["Secret \"auth-signer\" exists and was not made for this key set"]);
    assert_eq!(tree(&place.dir()), before);
}
