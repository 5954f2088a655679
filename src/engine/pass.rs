//! The steps of one pass.

use std::collections::BTreeMap;

use zeroize::Zeroizing;

use super::certify::certify;
use super::complete::Complete;
use super::minter::Minter;
use super::references::References;
use super::report::{Problem, Report};
use super::{PassError, Request};
use super::{import, news};
use crate::keyring::{Key, Keyring, Publisher};
use crate::lifecycle::adoption::Offer;
use crate::lifecycle::plan::{Plan, Step, plan};
use crate::lifecycle::policy::{Output, OutputId, Policy};
use crate::lifecycle::recovery::{Case, Recovery, recover};
use crate::lifecycle::{Found, Now, Observed, OutputState};
use crate::probe::Clock;
use crate::publish::{Header, Passphrases, RenderError, Rendered, check_keyring_size, remains, render};
use crate::store::{Place, Store, StoreError, Stored, StoredKeyring, Version};

/// How often an output is written again because the write took too long.
const MOST_LATE_WRITES: usize = 4;

/// One pass over one set, with all that it read.
pub(super) struct Pass<'a, S, C> {
    store: &'a S,
    clock: &'a C,
    request: &'a Request,
    now: Now,
    policy: Policy,
    keyring: Keyring,
    version: Option<Version>,
    places: BTreeMap<OutputId, Place>,
    references: References,
    offer: Offer,
    news: Vec<news::News>,
    report: Report,
    /// Nothing may be written: the report says why.
    halted: bool,
}

impl<'a, S: Store, C: Clock> Pass<'a, S, C> {
    /// Reads everything, and sees to it that there is a keyring to go on from.
    pub(super) async fn observe(
        store: &'a S,
        clock: &'a C,
        minter: &Minter,
        request: &'a Request,
    ) -> Result<Self, PassError> {
        let policy = Policy::parse(&request.set.name, &request.spec, store.write_bound())?;
        let snapshot = store.load(&request.set, &ids(&policy)).await?;
        let now = clock.now();
        let (keyring, version, dressed, seal_due) = match snapshot.keyring {
            Some(StoredKeyring { keyring, version, dressed, seal_due }) => (keyring, Some(version), dressed, seal_due),
            None => (fresh(&policy, request)?, None, true, None),
        };
        let mut pass = Self {
            store,
            clock,
            request,
            now,
            policy,
            keyring,
            version,
            places: snapshot.outputs,
            references: References::default(),
            offer: Offer::Nothing,
            news: Vec::new(),
            report: Report::default(),
            halted: false,
        };
        if !dressed || seal_due.is_some() {
            pass.version = Some(store.commit(&request.set, &pass.keyring, pass.version.as_ref()).await?);
            pass.news.extend(seal_due.as_ref().map(news::sealed));
        }
        pass.use_policy_in_force().await?;
        let wanted = pass.policy.references(&pass.keyring);
        pass.references = References::read(store, &request.set, &wanted).await?;
        if pass.is_older_than_outputs() || (pass.version.is_none() && pass.should_exist()) {
            pass.recover().await?;
        }
        if !pass.halted {
            pass.offer = import::offer(&pass.policy, &pass.keyring, &pass.references, minter).await?;
        }
        Ok(pass)
    }

    /// Plans once and does what the plan says. Whether another round could have more to do.
    pub(super) async fn round(&mut self, minter: &Minter) -> Result<bool, PassError> {
        if self.halted {
            return Ok(false);
        }
        let Plan { next, mints, steps, ahead: _, wake: _, refused: _ } = self.plan();
        let Some(mut next) = next else {
            if self.keyring.revision == 0 {
                return Ok(false);
            }
            let drifted = self.drifted().await?;
            let written = self.publish(drifted).await?;
            self.report.mended |= written;
            return Ok(written);
        };
        if self.keyring.revision == 0 && self.taken().next().is_some() {
            return Ok(false);
        }
        let minted = minter.mint(&self.request.set, &mints, &self.policy.kid, &next, self.now.later).await?;
        next.keys.extend(minted.iter().cloned());
        let discouraged = news::discouraged(&self.keyring, &next);
        let revokes = steps.iter().any(|step| matches!(step, Step::Revoke { .. }));
        let committed = match certify(&self.policy, &mut next).await {
            Ok(()) => self.commit(next, revokes).await,
            Err(error) => Err(error.into()),
        };
        let complete = match committed {
            Ok(complete) => complete,
            Err(error) => {
                minter.give_back(&self.request.set, minted);
                return Err(error);
            }
        };
        self.news.extend(minted.iter().map(news::minted));
        self.news.extend(discouraged);
        self.news.extend(steps.iter().filter_map(news::step));
        self.publish(complete).await?;
        Ok(true)
    }

    /// What happened so far.
    pub(super) fn take_news(&mut self) -> Vec<news::News> {
        std::mem::take(&mut self.news)
    }

    /// What the pass saw and did, and what comes next.
    pub(super) fn report(mut self) -> Report {
        if self.halted {
            return self.report;
        }
        let taken: Vec<Problem> = self.taken().cloned().map(Problem::OutputTaken).collect();
        self.report.problems.extend(taken);
        self.report.problems.extend(self.references.missing().map(Problem::ReferenceMissing));
        self.report.references = self.references.seen();
        self.report.keyring_version.clone_from(&self.version);
        let (plan, observed) = (self.plan(), self.observed());
        self.report.describe(&self.policy, &self.keyring, &observed, &plan, &self.places);
        self.report
    }

    fn plan(&self) -> Plan {
        plan(&self.policy, &self.keyring, &self.observed(), self.now)
    }

    /// Everything is made before anything is written, so that a set that can't be written whole isn't written half.
    async fn commit(&mut self, next: Keyring, revokes: bool) -> Result<Vec<Complete>, PassError> {
        let rendered = match self.render(&next) {
            // A revocation waits for nothing: what can't be encrypted now is taken away, and comes back when it can be.
            Err(PassError::Render(RenderError::NoPassphrase { .. })) if revokes => {
                render(&self.policy.without_encrypted_files(), &next, &Passphrases::new())?
            }
            rendered => rendered?,
        };
        let mut complete = Vec::new();
        for one in rendered {
            if self.is_to_be_written(&one, &next) {
                let one = Complete::make(one, next.revision).await?;
                one.rendered.check_size(&one.files, &self.header(&one, &next)?)?;
                complete.push(one);
            }
        }
        check_keyring_size(&next)?;
        self.version = Some(self.store.commit(&self.request.set, &next, self.version.as_ref()).await?);
        self.keyring = next;
        Ok(complete)
    }

    fn render(&self, keyring: &Keyring) -> Result<Vec<Rendered>, PassError> {
        Ok(render(&self.policy, keyring, &self.passphrases()?)?)
    }

    /// The passphrases that are there, by the Secret that needs them.
    fn passphrases(&self) -> Result<Passphrases, PassError> {
        let mut passphrases = Passphrases::new();
        for output in &self.policy.outputs {
            let Output::Secret { name, passphrase: Some(reference), .. } = output else { continue };
            let Some(octets) = self.references.passphrase(reference) else { continue };
            let wrong = |why| PassError::Passphrase { reference: reference.to_string(), why };
            let text = std::str::from_utf8(&octets).map_err(|_| wrong("is no text: a passphrase must be UTF-8"))?;
            if text.is_empty() {
                return Err(wrong("is empty: put a passphrase there"));
            }
            passphrases.insert(name.clone(), Zeroizing::new(text.to_owned()));
        }
        Ok(passphrases)
    }

    /// Writes the outputs that are not as they should be: the verifiers' first, then the signers'. Whether there were any.
    async fn publish(&mut self, complete: Vec<Complete>) -> Result<bool, PassError> {
        let mut written = false;
        for one in complete {
            let id = one.rendered.id.clone();
            let seen = match self.places.get(&id) {
                Some(Place::Foreign) => continue,
                Some(Place::Ours(stored)) => Some(stored),
                Some(Place::Empty) | None => None,
            };
            let recovered = self.news.iter().any(|news| news.reason == news::Reason::KeyringRecovered);
            let restored = self.is_drifted(&id) && !recovered;
            let (header, version) = self.write(&one, seen).await?;
            let before = seen.and_then(|stored| stored.header.as_ref());
            self.news.push(news::published(&id, &header, before, restored));
            let stored = Stored { version, header: Some(header), files: one.files, dressed: true };
            self.places.insert(id, Place::Ours(stored));
            written = true;
        }
        Ok(written)
    }

    /// Those outputs that are not as they should be, made whole.
    async fn drifted(&self) -> Result<Vec<Complete>, PassError> {
        let mut complete = Vec::new();
        for one in self.render(&self.keyring)? {
            if self.is_to_be_written(&one, &self.keyring) {
                complete.push(Complete::make(one, self.keyring.revision).await?);
            }
        }
        Ok(complete)
    }

    /// Writes one output. Where the machine slept between the stamp and the end of the write, the stamp says less than the
    /// truth, and the output is written once more.
    async fn write(&self, one: &Complete, seen: Option<&Stored>) -> Result<(Header, Version), PassError> {
        let (id, files) = (&one.rendered.id, &one.files);
        let mut last: Option<Stored> = None;
        for _ in 0..MOST_LATE_WRITES {
            let begun = self.clock.now().later;
            let header = self.header(one, &self.keyring)?;
            let over = last.as_ref().or(seen);
            let version = self.store.publish(&self.request.set, id, files, &header, over).await?;
            if self.clock.now().earlier <= begun + self.store.write_bound() {
                return Ok((header, version));
            }
            last = Some(Stored { version, header: Some(header), files: files.clone(), dressed: true });
        }
        let bound = self.store.write_bound().num_seconds();
        Err(PassError::Store(StoreError::Failed {
            doing: format!("writing {id}"),
            why: format!(
                "each write took longer than the {bound} s that may pass: see why the machine or the store is so slow"
            ),
        }))
    }

    fn is_to_be_written(&self, one: &Rendered, keyring: &Keyring) -> bool {
        match self.places.get(&one.id) {
            Some(Place::Foreign) => false,
            Some(Place::Ours(stored)) => !is_current(one, stored, keyring),
            Some(Place::Empty) | None => true,
        }
    }

    fn is_drifted(&self, id: &OutputId) -> bool {
        match self.places.get(id) {
            Some(Place::Ours(Stored { header, files, .. })) => {
                !header.as_ref().is_some_and(|header| header.is_intact(id, files, &self.keyring.mac_key))
            }
            Some(Place::Empty | Place::Foreign) | None => false,
        }
    }

    /// The header of an output that is written next. It says what the clock says now: making keys may have taken long.
    fn header(&self, one: &Complete, keyring: &Keyring) -> Result<Header, PassError> {
        let Complete { rendered: one, files } = one;
        let before = match self.places.get(&one.id) {
            Some(Place::Ours(Stored { header: Some(header), files, .. }))
                if header.is_intact(&one.id, files, &keyring.mac_key) =>
            {
                Some(&header.marks)
            }
            _ => None,
        };
        let marks = one.marks(keyring, before, self.clock.now().later);
        Ok(Header::new(one, files, keyring, marks).map_err(RenderError::from)?)
    }

    fn observed(&self) -> Observed {
        let state = |id: &OutputId| match self.places.get(id) {
            None | Some(Place::Empty) => OutputState::Missing,
            Some(Place::Foreign) => OutputState::Foreign,
            Some(Place::Ours(Stored { header, .. })) => OutputState::Found(Found {
                marks: header.as_ref().map(|header| header.marks.clone()).unwrap_or_default(),
                intact: !self.is_drifted(id),
            }),
        };
        Observed {
            outputs: ids(&self.policy).into_iter().map(|id| (id.clone(), state(&id))).collect(),
            rotate: self.request.rotate.clone(),
            confirmed: self.request.confirmed.clone(),
            offer: self.offer.clone(),
        }
    }

    /// What was published stays so as long as it must: `publisher: Signer` waits until no retired key is left whose private
    /// half is gone, because the server could not publish it, and a set that turned symmetric goes on with what is left.
    async fn use_policy_in_force(&mut self) -> Result<(), PassError> {
        let lacking = |key: &Key| {
            key.is_retired() && !Publisher::Keyturn.keeps_all_loaded(key.algorithm) && key.private.is_none()
        };
        let changes = self.keyring.revision > 0
            && self.keyring.publisher == Publisher::Keyturn
            && self.policy.publisher == Publisher::Signer;
        if !changes || !self.keyring.keys.iter().any(lacking) {
            if self.policy.publish_what_is_left(&self.request.set.name, &self.keyring) {
                self.places = self.store.load(&self.request.set, &ids(&self.policy)).await?.outputs;
            }
            return Ok(());
        }
        let kids = self.keyring.keys.iter().filter(|key| lacking(key)).map(|key| key.kid.clone()).collect();
        self.report.problems.push(Problem::PublisherChangeWaits { kids });
        self.policy.go_on_publishing(&self.request.set.name);
        self.places = self.store.load(&self.request.set, &ids(&self.policy)).await?.outputs;
        Ok(())
    }

    /// The keyring is older than what was made from it, or than the status remembers: a backup was restored.
    fn is_older_than_outputs(&self) -> bool {
        let newer = |revision: u64| revision > self.keyring.revision;
        self.version.is_some()
            && (self.request.remembered.is_some_and(newer)
                || self
                    .headers()
                    .any(|(id, header, stored)| newer(header.revision) && self.is_vouched(id, header, stored)))
    }

    /// Whether Keyturn wrote the output: its digest fits, or the status remembers its revision, where the keyring that
    /// made the digest is lost.
    fn is_vouched(&self, id: &OutputId, header: &Header, stored: &Stored) -> bool {
        header.is_intact(id, &stored.files, &self.keyring.mac_key)
            || self.request.remembered.is_some_and(|last| header.revision <= last)
    }

    /// A keyring is missing that must have been there: the status or the outputs remember it.
    fn should_exist(&self) -> bool {
        let any_output = self.places.values().any(|place| matches!(place, Place::Ours(_)));
        self.request.remembered.is_some() || any_output
    }

    /// Rebuilds the keyring from the outputs, or stops where that would mean to mint in silence.
    async fn recover(&mut self) -> Result<(), PassError> {
        let base = self.version.is_some().then_some(&self.keyring);
        let passphrases = self.passphrases().unwrap_or_default();
        let left: Vec<_> = self
            .headers()
            .filter(|(id, header, stored)| base.is_none() || self.is_vouched(id, header, stored))
            .map(|(id, header, stored)| remains(id, header, &stored.files, passphrases.get(&id.name), self.now.later))
            .collect();
        let case = Case {
            policy: &self.policy,
            base,
            remains: &left,
            remembered: self.request.remembered,
            accepted_loss: self.request.accepted_loss,
            rotate: self.request.rotate.clone(),
            mac_key: self.keyring.mac_key.clone(),
            now: self.now,
        };
        match recover(&case) {
            Recovery::Lost { revision, lines } => {
                self.report.problems.push(Problem::KeyringLost { revision, lines });
                self.report.revision = self.request.remembered;
                self.halted = true;
            }
            Recovery::Keyring(keyring) => {
                let news = news::recovered(&keyring, base);
                self.version = Some(self.store.commit(&self.request.set, &keyring, self.version.as_ref()).await?);
                self.keyring = *keyring;
                self.news.push(news);
            }
        }
        Ok(())
    }

    fn headers(&self) -> impl Iterator<Item = (&OutputId, &Header, &Stored)> {
        self.places.iter().filter_map(|(id, place)| match place {
            Place::Ours(stored) => stored.header.as_ref().map(|header| (id, header, stored)),
            Place::Empty | Place::Foreign => None,
        })
    }

    fn taken(&self) -> impl Iterator<Item = &OutputId> {
        self.places.iter().filter(|(_, place)| matches!(place, Place::Foreign)).map(|(id, _)| id)
    }
}

fn is_current(wanted: &Rendered, stored: &Stored, keyring: &Keyring) -> bool {
    let Stored { version: _, header, files, dressed } = stored;
    let whole = header.as_ref().is_some_and(|header| {
        wanted.is_written(keyring, header, files) && header.is_intact(&wanted.id, files, &keyring.mac_key)
    });
    whole && *dressed
}

fn ids(policy: &Policy) -> Vec<OutputId> {
    policy.outputs.iter().map(Output::id).collect()
}

/// A keyring that nothing was committed of yet.
fn fresh(policy: &Policy, request: &Request) -> Result<Keyring, PassError> {
    let keyring = Keyring::new(Minter::mac_key()?, policy.facts, policy.publisher);
    Ok(Keyring { rotate_answered: request.rotate.clone(), ..keyring })
}
