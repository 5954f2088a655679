//! The keyring: the durable truth of one key set. Everything else is a projection of it.

mod accepted;
mod facts;
mod format;
mod kept;
mod mac;
mod marks;
mod sealed;
mod system_secret;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

pub use accepted::{AcceptedSpec, Edit};
pub use facts::{Facts, FactsEra, SettledFacts};
pub use format::{FORMAT, FormatError};
pub use kept::{KeptFile, KeptPrivateFile, PrivateForm, PublicForm};
pub use mac::{Digest, MacKey};
pub use marks::{Mark, Marks};
pub use sealed::{KeySetName, NONCE_BYTES, SealError, sealed_size};
pub use system_secret::{SecretId, SystemSecret, SystemSecretError};

use crate::jose::{Algorithm, JwkError, KeySpec, PublicJwk, PublicParams, Thumbprint, Use};
use crate::material::{Certificate, PrivateKey};

/// A moment, in UTC. What is written down has whole seconds.
pub type Time = DateTime<Utc>;

/// Every key of one key set, its phase, and when it entered each phase.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Keyring {
    /// Counts the commits, from 1. Outputs carry the revision they were made from.
    pub revision: u64,
    /// Outputs older than this revision are written anew even where their content would be the same, so that a
    /// writer that was frozen before a revocation or a recovery can't undo it.
    pub barrier: u64,
    /// Keys the digests by which a changed output is told.
    pub mac_key: MacKey,
    /// The value of the rotate annotation that was answered last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rotate_answered: Option<String>,
    /// The user's facts, as long as they count.
    pub facts: SettledFacts,
    /// Who publishes, as this keyring was last committed for.
    pub publisher: Publisher,
    /// The keys, oldest first.
    pub keys: Vec<Key>,
    /// Keys that must never be published again.
    #[serde(default)]
    pub revoked: Vec<Revoked>,
    /// Lines for which `spec.import` was answered, and a digest of what it said. It is not answered twice.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub imports: BTreeMap<String, String>,
    /// The last spec that was a policy: it counts while the resource states one that is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accepted: Option<AcceptedSpec>,
    /// Public files that the spec names no more, and that are still read.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub kept: Vec<KeptFile>,
    /// Private files of lines that the spec names no more, and that pods still need.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub kept_private: Vec<KeptPrivateFile>,
}

/// Who publishes the public keys; decides which half of a retired key is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Publisher {
    /// Keyturn, into ConfigMaps.
    Keyturn,
    /// The server, which publishes what it loaded from the Secret.
    Signer,
}

/// One key.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Key {
    /// Key ID (RFC 7517 section 4.5), unique in the set.
    pub kid: String,
    /// Name of the line the key belongs to.
    pub line: String,
    /// Algorithm (RFC 7518), which implies the use.
    pub algorithm: Algorithm,
    /// What was generated: kind and size.
    pub spec: KeySpec,
    /// What the line would have generated when it adopted this key: a key that differs from it in size alone rotates when
    /// it is due, not at once. `None` for a key that was generated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub adopted_for: Option<KeySpec>,
    /// RFC 7638 thumbprint; of a symmetric key, [`MacKey::thumbprint`].
    pub thumbprint: Thumbprint,
    /// The public half. A symmetric key has none, so nothing public can be made of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub public: Option<PublicParams>,
    /// The private half, as long as anyone may need it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub private: Option<PrivateKey>,
    /// Its certificate, which is made once, so that it stays the same as long as the key lives.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificate: Option<Certificate>,
    /// When the key was made, by the later clock.
    pub minted: Time,
    /// When a confirmation was accepted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confirmed: Option<Time>,
    /// Where the key stands in its life.
    #[serde(flatten)]
    pub phase: Phase,
}

/// Where a key stands in its life. A revoked or removed key is in no phase: it is not in the keyring any more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "phase", rename_all_fields = "camelCase")]
pub enum Phase {
    /// Published where it must be known first; never signs.
    Standby,
    /// The one key of its line that signs, or that senders encrypt to.
    Active {
        /// Since when, by the later clock at the promotion.
        active_since: Time,
        /// When its rotation is due; drawn once, at the promotion. `None` where no rotation was planned.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        rotation_due: Option<Time>,
        /// Someone asked for a rotation since.
        #[serde(default)]
        rotation_asked: bool,
    },
    /// Verifies or decrypts what it signed or was used for, until its retention has passed.
    Retired {
        /// Since when it was active, if it was.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        active_since: Option<Time>,
        /// Since when, by the later clock at the retirement.
        retired_since: Time,
        /// Not removed before this, once it is known; only ever moves later.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        not_before: Option<Time>,
    },
}

/// A key that must never be published again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Revoked {
    /// Its key ID.
    pub kid: String,
    /// Its thumbprint, where the key was known, so that it can't come back under another name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub thumbprint: Option<Thumbprint>,
    /// When, by the later clock.
    pub since: Time,
}

impl Publisher {
    /// Who makes keys of this algorithm known. A symmetric key is known to those who load it and to nobody else, whoever
    /// publishes the others.
    #[must_use]
    pub fn of(self, algorithm: Algorithm) -> Self {
        if algorithm.is_symmetric() { Self::Signer } else { self }
    }

    /// Whether the signers' Secret holds a key's other phases beside the active one, and so the private half stays until
    /// the key is removed: those who decrypt need them, and so do those who publish, or verify with, what they loaded.
    #[must_use]
    pub fn keeps_all_loaded(self, algorithm: Algorithm) -> bool {
        algorithm.usage() == Use::Enc || self.of(algorithm) == Self::Signer
    }
}

impl Keyring {
    /// One that nothing was committed of yet.
    pub fn new(mac_key: MacKey, facts: Facts, publisher: Publisher) -> Self {
        Self {
            revision: 0,
            barrier: 0,
            mac_key,
            rotate_answered: None,
            imports: BTreeMap::new(),
            accepted: None,
            kept: Vec::new(),
            kept_private: Vec::new(),
            facts: SettledFacts::new(facts),
            publisher,
            keys: Vec::new(),
            revoked: Vec::new(),
        }
    }

    /// Whether a kid or thumbprint was revoked.
    pub fn is_revoked(&self, kid: &str, thumbprint: &Thumbprint) -> bool {
        self.revoked.iter().any(|one| one.kid == kid || one.thumbprint.as_ref() == Some(thumbprint))
    }

    /// The key of that ID.
    pub fn key(&self, kid: &str) -> Option<&Key> {
        self.keys.iter().find(|key| key.kid == kid)
    }

    /// The active key of a line and use.
    pub fn active(&self, line: &str, usage: Use) -> Option<&Key> {
        self.keys.iter().find(|key| key.belongs_to(line, usage) && key.is_active())
    }

    /// The key of a line and use that is to be promoted next.
    pub fn standby(&self, line: &str, usage: Use) -> Option<&Key> {
        self.keys.iter().find(|key| key.belongs_to(line, usage) && key.phase == Phase::Standby)
    }
}

impl Key {
    /// What the key is for.
    pub fn usage(&self) -> Use {
        self.algorithm.usage()
    }

    /// Whether the key is one of that line and use.
    pub fn belongs_to(&self, line: &str, usage: Use) -> bool {
        self.line == line && self.usage() == usage
    }

    /// Whether the key is in use by signers (`sig`) or senders (`enc`).
    pub fn is_active(&self) -> bool {
        matches!(self.phase, Phase::Active { .. })
    }

    /// Whether the key only verifies or decrypts any more.
    pub fn is_retired(&self) -> bool {
        matches!(self.phase, Phase::Retired { .. })
    }

    /// Whether the key could have a certificate, and has none.
    pub fn lacks_certificate(&self) -> bool {
        self.certificate.is_none() && self.private.is_some() && self.spec.key_kind().can_sign_certificates()
    }

    /// The public JWK; `None` for a symmetric key, which has no public half.
    ///
    /// # Errors
    /// When the keyring was edited so that the algorithm and the key do not go together.
    pub fn public_jwk(&self) -> Result<Option<PublicJwk>, JwkError> {
        let public = self.public.as_ref();
        public.map(|public| PublicJwk::new(self.kid.clone(), self.algorithm, public.clone())).transpose()
    }
}

impl Phase {
    /// The word that users read.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Standby => "Standby",
            Self::Active { .. } => "Active",
            Self::Retired { .. } => "Retired",
        }
    }
}
