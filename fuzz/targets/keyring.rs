//! Stored keyrings, plain and sealed.
#![no_main]

use keyturn::keyring::Keyring;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|octets: &[u8]| {
    if let Ok(keyring) = Keyring::from_bytes(octets) {
        let again = keyring.to_bytes().expect("what was read can be written");
        let again = Keyring::from_bytes(&again).expect("what was written can be read");
        assert_eq!(again.revision, keyring.revision);
    }
});
