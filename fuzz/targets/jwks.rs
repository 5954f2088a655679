//! JWK Sets, ours and those of others.
#![no_main]

use keyturn::jose::{ForeignJwks, Jwks, PrivateJwk, PublicJwk};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Ok(set) = serde_json::from_str::<Jwks<PublicJwk>>(text) {
        let again = set.to_json().expect("what was read can be written");
        assert_eq!(serde_json::from_str::<Jwks<PublicJwk>>(&again).expect("what was written can be read"), set);
    }
    drop((Jwks::<PrivateJwk>::from_mixed_json(text), serde_json::from_str::<ForeignJwks>(text)));
});
