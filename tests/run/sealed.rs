//! Keyrings that are sealed under system secrets.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::program::{Outcome, Workplace, auth, kids};
use crate::tree::{Entry, tree};

const ES256: &str = "keys:\n  - algorithm: ES256";
const OLD: &str = "an old secret, of thirty-two bytes or more";
const NEW: &str = "a new secret, of thirty-two bytes or more";

const KEYRING: &str = "keyrings/auth.json";

/// A place with a file `old` and a file `new`, both of which hold a system secret.
fn place() -> Workplace {
    let place = Workplace::new(&auth(ES256));
    write(&place, "old", OLD);
    write(&place, "new", NEW);
    place
}

/// Replaces a file beside the directory in one step, as the kubelet does.
fn write(place: &Workplace, name: &str, secret: &str) {
    let new = place.beside("secret.new");
    fs::write(&new, format!("{secret}\n")).unwrap();
    fs::rename(new, place.beside(name)).unwrap();
}

/// `keyturn run` with these files of secrets, not started yet.
fn command(place: &Workplace, secrets: &[&str]) -> Command {
    let mut command = place.command();
    for secret in secrets {
        command.arg("--system-secret-file").arg(place.beside(secret));
    }
    command
}

fn once(place: &Workplace, secrets: &[&str]) -> Outcome {
    let outcome = Outcome::of(command(place, secrets).arg("--once"), &place.dir());
    assert_silent(&outcome);
    outcome
}

fn once_well(place: &Workplace, secrets: &[&str]) -> Outcome {
    let outcome = once(place, secrets);
    assert!(outcome.status.success(), "{outcome:#?}");
    outcome
}

fn assert_silent(outcome: &Outcome) {
    for secret in [OLD, NEW] {
        assert!(!outcome.stdout.contains(secret) && !outcome.stderr.contains(secret), "a system secret was printed");
    }
}

/// It fails with these sentences, and the directory stays as it is.
fn assert_refused(place: &Workplace, secrets: &[&str], sentences: &[&str]) {
    let before = tree(&place.dir());
    once(place, secrets).assert_refused(sentences);
    assert_eq!(tree(&place.dir()), before, "{secrets:?}");
}

fn key_id(place: &Workplace) -> String {
    let envelope = place.json(KEYRING);
    let members: BTreeSet<&str> = envelope.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(members, BTreeSet::from(["v", "keyId", "revision", "nonce", "ct"]), "it is sealed");
    envelope["keyId"].as_str().unwrap().to_owned()
}

fn is_sealed(place: &Workplace) -> bool {
    place.json(KEYRING).get("ct").is_some()
}

/// Everything but the keyring.
fn outputs(place: &Workplace) -> BTreeMap<PathBuf, Entry> {
    let mut all = tree(&place.dir());
    all.retain(|path, _| !path.starts_with(place.path("keyrings")));
    all.remove(&place.path("keyrings"));
    all
}

/// The keyring, as the program in docs/ opens it.
fn opened_by_node(place: &Workplace, secret: &str) -> Value {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/unseal.mjs");
    let keyring = Stdio::from(File::open(place.path(KEYRING)).unwrap());
    let mut node = Command::new("node");
    let output = node.arg(script).arg(place.beside(secret)).args(["default", "auth"]).stdin(keyring).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn a_set_is_sealed_from_the_start_and_then_costs_nothing() {
    let place = place();
    once_well(&place, &["old"]);
    key_id(&place);
    let public = place.public_kids();
    let text = fs::read_to_string(place.path(KEYRING)).unwrap();
    assert!(public.iter().all(|kid| !text.contains(kid)), "nothing of the keyring is plain");
    let before = tree(&place.dir());
    once_well(&place, &["old"]);
    assert_eq!(tree(&place.dir()), before);

    let mut opened = kids(&opened_by_node(&place, "old"));
    opened.sort();
    let mut public = public;
    public.sort();
    assert_eq!(opened, public, "the documented recipe opens it");
}

#[test]
fn a_secret_that_is_added_later_seals_once_and_touches_nothing_else() {
    let place = place();
    let outcome = once_well(&place, &[]);
    assert!(!is_sealed(&place) && !outcome.stdout.contains("Sealed"), "{outcome:#?}");
    let before = outputs(&place);
    let outcome = once_well(&place, &["old"]);
    let id = key_id(&place);
    assert!(outcome.stdout.contains(&format!("the keyring is sealed under system secret {id}")), "{outcome:#?}");
    assert_eq!(outputs(&place), before);
    assert_eq!(opened_by_node(&place, "old")["revision"], 1, "sealing is no new revision");
    let sealed = tree(&place.dir());
    let outcome = once_well(&place, &["old"]);
    assert_eq!(tree(&place.dir()), sealed);
    assert!(!outcome.stdout.contains("Sealed"), "{outcome:#?}");
}

#[test]
fn a_list_that_changes_under_a_running_program_seals_anew() {
    let place = place();
    write(&place, "first", OLD);
    write(&place, "second", OLD);
    let list = format!("{},{}", place.beside("first").display(), place.beside("second").display());
    let mut command = command(&place, &[]);
    let mut running = place.spawn(command.arg("--system-secret-file").arg(list));
    running.until("the keyring is there", || place.path(KEYRING).exists());
    running.until("the outputs are there", || place.path("secrets/auth-signer/jwks.json").exists());
    let old = key_id(&place);
    let active = place.active_kid();

    write(&place, "first", NEW);
    running.until("it is sealed under the new secret", || key_id(&place) != old);
    let new = key_id(&place);
    running.until("that is told", || running_told(&place, &new));
    write(&place, "second", "short");
    running.until("a bad file is told", || printed(&place, "stderr").contains("at least 32 bytes"));
    write(&place, "second", NEW);
    let outcome = running.end("TERM");
    assert_silent(&outcome);
    assert!(outcome.status.success(), "{outcome:#?}");
    assert_eq!(outcome.stdout.matches("Sealed").count(), 1, "{outcome:#?}");
    assert!(outcome.stderr.contains("going on with what was read before"), "{outcome:#?}");

    let before = tree(&place.dir());
    once_well(&place, &["new"]);
    assert_eq!((tree(&place.dir()), place.active_kid()), (before, active));
    assert_refused(&place, &["old"], &[&new, &old, "list its file too"]);
}

fn printed(place: &Workplace, stream: &str) -> String {
    fs::read_to_string(place.beside(stream)).unwrap()
}

fn running_told(place: &Workplace, id: &str) -> bool {
    printed(place, "stdout").contains(&format!("sealed under system secret {id}"))
}

#[test]
fn a_secret_taken_away_under_a_running_program_is_an_alarm_until_it_is_back() {
    let place = place();
    once_well(&place, &["old"]);
    write(&place, "first", OLD);
    let mut running = place.spawn(&mut command(&place, &["first"]));
    running.until("the first pass is over", || printed(&place, "stdout").contains("  next  "));
    let before = tree(&place.dir());
    write(&place, "first", NEW);
    running.until("the alarm", || printed(&place, "stderr").contains("the keyring is sealed under system secret"));
    assert_eq!(tree(&place.dir()), before);
    write(&place, "first", OLD);
    let edited = auth("keys:\n  - algorithm: ES256\n  - algorithm: ES384");
    place.state(&edited);
    running.until("the set goes on", || place.public_kids().len() == 3);
    assert!(running.end("INT").status.success());
}

#[test]
fn without_its_secret_a_set_fails_and_nothing_changes() {
    let place = place();
    once_well(&place, &["old"]);
    let id = key_id(&place);
    assert_refused(&place, &[], &["auth", &id, "name its file with --system-secret-file"]);
    assert_refused(&place, &["new"], &[&id, "not one of those given", "list its file too"]);

    // Not even where the outputs are gone, or the user gives a lost revision up.
    let word = "name: auth\n  annotations: { keyturn.dev/accept-key-loss: \"1\" }";
    place.state(&auth(ES256).replace("name: auth", word));
    assert_refused(&place, &["new"], &[&id]);
    fs::remove_dir_all(place.path("secrets/auth-signer")).unwrap();
    fs::remove_dir_all(place.path("configmaps/auth-jwks")).unwrap();
    assert_refused(&place, &["new"], &[&id]);
    assert_refused(&place, &[], &[&id]);

    once_well(&place, &["new", "old"]);
    assert_ne!(key_id(&place), id, "with both, it goes on, sealed anew");
    let keyring = opened_by_node(&place, "new");
    assert_eq!(kids(&keyring).len(), 2, "with the keys it had");
}

#[test]
fn a_keyring_that_was_changed_or_moved_fails_and_nothing_changes() {
    let place = place();
    once_well(&place, &["old"]);
    let whole = fs::read(place.path(KEYRING)).unwrap();
    for (member, value) in [("revision", Value::from(9)), ("nonce", "AAAAAAAAAAAAAAAA".into()), ("ct", "AAAA".into())] {
        let mut envelope: Value = serde_json::from_slice(&whole).unwrap();
        envelope[member] = value;
        fs::write(place.path(KEYRING), envelope.to_string()).unwrap();
        assert_refused(&place, &["old"], &["keyrings/auth.json", "does not open", "from a backup"]);
    }
    fs::write(place.path(KEYRING), &whole[..whole.len() / 2]).unwrap();
    assert_refused(&place, &["old"], &["keyrings/auth.json", "the keyring is damaged"]);
    fs::write(place.path(KEYRING), &whole).unwrap();
    once_well(&place, &["old"]);

    fs::rename(place.path(KEYRING), place.path("keyrings/other.json")).unwrap();
    place.state(&auth(ES256).replace("name: auth", "name: other"));
    assert_refused(&place, &["old"], &["keyrings/other.json", "that of another key set"]);
}

#[test]
fn a_deleted_keyring_is_rebuilt_and_sealed() {
    let place = place();
    once_well(&place, &["old"]);
    let (id, active) = (key_id(&place), place.active_kid());
    fs::remove_file(place.path(KEYRING)).unwrap();
    let outcome = once_well(&place, &["old"]);
    assert!(outcome.stdout.contains("KeyringRecovered"), "{outcome:#?}");
    assert_eq!((key_id(&place), place.active_kid()), (id, active));
}

#[test]
fn an_older_sealed_keyring_is_an_older_keyring() {
    let place = place();
    once_well(&place, &["old"]);
    let backup = fs::read(place.path(KEYRING)).unwrap();
    place.state(&auth("keys:\n  - algorithm: ES256\n  - algorithm: ES384"));
    once_well(&place, &["old"]);
    let (active, public) = (place.active_kid(), place.public_kids());
    assert_eq!(public.len(), 3);
    fs::write(place.path(KEYRING), backup).unwrap();
    let outcome = once_well(&place, &["old"]);
    assert!(outcome.stdout.contains("was older than its outputs"), "{outcome:#?}");
    assert!(public.iter().all(|kid| place.public_kids().contains(kid)), "what was published stays");
    assert_eq!(place.active_kid(), active);
    key_id(&place);
}

#[test]
fn the_environment_can_hold_the_secret() {
    let place = place();
    let with = |value: &str, secrets: &[&str]| {
        let mut command = command(&place, secrets);
        Outcome::of(command.env("KEYTURN_SYSTEM_SECRET", value).arg("--once"), &place.dir())
    };
    for short in ["", "short"] {
        with(short, &[]).assert_refused(&["KEYTURN_SYSTEM_SECRET", "at least 32 bytes"]);
        assert!(!place.dir().exists(), "nothing is made");
    }
    assert!(with(OLD, &[]).status.success());
    let id = key_id(&place);
    let before = tree(&place.dir());
    once_well(&place, &["old"]);
    assert_eq!(tree(&place.dir()), before, "the same secret, from a file");
    let outcome = with(OLD, &["new"]);
    assert!(outcome.status.success(), "{outcome:#?}");
    assert_ne!(key_id(&place), id, "a file comes before the environment");
    once_well(&place, &["new"]);
}

#[test]
fn secrets_that_can_not_be_used_are_told_before_anything_is_made() {
    let place = place();
    write(&place, "short", "thirty-one bytes are not enough");
    for (secrets, sentences) in [
        (&["short"][..], &["short can't be used", "at least 32 bytes", "openssl rand -base64 32"][..]),
        (&["old", "missing"], &["missing can't be read", "--system-secret-file"]),
        (&[""], &["it is no file"]),
    ] {
        once(&place, secrets).assert_refused(sentences);
        assert!(!place.dir().exists(), "nothing is made");
    }
    let mut controller = Command::new(env!("CARGO_BIN_EXE_keyturn"));
    controller.args(["controller", "--system-secret-file"]).arg(place.beside("short"));
    Outcome::of(&mut controller, &place.dir()).assert_refused(&["short can't be used", "at least 32 bytes"]);
}
