//! Signatures of Ed25519 and ML-DSA keys on the certificates that they sign for themselves: `aws-lc-rs` makes them.

use aws_lc_rs::signature::{Ed25519KeyPair, PqdsaKeyPair};
use pkcs8::der::asn1::BitString;
use pkcs8::der::{self, Decode, Document};
use pkcs8::spki::{self, AlgorithmIdentifierOwned, DynSignatureAlgorithmIdentifier, EncodePublicKey};
use pkcs8::spki::{SignatureBitStringEncoding, SubjectPublicKeyInfoOwned};
use rsa::signature::{Error, Keypair, Signer};

use super::seed_key::{SeedKind, signing};
use crate::jose::OkpCurve;

/// A key that signs, with its public half.
pub(super) struct SeedSigner {
    pair: Pair,
    public: Spki,
}

enum Pair {
    Ed25519(Ed25519KeyPair),
    MlDsa(PqdsaKeyPair),
}

impl SeedSigner {
    /// Takes canonical PKCS#8 DER and the public half as `SubjectPublicKeyInfo`; `None` if the key cannot sign, as
    /// X25519 cannot.
    pub(super) fn new(kind: SeedKind, pkcs8: &[u8], spki: Vec<u8>) -> Option<Self> {
        let pair = match kind {
            SeedKind::Okp(OkpCurve::Ed25519) => Pair::Ed25519(Ed25519KeyPair::from_pkcs8_maybe_unchecked(pkcs8).ok()?),
            SeedKind::Okp(OkpCurve::X25519) => return None,
            SeedKind::Akp(set) => Pair::MlDsa(PqdsaKeyPair::from_pkcs8(signing(set), pkcs8).ok()?),
        };
        Some(Self { pair, public: Spki(spki) })
    }
}

impl Signer<Octets> for SeedSigner {
    fn try_sign(&self, message: &[u8]) -> Result<Octets, Error> {
        match &self.pair {
            Pair::Ed25519(pair) => Ok(Octets(pair.sign(message).as_ref().to_vec())),
            Pair::MlDsa(pair) => {
                let mut signature = vec![0; pair.algorithm().signature_len()];
                let length = pair.sign(message, &mut signature).map_err(|_| Error::new())?;
                signature.truncate(length);
                Ok(Octets(signature))
            }
        }
    }
}

impl Keypair for SeedSigner {
    type VerifyingKey = Spki;

    fn verifying_key(&self) -> Spki {
        self.public.clone()
    }
}

/// The identifier of these signatures is that of their keys (RFC 8410 section 3, RFC 9881 section 2).
impl DynSignatureAlgorithmIdentifier for SeedSigner {
    fn signature_algorithm_identifier(&self) -> spki::Result<AlgorithmIdentifierOwned> {
        Ok(SubjectPublicKeyInfoOwned::from_der(&self.public.0)?.algorithm)
    }
}

/// `SubjectPublicKeyInfo` DER.
#[derive(Clone)]
pub(super) struct Spki(Vec<u8>);

impl EncodePublicKey for Spki {
    fn to_public_key_der(&self) -> spki::Result<Document> {
        Ok(Document::try_from(self.0.as_slice())?)
    }
}

/// The octets of a signature.
pub(super) struct Octets(Vec<u8>);

impl SignatureBitStringEncoding for Octets {
    fn to_bitstring(&self) -> der::Result<BitString> {
        BitString::from_bytes(&self.0)
    }
}
