//! Encryption under a passphrase, as PKCS#8 and PKCS#12 share it: PBES2 (RFC 8018 section 6.2), and the older schemes of
//! PKCS#12 (RFC 7292 appendix C).

use aes::cipher::block_padding::Pkcs7;
use aes::cipher::{BlockCipherDecrypt, BlockCipherEncrypt, BlockModeDecrypt, BlockModeEncrypt, KeyInit, KeyIvInit};
use pkcs5::pbes2::{self, Kdf, Pbkdf2Prf};
use pkcs8::ObjectIdentifier;
use pkcs8::der::asn1::OctetStringRef;
use pkcs8::der::{self, Any, Decode, Encode};
use pkcs8::spki::AlgorithmIdentifierOwned;
use pkcs12::kdf::{Pkcs12KeyType, derive_key_utf8};
use pkcs12::pbe_params::{Pbes2Params, Pkcs12PbeParams};
use sha1::Sha1;
use zeroize::Zeroizing;

use super::EncodeError;
use super::randomness::draw;
use super::read::ReadError;

/// How to encrypt.
#[derive(Clone, Copy, Debug)]
pub(super) enum Recipe {
    /// PBES2: AES-256-CBC, PBKDF2 with HMAC-SHA-256.
    Aes256 { iterations: u32 },
    /// `pbeWithSHAAnd3-KeyTripleDES-CBC` of PKCS#12, for readers that know nothing newer.
    TripleDes { iterations: u32 },
}

/// How much stretching of passphrases one reading may still cost, in hashes: some seconds, whatever a file asks for.
#[derive(Debug)]
pub(super) struct Work {
    left: u64,
}

impl Work {
    /// Twice what Java permits a single key, and enough for a keystore of a dozen keys as strong as ours.
    const HASHES: u64 = 10_000_000;
    /// The most memory that scrypt may take, in octets: openssl itself stops at 32 MiB by default.
    const SCRYPT_OCTETS: u64 = 64 << 20;

    /// Keystores of our own may hold all keys of a set, each under Triple DES: 32 lines of ten keys, three digests each.
    const OWN_HASHES: u64 = 100_000_000;

    pub(super) fn new() -> Self {
        Self { left: Self::HASHES }
    }

    /// For a file that we wrote ourselves.
    pub(super) fn for_own_files() -> Self {
        Self { left: Self::OWN_HASHES }
    }

    /// Takes this much of what is left.
    pub(super) fn spend(&mut self, hashes: u64) -> Result<(), ReadError> {
        self.left = self.left.checked_sub(hashes).ok_or(ReadError::TooCostly)?;
        Ok(())
    }

    /// PKCS#12's own function and PBKDF2 hash once an iteration for each block of what they derive.
    pub(super) fn spend_on_octets(&mut self, iterations: u64, wanted: usize, hash: usize) -> Result<(), ReadError> {
        let blocks = u64::try_from(wanted.div_ceil(hash)).unwrap_or(u64::MAX);
        self.spend(iterations.saturating_mul(blocks))
    }

    fn spend_on_kdf(&mut self, parameters: &pbes2::Parameters) -> Result<(), ReadError> {
        match &parameters.kdf {
            Kdf::Pbkdf2(pbkdf2) => {
                let hash = match pbkdf2.prf {
                    Pbkdf2Prf::HmacWithSha1 => 20,
                    Pbkdf2Prf::HmacWithSha224 => 28,
                    _ => 32,
                };
                self.spend_on_octets(u64::from(pbkdf2.iteration_count), parameters.encryption.key_size(), hash)
            }
            Kdf::Scrypt(scrypt) => {
                let blocks = scrypt.cost_parameter.saturating_mul(u64::from(scrypt.block_size));
                if blocks.saturating_mul(128) > Self::SCRYPT_OCTETS {
                    return Err(ReadError::TooCostly);
                }
                self.spend(blocks.saturating_mul(4).saturating_mul(u64::from(scrypt.parallelization)))
            }
            _ => Err(ReadError::unsupported("this way to derive a key from a passphrase", RECIPE)),
        }
    }
}

const RECIPE: &str = "write it anew with openssl pkcs8 -topk8 -v2 aes-256-cbc, or openssl pkcs12 -export";

/// Encrypts, with a new salt.
pub(super) fn encrypt(
    recipe: Recipe,
    plain: &[u8],
    passphrase: &str,
) -> Result<(AlgorithmIdentifierOwned, Vec<u8>), EncodeError> {
    if passphrase.is_empty() {
        return Err(EncodeError::EmptyPassphrase);
    }
    match recipe {
        Recipe::Aes256 { iterations } => {
            let parameters =
                pbes2::Parameters::generate_pbkdf2_sha256_aes256cbc(iterations, &draw::<16>()?, draw::<16>()?)
                    .map_err(|_| EncodeError::Fault)?;
            let mut buffer = room_for_padding(plain);
            let length = parameters
                .encrypt_in_place(passphrase, &mut buffer, plain.len())
                .map_err(|_| EncodeError::Fault)?
                .len();
            let algorithm = identifier(pbes2::PBES2_OID, &parameters).map_err(|_| EncodeError::Fault)?;
            Ok((algorithm, buffer.get(..length).ok_or(EncodeError::Fault)?.to_vec()))
        }
        Recipe::TripleDes { iterations } => {
            let salt = draw::<16>()?;
            let iterations = i32::try_from(iterations).map_err(|_| EncodeError::Fault)?;
            let key = derive(passphrase, &salt, iterations, 24).map_err(|_| PASSPHRASE)?;
            let mut buffer = room_for_padding(plain);
            let length = cbc::Encryptor::<des::TdesEde3>::new_from_slices(&key.key, &key.iv)
                .map_err(|_| EncodeError::Fault)?
                .encrypt_padded::<Pkcs7>(&mut buffer, plain.len())
                .map_err(|_| EncodeError::Fault)?
                .len();
            let algorithm = OctetStringRef::new(&salt)
                .map(|salt| Pkcs12PbeParams { salt: salt.into(), iterations })
                .and_then(|parameters| identifier(pkcs12::PKCS_12_PBE_WITH_SHAAND3_KEY_TRIPLE_DES_CBC, &parameters))
                .map_err(|_| EncodeError::Fault)?;
            Ok((algorithm, buffer.get(..length).ok_or(EncodeError::Fault)?.to_vec()))
        }
    }
}

const PASSPHRASE: EncodeError = EncodeError::Characters { what: "the passphrase" };

/// Decrypts what any usual program encrypted.
pub(super) fn decrypt(
    algorithm: &AlgorithmIdentifierOwned,
    encrypted: &[u8],
    passphrase: &str,
    work: &mut Work,
) -> Result<Zeroizing<Vec<u8>>, ReadError> {
    let parameters = algorithm.parameters.as_ref().ok_or(DAMAGED)?.to_der().map_err(|_| DAMAGED)?;
    let mut buffer = Zeroizing::new(encrypted.to_vec());
    match algorithm.oid {
        pbes2::PBES2_OID => {
            let parameters = pbes2_parameters(&parameters)?;
            work.spend_on_kdf(&parameters)?;
            let length = match parameters.decrypt_in_place(passphrase, &mut buffer) {
                Ok(plain) => plain.len(),
                Err(pkcs5::Error::DecryptFailed) => return Err(ReadError::WrongPassphrase),
                Err(_) => return Err(DAMAGED),
            };
            buffer.truncate(length);
        }
        pkcs12::PKCS_12_PBE_WITH_SHAAND3_KEY_TRIPLE_DES_CBC => {
            decrypt_pkcs12::<des::TdesEde3>(&parameters, 24, passphrase, work, &mut buffer)?;
        }
        pkcs12::PKCS_12_PBE_WITH_SHAAND2_KEY_TRIPLE_DES_CBC => {
            decrypt_pkcs12::<des::TdesEde2>(&parameters, 16, passphrase, work, &mut buffer)?;
        }
        pkcs12::PKCS_12_PBE_WITH_SHAAND128_BIT_RC2_CBC => {
            decrypt_pkcs12::<rc2::Rc2>(&parameters, 16, passphrase, work, &mut buffer)?;
        }
        pkcs12::PKCS_12_PBEWITH_SHAAND40_BIT_RC2_CBC => {
            decrypt_pkcs12::<rc2::Rc2>(&parameters, 5, passphrase, work, &mut buffer)?;
        }
        oid => return Err(ReadError::unsupported(format!("encryption of type {oid}"), RECIPE)),
    }
    Ok(buffer)
}

/// Reads `PBES2-params`. The library would panic at an initialization vector that is too short for Triple DES.
fn pbes2_parameters(der: &[u8]) -> Result<pbes2::Parameters, ReadError> {
    let outer = Pbes2Params::from_der(der).map_err(|_| DAMAGED)?;
    if outer.encryption.oid == pbes2::DES_EDE3_CBC_OID {
        let iv = outer.encryption.parameters.as_ref().ok_or(DAMAGED)?;
        if iv.value().len() != 8 {
            return Err(DAMAGED);
        }
    }
    pbes2::Parameters::from_der(der).map_err(|error| match error.kind() {
        der::ErrorKind::OidUnknown { oid } => ReadError::unsupported(format!("encryption with {oid}"), RECIPE),
        _ => DAMAGED,
    })
}

fn decrypt_pkcs12<C: BlockCipherEncrypt + BlockCipherDecrypt + KeyInit>(
    parameters: &[u8],
    key_octets: usize,
    passphrase: &str,
    work: &mut Work,
    buffer: &mut Zeroizing<Vec<u8>>,
) -> Result<(), ReadError> {
    let parameters = Pkcs12PbeParams::from_der(parameters).map_err(|_| DAMAGED)?;
    let iterations = u64::try_from(parameters.iterations).map_err(|_| DAMAGED)?;
    work.spend_on_octets(iterations, key_octets, 20)?;
    work.spend(iterations)?;
    let key = derive(passphrase, parameters.salt.as_bytes(), parameters.iterations, key_octets)
        .map_err(|_| ReadError::WrongPassphrase)?;
    let length = cbc::Decryptor::<C>::new_from_slices(&key.key, &key.iv)
        .map_err(|_| DAMAGED)?
        .decrypt_padded::<Pkcs7>(buffer)
        .map_err(|_| ReadError::WrongPassphrase)?
        .len();
    buffer.truncate(length);
    Ok(())
}

struct DerivedKey {
    key: Zeroizing<Vec<u8>>,
    iv: Zeroizing<Vec<u8>>,
}

/// Key and initialization vector as RFC 7292 appendix B derives them. It fails only if the passphrase has characters
/// outside of the Basic Multilingual Plane.
fn derive(passphrase: &str, salt: &[u8], iterations: i32, key_octets: usize) -> der::Result<DerivedKey> {
    let derive =
        |purpose, octets| derive_key_utf8::<Sha1>(passphrase, salt, purpose, iterations, octets).map(Zeroizing::new);
    Ok(DerivedKey { key: derive(Pkcs12KeyType::EncryptionKey, key_octets)?, iv: derive(Pkcs12KeyType::Iv, 8)? })
}

const DAMAGED: ReadError = ReadError::Damaged { what: "the encryption around the key" };

fn identifier(oid: ObjectIdentifier, parameters: &impl Encode) -> der::Result<AlgorithmIdentifierOwned> {
    Ok(AlgorithmIdentifierOwned { oid, parameters: Some(Any::from_der(&parameters.to_der()?)?) })
}

/// A copy with one block more, for the padding.
fn room_for_padding(plain: &[u8]) -> Zeroizing<Vec<u8>> {
    const BLOCK: usize = 16;
    let mut buffer = Zeroizing::new(Vec::with_capacity(plain.len() + BLOCK));
    buffer.extend_from_slice(plain);
    buffer.extend_from_slice(&[0; BLOCK]);
    buffer
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_small_stretchings_are_as_bad_as_a_big_one() {
        let mut work = Work::new();
        for _ in 0..5 {
            work.spend_on_octets(1_000_000, 32, 20).unwrap();
        }
        assert_eq!(work.spend(1), Err(ReadError::TooCostly));
        assert_eq!(Work::new().spend_on_octets(u64::MAX, 32, 20), Err(ReadError::TooCostly));
    }

    #[test]
    fn what_is_encrypted_is_decrypted_by_the_same_passphrase_only() {
        for recipe in [Recipe::Aes256 { iterations: 2 }, Recipe::TripleDes { iterations: 2 }] {
            for plain in [&b""[..], b"1234567", b"12345678", b"123456789abcdef0"] {
                let (algorithm, encrypted) = encrypt(recipe, plain, "sesame").unwrap();
                assert_eq!(*decrypt(&algorithm, &encrypted, "sesame", &mut Work::new()).unwrap(), plain);
                let other = decrypt(&algorithm, &encrypted, "Sesame", &mut Work::new());
                assert!(other.is_err() || *other.unwrap() != plain);
                assert_ne!(encrypt(recipe, plain, "sesame").unwrap().1, encrypted, "salts are new each time");
            }
            assert_eq!(encrypt(recipe, b"", "").unwrap_err(), EncodeError::EmptyPassphrase);
        }
        let astral = encrypt(Recipe::TripleDes { iterations: 2 }, b"", "\u{1f511}").unwrap_err();
        assert_eq!(astral, PASSPHRASE);
    }
}
