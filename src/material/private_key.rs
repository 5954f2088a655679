//! What a private key is.

use std::fmt;

use base64ct::{Base64UrlUnpadded, Encoding};
use pkcs8::der::pem::PemLabel;
use pkcs8::{ObjectIdentifier, PrivateKeyInfoRef};
use thiserror::Error;
use zeroize::Zeroizing;

use crate::jose::{
    Algorithm, JwkError, KeyMaterial, KeySpec, NO_448, ParamsError, PrivateJwk, PrivateParams, PublicJwk, PublicParams,
    SecretBase64Url, Thumbprint,
};

use super::pkcs8_view::Pkcs8View;
use super::seed_key::{self, SeedKind};
use super::{ec_key, oct_key, rsa_key};

/// A private key of any kind, wiped when dropped: the private half of a pair is held as PKCS#8 DER, a symmetric key as
/// its octets. `Debug` shows what kind it is, and nothing else.
///
/// [`from_pkcs8_der`](Self::from_pkcs8_der), [`from_pkcs8_pem`](Self::from_pkcs8_pem) and [`from_jwk`](Self::from_jwk)
/// check that the numbers of the key belong together and bring it to one canonical encoding. Reading it back with serde
/// (as the keyring holds it) trusts that this was done and only walks the DER: tens of microseconds
/// for any size. (Of Ed25519, X25519 and ML-DSA the DER holds the seed alone, and the public half is worked out: a tenth
/// of a millisecond.) [`check`](Self::check) repeats the full check.
///
/// Two pairs are equal if their public halves are, two symmetric keys if their octets are.
#[derive(Clone)]
pub struct PrivateKey(pub(super) Held);

/// What is held of a key. Only a pair has a public half, and a form as PKCS#8.
#[derive(Clone)]
pub(super) enum Held {
    Pair { public: PublicParams, pkcs8: Zeroizing<Vec<u8>> },
    Symmetric { spec: KeySpec, k: SecretBase64Url },
}

impl PrivateKey {
    /// Makes a new key, with randomness from the operating system.
    ///
    /// Blocks the thread: an EC, OKP or ML-DSA key takes a few milliseconds at most, but an RSA key 0.1 s at 2048 bits, 0.4 s at 3072,
    /// 0.8 s at 4096 and ten at 8192 on average, and at times several times that. Keep it off async threads.
    ///
    /// # Errors
    /// If the size is none that is generated, or the operating system gives no randomness.
    pub fn generate(spec: &KeySpec) -> Result<Self, GenerateError> {
        let pkcs8 = match *spec {
            KeySpec::Rsa { bits } => rsa_key::generate(bits)?,
            KeySpec::Ec { curve } => ec_key::generate(curve)?,
            KeySpec::Okp { curve } => seed_key::generate(SeedKind::Okp(curve))?,
            KeySpec::Akp { set } => seed_key::generate(SeedKind::Akp(set))?,
            KeySpec::Oct { bits } => return oct_key::generate(bits),
        };
        Self::trusted(pkcs8).map_err(|_| GenerateError::Unreadable { spec: *spec })
    }

    /// Reads unencrypted PKCS#8 DER (RFC 5958), and checks it.
    ///
    /// The check costs up to a millisecond, and three for RSA 8192. It does not test whether the RSA factors are prime,
    /// only that all members agree.
    ///
    /// # Errors
    /// If this is not PKCS#8, of a kind or size that is not supported, or its numbers do not belong together.
    pub fn from_pkcs8_der(der: &[u8]) -> Result<Self, CheckError> {
        let canonical = match Pkcs8View::read(der)? {
            Pkcs8View::Rsa(rsa) => rsa_key::canonical(&rsa)?,
            Pkcs8View::Ec { curve, .. } => ec_key::canonical(curve, der)?,
            Pkcs8View::Seed(view) => seed_key::canonical(&view, der)?,
        };
        Self::trusted(canonical)
    }

    /// Reads a `PRIVATE KEY` PEM block (RFC 7468 section 10), and checks it like
    /// [`from_pkcs8_der`](Self::from_pkcs8_der).
    ///
    /// # Errors
    /// As there, or if this is no such PEM.
    pub fn from_pkcs8_pem(pem: &str) -> Result<Self, CheckError> {
        Self::from_pkcs8_der(&super::pem::pkcs8_der(pem)?)
    }

    /// Takes the key out of a private JWK, and checks it like [`from_pkcs8_der`](Self::from_pkcs8_der).
    ///
    /// # Errors
    /// If the private members do not belong to the public ones.
    pub fn from_jwk(jwk: &PrivateJwk) -> Result<Self, CheckError> {
        match jwk.material() {
            KeyMaterial::Pair(public, private) => Self::from_params(public, private),
            KeyMaterial::Symmetric(k) => Self::symmetric(k.clone()),
        }
    }

    /// A symmetric key of these octets. Which algorithm may use it is checked where it becomes a JWK.
    ///
    /// # Errors
    /// If it has fewer than 16 octets, or more than 1024.
    pub fn symmetric(k: SecretBase64Url) -> Result<Self, CheckError> {
        let octets = k.octets().len();
        let spec = KeySpec::of_octets(k.octets()).ok_or(CheckError::SymmetricSize { octets })?;
        Ok(Self(Held::Symmetric { spec, k }))
    }

    /// Joins the two halves of a key, and checks it like [`from_pkcs8_der`](Self::from_pkcs8_der).
    ///
    /// # Errors
    /// If the private members do not belong to the public ones.
    pub fn from_params(public: &PublicParams, private: &PrivateParams) -> Result<Self, CheckError> {
        let pkcs8 = match (public, private) {
            (PublicParams::Rsa(public), PrivateParams::Rsa(private)) => rsa_key::from_params(public, private)?,
            (PublicParams::Rsa(public), PrivateParams::RsaExponent { d }) => rsa_key::from_exponent(public, d)?,
            (PublicParams::Ec(public), PrivateParams::Ec { d }) => ec_key::from_scalar(public.curve(), d.octets())?,
            (PublicParams::Okp(public), PrivateParams::Okp { d }) => {
                seed_key::pkcs8_der(SeedKind::Okp(public.curve()), d.octets())?
            }
            (PublicParams::Akp(public), PrivateParams::Akp { seed }) => {
                seed_key::pkcs8_der(SeedKind::Akp(public.set()), seed.octets())?
            }
            _ => return Err(CheckError::Disagree),
        };
        let key = Self::trusted(pkcs8)?;
        if key.matches(public) { Ok(key) } else { Err(CheckError::Disagree) }
    }

    /// PKCS#8 DER (RFC 5958, version 1), unencrypted: 48 octets for Ed25519, 54 for ML-DSA,
    /// about 140 for P-256, 2.4 KiB for RSA 4096. `None` for a symmetric
    /// key, which has no such form.
    #[must_use]
    pub fn to_pkcs8_der(&self) -> Option<Zeroizing<Vec<u8>>> {
        match &self.0 {
            Held::Pair { pkcs8, .. } => Some(pkcs8.clone()),
            Held::Symmetric { .. } => None,
        }
    }

    /// A `PRIVATE KEY` PEM block (RFC 7468 section 10), unencrypted, with a newline at its end.
    ///
    /// # Errors
    /// If the key is symmetric, which has no such form.
    pub fn to_pkcs8_pem(&self) -> Result<Zeroizing<String>, CheckError> {
        match &self.0 {
            Held::Pair { pkcs8, .. } => {
                super::pem::private_block(PrivateKeyInfoRef::PEM_LABEL, pkcs8).map_err(|_| CheckError::Encode)
            }
            Held::Symmetric { .. } => Err(CheckError::NoPem),
        }
    }

    /// A private JWK with all the members that its type has. Costs no arithmetic.
    ///
    /// # Errors
    /// If `alg` takes another kind of key, or `kid` is empty.
    pub fn to_jwk(&self, kid: impl Into<String>, alg: Algorithm) -> Result<PrivateJwk, ToJwkError> {
        match &self.0 {
            Held::Pair { public, pkcs8 } => {
                let public = PublicJwk::new(kid, alg, public.clone())?;
                Ok(PrivateJwk::new(public, Pkcs8View::read(pkcs8)?.private_params()?)?)
            }
            Held::Symmetric { k, .. } => Ok(PrivateJwk::symmetric(kid, alg, k.clone())?),
        }
    }

    /// The public half; a symmetric key has none.
    #[must_use]
    pub const fn public(&self) -> Option<&PublicParams> {
        match &self.0 {
            Held::Pair { public, .. } => Some(public),
            Held::Symmetric { .. } => None,
        }
    }

    /// The RFC 7638 thumbprint. A plain hash of a symmetric key would let anyone who sees it test guesses (section 7), so
    /// that one is what `keyed` makes of the pieces of its canonical JSON, with a secret of its own.
    pub fn thumbprint(&self, keyed: impl FnOnce(&[&[u8]]) -> [u8; 32]) -> Thumbprint {
        match &self.0 {
            Held::Pair { public, .. } => public.thumbprint(),
            Held::Symmetric { k, .. } => {
                let k = Zeroizing::new(Base64UrlUnpadded::encode_string(k.octets()));
                Thumbprint::from_octets(keyed(&[br#"{"k":""#, k.as_bytes(), br#"","kty":"oct"}"#]))
            }
        }
    }

    /// The size or curve of the key.
    #[must_use]
    pub const fn spec(&self) -> KeySpec {
        match &self.0 {
            Held::Pair { public, .. } => public.spec(),
            Held::Symmetric { spec, .. } => *spec,
        }
    }

    /// Whether this is the private half of that key.
    #[must_use]
    pub fn matches(&self, public: &PublicParams) -> bool {
        self.public() == Some(public)
    }

    /// Repeats the checks of [`from_pkcs8_der`](Self::from_pkcs8_der) on a key that serde read, at the same cost.
    ///
    /// # Errors
    /// If the numbers of the key do not belong together.
    pub fn check(&self) -> Result<(), CheckError> {
        match &self.0 {
            Held::Pair { public, pkcs8 } if Self::from_pkcs8_der(pkcs8)?.matches(public) => Ok(()),
            Held::Pair { .. } => Err(CheckError::Disagree),
            Held::Symmetric { k, .. } => Self::symmetric(k.clone()).map(drop),
        }
    }

    /// Takes DER that was checked before, and reads the public half out of it.
    pub(super) fn trusted(pkcs8: Zeroizing<Vec<u8>>) -> Result<Self, CheckError> {
        let public = Pkcs8View::read(&pkcs8)?.public_params()?;
        Ok(Self(Held::Pair { public, pkcs8 }))
    }
}

impl PartialEq for PrivateKey {
    fn eq(&self, other: &Self) -> bool {
        match (&self.0, &other.0) {
            (Held::Pair { public, .. }, Held::Pair { public: other, .. }) => public == other,
            (Held::Symmetric { k, .. }, Held::Symmetric { k: other, .. }) => oct_key::are_equal(k, other),
            (Held::Pair { .. }, Held::Symmetric { .. }) | (Held::Symmetric { .. }, Held::Pair { .. }) => false,
        }
    }
}

impl Eq for PrivateKey {}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PrivateKey({})", self.spec())
    }
}

/// Why no key was made.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum GenerateError {
    /// The size is none that is generated.
    #[error("RSA keys of {bits} bits are not generated: choose 2048, 3072, 4096 or 8192")]
    Size {
        /// The size asked for, in bits.
        bits: u16,
    },
    /// The operating system gave no randomness, or the library failed.
    #[error("making a {spec} key failed, most likely for want of randomness from the operating system: try again")]
    Failed {
        /// What was to be made.
        spec: KeySpec,
    },
    /// The key was made, but could not be read back.
    #[error("a new {spec} key could not be read back: this is a fault of Keyturn, please report it")]
    Unreadable {
        /// What was made.
        spec: KeySpec,
    },
}

/// Why something is no private key that can be used. No variant holds any part of a key.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum CheckError {
    /// There is no PEM block.
    #[error("this is not PEM: give a block that begins with -----BEGIN PRIVATE KEY-----")]
    NotPem,
    /// There is a PEM block of another kind.
    #[error("this PEM holds \"{label}\", not \"PRIVATE KEY\": convert it with openssl pkcs8 -topk8 -nocrypt")]
    WrongPem {
        /// The beginning of its label.
        label: String,
    },
    /// The octets are no PKCS#8, or no key inside it.
    #[error(
        "this is not unencrypted PKCS#8 of an RSA, EC, Ed25519, X25519 or ML-DSA key: export the key again, for example \
         with openssl pkcs8"
    )]
    NotPkcs8,
    /// The octets are no public key.
    #[error("this is no public key that can be used, or its point is not on its curve: export it again")]
    NotSpki,
    /// The public key is no point of its curve.
    #[error("the public key is no point of its curve: export it again")]
    NotOnCurve,
    /// The public key is one of the few points that give no security.
    #[error("the public key is a point of small order, which gives no security at all: use another key")]
    WeakPoint,
    /// The key is of a kind that is not supported.
    #[error("keys of type {oid} are not supported: use RSA, EC, Ed25519, X25519 or ML-DSA")]
    Unsupported {
        /// The object identifier of the key type.
        oid: ObjectIdentifier,
    },
    /// The key is on a curve that is not supported.
    #[error("this EC key is not on a curve that is supported: use P-256, P-384, P-521 or secp256k1")]
    UnsupportedCurve,
    /// The key spells its curve out.
    #[error(
        "this EC key spells out the parameters of its curve, and must name it (RFC 5480 section 2.1.1): convert it with openssl ec \
         -param_enc named_curve"
    )]
    ExplicitCurve,
    /// The symmetric key is too short, or absurdly long.
    #[error("the symmetric key has {octets} octets, but must have 16 to 1024: use another key")]
    SymmetricSize {
        /// How many octets were given.
        octets: usize,
    },
    /// A symmetric key was to be written as PEM.
    #[error("a symmetric key has no PEM form: write it as a JWK")]
    NoPem,
    /// The key is on one of the two larger curves of RFC 8410.
    #[error("Ed448 and X448 keys are not supported, since {NO_448}: use Ed25519 or X25519")]
    No448,
    /// The ML-DSA key is expanded.
    #[error(
        "this ML-DSA key has no seed, and a JWK must hold the seed (RFC 9964 section 4): export the key with its seed"
    )]
    NoSeed,
    /// The RSA key has more than two primes.
    #[error("RSA keys with more than two primes are not supported: use another key")]
    MultiPrime,
    /// Without its primes, an RSA key of so small an exponent is not recovered.
    #[error(
        "this RSA key has d but not p, q, dp, dq and qi, which can be recovered only where e is above 65536: export the key \
         with all its members"
    )]
    NoPrimes,
    /// The public half is out of range.
    #[error(transparent)]
    Params(#[from] ParamsError),
    /// The numbers of the key do not belong together.
    #[error("the numbers of this key do not belong together, so it is damaged or was mixed up: export it again")]
    Disagree,
    /// The key could not be written.
    #[error("the key could not be encoded: this is a fault of Keyturn, please report it")]
    Encode,
}

/// Why a key could not be written as a JWK.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ToJwkError {
    /// The JWK would not be valid.
    #[error(transparent)]
    Jwk(#[from] JwkError),
    /// The key cannot be read.
    #[error(transparent)]
    Check(#[from] CheckError),
}
