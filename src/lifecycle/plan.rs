//! What is to be done now, and why.

use std::fmt;

use super::adoption::Refusal;
use super::clock::Now;
use super::draft::Draft;
use super::kept_private::Crowded;
use super::observed::Observed;
use super::policy::{Line, OutputId, OutputKind, Policy};
use crate::jose::Thumbprint;
use crate::keyring::{Key, Keyring, Phase, Time};
use crate::material::PrivateKey;

/// What one pass does to a keyring.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The decisions, in order.
    pub steps: Vec<Step>,
    /// The keys to be made. The engine adds them to `next`.
    pub mints: Vec<Mint>,
    /// The keyring as it is to be committed; `None` where nothing changes.
    pub next: Option<Keyring>,
    /// What happens later, as far as is known, soonest first.
    pub ahead: Vec<Ahead>,
    /// When the next decision is due. `None`: only an event brings one.
    pub wake: Option<Time>,
    /// Why keys that are to be adopted are not.
    pub refused: Vec<Refusal>,
    /// Private files that must stay, and for which the spec leaves no room: an edit that brings this about is not to count.
    pub crowded: Vec<Crowded>,
}

/// A key to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mint {
    /// For which line.
    pub line: Line,
    /// In which phase it begins.
    pub role: MintAs,
}

/// In which phase a new key begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MintAs {
    /// Published first, used later.
    Standby,
    /// Used at once: the very first key, which no cache can lack, or the replacement of a revoked one.
    Active {
        /// When its rotation is due.
        rotation_due: Option<Time>,
    },
}

/// One decision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// The facts of the spec changed.
    SettleFacts,
    /// Another publisher was stated.
    ChangePublisher,
    /// A key is gone, everywhere, at once.
    Revoke {
        /// Which.
        kid: String,
        /// Whether tokens it signed (or data encrypted to it) may be around.
        was_used: bool,
    },
    /// A kid that was never seen must not come.
    Bar {
        /// Which.
        kid: String,
    },
    /// Someone asked for a rotation.
    AnswerRotate,
    /// A confirmation counts from now on.
    Confirm {
        /// Of which key.
        kid: String,
    },
    /// A key gets a certificate.
    Certify {
        /// Which.
        kid: String,
    },
    /// A key that existed already joins a line.
    Adopt {
        /// Which.
        kid: String,
        /// Of which line.
        line: String,
        /// Whether it is the active one.
        active: bool,
    },
    /// `spec.import` asks for something that comes too late.
    IgnoreImport {
        /// For which line.
        line: String,
    },
    /// A new key.
    Mint {
        /// For which line.
        line: String,
        /// Whether it is used at once.
        active: bool,
    },
    /// The standby key becomes the active one.
    Promote {
        /// Which.
        kid: String,
        /// Of which line.
        line: String,
        /// Why now.
        why: WhyPromote,
    },
    /// The active key is not used any more.
    Retire {
        /// Which.
        kid: String,
        /// Of which line.
        line: String,
        /// Why.
        why: WhyRetire,
    },
    /// A standby key that is not wanted any more; it was never used.
    Discard {
        /// Which.
        kid: String,
        /// Of which line.
        line: String,
    },
    /// A retired key that nobody needs any more.
    Remove {
        /// Which.
        kid: String,
        /// Of which line.
        line: String,
    },
    /// A file that the spec names no more stays.
    Keep {
        /// Of which output.
        output: OutputId,
        /// Its name.
        file: String,
        /// For which keys.
        kids: Vec<String>,
    },
    /// Such a file is not needed for a key any more.
    Release {
        /// Of which output.
        output: OutputId,
        /// Its name.
        file: String,
        /// Which key.
        kid: String,
    },
}

/// Why a key is promoted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WhyPromote {
    /// It is the line's first.
    First,
    /// Its time has come.
    Due,
    /// Someone asked.
    Asked,
    /// The line's algorithm or size changed.
    Changed,
    /// The active key was revoked.
    Revoked,
    /// The certificate of the active key would end before what it signs.
    Ends,
}

/// Why a key retires.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WhyRetire {
    /// Another one took its place.
    Replaced,
    /// Its line is not in the spec any more.
    LineRemoved,
}

/// Something that happens later.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ahead {
    /// When, if that is known.
    pub time: Option<Time>,
    /// To which key; `None` for one that is not minted yet.
    pub kid: Option<String>,
    /// Of which line.
    pub line: String,
    /// What.
    pub to: Change,
    /// What it waits for.
    pub waiting: Waiting,
    /// Whether its time has come, and something else holds it.
    pub held: bool,
}

/// What happens to a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// It is minted.
    Minted,
    /// It becomes the active one.
    Active,
    /// It is retired, because its line was removed.
    Retired,
    /// It is removed.
    Removed,
}

/// What a change waits for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Waiting {
    /// The time at which a rotation is planned.
    Rotation,
    /// The lead: those who must know the key first.
    Lead,
    /// An output that does not hold the key yet, or was changed by someone.
    Output(OutputId),
    /// A confirmation, or the caches that were filled before it.
    Confirmation,
    /// The end of the pause.
    Pause,
    /// The retention.
    Retention,
    /// Lines that were added and are not active yet.
    AddedLines,
}

/// Decides what is to be done with a keyring now. Pure.
pub fn plan(policy: &Policy, keyring: &Keyring, observed: &Observed, now: Now) -> Plan {
    let mut draft = Draft::new(policy, keyring, observed, now);
    draft.settle();
    draft.revoke();
    draft.answer_rotate();
    draft.confirm();
    draft.keep_files();
    draft.adopt();
    draft.certify();
    for line in &policy.lines {
        draft.keep_line(line);
    }
    draft.retire_removed_lines();
    draft.remove();
    draft.release_files();
    draft.keep_private_files();
    draft.release_private_files();
    draft.finish()
}

impl Mint {
    /// The key that is asked for, around its private half.
    pub fn key(&self, kid: String, private: PrivateKey, thumbprint: Thumbprint, minted: Time) -> Key {
        let Line { name, algorithm, spec } = self.line.clone();
        let phase = match self.role {
            MintAs::Standby => Phase::Standby,
            MintAs::Active { rotation_due } => {
                Phase::Active { active_since: minted, rotation_due, rotation_asked: false }
            }
        };
        Key {
            kid,
            line: name,
            algorithm,
            spec,
            adopted_for: None,
            thumbprint,
            public: private.public().cloned(),
            private: Some(private),
            certificate: None,
            minted,
            confirmed: None,
            phase,
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SettleFacts => out.write_str(
                "the facts in spec.timing changed: longer ones count now, shorter ones when nothing old is left",
            ),
            Self::ChangePublisher => out.write_str("spec.publisher changed"),
            Self::Revoke { kid, was_used: true } => {
                write!(
                    out,
                    "key {kid} is revoked and gone from every output of the spec; what it signed no longer verifies"
                )
            }
            Self::Revoke { kid, was_used: false } => {
                write!(out, "key {kid} is revoked and gone from every output of the spec; it was never used")
            }
            Self::Bar { kid } => write!(
                out,
                "no key of this set has the kid {kid}, so nothing was taken away: check spec.revoked against the kids in the \
                 status (should a key with that kid ever come, it is refused)"
            ),
            Self::AnswerRotate => out.write_str("a rotation was asked for"),
            Self::Confirm { kid } => write!(out, "key {kid} is confirmed"),
            Self::Certify { kid } => write!(out, "key {kid} gets a certificate"),
            Self::Adopt { kid, line, active: true } => {
                write!(out, "key {kid} is adopted as the active one of line {line}: it goes on until its rotation")
            }
            Self::Adopt { kid, line, active: false } => write!(
                out,
                "key {kid} is adopted as a retired one of line {line}: it stays until what it was used for has expired"
            ),
            Self::IgnoreImport { line } => write!(
                out,
                "spec.import asks for keys for line {line}, which has begun: nothing is adopted, because import counts only \
                 when a line begins; give a further key a line of its own"
            ),
            Self::Mint { line, active: false } => write!(out, "a new key for line {line}, published before it is used"),
            Self::Mint { line, active: true } => write!(out, "a new key for line {line}, used at once"),
            Self::Promote { kid, line, why } => write!(out, "key {kid} is now the active one of line {line}: {why}"),
            Self::Retire { kid, line, why: WhyRetire::Replaced } => {
                write!(out, "key {kid} of line {line} is retired: it stays published until what it signed has expired")
            }
            Self::Retire { kid, line, why: WhyRetire::LineRemoved } => {
                write!(out, "key {kid} is retired, because line {line} was removed")
            }
            Self::Discard { kid, line } => {
                write!(out, "key {kid} of line {line} is not wanted any more; it was never used")
            }
            Self::Remove { kid, line } => write!(out, "key {kid} of line {line} is removed: its retention has passed"),
            Self::Keep { output, file, kids } => {
                let kids = kids.join(", ");
                match output.kind {
                    OutputKind::ConfigMap => write!(
                        out,
                        "the spec no longer names the file {file:?} of {output}, and what its keys have signed may still be \
                         valid: it stays for {kids}, as long as that"
                    ),
                    OutputKind::Secret => write!(
                        out,
                        "the spec no longer has the line of the file {file:?} of {output}, and pods still need its keys: it stays \
                         for {kids}, until they do not"
                    ),
                }
            }
            Self::Release { output, file, kid } => {
                write!(out, "key {kid} is not needed any more in the file {file:?} of {output}")
            }
        }
    }
}

impl fmt::Display for WhyPromote {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::First => "it is known to all who need it",
            Self::Due => "its rotation is due",
            Self::Asked => "a rotation was asked for",
            Self::Changed => "the line's algorithm or size changed",
            Self::Revoked => "the one before it was revoked",
            Self::Ends => "the certificate of the one before it would end too soon",
        })
    }
}

impl fmt::Display for Waiting {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rotation => out.write_str("the rotation to be due"),
            Self::Lead => out.write_str("the lead: everyone who needs the key first must have it"),
            Self::Output(id) => write!(out, "{id} to hold the key as Keyturn wrote it"),
            Self::Confirmation => out.write_str("its confirmation, and the caches filled before it"),
            Self::Pause => out.write_str("the end of the pause (rotation.paused)"),
            Self::Retention => out.write_str("the retention: what it signed may still be valid"),
            Self::AddedLines => out.write_str("the added lines to be active"),
        }
    }
}

impl Change {
    /// The word that users read.
    pub fn name(self) -> &'static str {
        match self {
            Self::Minted => "Minted",
            Self::Active => "Active",
            Self::Retired => "Retired",
            Self::Removed => "Removed",
        }
    }

    /// The change of that name.
    pub fn named(name: &str) -> Option<Self> {
        [Self::Minted, Self::Active, Self::Retired, Self::Removed].into_iter().find(|change| change.name() == name)
    }
}
