//! The commands need rights on `JwksKeySet`s and on nothing else: they never read a Secret.

use serde_json::json;

use crate::bench::{Bench, quick};
use crate::operator::Fixture;

#[tokio::test(flavor = "multi_thread")]
async fn no_command_needs_more_than_the_resource() {
    let (bench, fixture) = (Bench::new(), Fixture::new("rights").await);
    let _operator = fixture.operator().await;
    fixture.apply(&quick("auth", json!({ "promotion": { "confirm": [{ "manual": {} }] } }))).await;
    fixture.ready("auth").await;
    let view = fixture.view("auth").await;
    for user in ["reader", "keeper"] {
        fixture.kubectl(&["create", "serviceaccount", user]);
        let verbs = if user == "reader" { "--verb=get,list" } else { "--verb=get,list,watch,patch" };
        fixture.kubectl(&["create", "role", user, verbs, "--resource=jwkskeysets.keyturn.dev"]);
        let account = format!("--serviceaccount={}:{user}", fixture.namespace);
        fixture.kubectl(&["create", "rolebinding", user, &format!("--role={user}"), &account]);
    }
    let as_user = |user: &str| {
        let token = fixture.kubectl(&["create", "token", user]);
        let admin = fixture.kubectl(&["config", "view", "--raw", "--output", "json"]);
        let mut config: serde_json::Value = serde_json::from_str(&admin).unwrap();
        config["users"][0]["user"] = json!({ "token": token.trim() });
        let file = bench.folder.path().join(user);
        std::fs::write(&file, config.to_string()).unwrap();
        file
    };
    let (reader, keeper) = (as_user("reader"), as_user("keeper"));
    let said = |file: &std::path::Path, args: &[&str]| {
        bench.alone(file, &[args, &["--namespace", fixture.namespace.as_str()]].concat())
    };
    said(&reader, &["status", "auth"]).well();
    said(&reader, &["status", "--all"]).well();
    said(&reader, &["timeline", "auth"]).well();
    said(&reader, &["revoke", "auth", &view.active(), "--dry-run"]).well();
    let refused = said(&reader, &["rotate", "auth"]).failed();
    assert!(refused.contains("you lack a right") && refused.contains("ask for `patch`"), "{refused}");
    let refused = bench.alone(&reader, &["status", "--all-namespaces"]).failed();
    assert!(refused.contains("ask for `list`"), "{refused}");
    said(&keeper, &["rotate", "auth"]).well();
    said(&keeper, &["confirm", "auth", &view.standby()]).well();
    said(&keeper, &["rotate", "auth", "--wait", "--timeout", "1s"]).failed();
    said(&keeper, &["revoke", "auth", &view.active(), "--yes"]).well();
}
