//! RSA keys: `aws-lc-rs` makes them, `rsa` checks them.

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rsa::{KeyPair, KeySize};
use pkcs8::EncodePrivateKey;
use rsa::pkcs1::{self, UintRef};
use rsa::{BoxedUint, RsaPrivateKey};
use zeroize::Zeroizing;

use crate::jose::{KeySpec, PublicParams, RsaPrivateParams, RsaPublic, SecretBase64Url};

use super::pkcs8_view::Pkcs8View;
use super::{CheckError, GenerateError};

/// A new key as PKCS#8 DER. The library has checked it already.
pub(super) fn generate(bits: u16) -> Result<Zeroizing<Vec<u8>>, GenerateError> {
    let size = match bits {
        2048 => KeySize::Rsa2048,
        3072 => KeySize::Rsa3072,
        4096 => KeySize::Rsa4096,
        8192 => KeySize::Rsa8192,
        bits => return Err(GenerateError::Size { bits }),
    };
    let failed = |_| GenerateError::Failed { spec: KeySpec::Rsa { bits } };
    let key = KeyPair::generate(size).map_err(failed)?;
    let der: Pkcs8V1Der<'_> = key.as_der().map_err(failed)?;
    Ok(Zeroizing::new(der.as_ref().to_vec()))
}

/// The key as PKCS#8 DER, once all its members are known to agree.
///
/// `rsa` checks that n = p·q, d < n and d·e ≡ 1 modulo p − 1 and q − 1. It works out the other members anew, so these
/// are compared with the ones given.
pub(super) fn canonical(given: &RsaView<'_>) -> Result<Zeroizing<Vec<u8>>, CheckError> {
    // First the sizes, so that nobody makes us compute with huge numbers.
    PublicParams::rsa(given.modulus.as_bytes(), given.public_exponent.as_bytes())?;
    let key = RsaPrivateKey::try_from(given.clone()).map_err(|_| CheckError::Disagree)?;
    let der = key.to_pkcs8_der().map_err(|_| CheckError::Encode)?.to_bytes();
    let Pkcs8View::Rsa(derived) = Pkcs8View::read(&der)? else {
        return Err(CheckError::Encode);
    };
    let agree = given.exponent1 == derived.exponent1
        && given.exponent2 == derived.exponent2
        && given.coefficient == derived.coefficient;
    if agree { Ok(der) } else { Err(CheckError::Disagree) }
}

/// Joins the two halves of a key, checks it, and writes it as PKCS#8 DER.
pub(super) fn from_params(public: &RsaPublic, private: &RsaPrivateParams) -> Result<Zeroizing<Vec<u8>>, CheckError> {
    canonical(&RsaView {
        modulus: number(public.n().octets())?,
        public_exponent: number(public.e().octets())?,
        private_exponent: secret_number(&private.d)?,
        prime1: secret_number(&private.p)?,
        prime2: secret_number(&private.q)?,
        exponent1: secret_number(&private.dp)?,
        exponent2: secret_number(&private.dq)?,
        coefficient: secret_number(&private.qi)?,
        other_prime_infos: None,
    })
}

/// The same of a key that has its private exponent alone: `rsa` recovers the primes (NIST SP 800-56B revision 2,
/// appendix C.2), checks them, and works out the rest.
pub(super) fn from_exponent(public: &RsaPublic, d: &SecretBase64Url) -> Result<Zeroizing<Vec<u8>>, CheckError> {
    let (n, e, d) = (number(public.n().octets())?, number(public.e().octets())?, secret_number(d)?);
    if e.as_bytes().len() < 3 {
        return Err(CheckError::NoPrimes);
    }
    // The recovery takes a product with d for positive.
    if d.as_bytes().iter().all(|octet| *octet == 0) {
        return Err(CheckError::Disagree);
    }
    let [n, e, d] = [(n, n), (e, e), (d, n)].map(|(number, room)| sized(number, room));
    let key = RsaPrivateKey::from_components(n?, e?, d?, Vec::new()).map_err(|_| CheckError::Disagree)?;
    Ok(key.to_pkcs8_der().map_err(|_| CheckError::Encode)?.to_bytes())
}

/// A number, with as much room as another one has.
fn sized(number: UintRef<'_>, room: UintRef<'_>) -> Result<BoxedUint, CheckError> {
    let bits = u32::try_from(room.as_bytes().len().saturating_mul(8)).map_err(|_| CheckError::Disagree)?;
    BoxedUint::from_be_slice(number.as_bytes(), bits).map_err(|_| CheckError::Disagree)
}

/// `RSAPrivateKey` (RFC 8017 appendix A.1.2), its numbers borrowed and not checked.
pub(super) type RsaView<'a> = pkcs1::RsaPrivateKey<UintRef<'a>>;

fn secret_number(octets: &SecretBase64Url) -> Result<UintRef<'_>, CheckError> {
    number(octets.octets())
}

fn number(octets: &[u8]) -> Result<UintRef<'_>, CheckError> {
    UintRef::new(octets).map_err(|_| CheckError::Disagree)
}
