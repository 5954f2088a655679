//! The simulation: the real engine over a store in memory, in months of virtual time. Specs are edited, operators crash
//! before and after every write, freeze, and go on with what they saw long ago; writes land late, twice or unheard; clocks
//! are off and step; outputs drift; keyrings are lost or set back. After each step everything that `DESIGN` promises is
//! checked against a model of those outside that knows nothing of how the program counts its times.
//!
//! `KEYTURN_SIM_SEEDS=1000` plays more stories, `KEYTURN_SIM_SEED=7` that one, both as many from that one on.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test says by panicking what is wrong")]
#![allow(clippy::indexing_slicing, reason = "what is not there fails the test")]
#![allow(clippy::struct_excessive_bools, reason = "each is a fault or a wish of its own")]
#![allow(clippy::large_enum_variant, reason = "one at a time is about")]

mod dice;
mod events;
mod fate;
mod habits;
mod moves;
mod operator;
mod readers;
mod rules;
mod sabotage;
mod story;
mod user;
mod world;

use sabotage::Sabotage;
use story::{Failure, Tally};

/// How many stories are played by default.
const STORIES: u64 = 40;

#[test]
fn whatever_befalls_a_set_the_promises_hold() {
    let number = |name| std::env::var(name).ok().map(|text| text.parse::<u64>().expect("a number"));
    let seeds = match (number("KEYTURN_SIM_SEED"), number("KEYTURN_SIM_SEEDS")) {
        (Some(seed), None) => seed..seed + 1,
        (first, count) => first.unwrap_or(0)..first.unwrap_or(0) + count.unwrap_or(STORIES),
    };
    let mut sum = Tally::default();
    let mut failures = Vec::new();
    for seed in seeds {
        match story::play(seed, Sabotage::default()) {
            Ok(tally) => sum.add(tally),
            Err(Failure { violation, story }) => {
                if failures.is_empty() {
                    println!("{story}\n");
                }
                println!("KEYTURN_SIM_SEED={seed}: {violation}");
                failures.push(format!("KEYTURN_SIM_SEED={seed}: {violation}"));
            }
        }
    }
    println!("{sum}");
    assert!(
        failures.is_empty(),
        "{} stories broke a promise; the first is told above\n{}",
        failures.len(),
        failures.join("\n")
    );
}
