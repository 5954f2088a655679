//! Which keys an algorithm takes.

use std::fmt;

use super::by_name::one_of;
use super::{Curve, OkpCurve, ParameterSet};

/// A kind of key: code that differs between RSA, EC and the others matches on this.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum KeyKind {
    /// RSA, of any size.
    Rsa,
    /// An elliptic curve key on exactly this curve.
    Ec(Curve),
    /// An octet key pair on exactly this curve.
    Okp(OkpCurve),
    /// An ML-DSA key of exactly this parameter set.
    Akp(ParameterSet),
    /// A symmetric key of exactly so many bits.
    Oct(u16),
}

impl KeyKind {
    /// The values of `kty` that public keys may have, as a sentence lists them.
    pub(super) const KTYS: &'static str = "RSA, EC, OKP or AKP";

    /// The value of the JWK member `kty` (RFC 7518 section 6.1, RFC 8037 section 2, RFC 9964 section 3).
    #[must_use]
    pub const fn kty(self) -> &'static str {
        match self {
            Self::Rsa => "RSA",
            Self::Ec(_) => "EC",
            Self::Okp(_) => "OKP",
            Self::Akp(_) => "AKP",
            Self::Oct(_) => "oct",
        }
    }

    /// Whether there is only one key, for both sides, and so no public half.
    #[must_use]
    pub const fn is_symmetric(self) -> bool {
        matches!(self, Self::Oct(_))
    }

    /// Whether a key can sign a certificate for itself.
    #[must_use]
    pub const fn can_sign_certificates(self) -> bool {
        !matches!(self, Self::Okp(OkpCurve::X25519) | Self::Oct(_))
    }

    /// The value of the JWK member `crv`, for keys that have a curve.
    #[must_use]
    pub const fn curve(self) -> Option<&'static str> {
        match self {
            Self::Ec(curve) => Some(curve.name()),
            Self::Okp(curve) => Some(curve.name()),
            Self::Rsa | Self::Akp(_) | Self::Oct(_) => None,
        }
    }
}

impl fmt::Display for KeyKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rsa => f.pad("RSA"),
            Self::Ec(curve) => curve.fmt(f),
            Self::Okp(curve) => curve.fmt(f),
            Self::Akp(set) => set.fmt(f),
            Self::Oct(bits) => f.pad(&format!("{bits}-bit symmetric")),
        }
    }
}

/// The kinds of key that an algorithm takes: one, or a choice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyKinds {
    /// What is made where nothing is said.
    pub default: KeyKind,
    others: &'static [KeyKind],
}

impl KeyKinds {
    /// No choice.
    pub(super) const fn only(default: KeyKind) -> Self {
        Self { default, others: &[] }
    }

    /// A choice.
    pub(super) const fn or(default: KeyKind, others: &'static [KeyKind]) -> Self {
        Self { default, others }
    }

    /// All of them, the default first.
    pub fn iter(self) -> impl Iterator<Item = KeyKind> {
        std::iter::once(self.default).chain(self.others.iter().copied())
    }

    /// Whether this kind is one of them.
    #[must_use]
    pub fn contains(self, kind: KeyKind) -> bool {
        self.iter().any(|one| one == kind)
    }
}

impl fmt::Display for KeyKinds {
    /// As a sentence lists them: `P-256, P-384, P-521 or X25519`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<String> = self.iter().map(|kind| kind.to_string()).collect();
        f.pad(&one_of(names.iter().map(String::as_str)))
    }
}
