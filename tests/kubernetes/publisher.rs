//! `publisher: Signer`, for servers that publish what they loaded.

use keyturn::api::ConditionStatus;
use serde_json::json;

use crate::operator::{Fixture, condition, example};

#[tokio::test]
async fn a_publishing_signer_loads_every_key_and_the_active_ones_first() {
    let fixture = Fixture::new("signer").await;
    let _operator = fixture.operator().await;
    let two = json!([{ "algorithm": "ES256" }, { "algorithm": "ES384" }]);
    fixture.apply(&example("auth", json!({ "keys": two, "publisher": "Signer" }))).await;
    fixture.ready("auth").await;
    let view = fixture.view("auth").await;
    let of = |line: &str, phase: &str| view.of_line(line, phase)[0].clone();
    let wanted = [of("es256", "Active"), of("es384", "Active"), of("es256", "Standby"), of("es384", "Standby")];
    assert_eq!(view.private, wanted);
    assert!(fixture.config_map("auth-jwks").await.is_none(), "the server publishes");
}

#[tokio::test]
async fn a_signer_can_become_the_publisher_only_when_it_can_load_every_retired_key() {
    let fixture = Fixture::new("becomes").await;
    let _operator = fixture.operator().await;
    let two = json!([{ "algorithm": "ES256" }, { "algorithm": "ES384" }]);
    let one = json!([{ "algorithm": "ES256" }]);
    fixture.apply(&example("auth", json!({ "keys": two }))).await;
    fixture.ready("auth").await;
    // A removed line retires at once, and then nobody has its private key any more.
    fixture.apply(&example("auth", json!({ "keys": one }))).await;
    let before = fixture
        .until("the line retires", async || {
            let view = fixture.view("auth").await;
            (view.in_phase("Retired").len() == 1 && view.private.len() == 1 && view.published.len() == 3)
                .then_some(view)
        })
        .await;
    fixture.apply(&example("auth", json!({ "keys": one, "publisher": "Signer" }))).await;
    let status = fixture
        .status("auth", "PublisherChangeWaits", |status| {
            condition(status, "Ready").is_some_and(|one| one.1 == "PublisherChangeWaits")
        })
        .await;
    let (ready, _, message) = condition(&status, "Ready").expect("Ready");
    assert_eq!(ready, ConditionStatus::False);
    assert!(message.contains(&before.in_phase("Retired")[0]), "{message}");
    assert_eq!(fixture.view("auth").await, before, "Keyturn goes on publishing");

    fixture.apply(&example("auth", json!({ "keys": one }))).await;
    fixture.ready("auth").await;
    assert_eq!(fixture.view("auth").await, before);
}
