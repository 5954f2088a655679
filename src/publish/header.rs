//! What an output says of itself, in the same write as its files.

use serde::{Deserialize, Serialize};

use super::Files;
use crate::jose::Thumbprint;
use crate::keyring::{Digest, KeptFile, KeptPrivateFile, Keyring, MacKey, Marks, Publisher, SettledFacts};
use crate::lifecycle::policy::OutputId;

/// The state of an output: an annotation on Kubernetes, a file beside the others in a directory. Nothing in it is private.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Header {
    /// Revision of the keyring that the output was made from.
    pub revision: u64,
    /// Since when it holds which key.
    pub marks: Marks,
    /// What was revoked by then, so that a keyring restored from a backup learns of it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub revoked: Vec<RevokedKid>,
    /// The facts that counted by then, so that a recovery waits for what follows longer ones than the spec states now.
    pub facts: SettledFacts,
    /// Who published by then: what the spec states may have to wait.
    pub publisher: Publisher,
    /// Files that the spec named no more by then, and that were still read.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub kept: Vec<KeptFile>,
    /// Private files of lines that the spec named no more by then, and that pods still needed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub kept_private: Vec<KeptPrivateFile>,
    /// HMAC over what the files are made from that differ each time they are made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inputs: Option<Digest>,
    /// HMAC over all of the above and the files.
    pub digest: Digest,
}

/// A kid, and the thumbprint where it is known, that must never be published again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RevokedKid {
    /// The key ID.
    pub kid: String,
    /// The thumbprint of the key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub thumbprint: Option<Thumbprint>,
}

impl Header {
    /// The header of an output that is about to be written.
    ///
    /// # Errors
    /// None in practice: a header can always be written as JSON.
    pub fn new(
        id: &OutputId,
        files: &Files,
        inputs: Option<Digest>,
        keyring: &Keyring,
        marks: Marks,
    ) -> Result<Self, serde_json::Error> {
        let revoked =
            keyring.revoked.iter().map(|one| RevokedKid { kid: one.kid.clone(), thumbprint: one.thumbprint }).collect();
        let mut header = Self {
            revision: keyring.revision,
            marks,
            revoked,
            facts: keyring.facts.clone(),
            publisher: keyring.publisher,
            kept: keyring.kept.clone(),
            kept_private: keyring.kept_private.clone(),
            inputs,
            digest: Digest(String::new()),
        };
        header.digest = header.digest_of(id, files, &keyring.mac_key)?;
        Ok(header)
    }

    /// Whether the output is as it was written.
    pub fn is_intact(&self, id: &OutputId, files: &Files, key: &MacKey) -> bool {
        self.digest_of(id, files, key).is_ok_and(|digest| digest == self.digest)
    }

    /// One line of JSON.
    ///
    /// # Errors
    /// None in practice.
    pub fn to_json(&self) -> Result<String, serde_json::Error> {
        serde_json::to_string(self)
    }

    fn digest_of(&self, id: &OutputId, files: &Files, key: &MacKey) -> Result<Digest, serde_json::Error> {
        let Self { revision, marks, revoked, facts, publisher, kept, kept_private, inputs, digest: _ } = self;
        let head = (revision, marks, revoked, facts, publisher, inputs);
        // Outputs from before there were kept files are as intact as ever.
        let head = match (kept.is_empty(), kept_private.is_empty()) {
            (true, true) => serde_json::to_vec(&head),
            (false, true) => serde_json::to_vec(&(head, kept)),
            (_, false) => serde_json::to_vec(&(head, kept, kept_private)),
        }?;
        let names = [id.kind.name().as_bytes(), id.name.as_bytes(), head.as_slice()];
        let contents = files.iter().flat_map(|(name, content)| [name.as_bytes(), content.as_slice()]);
        Ok(key.digest(names.into_iter().chain(contents)))
    }
}
