//! A key as its signers get it.

use std::fmt;

use serde::ser::SerializeMap;
use serde::{Deserialize, Serialize, Serializer};
use zeroize::Zeroizing;

use super::members::Members;
use super::optional_members::{Half, OptionalMembers};
use super::{
    Algorithm, JwkError, KeySpec, OkpCurve, ParameterSet, ParamsError, PublicJwk, PublicParams, SecretBase64Url,
    private_json, public_jwk,
};

/// A public JWK together with its private members, or a symmetric key, which has no public half. What is private is
/// wiped when it is dropped.
///
/// `Debug` shows the `kid` only. What [`Serialize`] writes is the serializer's to protect: prefer
/// [`to_json`](Self::to_json), whose buffer is wiped as well. Read one with `serde_json::from_str` or `from_slice`:
/// these decode the private members straight from the input.
#[derive(Clone, Deserialize)]
#[serde(try_from = "Members<SecretBase64Url>")]
pub struct PrivateJwk(Content);

#[derive(Clone)]
enum Content {
    Pair { public: PublicJwk, private: PrivateParams },
    Symmetric { kid: String, alg: Algorithm, k: SecretBase64Url, optional: OptionalMembers },
}

/// What a private JWK says of the key itself.
#[derive(Clone, Copy, Debug)]
pub enum KeyMaterial<'a> {
    /// The two halves of a key pair.
    Pair(&'a PublicParams, &'a PrivateParams),
    /// The octets of a symmetric key (RFC 7518 section 6.4.1).
    Symmetric(&'a SecretBase64Url),
}

impl PrivateJwk {
    /// Joins the two halves. Whether they belong to each other is checked by `PrivateKey::from_jwk` in `material`.
    ///
    /// # Errors
    /// If the halves are of different kinds, or the private key does not have exactly the length that its kind needs.
    pub fn new(public: PublicJwk, private: PrivateParams) -> Result<Self, JwkError> {
        private.check_shape(public.params())?;
        Ok(Self(Content::Pair { public, private }))
    }

    /// A symmetric key (`kty` `oct`).
    ///
    /// # Errors
    /// If `alg` takes another kind of key or one of another size, or `kid` is empty.
    pub fn symmetric(kid: impl Into<String>, alg: Algorithm, k: SecretBase64Url) -> Result<Self, JwkError> {
        let kid = kid.into();
        if kid.is_empty() {
            return Err(JwkError::NoKid);
        }
        let given = KeySpec::of_octets(k.octets()).ok_or(JwkError::SymmetricSize { octets: k.octets().len() })?;
        if !alg.takes(given) {
            return Err(JwkError::WrongKey { alg, given });
        }
        Ok(Self(Content::Symmetric { kid, alg, k, optional: OptionalMembers::default() }))
    }

    /// The same key with these members beside those that make it.
    #[must_use]
    pub fn with(self, optional: OptionalMembers) -> Self {
        Self(match self.0 {
            Content::Pair { public, private } => Content::Pair { public: public.with(optional), private },
            Content::Symmetric { kid, alg, k, optional: _ } => Content::Symmetric { kid, alg, k, optional },
        })
    }

    /// The key ID.
    #[must_use]
    pub fn kid(&self) -> &str {
        match &self.0 {
            Content::Pair { public, .. } => public.kid(),
            Content::Symmetric { kid, .. } => kid,
        }
    }

    /// The algorithm.
    #[must_use]
    pub const fn alg(&self) -> Algorithm {
        match &self.0 {
            Content::Pair { public, .. } => public.alg(),
            Content::Symmetric { alg, .. } => *alg,
        }
    }

    /// The public half; a symmetric key has none.
    #[must_use]
    pub const fn public(&self) -> Option<&PublicJwk> {
        match &self.0 {
            Content::Pair { public, .. } => Some(public),
            Content::Symmetric { .. } => None,
        }
    }

    /// The key itself.
    #[must_use]
    pub const fn material(&self) -> KeyMaterial<'_> {
        match &self.0 {
            Content::Pair { public, private } => KeyMaterial::Pair(public.params(), private),
            Content::Symmetric { k, .. } => KeyMaterial::Symmetric(k),
        }
    }

    /// One line of compact JSON, in a buffer that is wiped when dropped.
    ///
    /// # Errors
    /// None that is known: `serde_json` can refuse to write only what is not in a JWK.
    pub fn to_json(&self) -> Result<Zeroizing<String>, serde_json::Error> {
        private_json::private_json_text(self)
    }
}

impl fmt::Debug for PrivateJwk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PrivateJwk").field("kid", &self.kid()).finish_non_exhaustive()
    }
}

impl Serialize for PrivateJwk {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        match &self.0 {
            Content::Pair { public, private } => {
                public.write_members(&mut map, Half::Private)?;
                private.write_members(&mut map)?;
            }
            Content::Symmetric { kid, alg, k, optional } => {
                public_jwk::write_names(&mut map, "oct", *alg, kid)?;
                map.serialize_entry("k", k)?;
                optional.write_members(&mut map, *alg, alg.keys().default, Half::Private)?;
            }
        }
        map.end()
    }
}

/// The private members of a key, which depend on its type. `Debug` shows none of them.
#[derive(Clone)]
pub enum PrivateParams {
    /// For `kty` `RSA`.
    Rsa(RsaPrivateParams),
    /// For `kty` `RSA`, where the private exponent stands alone, as RFC 7518 section 6.3.2 permits.
    RsaExponent {
        /// The private exponent, big-endian.
        d: SecretBase64Url,
    },
    /// For `kty` `EC`.
    Ec {
        /// The private scalar, big-endian, exactly as long as a coordinate (RFC 7518 section 6.2.2.1).
        d: SecretBase64Url,
    },
    /// For `kty` `OKP`.
    Okp {
        /// The private key, exactly as long as the public one (RFC 8037 section 2).
        d: SecretBase64Url,
    },
    /// For `kty` `AKP`.
    Akp {
        /// The member `priv`, exactly [`ParameterSet::SEED_OCTETS`] long (RFC 9964 section 4).
        seed: SecretBase64Url,
    },
}

/// The private members of an RSA key, big-endian (RFC 7518 section 6.3.2): all that speed up its use, since some
/// libraries refuse a key without them.
#[derive(Clone)]
pub struct RsaPrivateParams {
    /// The private exponent.
    pub d: SecretBase64Url,
    /// The first prime.
    pub p: SecretBase64Url,
    /// The second prime.
    pub q: SecretBase64Url,
    /// `d` modulo `p` − 1.
    pub dp: SecretBase64Url,
    /// `d` modulo `q` − 1.
    pub dq: SecretBase64Url,
    /// The inverse of `q` modulo `p`.
    pub qi: SecretBase64Url,
}

impl PrivateParams {
    /// Takes the private members that belong to this public key.
    pub(super) fn from_members(members: Members<SecretBase64Url>, public: &PublicParams) -> Result<Self, JwkError> {
        let Members { d, p, q, dp, dq, qi, private, oth, .. } = members;
        if oth.is_some() {
            return Err(JwkError::MultiPrime);
        }
        let required = |member, given: Option<_>| given.ok_or(JwkError::NoPrivate { member });
        let private = match public {
            PublicParams::Rsa(_) if [&p, &q, &dp, &dq, &qi].into_iter().all(Option::is_none) => {
                Self::RsaExponent { d: required("d", d)? }
            }
            PublicParams::Rsa(_) => Self::Rsa(RsaPrivateParams {
                d: required("d", d)?,
                p: required("p", p)?,
                q: required("q", q)?,
                dp: required("dp", dp)?,
                dq: required("dq", dq)?,
                qi: required("qi", qi)?,
            }),
            PublicParams::Ec(_) => Self::Ec { d: required("d", d)? },
            PublicParams::Okp(_) => Self::Okp { d: required("d", d)? },
            PublicParams::Akp(_) => Self::Akp { seed: required("priv", private)? },
        };
        private.check_shape(public)?;
        Ok(private)
    }

    /// Whether the members are of the kind and length that the public key needs.
    fn check_shape(&self, public: &PublicParams) -> Result<(), JwkError> {
        match (public, self) {
            (PublicParams::Rsa(_), Self::Rsa(_) | Self::RsaExponent { .. }) => Ok(()),
            (PublicParams::Ec(ec), Self::Ec { d }) if d.octets().len() == ec.curve().coordinate_octets() => Ok(()),
            (PublicParams::Ec(ec), Self::Ec { d }) => {
                let octets = d.octets().len();
                Err(ParamsError::CoordinateLength { member: "d", curve: ec.curve(), octets }.into())
            }
            (PublicParams::Okp(_), Self::Okp { d }) => {
                Ok(ParamsError::check_length("d", public.key_kind(), d.octets().len(), OkpCurve::OCTETS)?)
            }
            (PublicParams::Akp(_), Self::Akp { seed }) => {
                let octets = seed.octets().len();
                Ok(ParamsError::check_length("priv", public.key_kind(), octets, ParameterSet::SEED_OCTETS)?)
            }
            (public, _) => Err(JwkError::MixedKinds { kty: public.key_kind().kty() }),
        }
    }

    fn write_members<M: SerializeMap>(&self, map: &mut M) -> Result<(), M::Error> {
        match self {
            Self::Rsa(RsaPrivateParams { d, p, q, dp, dq, qi }) => {
                let members = [("d", d), ("p", p), ("q", q), ("dp", dp), ("dq", dq), ("qi", qi)];
                members.into_iter().try_for_each(|(name, value)| map.serialize_entry(name, value))
            }
            Self::RsaExponent { d } | Self::Ec { d } | Self::Okp { d } => map.serialize_entry("d", d),
            Self::Akp { seed } => map.serialize_entry("priv", seed),
        }
    }
}

impl fmt::Debug for PrivateParams {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[private]")
    }
}

impl fmt::Debug for RsaPrivateParams {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[private]")
    }
}

impl TryFrom<Members<SecretBase64Url>> for PrivateJwk {
    type Error = JwkError;

    fn try_from(mut members: Members<SecretBase64Url>) -> Result<Self, JwkError> {
        if members.kty.as_deref() == Some("oct") {
            let alg = public_jwk::read_alg(&members)?;
            let k = members.k.ok_or(JwkError::NoPrivate { member: "k" })?;
            return Self::symmetric(members.kid.unwrap_or_default(), alg, k);
        }
        let public = PublicJwk::from_members(&mut members)?;
        let private = PrivateParams::from_members(members, public.params())?;
        Ok(Self(Content::Pair { public, private }))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::jose::Base64Url;
    use crate::jose::rfc_vectors::{RFC_7515_A2_KEY, RFC_7515_A3_KEY, RFC_7517_A3_A128KW, RFC_8037_A_KEY};

    fn with(key: &str, members: &Value) -> String {
        let mut key: Value = serde_json::from_str(key).unwrap();
        for (name, value) in members.as_object().unwrap() {
            key[name] = value.clone();
        }
        key.to_string()
    }

    fn ml_dsa(seed: usize) -> String {
        let (key, seed) = (Base64Url::new(&[7; 1312]), Base64Url::new(&vec![1; seed]));
        json!({"kty": "AKP", "alg": "ML-DSA-44", "kid": "one", "pub": key, "priv": seed}).to_string()
    }

    fn rsa() -> String {
        with(RFC_7515_A2_KEY, &json!({"kid": "one", "alg": "RS256"}))
    }

    #[test]
    fn it_is_written_in_one_order_and_read_back() {
        for (key, alg, order) in [
            (RFC_7515_A2_KEY, "PS384", &["kty", "use", "alg", "kid", "n", "e", "d", "p", "q", "dp", "dq", "qi"][..]),
            (RFC_7515_A3_KEY, "ES256", &["kty", "use", "alg", "kid", "crv", "x", "y", "d"]),
            (RFC_8037_A_KEY, "Ed25519", &["kty", "use", "alg", "kid", "crv", "x", "d"]),
            (&ml_dsa(32), "ML-DSA-44", &["kty", "use", "alg", "kid", "pub", "priv"]),
        ] {
            let jwk: PrivateJwk = serde_json::from_str(&with(key, &json!({"kid": "one", "alg": alg}))).unwrap();
            let json = jwk.to_json().unwrap();
            let places: Vec<_> = order.iter().map(|name| json.find(&format!("\"{name}\":")).unwrap()).collect();
            assert!(places.is_sorted(), "{alg}");
            assert_eq!(json.matches("\":\"").count(), order.len(), "{alg}");
            assert_eq!(json.capacity(), json.len());
            let again: PrivateJwk = serde_json::from_str(&json).unwrap();
            assert_eq!(again.to_json().unwrap(), json);
            assert_eq!(again.public(), jwk.public());
            assert_eq!((again.kid(), again.alg().name()), ("one", alg));
        }
    }

    fn oct(members: &Value) -> String {
        with(RFC_7517_A3_A128KW, members)
    }

    #[test]
    fn a_symmetric_key_is_written_in_one_order_and_read_back_and_has_no_public_half() {
        let jwk: PrivateJwk = serde_json::from_str(&oct(&json!({"kid": "one"}))).unwrap();
        let json = jwk.to_json().unwrap();
        assert_eq!(*json, r#"{"kty":"oct","use":"enc","alg":"A128KW","kid":"one","k":"GawgguFyGrWKav7AX4VKUg"}"#);
        assert_eq!(json.capacity(), json.len());
        assert!(jwk.public().is_none());
        let again: PrivateJwk = serde_json::from_str(&json).unwrap();
        assert_eq!(again.to_json().unwrap(), json);
        assert_eq!(format!("{again:?}"), r#"PrivateJwk { kid: "one", .. }"#);
    }

    #[test]
    fn a_symmetric_key_that_is_weak_or_misplaced_is_refused_and_not_shown() {
        let cases = [
            (json!({"kid": null}), "the JWK has no kid"),
            (json!({"alg": null}), "the JWK has no alg"),
            (json!({"k": null}), "private member k is missing"),
            (json!({"use": "sig"}), "A128KW keys have \"use\": \"enc\""),
            (json!({"alg": "HS256"}), "HS256 takes a key of kind 256-bit symmetric, but this one is 128-bit symmetric"),
            (
                json!({"alg": "A256KW"}),
                "A256KW takes a key of kind 256-bit symmetric, but this one is 128-bit symmetric",
            ),
            (json!({"alg": "RS256"}), "RS256 takes a key of kind RSA, but this one is 128-bit symmetric"),
            (json!({"k": "Gawg"}), "the symmetric key has 3 octets"),
            (json!({"k": ""}), "the symmetric key has 0 octets"),
            (json!({"k": "A".repeat(2000)}), "the symmetric key has 1500 octets"),
            (json!({"k": "sesame open"}), "a member is not base64url"),
        ];
        for (members, expected) in cases {
            let mut all = json!({"kid": "one"});
            all.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
            let error = serde_json::from_str::<PrivateJwk>(&oct(&all)).unwrap_err().to_string();
            assert!(error.starts_with(expected), "{error}");
            assert!(!error.contains("sesame") && !error.contains("Gawg"), "{error}");
        }
        let rsa = serde_json::from_str::<PrivateJwk>(&with(&rsa(), &json!({"alg": "HS256"}))).unwrap_err().to_string();
        assert!(rsa.starts_with("HS256 takes a key of kind 256-bit symmetric, but this one is RSA 2048"), "{rsa}");
    }

    #[test]
    fn debug_shows_the_kid_and_no_secret() {
        let jwk: PrivateJwk = serde_json::from_str(&rsa()).unwrap();
        assert_eq!(format!("{jwk:?}"), r#"PrivateJwk { kid: "one", .. }"#);
        let KeyMaterial::Pair(_, PrivateParams::Rsa(private)) = jwk.material() else { panic!("not RSA") };
        assert_eq!(format!("{:?}", PrivateParams::Rsa(private.clone())), "[private]");
        assert_eq!(format!("{private:?} {:?}", private.d), "[private] [private]");
    }

    #[test]
    fn refusals_name_the_member_and_show_no_secret() {
        let cases = [
            (json!({"qi": null}), "private member qi is missing"),
            (json!({"d": null}), "private member d is missing"),
            (json!({"d": "sesame open"}), "a member is not base64url"),
            (json!({"oth": [{"r": "AQAB"}]}), "RSA keys with more than two primes"),
            (json!({"alg": null}), "the JWK has no alg"),
            (json!({"kid": null}), "the JWK has no kid"),
            (json!({"use": "enc"}), "RS256 keys have \"use\": \"sig\""),
        ];
        for (members, expected) in cases {
            let error = serde_json::from_str::<PrivateJwk>(&with(&rsa(), &members)).unwrap_err().to_string();
            assert!(error.starts_with(expected), "{error}");
            assert!(!error.contains("sesame"), "{error}");
        }
    }

    #[test]
    fn the_halves_must_be_of_one_kind_and_length() {
        let rsa: PrivateJwk = serde_json::from_str(&rsa()).unwrap();
        let ec: PublicParams = serde_json::from_str(RFC_7515_A3_KEY).unwrap();
        let ec = PublicJwk::new("two", Algorithm::Es256, ec).unwrap();
        let KeyMaterial::Pair(_, private) = rsa.material() else { panic!("no pair") };
        let mixed = PrivateJwk::new(ec.clone(), private.clone());
        assert_eq!(mixed.unwrap_err(), JwkError::MixedKinds { kty: "EC" });
        let short = PrivateJwk::new(ec, PrivateParams::Ec { d: SecretBase64Url::new(&[7; 31]) });
        assert!(short.unwrap_err().to_string().starts_with("d has 31 octets, but on P-256 it must have exactly 32"));
    }

    #[test]
    fn raw_private_keys_have_exactly_32_octets() {
        let ed25519 = json!({"kid": "one", "alg": "EdDSA", "d": Base64Url::new(&[1; 33])});
        let cases = [
            (with(RFC_8037_A_KEY, &ed25519), "d has 33 octets, but Ed25519 keys have exactly 32 there"),
            (ml_dsa(2560), "priv has 2560 octets, but ML-DSA-44 keys have exactly 32 there (RFC 9964"),
        ];
        for (json, expected) in cases {
            let error = serde_json::from_str::<PrivateJwk>(&json).unwrap_err().to_string();
            assert!(error.starts_with(expected), "{error}");
        }
    }

    #[test]
    fn its_public_half_has_no_private_member() {
        let jwk: PrivateJwk = serde_json::from_str(&rsa()).unwrap();
        let public = serde_json::to_value(jwk.public().unwrap()).unwrap();
        let names: Vec<_> = public.as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(names, ["alg", "e", "kid", "kty", "n", "use"]);
        assert_eq!(public["e"], Base64Url::new(&[1, 0, 1]).to_string());
    }
}
