//! Files that are good but for a few octets: none makes us panic, hang, or find a key that nobody wrote.

use base64ct::{Base64, Encoding};
use keyturn::jose::Use;
use keyturn::material::read::{private_keys, public_keys};
use keyturn::material::{PrivateEncoding, PrivateKey};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use crate::certificates::certificate;
use crate::programs::{Folder, Reader, keys};

/// One key, DER or binary, in every encrypted format, with as few rounds as its program permits.
fn files(key: &PrivateKey) -> Vec<Vec<u8>> {
    let folder = Folder::new();
    folder.write("k.pem", key.to_pem(PrivateEncoding::Pkcs8).unwrap().as_bytes());
    folder.write("c.pem", certificate(key, Use::Sig, 1).to_pem().unwrap());
    let export = "openssl pkcs12 -export -inkey k.pem -in c.pem -name one -passout pass:p -iter 1 -out";
    folder.run(&format!("{export} a"));
    folder.run(&format!("{export} b -nomac"));
    folder.run(&format!("{export} c -nomac -legacy"));
    folder.run(&format!("{export} d -nomac -keypbe NONE -certpbe NONE"));
    let shroud = "openssl pkcs8 -topk8 -in k.pem -passout pass:p -outform DER -out";
    folder.run(&format!("{shroud} e -iter 1"));
    folder.run(&format!("{shroud} f -v2 des3 -iter 1"));
    folder.run(&format!("{shroud} g -scrypt -scrypt_N 2 -scrypt_r 1 -scrypt_p 1"));
    folder.run("openssl x509 -in c.pem -outform DER -out h");
    folder.write("i", key.to_pem(PrivateEncoding::Pkcs8).unwrap().as_bytes());
    folder.run("ssh-keygen -q -p -N ppppp -f i -a 1");
    folder.write("j", key.to_pem(PrivateEncoding::Pkcs8).unwrap().as_bytes());
    folder.run("ssh-keygen -q -p -N '' -f j");
    ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j"].map(|name| folder.read(name)).to_vec()
}

#[test]
fn a_few_changed_octets_do_no_harm() {
    let cases = std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(100);
    for key in keys(Reader::SshKeygen).take(2) {
        for file in files(key) {
            let text = String::from_utf8(file.clone()).ok().filter(|text| text.starts_with("-----"));
            let binary = match &text {
                Some(text) => decode(text),
                None => file,
            };
            let passphrase = if text.is_some() { "ppppp" } else { "p" };
            let whole =
                private_keys(&text.clone().map_or_else(|| binary.clone(), String::into_bytes), Some(passphrase));
            let certificate = public_keys(&binary).is_ok();
            assert!(certificate || whole.is_ok_and(|whole| whole.keys[0].key == *key), "the whole file is good");
            let changes = prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4);
            let mut runner = TestRunner::new(Config { cases, failure_persistence: None, ..Config::default() });
            runner
                .run(&changes, |changes| {
                    let mut octets = binary.clone();
                    for (place, octet) in changes {
                        let at = place.index(octets.len());
                        octets[at] = octet;
                    }
                    if text.is_some() {
                        octets = encode(&octets).into_bytes();
                    }
                    let _ = public_keys(&octets);
                    for found in private_keys(&octets, Some(passphrase)).map(|found| found.keys).unwrap_or_default() {
                        prop_assert!(found.key == *key, "{}", found.format);
                    }
                    Ok(())
                })
                .unwrap();
        }
    }
}

fn decode(text: &str) -> Vec<u8> {
    let body: String = text.lines().filter(|line| !line.starts_with('-')).collect();
    Base64::decode_vec(&body).unwrap()
}

fn encode(octets: &[u8]) -> String {
    let body = Base64::encode_string(octets);
    format!("-----BEGIN OPENSSH PRIVATE KEY-----\n{body}\n-----END OPENSSH PRIVATE KEY-----\n")
}
