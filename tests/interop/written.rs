//! What Keyturn wrote for the rows.

use std::fs;
use std::path::{Path, PathBuf};

use keyturn::jose::{KeyKind, OkpCurve};
use serde::Serialize;
use serde_json::Value;
use tempfile::TempDir;

use crate::program::{Outcome, command};
use crate::rows::Row;
use crate::specs;

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

/// A folder that `keyturn run` filled.
pub struct Written {
    temp: TempDir,
}

impl Written {
    /// Blocks while the keys are made.
    pub fn new(rows: &[Row]) -> Self {
        let written = Self { temp: tempfile::tempdir().unwrap() };
        let passphrases = written.dir().join("secrets/pass");
        fs::create_dir_all(&passphrases).unwrap();
        fs::write(passphrases.join("password"), PASSWORD).unwrap();
        let file = |(set, spec): (&str, Value)| {
            let path = written.temp.path().join(format!("{set}.yaml"));
            fs::write(&path, spec.to_string()).unwrap();
            path
        };
        let files: Vec<_> = specs::of(rows).into_iter().map(file).collect();
        // One pass makes the keys; encryption keys, which the pods that decrypt must have first, are active after the next.
        for _ in 0..3 {
            let outcome = Outcome::of(command(&files, &written.dir()).arg("--once"), &written.dir());
            assert!(outcome.status.success(), "{outcome:#?}");
        }
        written
    }

    /// The row's key in files of that form; a symmetric key is in the Secret only.
    pub fn halves(&self, row: &Row, form: Form) -> Halves {
        let (set, line) = (row.set(), &row.line);
        let secret = self.dir().join(format!("secrets/{set}-signer"));
        let config_map = self.dir().join(format!("configmaps/{set}-jwks"));
        let public = if row.is_symmetric() { &secret } else { &config_map };
        let in_folder = |folder: &Path| match form {
            Form::Jwks => folder.join(format!("{line}.json")),
            Form::Pem => folder.join(format!("{line}.pem")),
            Form::Pkcs12 => self.dir().join(format!("secrets/{set}-keystore/keystore.p12")),
        };
        let file = |folder: &Path| KeyFile { form, path: in_folder(folder), password: PASSWORD };
        let kid = fs::read_to_string(secret.join(format!("{line}.kid"))).unwrap();
        Halves { kid, private: file(&secret), public: file(public) }
    }

    fn dir(&self) -> PathBuf {
        self.temp.path().join("keys")
    }
}
