//! Single JWKs, ours and those of others.
#![no_main]

use keyturn::jose::{ForeignJwk, PrivateJwk, PublicJwk};
use keyturn::material::PrivateKey;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Ok(jwk) = serde_json::from_str::<PublicJwk>(text) {
        let again = serde_json::to_string(&jwk).expect("what was read can be written");
        assert_eq!(serde_json::from_str::<PublicJwk>(&again).expect("what was written can be read"), jwk);
    }
    if let Ok(jwk) = serde_json::from_str::<PrivateJwk>(text)
        && let Ok(key) = PrivateKey::from_jwk(&jwk)
    {
        assert!(key.check().is_ok());
    }
    drop(serde_json::from_str::<ForeignJwk>(text));
});
