//! Signed tokens, by a JOSE library that is not Keyturn's.

use std::collections::BTreeMap;
use std::time::SystemTime;

use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use keyturn::jose::{Jwks, PrivateJwk};
use keyturn::material::PrivateKey;
use rsa::pkcs1::EncodeRsaPrivateKey;
use rsa::pkcs8::DecodePrivateKey;
use serde_json::{Value, json};

use crate::world::Scheme;

/// Signers take the first key of each algorithm of the private JWKS; verifiers take the key that a token names.
pub struct Jwt;

pub struct Signing {
    algorithm: Algorithm,
    kid: String,
    key: EncodingKey,
}

impl Scheme for Jwt {
    type Keys = Vec<Signing>;
    type CheckKeys = BTreeMap<String, (Algorithm, DecodingKey)>;

    fn keys(jwks: &str) -> Vec<Signing> {
        let raw: Value = serde_json::from_str(jwks).expect("the private JWKS is whole");
        let parsed: Jwks<PrivateJwk> = serde_json::from_str(jwks).expect("the private JWKS is one");
        let mut first: Vec<Signing> = Vec::new();
        for (raw, jwk) in raw["keys"].as_array().unwrap().iter().zip(&parsed.keys) {
            let algorithm: Algorithm = raw["alg"].as_str().unwrap().parse().unwrap();
            if first.iter().any(|one| one.algorithm == algorithm) {
                continue;
            }
            let der = PrivateKey::from_jwk(jwk).unwrap().to_pkcs8_der().unwrap();
            let key = if raw["kty"] == "RSA" {
                let rsa = rsa::RsaPrivateKey::from_pkcs8_der(&der).unwrap();
                EncodingKey::from_rsa_der(rsa.to_pkcs1_der().unwrap().as_bytes())
            } else if raw["kty"] == "OKP" {
                EncodingKey::from_ed_der(&der)
            } else {
                EncodingKey::from_ec_der(&der)
            };
            first.push(Signing { algorithm, kid: raw["kid"].as_str().unwrap().to_owned(), key });
        }
        first
    }

    fn make(keys: &Vec<Signing>, expires: SystemTime) -> Vec<(String, String, String)> {
        let exp = expires.duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
        let sign = |Signing { algorithm, kid, key }: &Signing| {
            let header = Header { kid: Some(kid.clone()), ..Header::new(*algorithm) };
            let token = jsonwebtoken::encode(&header, &json!({ "sub": "someone", "exp": exp }), key).unwrap();
            (format!("{algorithm:?}"), kid.clone(), token)
        };
        keys.iter().map(sign).collect()
    }

    fn check_keys(jwks: &str) -> Self::CheckKeys {
        let jwks: JwkSet = serde_json::from_str(jwks).expect("the public JWKS is whole, and the library reads it");
        let key = |jwk: &jsonwebtoken::jwk::Jwk| {
            let algorithm = jwk.common.key_algorithm.expect("each key has its alg").to_string().parse().unwrap();
            (jwk.common.key_id.clone().unwrap(), (algorithm, DecodingKey::from_jwk(jwk).unwrap()))
        };
        jwks.keys.iter().map(key).collect()
    }

    fn check(keys: &Self::CheckKeys, token: &str) -> Result<(), String> {
        let kid = jsonwebtoken::decode_header(token).unwrap().kid.unwrap();
        let known = || format!("only {:?} are known", keys.keys().collect::<Vec<_>>());
        let (algorithm, key) = keys.get(&kid).ok_or_else(known)?;
        jsonwebtoken::decode::<Value>(token, key, &Validation::new(*algorithm)).map_err(|error| error.to_string())?;
        Ok(())
    }
}
