//! The chart, what is made from it, and the rights that it gives.
//!
//! Needs what the control plane needs; Helm is built from its Go module, once. What is generated is written anew by
//! `KEYTURN_WRITE_DOCS=1 cargo test --test install`.
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

mod archive;
mod chart;
mod generated;
mod lifecycle;
mod page;
mod plain;
mod rights;
mod schema;
mod templates;
mod values;
mod versions;
