//! PKCS#12 keystores.
#![no_main]

use keyturn::material::read::private_keys;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|octets: &[u8]| {
    for found in private_keys(octets, Some("passphrase")).into_iter().flat_map(|contents| contents.keys) {
        assert!(found.key.check().is_ok());
    }
});
