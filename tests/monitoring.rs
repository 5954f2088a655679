//! The page of metrics, the alerts, their runbooks and the dashboard hold together.
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that meets something unexpected is to fail there"
)]

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use keyturn::controller::metrics::{catalog, page};
use keyturn::metrics::Kind;
use promql_parser::parser::{self, Expr, VectorMatchCardinality, VectorSelector};
use serde_json::Value;

/// Labels that Prometheus adds to each series when it scrapes.
const ADDED: [&str; 2] = ["instance", "job"];

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn alerts() -> Vec<Value> {
    let text = fs::read_to_string(root().join("monitoring/alerts.yaml")).expect("the alerts");
    let alerts: Value = serde_saphyr::from_str(&text).expect("YAML");
    let groups = alerts["groups"].as_array().expect("groups").iter();
    groups.flat_map(|group| group["rules"].as_array().expect("rules").clone()).collect()
}

/// The series that an expression reads, and the labels that it relies on.
fn uses(text: &str) -> Vec<(String, BTreeSet<String>)> {
    let expr = parser::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
    let mut found = Vec::new();
    walk(&expr, &BTreeSet::new(), &mut found);
    assert!(!found.is_empty(), "{text} reads no metric");
    found
}

fn walk(expr: &Expr, outer: &BTreeSet<String>, found: &mut Vec<(String, BTreeSet<String>)>) {
    let mut labels = outer.clone();
    match expr {
        Expr::Aggregate(aggregate) => {
            if let Some(parser::LabelModifier::Include(by)) = &aggregate.modifier {
                labels = by.labels.iter().cloned().collect();
            }
            walk(&aggregate.expr, &labels, found);
        }
        Expr::Binary(binary) => {
            if let Some(modifier) = &binary.modifier {
                assert!(!matches!(modifier.card, VectorMatchCardinality::ManyToOne(_)), "not read by this test");
                if let Some(parser::LabelModifier::Include(on)) = &modifier.matching {
                    labels.extend(on.labels.iter().cloned());
                }
            }
            walk(&binary.lhs, &labels, found);
            walk(&binary.rhs, &labels, found);
        }
        Expr::Paren(paren) => walk(&paren.expr, outer, found),
        Expr::Unary(unary) => walk(&unary.expr, outer, found),
        Expr::Call(call) => call.args.args.iter().for_each(|arg| walk(arg, outer, found)),
        Expr::VectorSelector(selector) => found.push(series(selector, labels)),
        Expr::MatrixSelector(matrix) => found.push(series(&matrix.vs, labels)),
        Expr::NumberLiteral(_) | Expr::StringLiteral(_) => {}
        Expr::Subquery(_) | Expr::Extension(_) => panic!("not read by this test"),
    }
}

fn series(selector: &VectorSelector, mut labels: BTreeSet<String>) -> (String, BTreeSet<String>) {
    labels.extend(selector.matchers.matchers.iter().map(|matcher| matcher.name.clone()));
    (selector.name.clone().expect("a selector names its metric"), labels)
}

/// Whether the program has such a series with such labels.
fn check(text: &str) {
    for (name, labels) in uses(text) {
        let described = catalog().into_iter().find_map(|metric| {
            let own: BTreeSet<&str> = metric.labels.iter().copied().chain(ADDED).collect();
            if metric.kind != Kind::Histogram {
                return (metric.name() == name).then_some(own);
            }
            let bucket = own.iter().copied().chain(["le"]).collect();
            match name.strip_prefix(&metric.name())? {
                "_bucket" => Some(bucket),
                "_sum" | "_count" => Some(own),
                _ => None,
            }
        });
        let described = described.unwrap_or_else(|| panic!("{text}: there is no {name}"));
        for label in labels {
            assert!(described.contains(label.as_str()), "{text}: {name} has no label {label}");
        }
    }
}

#[test]
fn the_page_of_metrics_is_made_from_the_code() {
    let path = root().join("docs/reference/metrics.md");
    if std::env::var_os("KEYTURN_WRITE_DOCS").is_some() {
        fs::write(&path, page()).expect("written");
    }
    let committed = fs::read_to_string(path).expect("the page is committed");
    assert!(
        committed == page(),
        "stale: run `KEYTURN_WRITE_DOCS=1 cargo test --test monitoring` and commit the result"
    );
}

#[test]
fn every_alert_reads_what_there_is_and_has_a_runbook() {
    let mut pages: BTreeSet<String> = fs::read_dir(root().join("docs/runbooks"))
        .expect("the runbooks")
        .map(|entry| entry.expect("readable").file_name().to_string_lossy().into_owned())
        .collect();
    for alert in alerts() {
        let name = alert["alert"].as_str().expect("a name");
        check(alert["expr"].as_str().expect("an expression"));
        assert!(alert["labels"]["severity"].is_string() && alert["annotations"]["summary"].is_string(), "{name}");
        let url = alert["annotations"]["runbook_url"].as_str().expect("a runbook");
        let page = format!("{name}.md");
        assert!(url.ends_with(&format!("/docs/runbooks/{page}")), "{name}: {url}");
        assert!(pages.remove(&page), "{name} has no page of its own");
        let text = fs::read_to_string(root().join("docs/runbooks").join(&page)).expect("readable");
        let heads: Vec<&str> = text.lines().filter(|line| line.starts_with('#')).collect();
        assert_eq!(heads, [&format!("# {name}"), "## Meaning", "## Impact", "## Diagnosis", "## Mend"]);
    }
    assert!(pages.is_empty(), "pages of no alert: {pages:?}");
}

#[test]
fn the_dashboard_reads_what_there_is() {
    let text = fs::read_to_string(root().join("monitoring/dashboard.json")).expect("the dashboard");
    let dashboard: Value = serde_json::from_str(&text).expect("JSON");
    let panels = dashboard["panels"].as_array().expect("panels");
    for target in panels.iter().flat_map(|panel| panel["targets"].as_array().expect("targets")) {
        check(&target["expr"].as_str().expect("an expression").replace("$__rate_interval", "5m"));
    }
    let variables = dashboard["templating"]["list"].as_array().expect("variables").iter();
    for query in variables.filter(|one| one["type"] == "query").map(|one| one["query"].as_str().expect("a query")) {
        let inner = query.strip_prefix("label_values(").and_then(|rest| rest.strip_suffix(')')).expect("label_values");
        let (series, label) = inner.rsplit_once(", ").expect("a series and a label");
        check(&format!("sum by ({label}) ({series})"));
    }
}

#[test]
fn the_tests_find_what_is_wrong() {
    for wrong in [
        "keyturn_keys{phases=\"Active\"}",
        "keyturn_key == 1",
        "sum by (pod) (keyturn_leader)",
        "keyturn_keyring_lost unless on (line) keyturn_keys",
        "rate(keyturn_reconcile_duration_seconds[5m])",
        "sum(",
    ] {
        assert!(std::panic::catch_unwind(|| check(wrong)).is_err(), "{wrong}");
    }
}
