//! Other people's programs and libraries read what Keyturn wrote, and sign, verify, encrypt and decrypt with it among each
//! other. What came out is `docs/interop.md`.
//!
//! Needs `openssl`, `ssh-keygen`, Node 20, Python 3.11, Go 1.26, and Java 17 with Maven. Their libraries are fetched once
//! into `target/interop`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test says by panicking what is wrong")]
#![allow(clippy::indexing_slicing, reason = "what is not as expected fails the test")]

#[path = "../support/fetched.rs"]
mod fetched;
#[path = "../run/program.rs"]
mod program;
#[path = "../support/programs.rs"]
mod programs;
#[path = "../run/tree.rs"]
mod tree;

mod drivers;
mod gaps;
mod keytool;
mod libraries;
mod matrix;
mod openssl;
mod page;
mod readers;
mod rows;
mod specs;
mod ssh_keygen;
mod written;

use std::path::Path;

use crate::matrix::Matrix;
use crate::written::Written;

#[test]
fn every_reader_works_with_every_algorithm_that_it_knows_and_the_page_says_so() {
    let mut readers = readers::all();
    let rows = rows::all();
    let written = Written::new(&rows);
    let matrix = Matrix::of(&rows, &mut readers, &written);
    assert!(matrix.failures.is_empty(), "{}", matrix.failures.join("\n"));

    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/interop.md");
    let page = page::page(&rows, &readers, &matrix);
    if std::env::var_os("KEYTURN_WRITE_DOCS").is_some() {
        std::fs::write(&path, &page).unwrap();
    }
    assert!(
        std::fs::read_to_string(&path).is_ok_and(|committed| committed == page),
        "docs/interop.md is stale: run `KEYTURN_WRITE_DOCS=1 cargo test --test interop` and commit the result"
    );
}
