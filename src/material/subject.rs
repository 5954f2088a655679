//! The name in a certificate.

use std::fmt;
use std::str::FromStr;

use pkcs8::der::asn1::{Ia5StringRef, PrintableStringRef, Utf8StringRef};
use pkcs8::der::{Tag, Tagged};
use thiserror::Error;
use x509_cert::name::Name;

/// A distinguished name such as `CN=Auth,O=Example,C=IT` (RFC 4514): the subject of a certificate, and its issuer. A
/// space after a comma, which many programs write, is read over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subject(Name);

impl Subject {
    /// The longest that is read, in octets.
    const MAX_OCTETS: usize = 1024;

    pub(super) const fn name(&self) -> &Name {
        &self.0
    }
}

impl FromStr for Subject {
    type Err = SubjectError;

    fn from_str(given: &str) -> Result<Self, SubjectError> {
        let error = |part: &str, reason| SubjectError { part: part.chars().take(48).collect(), reason };
        if given.len() > Self::MAX_OCTETS {
            return Err(error(given, "it is longer than 1024 octets"));
        }
        for part in parts(given) {
            let Some((attribute, value)) = part.split_once('=') else {
                return Err(error(part, "it has no ="));
            };
            if has_half_an_escape(value) {
                return Err(error(part, "a backslash has nothing after it, or one of two hexadecimal digits"));
            }
            if value.trim().is_empty() {
                return Err(error(part, "it has no value"));
            }
            let name: Name =
                part.parse().map_err(|_| error(part, "the attribute is unknown or its value is malformed"))?;
            let short = |oid: &str| name.iter().any(|one| one.oid.to_string() == oid);
            if short(COUNTRY) && value.chars().count() != 2 {
                return Err(error(part, "a country has two letters"));
            }
            if !name.iter().all(|one| match one.value.tag() {
                Tag::PrintableString => PrintableStringRef::try_from(&one.value).is_ok(),
                Tag::Ia5String => Ia5StringRef::try_from(&one.value).is_ok(),
                Tag::Utf8String => Utf8StringRef::try_from(&one.value).is_ok(),
                _ => true,
            }) {
                return Err(error(part, "the value has characters that this attribute cannot hold"));
            }
            if attribute.trim() != attribute {
                return Err(error(part, "there is a space at the attribute"));
            }
        }
        let joined = parts(given).collect::<Vec<_>>().join(",");
        joined.parse().map(Self).map_err(|_| error(given, "it is malformed"))
    }
}

/// `countryName` (RFC 5280 appendix A.1).
const COUNTRY: &str = "2.5.4.6";

/// The parts between commas that no backslash escapes, without the spaces before them.
fn parts(given: &str) -> impl Iterator<Item = &str> {
    let mut escaped = false;
    let separator = move |c: char| {
        let ends = c == ',' && !escaped;
        escaped = c == '\\' && !escaped;
        ends
    };
    given.split(separator).map(|part| part.trim_start_matches(' '))
}

/// The library drops what a backslash announces and the text does not hold.
fn has_half_an_escape(value: &str) -> bool {
    let mut rest = value.chars();
    while let Some(c) = rest.next() {
        if c == '\\' {
            match rest.next() {
                None => return true,
                Some(first) if first.is_ascii_hexdigit() => {
                    if !rest.next().is_some_and(|second| second.is_ascii_hexdigit()) {
                        return true;
                    }
                }
                Some(_) => {}
            }
        }
    }
    false
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Text that is no distinguished name.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error(
    "\"{part}\" is no part of a distinguished name: {reason}; write for example CN=Auth,O=Example,C=IT, with a \
     backslash before a comma inside a value (RFC 4514)"
)]
pub struct SubjectError {
    part: String,
    reason: &'static str,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_and_shown_as_rfc_4514_writes_them() {
        let cases = [
            ("CN=Auth CA Certificates", "CN=Auth CA Certificates"),
            ("CN=Auth, O=Example, C=IT", "CN=Auth,O=Example,C=IT"),
            ("cn=a\\,b,OU=Zürich", "CN=a\\,b,OU=Zürich"),
            ("CN=a+OU=b,DC=example,DC=com", "CN=a+OU=b,DC=example,DC=com"),
            ("emailAddress=a@example.com,2.5.4.3=x", "EMAIL=a@example.com,CN=x"),
        ];
        for (given, expected) in cases {
            let subject: Subject = given.parse().unwrap_or_else(|error| panic!("{given}: {error}"));
            assert!(subject.to_string().eq_ignore_ascii_case(expected), "{subject}");
            assert_eq!(subject.to_string().parse(), Ok(subject), "{given}");
        }
    }

    #[test]
    fn refusals_name_the_part_and_the_reason() {
        let cases = [
            ("", "\"\" is no part of a distinguished name: it has no ="),
            ("Auth", "\"Auth\" is no part of a distinguished name: it has no ="),
            ("CN=", "\"CN=\" is no part of a distinguished name: it has no value"),
            ("CN=a,,O=b", "\"\" is no part"),
            ("CN=a,Colour=red", "\"Colour=red\" is no part of a distinguished name: the attribute is unknown"),
            ("C=Italy", "\"C=Italy\" is no part of a distinguished name: a country has two letters"),
            ("C=Ü!", "\"C=Ü!\" is no part of a distinguished name: the value has characters"),
            ("CN=\\ff", "\"CN=\\ff\" is no part of a distinguished name: the value has characters"),
            ("CN=a\\", "\"CN=a\\\" is no part of a distinguished name: a backslash has nothing after it"),
            ("CN=\\a", "\"CN=\\a\" is no part of a distinguished name: a backslash has nothing after it"),
        ];
        for (given, expected) in cases {
            let error = given.parse::<Subject>().map(|s| s.to_string()).unwrap_err().to_string();
            assert!(error.starts_with(expected), "{error}");
        }
        assert!("CN=".repeat(10_000).parse::<Subject>().unwrap_err().to_string().len() < 250);
    }
}
