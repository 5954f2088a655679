//! What Janssen's KeyGenerator calls the keys.

use std::ffi::OsString;

use crate::jose::{Algorithm, Use};

/// The descriptions of the algorithms that it has.
const DESCRIPTIONS: &[(&str, &str)] = &[
    ("RS256", "RSA RSASSA-PKCS1-v1_5 using SHA-256"),
    ("RS384", "RSA RSASSA-PKCS1-v1_5 using SHA-384"),
    ("RS512", "RSA RSASSA-PKCS1-v1_5 using SHA-512"),
    ("PS256", "RSASSA-PSS using SHA-256 and MGF1 with SHA-256"),
    ("PS384", "RSASSA-PSS using SHA-384 and MGF1 with SHA-384"),
    ("PS512", "RSASSA-PSS using SHA-512 and MGF1 with SHA-512"),
    ("ES256", "ECDSA using P-256 (secp256r1) and SHA-256"),
    ("ES256K", "ECDSA using secp256k1 and SHA-256"),
    ("ES384", "ECDSA using P-384 (secp384r1) and SHA-384"),
    ("ES512", "ECDSA using P-521 (secp521r1) and SHA-512"),
    ("Ed25519", "EDDSA using Ed25519 with SHA-512"),
    ("EdDSA", "EDDSA using Ed25519 with SHA-512"),
    ("RSA1_5", "RSAES-PKCS1-v1_5"),
    ("RSA-OAEP", "RSAES OAEP using default parameters"),
    ("RSA-OAEP-256", "RSAES OAEP using SHA-256 and MGF1 with SHA-256"),
    ("ECDH-ES", "Elliptic Curve Diffie-Hellman Ephemeral Static key agreement using Concat KDF"),
    ("ECDH-ES+A128KW", "ECDH-ES using Concat KDF and CEK wrapped with A128KW"),
    ("ECDH-ES+A192KW", "ECDH-ES using Concat KDF and CEK wrapped with A192KW"),
    ("ECDH-ES+A256KW", "ECDH-ES using Concat KDF and CEK wrapped with A256KW"),
];

/// The options that it has, with one dash, and what they are called here.
const OPTIONS: &[(&str, &str)] = &[
    ("-sig_keys", "--sig-keys"),
    ("-enc_keys", "--enc-keys"),
    ("-key_length", "--key-length"),
    ("-expiration", "--expiration-days"),
    ("-expiration_hours", "--expiration-hours"),
    ("-key_ops_type", "--key-ops-type"),
    ("-dnname", "--dn-name"),
    ("-keystore", "--keystore"),
    ("-keypasswd", "--keypasswd"),
    ("-test_prop_file", "--test-prop-file"),
];

/// An option of its as it is called here: clap would take one dash for a heap of short options.
pub(super) fn with_two_dashes(argument: OsString) -> OsString {
    let ours = OPTIONS.iter().find(|(theirs, _)| argument == *theirs).map(|(_, ours)| OsString::from(ours));
    ours.unwrap_or(argument)
}

/// The member `name`, such as `id_token RS256 Sign Key`.
pub(super) fn name(algorithm: Algorithm) -> String {
    let purpose = match algorithm.usage() {
        Use::Sig => "Sign",
        Use::Enc => "Encryption",
    };
    format!("id_token {algorithm} {purpose} Key")
}

/// The member `descr`. An algorithm that Janssen lacks is described by the section that defines it.
pub(super) fn description(algorithm: Algorithm) -> String {
    let purpose = match algorithm.usage() {
        Use::Sig => "Signature",
        Use::Enc => "Encryption",
    };
    let known = DESCRIPTIONS.iter().find(|(name, _)| *name == algorithm.name());
    match known {
        Some((_, text)) => format!("{purpose} Key: {text}"),
        None => format!("{purpose} Key: {algorithm}, {}", algorithm.row().source),
    }
}

/// The name of the line in the file of test properties, such as `RS256_keyId` and `ECDH_ES_PLUS_A128KW_keyId`.
pub(super) fn property(algorithm: Algorithm) -> String {
    format!("{}_keyId", algorithm.name().replace('-', "_").replace('+', "_PLUS_"))
}

/// The kid, which is the alias too, such as `connect_<uuid>_sig_rs256`.
pub(super) fn kid(ops: &str, uuid: &str, algorithm: Algorithm) -> String {
    format!("{ops}_{uuid}_{}_{}", algorithm.usage(), algorithm.name().to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_the_key_generator() {
        let cases = [
            ("RS256", "id_token RS256 Sign Key", "Signature Key: RSA RSASSA-PKCS1-v1_5 using SHA-256", "RS256_keyId"),
            ("RSA1_5", "id_token RSA1_5 Encryption Key", "Encryption Key: RSAES-PKCS1-v1_5", "RSA1_5_keyId"),
            (
                "RSA-OAEP-256",
                "id_token RSA-OAEP-256 Encryption Key",
                "Encryption Key: RSAES OAEP using SHA-256 and MGF1 with SHA-256",
                "RSA_OAEP_256_keyId",
            ),
            (
                "ECDH-ES+A128KW",
                "id_token ECDH-ES+A128KW Encryption Key",
                "Encryption Key: ECDH-ES using Concat KDF and CEK wrapped with A128KW",
                "ECDH_ES_PLUS_A128KW_keyId",
            ),
            (
                "ML-DSA-44",
                "id_token ML-DSA-44 Sign Key",
                "Signature Key: ML-DSA-44, RFC 9964 section 5",
                "ML_DSA_44_keyId",
            ),
        ];
        for (algorithm, expected_name, expected_description, expected_property) in cases {
            let algorithm = algorithm.parse().unwrap();
            assert_eq!(name(algorithm), expected_name);
            assert_eq!(description(algorithm), expected_description);
            assert_eq!(property(algorithm), expected_property);
        }
        assert_eq!(kid("ssa", "u", "RSA1_5".parse().unwrap()), "ssa_u_enc_rsa1_5");
    }

    #[test]
    fn every_description_is_of_an_algorithm_that_there_is() {
        for (name, _) in DESCRIPTIONS {
            assert!(name.parse::<Algorithm>().is_ok(), "{name}");
        }
    }
}
