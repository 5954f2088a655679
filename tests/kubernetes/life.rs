//! The life of keys on the real clock. On Kubernetes a lead is longer than a minute, because one write may take that
//! long; so what waits for one waits together.

use chrono::{DateTime, TimeDelta, Utc};
use keyturn::api::{ConditionStatus, JwksKeySet, JwksKeySetStatus};
use serde_json::{Value, json};

use crate::operator::{Fixture, condition, example};

/// Longer than a lead or a retention on Kubernetes, with room for a busy machine.
const LEADS: u32 = 4;

/// Facts so short that the bound on one write, 60 s, is most of every wait.
pub(crate) fn quick(name: &str, keys: &Value) -> JwksKeySet {
    let second = "1s";
    let timing = json!({
        "publishDelay": second,
        "verifierCacheTtl": second,
        "signerReloadDelay": second,
        "maxTokenLifetime": second,
        "clockSkew": "0s",
    });
    example(name, json!({ "keys": keys, "timing": timing }))
}

/// P + C + S + W.
fn lead() -> TimeDelta {
    TimeDelta::seconds(1 + 1 + 60)
}

/// R + L + 2S + W.
fn retention() -> TimeDelta {
    TimeDelta::seconds(1 + 1 + 60)
}

fn time(text: Option<&String>) -> DateTime<Utc> {
    text.expect("a time").parse().expect("RFC 3339")
}

async fn in_time(
    fixture: &Fixture,
    set: &str,
    what: &str,
    wanted: impl Fn(&JwksKeySetStatus) -> bool,
) -> JwksKeySetStatus {
    let found = fixture.within(crate::operator::PATIENCE * LEADS, what, async || {
        let status = fixture.sets().get(set).await.expect("the resource").status.unwrap_or_default();
        wanted(&status).then_some(status)
    });
    found.await
}

fn reason(status: &JwksKeySetStatus, type_: &str) -> String {
    condition(status, type_).map(|one| one.1).unwrap_or_default()
}

#[tokio::test]
async fn what_needs_a_lead_waits_for_it() {
    let fixture = Fixture::new("life").await;
    let _operator = fixture.operator().await;
    tokio::join!(
        an_asked_rotation_waits_its_lead_and_the_old_key_its_retention(&fixture),
        changed_parameters_are_a_rotation_with_its_lead(&fixture),
        a_removed_line_retires_when_the_line_added_with_it_is_active(&fixture),
        encryption_keys_reach_the_decrypting_pods_first(&fixture),
    );
}

#[expect(clippy::disallowed_methods, reason = "a test that waits on the real clock reads it")]
async fn an_asked_rotation_waits_its_lead_and_the_old_key_its_retention(fixture: &Fixture) {
    fixture.apply(&quick("asked", &json!([{ "algorithm": "ES256" }]))).await;
    fixture.ready("asked").await;
    let before = fixture.view("asked").await;
    fixture.annotate("asked", &[("keyturn.dev/rotate", "now")]).await;
    let held = fixture.status("asked", "Rotating", |status| reason(status, "Rotating") == "LeadNotPassed").await;
    assert_eq!(held.active_kids, Some(before.active()), "not before its lead");
    fixture.event("asked", "Held").await;
    assert!(fixture.is_warning("asked", "Held").await);

    let rotated =
        in_time(fixture, "asked", "the rotation", |status| status.active_kids == Some(before.standby())).await;
    let of = |status: &JwksKeySetStatus, kid: &str| status.keys.iter().find(|key| key.kid == kid).cloned();
    let new = of(&rotated, &before.standby()).expect("the new key");
    let waited = time(new.active_time.as_ref()) - time(new.published_time.as_ref());
    assert!(waited >= lead(), "only {waited} after its publication");
    let old = of(&rotated, &before.active()).expect("the old key");
    assert_eq!(old.phase, "Retired");
    let after = fixture
        .until("the outputs follow", async || {
            let view = fixture.view("asked").await;
            (view.private == [before.standby()] && view.published.len() == 3).then_some(view)
        })
        .await;
    assert!(after.published.contains(&before.active()), "tokens of the old key still verify");
    for story in ["Promoted", "Retired"] {
        fixture.event("asked", story).await;
    }

    let removed = in_time(fixture, "asked", "the removal", |status| of(status, &before.active()).is_none()).await;
    assert_eq!(removed.key_count, Some(2));
    let since = Utc::now() - time(old.retired_time.as_ref());
    assert!(since >= retention(), "only {since} after its retirement");
    let settled = |view: &crate::operator::view::View| view.published.len() == 2;
    fixture.until("the old key is gone", async || settled(&fixture.view("asked").await).then_some(())).await;
    fixture.view("asked").await.assert_settled();
    fixture.event("asked", "Removed").await;
}

async fn changed_parameters_are_a_rotation_with_its_lead(fixture: &Fixture) {
    fixture.apply(&quick("changed", &json!([{ "name": "main", "algorithm": "ES256" }]))).await;
    fixture.ready("changed").await;
    let before = fixture.view("changed").await;
    fixture.apply(&quick("changed", &json!([{ "name": "main", "algorithm": "ES384" }]))).await;
    let between = fixture
        .until("the next key is of the new kind", async || {
            let view = fixture.view("changed").await;
            let standby = view.in_phase("Standby");
            (standby.len() == 1 && standby[0] != before.standby() && view.published.contains(&standby[0]))
                .then_some(view)
        })
        .await;
    assert_eq!(between.private, [before.active()], "the old kind goes on to sign");
    assert!(!between.published.contains(&before.standby()), "the next key of the old kind was never used");
    let next = between.standby();
    let changed = in_time(fixture, "changed", "the change", |status| status.active_kids == Some(next.clone())).await;
    let new = changed.keys.iter().find(|key| key.kid == next).expect("the new key");
    assert_eq!(new.algorithm, "ES384");
    let waited = time(new.active_time.as_ref()) - time(new.published_time.as_ref());
    assert!(waited >= lead(), "only {waited} after its publication");
}

async fn a_removed_line_retires_when_the_line_added_with_it_is_active(fixture: &Fixture) {
    let old = json!([{ "name": "stays", "algorithm": "ES256" }, { "name": "goes", "algorithm": "ES256" }]);
    let new = json!([{ "name": "stays", "algorithm": "ES256" }, { "name": "comes", "algorithm": "ES256" }]);
    fixture.apply(&quick("lines", &old)).await;
    fixture.ready("lines").await;
    let before = fixture.view("lines").await;
    let goes = before.of_line("goes", "Active");
    fixture.apply(&quick("lines", &new)).await;
    let waiting = fixture.status("lines", "FirstKeysWait", |status| reason(status, "Ready") == "FirstKeysWait").await;
    let (ready, _, message) = condition(&waiting, "Ready").expect("Ready");
    assert!(ready == ConditionStatus::False && message.contains("comes"), "{message}");
    let between = fixture.view("lines").await;
    assert_eq!(between.of_line("goes", "Active"), goes, "the removed line signs until the new one does");
    assert_eq!(between.of_line("comes", "Active"), Vec::<String>::new(), "a line added later waits its lead");
    assert!(between.private.contains(&goes[0]));
    let comes = between.of_line("comes", "Standby");
    assert!(between.published.contains(&comes[0]) && !between.private.contains(&comes[0]));

    in_time(fixture, "lines", "Ready", |status| reason(status, "Ready") == "KeysReady").await;
    let after = fixture
        .until("the outputs follow", async || {
            let view = fixture.view("lines").await;
            (view.private.contains(&comes[0]) && !view.private.contains(&goes[0])).then_some(view)
        })
        .await;
    assert_eq!(after.of_line("comes", "Active"), comes);
    assert_eq!(after.of_line("goes", "Retired"), goes);
    assert!(after.published.contains(&goes[0]), "tokens of the removed line still verify");
    in_time(fixture, "lines", "the removal", |status| status.keys.iter().all(|key| key.line != "goes")).await;
}

async fn encryption_keys_reach_the_decrypting_pods_first(fixture: &Fixture) {
    fixture.apply(&quick("enc", &json!([{ "algorithm": "RSA-OAEP", "rsaBits": 2048 }]))).await;
    fixture.status("enc", "FirstKeysWait", |status| reason(status, "Ready") == "FirstKeysWait").await;
    fixture.event("enc", "Held").await;
    assert!(!fixture.is_warning("enc", "Held").await, "it must wait, and nobody has to do anything");
    let before = fixture.view("enc").await;
    assert_eq!(before.private, [before.standby()], "decrypting pods have the key");
    assert!(before.published.is_empty(), "senders don't know it yet");
    in_time(fixture, "enc", "Ready", |status| reason(status, "Ready") == "KeysReady").await;
    let after = fixture
        .until("senders know the key", async || {
            let view = fixture.view("enc").await;
            (!view.published.is_empty() && view.private.len() == 2).then_some(view)
        })
        .await;
    assert_eq!(after.published, [before.standby()], "the active one only");
    assert_eq!(after.private, [after.active(), after.standby()], "the active one first");
}

#[tokio::test]
async fn a_removed_line_retires_at_once_where_nothing_was_added() {
    let fixture = Fixture::new("removed").await;
    let _operator = fixture.operator().await;
    let both = json!({ "keys": [{ "algorithm": "ES256" }, { "algorithm": "ES384" }] });
    fixture.apply(&example("auth", both)).await;
    fixture.ready("auth").await;
    let before = fixture.view("auth").await;
    fixture.apply(&example("auth", json!({ "keys": [{ "algorithm": "ES256" }] }))).await;
    let after = fixture
        .until("the line is retired and the outputs follow", async || {
            let view = fixture.view("auth").await;
            (view.private == before.of_line("es256", "Active") && view.published.len() == 3).then_some(view)
        })
        .await;
    assert_eq!(after.of_line("es384", "Retired"), before.of_line("es384", "Active"));
    assert!(after.of_line("es384", "Standby").is_empty());
}

#[tokio::test]
async fn a_revoked_key_is_gone_at_once_and_the_standby_takes_its_place() {
    let fixture = Fixture::new("revoked").await;
    let _operator = fixture.operator().await;
    let spec = |revoked: Value| {
        let secrets = json!([{ "name": "auth-signer", "files": {
            "jwks.json": { "content": "PrivateJwks" },
            "all.json": { "content": "PublicJwks" },
            "kid": { "content": "ActiveKid" },
        } }]);
        example("auth", json!({ "keys": [{ "algorithm": "ES256" }], "secrets": secrets, "revoked": revoked }))
    };
    fixture.apply(&spec(json!([]))).await;
    fixture.ready("auth").await;
    let before = fixture.view("auth").await;
    fixture.apply(&spec(json!([{ "kid": before.active(), "reason": "Compromised" }]))).await;
    let after = fixture
        .until("the revoked key is gone from every output", async || {
            let view = fixture.view("auth").await;
            (view.private == [before.standby()] && view.published.len() == 2).then_some(view)
        })
        .await;
    after.assert_settled();
    let secret = fixture.secret("auth-signer").await.expect("the Secret");
    let map = fixture.config_map("auth-jwks").await.expect("the ConfigMap");
    let files = secret.data.iter().flatten().map(|(_, bytes)| String::from_utf8_lossy(&bytes.0).into_owned());
    for text in files.chain(map.data.into_iter().flatten().map(|(_, text)| text)) {
        assert!(!text.contains(&before.active()), "{text}");
    }
    let note = fixture.event("auth", "Revoked").await;
    assert!(note.contains(&before.active()), "{note}");
    let status = fixture.ready("auth").await;
    assert!(status.keys.iter().all(|key| key.kid != before.active()));

    // The word "revoked" outlives its line in the spec.
    fixture.apply(&spec(json!([]))).await;
    fixture.status("auth", "an answer", |status| status.observed_generation == Some(3)).await;
    assert_eq!(fixture.view("auth").await, after);
}

#[tokio::test]
async fn a_paused_set_makes_no_key_and_promotes_none_but_revokes() {
    let fixture = Fixture::new("paused").await;
    let _operator = fixture.operator().await;
    let spec = |paused: bool, revoked: Value| {
        let rotation = json!({ "paused": paused });
        example("auth", json!({ "keys": [{ "algorithm": "ES256" }], "rotation": rotation, "revoked": revoked }))
    };
    fixture.apply(&spec(true, json!([]))).await;
    let status = fixture.status("auth", "Paused", |status| reason(status, "Ready") == "Paused").await;
    assert!(condition(&status, "Ready").is_some_and(|one| one.2.contains("set it to false")));
    assert!(fixture.secret("auth-keyring").await.is_none());
    fixture.apply(&spec(false, json!([]))).await;
    fixture.ready("auth").await;
    let before = fixture.view("auth").await;

    fixture.apply(&spec(true, json!([]))).await;
    fixture.annotate("auth", &[("keyturn.dev/rotate", "now")]).await;
    fixture.status("auth", "the rotation is held", |status| reason(status, "Rotating") == "Paused").await;
    assert_eq!(fixture.view("auth").await.active(), before.active());
    fixture.apply(&spec(true, json!([{ "kid": before.active() }]))).await;
    let after = fixture
        .until("the revocation", async || {
            let view = fixture.view("auth").await;
            (view.private == [before.standby()] && !view.published.contains(&before.active())).then_some(view)
        })
        .await;
    assert_eq!(after.active(), before.standby());
    assert!(after.in_phase("Standby").is_empty(), "no key is made while paused");
}
