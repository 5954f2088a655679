//! What certificates and JWKs say beside the key.

use chrono::TimeDelta;

use super::outputs::{Output, SignersFile};
use super::profile::Preset;
use crate::api::{ExpUnit, JwkMembers, JwksKeySetSpec, PublicContent, Span, SpanError};
use crate::keyring::{Facts, Time};
use crate::material::{Subject, SubjectError, Validity};

/// How long a certificate is valid where nothing is stated: ten years.
const DEFAULT_VALIDITY: &str = "87600h";

/// The optional members of the set's JWKs.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a member that is there or not")]
pub struct JwkPolicy {
    /// Write `key_ops`.
    pub key_ops: bool,
    /// Write `key_ops_type` with this word.
    pub key_ops_type: Option<&'static str>,
    /// Write `x5c`.
    pub x5c: bool,
    /// Write `x5t#S256`.
    pub x5t_s256: bool,
    /// Write `iat`.
    pub iat: bool,
    /// Write `nbf`.
    pub nbf: bool,
    /// Write `exp`, in units of which a second has so many.
    pub exp: Option<i64>,
}

/// The certificate that each key gets when it is made.
#[derive(Clone, Debug)]
pub struct CertificatePolicy {
    /// Subject and issuer.
    pub subject: Subject,
    /// How long it is valid, from its making on.
    pub validity: TimeDelta,
}

/// What is wrong with the certificates of a spec.
#[derive(Debug, thiserror::Error)]
pub enum CertificateSpecError {
    /// The subject can't be read.
    #[error("subject: {0}")]
    Subject(#[from] SubjectError),
    /// The validity can't be read.
    #[error("validity: {0}")]
    Validity(#[from] SpanError),
}

impl JwkPolicy {
    pub(super) fn new(stated: &JwkMembers, preset: &Preset) -> Self {
        let exp = match stated.exp.or(preset.exp) {
            Some(ExpUnit::Seconds) => Some(1),
            Some(ExpUnit::Milliseconds) => Some(1_000),
            Some(ExpUnit::None) | None => None,
        };
        Self {
            key_ops: stated.key_ops.unwrap_or_default(),
            key_ops_type: stated.key_ops_type.or(preset.key_ops_type).map(crate::api::KeyOpsType::name),
            x5c: stated.x5c.unwrap_or(preset.x5c),
            x5t_s256: stated.x5t_s256.unwrap_or_default(),
            iat: stated.iat.unwrap_or_default(),
            nbf: stated.nbf.unwrap_or_default(),
            exp,
        }
    }
}

impl CertificatePolicy {
    /// The certificates of a spec; `None` where nothing needs any. `exp` is the end of a certificate, so it needs one too.
    pub(super) fn parse(
        set: &str,
        spec: &JwksKeySetSpec,
        preset: &Preset,
        jwk: &JwkPolicy,
        outputs: &[Output],
    ) -> Result<Option<Self>, CertificateSpecError> {
        let stated = spec.certificate.clone();
        let needed = jwk.x5c || jwk.x5t_s256 || jwk.exp.is_some() || outputs.iter().any(needs_certificates);
        if stated.is_none() && !needed {
            return Ok(None);
        }
        let stated = stated.unwrap_or_default();
        let by_name = || format!("CN={set}");
        let subject = stated.subject.or_else(|| preset.subject.map(str::to_owned)).unwrap_or_else(by_name);
        let validity = stated.validity.unwrap_or_else(|| Span::from(DEFAULT_VALIDITY));
        Ok(Some(Self { subject: subject.parse()?, validity: validity.parse()? }))
    }

    /// The times of a certificate that is made at that time. Who reads it may have a clock that is behind.
    pub fn times(&self, made: Time, facts: &Facts) -> Option<Validity> {
        Some(Validity { not_before: made - facts.clock_skew, not_after: self.ends(made)? })
    }

    /// When a certificate ends that is made at that time; of a key that can't have one, what `exp` says in its place.
    pub fn ends(&self, made: Time) -> Option<Time> {
        made.checked_add_signed(self.validity)
    }
}

fn needs_certificates(output: &Output) -> bool {
    match output {
        Output::ConfigMap { files, .. } => files.values().any(|file| file.content == PublicContent::CertificatePem),
        Output::Secret { files, .. } => files.values().any(|file| {
            matches!(file.content, SignersFile::Keystore(_) | SignersFile::Public(PublicContent::CertificatePem))
        }),
    }
}
