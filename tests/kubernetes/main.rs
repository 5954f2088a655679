//! The operator on a real API server.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that meets something unexpected is to fail there"
)]

#[path = "../operator/mod.rs"]
mod operator;
#[path = "../support/mod.rs"]
mod support;

mod admission;
mod crashes;
mod deletion;
mod drift;
mod first_pass;
mod import;
mod leading;
mod life;
mod loss;
mod namespaces;
mod observed;
mod obstacles;
mod outage;
mod overtaken;
mod publisher;
mod refusals;
mod rivals;
mod sealing;
