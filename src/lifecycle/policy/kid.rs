//! How key IDs are made.

use std::fmt::Write;

use crate::jose::{Algorithm, Thumbprint};
use crate::keyring::Time;

/// Longest template, in characters.
const LONGEST: usize = 128;

/// A kid template, parsed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KidTemplate(Vec<Part>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Text(String),
    Thumbprint,
    Uuid,
    Line,
    Use,
    Alg,
    Date,
    Ops(&'static str),
}

/// What a kid is made from.
#[derive(Clone, Copy, Debug)]
pub struct KidParts<'a> {
    /// RFC 7638 thumbprint of the new key.
    pub thumbprint: &'a Thumbprint,
    /// A fresh random UUID.
    pub uuid: &'a str,
    /// Name of the line.
    pub line: &'a str,
    /// The algorithm, which implies the use.
    pub algorithm: Algorithm,
    /// When the key is minted.
    pub minted: Time,
}

/// What is wrong with a template.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KidError {
    /// Nothing in it makes a kid unique.
    #[error("{{thumbprint}} or {{uuid}} must be in it, so that no two keys get one kid")]
    NotUnique,
    /// A placeholder that does not exist.
    #[error("{{{0}}} is not known: use {{thumbprint}}, {{uuid}}, {{line}}, {{use}}, {{alg}}, {{date}} or {{ops}}")]
    Unknown(String),
    /// A character that JWTs and file systems could stumble over.
    #[error("{0:?} can't be in a kid: use letters, digits and . _ : @ / - around the placeholders")]
    Character(char),
    /// `{ops}` without a word for it.
    #[error("{{ops}} is the word of spec.jwk.keyOpsType: state that, or leave {{ops}} out")]
    NoOps,
    /// Too long.
    #[error("it is longer than {LONGEST} characters")]
    TooLong,
}

impl KidTemplate {
    /// Parses a template. `ops` is what `{ops}` stands for, if that is stated.
    ///
    /// # Errors
    /// [`KidError`]
    pub fn parse(template: &str, ops: Option<&'static str>) -> Result<Self, KidError> {
        if template.len() > LONGEST {
            return Err(KidError::TooLong);
        }
        let mut parts = Vec::new();
        let mut rest = template;
        while let Some(next) = rest.chars().next() {
            if let Some((name, after)) = rest.strip_prefix('{').and_then(|inner| inner.split_once('}')) {
                parts.push(Part::named(name, ops)?);
                rest = after;
            } else if next.is_ascii_alphanumeric() || "._:@/-".contains(next) {
                let end = rest.find(|one: char| !(one.is_ascii_alphanumeric() || "._:@/-".contains(one)));
                let (text, after) = rest.split_at(end.unwrap_or(rest.len()));
                parts.push(Part::Text(text.to_owned()));
                rest = after;
            } else {
                return Err(KidError::Character(next));
            }
        }
        if !parts.iter().any(|part| matches!(part, Part::Thumbprint | Part::Uuid)) {
            return Err(KidError::NotUnique);
        }
        Ok(Self(parts))
    }

    /// The kid of one key.
    pub fn kid(&self, from: &KidParts<'_>) -> String {
        let mut kid = String::new();
        for part in &self.0 {
            match part {
                Part::Text(text) => kid.push_str(text),
                Part::Thumbprint => kid.push_str(&from.thumbprint.to_string()),
                Part::Uuid => kid.push_str(from.uuid),
                Part::Line => kid.push_str(from.line),
                Part::Ops(word) => kid.push_str(word),
                Part::Use => kid.push_str(from.algorithm.usage().name()),
                Part::Alg => kid.push_str(&from.algorithm.slug()),
                // Writing to a string can't fail.
                Part::Date => drop(write!(kid, "{}", from.minted.format("%Y-%m-%d"))),
            }
        }
        kid
    }
}

impl KidTemplate {
    /// Whether its kids may have capitals: thumbprints do.
    pub fn may_have_capitals(&self) -> bool {
        self.0.iter().any(|part| match part {
            Part::Text(text) => text.bytes().any(|byte| byte.is_ascii_uppercase()),
            Part::Thumbprint => true,
            Part::Uuid | Part::Line | Part::Use | Part::Alg | Part::Date | Part::Ops(_) => false,
        })
    }
}

impl Part {
    fn named(name: &str, ops: Option<&'static str>) -> Result<Self, KidError> {
        Ok(match name {
            "thumbprint" => Self::Thumbprint,
            "uuid" => Self::Uuid,
            "line" => Self::Line,
            "use" => Self::Use,
            "alg" => Self::Alg,
            "date" => Self::Date,
            "ops" => Self::Ops(ops.ok_or(KidError::NoOps)?),
            other => return Err(KidError::Unknown(other.to_owned())),
        })
    }
}
