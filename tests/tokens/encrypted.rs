//! Things that senders encrypt to any encryption key of the public JWKS (RSA-OAEP with SHA-256, RFC 7518 section 4.3).

use std::collections::BTreeMap;
use std::time::SystemTime;

use aws_lc_rs::rsa::{
    OAEP_SHA256_MGF1SHA256, OaepPrivateDecryptingKey, OaepPublicEncryptingKey, PrivateDecryptingKey,
    PublicEncryptingKey, PublicKeyComponents,
};
use base64ct::{Base64UrlUnpadded, Encoding};
use keyturn::jose::{Jwks, PrivateJwk};
use keyturn::material::PrivateKey;
use serde_json::Value;

use crate::world::Scheme;

/// Senders take every key they see; pods that decrypt take the one that a message names.
pub struct Encrypted;

impl Scheme for Encrypted {
    type Keys = Vec<(String, OaepPublicEncryptingKey)>;
    type CheckKeys = BTreeMap<String, OaepPrivateDecryptingKey>;

    fn keys(jwks: &str) -> Self::Keys {
        let jwks: Value = serde_json::from_str(jwks).expect("the public JWKS is whole");
        let number = |text: &Value| Base64UrlUnpadded::decode_vec(text.as_str().unwrap()).unwrap();
        let key = |jwk: &Value| {
            assert_eq!(jwk["use"], "enc");
            let numbers = PublicKeyComponents { n: number(&jwk["n"]), e: number(&jwk["e"]) };
            let key: PublicEncryptingKey = numbers.try_into().unwrap();
            (jwk["kid"].as_str().unwrap().to_owned(), OaepPublicEncryptingKey::new(key).unwrap())
        };
        jwks["keys"].as_array().unwrap().iter().map(key).collect()
    }

    fn make(keys: &Self::Keys, _expires: SystemTime) -> Vec<(String, String, String)> {
        let encrypt = |(kid, key): &(String, OaepPublicEncryptingKey)| {
            let mut message = vec![0; key.ciphertext_size()];
            key.encrypt(&OAEP_SHA256_MGF1SHA256, kid.as_bytes(), &mut message, None).unwrap();
            ("enc".to_owned(), kid.clone(), format!("{kid} {}", Base64UrlUnpadded::encode_string(&message)))
        };
        keys.iter().map(encrypt).collect()
    }

    fn check_keys(jwks: &str) -> Self::CheckKeys {
        let raw: Value = serde_json::from_str(jwks).expect("the private JWKS is whole");
        let parsed: Jwks<PrivateJwk> = serde_json::from_str(jwks).expect("the private JWKS is one");
        let kids = raw["keys"].as_array().unwrap().iter().map(|key| key["kid"].as_str().unwrap().to_owned());
        let key = |jwk| {
            let der = PrivateKey::from_jwk(jwk).unwrap().to_pkcs8_der().unwrap();
            OaepPrivateDecryptingKey::new(PrivateDecryptingKey::from_pkcs8(&der).unwrap()).unwrap()
        };
        kids.zip(parsed.keys.iter().map(key)).collect()
    }

    fn check(keys: &Self::CheckKeys, message: &str) -> Result<(), String> {
        let (kid, text) = message.split_once(' ').unwrap();
        let message = Base64UrlUnpadded::decode_vec(text).unwrap();
        let known = || format!("only {:?} are loaded", keys.keys().collect::<Vec<_>>());
        let key = keys.get(kid).ok_or_else(known)?;
        let mut clear = vec![0; key.min_output_size()];
        let clear = key.decrypt(&OAEP_SHA256_MGF1SHA256, &message, &mut clear, None);
        let clear = clear.map_err(|_| "it does not decrypt")?;
        if clear == kid.as_bytes() { Ok(()) } else { Err("it decrypts to something else".to_owned()) }
    }
}
