//! Keyturn keeps JSON Web Key Sets: it generates keys, publishes them, and rotates them on time, without one valid token
//! ever failing to verify.
//!
//! The rooms, in dependency order: [`jose`] and [`material`] know what keys are; [`keyring`] is the durable truth of one
//! key set; [`inspect`] tells what a file of keys holds; [`api`] is the resource that users write; [`lifecycle`] decides;
//! [`publish`] renders; [`forecast`] tells what both will do, and [`timeline`] what was before; [`probe`] and [`store`] are
//! the outside world; [`metrics`] describes what is counted; [`engine`] runs one pass over one set; [`controller`],
//! [`server`] and [`cli`] call it. Only `api`, `store::kubernetes`, `probe`, `controller` and the source of `server` that
//! watches a cluster know
//! Kubernetes. Nothing before `probe` reads a clock or does I/O.
//!
//! Read [`engine`] next: it is the program.

pub mod api;
#[expect(clippy::disallowed_methods, reason = "a command is the shell, and tells people what time it is")]
pub mod cli;
pub mod controller;
pub mod engine;
pub mod forecast;
pub mod inspect;
pub mod jose;
pub mod keyring;
pub mod lifecycle;
pub mod material;
pub mod metrics;
#[expect(clippy::disallowed_methods, reason = "the one place where a pass learns what time it is")]
pub mod probe;
pub mod publish;
pub mod server;
pub mod store;
pub mod timeline;
