//! Notices when the system secrets change, and tells how far re-sealing is.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::{Stream, StreamExt, stream};
use kube::ResourceExt;
use kube::runtime::controller::ReconcileRequest;
use kube::runtime::reflector::{ObjectRef, Store as Cache};
use kube::runtime::watcher;

use super::Meta;
use crate::keyring::SecretId;
use crate::store::{Seal, SetRef};

/// How often the files of the system secrets are read. A mounted Secret takes longer than this to change.
const LOOK: Duration = Duration::from_secs(10);

/// Which key sets are sealed under the first system secret.
pub(super) struct Resealing {
    seal: Seal,
    sets: Cache<Meta>,
    progress: Mutex<Progress>,
}

#[derive(Default)]
struct Progress {
    under: Option<SecretId>,
    sealed: HashSet<ObjectRef<Meta>>,
    /// How many sets were left when that was told last.
    told: Option<usize>,
    /// Why the files could not be read.
    trouble: Option<String>,
}

impl Resealing {
    pub(super) fn new(seal: Seal, sets: Cache<Meta>) -> Self {
        let progress = Progress { under: seal.first(), ..Progress::default() };
        Self { seal, sets, progress: Mutex::new(progress) }
    }

    /// The system secret that keyrings are to be sealed under.
    pub(super) fn first(&self) -> Option<SecretId> {
        self.seal.first()
    }

    /// Whether the keyring of a set is left as someone else has sealed it.
    pub(super) fn leaves(&self, set: &Meta) -> bool {
        self.seal.leaves(&SetRef { namespace: set.namespace().unwrap_or_default(), name: set.name_any(), owner: None })
    }

    /// A pass left the keyring of a set sealed under that secret.
    pub(super) fn sealed(&self, set: &Meta, under: Option<&SecretId>) {
        if self.leaves(set) {
            return;
        }
        let mut progress = self.progress();
        if progress.under.as_ref() == under && under.is_some() && progress.told != Some(0) {
            progress.sealed.insert(ObjectRef::from_obj(set));
        }
    }

    /// All key sets, each time the system secrets have changed.
    pub(super) fn triggers(
        self: Arc<Self>,
    ) -> impl Stream<Item = Result<ReconcileRequest<Meta>, watcher::Error>> + Send {
        stream::unfold(self, |resealing| async {
            if !resealing.seal.is_from_files() {
                return None;
            }
            tokio::time::sleep(LOOK).await;
            let due: Vec<_> = resealing.look().into_iter().map(|set| Ok(set.into())).collect();
            Some((stream::iter(due), resealing))
        })
        .flatten()
    }

    /// Reads the files again. The sets to look at, if the list changed.
    fn look(&self) -> Vec<ObjectRef<Meta>> {
        let sets = self.sets.state();
        let kept = sets.iter().filter(|set| set.metadata.deletion_timestamp.is_none());
        let kept: Vec<ObjectRef<Meta>> = kept.map(|set| ObjectRef::from_obj(&**set)).collect();
        let changed = self.refresh();
        self.tell(&kept);
        if changed { kept } else { Vec::new() }
    }

    fn refresh(&self) -> bool {
        let mut progress = self.progress();
        match self.seal.refresh() {
            Ok(changed) => {
                progress.trouble = None;
                let first = self.seal.first();
                if progress.under != first {
                    *progress = Progress { under: first, ..Progress::default() };
                }
                changed
            }
            Err(error) => {
                let why = error.to_string();
                if progress.trouble.as_ref() != Some(&why) {
                    tracing::warn!(%error, "going on with the system secrets that were read before");
                }
                progress.trouble = Some(why);
                false
            }
        }
    }

    fn tell(&self, kept: &[ObjectRef<Meta>]) {
        let mut progress = self.progress();
        let Some(under) = progress.under.clone() else { return };
        if progress.told == Some(0) {
            return;
        }
        let left = kept.iter().filter(|set| !progress.sealed.contains(*set)).count();
        if progress.told == Some(left) {
            return;
        }
        progress.told = Some(left);
        if left == 0 {
            progress.sealed = HashSet::new();
            tracing::info!(system_secret = %under, sets = kept.len(), "every keyring is sealed under the first system secret");
        } else {
            tracing::info!(system_secret = %under, left, "key sets are left whose keyring is not seen sealed under the first system secret");
        }
    }

    fn progress(&self) -> MutexGuard<'_, Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, Time};
    use k8s_openapi::jiff::Timestamp;
    use kube::core::PartialObjectMetaExt;
    use kube::runtime::reflector;

    use super::*;

    const OLD: &str = "the old one, of thirty-two bytes";
    const NEW: &str = "the new one, of thirty-two bytes";

    fn set(name: &str) -> Meta {
        let metadata =
            ObjectMeta { name: Some(name.to_owned()), namespace: Some("iam".to_owned()), ..ObjectMeta::default() };
        metadata.into_response_partial()
    }

    #[test]
    fn it_counts_what_is_left_and_calls_every_set_when_the_list_changes() {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(&file, OLD).unwrap();
        let seal = Seal::open(vec![file.path().to_owned()], None).unwrap();
        let old = seal.first();
        let (cache, mut writer) = reflector::store();
        let mut exists = |set: Meta| writer.apply_watcher_event(&watcher::Event::Apply(set));
        let resealing = Resealing::new(seal, cache);
        let look = || (resealing.look().len(), resealing.progress().told);

        exists(set("one"));
        exists(set("two"));
        assert_eq!(look(), (0, Some(2)));
        resealing.sealed(&set("one"), old.as_ref());
        resealing.sealed(&set("one"), old.as_ref());
        resealing.sealed(&set("two"), None);
        assert_eq!(look(), (0, Some(1)));
        resealing.sealed(&set("two"), old.as_ref());
        assert_eq!(look(), (0, Some(0)));
        exists(set("three"));
        assert_eq!(look(), (0, Some(0)), "a new set is sealed from the start");

        fs::write(&file, NEW).unwrap();
        assert_eq!(look(), (3, Some(3)));
        assert_ne!(resealing.first(), old);
        resealing.sealed(&set("one"), old.as_ref());
        assert_eq!(look(), (0, Some(3)), "a pass that began before the change does not count");
        resealing.sealed(&set("one"), resealing.first().as_ref());
        let mut going = set("two");
        going.metadata.deletion_timestamp = Some(Time(Timestamp::UNIX_EPOCH));
        exists(going);
        assert_eq!(look(), (0, Some(1)), "a set that is being deleted is not waited for");

        let new = resealing.first();
        fs::write(&file, "short").unwrap();
        assert_eq!(look(), (0, Some(1)));
        assert_eq!(resealing.first(), new);
        assert!(resealing.progress().trouble.as_ref().is_some_and(|why| why.contains("at least 32 bytes")));
    }
}
