//! A soak: operators are restarted all the time while tokens are signed and verified, and one that stays, and a
//! `keyturn serve`, must not grow while key sets come and go.
//!
//! It lasts two and a half minutes, or as many as `KEYTURN_SOAK_MINUTES` says; `--nocapture` shows what it saw.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that meets something unexpected is to fail there"
)]
#![allow(clippy::disallowed_methods, reason = "signers and verifiers have clocks of their own")]

mod churn;
mod growth;
#[allow(dead_code, reason = "each test binary uses its own part of this module")]
#[path = "../serve/http.rs"]
mod http;
#[path = "../tokens/jwt.rs"]
mod jwt;
#[path = "../operator/mod.rs"]
mod operator;
#[path = "../tokens/published.rs"]
mod published;
#[path = "../tokens/reader.rs"]
mod reader;
mod restarts;
#[allow(dead_code, reason = "each test binary uses its own part of this module")]
#[path = "../serve/server.rs"]
mod server;
#[path = "../support/mod.rs"]
mod support;
mod traffic;
#[allow(dead_code, reason = "each test binary uses its own part of this module")]
#[path = "../tokens/world.rs"]
mod world;

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, ScopedJoinHandle};
use std::time::{Duration, Instant};

use tokio::runtime::Runtime;

use churn::Churn;
use growth::{Growth, Sample};
use operator::Fixture;
use restarts::Restarts;
use server::Server;
use traffic::Traffic;

/// How long it lasts where nothing else is said: each key set rotates twice.
const SHORT: Duration = Duration::from_secs(150);

/// How much longer a busy machine may take until enough has happened.
const PATIENCE: Duration = Duration::from_secs(450);

/// How often the processes that stay are looked at in that time; if it lasts longer, as often.
const SAMPLES: u32 = 150;

#[test]
fn no_token_breaks_and_nothing_grows_while_operators_come_and_go() {
    let lasts = std::env::var("KEYTURN_SOAK_MINUTES").map_or(SHORT, |minutes| {
        Duration::from_secs(60 * minutes.parse::<u64>().expect("KEYTURN_SOAK_MINUTES is a number of minutes"))
    });
    let runtime = Runtime::new().unwrap();
    let rolling = runtime.block_on(Fixture::new("soak-rolling"));
    let staying = runtime.block_on(Fixture::new("soak-staying"));
    rolling.cluster.start_controller_manager();
    let serve = Server::start(|command| {
        command.args(["--namespace", &rolling.namespace, "--namespace", &staying.namespace]);
        command.env("KUBECONFIG", rolling.cluster.kubeconfig_path()).env_remove("RUST_LOG");
    });
    let mut restarts = Restarts::begin(&rolling);
    let churn = Churn::begin(&runtime, &staying);
    let mut traffic = Traffic::begin(&runtime, &rolling, serve.address);

    let (enough, over) = (AtomicBool::new(false), AtomicBool::new(false));
    let begun = Instant::now();
    let (mut operator_growth, mut serve_growth) = (Growth::default(), Growth::default());
    let ends = thread::scope(|scope| {
        // Whatever fails, the others are to end.
        let _over = Over(&over);
        let workers = [scope.spawn(|| restarts.go_on(&enough, &over)), scope.spawn(|| churn.go_on(&runtime, &over))];
        let has_enough =
            |traffic: &Traffic| enough.load(Ordering::SeqCst) && churn.has_enough() && traffic.has_enough();
        while (begun.elapsed() < lasts || (!has_enough(&traffic) && begun.elapsed() < lasts + PATIENCE))
            && !workers.iter().any(ScopedJoinHandle::is_finished)
        {
            traffic.look(&runtime, &rolling, lasts / SAMPLES);
            operator_growth.saw(Sample::of(churn.operator.id()));
            serve_growth.saw(Sample::of(serve.id()));
            churn.operator.metrics();
            serve.get(&format!("/{}/{}/jwks.json", staying.namespace, churn::STAYING));
            if traffic.has_failed() {
                break;
            }
        }
        over.store(true, Ordering::SeqCst);
        workers.map(ScopedJoinHandle::join)
    });
    let lasted = begun.elapsed();
    println!("{} s with {restarts}", lasted.as_secs());
    println!("{churn}");
    println!("the operator that stays: {operator_growth}");
    println!("keyturn serve: {serve_growth}");
    for end in ends {
        end.expect("restarts and churn go on to the end, see above");
    }
    traffic.end(&runtime, &rolling, lasted);
    restarts.end();
    churn.end(&runtime, &staying);
    operator_growth.judge().expect("the operator gives back what it takes");
    serve_growth.judge().expect("keyturn serve gives back what it takes");
    assert!(!serve.log().contains("panicked"), "{}", serve.log());
    serve.terminate();
    assert!(serve.ended().0.success());
}

/// Says that it is over when it is dropped.
struct Over<'a>(&'a AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}
