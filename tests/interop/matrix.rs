//! Every reader with every row, and the readers among each other.

use crate::gaps::{self, Gap};
use crate::readers::{Op, Reader, Request};
use crate::rows::Row;
use crate::written::{Form, Halves, Written};

/// What came out for one reader, row and form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It reads both halves, and its messages and those of the others open.
    Works,
    /// It does not, as is known.
    Gap(Gap),
}

/// What came out for all.
pub struct Matrix {
    /// For each row, for each reader, the forms that both have.
    pub cells: Vec<Vec<Vec<(Form, Outcome)>>>,
    /// What came out as nobody expected.
    pub failures: Vec<String>,
}

/// A reader, by its place, that works with a form, and what it signed or encrypted.
struct Working {
    reader: usize,
    halves: Halves,
    form: Form,
    message: String,
}

impl Matrix {
    /// Asks every reader.
    pub fn of(rows: &[Row], readers: &mut [Box<dyn Reader>], written: &Written) -> Self {
        let mut matrix = Self { cells: Vec::new(), failures: Vec::new() };
        for row in rows {
            let cells = matrix.row(row, readers, written);
            matrix.cells.push(cells);
        }
        matrix
    }

    fn row(&mut self, row: &Row, readers: &mut [Box<dyn Reader>], written: &Written) -> Vec<Vec<(Form, Outcome)>> {
        let mut working = Vec::new();
        let mut cells = Vec::new();
        for (index, reader) in readers.iter_mut().enumerate() {
            let forms: Vec<_> = reader.forms().iter().copied().filter(|form| form.is_of(row)).collect();
            let mut cell = Vec::new();
            for form in forms {
                let halves = written.halves(row, form);
                let (read, message) = alone(reader.as_mut(), row, &halves);
                let place = format!("{} with {} as {}", reader.name(), row.label, form.name());
                match (gaps::of(reader.name(), row, form), read, message) {
                    (None, Ok(()), Ok(message)) => {
                        working.push(Working { reader: index, halves, form, message });
                        cell.push((form, Outcome::Works));
                    }
                    (None, read, message) => {
                        let message = message.map(drop);
                        self.failures.push(format!("{place}: reading {read:?}, using {message:?}"));
                    }
                    (Some(gap), Ok(()), Ok(_)) if !gap.until_newer => {
                        self.failures.push(format!("{place} works, and gaps.rs says: {}", gap.why));
                    }
                    (Some(gap), Err(why), _) if gap.reads => self.failures.push(format!("{place}: {why}")),
                    (Some(gap), ..) => cell.push((form, Outcome::Gap(gap))),
                }
            }
            cells.push(cell);
        }
        self.among_each_other(row, readers, &working);
        cells
    }

    /// Each message is opened by every reader, with one form of the key after the other.
    fn among_each_other(&mut self, row: &Row, readers: &mut [Box<dyn Reader>], working: &[Working]) {
        for (turn, maker) in working.iter().enumerate() {
            let made = format!("{} made with {}", readers[maker.reader].name(), maker.form.name());
            for (index, reader) in readers.iter_mut().enumerate() {
                let forms: Vec<_> = working.iter().filter(|opener| opener.reader == index).collect();
                if forms.is_empty() {
                    continue;
                }
                let opener = forms[turn % forms.len()];
                if let Err(why) = open(reader.as_mut(), row, &opener.halves, &maker.message) {
                    let (name, opened) = (reader.name(), opener.form.name());
                    self.failures.push(format!("{}: what {made}, {name} opens with {opened}: {why}", row.label));
                }
            }
        }
    }
}

/// Whether the reader reads both halves, and a message of its own that it could open.
fn alone(reader: &mut dyn Reader, row: &Row, halves: &Halves) -> (Result<(), String>, Result<String, String>) {
    let read = reader.ask(&Request::new(Op::Read, row, halves, "")).and_then(|thumbprint| {
        // Keyturn's kids are thumbprints where the spec says nothing else, except that of a secret nothing is told.
        let same = thumbprint.is_empty() || row.is_symmetric() || thumbprint == halves.kid;
        if same { Ok(()) } else { Err(format!("the thumbprint is {thumbprint}, the kid {}", halves.kid)) }
    });
    let make = if row.signs() { Op::Sign } else { Op::Encrypt };
    let message = reader.ask(&Request::new(make, row, halves, "")).and_then(|message| {
        open(reader, row, halves, &message)?;
        match open(reader, row, halves, &altered(row, &message)) {
            Ok(()) => Err("it opens a message that was altered".to_owned()),
            Err(_) => Ok(message),
        }
    });
    (read, message)
}

/// The message with another first letter of what it protects.
fn altered(row: &Row, message: &str) -> String {
    let mut parts: Vec<_> = message.split('.').map(str::to_owned).collect();
    let part = &mut parts[if row.signs() { 1 } else { 3 }];
    let letter = if part.starts_with('A') { "B" } else { "A" };
    part.replace_range(..1, letter);
    parts.join(".")
}

fn open(reader: &mut dyn Reader, row: &Row, halves: &Halves, message: &str) -> Result<(), String> {
    let op = if row.signs() { Op::Verify } else { Op::Decrypt };
    let text = reader.ask(&Request::new(op, row, halves, message))?;
    if text == Request::TEXT { Ok(()) } else { Err(format!("it says {text:?}")) }
}
