//! `kubectl keyturn`: the real kubectl finds the plugin, on the real API server, with a real operator.
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

mod bench;
mod life;
mod names;
mod refusals;
mod refused;
mod rights;
