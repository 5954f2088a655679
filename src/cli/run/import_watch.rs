//! Keys that can't be adopted: opening their files takes long where they are encrypted, so they are opened again only when
//! something changes.

use std::collections::BTreeMap;

use chrono::TimeDelta;

use crate::api::SecretKeyRef;
use crate::engine::{Problem, Report, Request};
use crate::keyring::Time;
use crate::store::directory::DirectoryStore;
use crate::store::{Store, Version};

/// After this long the set is looked at all the same: its outputs may have been changed.
const LOOK_AGAIN: TimeDelta = TimeDelta::seconds(15);

/// The state of the files that a set refers to.
pub(super) type Seen = BTreeMap<SecretKeyRef, Option<Version>>;

/// A set that waits for other files.
pub(super) struct ImportWatch {
    request: Request,
    seen: Seen,
    since: Time,
    /// When something else is due.
    pub(super) wake: Option<Time>,
}

/// The state of the files that an import refers to; `None` where there is no import, or where it can't be told.
pub(super) async fn seen(store: &DirectoryStore, request: &Request) -> Option<Seen> {
    request.spec.import.as_ref()?;
    let references = request.spec.references().cloned().collect();
    let found = store.referenced(&request.set, &references).await.ok()?;
    Some(found.into_iter().map(|(reference, found)| (reference, found.version)).collect())
}

impl ImportWatch {
    /// Begins to wait, if a pass refused the keys in files that were `seen` before it.
    pub(super) fn begin(request: &Request, seen: Option<Seen>, report: &Report, now: Time) -> Option<Self> {
        let refused = report.problems.iter().any(|problem| matches!(problem, Problem::ImportRefused(_)));
        let seen = seen.filter(|_| refused)?;
        Some(Self { request: request.clone(), seen, since: now, wake: report.wake })
    }

    /// Whether nothing is to be expected of another pass.
    pub(super) fn is_as_it_was(&self, request: &Request, seen: Option<&Seen>, now: Time) -> bool {
        let waits = now >= self.since && now < self.since + LOOK_AGAIN && self.wake.is_none_or(|wake| now < wake);
        waits && self.request == *request && seen == Some(&self.seen)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::lifecycle::adoption::{Refusal, WhyRefused};
    use crate::lifecycle::fixtures::{at, spec};
    use crate::store::SetRef;

    fn request() -> Request {
        let import = json!({ "keys": [{ "secretKeyRef": { "name": "old", "key": "k.pem" } }] });
        Request {
            set: SetRef { namespace: "default".to_owned(), name: "auth".to_owned(), owner: None },
            spec: spec(json!({ "import": import })),
            edit: None,
            rotate: None,
            confirmed: std::collections::BTreeSet::new(),
            remembered: None,
            set_back: false,
            accepted_loss: None,
        }
    }

    fn state(version: &str) -> Seen {
        let reference = SecretKeyRef { name: "old".to_owned(), key: "k.pem".to_owned() };
        [(reference, Some(Version(version.to_owned())))].into()
    }

    fn refused(wake: Option<Time>) -> Report {
        let why = WhyRefused::Unreadable("it is too small".to_owned());
        let refusal = Refusal { entry: "spec.import.keys[0]".to_owned(), name: None, why };
        Report { problems: vec![Problem::ImportRefused(refusal)], wake, ..Report::default() }
    }

    #[test]
    fn files_are_read_again_when_they_or_what_is_asked_changed_or_something_is_due() {
        let wait = |wake| ImportWatch::begin(&request(), Some(state("1")), &refused(wake), at(0)).unwrap();
        assert!(wait(None).is_as_it_was(&request(), Some(&state("1")), at(14)));
        assert!(!wait(None).is_as_it_was(&request(), Some(&state("1")), at(15)), "outputs may have been changed");
        assert!(!wait(None).is_as_it_was(&request(), Some(&state("2")), at(1)), "another file");
        assert!(!wait(None).is_as_it_was(&request(), None, at(1)), "nobody knows");
        assert!(!wait(Some(at(5))).is_as_it_was(&request(), Some(&state("1")), at(5)), "something is due");
        let asked = Request { rotate: Some("now".to_owned()), ..request() };
        assert!(!wait(None).is_as_it_was(&asked, Some(&state("1")), at(1)), "something is asked");
    }

    #[test]
    fn nothing_is_waited_for_where_all_is_well() {
        assert!(ImportWatch::begin(&request(), Some(state("1")), &Report::default(), at(0)).is_none());
        assert!(ImportWatch::begin(&request(), None, &refused(None), at(0)).is_none());
    }
}
