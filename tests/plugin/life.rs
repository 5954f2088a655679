//! A living set, as the commands tell and change it.

use std::time::Duration;

use keyturn::api::{ConditionStatus, RevocationReason};
use kube::api::{Patch, PatchParams};
use serde_json::{Value, json};

use crate::bench::{Bench, Said, quick};
use crate::operator::{Fixture, condition, example};

fn json_of(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn status_and_timeline_tell_what_the_operator_told() {
    let (bench, fixture) = (Bench::new(), Fixture::new("told").await);
    fixture.apply(&example("auth", json!({ "keys": [{ "algorithm": "ES256", "name": "tokens" }] }))).await;
    let early = bench.keyturn(&fixture, &["status", "auth"]);
    assert_eq!(early.code, 1, "{early:#?}");
    assert!(
        early.out.contains("is not ready") && early.out.contains("no operator has looked at this key set yet"),
        "{early:#?}"
    );

    let _operator = fixture.operator().await;
    let status = fixture.ready("auth").await;
    let view = fixture.view("auth").await;
    let said = bench.keyturn(&fixture, &["status", "auth"]).well();
    let id = format!("{}/auth", fixture.namespace);
    assert!(said.starts_with(&format!("{id} is ready, keyring revision 1\n")), "{said}");
    for (kid, phase, next) in [(view.active(), "Active", "retires in "), (view.standby(), "Standby", "active in ")] {
        let begin: String = kid.chars().take(20).collect();
        let row = said.lines().find(|row| row.contains(&begin)).unwrap_or_else(|| panic!("{kid} is missing: {said}"));
        assert!(row.contains(phase) && row.contains(next) && row.contains("ES256"), "{row}");
    }
    assert!(!said.contains("problem") && said.contains("Ready            True   KeysReady"), "{said}");
    let all = json_of(&bench.keyturn(&fixture, &["status", "--all", "--output", "json"]).well());
    assert_eq!(all["sets"][0]["ready"], true);
    assert_eq!(all["sets"][0]["status"], serde_json::to_value(&status).unwrap());

    let said = bench.keyturn(&fixture, &["timeline", "auth", "--horizon", "2400h"]).well();
    assert!(said.starts_with(&format!("{id}, as its status tells at ")), "{said}");
    for part in [
        ". Standby  # Active  - Retired".to_owned(),
        format!("{} active", view.standby()),
        "tokens#3 minted, published".to_owned(),
        "lead       publishDelay 2m + verifierCacheTtl 1h + clockSkew 1m = 1h3m".to_owned(),
        "Keys rotate every 720h.".to_owned(),
    ] {
        assert!(said.contains(&part), "{part:?} is missing: {said}");
    }
    let told = json_of(&bench.keyturn(&fixture, &["timeline", "auth", "--output", "json"]).well());
    let set = &told["sets"][0];
    let of = |kid: &str| set["keys"].as_array().unwrap().iter().find(|key| key["key"] == kid).unwrap().clone();
    let in_status = |kid: &str| status.keys.iter().find(|key| key.kid == kid).unwrap().clone();
    let (active, standby) = (of(&view.active()), of(&view.standby()));
    assert_eq!((&active["phase"], &standby["phase"]), (&json!("Active"), &json!("Standby")));
    assert_eq!(active["activeTime"], json!(in_status(&view.active()).active_time));
    // The forecast is the operator's own: it says what the operator wrote into the status.
    let due = json!(status.next_transition.as_ref().unwrap().time);
    assert_eq!((&standby["activeTime"], &active["retiredTime"]), (&due, &due));
    assert_eq!(set["next"][0]["time"], due);
    assert_eq!(json!(in_status(&view.active()).rotation_time), due);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_asked_rotation_comes_when_it_was_foretold() {
    let (bench, fixture) = (Bench::new(), Fixture::new("rotated").await);
    let _operator = fixture.operator().await;
    let confirm = json!({ "promotion": { "confirm": [{ "manual": {} }] } });
    tokio::join!(
        a_rotation_is_waited_for(&bench, &fixture),
        a_rotation_waits_for_a_confirmation(&bench, &fixture, confirm)
    );
}

async fn a_rotation_is_waited_for(bench: &Bench, fixture: &Fixture) {
    fixture.apply(&quick("auth", json!({}))).await;
    fixture.ready("auth").await;
    let before = fixture.view("auth").await;
    let said = bench.keyturn(fixture, &["rotate", "auth", "--wait", "--timeout", "1s"]);
    assert!(said.out.contains(&format!("line tokens: {} takes over at ", before.standby())), "{said:#?}");
    assert!(said.out.contains("it waits for the lead: everyone who needs the key first must have it"), "{said:#?}");
    assert!(said.failed().contains("not rotated within 1s; the request stands"));
    let asked = fixture
        .status("auth", "the request is in the status", |status| {
            status.keys.iter().any(|key| key.rotation_requested == Some(true))
        })
        .await;
    let foretold = asked.next_transition.unwrap().time;
    let told = json_of(&bench.keyturn(fixture, &["timeline", "auth", "--output", "json"]).well());
    assert_eq!(told["sets"][0]["next"][0]["time"], json!(foretold), "{told:#}");

    let said = tokio::task::block_in_place(|| bench.keyturn(fixture, &["rotate", "auth", "--wait"]).well());
    assert!(said.contains(&format!("line tokens: {} is active", before.standby())), "{said}");
    let after = fixture.ready("auth").await;
    assert_eq!(after.active_kids, Some(before.standby()));
    let said = bench.keyturn(fixture, &["status", "auth"]).well();
    assert!(said.contains("Retired") && said.contains("removed in "), "{said}");
}

async fn a_rotation_waits_for_a_confirmation(bench: &Bench, fixture: &Fixture, confirm: Value) {
    fixture.apply(&quick("told", confirm)).await;
    fixture.ready("told").await;
    let view = fixture.view("told").await;
    let said = bench.keyturn(fixture, &["rotate", "told"]).well();
    assert!(said.contains("it waits for its confirmation"), "{said}");
    let said = bench.keyturn(fixture, &["rotate", "told", "--wait"]).failed();
    assert!(said.contains("state a --timeout"), "{said}");
    let said = bench.keyturn(fixture, &["confirm", "told", &view.active()]).failed();
    assert!(said.contains("only a Standby key is confirmed"), "{said}");
    let said = bench.keyturn(fixture, &["confirm", "told", &view.standby()]).well();
    assert!(said.contains(&format!("{} is confirmed", view.standby())), "{said}");
    let set = fixture.sets().get("told").await.unwrap();
    assert_eq!(set.metadata.annotations.unwrap()["keyturn.dev/confirm"], view.standby());
    let said = bench.keyturn(fixture, &["confirm", "auth", "x"]).failed();
    assert!(said.contains("no key has the kid \"x\""), "{said}");
}

/// The operator writes the status whenever it likes; a command that read the resource just before makes its change all the same.
#[tokio::test(flavor = "multi_thread")]
async fn a_resource_that_others_write_is_changed_all_the_same() {
    let (bench, fixture) = (Bench::new(), Fixture::new("busy").await);
    let operator = fixture.operator().await;
    fixture.apply(&quick("auth", json!({ "promotion": { "confirm": [{ "manual": {} }] } }))).await;
    let before = fixture.ready("auth").await;
    drop(operator);
    let sets = fixture.sets();
    let busy = tokio::spawn(async move {
        for count in 0.. {
            let patch = json!({ "metadata": { "annotations": { "example.com/count": format!("{count}") } } });
            sets.patch("auth", &PatchParams::default(), &Patch::Merge(patch)).await.unwrap();
            tokio::time::sleep(Duration::from_millis(40)).await;
        }
    });
    let view = fixture.view("auth").await;
    tokio::task::block_in_place(|| {
        for _ in 0..15 {
            bench.keyturn(&fixture, &["rotate", "auth"]).well();
        }
        bench.keyturn(&fixture, &["confirm", "auth", &view.standby()]).well();
        bench.keyturn(&fixture, &["revoke", "auth", &view.standby(), "--yes"]).well();
    });
    busy.abort();
    let set = fixture.sets().get("auth").await.unwrap();
    assert_eq!(set.metadata.annotations.unwrap()["keyturn.dev/confirm"], view.standby());
    assert_eq!(set.spec.revoked.iter().map(|one| one.kid.clone()).collect::<Vec<_>>(), [view.standby()]);
    assert_eq!(set.status.unwrap().keys.len(), before.keys.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_key_is_gone_and_it_is_told_before_what_breaks() {
    let (bench, fixture) = (Bench::new(), Fixture::new("revoked").await);
    let _operator = fixture.operator().await;
    fixture.apply(&example("auth", json!({ "keys": [{ "algorithm": "ES256", "name": "tokens" }], "revoked": [{ "kid": "old", "reason": "Superseded" }] }))).await;
    fixture.ready("auth").await;
    let before = fixture.view("auth").await;
    let active = before.active();
    let mut prefixes = (1..active.len()).map(|length| &active[..length]);
    let prefix = prefixes.find(|begin| !before.standby().starts_with(begin)).unwrap().to_owned();

    let said = bench.keyturn(&fixture, &["revoke", "auth", "old"]).well();
    assert!(said.contains("old is in spec.revoked already"), "{said}");
    let said = bench.keyturn(&fixture, &["revoke", "auth", "nobody"]).failed();
    assert!(
        said.contains("no key has the kid \"nobody\"")
            && said.contains(&before.active())
            && said.contains(&before.standby()),
        "{said}"
    );
    let said = bench.keyturn(&fixture, &["revoke", "auth", &prefix, "--dry-run"]).well();
    for part in [
        format!("Revoking {} of {}/auth (line tokens, Active):", before.active(), fixture.namespace),
        "every token that it signed and that is still valid stops verifying: those signed in the last 24h".to_owned(),
        "up to 1h2m (publishDelay + verifierCacheTtl)".to_owned(),
        format!("{} takes its place at once; not every verifier knows it before ", before.standby()),
        "Nothing was changed".to_owned(),
    ] {
        assert!(said.contains(&part), "{part:?} is missing: {said}");
    }
    let said = bench.keyturn(&fixture, &["revoke", "auth", &prefix]);
    assert_eq!(said.code, 2, "{said:#?}");
    assert!(said.err.contains("state --yes"), "{said:#?}");
    let kubeconfig = fixture.cluster.kubeconfig_path().display().to_string();
    let line = format!(
        "{} revoke auth {prefix} --namespace {} --kubeconfig {kubeconfig}",
        env!("CARGO_BIN_EXE_keyturn"),
        fixture.namespace
    );
    let mut script = std::process::Command::new("script");
    let said = Said::on_terminal(bench.ready(&mut script).args(["-qec", &line, "/dev/null"]), "n\n");
    assert!(said.code == 1 && said.out.contains("nothing was revoked"), "{said:#?}");
    assert_eq!(fixture.sets().get("auth").await.unwrap().spec.revoked.len(), 1, "nothing was changed so far");

    let said = bench.keyturn(&fixture, &["revoke", "auth", &prefix, "--reason", "compromised", "--yes"]).well();
    assert!(said.contains("is in spec.revoked"), "{said}");
    let revoked = fixture.sets().get("auth").await.unwrap().spec.revoked;
    assert_eq!(revoked.iter().map(|one| one.kid.clone()).collect::<Vec<_>>(), ["old".to_owned(), before.active()]);
    assert_eq!(revoked[1].reason, RevocationReason::Compromised);
    let gone = fixture.status("auth", "the key is gone", |status| status.active_kids == Some(before.standby())).await;
    assert!(gone.keys.iter().all(|key| key.kid != before.active()));
    let said = bench.keyturn(&fixture, &["revoke", "auth", &before.standby(), "--dry-run"]).well();
    assert!(said.contains("takes its place at once"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_set_that_someone_has_to_mend_says_so() {
    let (bench, fixture) = (Bench::new(), Fixture::new("trouble").await);
    fixture.create_secret("auth-signer", &[("a", "b")]).await;
    let _operator = fixture.operator().await;
    fixture.apply(&example("auth", json!({ "keys": [{ "algorithm": "ES256" }] }))).await;
    fixture
        .status("auth", "the stranger is told of", |status| {
            condition(status, "Ready").is_some_and(|one| one.0 == ConditionStatus::False && one.1 == "OutputTaken")
        })
        .await;
    let said = bench.keyturn(&fixture, &["status", "auth"]);
    assert_eq!(said.code, 1, "{said:#?}");
    assert!(
        said.out.contains("problem: Ready (OutputTaken): Secret \"auth-signer\" exists and was not made"),
        "{said:#?}"
    );
}
