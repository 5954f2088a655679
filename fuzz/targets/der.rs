//! DER: PKCS#8, PKCS#1, SEC1, encrypted PKCS#8, SPKI and certificates.
#![no_main]

use keyturn::material::read::{private_keys, public_keys};
use keyturn::material::{Certificate, PrivateKey};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|octets: &[u8]| {
    if let Ok(key) = PrivateKey::from_pkcs8_der(octets) {
        assert!(key.check().is_ok());
    }
    if let Ok(certificate) = Certificate::from_der(octets) {
        let (Ok(_) | Err(_)) = certificate.validity();
        drop((certificate.subject(), certificate.issuer(), certificate.public()));
    }
    drop((private_keys(octets, Some("passphrase")), public_keys(octets)));
});
