//! How fast Keyturn's operator is beside cert-manager's, each on a kube-apiserver and an etcd of its own, on the same machine, one
//! after the other. `cargo bench --bench operators` writes what it measured to `docs/benchmark.md`; see CONTRIBUTING.md.
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "what can't be measured ends the run and says why"
)]

mod audit;
mod contender;
mod measured;
mod page;
mod process;
mod rounds;
#[path = "../../tests/support/mod.rs"]
mod support;

use std::fs;
use std::path::Path;

use contender::Contender;
use measured::Measured;

/// How many objects the rounds of both operators have: `KEYTURN_BENCH_OBJECTS`, by commas.
const BOTH: &str = "500,2000";

/// How many key sets Keyturn's own rounds have: `KEYTURN_BENCH_ALONE`, by commas.
const ALONE: &str = "10000";

#[tokio::main]
async fn main() {
    let mut pairs = Vec::new();
    for objects in numbers("KEYTURN_BENCH_OBJECTS", BOTH) {
        let keyturn = round(Contender::Keyturn, objects).await;
        pairs.push((keyturn, round(Contender::CertManager, objects).await));
    }
    let mut alone = Vec::new();
    for objects in numbers("KEYTURN_BENCH_ALONE", ALONE) {
        alone.push(round(Contender::Keyturn, objects).await);
    }
    let text = page::page(&pairs, &alone);
    print!("{text}");
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/benchmark.md");
    fs::write(&path, text).expect("docs/benchmark.md can be written");
}

async fn round(contender: Contender, objects: usize) -> Measured {
    eprintln!("{}: {objects} objects", contender.name());
    let measured = rounds::measure(contender, objects).await;
    eprintln!("{measured:#?}");
    measured
}

fn numbers(variable: &str, default: &str) -> Vec<usize> {
    let text = std::env::var(variable).unwrap_or_else(|_| default.to_owned());
    let all = text.split(',').map(str::trim).filter(|one| !one.is_empty());
    all.map(|one| one.parse().unwrap_or_else(|_| panic!("{variable} has {one:?}, which is no number"))).collect()
}
