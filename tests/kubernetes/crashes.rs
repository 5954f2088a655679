//! A crash at any write, then a restart, ends where no crash would have ended.

use std::time::Duration;

use futures::future::join_all;
use keyturn::api::JwksKeySet;
use serde_json::json;

use crate::operator::view::View;
use crate::operator::wire::{Fault, Wire};
use crate::operator::{Fixture, Operator, example};

/// Keyring, ConfigMap, Secret, status.
const WRITES: usize = 4;

fn every_fault() -> Vec<Fault> {
    let kinds = [Fault::KilledBefore, Fault::KilledAfter, Fault::Refused, Fault::AnswerLost];
    (1..=WRITES).flat_map(|n| kinds.iter().map(move |kind| kind(n))).collect()
}

fn is_death(fault: Fault) -> bool {
    matches!(fault, Fault::KilledBefore(_) | Fault::KilledAfter(_))
}

fn set() -> JwksKeySet {
    example("auth", json!({ "keys": [{ "algorithm": "ES256" }] }))
}

#[tokio::test]
async fn a_crash_at_any_write_of_the_first_pass_costs_no_key() {
    join_all(every_fault().into_iter().map(async |fault| {
        let fixture = Fixture::new("crash-first").await;
        let wire = Wire::with(fault);
        let operator = fixture.operator_on(&wire).await;
        fixture.apply(&set()).await;
        struck(&fixture, &wire, fault).await;
        let between = fixture.view("auth").await;
        let _operator = survivor(&fixture, operator, fault).await;
        fixture.ready("auth").await;
        let after = fixture.view("auth").await;
        after.assert_settled();
        assert_eq!(after.keyring.len(), 2, "{fault:?}");
        if !between.keyring.is_empty() {
            assert_eq!(after.keyring, between.keyring, "{fault:?}: what was committed is what is used");
        }
    }))
    .await;
}

#[tokio::test]
async fn a_crash_at_any_write_of_a_revocation_ends_in_the_same_state() {
    join_all(every_fault().into_iter().map(async |fault| {
        let fixture = Fixture::new("crash-revoke").await;
        let wire = Wire::default();
        let operator = fixture.operator_on(&wire).await;
        let mut set = set();
        fixture.apply(&set).await;
        fixture.ready("auth").await;
        let before = fixture.view("auth").await;
        wire.fail(fault);
        set.spec.revoked = serde_json::from_value(json!([{ "kid": before.active() }])).expect("a revoked kid");
        fixture.apply(&set).await;
        struck(&fixture, &wire, fault).await;
        let between = fixture.view("auth").await;
        let _operator = survivor(&fixture, operator, fault).await;
        fixture
            .status("auth", "the revocation", |status| {
                status.observed_generation == Some(2) && status.active_kids == Some(before.standby())
            })
            .await;
        let after = fixture
            .until("both outputs follow", async || {
                let view = fixture.view("auth").await;
                let whole = view.private == [view.active()] && view.published.len() == view.keyring.len();
                whole.then_some(view)
            })
            .await;
        assert_revoked(&before, &between, &after, fault);
    }))
    .await;
}

/// The lead of [`hasty`]: P + C + S, and the minute that a write may take.
const LEAD: Duration = Duration::from_secs(1 + 1 + 60);

/// A set whose next key may sign a minute after it was published.
fn hasty() -> JwksKeySet {
    let second = "1s";
    example(
        "auth",
        json!({
            "keys": [{ "algorithm": "ES256" }],
            "timing": {
                "publishDelay": second, "verifierCacheTtl": second, "signerReloadDelay": second,
                "maxTokenLifetime": "60s", "clockSkew": "0s",
            },
        }),
    )
}

#[tokio::test]
async fn a_crash_at_any_write_of_a_rotation_whose_lead_has_passed_ends_in_the_same_state() {
    join_all(every_fault().into_iter().map(async |fault| {
        let fixture = Fixture::new("crash-rotate").await;
        let wire = Wire::default();
        let operator = fixture.operator_on(&wire).await;
        fixture.apply(&hasty()).await;
        fixture.ready("auth").await;
        let before = fixture.view("auth").await;
        tokio::time::sleep(LEAD + Duration::from_secs(3)).await;
        wire.fail(fault);
        fixture.annotate("auth", &[("keyturn.dev/rotate", "now")]).await;
        struck(&fixture, &wire, fault).await;
        let between = fixture.view("auth").await;
        let _operator = survivor(&fixture, operator, fault).await;
        let after = fixture
            .until("both outputs follow", async || {
                let view = fixture.view("auth").await;
                let active = view.in_phase("Active");
                let whole = active != [before.active()] && view.private == active && view.published.len() == 3;
                whole.then_some(view)
            })
            .await;
        after.assert_settled();
        assert_eq!(after.active(), before.standby(), "{fault:?}: the standby was promoted, not a new key");
        assert_eq!(after.in_phase("Retired"), [before.active()], "{fault:?}");
        assert_eq!(after.keyring.len(), 3, "{fault:?}: one key was minted");
        if between.keyring != before.keyring {
            assert_eq!(after.keyring, between.keyring, "{fault:?}: what was committed is what is used");
        }
    }))
    .await;
}

fn assert_revoked(before: &View, between: &View, after: &View, fault: Fault) {
    after.assert_settled();
    assert_eq!(after.keyring.len(), 2, "{fault:?}");
    assert_eq!(after.active(), before.standby(), "{fault:?}: the standby was promoted, not a new key");
    assert!(!after.published.contains(&before.active()), "{fault:?}");
    if between.keyring != before.keyring {
        assert_eq!(after.keyring, between.keyring, "{fault:?}: what was committed is what is used");
    }
}

/// The operator that goes on after the fault: another one, where it was deadly.
async fn survivor(fixture: &Fixture, operator: Operator, fault: Fault) -> Operator {
    if is_death(fault) {
        drop(operator);
        fixture.operator().await
    } else {
        operator
    }
}

/// Waits until the fault has struck.
async fn struck(fixture: &Fixture, wire: &Wire, fault: Fault) {
    fixture.until(&format!("{fault:?}"), async || wire.has_struck().then_some(())).await;
}
