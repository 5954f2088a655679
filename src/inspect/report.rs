//! What was found. Serialised, it is what programs read: `docs/inspect.md` describes each field.

use chrono::{DateTime, Utc};
use serde::Serialize;

use super::Code;
use crate::jose::{Algorithm, KeySpec, PublicParams, Thumbprint};
use crate::material::Certificate;

/// What a file holds.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// What the file is, such as `JWK Set`.
    pub format: &'static str,
    /// The keys and certificates, in their order, private keys of PEM first.
    pub keys: Vec<KeyReport>,
    /// What is wrong with the file and not with one key.
    pub warnings: Vec<Warning>,
}

/// Which half of a key is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Holds {
    /// The public half alone.
    Public,
    /// The private half.
    Private,
    /// A key that both sides share.
    Symmetric,
    /// Nothing that can be read.
    Unknown,
}

/// One key, or one certificate without its private key.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct KeyReport {
    /// Where in the file it is, such as `block 2` or `keys[1]`.
    pub place: String,
    /// Its kid, alias or comment.
    pub kid: Option<String>,
    /// What it is written as, such as `PKCS#8 PEM`.
    pub format: &'static str,
    /// Which half it is.
    pub holds: Holds,
    /// The key type (RFC 7518 section 6.1).
    pub kty: Option<String>,
    /// The curve.
    pub crv: Option<String>,
    /// The length of an RSA modulus or a symmetric key, in bits.
    pub bits: Option<usize>,
    /// The algorithm, known here or not.
    pub alg: Option<String>,
    /// The JWK member `use`.
    #[serde(rename = "use")]
    pub usage: Option<String>,
    /// What its encoding restricts it to, beyond its kind.
    pub restriction: Option<String>,
    /// The RFC 7638 thumbprint. A symmetric key has none, since it would be a hash of the secret.
    pub thumbprint: Option<Thumbprint>,
    /// Whether the halves belong together, where both are there.
    pub halves_match: Option<bool>,
    /// The JWK member `iat`, as written.
    pub iat: Option<i64>,
    /// The JWK member `nbf`, as written.
    pub nbf: Option<i64>,
    /// The JWK member `exp`, as written.
    pub exp: Option<i64>,
    /// Its certificate.
    pub certificate: Option<CertificateReport>,
    /// Why it cannot be used.
    pub problem: Option<String>,
    /// What is wrong with it.
    pub warnings: Vec<Warning>,
    #[serde(skip)]
    pub(super) spec: Option<KeySpec>,
    /// Whether it is encrypted, and no passphrase was given.
    #[serde(skip)]
    pub(super) locked: bool,
}

/// A certificate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CertificateReport {
    /// Whose it is (RFC 4514).
    pub subject: String,
    /// Who signed it (RFC 4514).
    pub issuer: String,
    /// The first moment that it is valid.
    pub not_before: Option<DateTime<Utc>>,
    /// The last moment that it is valid.
    pub not_after: Option<DateTime<Utc>>,
}

/// Something that should be changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Warning {
    /// What it is about.
    pub code: Code,
    /// A sentence that says what to change.
    pub message: String,
}

impl Report {
    /// Whether there is anything to warn of.
    #[must_use]
    pub fn has_warnings(&self) -> bool {
        !self.warnings.is_empty() || self.keys.iter().any(|key| !key.warnings.is_empty())
    }

    /// Whether a passphrase, which was not given, would tell more.
    #[must_use]
    pub fn is_locked(&self) -> bool {
        self.keys.iter().any(|key| key.locked)
    }
}

impl KeyReport {
    pub(super) fn new(place: String, kid: Option<String>, format: &'static str, holds: Holds) -> Self {
        Self {
            place,
            kid,
            format,
            holds,
            kty: None,
            crv: None,
            bits: None,
            alg: None,
            usage: None,
            restriction: None,
            thumbprint: None,
            halves_match: None,
            iat: None,
            nbf: None,
            exp: None,
            certificate: None,
            problem: None,
            warnings: Vec::new(),
            spec: None,
            locked: false,
        }
    }

    pub(super) fn with_public(mut self, params: &PublicParams) -> Self {
        self.thumbprint = Some(params.thumbprint());
        self.with_spec(params.spec())
    }

    pub(super) fn with_spec(mut self, spec: KeySpec) -> Self {
        self.spec = Some(spec);
        self.kty = Some(spec.key_kind().kty().to_owned());
        self.crv = spec.key_kind().curve().map(str::to_owned);
        match spec {
            KeySpec::Rsa { bits } | KeySpec::Oct { bits } => self.bits = Some(bits.into()),
            KeySpec::Akp { set } => self.alg = Some(set.name().to_owned()),
            KeySpec::Ec { .. } | KeySpec::Okp { .. } => {}
        }
        self
    }

    /// Notes a warning, whose sentence says what to change.
    pub(super) fn warn(&mut self, code: Code, message: impl Into<String>) {
        self.warnings.push(Warning { code, message: message.into() });
    }

    /// Notes why it cannot be used.
    pub(super) fn refuse(&mut self, why: &dyn std::fmt::Display) {
        self.problem = Some(why.to_string());
        self.warn(Code::Unusable, format!("it cannot be used: {why}"));
    }

    pub(super) fn algorithm(&self) -> Option<Algorithm> {
        self.alg.as_deref()?.parse().ok()
    }
}

impl CertificateReport {
    pub(super) fn of(certificate: &Certificate) -> Self {
        let validity = certificate.validity().ok();
        Self {
            subject: certificate.subject(),
            issuer: certificate.issuer(),
            not_before: validity.map(|validity| validity.not_before),
            not_after: validity.map(|validity| validity.not_after),
        }
    }
}
