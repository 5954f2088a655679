//! A living set whose spec is refused, and keys that no status lists.

use keyturn::api::JwksKeySet;
use serde_json::json;

use crate::bench::{Bench, quick};
use crate::operator::Fixture;

fn refused() -> JwksKeySet {
    quick("auth", json!({ "rotation": { "mode": "Schedule", "schedule": "every day" } }))
}

#[tokio::test(flavor = "multi_thread")]
async fn while_a_spec_is_refused_the_one_in_force_is_shown() {
    let (bench, fixture) = (Bench::new(), Fixture::new("in-force").await);
    let _operator = fixture.operator().await;
    fixture.apply(&quick("auth", json!({}))).await;
    fixture.ready("auth").await;
    let view = fixture.view("auth").await;
    fixture.apply(&refused()).await;
    fixture.status("auth", "the spec before is told", |status| status.spec_in_force.is_some()).await;

    let said = bench.keyturn(&fixture, &["timeline", "auth"]);
    assert_eq!(said.code, 1, "{said:#?}");
    for part in
        ["problem: Ready (SpecInvalid)", "every day", "All that follows is of the spec before", &view.active()[..8]]
    {
        assert!(said.out.contains(part), "{part:?} is missing: {said:#?}");
    }
    let said = bench.keyturn(&fixture, &["timeline", "auth", "--output", "json"]);
    let json: serde_json::Value = serde_json::from_str(&said.out).unwrap();
    let set = &json["sets"][0];
    assert_eq!(
        (said.code, &set["safe"], set["keys"].as_array().unwrap().len() >= 2),
        (1, &json!(false), true),
        "{set:#}"
    );
    assert!(set["refused"][0].as_str().unwrap().contains("every day"), "{set:#}");

    let said = bench.keyturn(&fixture, &["revoke", "auth", &view.active(), "--yes"]).well();
    assert!(said.contains("the operator takes it away now"), "{said}");
    fixture.status("auth", "the standby took its place", |status| status.active_kids == Some(view.standby())).await;
    fixture.apply(&quick("auth", json!({}))).await;
    let mended = fixture.ready("auth").await;
    assert_eq!(mended.spec_in_force, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_no_status_lists_is_revoked_where_that_is_meant() {
    let (bench, fixture) = (Bench::new(), Fixture::new("unlisted").await);
    fixture.apply(&quick("auth", json!({}))).await;
    let said = bench.keyturn(&fixture, &["revoke", "auth", "of-a-backup", "--yes"]).failed();
    assert!(said.contains("has no keys yet") && said.contains("--unlisted"), "{said}");
    let said = bench.keyturn(&fixture, &["revoke", "auth", "of-a-backup", "--unlisted", "--yes"]).well();
    assert!(said.contains("which its status does not list") && said.contains("is in spec.revoked"), "{said}");
    let set = fixture.sets().get("auth").await.unwrap();
    assert_eq!(set.spec.revoked.iter().map(|one| one.kid.as_str()).collect::<Vec<_>>(), ["of-a-backup"]);
}
