//! Two operators at once.

use std::collections::BTreeSet;

use futures::future::join_all;
use serde_json::json;

use crate::operator::{Fixture, example};

const SETS: usize = 20;

#[tokio::test]
async fn two_operators_at_once_never_make_a_key_twice() {
    let fixture = Fixture::new("rivals").await;
    let _one = fixture.operator().await;
    let _other = fixture.operator().await;
    let names: Vec<String> = (0..SETS).map(|number| format!("set-{number}")).collect();
    join_all(names.iter().map(async |name| {
        fixture.apply(&example(name, json!({ "keys": [{ "algorithm": "ES256" }] }))).await;
    }))
    .await;
    let active = join_all(names.iter().map(async |name| {
        fixture.ready(name).await;
        let view = fixture.view(name).await;
        view.assert_settled();
        (view.active(), view.standby())
    }))
    .await;

    join_all(names.iter().zip(&active).map(async |(name, (active, _))| {
        let revoked = json!([{ "kid": active }]);
        fixture.apply(&example(name, json!({ "keys": [{ "algorithm": "ES256" }], "revoked": revoked }))).await;
    }))
    .await;
    join_all(names.iter().zip(&active).map(async |(name, (revoked, standby))| {
        let whole = fixture
            .until("the revocation is everywhere", async || {
                let view = fixture.view(name).await;
                let whole = view.private == [standby.clone()]
                    && view.published.len() == 2
                    && !view.published.contains(revoked)
                    && view.keyring.len() == 2;
                whole.then_some(view)
            })
            .await;
        whole.assert_settled();
        assert_eq!(whole.active(), *standby, "{name}");
        // Two keys of the first pass, and a standby for the one that was promoted.
        let events = fixture
            .until("the mints are told", async || {
                let events = fixture.events(name).await;
                (events.iter().filter(|(reason, _)| reason == "Minted").count() >= 3).then_some(events)
            })
            .await;
        let minted: Vec<&String> =
            events.iter().filter(|(reason, _)| reason == "Minted").map(|(_, note)| note).collect();
        assert_eq!(minted.len(), 3, "{name}: {minted:#?}");
        assert_eq!(minted.iter().collect::<BTreeSet<_>>().len(), 3, "{name}: {minted:#?}");
    }))
    .await;
}
