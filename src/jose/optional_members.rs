//! What a JWK may say beside the key: its operations, certificates and times.

use serde::ser::SerializeMap;

use super::{Algorithm, Base64Url, KeyKind, OkpCurve, Use};

/// Which half of a key a JWK holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Half {
    /// The public half.
    Public,
    /// The private half with the public one, or a symmetric key.
    Private,
}

/// Members that a JWK may have beside those that make the key, all public. None is there by default.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct OptionalMembers {
    /// Write `key_ops` (RFC 7517 section 4.3), as it follows from the algorithm and from which half it is.
    pub key_ops: bool,
    /// `key_ops_type`: Janssen's word for what a key is for, `connect` or `ssa`.
    pub key_ops_type: Vec<String>,
    /// `x5c` (RFC 7517 section 4.7): certificates in base64, the key's own first.
    pub x5c: Vec<String>,
    /// `x5t#S256` (RFC 7517 section 4.9): the SHA-256 digest of the key's certificate.
    pub x5t_s256: Option<Base64Url>,
    /// `iat`: when the key was made, in seconds since 1970.
    pub iat: Option<i64>,
    /// `nbf`: since when the key may be used, in seconds since 1970.
    pub nbf: Option<i64>,
    /// `exp`: until when the key may be used, since 1970, in the unit that its readers expect.
    pub exp: Option<i64>,
}

impl OptionalMembers {
    pub(super) fn write_members<M: SerializeMap>(
        &self,
        map: &mut M,
        alg: Algorithm,
        kind: KeyKind,
        half: Half,
    ) -> Result<(), M::Error> {
        let Self { key_ops, key_ops_type, x5c, x5t_s256, iat, nbf, exp } = self;
        if *key_ops && let Some(operations) = operations(alg, kind, half) {
            map.serialize_entry("key_ops", operations)?;
        }
        if !key_ops_type.is_empty() {
            map.serialize_entry("key_ops_type", key_ops_type)?;
        }
        if !x5c.is_empty() {
            map.serialize_entry("x5c", x5c)?;
        }
        if let Some(digest) = x5t_s256 {
            map.serialize_entry("x5t#S256", digest)?;
        }
        for (name, time) in [("iat", iat), ("nbf", nbf), ("exp", exp)] {
            if let Some(time) = time {
                map.serialize_entry(name, time)?;
            }
        }
        Ok(())
    }
}

/// The operations of RFC 7517 section 4.3 that a half of a key is for. `None` for the public half of a key agreement,
/// which by itself does nothing.
///
/// Key transport has both names for each direction: some libraries unwrap a content key, others decrypt it.
const fn operations(alg: Algorithm, kind: KeyKind, half: Half) -> Option<&'static [&'static str]> {
    match (alg.usage(), kind, half) {
        (Use::Sig, KeyKind::Oct(_), _) => Some(&["sign", "verify"]),
        (Use::Sig, _, Half::Private) => Some(&["sign"]),
        (Use::Sig, _, Half::Public) => Some(&["verify"]),
        (Use::Enc, KeyKind::Oct(_), _) => Some(&["encrypt", "decrypt", "wrapKey", "unwrapKey"]),
        (Use::Enc, KeyKind::Ec(_) | KeyKind::Okp(OkpCurve::X25519), Half::Private) => {
            Some(&["deriveKey", "deriveBits"])
        }
        (Use::Enc, KeyKind::Ec(_) | KeyKind::Okp(OkpCurve::X25519), Half::Public) => None,
        (Use::Enc, _, Half::Private) => Some(&["decrypt", "unwrapKey"]),
        (Use::Enc, _, Half::Public) => Some(&["encrypt", "wrapKey"]),
    }
}
