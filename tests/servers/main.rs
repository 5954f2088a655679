//! Other people's servers, set up as the pages of `docs/consumers` say, over rotations: no token may fail.
//!
//! Needs Node 20, Python 3.11, Java 17 with Maven, and Go. The servers are fetched once into `target/servers`; Oathkeeper is built once into
//! `target/oathkeeper`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test says by panicking what is wrong")]
#![allow(clippy::indexing_slicing, reason = "what is not as expected fails the test")]

#[path = "../support/binaries.rs"]
#[allow(dead_code, reason = "of all programs only Oathkeeper is needed here")]
mod binaries;
#[path = "../support/fetched.rs"]
mod fetched;
#[path = "../support/leash.rs"]
#[allow(dead_code, reason = "folders are not needed here")]
mod leash;
#[path = "../run/program.rs"]
mod program;
#[path = "../support/programs.rs"]
mod programs;
#[path = "../run/tree.rs"]
mod tree;

mod envoy;
mod node_oidc_provider;
mod oathkeeper;
mod page;
mod spring;
mod tokens;
