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
}

impl KeyKind {
    /// The values of `kty` that are known, as a sentence lists them.
    pub(super) const KTYS: &'static str = "RSA, EC, OKP or AKP";

    /// The value of the JWK member `kty` (RFC 7518 section 6.1, RFC 8037 section 2, RFC 9964 section 3).
    #[must_use]
    pub const fn kty(self) -> &'static str {
        match self {
            Self::Rsa => "RSA",
            Self::Ec(_) => "EC",
            Self::Okp(_) => "OKP",
            Self::Akp(_) => "AKP",
        }
    }

    /// The value of the JWK member `crv`, for keys that have a curve.
    #[must_use]
    pub const fn curve(self) -> Option<&'static str> {
        match self {
            Self::Ec(curve) => Some(curve.name()),
            Self::Okp(curve) => Some(curve.name()),
            Self::Rsa | Self::Akp(_) => None,
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Rsa => "RSA",
            Self::Ec(curve) => curve.name(),
            Self::Okp(curve) => curve.name(),
            Self::Akp(set) => set.name(),
        }
    }
}

impl fmt::Display for KeyKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
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
        f.pad(&one_of(self.iter().map(KeyKind::name)))
    }
}
