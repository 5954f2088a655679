//! Other people's programs read what Keyturn wrote, and Keyturn reads what they wrote: `openssl`, `keytool` and
//! `ssh-keygen`, which must be on the machine.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test says by panicking what is wrong")]
#![allow(clippy::indexing_slicing, reason = "a list that is too short fails the test")]

mod adoption;
mod certificates;
mod keystores;
mod mutations;
mod openssh;
mod private_keys;
mod programs;
