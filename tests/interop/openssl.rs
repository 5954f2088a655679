//! The `openssl` command. It knows no JOSE: this puts together what it signs and encrypts.

use std::fs;
use std::path::Path;
use std::process::Command;

use base64ct::{Base64UrlUnpadded, Encoding};
use serde_json::json;
use tempfile::TempDir;

use crate::programs::octets;
use crate::readers::{Op, Reader, Request};
use crate::written::{Form, KeyFile};

/// It, with a folder for its files.
pub struct Openssl {
    temp: TempDir,
}

impl Openssl {
    pub fn new() -> Self {
        Self { temp: tempfile::tempdir().unwrap() }
    }

    fn run(&self, args: &[&str]) -> Result<Vec<u8>, String> {
        octets(Command::new("openssl").args(args).current_dir(self.temp.path()), "Install the openssl command")
    }

    fn write(&self, name: &str, octets: &[u8]) {
        fs::write(self.temp.path().join(name), octets).unwrap();
    }

    /// The path of a half as PEM: the file itself, or what was in the keystore.
    fn pem(&self, file: &KeyFile, kid: &str, private: bool) -> Result<String, String> {
        if file.form == Form::Pem {
            return Ok(file.path.display().to_string());
        }
        let half = |name: &str| self.temp.path().join(format!("{kid}.{name}")).display().to_string();
        let (private_pem, certificate, public_pem) = (half("private"), half("certificate"), half("public"));
        if !Path::new(&certificate).exists() {
            let (keystore, password) = (file.path.display().to_string(), format!("pass:{}", file.password));
            let open = ["pkcs12", "-nodes", "-in", &keystore, "-passin", &password];
            self.split(&self.run(&[&open[..], &["-nocerts"]].concat())?, "private");
            self.split(&self.run(&[&open[..], &["-nokeys"]].concat())?, "certificate");
        }
        if !Path::new(&public_pem).exists() {
            self.run(&["verify", "-CAfile", &certificate, &certificate])?;
            fs::write(&public_pem, self.run(&["x509", "-in", &certificate, "-noout", "-pubkey"])?).unwrap();
        }
        Ok(if private { private_pem } else { public_pem })
    }

    /// Writes a file for each key or certificate that was printed, under its name.
    fn split(&self, printed: &[u8], half: &str) {
        for bag in String::from_utf8_lossy(printed).split("Bag Attributes").skip(1) {
            let name =
                bag.lines().find_map(|line| line.trim().strip_prefix("friendlyName: ")).expect("a bag has a name");
            self.write(&format!("{name}.{half}"), bag.as_bytes());
        }
    }

    fn read(&self, private: &str, public: &str) -> Result<String, String> {
        let checked = self.run(&["pkey", "-in", private, "-check", "-noout"])?;
        if !String::from_utf8_lossy(&checked).contains("Key is valid") {
            return Err(String::from_utf8_lossy(&checked).into_owned());
        }
        self.run(&["pkey", "-pubin", "-in", public, "-pubcheck", "-noout"])?;
        if self.run(&["pkey", "-in", private, "-pubout"])? == fs::read(public).unwrap() {
            Ok(String::new())
        } else {
            Err("the public half is another".to_owned())
        }
    }

    fn sign(&self, request: &Request, private: &str) -> Result<String, String> {
        let header = json!({ "alg": request.alg, "kid": request.kid }).to_string();
        let signed = format!("{}.{}", encode(header.as_bytes()), encode(request.text.as_bytes()));
        self.write("signed", signed.as_bytes());
        let signature = match digest(request.alg) {
            None => self.run(&["pkeyutl", "-sign", "-rawin", "-inkey", private, "-in", "signed"])?,
            Some(digest) => {
                let sign = ["dgst", &digest, "-sign", private];
                self.run(&[&sign[..], pss(request.alg), &["signed"]].concat())?
            }
        };
        Ok(format!("{signed}.{}", encode(&ecdsa::of_der(request.alg, signature))))
    }

    fn verify(&self, request: &Request, public: &str) -> Result<String, String> {
        let (signed, signature) = request.message.rsplit_once('.').unwrap();
        self.write("signed", signed.as_bytes());
        self.write("signature", &ecdsa::to_der(request.alg, decode(signature)));
        match digest(request.alg) {
            None => {
                let verify = ["pkeyutl", "-verify", "-rawin", "-pubin", "-inkey", public, "-in", "signed"];
                self.run(&[&verify[..], &["-sigfile", "signature"]].concat())?
            }
            Some(digest) => {
                let verify = ["dgst", &digest, "-verify", public, "-signature", "signature"];
                self.run(&[&verify[..], pss(request.alg), &["signed"]].concat())?
            }
        };
        let (_, payload) = signed.split_once('.').unwrap();
        Ok(String::from_utf8(decode(payload)).unwrap())
    }

    fn encrypt(&self, request: &Request, public: &str) -> Result<String, String> {
        let key = self.run(&["rand", "32"])?;
        self.write("key", &key);
        let encrypt = ["pkeyutl", "-encrypt", "-pubin", "-inkey", public, "-in", "key"];
        let wrapped = self.run(&[&encrypt[..], padding(request.alg)?].concat())?;
        let header = json!({ "alg": request.alg, "enc": request.enc, "kid": request.kid }).to_string();
        let (header, iv) = (encode(header.as_bytes()), self.run(&["rand", "16"])?);
        self.write("plaintext", request.text.as_bytes());
        let content =
            self.run(&["enc", "-aes-128-cbc", "-K", &hex(&key[16..]), "-iv", &hex(&iv), "-in", "plaintext"])?;
        let tag = self.tag(&key, &header, &iv, &content)?;
        Ok(format!("{header}.{}.{}.{}.{}", encode(&wrapped), encode(&iv), encode(&content), encode(&tag)))
    }

    fn decrypt(&self, request: &Request, private: &str) -> Result<String, String> {
        let parts: Vec<_> = request.message.split('.').collect();
        let [header, wrapped, iv, content, tag] = parts[..] else { panic!("a JWE has five parts") };
        let (iv, content) = (decode(iv), decode(content));
        self.write("wrapped", &decode(wrapped));
        let decrypt = ["pkeyutl", "-decrypt", "-inkey", private, "-in", "wrapped"];
        let key = self.run(&[&decrypt[..], padding(request.alg)?].concat())?;
        if self.tag(&key, header, &iv, &content)? != decode(tag) {
            return Err("the tag is another".to_owned());
        }
        self.write("content", &content);
        let (key, iv) = (hex(&key[16..]), hex(&iv));
        let plaintext = self.run(&["enc", "-d", "-aes-128-cbc", "-K", &key, "-iv", &iv, "-in", "content"])?;
        Ok(String::from_utf8(plaintext).unwrap())
    }

    /// The tag of A128CBC-HS256 (RFC 7518 section 5.2.2.1).
    fn tag(&self, key: &[u8], header: &str, iv: &[u8], content: &[u8]) -> Result<Vec<u8>, String> {
        let bits = (header.len() as u64 * 8).to_be_bytes();
        self.write("authenticated", &[header.as_bytes(), iv, content, &bits].concat());
        let hexkey = format!("hexkey:{}", hex(&key[..16]));
        let mac = ["dgst", "-sha256", "-mac", "HMAC", "-macopt", &hexkey, "-binary", "authenticated"];
        self.run(&mac).map(|mac| mac[..16].to_vec())
    }
}

impl Reader for Openssl {
    fn name(&self) -> &'static str {
        "openssl"
    }

    fn about(&self) -> &'static str {
        "the `openssl` command, 3.0 or newer"
    }

    fn forms(&self) -> &'static [Form] {
        &[Form::Pem, Form::Pkcs12]
    }

    fn ask(&mut self, request: &Request) -> Result<String, String> {
        let private = self.pem(&request.private, &request.kid, true)?;
        let public = self.pem(&request.public, &request.kid, false)?;
        match request.op {
            Op::Read => self.read(&private, &public),
            Op::Sign => self.sign(request, &private),
            Op::Verify => self.verify(request, &public),
            Op::Encrypt => self.encrypt(request, &public),
            Op::Decrypt => self.decrypt(request, &private),
        }
    }
}

/// The digest that is said apart from the key.
fn digest(alg: &str) -> Option<String> {
    match alg {
        "ES256K" => Some("-sha256".to_owned()),
        _ if alg.starts_with("RS") || alg.starts_with("PS") || alg.starts_with("ES") => {
            Some(format!("-sha{}", &alg[2..]))
        }
        _ => None,
    }
}

fn pss(alg: &str) -> &'static [&'static str] {
    if alg.starts_with("PS") { &["-sigopt", "rsa_padding_mode:pss", "-sigopt", "rsa_pss_saltlen:digest"] } else { &[] }
}

fn padding(alg: &str) -> Result<&'static [&'static str], String> {
    Ok(match alg {
        "RSA1_5" => &["-pkeyopt", "rsa_padding_mode:pkcs1"],
        "RSA-OAEP" => &["-pkeyopt", "rsa_padding_mode:oaep"],
        "RSA-OAEP-256" => &["-pkeyopt", "rsa_padding_mode:oaep", "-pkeyopt", "rsa_oaep_md:sha256"],
        "RSA-OAEP-384" => &["-pkeyopt", "rsa_padding_mode:oaep", "-pkeyopt", "rsa_oaep_md:sha384"],
        "RSA-OAEP-512" => &["-pkeyopt", "rsa_padding_mode:oaep", "-pkeyopt", "rsa_oaep_md:sha512"],
        _ => return Err(format!("the command has no {alg}")),
    })
}

fn encode(octets: &[u8]) -> String {
    Base64UrlUnpadded::encode_string(octets)
}

fn decode(text: &str) -> Vec<u8> {
    Base64UrlUnpadded::decode_vec(text).unwrap()
}

fn hex(octets: &[u8]) -> String {
    octets.iter().map(|octet| format!("{octet:02x}")).collect::<Vec<_>>().concat()
}

/// ECDSA signatures, which are DER to openssl and two numbers of fixed size to JOSE (RFC 7518 section 3.4).
mod ecdsa {
    pub fn of_der(alg: &str, der: Vec<u8>) -> Vec<u8> {
        match alg {
            "ES256" => p256::ecdsa::Signature::from_der(&der).unwrap().to_bytes().to_vec(),
            "ES384" => p384::ecdsa::Signature::from_der(&der).unwrap().to_bytes().to_vec(),
            "ES512" => p521::ecdsa::Signature::from_der(&der).unwrap().to_bytes().to_vec(),
            "ES256K" => k256::ecdsa::Signature::from_der(&der).unwrap().to_bytes().to_vec(),
            _ => der,
        }
    }

    pub fn to_der(alg: &str, fixed: Vec<u8>) -> Vec<u8> {
        match alg {
            "ES256" => p256::ecdsa::Signature::from_slice(&fixed).unwrap().to_der().as_bytes().to_vec(),
            "ES384" => p384::ecdsa::Signature::from_slice(&fixed).unwrap().to_der().as_bytes().to_vec(),
            "ES512" => p521::ecdsa::Signature::from_slice(&fixed).unwrap().to_der().as_bytes().to_vec(),
            "ES256K" => k256::ecdsa::Signature::from_slice(&fixed).unwrap().to_der().as_bytes().to_vec(),
            _ => fixed,
        }
    }
}
