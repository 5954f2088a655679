//! A key as it is published.

use serde::de::IgnoredAny;
use serde::ser::SerializeMap;
use serde::{Deserialize, Serialize, Serializer};
use thiserror::Error;

use super::members::Members;
use super::optional_members::{Half, OptionalMembers};
use super::{Algorithm, KeySpec, ParamsError, PublicOnly, PublicParams, Thumbprint, UnknownAlgorithm, Use};

/// A public key of ours: it always has a `kid`, an `alg` and the `use` that follows from it (RFC 7517 section 4).
///
/// Serialised in the order `kty`, `use`, `alg`, `kid`, then the members of its type, then the optional ones. When read, a `use` may be missing
/// but must not contradict `alg`; private, optional and unknown members are dropped. For keys of other people, which may lack
/// more, see [`ForeignJwk`](super::ForeignJwk).
#[derive(Clone, Debug, PartialEq, Eq, Hash, Deserialize)]
#[serde(try_from = "Members<IgnoredAny>")]
pub struct PublicJwk {
    kid: String,
    alg: Algorithm,
    params: PublicParams,
    optional: OptionalMembers,
}

impl PublicJwk {
    /// A JWK for this key.
    ///
    /// # Errors
    /// If `alg` takes another kind of key, or `kid` is empty.
    pub fn new(kid: impl Into<String>, alg: Algorithm, params: PublicParams) -> Result<Self, JwkError> {
        let kid = kid.into();
        if kid.is_empty() {
            return Err(JwkError::NoKid);
        }
        if !alg.keys().contains(params.key_kind()) {
            return Err(JwkError::WrongKey { alg, given: params.spec() });
        }
        Ok(Self { kid, alg, params, optional: OptionalMembers::default() })
    }

    /// The same key with these members beside those that make it.
    #[must_use]
    pub fn with(self, optional: OptionalMembers) -> Self {
        Self { optional, ..self }
    }

    /// The key ID.
    #[must_use]
    pub fn kid(&self) -> &str {
        &self.kid
    }

    /// The algorithm.
    #[must_use]
    pub const fn alg(&self) -> Algorithm {
        self.alg
    }

    /// What the key is for, which follows from the algorithm.
    #[must_use]
    pub const fn usage(&self) -> Use {
        self.alg.usage()
    }

    /// The public key itself.
    #[must_use]
    pub const fn params(&self) -> &PublicParams {
        &self.params
    }

    /// The RFC 7638 thumbprint with SHA-256.
    #[must_use]
    pub fn thumbprint(&self) -> Thumbprint {
        self.params.thumbprint()
    }

    /// Writes all members, in their order.
    pub(super) fn write_members<M: SerializeMap>(&self, map: &mut M, half: Half) -> Result<(), M::Error> {
        write_names(map, self.params.key_kind().kty(), self.alg, &self.kid)?;
        self.params.write_members(map)?;
        self.optional.write_members(map, self.alg, self.params.key_kind(), half)
    }

    pub(super) fn from_members<P>(members: &mut Members<P>) -> Result<Self, JwkError> {
        let params = members.public_params()?;
        let alg = read_alg(members)?;
        Self::new(members.kid.take().unwrap_or_default(), alg, params)
    }
}

/// Writes what is said about a key of ours, in its order.
pub(super) fn write_names<M: SerializeMap>(map: &mut M, kty: &str, alg: Algorithm, kid: &str) -> Result<(), M::Error> {
    map.serialize_entry("kty", kty)?;
    map.serialize_entry("use", &alg.usage())?;
    map.serialize_entry("alg", &alg)?;
    map.serialize_entry("kid", kid)
}

/// The algorithm, if the `use` does not contradict it.
pub(super) fn read_alg<P>(members: &Members<P>) -> Result<Algorithm, JwkError> {
    let alg: Algorithm = members.alg.as_deref().ok_or(JwkError::NoAlg)?.parse()?;
    if members.usage.as_deref().is_some_and(|usage| usage != alg.usage().name()) {
        return Err(JwkError::WrongUse { alg, means: alg.usage() });
    }
    Ok(alg)
}

impl PublicOnly for PublicJwk {}

impl Serialize for PublicJwk {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        self.write_members(&mut map, Half::Public)?;
        map.end()
    }
}

impl TryFrom<Members<IgnoredAny>> for PublicJwk {
    type Error = JwkError;

    fn try_from(mut members: Members<IgnoredAny>) -> Result<Self, JwkError> {
        Self::from_members(&mut members)
    }
}

/// Why something is no JWK of ours.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum JwkError {
    /// The public members are wrong.
    #[error(transparent)]
    Params(#[from] ParamsError),
    /// The `alg` is unknown.
    #[error(transparent)]
    Algorithm(#[from] UnknownAlgorithm),
    /// There is no `alg`.
    #[error("the JWK has no alg: add the one algorithm that the key is for (RFC 7517 section 4.4)")]
    NoAlg,
    /// There is no `kid`, or an empty one.
    #[error("the JWK has no kid: add one, for example its thumbprint (RFC 7638)")]
    NoKid,
    /// The `use` contradicts the `alg`.
    #[error("{alg} keys have \"use\": \"{means}\": correct use, or leave it out")]
    WrongUse {
        /// The algorithm.
        alg: Algorithm,
        /// The use that follows from it.
        means: Use,
    },
    /// The key is not of the kind that the algorithm takes.
    #[error("{alg} takes a key of kind {}, but this one is {given}: choose a matching algorithm or key", alg.keys())]
    WrongKey {
        /// The algorithm.
        alg: Algorithm,
        /// What was given.
        given: KeySpec,
    },
    /// The symmetric key is too short, or absurdly long.
    #[error("the symmetric key has {octets} octets, but must have 16 (RFC 7518 section 5.3) to 1024: use another key")]
    SymmetricSize {
        /// How many octets were given.
        octets: usize,
    },
    /// The public and private members are of different kinds.
    #[error("the private members do not belong to a key of type {kty}: export the key again")]
    MixedKinds {
        /// The type of the public members.
        kty: &'static str,
    },
    /// A private member is missing.
    #[error("private member {member} is missing: export the key with all its members")]
    NoPrivate {
        /// The name of the member.
        member: &'static str,
    },
    /// The key has more than two primes.
    #[error("RSA keys with more than two primes (oth) are not supported: use another key")]
    MultiPrime,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::jose::{Curve, Jwks, OkpCurve, ParameterSet};

    fn ec(curve: Curve) -> PublicParams {
        let mut x = vec![0; curve.coordinate_octets()];
        x[1] = 1;
        PublicParams::ec(curve, &x, &x).unwrap()
    }

    #[test]
    fn it_is_written_in_one_order() {
        let jwk = PublicJwk::new("k\"1", Algorithm::Es256, ec(Curve::P256)).unwrap();
        let zeros = "A".repeat(39);
        assert_eq!(
            Jwks { keys: vec![jwk] }.to_json().unwrap(),
            format!(
                r#"{{"keys":[{{"kty":"EC","use":"sig","alg":"ES256","kid":"k\"1","crv":"P-256","x":"AAEA{zeros}","y":"AAEA{zeros}"}}]}}"#
            )
        );
        let no_keys = Jwks::<PublicJwk> { keys: Vec::new() };
        assert_eq!(no_keys.to_json().unwrap(), r#"{"keys":[]}"#);
    }

    #[test]
    fn the_key_must_be_of_the_kind_that_the_algorithm_takes() {
        let error = PublicJwk::new("1", Algorithm::Es384, ec(Curve::P256)).unwrap_err();
        assert_eq!(
            error.to_string(),
            "ES384 takes a key of kind P-384, but this one is P-256: choose a matching algorithm or key"
        );
        assert_eq!(PublicJwk::new("", Algorithm::Es256, ec(Curve::P256)), Err(JwkError::NoKid));
    }

    #[test]
    fn a_member_that_is_there_twice_is_refused() {
        let json = serde_json::to_string(&PublicJwk::new("1", Algorithm::Es256, ec(Curve::P256)).unwrap()).unwrap();
        let twice = json.replacen('{', r#"{"kid":"2","#, 1);
        assert!(
            serde_json::from_str::<PublicJwk>(&twice).unwrap_err().to_string().starts_with("duplicate field `kid`")
        );
    }

    #[test]
    fn reading_ignores_unknown_and_private_members() {
        let jwk = PublicJwk::new("1", Algorithm::Es256, ec(Curve::P256)).unwrap();
        let mut json = serde_json::to_value(&jwk).unwrap();
        json["d"] = json!({"not": "even text"});
        json["x5c"] = json!(["MII"]);
        json["exp"] = json!(1_700_000_000_000_u64);
        json.as_object_mut().unwrap().remove("use");
        assert_eq!(serde_json::from_value::<PublicJwk>(json).unwrap(), jwk);
    }

    /// Octets as a modulus: odd, and exactly as long as they are.
    fn modulus() -> impl Strategy<Value = Vec<u8>> {
        prop_oneof![Just(256), Just(384), Just(512), 256..=1024_usize].prop_flat_map(|octets| {
            prop::collection::vec(any::<u8>(), octets).prop_map(|mut n| {
                n[0] |= 0x80;
                if let Some(last) = n.last_mut() {
                    *last |= 1;
                }
                n
            })
        })
    }

    fn params() -> impl Strategy<Value = PublicParams> {
        let coordinates = prop::sample::select(Curve::ALL).prop_flat_map(|curve| {
            let coordinate = || {
                // Leading zeros are rare in nature, so they are made often here.
                let octets = curve.coordinate_octets();
                (prop::collection::vec(any::<u8>(), octets), prop_oneof![Just(0), 0..=octets]).prop_map(
                    |(mut coordinate, zeros)| {
                        coordinate[..zeros].fill(0);
                        coordinate
                    },
                )
            };
            (coordinate(), coordinate()).prop_map(move |(x, y)| PublicParams::ec(curve, &x, &y).unwrap())
        });
        let rsa = (modulus(), prop_oneof![Just(65537_u64), (1..1_u64 << 32).prop_map(|half| half * 2 + 1)])
            .prop_map(|(n, e)| PublicParams::rsa(&n, &e.to_be_bytes()).unwrap());
        let octets = |count| prop::collection::vec(any::<u8>(), count);
        let okp = (prop::sample::select(OkpCurve::ALL), octets(OkpCurve::OCTETS))
            .prop_map(|(curve, x)| PublicParams::okp(curve, &x).unwrap());
        let akp = prop::sample::select(ParameterSet::ALL).prop_flat_map(move |set| {
            octets(set.public_octets()).prop_map(move |key| PublicParams::akp(set, &key).unwrap())
        });
        prop_oneof![rsa, coordinates, okp, akp]
    }

    fn jwk() -> impl Strategy<Value = PublicJwk> {
        (params(), "\\PC{1,40}", any::<prop::sample::Index>()).prop_map(|(params, kid, index)| {
            let fitting: Vec<_> =
                Algorithm::ALL.iter().copied().filter(|alg| alg.keys().contains(params.key_kind())).collect();
            PublicJwk::new(kid, *index.get(&fitting), params).unwrap()
        })
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back_equal(jwk in jwk()) {
            let json = serde_json::to_string(&jwk).unwrap();
            prop_assert_eq!(&serde_json::from_str::<PublicJwk>(&json).unwrap(), &jwk);
            let params: PublicParams = serde_json::from_str(&json).unwrap();
            prop_assert_eq!(&params, jwk.params());
            let bare = serde_json::to_string(&params).unwrap();
            prop_assert_eq!(serde_json::from_str::<PublicParams>(&bare).unwrap().thumbprint(), jwk.thumbprint());
        }

        #[test]
        fn coordinates_are_always_written_in_full(params in params()) {
            if let PublicParams::Ec(ec) = &params {
                let json = serde_json::to_value(&params).unwrap();
                let characters = (ec.curve().coordinate_octets() * 4).div_ceil(3);
                prop_assert_eq!(json["x"].as_str().unwrap().len(), characters);
                prop_assert_eq!(json["y"].as_str().unwrap().len(), characters);
            }
        }

        #[test]
        fn no_text_makes_the_reader_panic(text in "\\PC{0,200}") {
            let _ = serde_json::from_str::<PublicJwk>(&text);
            let _ = serde_json::from_value::<PublicJwk>(json!({"kty": "EC", "crv": text, "x": text, "y": text}));
            let _ = serde_json::from_value::<PublicJwk>(json!({"kty": "OKP", "crv": text, "x": text}));
            let _ = serde_json::from_value::<PublicJwk>(json!({"kty": "AKP", "alg": text, "pub": text}));
            let _ = serde_json::from_value::<PublicJwk>(json!({"kty": "RSA", "n": text, "e": text, "alg": text}));
        }
    }
}
