//! What goes wrong says what to do.

use std::fs;

use crate::bench::Bench;
use crate::operator::Fixture;

#[tokio::test]
async fn a_cluster_that_gives_no_answer_is_named() {
    let (bench, fixture) = (Bench::new(), Fixture::new("wrong").await);
    let said = bench.keyturn(&fixture, &["status", "nobody"]).failed();
    let wanted = format!("keyturn: there is no JwksKeySet nobody in namespace {}", fixture.namespace);
    assert!(said.contains(&wanted), "{said}");
    let said = bench.keyturn(&fixture, &["status", "--all"]).well();
    assert_eq!(said, "There are no key sets.\n");
    let said = bench.keyturn(&fixture, &["status", "auth", "--context", "elsewhere"]).failed();
    assert!(said.contains("elsewhere") && said.contains("state one by --kubeconfig"), "{said}");

    let file = bench.folder.path().join("config");
    let said = bench.alone(&file, &["timeline", "auth"]).failed();
    assert!(said.contains("the kubeconfig can't be used") && said.contains("config"), "{said}");
    let config = |server: &str| {
        format!(
            "apiVersion: v1\nkind: Config\nclusters: [{{ name: c, cluster: {{ server: \"{server}\" }} }}]\n\
             contexts: [{{ name: c, context: {{ cluster: c, user: u }} }}]\nusers: [{{ name: u, user: {{}} }}]\ncurrent-context: c\n"
        )
    };
    fs::write(&file, config("http://127.0.0.1:9")).unwrap();
    let said = bench.alone(&file, &["timeline", "auth"]).failed();
    assert!(said.contains("http://127.0.0.1:9 can't be reached") && said.contains("refused"), "{said}");
}

#[tokio::test]
async fn a_cluster_without_the_crd_is_told_how_to_get_it() {
    // An API server that knows no JwksKeySets answers in plain text, as this one does for a group that is not there.
    let cluster = crate::support::control_plane::ControlPlane::start().await;
    let bench = Bench::new();
    let said = bench.alone(cluster.kubeconfig_path(), &["status", "--all"]).failed();
    assert!(said.contains("knows no JwksKeySets") && said.contains("keyturn crd | kubectl apply -f -"), "{said}");
    let said = bench.alone(cluster.kubeconfig_path(), &["rotate", "auth"]).failed();
    assert!(said.contains("knows no JwksKeySets"), "{said}");
}
