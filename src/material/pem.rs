//! PEM (RFC 7468), and the DER of public keys.

use pkcs8::der::pem::{self, LineEnding, PemLabel};
use pkcs8::{PrivateKeyInfoRef, SubjectPublicKeyInfoRef};
use thiserror::Error;
use zeroize::Zeroizing;

use crate::jose::{Curve, PublicParams};

use super::seed_key::{self, SeedKind};
use super::{CheckError, ec_key, spki};

/// The public key as a `PUBLIC KEY` PEM block, with a newline at its end (RFC 7468 section 13). This is what
/// `openssl pkey -pubout` writes.
///
/// # Errors
/// If the point of an EC key is not on its curve.
pub fn spki_pem(public: &PublicParams) -> Result<String, SpkiError> {
    let der = spki_der(public)?;
    block(SubjectPublicKeyInfoRef::PEM_LABEL, &der).map_err(|_| SpkiError::Encode)
}

/// The public key as `SubjectPublicKeyInfo` DER (RFC 5280 section 4.1).
///
/// Costs a check of the point, well under a millisecond, for EC, and nothing for the others: any 32 octets are written
/// as an Ed25519 or X25519 key.
///
/// # Errors
/// If the point of an EC key is not on its curve.
pub fn spki_der(public: &PublicParams) -> Result<Vec<u8>, SpkiError> {
    match public {
        PublicParams::Rsa(rsa) => spki::rsa_der(rsa).map_err(|_| SpkiError::Encode),
        PublicParams::Ec(ec) => ec_key::spki_der(ec).ok_or(SpkiError::NotOnCurve { curve: ec.curve() }),
        PublicParams::Okp(okp) => {
            seed_key::spki_der(SeedKind::Okp(okp.curve()), okp.x().octets()).map_err(|_| SpkiError::Encode)
        }
        PublicParams::Akp(akp) => {
            seed_key::spki_der(SeedKind::Akp(akp.set()), akp.key().octets()).map_err(|_| SpkiError::Encode)
        }
    }
}

/// Why a public key could not be written.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum SpkiError {
    /// The coordinates are no point of the curve.
    #[error("x and y are no point of {curve}, so the key is damaged: get the key again from its owner")]
    NotOnCurve {
        /// The curve.
        curve: Curve,
    },
    /// The key could not be written.
    #[error("the public key could not be encoded: this is a fault of Keyturn, please report it")]
    Encode,
}

/// The one DER document in a `PRIVATE KEY` block.
pub(super) fn pkcs8_der(text: &str) -> Result<Zeroizing<Vec<u8>>, CheckError> {
    let label = pem::decode_label(text.as_bytes()).map_err(|_| CheckError::NotPem)?;
    if label != PrivateKeyInfoRef::PEM_LABEL {
        return Err(CheckError::WrongPem { label: label.chars().take(32).collect() });
    }
    let (_, der) = pem::decode_vec(text.as_bytes()).map_err(|_| CheckError::NotPem)?;
    Ok(Zeroizing::new(der))
}

/// DER as a PEM block with this label.
pub(super) fn block(label: &'static str, der: &[u8]) -> Result<String, pem::Error> {
    pem::encode_string(label, LineEnding::LF, der)
}

/// Private DER as a PEM block with this label.
pub(super) fn private_block(label: &'static str, der: &[u8]) -> Result<Zeroizing<String>, pem::Error> {
    block(label, der).map(Zeroizing::new)
}

#[cfg(test)]
mod tests {
    use pkcs8::DecodePublicKey;

    use super::*;
    use crate::jose::rfc_vectors::{RFC_7515_A2_KEY, RFC_7515_A3_KEY};
    use crate::jose::{Curve, KeySpec};
    use crate::material::PrivateKey;

    fn public(json: &str) -> PublicParams {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn the_public_key_of_rfc_7515_a_3_is_written_as_openssl_writes_it() {
        let expected = "-----BEGIN PUBLIC KEY-----\n\
            MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEf83OJ3D2xF1Bg8vub9tLe1gHMzV7\n\
            6e8Tus9uPHvRVEXH8UTNG72bfocs3+257rn0s2ldbqkLJK2KRiMohYjlrQ==\n\
            -----END PUBLIC KEY-----\n";
        assert_eq!(spki_pem(&public(RFC_7515_A3_KEY)).unwrap(), expected);
    }

    #[test]
    fn rsa_public_keys_are_read_by_the_library_that_did_not_write_them() {
        use rsa::traits::PublicKeyParts;
        let params = public(RFC_7515_A2_KEY);
        let key = rsa::RsaPublicKey::from_public_key_pem(&spki_pem(&params).unwrap()).unwrap();
        let PublicParams::Rsa(rsa) = &params else { panic!("not RSA") };
        assert_eq!((&*key.n_bytes(), &*key.e_bytes()), (rsa.n().octets(), rsa.e().octets()));
    }

    #[test]
    fn a_point_off_the_curve_is_refused() {
        for curve in Curve::ALL.iter().copied() {
            for octet in [0, 1, 0xff] {
                let coordinate = vec![octet; curve.coordinate_octets()];
                let params = PublicParams::ec(curve, &coordinate, &coordinate).unwrap();
                assert_eq!(spki_pem(&params), Err(SpkiError::NotOnCurve { curve }), "{curve} {octet}");
            }
        }
    }

    #[test]
    fn windows_line_ends_and_text_around_the_block_are_read() {
        let key = PrivateKey::generate(&KeySpec::Ec { curve: Curve::P384 }).unwrap();
        let pem = key.to_pkcs8_pem().unwrap();
        assert!(pem.starts_with("-----BEGIN PRIVATE KEY-----\n") && pem.ends_with("-----END PRIVATE KEY-----\n"));
        for text in [pem.replace('\n', "\r\n"), format!("friendlyName: k\n{}", *pem), pem.trim_end().to_owned()] {
            assert_eq!(PrivateKey::from_pkcs8_pem(&text), Ok(key.clone()), "{text}");
        }
    }

    #[test]
    fn other_blocks_are_named_and_a_way_out_is_given() {
        let block = |label| format!("-----BEGIN {label}-----\nAQAB\n-----END {label}-----\n");
        for label in ["RSA PRIVATE KEY", "EC PRIVATE KEY", "ENCRYPTED PRIVATE KEY", "PUBLIC KEY", "CERTIFICATE"] {
            let error = PrivateKey::from_pkcs8_pem(&block(label)).unwrap_err().to_string();
            assert!(error.starts_with(&format!("this PEM holds \"{label}\"")), "{error}");
        }
        assert_eq!(PrivateKey::from_pkcs8_pem(&block("PRIVATE KEY")), Err(CheckError::NotPkcs8));
        for text in ["", "AQAB", "-----BEGIN PRIVATE KEY-----\nAQ"] {
            assert_eq!(PrivateKey::from_pkcs8_pem(text), Err(CheckError::NotPem), "{text}");
        }
    }
}
