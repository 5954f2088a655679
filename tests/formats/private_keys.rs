//! What `openssl` makes of our private keys.

use base64ct::Encoding;
use keyturn::jose::KeySpec;
use keyturn::material::read::{ReadError, private_keys};
use keyturn::material::{PrivateEncoding, PrivateKey, pkcs1_public_pem, spki_pem};

use crate::programs::{Folder, PASSPHRASE, Reader, keys, of_every_java, rsa};

#[test]
fn openssl_reads_every_encoding_of_every_key() {
    let folder = Folder::new();
    for key in keys(Reader::Openssl) {
        for encoding in PrivateEncoding::ALL.iter().filter(|encoding| encoding.fits(key.spec().key_kind())) {
            folder.write("key.pem", key.to_pem(*encoding).unwrap().as_bytes());
            folder.assert_openssl_sees(key, "key.pem", "");
            if !matches!(key.spec(), KeySpec::Okp { .. }) {
                folder.run("openssl pkey -in key.pem -check -noout");
            }
            folder.write("key.der", &*key.to_der(*encoding).unwrap());
            folder.assert_openssl_sees(key, "key.der", "-inform DER");
        }
    }
}

#[test]
fn openssl_writes_the_same_octets() {
    let folder = Folder::new();
    let has_older =
        |key: &&PrivateKey| PrivateEncoding::ALL.iter().filter(|e| e.fits(key.spec().key_kind())).count() > 1;
    for key in keys(Reader::Openssl).filter(has_older) {
        folder.write("key.pem", key.to_pem(PrivateEncoding::Pkcs8).unwrap().as_bytes());
        folder.run("openssl pkey -in key.pem -traditional -out theirs.pem");
        let ours = PrivateEncoding::ALL.iter().rev().find_map(|encoding| key.to_pem(*encoding).ok()).unwrap();
        assert_eq!(String::from_utf8(folder.read("theirs.pem")).unwrap(), *ours);
    }
    folder.write("key.pem", rsa().to_pem(PrivateEncoding::Pkcs1).unwrap().as_bytes());
    folder.run("openssl rsa -in key.pem -RSAPublicKey_out -out public.pem");
    assert_eq!(folder.read("public.pem"), pkcs1_public_pem(rsa().public().unwrap()).unwrap().as_bytes());
}

#[test]
fn openssl_opens_what_is_encrypted_and_so_do_we() {
    let folder = Folder::new();
    for key in keys(Reader::Openssl) {
        let pem = key.to_encrypted_pem(PASSPHRASE).unwrap();
        folder.write("key.pem", &pem);
        let word = format!("file:{}", folder.path("pass").display());
        folder.write("pass", PASSPHRASE);
        let printed = folder.run(&format!("openssl pkey -in key.pem -passin {word} -pubout"));
        assert_eq!(printed, spki_pem(key.public().unwrap()).unwrap());
        let found = private_keys(pem.as_bytes(), Some(PASSPHRASE)).unwrap().into_all().unwrap();
        assert_eq!(found[0].key, *key);
    }
    let described = folder.run("openssl asn1parse -in key.pem");
    for expected in ["PBES2", "PBKDF2", ":0927C0", "hmacWithSHA256", "aes-256-cbc"] {
        assert!(described.contains(expected), "{described}");
    }
    let refused = private_keys(&folder.read("key.pem"), Some("wrong")).unwrap().into_all().unwrap_err();
    assert_eq!(refused.error, ReadError::WrongPassphrase);
    let refused = private_keys(&folder.read("key.pem"), None).unwrap().into_all().unwrap_err();
    assert_eq!(refused.error, ReadError::PassphraseMissing);
}

/// Opens `key.der` with the passphrase in `pass`, and prints the PKCS#8 inside as base64.
const JAVA: &str = r#"
import java.nio.file.*;
import javax.crypto.*;
import javax.crypto.spec.*;

class Open {
  public static void main(String[] arguments) throws Exception {
    var shrouded = new EncryptedPrivateKeyInfo(Files.readAllBytes(Path.of("key.der")));
    var passphrase = new PBEKeySpec(Files.readString(Path.of("pass")).toCharArray());
    // For PBES2 the parameters name the algorithm, not the identifier before them.
    var name = shrouded.getAlgParameters().toString();
    var cipher = Cipher.getInstance(name);
    cipher.init(Cipher.DECRYPT_MODE, SecretKeyFactory.getInstance(name).generateSecret(passphrase), shrouded.getAlgParameters());
    System.out.print(java.util.Base64.getEncoder().encodeToString(shrouded.getKeySpec(cipher).getEncoded()));
  }
}
"#;

const NODE: &str = r"
const { createPrivateKey } = require('node:crypto');
const { readFileSync } = require('node:fs');
const key = createPrivateKey({ key: readFileSync('key.pem'), passphrase: readFileSync('pass') });
process.stdout.write(key.export({ type: 'pkcs8', format: 'der' }).toString('base64'));
";

#[test]
fn java_and_node_open_what_is_encrypted() {
    let folder = Folder::new();
    folder.write("Open.java", JAVA);
    folder.write("open.cjs", NODE);
    folder.write("pass", PASSPHRASE);
    for key in keys(Reader::Openssl).take(2) {
        folder.write("key.der", key.to_encrypted_der(PASSPHRASE).unwrap());
        folder.write("key.pem", key.to_encrypted_pem(PASSPHRASE).unwrap());
        let expected = base64ct::Base64::encode_string(&key.to_pkcs8_der().unwrap());
        assert_eq!(folder.run("node open.cjs"), expected);
        for java in of_every_java("java") {
            assert_eq!(folder.run(&format!("{java} Open.java")), expected, "{java}");
        }
    }
}
