//! What Keyturn wrote for the rows.

use std::fs;
use std::path::{Path, PathBuf};

use chrono::{DateTime, TimeDelta};
use keyturn::jose::{KeyKind, OkpCurve};
use keyturn::material::pkcs12::{self, KeystoreEntry, KeystoreProfile};
use keyturn::material::read::private_keys;
use keyturn::material::{Certificate, Serial, Validity};
use serde::Serialize;
use tempfile::TempDir;

use crate::program::{Outcome, command};
use crate::rows::Row;

/// What opens the keystores.
pub const PASSWORD: &str = "correct-horse";

/// A kind of file that keys are read from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Form {
    Jwks,
    Pem,
    Pkcs12,
}

impl Form {
    /// As the page names it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Jwks => "JWK",
            Self::Pem => "PEM",
            Self::Pkcs12 => "PKCS#12",
        }
    }

    /// Whether Keyturn writes such files of the row's keys.
    pub fn is_of(self, row: &Row) -> bool {
        match self {
            Self::Jwks => true,
            Self::Pem => !row.is_symmetric() && !row.among_others,
            // A key that can't sign has no certificate of its own.
            Self::Pkcs12 => Self::Pem.is_of(row) && row.kind != KeyKind::Okp(OkpCurve::X25519),
        }
    }
}

/// A file with a key, as drivers are told of it.
#[derive(Clone, Debug, Serialize)]
pub struct KeyFile {
    pub form: Form,
    pub path: PathBuf,
    pub password: &'static str,
}

/// The two halves of a row's key.
#[derive(Clone, Debug)]
pub struct Halves {
    pub kid: String,
    pub private: KeyFile,
    pub public: KeyFile,
}

/// A folder that `keyturn run` filled, with the keystores beside it.
pub struct Written {
    temp: TempDir,
}

impl Written {
    /// Blocks while the keys are made.
    pub fn new(rows: &[Row]) -> Self {
        let written = Self { temp: tempfile::tempdir().unwrap() };
        let file = |row: &Row| {
            let path = written.temp.path().join(format!("{}.yaml", row.set));
            fs::write(&path, row.spec()).unwrap();
            path
        };
        let files: Vec<_> = rows.iter().map(file).collect();
        // One pass makes the keys; encryption keys, which the pods that decrypt must have first, are active after the next.
        for _ in 0..3 {
            let outcome = Outcome::of(command(&files, &written.dir()).arg("--once"), &written.dir());
            assert!(outcome.status.success(), "{outcome:#?}");
        }
        for row in rows.iter().filter(|row| Form::Pkcs12.is_of(row)) {
            fs::write(written.keystore(row), written.make_keystore(row)).unwrap();
        }
        written
    }

    /// The row's key in files of that form; a symmetric key is in the Secret only.
    pub fn halves(&self, row: &Row, form: Form) -> Halves {
        let secret = self.dir().join(format!("secrets/{}-signer", row.set));
        let config_map = self.dir().join(format!("configmaps/{}-jwks", row.set));
        let public = if row.is_symmetric() { &secret } else { &config_map };
        let in_folder = |folder: &Path| match form {
            Form::Jwks => folder.join("jwks.json"),
            Form::Pem => folder.join("key.pem"),
            Form::Pkcs12 => self.keystore(row),
        };
        let file = |folder: &Path| KeyFile { form, path: in_folder(folder), password: PASSWORD };
        let kid = fs::read_to_string(secret.join("kid")).unwrap();
        Halves { kid, private: file(&secret), public: file(public) }
    }

    fn dir(&self) -> PathBuf {
        self.temp.path().join("keys")
    }

    fn keystore(&self, row: &Row) -> PathBuf {
        self.temp.path().join(format!("{}.p12", row.set))
    }

    fn make_keystore(&self, row: &Row) -> Vec<u8> {
        let Halves { kid, private, .. } = self.halves(row, Form::Pem);
        let found = private_keys(&fs::read(private.path).unwrap(), None).unwrap().into_all().unwrap();
        let key = &found[0].key;
        let not_before = DateTime::from_timestamp(1_577_836_800, 0).unwrap();
        let validity = Validity { not_before, not_after: not_before + TimeDelta::days(36_500) };
        let (subject, serial) = ("CN=Auth CA Certificates".parse().unwrap(), Serial::draw().unwrap());
        let certificate = Certificate::self_signed(key, row.algorithm.usage(), &subject, validity, &serial).unwrap();
        let entry = KeystoreEntry { alias: &kid, key, certificate: &certificate };
        pkcs12::write(&[entry], PASSWORD, KeystoreProfile::Modern).unwrap()
    }
}
