//! The program as the keepers of a cluster see it: probes, metrics, logs, and how it ends.

use std::fs;
use std::time::Duration;

use k8s_openapi::api::coordination::v1::Lease;
use kube::Api;
use kube::api::DeleteParams;
use serde_json::json;

use crate::life::quick;
use crate::operator::program::Program;
use crate::operator::{Fixture, example, metric};

#[tokio::test]
async fn a_rotation_is_seen_in_metrics_and_logs_and_sigterm_ends_the_program() {
    let fixture = Fixture::new("observed").await;
    let mut program = Program::start(&fixture);
    fixture.until("it is alive", async || program.is_well("/livez").then_some(())).await;
    fixture.until("it is ready", async || program.is_well("/readyz").then_some(())).await;

    fixture.apply(&quick("auth", &json!([{ "name": "main", "algorithm": "ES256" }]))).await;
    fixture.ready("auth").await;
    let set = format!("namespace=\"{}\",name=\"auth\"", fixture.namespace);
    let of_line = |name: &str, more: &str| format!("{name}{{{set},line=\"main\"{more}}}");
    let keys = |text: &str| {
        ["Standby", "Active", "Retired"]
            .map(|phase| metric(text, &of_line("keyturn_keys", &format!(",phase=\"{phase}\""))))
    };
    let text = fixture
        .until("the key set is told", async || {
            let text = program.metrics();
            (metric(&text, &format!("keyturn_key_set_ready{{{set}}}")) == Some(1.0)).then_some(text)
        })
        .await;
    assert_eq!(keys(&text), [Some(1.0), Some(1.0), Some(0.0)]);
    assert_eq!(metric(&text, &format!("keyturn_keyring_lost{{{set}}}")), Some(0.0));
    assert_eq!(metric(&text, "keyturn_leader"), Some(1.0));
    assert_eq!(metric(&text, "keyturn_key_generation_duration_seconds_count{key=\"P-256\"}"), Some(2.0));
    let status = fixture.sets().get("auth").await.expect("the resource").status.expect("a status");
    let next = status.next_rotation.expect("a rotation is planned");
    let next: chrono::DateTime<chrono::Utc> = next.parse().expect("RFC 3339");
    let due = metric(&text, &of_line("keyturn_rotation_due_timestamp_seconds", "")).expect("it is told");
    #[expect(clippy::cast_precision_loss, reason = "seconds since 1970 fit into an f64")]
    let told = next.timestamp() as f64;
    assert!((due - told).abs() < 1.5, "{due} is not {told}");
    assert!(metric(&text, &of_line("keyturn_next_transition_timestamp_seconds", ",to=\"Active\"")).is_some());
    let created = "keyturn_api_requests_total{verb=\"create\",resource=\"secrets\",code=\"201\"}";
    assert_eq!(metric(&text, created), Some(2.0), "the keyring and the signers'");
    let watches = "keyturn_api_requests_total{verb=\"watch\",resource=\"jwkskeysets\",code=\"200\"}";
    assert_eq!(metric(&text, watches), Some(1.0));
    assert!(metric(&text, "process_resident_memory_bytes").is_some_and(|bytes| bytes > 1e6), "{text}");
    assert!(metric(&text, "process_open_fds").is_some_and(|count| count > 3.0), "{text}");
    let version = concat!("keyturn_build_info{version=\"", env!("CARGO_PKG_VERSION"), "\"}");
    assert_eq!(metric(&text, version), Some(1.0), "{text}");
    every_series_is_described(&text);

    // Nothing happens, and nothing is said.
    let before = fs::read_to_string(&program.log).expect("the log");
    tokio::time::sleep(Duration::from_secs(6)).await;
    assert_eq!(fs::read_to_string(&program.log).expect("the log"), before);

    let held = of_line("keyturn_promotion_held", ",reason=\"LeadNotPassed\"");
    fixture.annotate("auth", &[("keyturn.dev/rotate", "now")]).await;
    fixture
        .until("the promotion is held", async || (metric(&program.metrics(), &held) == Some(1.0)).then_some(()))
        .await;
    let text = fixture
        .within(Duration::from_secs(240), "the rotation", async || {
            let text = program.metrics();
            (keys(&text) == [Some(1.0), Some(1.0), Some(1.0)]).then_some(text)
        })
        .await;
    assert_eq!(metric(&text, &held), None);
    assert_eq!(metric(&text, &of_line("keyturn_rotation_lateness_seconds", "")), Some(0.0), "it was asked for early");
    assert!(metric(&text, &of_line("keyturn_next_transition_timestamp_seconds", ",to=\"Removed\"")).is_some());

    // Every line of a pass says of which set and which pass it is.
    let lines = program.lines();
    let promoted = lines.iter().find(|line| line["reason"] == "Promoted").expect("it is logged");
    assert_eq!(promoted["level"], "INFO");
    assert!(promoted["message"].as_str().is_some_and(|text| text.starts_with("key ")), "{promoted}");
    assert!(promoted["timestamp"].is_string() && promoted["target"].is_string(), "{promoted}");
    for line in lines.iter().filter(|line| line.get("reason").is_some()) {
        assert_eq!(line["span"]["set"], format!("{}/auth", fixture.namespace), "{line}");
        assert_eq!(line["span"]["id"].as_str().map(str::len), Some(32), "{line}");
    }
    let id_of =
        |reason: &str| lines.iter().find(|line| line["reason"] == reason).map(|line| line["span"]["id"].clone());
    assert_eq!(id_of("Promoted"), id_of("Retired"), "one pass did both");
    assert_ne!(id_of("Promoted"), id_of("Minted"));

    fixture.sets().delete("auth", &DeleteParams::default()).await.expect("deleted");
    fixture.until("its series end", async || (!program.metrics().contains("name=\"auth\"")).then_some(())).await;

    program.terminate();
    let code = program.ended(Duration::from_secs(10));
    assert!(code.success(), "{code}");
    let leases: Api<Lease> = Api::namespaced(fixture.client.clone(), &fixture.namespace);
    let lease = leases.get("keyturn-controller").await.expect("the lease");
    assert_eq!(lease.spec.and_then(|spec| spec.holder_identity), None, "it was given back");
}

/// Each series is in the documentation, with these labels.
fn every_series_is_described(text: &str) {
    let catalog = keyturn::controller::metrics::catalog();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let (series, _) = line.rsplit_once(' ').expect("a value");
        let (name, labels) = series.split_once('{').unwrap_or((series, ""));
        let labels: Vec<&str> =
            labels.split("\",").filter_map(|label| label.split_once("=\"")).map(|(key, _)| key).collect();
        let described = catalog.iter().any(|metric| {
            let known = metric.name();
            let own = |labels: &[&str]| *labels == *metric.labels;
            name == known && own(&labels)
                || name == format!("{known}_sum") && own(&labels)
                || name == format!("{known}_count") && own(&labels)
                || name == format!("{known}_bucket") && labels.contains(&"le")
        });
        assert!(described, "{line}");
    }
}

#[tokio::test]
async fn a_new_process_says_at_once_what_is_not_ready() {
    let fixture = Fixture::new("alarm").await;
    let import = json!([{ "secretKeyRef": { "name": "nowhere", "key": "k.pem" } }]);
    let spec = json!({ "keys": [{ "algorithm": "ES256" }], "import": { "keys": import } });
    fixture.apply(&example("auth", spec)).await;
    let is_told = |program: &Program, what: &str| {
        let lines = program.lines();
        lines.iter().any(|line| line["message"].as_str().is_some_and(|message| message.contains(what)))
    };
    for what in ["nowhere", "not ready: the spec refers to"] {
        let mut program = Program::start(&fixture);
        fixture.until("it is told", async || is_told(&program, what).then_some(())).await;
        program.terminate();
        assert!(program.ended(Duration::from_secs(20)).success());
    }
}
