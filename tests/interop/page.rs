//! `docs/interop.md`.

use std::fmt::Write;

use crate::matrix::{Matrix, Outcome};
use crate::readers::Reader;
use crate::rows::Row;
use crate::written::Form;

/// The page as it has to be.
pub fn page(rows: &[Row], readers: &[Box<dyn Reader>], matrix: &Matrix) -> String {
    let mut page = String::from(
        "# Who reads what\n\n\
         `cargo test --test interop` lets Keyturn write keys for every algorithm, and other people's programs and libraries\n\
         work with them. The page is written by the test: `KEYTURN_WRITE_DOCS=1 cargo test --test interop`.\n\n\
         A cell names the files with which a reader works. It reads both halves of the key, and if it makes thumbprints\n\
         (RFC 7638), that of a public key is the kid. Every other reader of the row opens what it signs or encrypts, it opens\n\
         theirs, and it refuses what was altered. Where it only *reads* a file, it finds the key there.\n\n",
    );
    for reader in readers {
        writeln!(page, "- **{}**: {}", reader.name(), reader.about()).unwrap();
    }
    let names: Vec<_> = readers.iter().map(|reader| reader.name()).collect();
    write!(page, "\n| algorithm | {} |\n|{}\n", names.join(" | "), " --- |".repeat(names.len() + 1)).unwrap();
    let mut notes = Vec::new();
    for (row, cells) in rows.iter().zip(&matrix.cells) {
        let cells: Vec<_> = cells.iter().map(|cell| text(cell, &mut notes)).collect();
        writeln!(page, "| {} | {} |", row.label, cells.join(" | ")).unwrap();
    }
    page.push('\n');
    for (number, note) in (1..).zip(&notes) {
        writeln!(page, "{number}. {note}.").unwrap();
    }
    page
}

fn text(cell: &[(Form, Outcome)], notes: &mut Vec<&'static str>) -> String {
    let works: Vec<_> =
        cell.iter().filter(|(_, outcome)| *outcome == Outcome::Works).map(|(form, _)| form.name()).collect();
    let mut parts = if works.is_empty() { Vec::new() } else { vec![works.join(", ")] };
    let mut note = |why| {
        let known = notes.iter().position(|one| *one == why);
        known.unwrap_or_else(|| {
            notes.push(why);
            notes.len() - 1
        }) + 1
    };
    let mut told = Vec::new();
    for (_, outcome) in cell {
        let Outcome::Gap(gap) = outcome else { continue };
        if told.contains(gap) {
            continue;
        }
        told.push(*gap);
        let same = cell.iter().filter(|(_, other)| other == outcome).map(|(form, _)| form.name());
        let forms = same.collect::<Vec<_>>().join(", ");
        let what = if gap.reads { format!("*reads* {forms}") } else { format!("no {forms}") };
        parts.push(format!("{what} [{}]", note(gap.why)));
    }
    if parts.is_empty() { "–".to_owned() } else { parts.join("; ") }
}
