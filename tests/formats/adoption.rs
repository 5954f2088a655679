//! Private keys, public keys and certificates that `openssl` made.

use keyturn::jose::{Curve, KeySpec, OkpCurve};
use keyturn::material::read::{ReadError, private_keys, public_keys};
use keyturn::material::{CheckError, PrivateKey, spki_pem};

use crate::programs::{Folder, PASSPHRASE};

/// The one key in a file, which must be the one that `openssl` sees there.
fn adopt(folder: &Folder, file: &str) -> PrivateKey {
    let octets = folder.read(file);
    let found = private_keys(&octets, Some(PASSPHRASE)).unwrap_or_else(|error| panic!("{file}: {error}"));
    let mut found = found.into_all().unwrap_or_else(|refused| panic!("{file}: {refused}"));
    assert_eq!(found.len(), 1, "{file}");
    found.remove(0).key
}

#[test]
fn keys_come_in_from_every_encoding_of_openssl() {
    let folder = Folder::new();
    folder.write("pass", PASSPHRASE);
    for (make, spec) in [
        ("openssl genrsa -traditional -out old.pem 2048", KeySpec::Rsa { bits: 2048 }),
        ("openssl ecparam -genkey -name prime256v1 -out old.pem", KeySpec::Ec { curve: Curve::P256 }),
        ("openssl ecparam -genkey -name secp384r1 -out old.pem", KeySpec::Ec { curve: Curve::P384 }),
        ("openssl ecparam -genkey -name secp521r1 -out old.pem", KeySpec::Ec { curve: Curve::P521 }),
        ("openssl ecparam -genkey -name secp256k1 -out old.pem", KeySpec::Ec { curve: Curve::Secp256k1 }),
    ] {
        folder.run(make);
        let public = folder.run("openssl pkey -in old.pem -pubout");
        let command = if matches!(spec, KeySpec::Rsa { .. }) { "rsa" } else { "ec" };
        let mut files = vec!["old.pem".to_owned()];
        for (file, line) in [
            ("new.pem", "openssl pkcs8 -topk8 -nocrypt -in old.pem"),
            ("new.der", "openssl pkcs8 -topk8 -nocrypt -in old.pem -outform DER"),
            ("default.pem", "openssl pkcs8 -topk8 -in old.pem -passout file:pass"),
            ("default.der", "openssl pkcs8 -topk8 -in old.pem -passout file:pass -outform DER"),
            ("aes128.pem", "openssl pkcs8 -topk8 -in old.pem -passout file:pass -v2 aes-128-cbc -v2prf hmacWithSHA1"),
            ("aes192.pem", "openssl pkcs8 -topk8 -in old.pem -passout file:pass -v2 aes-192-cbc -v2prf hmacWithSHA512"),
            ("des3.pem", "openssl pkcs8 -topk8 -in old.pem -passout file:pass -v2 des3 -iter 100000"),
            ("scrypt.pem", "openssl pkcs8 -topk8 -in old.pem -passout file:pass -scrypt"),
            ("v1.pem", "openssl pkcs8 -topk8 -in old.pem -passout file:pass -v1 PBE-SHA1-3DES"),
        ] {
            folder.run(&format!("{line} -out {file}"));
            files.push(file.to_owned());
        }
        for cipher in ["aes128", "aes192", "aes256", "des3"] {
            let file = format!("traditional-{cipher}.pem");
            let old = if command == "rsa" { "-traditional" } else { "" };
            folder.run(&format!("openssl {command} {old} -in old.pem -{cipher} -passout file:pass -out {file}"));
            assert!(String::from_utf8(folder.read(&file)).unwrap().contains("DEK-Info"), "{file}");
            files.push(file);
        }
        folder.run(&format!("openssl {command} -in old.pem -outform DER -out old.der"));
        files.push("old.der".to_owned());
        for file in files {
            let key = adopt(&folder, &file);
            assert_eq!(key.spec(), spec, "{file}");
            assert_eq!(spki_pem(key.public().unwrap()).unwrap(), public, "{file}");
        }
    }
}

#[test]
fn octet_key_pairs_come_in() {
    let folder = Folder::new();
    folder.write("pass", PASSPHRASE);
    for curve in OkpCurve::ALL.iter().copied() {
        folder.run(&format!("openssl genpkey -algorithm {curve} -out plain.pem"));
        folder.run("openssl pkcs8 -topk8 -in plain.pem -passout file:pass -out shrouded.pem");
        folder.run("openssl pkey -in plain.pem -outform DER -out plain.der");
        folder.run("openssl pkey -in plain.pem -pubout -out public.pem");
        let public = public_keys(&folder.read("public.pem")).unwrap().keys.remove(0).params;
        for file in ["plain.pem", "shrouded.pem", "plain.der"] {
            assert!(adopt(&folder, file).matches(&public), "{file}");
        }
        assert_eq!(public.spec(), KeySpec::Okp { curve });
    }
    folder.run("openssl genpkey -algorithm Ed448 -out ed448.pem");
    let refused = private_keys(&folder.read("ed448.pem"), None).unwrap().into_all().unwrap_err();
    assert_eq!(refused.error, CheckError::No448.into());
}

#[test]
fn a_key_for_rsassa_pss_alone_says_so_whatever_it_is_written_as() {
    let folder = Folder::new();
    folder.write("pass", PASSPHRASE);
    for (options, expected) in [
        ("", "PS256 or PS384 or PS512"),
        ("-pkeyopt rsa_pss_keygen_md:sha384", "PS384"),
        ("-pkeyopt rsa_pss_keygen_md:sha1", "no algorithm of JOSE"),
    ] {
        folder.run(
            format!("openssl genpkey -algorithm RSA-PSS -pkeyopt rsa_keygen_bits:2048 {options} -out pss.pem").trim(),
        );
        folder.run("openssl pkcs8 -topk8 -in pss.pem -passout file:pass -out shrouded.pem");
        folder.run("openssl pkey -in pss.pem -outform DER -out pss.der");
        for file in ["pss.pem", "shrouded.pem", "pss.der"] {
            let found = private_keys(&folder.read(file), Some(PASSPHRASE)).unwrap().into_all().unwrap().remove(0);
            assert_eq!(found.pss_only.unwrap().to_string(), expected, "{file}");
        }
        folder.run("openssl pkey -in pss.pem -pubout -out public.pem");
        let mut files = vec!["public.pem"];
        if expected.contains("PS384") {
            folder.run("openssl req -x509 -new -key pss.pem -sha384 -subj /CN=Auth -days 30 -out certificate.pem");
            files.push("certificate.pem");
        }
        for file in files {
            let found = public_keys(&folder.read(file)).unwrap().keys.remove(0);
            assert_eq!(found.pss_only.unwrap().to_string(), expected, "{file}");
        }
    }
}

#[test]
fn wrong_and_missing_passphrases_are_told_apart() {
    let folder = Folder::new();
    folder.write("pass", PASSPHRASE);
    folder.run("openssl genrsa -traditional -out old.pem 2048");
    folder.run("openssl rsa -traditional -in old.pem -aes256 -passout file:pass -out a.pem");
    folder.run("openssl pkcs8 -topk8 -in old.pem -passout file:pass -v1 PBE-SHA1-3DES -out b.pem");
    for file in ["a.pem", "b.pem"] {
        let octets = folder.read(file);
        for (passphrase, expected) in [(None, ReadError::PassphraseMissing), (Some("x"), ReadError::WrongPassphrase)] {
            assert_eq!(private_keys(&octets, passphrase).unwrap().refused[0].error, expected, "{file}");
        }
    }
}

#[test]
fn what_is_not_supported_is_named() {
    let folder = Folder::new();
    folder.write("pass", PASSPHRASE);
    let error = |file: &str| private_keys(&folder.read(file), Some(PASSPHRASE)).unwrap().refused[0].error.clone();
    folder.run("openssl ecparam -genkey -name brainpoolP256r1 -noout -out curve.pem");
    assert_eq!(error("curve.pem"), CheckError::UnsupportedCurve.into());
    folder.run("openssl ecparam -genkey -name prime256v1 -param_enc explicit -noout -out curve.pem");
    assert_eq!(error("curve.pem"), CheckError::ExplicitCurve.into());
    folder.run("openssl pkcs8 -topk8 -nocrypt -in curve.pem -out explicit.pem");
    assert_eq!(error("explicit.pem"), CheckError::ExplicitCurve.into());
    folder.run("openssl ec -in explicit.pem -param_enc named_curve -out named.pem");
    assert_eq!(adopt(&folder, "named.pem").spec(), KeySpec::Ec { curve: Curve::P256 });
    folder.run("openssl genrsa -traditional -out small.pem 1024");
    assert!(error("small.pem").to_string().starts_with("the RSA modulus has 1024 bits"));
    folder.run("openssl genrsa -primes 3 -traditional -out primes.pem 2048");
    assert_eq!(error("primes.pem"), CheckError::MultiPrime.into());
    folder.run("openssl genrsa -traditional -out old.pem 2048");
    folder.run("openssl rsa -traditional -in old.pem -camellia256 -passout file:pass -out camellia.pem");
    let camellia = error("camellia.pem").to_string();
    assert!(camellia.starts_with("PEM encrypted with CAMELLIA-256-CBC is not supported: write it anew"), "{camellia}");
    folder.run("openssl pkcs8 -topk8 -in old.pem -passout file:pass -v2 camellia-256-cbc -out camellia.pem");
    let camellia = error("camellia.pem").to_string();
    assert!(camellia.starts_with("encryption with 1.2.392.200011.61.1.1.1.4 is not supported"), "{camellia}");
}

#[test]
fn public_keys_and_certificates_come_in() {
    let folder = Folder::new();
    folder.run("openssl genrsa -traditional -out key.pem 2048");
    folder.run("openssl ecparam -genkey -name prime256v1 -noout -out ec.pem");
    folder.run("openssl ec -in ec.pem -conv_form compressed -pubout -out compressed.pem");
    folder.run("openssl ec -in ec.pem -pubout -outform DER -out ec.der");
    folder.run("openssl rsa -in key.pem -RSAPublicKey_out -out pkcs1.pem");
    folder.run("openssl rsa -in key.pem -RSAPublicKey_out -outform DER -out pkcs1.der");
    folder.run("openssl rsa -in key.pem -pubout -out spki.pem");
    folder.run("openssl req -x509 -new -key key.pem -subj /O=Example/CN=Auth -days 30 -out certificate.pem");
    folder.run("openssl x509 -in certificate.pem -outform DER -out certificate.der");
    let (rsa, ec) = (adopt(&folder, "key.pem"), adopt(&folder, "ec.pem"));
    for (file, key) in [
        ("compressed.pem", &ec),
        ("ec.der", &ec),
        ("pkcs1.pem", &rsa),
        ("pkcs1.der", &rsa),
        ("spki.pem", &rsa),
        ("certificate.pem", &rsa),
        ("certificate.der", &rsa),
    ] {
        let found = public_keys(&folder.read(file)).unwrap_or_else(|error| panic!("{file}: {error}"));
        assert_eq!((found.keys.len(), found.refused.len()), (1, 0), "{file}");
        assert!(key.matches(&found.keys[0].params), "{file}");
        if let Some(certificate) = &found.keys[0].certificate {
            assert_eq!(certificate.subject(), "CN=Auth,O=Example");
            let validity = certificate.validity().unwrap();
            assert_eq!((validity.not_after - validity.not_before).num_days(), 30);
        }
    }
    let both = [folder.read("key.pem"), folder.read("certificate.pem")].concat();
    let found = private_keys(&both, None).unwrap();
    assert!(found.certificates.is_empty() && found.keys[0].certificate.is_some());
}
