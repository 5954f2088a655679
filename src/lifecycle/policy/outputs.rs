//! What is written where: the files of the signers' Secrets and the verifiers' ConfigMaps.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::{Deserialize, Serialize};

use super::Line;
use super::profile::Preset;
use crate::api::{
    self, ConfigMapFile, Encoding, InactiveKeys, JwksKeySetSpec, KeystoreEncryption, PublicContent, SecretContent,
    SecretFile, SecretKeyRef, Select,
};
use crate::jose::KeyKind;
use crate::keyring::{PrivateForm, Publisher};
use crate::material::PrivateEncoding;
use crate::material::pkcs12::KeystoreProfile;

/// Name of the file that the default outputs hold.
const DEFAULT_FILE: &str = "jwks.json";

/// Longest file name: that of a key of a Secret.
const LONGEST_FILE_NAME: usize = 253;

/// Which kind of object an output is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum OutputKind {
    /// For verifiers, public by type.
    ConfigMap,
    /// For signers.
    Secret,
}

/// Names one output of a set.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OutputId {
    /// Its kind.
    pub kind: OutputKind,
    /// Its name, in the namespace of the set.
    pub name: String,
}

/// One output and its files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// For verifiers.
    ConfigMap {
        /// Name of the ConfigMap.
        name: String,
        /// File name → what it holds.
        files: BTreeMap<String, File<PublicContent>>,
    },
    /// For signers.
    Secret {
        /// Name of the Secret.
        name: String,
        /// Where the passphrase is that encrypts what it holds.
        passphrase: Option<SecretKeyRef>,
        /// File name → what it holds.
        files: BTreeMap<String, File<SignersFile>>,
    },
}

/// What a file for signers holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignersFile {
    /// A private JWK Set.
    Jwks {
        /// How it holds the keys that are not active; `None`: as their readers must load them.
        inactive: Option<InactiveKeys>,
    },
    /// The active key as a private JWK.
    Jwk,
    /// The active key in an encoding of its own.
    Key {
        /// Which.
        encoding: PrivateEncoding,
        /// As PEM, not DER.
        pem: bool,
    },
    /// A keystore.
    Keystore(KeystoreProfile),
    /// The passphrase.
    Passphrase,
    /// What may be in any output.
    Public(PublicContent),
}

/// One file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File<C> {
    /// What it holds.
    pub content: C,
    /// Of which lines.
    pub scope: Scope,
    /// Which key of the line, where it holds one public key.
    pub select: Select,
}

/// Which lines a file holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scope {
    /// All of them.
    AllLines,
    /// One.
    Line(String),
}

/// What is wrong with an output.
#[derive(Debug, thiserror::Error)]
pub enum OutputError {
    /// A name that no object can have.
    #[error(
        "{0} can't be the name of an object: use at most 253 of a-z, 0-9, '-' and '.', starting and ending with a letter or digit"
    )]
    Name(OutputId),
    /// Two of one name.
    #[error("{0} is listed twice: put its files into one entry")]
    Twice(OutputId),
    /// The keyring's name.
    #[error("secret {0:?} is the keyring's own name: choose another")]
    Keyring(String),
    /// The set's own name is too long.
    #[error("the name {0:?} is longer than 63 characters: choose a shorter one")]
    SetName(String),
    /// A file name that can't be the key of a Secret.
    #[error(
        "{output}: the file name {file:?} can't be the key of an object: use letters, digits, '-', '_' and '.', at most \
         {LONGEST_FILE_NAME}, not starting with '..'"
    )]
    File {
        /// The output.
        output: OutputId,
        /// The file name.
        file: String,
    },
    /// A line that is not there.
    #[error("{output}: the file {file:?} takes line {line:?}, which is none of spec.keys: {known}")]
    Line {
        /// The output.
        output: OutputId,
        /// The file name.
        file: String,
        /// The line it names.
        line: String,
        /// The lines there are.
        known: String,
    },
    /// A file of one key without a line.
    #[error("{output}: the file {file:?} holds one key, and the set has several lines: state its line")]
    WhichLine {
        /// The output.
        output: OutputId,
        /// The file name.
        file: String,
    },
    /// A public file of keys that have no public half.
    #[error(
        "{output}: the file {file:?} takes line {line:?}, whose keys are symmetric and have no public half: take the line \
         out of public files, and give its keys to all who need them in a PrivateJwks file"
    )]
    NoPublicHalf {
        /// The output.
        output: OutputId,
        /// The file name.
        file: String,
        /// The line.
        line: String,
    },
    /// A PEM file of keys that have no PEM.
    #[error(
        "{output}: the file {file:?} takes line {line:?}, whose keys are symmetric and have no PEM form: write PrivateJwks \
         or PrivateJwk"
    )]
    NoPem {
        /// The output.
        output: OutputId,
        /// The file name.
        file: String,
        /// The line.
        line: String,
    },
    /// An option of another content.
    #[error(
        "{output}: the file {file:?} states {option}, which is only for {only_for}: leave it out, or change the content"
    )]
    Idle {
        /// The output.
        output: OutputId,
        /// The file name.
        file: String,
        /// The option.
        option: &'static str,
        /// The contents that it is for.
        only_for: &'static str,
    },
    /// An encoding that the line's keys don't have.
    #[error(
        "{output}: the file {file:?} takes line {line:?}, whose {kind} keys have no {encoding} encoding: write PKCS8"
    )]
    Encoding {
        /// The output.
        output: OutputId,
        /// The file name.
        file: String,
        /// The line.
        line: String,
        /// The kind of its keys.
        kind: KeyKind,
        /// The encoding.
        encoding: PrivateEncoding,
    },
    /// An encoding that can't be encrypted well.
    #[error(
        "{output}: the file {file:?} is to be {encoding} under a passphrase, which has no modern encryption: write PKCS8, or \
         put the file into a secret without a passphrase"
    )]
    NotEncrypted {
        /// The output.
        output: OutputId,
        /// The file name.
        file: String,
        /// The encoding.
        encoding: PrivateEncoding,
    },
    /// A file that needs a passphrase.
    #[error(
        "{output}: the file {file:?} needs a passphrase: state passphrase.secretKeyRef beside the files of this secret"
    )]
    NoPassphrase {
        /// The output.
        output: OutputId,
        /// The file name.
        file: String,
    },
    /// A certificate for a key that can't sign one.
    #[error(
        "{output}: the file {file:?} takes line {line:?}, whose keys can't sign and so have no certificate: take the line out \
         of keystores and certificate files"
    )]
    NoCertificate {
        /// The output.
        output: OutputId,
        /// The file name.
        file: String,
        /// The line.
        line: String,
    },
    /// A line that no signer could use.
    #[error(
        "the line {0:?} is in no secret, so nobody could use it: add a file with private content for it to spec.secrets"
    )]
    NoSigner(String),
    /// A line whose next key those pods could not load in time that decrypt, publish or verify.
    #[error(
        "the line {0:?} needs a PrivateJwks file (with inactiveKeys: Private, if that is stated) or a keystore in spec.secrets, \
         because its other keys must be loaded beside the active one"
    )]
    NoPrivateJwks(String),
    /// A line that no verifier could know.
    #[error(
        "the line {0:?} is in no PublicJwks file of spec.configMaps, so verifiers could not know its next key: add it to one"
    )]
    NoVerifier(String),
}

/// Name of the Secret that holds a set's keyring.
pub fn keyring_name(set: &str) -> String {
    format!("{set}-keyring")
}

impl Output {
    /// Its kind and name.
    pub fn id(&self) -> OutputId {
        match self {
            Self::ConfigMap { name, .. } => OutputId { kind: OutputKind::ConfigMap, name: name.clone() },
            Self::Secret { name, .. } => OutputId { kind: OutputKind::Secret, name: name.clone() },
        }
    }

    /// The same, but for the files that a passphrase encrypts.
    #[must_use]
    pub fn without_encrypted_files(&self) -> Self {
        let mut output = self.clone();
        if let Self::Secret { passphrase: passphrase @ Some(_), files, .. } = &mut output {
            *passphrase = None;
            files.retain(|_, file| !file.content.is_encrypted());
        }
        output
    }

    /// Whether some file of it can hold a key of the line that is in use: in a Secret its private half, in a
    /// ConfigMap its public half.
    pub fn carries(&self, line: &str) -> bool {
        match self {
            Self::ConfigMap { files, .. } => files.values().any(|file| file.scope.covers(line)),
            Self::Secret { files, .. } => {
                files.values().any(|file| file.content.is_private() && file.scope.covers(line))
            }
        }
    }

    /// Whether a JWKS in it lists the keys of the line beside the active one: in a Secret with their private halves.
    pub fn lists(&self, line: &str) -> bool {
        match self {
            Self::ConfigMap { files, .. } => {
                files.values().any(|file| file.content == PublicContent::PublicJwks && file.scope.covers(line))
            }
            Self::Secret { files, .. } => files.values().any(|file| file.content.lists() && file.scope.covers(line)),
        }
    }
}

impl Scope {
    /// Whether keys of the line are in it.
    pub fn covers(&self, line: &str) -> bool {
        match self {
            Self::AllLines => true,
            Self::Line(name) => name == line,
        }
    }
}

impl SignersFile {
    /// Whether a private key is in it.
    pub fn is_private(self) -> bool {
        match self {
            Self::Jwks { .. } | Self::Jwk | Self::Key { .. } | Self::Keystore(_) => true,
            Self::Passphrase | Self::Public(_) => false,
        }
    }

    /// Whether a passphrase, where there is one, goes into it.
    pub fn is_encrypted(self) -> bool {
        match self {
            Self::Key { .. } | Self::Keystore(_) | Self::Passphrase => true,
            Self::Jwks { .. } | Self::Jwk | Self::Public(_) => false,
        }
    }

    /// Whether it holds the private halves of keys beside the active one, where those must be loaded.
    fn lists(self) -> bool {
        match self {
            Self::Jwks { inactive } => matches!(inactive, None | Some(InactiveKeys::Private)),
            Self::Keystore(_) => true,
            Self::Jwk | Self::Key { .. } | Self::Passphrase | Self::Public(_) => false,
        }
    }

    /// Whether it holds one key.
    fn is_one_key(self) -> bool {
        match self {
            Self::Jwk | Self::Key { .. } => true,
            Self::Jwks { .. } | Self::Keystore(_) | Self::Passphrase => false,
            Self::Public(content) => content.is_one_key(),
        }
    }
}

impl From<PrivateForm> for SignersFile {
    fn from(form: PrivateForm) -> Self {
        match form {
            PrivateForm::JwkSet => Self::Jwks { inactive: None },
            PrivateForm::Jwk => Self::Jwk,
            PrivateForm::Key { encoding, pem } => Self::Key { encoding, pem },
            PrivateForm::Keystore(profile) => Self::Keystore(profile),
        }
    }
}

impl PublicContent {
    /// Whether public halves of keys are in a file of it.
    fn holds_public_half(self) -> bool {
        matches!(self, Self::PublicJwks | Self::PublicJwk | Self::PublicKeyPem | Self::CertificatePem)
    }

    /// Whether a file of it holds one key.
    fn is_one_key(self) -> bool {
        match self {
            Self::PublicJwk | Self::PublicKeyPem | Self::CertificatePem | Self::ActiveKid => true,
            Self::PublicJwks | Self::ActiveKids | Self::Revision => false,
        }
    }
}

impl fmt::Display for OutputId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} {:?}", self.kind.name(), self.name)
    }
}

impl OutputKind {
    /// The kind as Kubernetes names it.
    pub fn name(self) -> &'static str {
        match self {
            Self::ConfigMap => "ConfigMap",
            Self::Secret => "Secret",
        }
    }
}

/// Lower-case letters, digits, `-` and `.`, as in the names of objects (RFC 1123 subdomains).
pub(super) fn is_dns_name(name: &str, longest: usize) -> bool {
    let inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let label = |label: &str| {
        label.bytes().all(|byte| inner(byte) || byte == b'-')
            && label.bytes().next().is_some_and(inner)
            && label.bytes().next_back().is_some_and(inner)
    };
    name.len() <= longest && name.split('.').all(label)
}

pub(super) fn parse(
    set: &str,
    spec: &JwksKeySetSpec,
    lines: &[Line],
    preset: &Preset,
    publisher: Publisher,
) -> Result<Vec<Output>, Vec<OutputError>> {
    let mut errors = Vec::new();
    if set.len() > api::LONGEST_NAME {
        errors.push(OutputError::SetName(set.to_owned()));
    }
    let mut outputs = Vec::new();
    for stated in config_maps(set, spec, lines, publisher) {
        let id = OutputId { kind: OutputKind::ConfigMap, name: stated.name };
        let files = if stated.files.is_empty() { preset.config_map_files().collect() } else { stated.files };
        let mut parsed = BTreeMap::new();
        for (name, ConfigMapFile { content, line, select }) in files {
            match scope(&id, &name, line, content.is_one_key(), lines) {
                Ok(scope) => {
                    drop(parsed.insert(name, File { content, scope, select: select.unwrap_or(Select::Active) }));
                }
                Err(error) => errors.push(error),
            }
        }
        outputs.push(Output::ConfigMap { name: id.name, files: parsed });
    }
    for stated in secrets(set, spec) {
        let id = OutputId { kind: OutputKind::Secret, name: stated.name };
        if id.name == keyring_name(set) {
            errors.push(OutputError::Keyring(id.name.clone()));
        }
        let encrypted = stated.passphrase.is_some();
        let files = if stated.files.is_empty() { preset.secret_files(encrypted).collect() } else { stated.files };
        let mut parsed = BTreeMap::new();
        for (name, file) in files {
            match signers_file(&id, &name, &file, encrypted).and_then(|content| {
                let scope = scope(&id, &name, file.line.clone(), content.is_one_key(), lines)?;
                Ok(File { content, scope, select: file.select.unwrap_or(Select::Active) })
            }) {
                Ok(file) => drop(parsed.insert(name, file)),
                Err(error) => errors.push(error),
            }
        }
        outputs.push(Output::Secret {
            name: id.name,
            passphrase: stated.passphrase.map(|value| value.secret_key_ref),
            files: parsed,
        });
    }
    let mut seen = BTreeSet::new();
    for output in &outputs {
        let id = output.id();
        if !is_dns_name(&id.name, 253) {
            errors.push(OutputError::Name(id.clone()));
        }
        if !seen.insert(id.clone()) {
            errors.push(OutputError::Twice(id));
        }
    }
    for output in &outputs {
        errors.extend(misplaced(output, lines));
    }
    // A file that is refused would have held some line.
    if errors.is_empty() {
        errors.extend(lines.iter().filter_map(|line| unreachable(line, &outputs, publisher)));
    }
    if errors.is_empty() { Ok(outputs) } else { Err(errors) }
}

/// A line that the promise can't be kept for, because nobody would get its keys in time.
fn unreachable(line: &Line, outputs: &[Output], publisher: Publisher) -> Option<OutputError> {
    let name = || line.name.clone();
    let certified = line.spec.key_kind().can_sign_certificates();
    let signers = |wanted: fn(SignersFile) -> bool| {
        let holds = |file: &File<SignersFile>| {
            let keystore = matches!(file.content, SignersFile::Keystore(_));
            wanted(file.content) && file.scope.covers(&line.name) && (certified || !keystore)
        };
        outputs.iter().any(|output| match output {
            Output::Secret { files, .. } => files.values().any(holds),
            Output::ConfigMap { .. } => false,
        })
    };
    let published =
        || outputs.iter().any(|output| output.id().kind == OutputKind::ConfigMap && output.lists(&line.name));
    if !signers(SignersFile::is_private) {
        Some(OutputError::NoSigner(name()))
    } else if publisher.keeps_all_loaded(line.algorithm) && !signers(SignersFile::lists) {
        Some(OutputError::NoPrivateJwks(name()))
    } else if publisher.of(line.algorithm) == Publisher::Keyturn && !published() {
        Some(OutputError::NoVerifier(name()))
    } else {
        None
    }
}

/// Files that some line can't be in. One that holds many keys just leaves out those that it can't hold.
fn misplaced(output: &Output, lines: &[Line]) -> Vec<OutputError> {
    let id = output.id();
    let mut errors = Vec::new();
    let mut check = |name: &String, content: SignersFile, scope: &Scope| {
        let takes = |line: &&Line| match scope {
            Scope::AllLines => content.is_one_key(),
            Scope::Line(name) => *name == line.name,
        };
        for line in lines.iter().filter(takes) {
            errors.extend(unfit(&id, name, content, line));
        }
    };
    match output {
        Output::ConfigMap { files, .. } => {
            for (name, file) in files {
                check(name, SignersFile::Public(file.content), &file.scope);
            }
        }
        Output::Secret { files, .. } => {
            for (name, file) in files {
                check(name, file.content, &file.scope);
            }
        }
    }
    errors
}

/// Why a file of that content can't hold keys of the line.
fn unfit(output: &OutputId, name: &str, content: SignersFile, line: &Line) -> Option<OutputError> {
    let kind = line.spec.key_kind();
    let symmetric = kind.is_symmetric();
    // Nothing of a symmetric key is public, its name not either.
    let public = |content: PublicContent| {
        output.kind == OutputKind::ConfigMap && content.is_one_key() || content.holds_public_half()
    };
    let (output, file, line) = (output.clone(), name.to_owned(), line.name.clone());
    match content {
        SignersFile::Key { .. } if symmetric => Some(OutputError::NoPem { output, file, line }),
        SignersFile::Key { encoding, .. } if !encoding.fits(kind) => {
            Some(OutputError::Encoding { output, file, line, kind, encoding })
        }
        SignersFile::Keystore(_) | SignersFile::Public(PublicContent::CertificatePem)
            if !kind.can_sign_certificates() =>
        {
            Some(OutputError::NoCertificate { output, file, line })
        }
        SignersFile::Public(content) if symmetric && public(content) => {
            Some(OutputError::NoPublicHalf { output, file, line })
        }
        SignersFile::Jwks { .. }
        | SignersFile::Jwk
        | SignersFile::Key { .. }
        | SignersFile::Keystore(_)
        | SignersFile::Passphrase
        | SignersFile::Public(_) => None,
    }
}

/// What a stated file of a Secret holds, if its options go with it.
fn signers_file(
    output: &OutputId,
    name: &str,
    stated: &SecretFile,
    encrypted: bool,
) -> Result<SignersFile, OutputError> {
    let idle = |option, only_for| OutputError::Idle { output: output.clone(), file: name.to_owned(), option, only_for };
    let is_key = matches!(stated.content, SecretContent::PrivateKeyPem | SecretContent::PrivateKeyDer);
    if stated.encoding.is_some() && !is_key {
        return Err(idle("encoding", "PrivateKeyPem and PrivateKeyDer"));
    }
    if stated.inactive_keys.is_some() && stated.content != SecretContent::PrivateJwks {
        return Err(idle("inactiveKeys", "PrivateJwks"));
    }
    if stated.encryption.is_some() && stated.content != SecretContent::Pkcs12 {
        return Err(idle("encryption", "Pkcs12"));
    }
    let encoding = match stated.encoding {
        None | Some(Encoding::Pkcs8) => PrivateEncoding::Pkcs8,
        Some(Encoding::Pkcs1) => PrivateEncoding::Pkcs1,
        Some(Encoding::Sec1) => PrivateEncoding::Sec1,
    };
    if encrypted && is_key && encoding != PrivateEncoding::Pkcs8 {
        return Err(OutputError::NotEncrypted { output: output.clone(), file: name.to_owned(), encoding });
    }
    if !encrypted && matches!(stated.content, SecretContent::Pkcs12 | SecretContent::Passphrase) {
        return Err(OutputError::NoPassphrase { output: output.clone(), file: name.to_owned() });
    }
    Ok(match stated.content {
        SecretContent::PrivateJwks => SignersFile::Jwks { inactive: stated.inactive_keys },
        SecretContent::PrivateJwk => SignersFile::Jwk,
        SecretContent::PrivateKeyPem => SignersFile::Key { encoding, pem: true },
        SecretContent::PrivateKeyDer => SignersFile::Key { encoding, pem: false },
        SecretContent::Pkcs12 => SignersFile::Keystore(match stated.encryption {
            None | Some(KeystoreEncryption::Modern) => KeystoreProfile::Modern,
            Some(KeystoreEncryption::Legacy) => KeystoreProfile::Legacy,
        }),
        SecretContent::Passphrase => SignersFile::Passphrase,
        SecretContent::PublicJwks => SignersFile::Public(PublicContent::PublicJwks),
        SecretContent::PublicJwk => SignersFile::Public(PublicContent::PublicJwk),
        SecretContent::PublicKeyPem => SignersFile::Public(PublicContent::PublicKeyPem),
        SecretContent::CertificatePem => SignersFile::Public(PublicContent::CertificatePem),
        SecretContent::ActiveKid => SignersFile::Public(PublicContent::ActiveKid),
        SecretContent::ActiveKids => SignersFile::Public(PublicContent::ActiveKids),
        SecretContent::Revision => SignersFile::Public(PublicContent::Revision),
    })
}

fn config_maps(set: &str, spec: &JwksKeySetSpec, lines: &[Line], publisher: Publisher) -> Vec<api::ConfigMapOutput> {
    let publishes = lines.iter().any(|line| publisher.of(line.algorithm) == Publisher::Keyturn);
    if spec.config_maps.is_empty() && publishes {
        vec![api::ConfigMapOutput { name: default_config_map_name(set), files: BTreeMap::new() }]
    } else {
        spec.config_maps.clone()
    }
}

fn secrets(set: &str, spec: &JwksKeySetSpec) -> Vec<api::SecretOutput> {
    if spec.secrets.is_empty() {
        vec![api::SecretOutput { name: format!("{set}-signer"), passphrase: None, files: BTreeMap::new() }]
    } else {
        spec.secrets.clone()
    }
}

/// The ConfigMap of a set that states none.
pub(super) fn default_config_map(set: &str) -> Output {
    let file = File { content: PublicContent::PublicJwks, scope: Scope::AllLines, select: Select::Active };
    Output::ConfigMap { name: default_config_map_name(set), files: BTreeMap::from([(DEFAULT_FILE.to_owned(), file)]) }
}

fn default_config_map_name(set: &str) -> String {
    format!("{set}-jwks")
}

/// Of which lines a file is.
fn scope(
    output: &OutputId,
    name: &str,
    line: Option<String>,
    is_one_key: bool,
    lines: &[Line],
) -> Result<Scope, OutputError> {
    let (output, file) = (output.clone(), name.to_owned());
    if !is_file_name(name) {
        return Err(OutputError::File { output, file });
    }
    match (line, lines) {
        (Some(line), _) if lines.iter().any(|one| one.name == line) => Ok(Scope::Line(line)),
        (Some(line), _) => {
            let known = lines.iter().map(|one| one.name.as_str()).collect::<Vec<_>>().join(", ");
            Err(OutputError::Line { output, file, line, known })
        }
        // One line: whatever key is in use, also while the line changes its name.
        (None, [_]) => Ok(Scope::AllLines),
        (None, _) if !is_one_key => Ok(Scope::AllLines),
        (None, _) => Err(OutputError::WhichLine { output, file }),
    }
}

pub(super) fn is_file_name(name: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    !name.is_empty()
        && name.len() <= LONGEST_FILE_NAME
        && name.bytes().all(allowed)
        && name != "."
        && !name.starts_with("..")
}
