//! The readers, and what they can be asked.

use serde::Serialize;

use crate::drivers::Driver;
use crate::keytool::Keytool;
use crate::libraries;
use crate::openssl::Openssl;
use crate::rows::Row;
use crate::ssh_keygen::SshKeygen;
use crate::written::{Form, Halves, KeyFile};

/// What a reader does; see `protocol.md`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Op {
    Read,
    Sign,
    Verify,
    Encrypt,
    Decrypt,
}

/// One question.
#[derive(Clone, Debug, Serialize)]
pub struct Request {
    pub op: Op,
    pub alg: &'static str,
    pub enc: &'static str,
    pub kid: String,
    pub text: &'static str,
    pub message: String,
    pub private: KeyFile,
    pub public: KeyFile,
}

impl Request {
    /// What is signed and encrypted.
    pub const TEXT: &'static str = "hello";

    /// A question about these halves of the row's key.
    pub fn new(op: Op, row: &Row, halves: &Halves, message: &str) -> Self {
        let Halves { kid, private, public } = halves.clone();
        let (alg, enc) = (row.algorithm.name(), row.enc);
        Self { op, alg, enc, kid, text: Self::TEXT, message: message.to_owned(), private, public }
    }
}

/// A program or library of others.
pub trait Reader {
    /// As the head of its column says.
    fn name(&self) -> &'static str;

    /// What it is, for the page: the pinned version where it is fetched, none where it is the machine's.
    fn about(&self) -> &'static str;

    /// The forms of file that it reads.
    fn forms(&self) -> &'static [Form];

    /// Answers, or says in its own words why it can't.
    fn ask(&mut self, request: &Request) -> Result<String, String>;
}

/// All of them, ready to be asked. Fetches the libraries first if they are not there.
pub fn all() -> Vec<Box<dyn Reader>> {
    vec![
        Box::new(Openssl::new()),
        Box::new(SshKeygen),
        Box::new(Keytool::default()),
        Box::new(Driver::start("jose", "Node's `jose` 6.2.18", &[Form::Jwks, Form::Pem], libraries::node())),
        Box::new(Driver::start(
            "jwcrypto",
            "Python's `jwcrypto` 1.6.1 on `cryptography` 50.0.2",
            &[Form::Jwks, Form::Pem],
            libraries::python(),
        )),
        Box::new(Driver::start(
            "nimbus",
            "Java's `nimbus-jose-jwt` 10.10 with Tink 1.24.0 and Bouncy Castle 1.87, and Java's own `KeyStore` and `KeyFactory`",
            &[Form::Jwks, Form::Pem, Form::Pkcs12],
            libraries::java(),
        )),
        Box::new(Driver::start(
            "jwx",
            "Go's `lestrrat-go/jwx` 3.4.0, built with the tag `jwx_es256k`",
            &[Form::Jwks, Form::Pem],
            libraries::go(),
        )),
    ]
}
