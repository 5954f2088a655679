//! Reading the keys that people have, whatever program wrote them.
//!
//! [`private_keys`] takes PEM, DER, JSON and PKCS#12, with and without a passphrase, and finds out by itself which it
//! is; [`public_keys`] does the same for public keys and certificates. Both are made for hostile input: they are
//! bounded in size and in the time that deriving keys from a passphrase may take, and never panic.

mod dek_info;
use zeroize::Zeroizing;

mod der;
mod error;
#[cfg(test)]
mod hostile;
mod json;
mod openssh;
mod pem_blocks;
mod pkcs12;
mod private;
mod public;

pub use error::ReadError;
pub use private::{FoundCertificate, FoundKey, PrivateContents, own_private_keys, private_contents, private_keys};
pub use public::{FoundPublic, PublicContents, public_keys};

/// The largest input that is read, in octets: 1 MiB.
pub const MAX_OCTETS: usize = 1 << 20;

/// One part of a file that holds no key that can be used, while the other parts may.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// Where it is, such as `block 2` or `keys[1]`.
    pub place: String,
    /// Its kid, alias or comment, if it has one.
    pub name: Option<String>,
    /// What it was written as, such as `PKCS#1 PEM`.
    pub format: &'static str,
    /// Why, and what to do.
    pub error: ReadError,
}

impl std::fmt::Display for Refused {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.name {
            Some(name) => write!(f, "{} ({name}): {}", self.place, self.error),
            None => write!(f, "{}: {}", self.place, self.error),
        }
    }
}

/// What sort of file these octets are, by their beginning.
enum Kind<'a> {
    Pem(Zeroizing<String>),
    Json(&'a [u8]),
    Der(&'a [u8]),
    /// Lines as in `id_ed25519.pub` and `authorized_keys`.
    OpenSsh(Zeroizing<String>),
}

impl<'a> Kind<'a> {
    fn of(octets: &'a [u8]) -> Result<Self, ReadError> {
        if octets.len() > MAX_OCTETS {
            return Err(ReadError::TooLarge);
        }
        if octets.trim_ascii().is_empty() {
            return Err(ReadError::Empty);
        }
        match octets {
            [0xfe, 0xed, 0xfe, 0xed, ..] | [0xce, 0xce, 0xce, 0xce, ..] => Err(ReadError::unsupported(
                "a Java keystore of type JKS or JCEKS",
                "convert it with keytool -importkeystore -deststoretype pkcs12",
            )),
            [0x30, 0x80, ..] => {
                Err(ReadError::unsupported("BER of indefinite length", "write it anew with openssl, which writes DER"))
            }
            [0x30, ..] => Ok(Self::Der(octets)),
            _ => {
                let text = octets.strip_prefix(b"\xef\xbb\xbf").unwrap_or(octets).trim_ascii_start();
                if text.starts_with(b"{") {
                    return Ok(Self::Json(text));
                }
                if text.strip_prefix(b"[").is_some_and(|rest| rest.trim_ascii_start().starts_with(b"{")) {
                    return Err(ReadError::unsupported(
                        "a bare array of JWKs",
                        "write it as a JWK Set, {\"keys\": […]}",
                    ));
                }
                let text = as_text(text);
                if text.contains("-----BEGIN ") {
                    Ok(Self::Pem(text))
                } else if openssh::public_lines(&text).any(|(_, line)| openssh::is_public(line)) {
                    Ok(Self::OpenSsh(text))
                } else {
                    Err(ReadError::Unrecognised)
                }
            }
        }
    }
}

/// PEM is ASCII, but openssl prints names between the blocks in Latin-1: what is no UTF-8 turns into question marks.
fn as_text(octets: &[u8]) -> Zeroizing<String> {
    if let Ok(text) = str::from_utf8(octets) {
        return Zeroizing::new(text.to_owned());
    }
    let mut text = Zeroizing::new(String::with_capacity(octets.len()));
    text.extend(octets.iter().map(|octet| if octet.is_ascii() { char::from(*octet) } else { '?' }));
    text
}
