//! What `openssl` and `keytool` make of our certificates.

use chrono::{DateTime, TimeDelta};
use keyturn::jose::{Curve, KeySpec, Use};
use keyturn::material::{Certificate, PrivateKey, Serial, Validity};

use crate::programs::{Folder, Reader, of_every_java, signers};

/// A certificate from 2020 on, for this many days.
pub fn certificate(key: &PrivateKey, usage: Use, days: i64) -> Certificate {
    let not_before = DateTime::from_timestamp(1_577_836_800, 0).unwrap();
    let validity = Validity { not_before, not_after: not_before + TimeDelta::days(days) };
    let subject = "CN=Auth CA Certificates, O=Ex\\, Ltd, C=IT".parse().unwrap();
    Certificate::self_signed(key, usage, &subject, validity, &Serial::draw().unwrap()).unwrap()
}

#[test]
fn openssl_reads_and_verifies_them() {
    let folder = Folder::new();
    for key in signers(Reader::Openssl) {
        let algorithm = match key.spec() {
            KeySpec::Rsa { .. } => "sha256WithRSAEncryption",
            KeySpec::Ec { curve: Curve::P256 | Curve::Secp256k1 } => "ecdsa-with-SHA256",
            KeySpec::Ec { curve: Curve::P384 } => "ecdsa-with-SHA384",
            KeySpec::Ec { curve: Curve::P521 } => "ecdsa-with-SHA512",
            KeySpec::Okp { .. } => "ED25519",
            KeySpec::Akp { .. } | KeySpec::Oct { .. } => {
                panic!("openssl 3.0 knows no ML-DSA, and no key here is symmetric")
            }
        };
        for (usage, words) in [(Use::Sig, "Digital Signature"), (Use::Enc, "Key ")] {
            let certificate = certificate(key, usage, 18_250);
            folder.write("c.pem", certificate.to_pem().unwrap());
            let text = folder.run("openssl x509 -in c.pem -noout -text -nameopt RFC2253");
            for expected in [
                "Version: 3",
                algorithm,
                "Issuer: CN=Auth CA Certificates,O=Ex\\, Ltd,C=IT",
                "Subject: CN=Auth CA Certificates,O=Ex\\, Ltd,C=IT",
                "Not Before: Jan  1 00:00:00 2020 GMT",
                "Not After : Dec 19 00:00:00 2069 GMT",
                "CA:FALSE",
                "X509v3 Key Usage: critical",
                words,
            ] {
                assert!(text.contains(expected), "{expected} is not in {text}");
            }
            // The same octets after both, since each signs itself.
            let (_, identifiers) = text.split_once("X509v3 Subject Key Identifier:").unwrap();
            let (own, issuers) = identifiers.split_once("X509v3 Authority Key Identifier:").unwrap();
            let issuers = issuers.trim_start();
            assert!(own.trim().len() == 59 && issuers.trim_start_matches("keyid:").starts_with(own.trim()), "{text}");
            folder.run("openssl verify -check_ss_sig -CAfile c.pem c.pem");
            let thumbprint = folder.run("openssl x509 -in c.pem -noout -fingerprint -sha256");
            let hex = base16ct::upper::encode_string(certificate.x5t_s256().octets());
            assert!(thumbprint.trim().replace(':', "").ends_with(&hex), "{thumbprint}");
            folder.write("c.der", certificate.der());
            let public = folder.run("openssl x509 -in c.der -inform DER -noout -pubkey");
            assert_eq!(public, keyturn::material::spki_pem(key.public().unwrap()).unwrap());
        }
    }
}

#[test]
fn java_reads_them() {
    let folder = Folder::new();
    for key in signers(Reader::Java) {
        folder.write("c.pem", certificate(key, Use::Sig, 36_500).to_pem().unwrap());
        for keytool in of_every_java("keytool") {
            let text = folder.run(&format!("{keytool} -printcert -file c.pem"));
            for expected in ["CN=Auth CA Certificates", "SubjectKeyIdentifier [", "AuthorityKeyIdentifier ["] {
                assert!(text.contains(expected), "{text}");
            }
        }
    }
}
