//! A folder to work in, the programs that work there, and one key of each kind.

use std::fs;
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::LazyLock;

use keyturn::jose::{Curve, KeySpec, OkpCurve, ParameterSet};
use keyturn::material::{PrivateKey, spki_pem};
use tempfile::TempDir;

/// The passphrase of everything encrypted.
pub const PASSPHRASE: &str = "correct horse";

/// Who reads keys here, each with the kinds that it knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reader {
    Keyturn,
    /// 3.0, which knows no ML-DSA.
    Openssl,
    /// Since 16 without secp256k1.
    Java,
    SshKeygen,
}

/// One key of each kind that this reader knows, made once.
pub fn keys(reader: Reader) -> impl Iterator<Item = &'static PrivateKey> {
    static KEYS: LazyLock<Vec<PrivateKey>> = LazyLock::new(|| {
        let curves = Curve::ALL.iter().map(|curve| KeySpec::Ec { curve: *curve });
        let octets = OkpCurve::ALL.iter().map(|curve| KeySpec::Okp { curve: *curve });
        let sets = ParameterSet::ALL.iter().map(|set| KeySpec::Akp { set: *set });
        let specs = [KeySpec::Rsa { bits: 2048 }].into_iter().chain(curves).chain(octets).chain(sets);
        specs.map(|spec| PrivateKey::generate(&spec).unwrap()).collect()
    });
    KEYS.iter().filter(move |key| match key.spec() {
        KeySpec::Rsa { .. } => true,
        KeySpec::Ec { curve } => curve != Curve::Secp256k1 || matches!(reader, Reader::Keyturn | Reader::Openssl),
        KeySpec::Okp { .. } => reader != Reader::SshKeygen,
        KeySpec::Akp { .. } => reader == Reader::Keyturn,
        // Symmetric keys are JWKs, and nothing else.
        KeySpec::Oct { .. } => false,
    })
}

/// Those that can sign, and so have a certificate.
pub fn signers(reader: Reader) -> impl Iterator<Item = &'static PrivateKey> {
    keys(reader).filter(|key| key.spec() != KeySpec::Okp { curve: OkpCurve::X25519 })
}

/// The RSA key.
pub fn rsa() -> &'static PrivateKey {
    keys(Reader::Keyturn).next().unwrap()
}

/// A folder that is gone after the test.
pub struct Folder(TempDir);

impl Folder {
    pub fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Writes a file that only its owner may read, as `ssh-keygen` demands.
    pub fn write(&self, name: &str, octets: impl AsRef<[u8]>) {
        use std::os::unix::fs::OpenOptionsExt;
        let file = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(self.path(name));
        file.unwrap().write_all(octets.as_ref()).unwrap();
    }

    pub fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.path(name)).unwrap()
    }

    /// Runs a line, whose words are parted by spaces, in the folder, and gives what it prints.
    pub fn run(&self, line: &str) -> String {
        let (worked, printed) = self.attempt(line);
        assert!(worked, "{line}:\n{printed}");
        printed
    }

    /// Runs a line that may fail.
    pub fn attempt(&self, line: &str) -> (bool, String) {
        let mut words = line.split_whitespace().map(|word| word.replace("''", ""));
        let mut command = Command::new(words.next().unwrap());
        let output = command.args(words).current_dir(self.0.path()).stdin(Stdio::null()).output();
        let output = output.unwrap_or_else(|error| panic!("{line}: {error}"));
        let printed = [output.stdout, output.stderr].map(|octets| String::from_utf8_lossy(&octets).into_owned());
        (output.status.success(), printed.concat())
    }

    /// Asserts that `openssl` sees this key's public half in a file with a private key.
    pub fn assert_openssl_sees(&self, key: &PrivateKey, file: &str, options: &str) {
        let printed = self.run(&format!("openssl pkey -in {file} {options} -pubout"));
        assert_eq!(printed, spki_pem(key.public().unwrap()).unwrap(), "{file}");
    }
}

/// A program of every Java on the machine, such as `keytool`.
pub fn of_every_java(program: &str) -> Vec<String> {
    let homes = fs::read_dir("/usr/lib/jvm").into_iter().flatten().flatten();
    let mut found: Vec<_> =
        homes.filter_map(|home| fs::canonicalize(home.path().join("bin").join(program)).ok()).collect();
    found.sort();
    found.dedup();
    match found.as_slice() {
        [] => vec![program.to_owned()],
        found => found.iter().map(|path| path.display().to_string()).collect(),
    }
}
