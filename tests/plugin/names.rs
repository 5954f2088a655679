//! The program under its other names, and what shells are told.

use std::fs;
use std::process::Command;

use crate::bench::{Bench, Said};
use crate::operator::Fixture;

#[tokio::test]
async fn kubectl_finds_the_plugin_and_usage_says_what_was_typed() {
    let (bench, fixture) = (Bench::new(), Fixture::new("named").await);
    let listed = bench.kubectl(&fixture, &["plugin", "list"]);
    assert!(listed.out.contains("kubectl-keyturn"), "{listed:#?}");
    let help = bench.kubectl(&fixture, &["keyturn", "--help"]).well();
    assert!(help.contains("Usage: kubectl keyturn <COMMAND>"), "{help}");
    let misuse = bench.kubectl(&fixture, &["keyturn", "rotate"]);
    assert!(misuse.code == 2 && misuse.err.contains("Usage: kubectl keyturn rotate <NAME>"), "{misuse:#?}");
    let file = bench.folder.path().join("set.yaml");
    fs::write(&file, "apiVersion: keyturn.dev/v1alpha1\nkind: JwksKeySet\nmetadata: { name: auth }\nspec: { keys: [{ algorithm: ES256 }] }\n").unwrap();
    let plan = bench.kubectl(&fixture, &["keyturn", "plan", file.to_str().unwrap()]).well();
    assert!(plan.contains("default/auth is safe as long as the facts below are true."), "{plan}");
}

#[tokio::test]
async fn kubectl_completes_what_the_plugin_takes() {
    let (bench, fixture) = (Bench::new(), Fixture::new("completed").await);
    let completed = |words: &[&str]| {
        let all = [&["__complete", "keyturn"], words].concat();
        bench.kubectl(&fixture, &all).well()
    };
    let commands = completed(&[""]);
    for word in ["status", "timeline", "rotate", "revoke", "confirm", "plan"] {
        assert!(commands.lines().any(|line| line.split('\t').next() == Some(word)), "{word} is missing: {commands}");
    }
    assert!(commands.contains(":4"), "{commands}");
    assert!(completed(&["revoke", "auth", "kid", "--re"]).starts_with("--reason\t"));
    assert!(completed(&["revoke", "--reason", "Comp"]).starts_with("Compromised\t"));
}

#[test]
fn shells_take_their_completion_and_man_reads_its_pages() {
    let bench = Bench::new();
    let keyturn = |args: &[&str]| Said::of(Command::new(env!("CARGO_BIN_EXE_keyturn")).args(args));
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let script = keyturn(&["completion", shell]).well();
        assert!(script.contains("keyturn") && script.contains("timeline"), "{shell}");
    }
    let script = bench.folder.path().join("completion.bash");
    fs::write(&script, keyturn(&["completion", "bash"]).well()).unwrap();
    let asked = "source completion.bash; COMP_WORDS=(keyturn time); COMP_CWORD=1; _keyturn keyturn time keyturn; echo \"${COMPREPLY[@]}\"";
    let said = Said::of(Command::new("bash").args(["-c", asked]).current_dir(bench.folder.path()));
    assert_eq!(said.well(), "timeline\n");

    let pages = bench.folder.path().join("man1");
    keyturn(&["man", pages.to_str().unwrap()]).well();
    let page = fs::read_to_string(pages.join("keyturn-revoke.1")).unwrap();
    assert!(page.contains(".TH") && page.contains("dry\\-run"), "{page}");
    assert!(pages.join("keyturn.1").exists());
}
