//! `keyturn run` and `keyturn plan` as their users run them: the real program, on a directory.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test says by panicking what is wrong")]
#![allow(clippy::indexing_slicing, reason = "JSON that is not as expected fails the test")]

#[path = "run/bad_input.rs"]
mod bad_input;
#[path = "run/drift.rs"]
mod drift;
#[path = "run/files.rs"]
mod files;
#[path = "run/import.rs"]
mod import;
#[path = "run/kept.rs"]
mod kept;
#[path = "run/kill.rs"]
mod kill;
#[path = "run/life.rs"]
mod life;
#[path = "run/lost.rs"]
mod lost;
#[path = "run/places.rs"]
mod places;
#[path = "run/plan.rs"]
mod plan;
#[path = "run/program.rs"]
mod program;
#[path = "run/readme.rs"]
mod readme;
#[path = "run/refused.rs"]
mod refused;
#[path = "run/sealed.rs"]
mod sealed;
#[path = "run/symmetric.rs"]
mod symmetric;
#[path = "run/tree.rs"]
mod tree;
