//! Where keyrings and outputs live.

pub mod directory;
pub mod kubernetes;
mod seal;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::future::Future;

use chrono::TimeDelta;
use zeroize::Zeroizing;

use crate::api::SecretKeyRef;
use crate::keyring::{FormatError, Keyring, SecretId, Time};
use crate::lifecycle::policy::OutputId;
use crate::publish::{Files, Header};

pub use seal::{Seal, SystemSecretsError};

/// Names one key set, and who owns what is written for it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SetRef {
    /// Namespace of the resource.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// The resource's UID, if what is written is to be deleted with it.
    pub owner: Option<String>,
}

/// A state of one stored object. The only lock there is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Version(pub String);

/// Everything that is stored for one set, read at one moment.
#[derive(Debug, Default)]
pub struct Snapshot {
    /// The keyring.
    pub keyring: Option<StoredKeyring>,
    /// What is in each output's place.
    pub outputs: BTreeMap<OutputId, Place>,
    /// Private places that someone had opened for others to read, and that are closed again.
    pub closed: Vec<String>,
}

/// The keyring of a set.
#[derive(Debug)]
pub struct StoredKeyring {
    /// The keyring.
    pub keyring: Keyring,
    /// Its state.
    pub version: Version,
    /// Whether labels, owner and the like are as they should be.
    pub dressed: bool,
    /// The system secret that it is to be sealed under, and is not yet.
    pub seal_due: Option<SecretId>,
}

/// What is in an output's place.
#[derive(Debug, Default)]
#[expect(clippy::large_enum_variant, reason = "there is one an output, for the length of a pass")]
pub enum Place {
    /// Nothing.
    #[default]
    Empty,
    /// Something that Keyturn did not make. It is never touched.
    Foreign,
    /// An output of this set.
    Ours(Stored),
}

/// An output of this set.
pub struct Stored {
    /// Its state.
    pub version: Version,
    /// What it says of itself; `None` if someone damaged that.
    pub header: Option<Header>,
    /// Its files.
    pub files: Files,
    /// Whether labels, owner and the like are as they should be.
    pub dressed: bool,
}

/// A value that the user keeps, as it was found.
pub struct Referenced {
    /// Where it is, or should be, in words.
    pub place: String,
    /// State of what holds it; `None` where there is nothing.
    pub version: Option<Version>,
    /// The value.
    pub value: Result<Zeroizing<Vec<u8>>, Unreadable>,
}

/// Why a value that the user keeps can't be had. Each sentence says what to change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    /// It is not there.
    #[error("is not there: make it, or correct the reference to it")]
    Missing,
    /// It is Keyturn's own.
    #[error("is a keyring, which is nobody's to refer to: name a Secret of your own")]
    Keyring,
    /// A link leads out of its folder.
    #[error("is a link that leads out of its folder, or no file: put a file there")]
    Elsewhere,
    /// It is too large for a Secret.
    #[error("is larger than {LARGEST_VALUE} bytes: name the right file")]
    TooLarge,
}

/// What a file holds without the line end that editors and `echo` leave, which is no part of a secret.
pub(crate) fn without_line_end(content: &[u8]) -> &[u8] {
    content.strip_suffix(b"\n").map_or(content, |text| text.strip_suffix(b"\r").unwrap_or(text))
}

/// Largest value in bytes that is read: 1 MiB, which is what a Secret may hold.
pub const LARGEST_VALUE: usize = 1 << 20;

/// Why the store did not do as asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Somebody else wrote in between. Read again.
    #[error("{0} was changed by someone else at the same time")]
    Conflict(String),
    /// What was read is no keyring.
    #[error("{place}: {source}")]
    Keyring {
        /// Where it is.
        place: String,
        /// What is wrong with it.
        source: FormatError,
    },
    /// The write could not take effect in time, and so it did not. Stamp it later.
    #[error("{0} could not be written in time")]
    Late(String),
    /// The keyring's place is taken.
    #[error(
        "{0} is not a keyring that Keyturn made for this set: rename or delete it, or give the key set another name"
    )]
    KeyringTaken(String),
    /// The store can't be reached, refused, or failed.
    #[error("{doing}: {why}")]
    Failed {
        /// What was tried.
        doing: String,
        /// Why it failed. Never holds content.
        why: String,
    },
}

/// Where keyrings and outputs live.
pub trait Store: Send + Sync {
    /// W: a write that was begun is done, or will never be, after this long.
    fn write_bound(&self) -> TimeDelta;

    /// Reads everything of one set, live.
    fn load(&self, set: &SetRef, outputs: &[OutputId]) -> impl Future<Output = Result<Snapshot, StoreError>> + Send;

    /// Reads values that the user keeps, live. Those of one Secret are of one moment.
    fn referenced(
        &self,
        set: &SetRef,
        references: &BTreeSet<SecretKeyRef>,
    ) -> impl Future<Output = Result<BTreeMap<SecretKeyRef, Referenced>, StoreError>> + Send;

    /// Writes the keyring, sealed where there are system secrets, over the state `seen`, or creates it where there was none.
    fn commit(
        &self,
        set: &SetRef,
        keyring: &Keyring,
        seen: Option<&Version>,
    ) -> impl Future<Output = Result<Version, StoreError>> + Send;

    /// Writes an output, all its files in one step, over the state `seen`, or creates it where there was none. Readers see it
    /// by the time `by`, which is W after what its header says, or never ([`StoreError::Late`]): so a crash leaves no
    /// header behind that says less than the truth.
    fn publish(
        &self,
        set: &SetRef,
        output: &OutputId,
        files: &Files,
        header: &Header,
        seen: Option<&Stored>,
        by: Time,
    ) -> impl Future<Output = Result<Version, StoreError>> + Send;
}

impl fmt::Debug for Stored {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&String> = self.files.keys().collect();
        out.debug_struct("Stored")
            .field("version", &self.version)
            .field("header", &self.header)
            .field("files", &names)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Referenced {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Referenced")
            .field("place", &self.place)
            .field("version", &self.version)
            .field("value", &self.value.as_ref().map(|_| "…"))
            .finish()
    }
}

impl fmt::Display for SetRef {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}/{}", self.namespace, self.name)
    }
}
