//! What the spec refers to in Secrets of the user's, read once a pass.

use std::collections::{BTreeMap, BTreeSet};

use zeroize::Zeroizing;

use crate::api::SecretKeyRef;
use crate::store::{Referenced, SetRef, Store, StoreError, Unreadable, Version, without_line_end};

/// What a pass found under the references of the spec.
#[derive(Debug, Default)]
pub(super) struct References(BTreeMap<SecretKeyRef, Referenced>);

/// The spec refers to a value that can't be had.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the spec refers to {place}, which {why}")]
pub struct ReferenceMissing {
    /// Where it is, or should be.
    pub place: String,
    /// Why it can't be had.
    pub why: Unreadable,
}

impl References {
    /// Reads all of them, live.
    pub(super) async fn read<S: Store>(
        store: &S,
        set: &SetRef,
        wanted: &BTreeSet<SecretKeyRef>,
    ) -> Result<Self, StoreError> {
        Ok(Self(if wanted.is_empty() { BTreeMap::new() } else { store.referenced(set, wanted).await? }))
    }

    /// A value; `None` for one that can't be had, which [`References::missing`] tells.
    pub(super) fn value(&self, reference: &SecretKeyRef) -> Option<&Zeroizing<Vec<u8>>> {
        self.0.get(reference)?.value.as_ref().ok()
    }

    /// A value without the line end that editors and `echo` leave, which is no part of a passphrase.
    pub(super) fn passphrase(&self, reference: &SecretKeyRef) -> Option<Zeroizing<Vec<u8>>> {
        Some(Zeroizing::new(without_line_end(self.value(reference)?).to_vec()))
    }

    /// Drops what is not wanted any more, such as the files of keys that this very pass adopted.
    pub(super) fn retain(&mut self, wanted: &BTreeSet<SecretKeyRef>) {
        self.0.retain(|reference, _| wanted.contains(reference));
    }

    /// All that can't be had.
    pub(super) fn missing(&self) -> impl Iterator<Item = ReferenceMissing> {
        self.0.values().filter_map(|found| {
            let why = *found.value.as_ref().err()?;
            Some(ReferenceMissing { place: found.place.clone(), why })
        })
    }

    /// By Secret, the state that was read; `None` for one that is not there.
    pub(super) fn seen(&self) -> BTreeMap<String, Option<Version>> {
        self.0.iter().map(|(reference, found)| (reference.name.clone(), found.version.clone())).collect()
    }
}
