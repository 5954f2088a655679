//! `ssh-keygen`, both ways.

use base64ct::Encoding;
use keyturn::jose::PublicParams;
use keyturn::material::PrivateEncoding;
use keyturn::material::read::{ReadError, private_keys};

use crate::programs::{Folder, PASSPHRASE, Reader, keys};

#[test]
fn ssh_keygen_reads_our_keys() {
    let folder = Folder::new();
    for key in keys(Reader::SshKeygen) {
        for encoding in PrivateEncoding::ALL.iter().filter(|encoding| encoding.fits(key.spec().key_kind())) {
            folder.write("key", key.to_pem(*encoding).unwrap().as_bytes());
            let theirs = folder.run("ssh-keygen -y -f key");
            folder.write("public.pem", keyturn::material::spki_pem(key.public().unwrap()).unwrap());
            assert_eq!(folder.run("ssh-keygen -i -m PKCS8 -f public.pem"), theirs, "{encoding}");
        }
    }
}

#[test]
fn its_keys_come_in_with_their_comments() {
    let folder = Folder::new();
    for kind in ["rsa -b 2048", "ecdsa -b 256", "ecdsa -b 384", "ecdsa -b 521"] {
        for (passphrase, format) in
            [("''", ""), ("''", "-m PEM"), ("secret", ""), ("secret", "-m PEM"), ("secret", "-m PKCS8")]
        {
            let _ = std::fs::remove_file(folder.path("key"));
            folder.run(&format!("ssh-keygen -q -t {kind} -N {passphrase} -C me@here -f key {format}"));
            let octets = folder.read("key");
            let found = private_keys(&octets, Some("secret")).unwrap().into_all();
            let found = found.unwrap_or_else(|refused| panic!("{kind} {format}: {refused}"));
            assert_eq!(found[0].name.as_deref(), Some("me@here").filter(|_| format.is_empty()), "{kind} {format}");
            folder.write("again", found[0].key.to_pem(PrivateEncoding::Pkcs8).unwrap().as_bytes());
            let theirs = folder.read("key.pub");
            let ours = folder.run("ssh-keygen -y -f again");
            assert!(String::from_utf8(theirs).unwrap().starts_with(ours.trim()), "{kind} {format}");
        }
    }
}

#[test]
fn ed25519_comes_in() {
    let folder = Folder::new();
    for passphrase in ["''", "secret"] {
        let _ = std::fs::remove_file(folder.path("key"));
        folder.run(&format!("ssh-keygen -q -t ed25519 -N {passphrase} -f key"));
        let found = private_keys(&folder.read("key"), Some("secret")).unwrap().into_all().unwrap();
        let Some(PublicParams::Okp(okp)) = found[0].key.public() else { panic!("{}", found[0].key.spec()) };
        let theirs = String::from_utf8(folder.read("key.pub")).unwrap();
        let theirs = base64ct::Base64::decode_vec(theirs.split(' ').nth(1).unwrap()).unwrap();
        assert!(theirs.ends_with(okp.x().octets()));
    }
}

#[test]
fn a_wrong_passphrase_and_too_many_rounds_are_refused() {
    let folder = Folder::new();
    folder.write("pass", PASSPHRASE);
    folder.run("ssh-keygen -q -t ecdsa -N secret -f key -a 3");
    let mut octets = folder.read("key");
    for (passphrase, expected) in [(None, ReadError::PassphraseMissing), (Some("x"), ReadError::WrongPassphrase)] {
        assert_eq!(private_keys(&octets, passphrase).unwrap().refused[0].error, expected);
    }
    // The number of rounds follows the salt of 16 octets, which the name of the function comes before.
    let text = String::from_utf8(octets).unwrap();
    let body: String = text.lines().filter(|line| !line.starts_with('-')).collect();
    let mut binary = base64ct::Base64::decode_vec(&body).unwrap();
    let at = binary.windows(6).position(|window| window == b"bcrypt").unwrap() + 6 + 4 + 4 + 16;
    assert_eq!(binary[at..at + 4], [0, 0, 0, 3]);
    binary[at] = 1;
    let body = base64ct::Base64::encode_string(&binary);
    octets = format!("-----BEGIN OPENSSH PRIVATE KEY-----\n{body}\n-----END OPENSSH PRIVATE KEY-----\n").into_bytes();
    assert_eq!(private_keys(&octets, Some("secret")).unwrap().refused[0].error, ReadError::TooCostly);
}
