//! What is written where: the files of the signers' Secrets and the verifiers' ConfigMaps.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::{Deserialize, Serialize};

use super::Line;
use crate::api::{self, JwksKeySetSpec, PublicContent, SecretContent, Select};
use crate::keyring::Publisher;

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
        /// File name → what it holds.
        files: BTreeMap<String, File<SecretContent>>,
    },
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
    /// A line that no signer could use.
    #[error(
        "the line {0:?} is in no secret, so nobody could use it: add a file with private content for it to spec.secrets"
    )]
    NoSigner(String),
    /// A line whose next key those pods could not load in time that decrypt, publish or verify.
    #[error(
        "the line {0:?} needs a PrivateJwks file in spec.secrets, because its other keys must be loaded beside the active one"
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
            Self::Secret { files, .. } => {
                files.values().any(|file| file.content == SecretContent::PrivateJwks && file.scope.covers(line))
            }
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

impl SecretContent {
    /// Whether a private key is in it.
    pub fn is_private(self) -> bool {
        match self {
            Self::PrivateJwks | Self::PrivateJwk | Self::PrivateKeyPem => true,
            Self::PublicJwks | Self::PublicJwk | Self::PublicKeyPem | Self::ActiveKid => false,
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
    publisher: Publisher,
) -> Result<Vec<Output>, Vec<OutputError>> {
    let mut errors = Vec::new();
    if set.len() > api::LONGEST_NAME {
        errors.push(OutputError::SetName(set.to_owned()));
    }
    let mut outputs = Vec::new();
    for stated in config_maps(set, spec, lines, publisher) {
        let id = OutputId { kind: OutputKind::ConfigMap, name: stated.name };
        let one_key = |content| content != PublicContent::PublicJwks;
        let stated_files = stated.files.into_iter().map(|(name, file)| (name, (file.content, file.line, file.select)));
        let files = files(&id, stated_files, PublicContent::PublicJwks, one_key, lines, &mut errors);
        outputs.push(Output::ConfigMap { name: id.name, files });
    }
    for stated in secrets(set, spec) {
        let id = OutputId { kind: OutputKind::Secret, name: stated.name };
        if id.name == keyring_name(set) {
            errors.push(OutputError::Keyring(id.name.clone()));
        }
        let one_key = |content| !matches!(content, SecretContent::PrivateJwks | SecretContent::PublicJwks);
        let stated_files = stated.files.into_iter().map(|(name, file)| (name, (file.content, file.line, file.select)));
        let files = files(&id, stated_files, SecretContent::PrivateJwks, one_key, lines, &mut errors);
        outputs.push(Output::Secret { name: id.name, files });
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
        errors.extend(symmetric_misplaced(output, lines));
    }
    for line in lines {
        errors.extend(unreachable(line, &outputs, publisher));
    }
    if errors.is_empty() { Ok(outputs) } else { Err(errors) }
}

/// A line that the promise can't be kept for, because nobody would get its keys in time.
fn unreachable(line: &Line, outputs: &[Output], publisher: Publisher) -> Option<OutputError> {
    let any = |kind, wanted: fn(&Output, &str) -> bool| {
        outputs.iter().any(|output| output.id().kind == kind && wanted(output, &line.name))
    };
    let name = || line.name.clone();
    let loads_all = publisher.keeps_all_loaded(line.algorithm);
    if !any(OutputKind::Secret, Output::carries) {
        Some(OutputError::NoSigner(name()))
    } else if loads_all && !any(OutputKind::Secret, Output::lists) {
        Some(OutputError::NoPrivateJwks(name()))
    } else if publisher.of(line.algorithm) == Publisher::Keyturn && !any(OutputKind::ConfigMap, Output::lists) {
        Some(OutputError::NoVerifier(name()))
    } else {
        None
    }
}

/// Files that a symmetric line can't be in. A public JWKS of all lines just leaves it out.
fn symmetric_misplaced(output: &Output, lines: &[Line]) -> Vec<OutputError> {
    let symmetric = |scope: &Scope, one_key: bool| {
        let takes = |line: &&Line| match scope {
            Scope::AllLines => one_key,
            Scope::Line(name) => *name == line.name,
        };
        lines.iter().filter(takes).find(|line| line.algorithm.is_symmetric()).map(|line| line.name.clone())
    };
    let no_public_half =
        |file: &String, line| OutputError::NoPublicHalf { output: output.id(), file: file.clone(), line };
    let no_pem = |file: &String, line| OutputError::NoPem { output: output.id(), file: file.clone(), line };
    let misplaced = |(name, File { content, scope, .. }): (&String, &File<SecretContent>)| match content {
        SecretContent::PrivateJwks | SecretContent::PrivateJwk | SecretContent::ActiveKid => None,
        SecretContent::PrivateKeyPem => symmetric(scope, true).map(|line| no_pem(name, line)),
        SecretContent::PublicJwks => symmetric(scope, false).map(|line| no_public_half(name, line)),
        SecretContent::PublicJwk | SecretContent::PublicKeyPem => {
            symmetric(scope, true).map(|line| no_public_half(name, line))
        }
    };
    match output {
        Output::ConfigMap { files, .. } => files
            .iter()
            .filter_map(|(name, file)| {
                let line = symmetric(&file.scope, file.content != PublicContent::PublicJwks)?;
                Some(no_public_half(name, line))
            })
            .collect(),
        Output::Secret { files, .. } => files.iter().filter_map(misplaced).collect(),
    }
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
        vec![api::SecretOutput { name: format!("{set}-signer"), files: BTreeMap::new() }]
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

type Stated<C> = (C, Option<String>, Option<Select>);

fn files<C: Copy>(
    output: &OutputId,
    stated: impl Iterator<Item = (String, Stated<C>)>,
    default: C,
    one_key: impl Fn(C) -> bool,
    lines: &[Line],
    errors: &mut Vec<OutputError>,
) -> BTreeMap<String, File<C>> {
    let mut files = BTreeMap::new();
    for (name, (content, line, select)) in stated {
        if !is_file_name(&name) {
            errors.push(OutputError::File { output: output.clone(), file: name });
            continue;
        }
        let scope = match line {
            Some(line) if lines.iter().any(|one| one.name == line) => Scope::Line(line),
            Some(line) => {
                let known = lines.iter().map(|one| one.name.as_str()).collect::<Vec<_>>().join(", ");
                errors.push(OutputError::Line { output: output.clone(), file: name, line, known });
                continue;
            }
            None if !one_key(content) => Scope::AllLines,
            None => match lines {
                // One line: whatever key is in use, also while the line changes its name.
                [_only] => Scope::AllLines,
                _ => {
                    errors.push(OutputError::WhichLine { output: output.clone(), file: name });
                    continue;
                }
            },
        };
        files.insert(name, File { content, scope, select: select.unwrap_or(Select::Active) });
    }
    if files.is_empty() {
        files
            .insert(DEFAULT_FILE.to_owned(), File { content: default, scope: Scope::AllLines, select: Select::Active });
    }
    files
}

pub(super) fn is_file_name(name: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    !name.is_empty()
        && name.len() <= LONGEST_FILE_NAME
        && name.bytes().all(allowed)
        && name != "."
        && !name.starts_with("..")
}
