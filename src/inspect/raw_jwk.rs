//! The members of a JWK as they stand in the file, also those for which it is refused.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use base64ct::{Base64UrlUnpadded, Encoding};
use serde::de::{DeserializeOwned, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use crate::jose::{Base64Url, SecretBase64Url};

/// The members that no public JWK has.
const PRIVATE: [&str; 9] = ["d", "p", "q", "dp", "dq", "qi", "oth", "k", "priv"];

/// The members of one JWK, borrowed from the text, so that no private one is copied.
#[derive(Default)]
pub(super) struct RawJwk<'a> {
    members: BTreeMap<String, &'a RawValue>,
    repeated: BTreeSet<String>,
}

impl<'de: 'a, 'a> Deserialize<'de> for RawJwk<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Members)
    }
}

struct Members;

impl<'de> Visitor<'de> for Members {
    type Value = RawJwk<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JWK")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<RawJwk<'de>, A::Error> {
        let mut jwk = RawJwk::default();
        while let Some((member, value)) = map.next_entry::<String, &RawValue>()? {
            if jwk.members.insert(member.clone(), value).is_some() {
                jwk.repeated.insert(member);
            }
        }
        Ok(jwk)
    }
}

/// Public octets, however they were written.
pub(super) enum Octets {
    /// As RFC 7515 section 2 says.
    Exact(Vec<u8>),
    /// As base64, or with padding.
    Sloppy(Vec<u8>),
    /// Not at all.
    Unreadable,
}

impl Octets {
    pub(super) fn get(&self) -> Option<&[u8]> {
        match self {
            Self::Exact(octets) | Self::Sloppy(octets) => Some(octets),
            Self::Unreadable => None,
        }
    }
}

impl<'a> RawJwk<'a> {
    /// What is no object has no members.
    pub(super) fn read(text: &'a str) -> Self {
        serde_json::from_str(text).unwrap_or_default()
    }

    pub(super) fn has(&self, member: &str) -> bool {
        self.members.contains_key(member)
    }

    /// The members that are there more than once.
    pub(super) fn repeated(&self) -> impl Iterator<Item = &str> {
        self.repeated.iter().map(String::as_str)
    }

    pub(super) fn has_private(&self) -> bool {
        PRIVATE.iter().any(|member| self.has(member))
    }

    /// A public member, if it is there and of that type.
    pub(super) fn get<T: DeserializeOwned>(&self, member: &str) -> Option<T> {
        serde_json::from_str(self.members.get(member)?.get()).ok()
    }

    /// A public member that holds octets.
    pub(super) fn octets(&self, member: &str) -> Option<Octets> {
        if !self.has(member) {
            return None;
        }
        if let Some(exact) = self.get::<Base64Url>(member) {
            return Some(Octets::Exact(exact.octets().to_vec()));
        }
        let text = self.get::<String>(member).unwrap_or_default();
        let text = text.trim_end_matches('=').replace('+', "-").replace('/', "_");
        let octets = Base64UrlUnpadded::decode_vec(&text).ok().filter(|octets| !octets.is_empty());
        Some(octets.map_or(Octets::Unreadable, Octets::Sloppy))
    }

    /// The secret octets of a private member.
    pub(super) fn secret(&self, member: &str) -> Option<SecretBase64Url> {
        self.get(member)
    }
}
