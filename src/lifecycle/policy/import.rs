//! `spec.import`, parsed.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use base64ct::{Base64UrlUnpadded, Encoding};
use sha2::{Digest, Sha256};

use super::{Line, outputs};
use crate::api::{self, ImportRole, SecretKeyRef};
use crate::keyring::Keyring;

/// Longest kid or alias, in octets.
const LONGEST_KID: usize = 256;

/// How many entries there may be.
const MOST_ENTRIES: usize = 32;

/// The keys that a spec wants to be adopted.
#[derive(Clone, Debug, Default)]
pub struct Import {
    /// The entries, in their order.
    pub entries: Vec<ImportEntry>,
    /// By line, a digest of what its entries say.
    statements: BTreeMap<String, String>,
}

/// One file with keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImportEntry {
    /// Its place in the list.
    pub index: usize,
    /// Where the file is.
    pub source: SecretKeyRef,
    /// Where its passphrase is.
    pub passphrase: Option<SecretKeyRef>,
    /// The line that the keys are for.
    pub line: Line,
    /// The one key that is taken of several.
    pub alias: Option<String>,
    /// The kid that it gets.
    pub kid: Option<String>,
    /// What becomes of it.
    pub role: Option<ImportRole>,
}

/// What is wrong with an entry. Each sentence says what to change.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ImportError {
    /// No entries, or too many.
    #[error("spec.import.keys has {0} entries: state 1 to {MOST_ENTRIES}, or leave import out")]
    Entries(usize),
    /// The line is missing.
    #[error("spec.import.keys[{0}] must state its line, because the set has several")]
    NoLine(usize),
    /// The line is none of the set.
    #[error("spec.import.keys[{index}].line {line:?} is none of spec.keys: write the name of one")]
    UnknownLine {
        /// Which entry.
        index: usize,
        /// The line it names.
        line: String,
    },
    /// A reference that can't be one.
    #[error("spec.import.keys[{index}]: there can't be a {reference}: correct its name or key")]
    Reference {
        /// Which entry.
        index: usize,
        /// What it refers to.
        reference: SecretKeyRef,
    },
    /// A kid or alias that can't be one.
    #[error("spec.import.keys[{0}]: a kid or alias has 1 to {LONGEST_KID} octets, and no control characters")]
    Kid(usize),
    /// Two keys would sign for one line.
    #[error("spec.import.keys: two entries of line {0:?} have the role Active: state it for one of them")]
    TwoActive(String),
}

impl Import {
    /// The entries of lines that have not begun: a line that has keys, or had them, adopts no more.
    pub fn due(&self, keyring: &Keyring) -> impl Iterator<Item = &ImportEntry> {
        let begun: BTreeSet<&str> = keyring
            .keys
            .iter()
            .map(|key| key.line.as_str())
            .chain(keyring.imports.keys().map(String::as_str))
            .collect();
        self.entries.iter().filter(move |entry| !begun.contains(entry.line.name.as_str()))
    }

    /// By line, a digest of what its entries say: by it an edit that comes too late is told.
    pub fn statements(&self) -> &BTreeMap<String, String> {
        &self.statements
    }

    pub(super) fn parse(stated: Option<&api::Import>, lines: &[Line]) -> Result<Self, Vec<ImportError>> {
        let Some(stated) = stated else { return Ok(Self::default()) };
        if stated.keys.is_empty() || stated.keys.len() > MOST_ENTRIES {
            return Err(vec![ImportError::Entries(stated.keys.len())]);
        }
        let mut errors = Vec::new();
        let read = |(index, one)| entry(index, one, lines).map_err(|error| errors.push(error)).ok();
        let entries: Vec<ImportEntry> = stated.keys.iter().enumerate().filter_map(read).collect();
        let active = |entry: &&ImportEntry| entry.role == Some(ImportRole::Active);
        for line in lines {
            if entries.iter().filter(active).filter(|entry| entry.line == *line).count() > 1 {
                errors.push(ImportError::TwoActive(line.name.clone()));
            }
        }
        if errors.is_empty() { Ok(Self { statements: statements(&entries, stated), entries }) } else { Err(errors) }
    }
}

fn entry(index: usize, stated: &api::ImportedKey, lines: &[Line]) -> Result<ImportEntry, ImportError> {
    let api::ImportedKey { secret_key_ref, passphrase, line, alias, kid, role } = stated;
    let line = match (line, lines) {
        (Some(name), lines) => lines
            .iter()
            .find(|line| line.name == *name)
            .ok_or_else(|| ImportError::UnknownLine { index, line: name.clone() })?,
        (None, [only]) => only,
        (None, _) => return Err(ImportError::NoLine(index)),
    };
    let passphrase = passphrase.as_ref().map(|passphrase| &passphrase.secret_key_ref);
    for reference in std::iter::once(secret_key_ref).chain(passphrase) {
        if !outputs::is_file_name(&reference.key) || !outputs::is_dns_name(&reference.name, 253) {
            return Err(ImportError::Reference { index, reference: reference.clone() });
        }
    }
    if ![alias, kid].into_iter().flatten().all(|name| is_kid(name)) {
        return Err(ImportError::Kid(index));
    }
    Ok(ImportEntry {
        index,
        source: secret_key_ref.clone(),
        passphrase: passphrase.cloned(),
        line: line.clone(),
        alias: alias.clone(),
        kid: kid.clone(),
        role: *role,
    })
}

/// Whether a kid of somebody else can be kept.
pub fn is_kid(kid: &str) -> bool {
    !kid.is_empty() && kid.len() <= LONGEST_KID && !kid.chars().any(char::is_control)
}

fn statements(entries: &[ImportEntry], stated: &api::Import) -> BTreeMap<String, String> {
    let mut digests: BTreeMap<String, Sha256> = BTreeMap::new();
    for (entry, stated) in entries.iter().zip(&stated.keys) {
        // It holds names alone, and writing them can't fail.
        let said = serde_json::to_vec(stated).unwrap_or_default();
        digests.entry(entry.line.name.clone()).or_default().update(said);
    }
    digests.into_iter().map(|(line, digest)| (line, Base64UrlUnpadded::encode_string(&digest.finalize()))).collect()
}

impl fmt::Display for ImportEntry {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "spec.import.keys[{}] ({})", self.index, self.source)
    }
}
