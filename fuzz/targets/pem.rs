//! PEM and OpenSSH, encrypted and not, private and public: no octets may make the readers panic or talk.
#![no_main]

use keyturn::material::read::{private_keys, public_keys};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    // A key that is read is a key that was checked.
    for found in private_keys(text.as_bytes(), Some("passphrase")).into_iter().flat_map(|contents| contents.keys) {
        assert!(found.key.check().is_ok());
    }
    drop(public_keys(text.as_bytes()));
});
