//! The commands of README that need no cluster, as it shows them.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::PathBuf;
use std::process::Command;

use crate::program::{Workplace, auth};

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn readme() -> String {
    fs::read_to_string(root().join("README.md")).unwrap()
}

/// The program, in the folder of the place.
fn keyturn(place: &Workplace, args: &str) -> Command {
    let mut keyturn = Command::new(env!("CARGO_BIN_EXE_keyturn"));
    keyturn.args(args.split(' ')).current_dir(place.beside(""));
    keyturn
}

/// What follows `beginning` on its line.
fn rest_of_line<'a>(text: &'a str, beginning: &str) -> &'a str {
    text.lines().find_map(|line| line.strip_prefix(beginning)).expect("README says it")
}

#[test]
fn the_one_command_keeps_the_quickstart() {
    let readme = readme();
    let args = rest_of_line(&readme, "cargo run --release -- ");
    let place = Workplace::new("");
    symlink(root().join("examples"), place.beside("examples")).unwrap();
    let mut running = place.spawn(&mut keyturn(&place, args));
    // The table of what it keeps.
    let rows: Vec<&str> =
        readme.lines().filter_map(|line| line.strip_prefix("| `")?.split_once("` | ")).map(|row| row.0).collect();
    let kept: Vec<&&str> = rows
        .iter()
        .filter(|row| ["configmaps/", "secrets/", "keyrings/"].iter().any(|kind| row.starts_with(kind)))
        .collect();
    assert_eq!(kept.len(), 3, "{rows:?}");
    running.until("it keeps what README says", || kept.iter().all(|path| place.path(path).is_file()));
    assert!(running.end("INT").status.success(), "Ctrl-C ends it");
}

#[test]
fn the_plan_is_the_one_that_is_shown() {
    let readme = readme();
    let (_, rest) = readme.split_once("\n$ keyturn plan web.yaml ").expect("README plans");
    let (args, rest) = rest.split_once('\n').unwrap();
    let shown = rest.split("\n```").next().unwrap();
    let place = Workplace::new("");
    fs::write(
        place.beside("web.yaml"),
        auth("keys: [{ algorithm: ES256 }]\nrotation: { interval: 168h }").replace("name: auth", "name: web"),
    )
    .unwrap();
    let output = keyturn(&place, &format!("plan web.yaml {args}")).env("LC_ALL", "C.UTF-8").output().unwrap();
    assert!(output.status.success(), "{output:?}");
    assert_eq!(String::from_utf8(output.stdout).unwrap().trim_end(), shown);
}

#[test]
fn a_system_secret_is_made_and_seals_as_shown() {
    let readme = readme();
    let (_, block) = readme.split_once("\n```sh\n(umask").expect("README seals");
    let (make, run) = block.split("\n```").next().unwrap().split_once('\n').unwrap();
    let place = Workplace::new("");
    fs::write(place.beside("auth.yaml"), auth("keys: [{ algorithm: ES256 }]")).unwrap();
    let made =
        Command::new("sh").args(["-c", &format!("(umask{make}")]).current_dir(place.beside("")).status().unwrap();
    assert!(made.success());
    let mode = fs::metadata(place.beside("system-secret")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let args = run.split(" #").next().unwrap().trim().strip_prefix("keyturn ").unwrap();
    let mut running = place.spawn(&mut keyturn(&place, args));
    let keyring = place.path("keyrings/auth.json");
    running.until("the keyring is there", || keyring.is_file());
    assert!(running.end("TERM").status.success());
    let keyring = fs::read_to_string(keyring).unwrap();
    assert!(keyring.contains("\"keyId\"") && !keyring.contains("\"d\""), "it is sealed");
}
