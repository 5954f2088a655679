//! The program under its other names, and what shells are told.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::bench::{Bench, Said, quick};
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

#[tokio::test(flavor = "multi_thread")]
async fn names_and_kids_are_completed_from_the_cluster() {
    let (bench, fixture) = (Bench::new(), Fixture::new("offered").await);
    let _operator = fixture.operator().await;
    for name in ["auth", "audit"] {
        fixture.apply(&quick(name, json!({ "promotion": { "confirm": [{ "manual": {} }] } }))).await;
        fixture.ready(name).await;
    }
    let offered = |words: &[&str]| {
        let all = [&["__complete", "keyturn"], words].concat();
        let said = bench.kubectl(&fixture, &all).well();
        let first = |line: &str| line.split('\t').next().unwrap_or_default().to_owned();
        // Options are offered beside them.
        let is_option = |word: &String| word.starts_with("--") && word.len() < 20;
        let words = said.lines().filter(|line| !line.starts_with(':')).map(first);
        words.filter(|word| !is_option(word)).collect::<Vec<_>>()
    };
    let namespace = fixture.namespace.as_str();
    for command in ["status", "timeline", "rotate", "confirm", "revoke"] {
        assert_eq!(offered(&[command, "--namespace", namespace, "au"]), ["audit", "auth"], "{command}");
    }
    assert_eq!(offered(&["status", "-n", namespace, "auth", "au"]), ["audit"], "the other one was typed already");
    let view = fixture.view("auth").await;
    assert_eq!(offered(&["confirm", "-n", namespace, "auth", ""]), [view.standby()]);
    let mut kids = offered(&["revoke", "-n", namespace, "auth", ""]);
    kids.sort();
    let mut known = vec![view.active(), view.standby()];
    known.sort();
    assert_eq!(kids, known);
    bench.keyturn(&fixture, &["revoke", "auth", &view.standby(), "--yes"]).well();
    assert!(!offered(&["revoke", "-n", namespace, "auth", ""]).contains(&view.standby()), "it is revoked already");
    assert_eq!(offered(&["confirm", "-n", namespace, "nobody", ""]), [""; 0]);
}

#[test]
fn a_cluster_that_does_not_answer_offers_nothing_and_says_nothing() {
    let bench = Bench::new();
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let config = json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "it",
        "clusters": [{ "name": "it", "cluster": { "server": format!("http://{}", silent.local_addr().unwrap()) } }],
        "contexts": [{ "name": "it", "context": { "cluster": "it", "user": "" } }],
    });
    let file = bench.folder.path().join("silent");
    fs::write(&file, config.to_string()).unwrap();
    let missing = bench.folder.path().join("missing");
    for kubeconfig in [&file, &missing] {
        let mut command = Command::new(bench.folder.path().join("kubectl_complete-keyturn"));
        bench.ready(&mut command).env("KUBECONFIG", kubeconfig).args(["timeline", "a"]);
        let began = Instant::now();
        let said = Said::of(&mut command);
        assert_eq!((said.code, said.out.as_str(), said.err.as_str()), (0, ":4\n", ""));
        assert!(began.elapsed() < Duration::from_secs(5), "a shell waits for it");
    }
}

#[test]
fn a_kid_may_begin_with_a_dash() {
    let bench = Bench::new();
    for args in [["revoke", "auth", "-x_9", "--yes"], ["revoke", "--yes", "auth", "--4"]] {
        let said = bench.alone(Path::new("/nowhere"), &args).failed();
        assert!(said.contains("kubeconfig"), "it was understood: {said}");
    }
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
