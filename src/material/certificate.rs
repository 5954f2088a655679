//! X.509 certificates (RFC 5280): self-signed ones for our own keys, and a look into those of others.

use std::fmt;

use base64ct::{Base64, Encoding};
use chrono::{DateTime, Utc};
use core::time::Duration;
use pkcs8::DecodePrivateKey;
use pkcs8::der::asn1::GeneralizedTime;
use pkcs8::der::flagset::FlagSet;
use pkcs8::der::{Decode, Encode};
use pkcs8::spki::{
    DynSignatureAlgorithmIdentifier, EncodePublicKey, SignatureBitStringEncoding, SubjectPublicKeyInfoRef,
};
use rsa::signature::{Keypair, Signer};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use sha2::{Digest, Sha256};
use thiserror::Error;
use x509_cert::TbsCertificate;
use x509_cert::builder::profile::BuilderProfile;
use x509_cert::builder::{self, Builder, CertificateBuilder};
use x509_cert::ext::pkix::{AuthorityKeyIdentifier, BasicConstraints, KeyUsage, KeyUsages, SubjectKeyIdentifier};
use x509_cert::ext::{Extension, Extensions, ToExtension};
use x509_cert::name::Name;
use x509_cert::serial_number::SerialNumber;
use x509_cert::time::Time;

use crate::jose::{Base64Url, KeyKind, KeySpec, OkpCurve, PublicParams, Use};

use super::ec_key::on;
use super::seed_key::SeedKind;
use super::seed_signer::SeedSigner;
use super::{CheckError, PrivateKey, PssOnly, Subject, pem, randomness, spki};

/// An X.509 certificate. The keyring holds it as base64 of its DER.
#[derive(Clone, PartialEq, Eq)]
pub struct Certificate {
    der: Vec<u8>,
    parsed: Box<x509_cert::Certificate>,
}

impl Certificate {
    /// Makes a certificate that the key signs for itself, with subject and issuer alike. It says what the key is for:
    /// `digitalSignature`, or `keyEncipherment` (RSA) and `keyAgreement` (EC). The same arguments make the same
    /// certificate, but for ML-DSA, whose signatures draw randomness.
    ///
    /// RSA keys sign with SHA-256, EC keys with the hash of their size, Ed25519 and ML-DSA keys as RFC 8410 and RFC 9881
    /// say.
    ///
    /// # Errors
    /// If keys of this kind cannot sign, or the times are out of order or past the year 9999.
    pub fn self_signed(
        key: &PrivateKey,
        usage: Use,
        subject: &Subject,
        validity: Validity,
        serial: &Serial,
    ) -> Result<Self, CertificateError> {
        let profile = SelfSigned { subject: subject.name().clone(), usage, kind: key.spec().key_kind() };
        let public = key.public().ok_or(CertificateError::CannotSign { spec: key.spec() })?;
        let public = super::spki_der(public).map_err(|_| CertificateError::Fault)?;
        let builder = CertificateBuilder::new(
            profile,
            SerialNumber::new(&serial.0).map_err(|_| CertificateError::Fault)?,
            validity.to_x509()?,
            Decode::from_der(&public).map_err(|_| CertificateError::Fault)?,
        )
        .map_err(|_| CertificateError::Fault)?;
        let parsed = sign(builder, key)?;
        let der = parsed.to_der().map_err(|_| CertificateError::Fault)?;
        Ok(Self { der, parsed: Box::new(parsed) })
    }

    /// Reads DER. The signature is not checked.
    ///
    /// # Errors
    /// If it is no certificate.
    pub fn from_der(der: &[u8]) -> Result<Self, CertificateError> {
        let parsed = x509_cert::Certificate::from_der(der).map_err(|_| CertificateError::NotCertificate)?;
        Ok(Self { der: der.to_vec(), parsed: Box::new(parsed) })
    }

    /// The DER.
    #[must_use]
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// A `CERTIFICATE` PEM block, with a newline at its end.
    ///
    /// # Errors
    /// None that is known.
    pub fn to_pem(&self) -> Result<String, CertificateError> {
        pem::block("CERTIFICATE", &self.der).map_err(|_| CertificateError::Fault)
    }

    /// One entry of the JWK member `x5c`: base64, not base64url, of the DER (RFC 7517 section 4.7).
    #[must_use]
    pub fn x5c(&self) -> String {
        Base64::encode_string(&self.der)
    }

    /// The JWK member `x5t#S256`: the SHA-256 digest of the DER (RFC 7517 section 4.9).
    #[must_use]
    pub fn x5t_s256(&self) -> Base64Url {
        Base64Url::new(&Sha256::digest(&self.der))
    }

    /// The public key in it.
    ///
    /// # Errors
    /// If it is of a kind or size that is not supported.
    pub fn public(&self) -> Result<PublicParams, CheckError> {
        let info = self.parsed.tbs_certificate().subject_public_key_info();
        spki::read(&info.to_der().map_err(|_| CheckError::NotSpki)?)
    }

    /// What the type of its key restricts it to, if to anything.
    #[must_use]
    pub fn pss_only(&self) -> Option<PssOnly> {
        spki::pss_only(&self.parsed.tbs_certificate().subject_public_key_info().to_der().ok()?)
    }

    /// Whose it is, as RFC 4514 writes it.
    #[must_use]
    pub fn subject(&self) -> String {
        self.parsed.tbs_certificate().subject().to_string()
    }

    /// Who signed it, as RFC 4514 writes it.
    #[must_use]
    pub fn issuer(&self) -> String {
        self.parsed.tbs_certificate().issuer().to_string()
    }

    /// From when until when it is valid.
    ///
    /// # Errors
    /// None that is known: X.509 ends in the year 9999.
    pub fn validity(&self) -> Result<Validity, CertificateError> {
        let validity = self.parsed.tbs_certificate().validity();
        Ok(Validity { not_before: to_chrono(validity.not_before)?, not_after: to_chrono(validity.not_after)? })
    }
}

impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Certificate({})", self.subject())
    }
}

impl Serialize for Certificate {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.x5c())
    }
}

impl<'de> Deserialize<'de> for Certificate {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let der = Base64::decode_vec(&text).map_err(|_| de::Error::custom(CertificateError::NotCertificate))?;
        Self::from_der(&der).map_err(de::Error::custom)
    }
}

/// From when until when a certificate is valid, both included, in whole seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Validity {
    /// The first moment.
    pub not_before: DateTime<Utc>,
    /// The last moment.
    pub not_after: DateTime<Utc>,
}

impl Validity {
    fn to_x509(self) -> Result<x509_cert::time::Validity, CertificateError> {
        if self.not_before > self.not_after {
            return Err(CertificateError::Times);
        }
        Ok(x509_cert::time::Validity::new(to_time(self.not_before)?, to_time(self.not_after)?))
    }
}

fn to_time(at: DateTime<Utc>) -> Result<Time, CertificateError> {
    let seconds = u64::try_from(at.timestamp()).map_err(|_| CertificateError::Times)?;
    let time = GeneralizedTime::from_unix_duration(Duration::from_secs(seconds));
    time.map(Time::GeneralTime).map_err(|_| CertificateError::Times)
}

fn to_chrono(time: Time) -> Result<DateTime<Utc>, CertificateError> {
    let seconds = i64::try_from(time.to_unix_duration().as_secs()).map_err(|_| CertificateError::Times)?;
    DateTime::from_timestamp(seconds, 0).ok_or(CertificateError::Times)
}

/// The serial number of a certificate (RFC 5280 section 4.1.2.2): 20 octets, positive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Serial([u8; 20]);

impl Serial {
    /// Draws one, with 158 bits of randomness from the operating system.
    ///
    /// # Errors
    /// If it gives none.
    pub fn draw() -> Result<Self, randomness::NoRandomness> {
        Ok(Self::from_octets(randomness::draw()?))
    }

    /// Makes one of these octets; the first two bits are set so that it is positive and always as long.
    #[must_use]
    pub const fn from_octets(mut octets: [u8; 20]) -> Self {
        let [first, ..] = &mut octets;
        *first = *first & 0x3f | 0x40;
        Self(octets)
    }
}

/// What a self-signed certificate says beside the key.
struct SelfSigned {
    subject: Name,
    usage: Use,
    kind: KeyKind,
}

impl BuilderProfile for SelfSigned {
    fn get_issuer(&self, subject: &Name) -> Name {
        subject.clone()
    }

    fn get_subject(&self) -> Name {
        self.subject.clone()
    }

    fn build_extensions(
        &self,
        spk: SubjectPublicKeyInfoRef<'_>,
        issuer_spk: SubjectPublicKeyInfoRef<'_>,
        tbs: &TbsCertificate,
    ) -> builder::Result<Vec<Extension>> {
        let usage: FlagSet<KeyUsages> = match (self.usage, self.kind) {
            (Use::Sig, _) => KeyUsages::DigitalSignature.into(),
            (Use::Enc, KeyKind::Rsa) => KeyUsages::KeyEncipherment.into(),
            (Use::Enc, _) => KeyUsages::KeyAgreement.into(),
        };
        let mut extensions = Extensions::new();
        let constraints = BasicConstraints { ca: false, path_len_constraint: None };
        extensions.push(constraints.to_extension(tbs.subject(), &extensions)?);
        extensions.push(KeyUsage(usage).to_extension(tbs.subject(), &extensions)?);
        // Certificates of one set have one subject: by these a reader tells which key signed which (RFC 5280 sections
        // 4.2.1.1 and 4.2.1.2).
        let identifier = SubjectKeyIdentifier::try_from(spk)?;
        extensions.push(identifier.to_extension(tbs.subject(), &extensions)?);
        let issuer = AuthorityKeyIdentifier::try_from(issuer_spk)?;
        extensions.push(issuer.to_extension(tbs.subject(), &extensions)?);
        Ok(extensions)
    }
}

fn sign(builder: CertificateBuilder<SelfSigned>, key: &PrivateKey) -> Result<x509_cert::Certificate, CertificateError> {
    let cannot_sign = CertificateError::CannotSign { spec: key.spec() };
    let Some(pkcs8) = key.to_pkcs8_der() else { return Err(cannot_sign) };
    match key.spec() {
        KeySpec::Rsa { .. } => {
            let key = rsa::RsaPrivateKey::from_pkcs8_der(&pkcs8).map_err(|_| CertificateError::Fault)?;
            build::<_, rsa::pkcs1v15::Signature>(builder, &rsa::pkcs1v15::SigningKey::<Sha256>::new(key))
        }
        KeySpec::Ec { curve } => on!(curve, |krate| {
            let key = krate::ecdsa::SigningKey::from_pkcs8_der(&pkcs8).map_err(|_| CertificateError::Fault)?;
            build::<_, krate::ecdsa::DerSignature>(builder, &key)
        }),
        KeySpec::Okp { curve: OkpCurve::X25519 } | KeySpec::Oct { .. } => Err(cannot_sign),
        KeySpec::Okp { curve } => sign_with_seed(builder, SeedKind::Okp(curve), key, &pkcs8),
        KeySpec::Akp { set } => sign_with_seed(builder, SeedKind::Akp(set), key, &pkcs8),
    }
}

fn sign_with_seed(
    builder: CertificateBuilder<SelfSigned>,
    kind: SeedKind,
    key: &PrivateKey,
    pkcs8: &[u8],
) -> Result<x509_cert::Certificate, CertificateError> {
    let spki = key.public().and_then(|public| super::spki_der(public).ok()).ok_or(CertificateError::Fault)?;
    let signer = SeedSigner::new(kind, pkcs8, spki);
    build(builder, &signer.ok_or(CertificateError::CannotSign { spec: key.spec() })?)
}

fn build<K, S>(builder: CertificateBuilder<SelfSigned>, key: &K) -> Result<x509_cert::Certificate, CertificateError>
where
    K: Signer<S> + Keypair + DynSignatureAlgorithmIdentifier,
    K::VerifyingKey: EncodePublicKey,
    S: SignatureBitStringEncoding,
{
    builder.build::<_, S>(key).map_err(|_| CertificateError::Fault)
}

/// Why there is no certificate.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum CertificateError {
    /// Keys of this kind do not sign.
    #[error("{spec} keys cannot sign certificates, so they can have none of their own: leave the certificate out")]
    CannotSign {
        /// The kind of key.
        spec: KeySpec,
    },
    /// The times do not fit.
    #[error("a certificate must end after it begins, and both between 1970 and 9999: choose a shorter validity")]
    Times,
    /// The octets are no certificate.
    #[error("this is no X.509 certificate: export it again, as DER or PEM")]
    NotCertificate,
    /// The certificate could not be made.
    #[error("the certificate could not be made: this is a fault of Keyturn, please report it")]
    Fault,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jose::{Curve, ParameterSet};
    use crate::material::rfc_keys;

    fn validity(days: i64) -> Validity {
        let not_before = DateTime::from_timestamp(1_800_000_000, 0).unwrap();
        Validity { not_before, not_after: not_before + chrono::TimeDelta::days(days) }
    }

    fn make(key: &PrivateKey, usage: Use, days: i64) -> Result<Certificate, CertificateError> {
        let subject = "CN=Auth, O=Example".parse().unwrap();
        Certificate::self_signed(key, usage, &subject, validity(days), &Serial::from_octets([0xff; 20]))
    }

    #[test]
    fn it_says_whose_and_when_and_comes_back_from_where_it_is_kept() {
        let specs = Curve::ALL.iter().map(|curve| KeySpec::Ec { curve: *curve });
        let specs = specs.chain([KeySpec::Okp { curve: OkpCurve::Ed25519 }]);
        let specs = specs.chain(ParameterSet::ALL.iter().map(|set| KeySpec::Akp { set: *set }));
        for key in specs.map(|spec| PrivateKey::generate(&spec).unwrap()).chain([rfc_keys::rsa()]) {
            for days in [1, 36_500] {
                let certificate = make(&key, Use::Sig, days).unwrap();
                assert_eq!(certificate.subject(), "CN=Auth,O=Example");
                assert_eq!(certificate.issuer(), certificate.subject());
                assert_eq!(certificate.validity().unwrap(), validity(days));
                assert_eq!(certificate.public().unwrap(), *key.public().unwrap());
                let kept = serde_json::to_string(&certificate).unwrap();
                assert_eq!(serde_json::from_str::<Certificate>(&kept).unwrap(), certificate);
                let again = make(&key, Use::Sig, days).unwrap();
                assert_eq!(again == certificate, !matches!(key.spec(), KeySpec::Akp { .. }), "{}", key.spec());
            }
        }
    }

    #[test]
    fn it_says_what_the_key_is_for() {
        let ec = PrivateKey::generate(&KeySpec::Ec { curve: Curve::P256 }).unwrap();
        for (key, usage, expected) in [
            (&ec, Use::Sig, KeyUsages::DigitalSignature),
            (&ec, Use::Enc, KeyUsages::KeyAgreement),
            (&rfc_keys::rsa(), Use::Enc, KeyUsages::KeyEncipherment),
        ] {
            let certificate = make(key, usage, 1).unwrap();
            let (critical, usage) = certificate.parsed.tbs_certificate().get_extension::<KeyUsage>().unwrap().unwrap();
            assert!(critical && usage.0 == FlagSet::from(expected), "{usage:?}");
        }
    }

    #[test]
    fn a_key_that_cannot_sign_has_none() {
        let key = PrivateKey::generate(&KeySpec::Okp { curve: OkpCurve::X25519 }).unwrap();
        let error = make(&key, Use::Enc, 1).unwrap_err().to_string();
        assert!(error.starts_with("X25519 keys cannot sign certificates, so they can have none"), "{error}");
    }

    #[test]
    fn times_out_of_order_and_other_octets_are_refused() {
        let key = PrivateKey::generate(&KeySpec::Ec { curve: Curve::P256 }).unwrap();
        assert_eq!(make(&key, Use::Sig, -1).unwrap_err(), CertificateError::Times);
        assert_eq!(make(&key, Use::Sig, 36_500 * 100).unwrap_err(), CertificateError::Times);
        assert_eq!(Certificate::from_der(b"0").unwrap_err(), CertificateError::NotCertificate);
    }

    #[test]
    fn serials_are_positive_and_20_octets_long() {
        for octet in [0, 0x80, 0xff] {
            let Serial(octets) = Serial::from_octets([octet; 20]);
            assert!((0x40..0x80).contains(&octets[0]));
        }
        assert_ne!(Serial::draw().unwrap(), Serial::draw().unwrap());
    }
}
