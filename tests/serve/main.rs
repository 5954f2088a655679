//! `keyturn serve` as a program of its own: its answers octet by octet, on a directory and on a real API server, under TLS,
//! and with verifiers that do what its headers say.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that meets something unexpected is to fail there"
)]
#![allow(clippy::disallowed_methods, reason = "signers and verifiers have clocks of their own")]

#[path = "../tokens/jwt.rs"]
mod jwt;
#[path = "../operator/mod.rs"]
mod operator;
#[path = "../run/program.rs"]
mod program;
#[allow(dead_code, reason = "each test binary uses its own part of this module")]
#[path = "../tokens/published.rs"]
mod published;
#[path = "../tokens/reader.rs"]
mod reader;
#[path = "../support/mod.rs"]
mod support;
#[path = "../run/tree.rs"]
mod tree;
#[allow(dead_code, reason = "each test binary uses its own part of this module")]
#[path = "../tokens/world.rs"]
mod world;

mod answers;
mod cluster;
mod connections;
mod edits;
mod http;
mod metrics;
mod outage;
#[allow(dead_code, reason = "each test binary uses its own part of this module")]
mod server;
mod timeline;
mod tls;
mod verifiers;
