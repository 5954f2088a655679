//! What readers are known not to do. Everything else has to work, and what is here has to fail.

use keyturn::jose::{Algorithm, Curve, KeyKind, OkpCurve};

use crate::rows::Row;
use crate::written::Form;

/// Why a reader does not sign and verify, or encrypt and decrypt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gap {
    pub why: &'static str,
    /// Whether it reads the keys all the same.
    pub reads: bool,
    /// Whether it is a newer version of a program of the machine that has no such gap.
    pub until_newer: bool,
}

const fn gap(why: &'static str) -> Gap {
    Gap { why, reads: false, until_newer: false }
}

const fn until(why: &'static str) -> Gap {
    Gap { until_newer: true, ..gap(why) }
}

const fn reads(why: &'static str) -> Gap {
    Gap { reads: true, ..gap(why) }
}

/// The gap of that reader, if it has one there.
pub fn of(reader: &str, row: &Row, form: Form) -> Option<Gap> {
    let (algorithm, kind) = (row.algorithm, row.kind);
    let ml_dsa = matches!(kind, KeyKind::Akp(_));
    let ecdh = algorithm.name().starts_with("ECDH");
    match reader {
        "openssl" if ml_dsa => Some(until("`openssl` knows ML-DSA since 3.5")),
        "openssl" if ecdh => Some(reads("the `openssl` command has no ECDH-ES")),
        "keytool" => {
            Some(reads("`keytool` lists the key with its certificate; Java's `KeyStore` is in the column of nimbus"))
        }
        "ssh-keygen" => Some(match kind {
            KeyKind::Okp(OkpCurve::Ed25519) => until("OpenSSH 9.2 reads Ed25519 keys in its own format only"),
            KeyKind::Rsa | KeyKind::Ec(Curve::P256 | Curve::P384 | Curve::P521) => {
                reads("`ssh-keygen` signs for SSH, not for JOSE")
            }
            _ => gap("SSH has no such keys"),
        }),
        "jose" if ml_dsa => Some(until("`jose` has ML-DSA, and needs Node 24 for it")),
        "jose" if matches!(algorithm, Algorithm::Es256K | Algorithm::Rsa15) => {
            Some(gap("`jose` 6 has neither ES256K nor RSA1_5"))
        }
        "jwcrypto" if matches!(algorithm, Algorithm::RsaOaep384 | Algorithm::RsaOaep512) => {
            Some(reads("`jwcrypto` has RSA-OAEP with SHA-1 and SHA-256 only"))
        }
        "nimbus" if ml_dsa => Some(gap("`nimbus-jose-jwt` has no ML-DSA, and leaves such keys of a JWKS out")),
        "jwx" if ml_dsa => Some(gap(JWX_AKP)),
        "jwx" if row.among_others => Some(gap(JWX_AKP)),
        "jwx" if algorithm == Algorithm::Es256K && form == Form::Pem => Some(gap("Go reads no PEM of secp256k1")),
        _ => None,
    }
}

const JWX_AKP: &str = "`jwx` 3 has no ML-DSA, and refuses a whole JWKS that holds such a key: publish those in a file of \
    their own lines where Go services read";
