//! The encryption of openssl's older PEM files: `Proc-Type: 4,ENCRYPTED` with a `DEK-Info` header (RFC 1421), the key
//! derived by one round of MD5.

use aes::cipher::block_padding::Pkcs7;
use aes::cipher::{BlockCipherDecrypt, BlockModeDecrypt, KeyInit, KeyIvInit};
use md5::{Digest, Md5};
use zeroize::Zeroizing;

use super::ReadError;
use super::pem_blocks::Block;
use super::private::{Parsed, Reading};

/// Decrypts a block and reads the key in it.
pub(super) fn open(
    block: &Block<'_>,
    reading: &Reading<'_>,
    read: fn(&[u8]) -> Result<Parsed, ReadError>,
) -> Result<Parsed, ReadError> {
    const DAMAGED: ReadError = ReadError::Damaged { what: "the DEK-Info header" };
    let (cipher, iv) = block.dek_info.and_then(|header| header.split_once(',')).ok_or(DAMAGED)?;
    let iv = base16ct::mixed::decode_vec(iv.trim()).map_err(|_| DAMAGED)?;
    let decrypt = match cipher.trim() {
        "AES-128-CBC" => decrypt::<aes::Aes128Dec, 16>,
        "AES-192-CBC" => decrypt::<aes::Aes192Dec, 24>,
        "AES-256-CBC" => decrypt::<aes::Aes256Dec, 32>,
        "DES-EDE3-CBC" => decrypt::<des::TdesEde3, 24>,
        other => {
            let what = format!("PEM encrypted with {}", other.chars().take(24).collect::<String>());
            return Err(ReadError::unsupported(what, "write it anew with openssl pkcs8 -topk8 -v2 aes-256-cbc"));
        }
    };
    let plain = decrypt(&block.octets, &iv, reading.passphrase()?)?;
    match read(&plain) {
        // A wrong passphrase may by chance leave a valid padding, but no valid DER.
        Err(ReadError::Damaged { .. }) => Err(ReadError::WrongPassphrase),
        read => read,
    }
}

fn decrypt<C: BlockCipherDecrypt + KeyInit, const KEY_OCTETS: usize>(
    encrypted: &[u8],
    iv: &[u8],
    passphrase: &str,
) -> Result<Zeroizing<Vec<u8>>, ReadError> {
    let salt = iv.get(..8).ok_or(ReadError::Damaged { what: "the DEK-Info header" })?;
    let key = bytes_to_key::<KEY_OCTETS>(passphrase, salt);
    let mut buffer = Zeroizing::new(encrypted.to_vec());
    let length = cbc::Decryptor::<C>::new_from_slices(&key, iv)
        .map_err(|_| ReadError::Damaged { what: "the DEK-Info header" })?
        .decrypt_padded::<Pkcs7>(&mut buffer)
        .map_err(|_| ReadError::WrongPassphrase)?
        .len();
    buffer.truncate(length);
    Ok(buffer)
}

/// openssl's `EVP_BytesToKey` with MD5 and one round: each block is the digest of the one before, the passphrase and
/// the salt.
fn bytes_to_key<const OCTETS: usize>(passphrase: &str, salt: &[u8]) -> Zeroizing<Vec<u8>> {
    const DIGEST_OCTETS: usize = 16;
    let mut key = Zeroizing::new(Vec::with_capacity(OCTETS + DIGEST_OCTETS));
    let mut block = Zeroizing::new(Vec::with_capacity(DIGEST_OCTETS));
    while key.len() < OCTETS {
        let digest = Md5::new().chain_update(&block).chain_update(passphrase).chain_update(salt).finalize();
        block.clear();
        block.extend_from_slice(&digest);
        key.extend_from_slice(&digest);
    }
    key.truncate(OCTETS);
    key
}
