//! The token test: signers sign all the time, verifiers verify every token until it expires, keys rotate, and the
//! program is killed in the middle. No token may fail; and where the stated facts are untrue, some must.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test says by panicking what is wrong")]
#![allow(clippy::indexing_slicing, reason = "JSON that is not as expected fails the test")]
#![allow(clippy::disallowed_methods, reason = "signers and verifiers have clocks of their own")]

#[path = "tokens/encrypted.rs"]
mod encrypted;
#[path = "tokens/jwt.rs"]
mod jwt;
#[path = "tokens/on_directory.rs"]
mod on_directory;
#[path = "tokens/on_kubernetes.rs"]
mod on_kubernetes;
mod operator;
#[path = "run/program.rs"]
mod program;
#[path = "tokens/published.rs"]
mod published;
#[path = "tokens/reader.rs"]
mod reader;
mod support;
#[path = "run/tree.rs"]
mod tree;
#[path = "tokens/world.rs"]
mod world;
