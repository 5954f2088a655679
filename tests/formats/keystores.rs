//! PKCS#12, which `openssl` and `keytool` read and write.

use keyturn::jose::Use;
use keyturn::material::pkcs12::{self, KeystoreEntry, KeystoreProfile};
use keyturn::material::read::{FoundKey, ReadError, private_keys};
use keyturn::material::{EncodeError, PrivateEncoding};

use crate::certificates::certificate;
use crate::programs::{Folder, Reader, of_every_java, rsa, signers};

/// One word, because lines of commands are parted by spaces.
const PASSWORD: &str = "correct-horse";
const KIDS: [&str; 9] = ["rsa_sig_rs256", "ec-256", "ec 384", "ec/521 ü", "e", "f", "g", "h", "i"];

fn keystore(reader: Reader, profile: KeystoreProfile) -> Vec<u8> {
    let certificates: Vec<_> = signers(reader).map(|key| certificate(key, Use::Sig, 36_500)).collect();
    let named = signers(reader).zip(&certificates).zip(KIDS);
    let entries: Vec<_> = named.map(|((key, certificate), alias)| KeystoreEntry { alias, key, certificate }).collect();
    pkcs12::write(&entries, PASSWORD, profile).unwrap()
}

/// Asserts that these are our keys, by name and with their certificates.
fn assert_ours(found: &[FoundKey], reader: Reader, place: &str) {
    assert_eq!(found.len(), signers(reader).count(), "{place}");
    for (key, kid) in signers(reader).zip(KIDS) {
        let found = found.iter().find(|found| found.key == *key).unwrap_or_else(|| panic!("{place}: no {kid}"));
        assert!(found.name.as_deref().is_some_and(|name| name.eq_ignore_ascii_case(kid)), "{place}: {:?}", found.name);
        assert_eq!(found.certificate.as_ref().unwrap().public().unwrap(), *key.public().unwrap(), "{place}");
    }
}

fn read(octets: &[u8], place: &str) -> Vec<FoundKey> {
    let found = private_keys(octets, Some(PASSWORD)).unwrap_or_else(|error| panic!("{place}: {error}"));
    assert!(found.certificates.is_empty(), "{place}");
    found.into_all().unwrap_or_else(|refused| panic!("{place}: {refused}"))
}

#[test]
fn we_read_our_own() {
    for profile in [KeystoreProfile::Modern, KeystoreProfile::Legacy] {
        let keystore = keystore(Reader::Keyturn, profile);
        assert_ours(&read(&keystore, "ours"), Reader::Keyturn, "ours");
        assert_eq!(private_keys(&keystore, Some("wrong")).unwrap_err(), ReadError::WrongPassphrase);
        assert_eq!(private_keys(&keystore, None).unwrap_err(), ReadError::PassphraseMissing);
    }
}

#[test]
fn openssl_reads_them_and_prints_pem_that_we_read() {
    let folder = Folder::new();
    for (profile, option, scheme) in [
        (KeystoreProfile::Modern, "", "PBES2, PBKDF2, AES-256-CBC, Iteration 100000, PRF hmacWithSHA256"),
        (KeystoreProfile::Legacy, "-legacy", "pbeWithSHA1And3-KeyTripleDES-CBC, Iteration 100000"),
    ] {
        folder.write("k.p12", keystore(Reader::Openssl, profile));
        let text = folder.run(&format!("openssl pkcs12 -in k.p12 -passin pass:{PASSWORD} -info -noout {option}"));
        assert!(text.contains(scheme), "{text}");
        folder.run(&format!("openssl pkcs12 -in k.p12 -passin pass:{PASSWORD} -nodes -out k.pem {option}"));
        let found = read(&folder.read("k.pem"), "openssl's PEM");
        assert_eq!(found.len(), signers(Reader::Openssl).count());
        assert!(found.iter().all(|found| found.certificate.is_some() && found.name.is_some()));
        assert_eq!(found[0].name.as_deref(), Some(KIDS[0]));
    }
}

#[test]
fn java_reads_them_and_writes_its_own() {
    let folder = Folder::new();
    for profile in [KeystoreProfile::Modern, KeystoreProfile::Legacy] {
        folder.write("k.p12", keystore(Reader::Java, profile));
        for keytool in of_every_java("keytool") {
            let list = format!("{keytool} -list -v -keystore k.p12 -storetype PKCS12 -storepass {PASSWORD}");
            let text = folder.run(&list);
            assert_eq!(text.matches("PrivateKeyEntry").count(), signers(Reader::Java).count(), "{text}");
            assert!(text.contains("Alias name: rsa_sig_rs256"), "{text}");
            let alone = text.matches("Certificate chain length: 1\n").count();
            assert_eq!(
                alone,
                signers(Reader::Java).count(),
                "each stands for itself, though all have one subject: {text}"
            );
            let _ = std::fs::remove_file(folder.path("theirs.p12"));
            folder.run(&format!(
                "{keytool} -importkeystore -srckeystore k.p12 -srcstoretype PKCS12 -srcstorepass {PASSWORD} \
                 -destkeystore theirs.p12 -deststoretype PKCS12 -deststorepass {PASSWORD}"
            ));
            assert_ours(&read(&folder.read("theirs.p12"), &keytool), Reader::Java, &keytool);
            let legacy = format!(
                "{keytool} -J-Dkeystore.pkcs12.legacy -importkeystore -srckeystore k.p12 -srcstorepass {PASSWORD} \
                 -destkeystore legacy.p12 -deststoretype PKCS12 -deststorepass {PASSWORD}"
            );
            let _ = std::fs::remove_file(folder.path("legacy.p12"));
            folder.run(&legacy);
            assert_ours(&read(&folder.read("legacy.p12"), &keytool), Reader::Java, &keytool);
        }
    }
}

#[test]
fn what_openssl_exports_comes_in() {
    let folder = Folder::new();
    let key = rsa();
    folder.write("k.pem", key.to_pem(PrivateEncoding::Pkcs8).unwrap().as_bytes());
    folder.write("c.pem", certificate(key, Use::Sig, 36_500).to_pem().unwrap());
    for option in [
        "",
        "-legacy",
        "-legacy -certpbe PBE-SHA1-RC2-40 -keypbe PBE-SHA1-RC2-128",
        "-keypbe NONE -certpbe NONE",
        "-nomac",
        "-macalg sha512 -iter 20000",
    ] {
        folder.run(&format!(
            "openssl pkcs12 -export -inkey k.pem -in c.pem -name one -passout pass:{PASSWORD} -out k.p12 {option}"
        ));
        let found = read(&folder.read("k.p12"), option);
        assert_eq!((found[0].name.as_deref(), &found[0].key), (Some("one"), key), "{option}");
        assert!(found[0].certificate.is_some(), "{option}");
    }
}

#[test]
fn mistakes_are_named() {
    let (one, two) = (rsa(), signers(Reader::Java).nth(1).unwrap());
    let certificate = certificate(one, Use::Sig, 1);
    let entry = |alias, key| KeystoreEntry { alias, key, certificate: &certificate };
    let write = |entries: &[KeystoreEntry<'_>], password| pkcs12::write(entries, password, KeystoreProfile::Modern);
    assert_eq!(write(&[entry("a", one)], "").unwrap_err(), EncodeError::EmptyPassphrase);
    let same = EncodeError::SameAlias { alias: "A".to_owned() };
    assert_eq!(write(&[entry("a", one), entry("A", one)], "p").unwrap_err(), same);
    let foreign = EncodeError::ForeignCertificate { alias: "a".to_owned() };
    assert_eq!(write(&[entry("a", two)], "p").unwrap_err(), foreign);
    let characters = EncodeError::Characters { what: "an alias" };
    assert_eq!(write(&[entry("\u{1f511}", one)], "p").unwrap_err(), characters);
}
