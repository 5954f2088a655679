//! The report as people read it: one block a key.

use std::fmt;

use chrono::DateTime;

use super::{CertificateReport, Holds, KeyReport, Report, Warning};

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { format, keys, warnings } = self;
        match keys.len() {
            0 => writeln!(f, "{format}, no keys")?,
            1 => writeln!(f, "{format}, 1 key")?,
            count => writeln!(f, "{format}, {count} keys")?,
        }
        write_warnings(f, "", warnings)?;
        for key in keys {
            writeln!(f)?;
            key.fmt(f)?;
        }
        Ok(())
    }
}

impl fmt::Display for KeyReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}  {}", self.place, printable(self.kid.as_deref().unwrap_or("(no name)")))?;
        row(f, "key", &format!("{}, {} ({})", self.kind(), self.half(), self.format))?;
        if let Some(alg) = &self.alg {
            let usage = self.usage.as_ref().map(|usage| format!(" ({usage})")).unwrap_or_default();
            row(f, "algorithm", &format!("{alg}{usage}"))?;
        } else if let Some(usage) = &self.usage {
            row(f, "use", usage)?;
        }
        if let Some(restriction) = &self.restriction {
            row(f, "only for", restriction)?;
        }
        if let Some(thumbprint) = &self.thumbprint {
            row(f, "thumbprint", &thumbprint.to_string())?;
        }
        if let Some(halves_match) = self.halves_match {
            row(f, "halves", if halves_match { "match" } else { "do not match" })?;
        }
        for (name, time) in [("iat", self.iat), ("nbf", self.nbf), ("exp", self.exp)] {
            if let Some(time) = time {
                row(f, name, &moment(time))?;
            }
        }
        if let Some(CertificateReport { subject, issuer, not_before, not_after }) = &self.certificate {
            row(f, "certificate", &format!("{subject}, by {issuer}"))?;
            if let (Some(from), Some(until)) = (not_before, not_after) {
                let form = "%Y-%m-%d %H:%M:%S";
                row(f, "valid", &format!("{} to {} UTC", from.format(form), until.format(form)))?;
            }
        }
        write_warnings(f, "  ", &self.warnings)
    }
}

impl KeyReport {
    fn kind(&self) -> String {
        if let Some(spec) = self.spec {
            return spec.to_string();
        }
        let kty = self.kty.as_deref().unwrap_or("unknown kind");
        match (self.bits, &self.crv) {
            (Some(bits), _) => format!("{kty} {bits}"),
            (None, Some(crv)) => format!("{kty} {crv}"),
            (None, None) => kty.to_owned(),
        }
    }

    fn half(&self) -> &'static str {
        match self.holds {
            Holds::Public => "public",
            Holds::Private => "private",
            Holds::Symmetric => "secret",
            Holds::Unknown => "unreadable",
        }
    }
}

fn row(f: &mut fmt::Formatter<'_>, name: &str, value: &str) -> fmt::Result {
    writeln!(f, "  {name:<11}  {}", printable(value))
}

fn write_warnings(f: &mut fmt::Formatter<'_>, indent: &str, warnings: &[Warning]) -> fmt::Result {
    warnings.iter().try_for_each(|warning| writeln!(f, "{indent}{:<11}  {}", "warning", printable(&warning.message)))
}

fn moment(time: i64) -> String {
    match DateTime::from_timestamp(super::jwk::seconds(time), 0) {
        Some(at) => format!("{} UTC ({time})", at.format("%Y-%m-%d %H:%M:%S")),
        None => time.to_string(),
    }
}

/// What a file says must not steer the terminal that shows it.
fn printable(text: &str) -> String {
    text.chars().map(|one| if one.is_control() || turns_text(one) { '\u{fffd}' } else { one }).collect()
}

/// Whether a character breaks the line, or changes the order in which its neighbours are shown (Unicode annex 9).
#[must_use]
pub fn turns_text(one: char) -> bool {
    matches!(one, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}
