//! The steps of one pass.

use std::collections::BTreeMap;

use chrono::TimeDelta;
use zeroize::Zeroizing;

use super::certify::certify;
use super::complete::Complete;
use super::in_force::{InForce, check_edit, former_spec, to_remember};
use super::minter::Minter;
use super::references::References;
use super::report::{Problem, Report};
use super::{PassError, Request};
use super::{import, news};
use crate::keyring::{Key, Keyring, Marks, Publisher, Time};
use crate::lifecycle::adoption::Offer;
use crate::lifecycle::plan::{Mint, Plan, Step, plan};
use crate::lifecycle::policy::{Output, OutputId, OutputKind, Policy, PolicyError, PolicyErrors};
use crate::lifecycle::recovery::{Case, Recovery, Remains, last_revision, recover, still_held};
use crate::lifecycle::{Found, Now, Observed, OutputState};
use crate::probe::Clock;
use crate::publish::{
    Header, Passphrase, RenderError, Rendered, check_keyring_size, check_passphrase, headless_remains, remains, render,
};
use crate::store::{Place, Store, StoreError, Stored, StoredKeyring, Version};

/// How many seconds later than its beginning a write is stamped, at the first attempt and wherever the one before took too long.
const ALLOWANCES: [i64; 4] = [0, 2, 15, 60];

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
    /// The stored keyring does not know yet which spec counts.
    is_spec_new: bool,
    /// It did not when the pass began.
    is_edited: bool,
    /// The outputs of the spec that it knows, until it knows the new one.
    former: Vec<Output>,
}

impl<'a, S: Store, C: Clock> Pass<'a, S, C> {
    /// Reads everything, and sees to it that there is a keyring to go on from. A spec that leaves no room for what must stay
    /// is refused like one that is none.
    pub(super) async fn observe(
        store: &'a S,
        clock: &'a C,
        minter: &Minter,
        request: &'a Request,
    ) -> Result<Self, PassError> {
        let in_force = InForce::find(store, request).await?;
        let mut pass = Self::observe_by(in_force, store, clock, minter, request).await?;
        let Some(refused) = pass.crowded() else { return Ok(pass) };
        let in_force = InForce::before(store, request, refused).await?;
        let mut news = pass.take_news();
        pass = Self::observe_by(in_force, store, clock, minter, request).await?;
        news.append(&mut pass.news);
        pass.news = news;
        Ok(pass)
    }

    async fn observe_by(
        InForce { policy, refused }: InForce,
        store: &'a S,
        clock: &'a C,
        minter: &Minter,
        request: &'a Request,
    ) -> Result<Self, PassError> {
        let snapshot = store.load(&request.set, &ids(&policy)).await?;
        let now = clock.now();
        let (keyring, version, dressed, seal_due) = match snapshot.keyring {
            Some(StoredKeyring { keyring, version, dressed, seal_due }) => (keyring, Some(version), dressed, seal_due),
            None => (fresh(&policy, request)?, None, true, None),
        };
        check_edit(request, &keyring)?;
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
            news: snapshot.closed.iter().map(|place| news::closed(place)).collect(),
            report: Report::default(),
            halted: false,
            is_spec_new: false,
            is_edited: false,
            former: Vec::new(),
        };
        if let Some(refused) = refused {
            if pass.version.is_none() || pass.is_older_than_outputs() {
                // A keyring that is lost or old may know an old spec, or none: that waits for one that counts.
                return Err(refused.into());
            }
            pass.report.problems.push(Problem::SpecRefused(refused.to_string()));
        }
        if !dressed || seal_due.is_some() {
            pass.version = Some(store.commit(&request.set, &pass.keyring, pass.version.as_ref()).await?);
            pass.news.extend(seal_due.as_ref().map(news::sealed));
        }
        pass.look_at_what_is_left().await?;
        let wanted = pass.policy.references(&pass.keyring);
        pass.references = References::read(store, &request.set, &wanted).await?;
        if pass.is_older_than_outputs() || (pass.version.is_none() && pass.should_exist()) {
            let listed = pass.policy.outputs.clone();
            pass.look_at_what_was_published().await?;
            pass.recover(minter).await?;
            pass.policy.outputs = listed;
            pass.places.retain(|id, _| ids(&pass.policy).contains(id));
        }
        pass.use_policy_in_force().await?;
        if !pass.halted {
            pass.remember_spec()?;
            pass.report.mended |= !dressed && !pass.is_edited;
            pass.offer = import::offer(&pass.policy, &pass.keyring, &pass.references, minter).await?;
        }
        Ok(pass)
    }

    /// Plans once and does what the plan says. Whether another round could have more to do.
    pub(super) async fn round(&mut self, minter: &Minter) -> Result<bool, PassError> {
        if self.halted {
            return Ok(false);
        }
        let Plan { next, mints, steps, ahead: _, wake: _, refused: _, crowded: _ } = self.plan();
        let Some(next) = next else { return self.restore().await };
        if self.keyring.revision == 0 && self.taken().next().is_some() {
            return Ok(false);
        }
        match self.decide(minter, next, &mints, &steps).await {
            Err(error) if !error.is_conflict() => {
                // That nothing can be decided is no reason to leave what was published as others left it.
                let _ = self.restore().await;
                Err(error)
            }
            complete => self.publish(complete?).await.map(|_| true),
        }
    }

    /// Makes the keys that a decision needs, and commits it. What is to be written then.
    async fn decide(
        &mut self,
        minter: &Minter,
        mut next: Keyring,
        mints: &[Mint],
        steps: &[Step],
    ) -> Result<Vec<Complete>, PassError> {
        let revokes = steps.iter().any(|step| matches!(step, Step::Revoke { .. }));
        if !mints.is_empty() && !revokes {
            // Keys take long to make, and without a passphrase they could not be written.
            self.check_passphrases()?;
        }
        let minted = minter.mint(&self.request.set, mints, &self.policy.kid, &next, self.now.later).await?;
        next.keys.extend(minted.iter().cloned());
        let revision = next.revision;
        let mut discouraged = news::discouraged(&self.keyring, &next);
        discouraged.extend(news::folded_aliases(&self.policy, &self.keyring, &next));
        if !self.request.spec.config_maps.is_empty() {
            discouraged.extend(news::nothing_public(&self.policy, &self.keyring, &next));
        }
        let committed = match certify(&self.policy, &mut next, self.now.later).await {
            Err(error) if !revokes => Err(error.into()),
            // A revocation waits for no certificate either.
            Ok(()) | Err(_) => self.commit(next, revokes).await,
        };
        if committed.is_err() {
            minter.give_back(&self.request.set, revision, minted);
            return committed;
        }
        self.news.extend(minted.iter().map(news::minted));
        self.news.extend(discouraged);
        self.news.extend(steps.iter().filter_map(news::step));
        committed
    }

    /// Writes what others changed, and what an earlier pass did not get to. Whether there was any.
    async fn restore(&mut self) -> Result<bool, PassError> {
        if self.keyring.revision == 0 {
            return Ok(false);
        }
        let (mut drifted, outcome) = self.drifted().await;
        let is_new = drifted.iter().any(|one| self.needs_new_revision(one));
        if is_new || self.is_spec_new {
            let mut next = self.keyring.clone();
            next.revision += u64::from(is_new);
            self.version = Some(self.store.commit(&self.request.set, &next, self.version.as_ref()).await?);
            self.keyring = next;
            self.is_spec_new = false;
            for one in &mut drifted {
                one.rendered.state_revision(&mut one.files, self.keyring.revision);
            }
        }
        self.report.mended |= drifted.iter().any(|one| self.is_undone(&one.rendered.id));
        let written = self.publish(drifted).await?;
        outcome.map(|()| written)
    }

    /// What happened so far.
    pub(super) fn take_news(&mut self) -> Vec<news::News> {
        std::mem::take(&mut self.news)
    }

    /// What the pass saw and did, and what comes next.
    pub(super) fn report(mut self) -> Report {
        if !self.halted {
            self.references.retain(&self.policy.references(&self.keyring));
        }
        self.report.problems.extend(self.references.missing().map(Problem::ReferenceMissing));
        self.report.references = self.references.seen();
        if self.halted {
            return self.report;
        }
        let taken: Vec<Problem> = self.taken().cloned().map(Problem::OutputTaken).collect();
        self.report.problems.extend(taken);
        self.report.keyring_version.clone_from(&self.version);
        let strange = self.request.confirmed.iter().filter(|kid| self.keyring.key(kid).is_none());
        // Nobody mistypes many, and whoever writes more gets no message of that length.
        self.report.strange_confirmations = strange.take(3).map(|kid| kid.chars().take(256).collect()).collect();
        let (plan, observed) = (self.plan(), self.observed());
        self.report.describe(&self.policy, &self.keyring, &observed, &plan, &self.places);
        self.report
    }

    /// Why the spec that is stated would take keys from pods that need them.
    fn crowded(&self) -> Option<PolicyErrors> {
        let is_new = self.is_spec_new || !self.keyring.kept_private.is_empty();
        if self.halted || self.report.is_spec_refused() || !is_new {
            return None;
        }
        let crowded: Vec<PolicyError> = self.plan().crowded.into_iter().map(PolicyError::from).collect();
        (!crowded.is_empty()).then_some(PolicyErrors(crowded))
    }

    fn plan(&self) -> Plan {
        plan(&self.policy, &self.keyring, &self.observed(), self.now)
    }

    /// Everything is made before anything is written, so that a set that can't be written whole isn't written half.
    ///
    /// But a revocation waits for nothing: an output that can't be made whole loses the files that a passphrase encrypts, and
    /// gets them back when they can be made.
    async fn commit(&mut self, mut next: Keyring, revokes: bool) -> Result<Vec<Complete>, PassError> {
        let mut complete = Vec::new();
        for output in &self.policy.outputs {
            let made = match self.complete(output, &next).await {
                Err(error) if revokes && is_about_encryption(&error) => {
                    self.complete(&output.without_encrypted_files(), &next).await?
                }
                made => made?,
            };
            if let Some(one) = made {
                one.rendered.check_size(&one.files, &self.header(&one, &next, self.clock.now().later)?)?;
                complete.push(one);
            }
        }
        if check_keyring_size(&next).is_err() {
            // Keys are worth more than the memory of a spec.
            self.news.extend(next.accepted.take().map(|_| news::not_remembered()));
        }
        check_keyring_size(&next)?;
        self.version = Some(self.store.commit(&self.request.set, &next, self.version.as_ref()).await?);
        self.keyring = next;
        self.is_spec_new = false;
        self.former.clear();
        Ok(complete)
    }

    /// One output with all its files; `None` where it is as it should be already.
    async fn complete(&self, output: &Output, keyring: &Keyring) -> Result<Option<Complete>, PassError> {
        let passphrase = self.passphrase(output)?;
        let rendered = render(&self.policy, output, keyring, passphrase.as_ref())?;
        if !self.is_to_be_written(&rendered, keyring) {
            return Ok(None);
        }
        Complete::make(rendered, keyring.revision).await.map(Some)
    }

    /// The passphrase of an output, if it has one and that is there.
    fn passphrase(&self, output: &Output) -> Result<Option<Passphrase>, PassError> {
        let Output::Secret { passphrase: Some(reference), .. } = output else { return Ok(None) };
        let Some(octets) = self.references.passphrase(reference) else { return Ok(None) };
        let wrong = |why| PassError::Passphrase { reference: reference.to_string(), why };
        let text = std::str::from_utf8(&octets).map_err(|_| wrong("is no text: a passphrase must be UTF-8"))?;
        if text.is_empty() {
            return Err(wrong("is empty: put a passphrase there"));
        }
        Ok(Some(Zeroizing::new(text.to_owned())))
    }

    fn check_passphrases(&self) -> Result<(), PassError> {
        self.policy.outputs.iter().try_for_each(|output| {
            let passphrase = self.passphrase(output)?;
            Ok(check_passphrase(output, passphrase.as_ref())?)
        })
    }

    /// Writes the outputs that are not as they should be: the verifiers' first, then the signers'. Whether there were any.
    ///
    /// One that can't be written holds up the signers' only if it lacks a key that they would use.
    async fn publish(&mut self, complete: Vec<Complete>) -> Result<bool, PassError> {
        let (mut written, mut failed, mut signers_wait) = (false, None, false);
        for one in complete {
            let id = one.rendered.id.clone();
            if signers_wait && id.kind == OutputKind::Secret {
                continue;
            }
            let seen = match self.places.get(&id) {
                Some(Place::Foreign) => continue,
                Some(Place::Ours(stored)) => Some(stored),
                Some(Place::Empty) | None => None,
            };
            let recovered = self.news.iter().any(|news| news.reason == news::Reason::KeyringRecovered);
            let restored = self.is_undone(&id) && !recovered;
            let (header, version) = match self.write(&one, seen).await {
                Ok(done) => done,
                Err(error) if error.is_conflict() => return Err(error),
                Err(error) => {
                    signers_wait |= !self.has_active_keys(&one);
                    failed = failed.or(Some(error));
                    continue;
                }
            };
            let before = seen.and_then(|stored| stored.header.as_ref());
            self.news.push(news::published(&id, &header, before, restored));
            let stored = Stored { version, header: Some(header), files: one.files, dressed: true };
            self.places.insert(id, Place::Ours(stored));
            written = true;
        }
        failed.map_or(Ok(written), Err)
    }

    /// Whether an output holds, as it is, every active key that it should.
    fn has_active_keys(&self, one: &Complete) -> bool {
        let Some(header) = self.intact_header(&one.rendered.id) else { return false };
        let wanted = one.rendered.marks(&self.keyring, None, self.now.later);
        let holds = |marks: &Marks, key: &Key| marks.get(&key.kid).is_some_and(|mark| mark.held.is_some());
        let mut active = self.keyring.keys.iter().filter(|key| key.is_active());
        active.all(|key| holds(&header.marks, key) || !holds(&wanted, key))
    }

    /// Those outputs that are not as they should be, made whole, and why others can't be. One that is older than the last
    /// revocation loses the files that can't be made, as in [`Self::commit`], which a crash may have kept from it.
    async fn drifted(&self) -> (Vec<Complete>, Result<(), PassError>) {
        let (mut complete, mut outcome) = (Vec::new(), Ok(()));
        for output in &self.policy.outputs {
            let made = match self.complete(output, &self.keyring).await {
                Err(error) if is_about_encryption(&error) && self.is_below_barrier(output) => {
                    let made = self.complete(&output.without_encrypted_files(), &self.keyring).await;
                    outcome = Err(error);
                    made
                }
                made => made,
            };
            match made {
                Ok(made) => complete.extend(made),
                Err(error) => outcome = Err(error),
            }
        }
        (complete, outcome)
    }

    fn is_below_barrier(&self, output: &Output) -> bool {
        match self.places.get(&output.id()) {
            Some(Place::Ours(Stored { header, .. })) => {
                header.as_ref().is_none_or(|header| header.revision < self.keyring.barrier)
            }
            Some(Place::Empty | Place::Foreign) | None => false,
        }
    }

    /// Writes one output. Where the disk is slow, or the machine slept between the stamp and the end of the write, the stamp
    /// would say less than the truth: the output is written once more, and stamped later.
    async fn write(&self, one: &Complete, seen: Option<&Stored>) -> Result<(Header, Version), PassError> {
        let (id, files) = (&one.rendered.id, &one.files);
        let mut last: Option<Stored> = None;
        for allowance in ALLOWANCES.map(TimeDelta::seconds) {
            let stamp = self.clock.now().later + allowance;
            let by = stamp + self.store.write_bound();
            let header = self.header(one, &self.keyring, stamp)?;
            let over = last.as_ref().or(seen);
            match self.store.publish(&self.request.set, id, files, &header, over, by).await {
                Ok(version) if self.clock.now().earlier <= by => return Ok((header, version)),
                Ok(version) => {
                    last = Some(Stored { version, header: Some(header), files: files.clone(), dressed: true });
                }
                Err(StoreError::Late(_)) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(PassError::Store(StoreError::Failed {
            doing: format!("writing {id}"),
            why: "one write takes longer than a minute: see why the machine or the store is so slow".to_owned(),
        }))
    }

    fn is_to_be_written(&self, one: &Rendered, keyring: &Keyring) -> bool {
        match self.places.get(&one.id) {
            Some(Place::Foreign) => false,
            Some(Place::Ours(stored)) => !is_current(one, stored, keyring),
            Some(Place::Empty) | None => true,
        }
    }

    /// The header of an output that is as it was written.
    fn intact_header(&self, id: &OutputId) -> Option<&Header> {
        let Some(Place::Ours(Stored { header: Some(header), files, .. })) = self.places.get(id) else { return None };
        header.is_intact(id, files, &self.keyring.mac_key).then_some(header)
    }

    fn is_drifted(&self, id: &OutputId) -> bool {
        matches!(self.places.get(id), Some(Place::Ours(_))) && self.intact_header(id).is_none()
    }

    /// Whether readers would miss a change of an output if it kept its revision. What someone else put there does not count, unless
    /// the spec was edited at the same time.
    fn needs_new_revision(&self, one: &Complete) -> bool {
        let Some(Place::Ours(Stored { header: Some(header), files, .. })) = self.places.get(&one.rendered.id) else {
            return false;
        };
        (self.is_edited || !self.is_drifted(&one.rendered.id))
            && one.rendered.needs_new_revision(&self.keyring, header, files)
    }

    /// Whether an output that had been written is no more as it was written, without an edit of the spec.
    fn is_undone(&self, id: &OutputId) -> bool {
        let undone = match self.places.get(id) {
            Some(Place::Ours(stored)) => !stored.dressed || self.is_drifted(id),
            // The status tells of a revision when all its outputs are written.
            Some(Place::Empty) | None => self.request.remembered == Some(self.keyring.revision),
            Some(Place::Foreign) => false,
        };
        undone && !self.is_edited
    }

    /// The header of an output that is written next. It says what the clock says now, not when the pass began: making keys may
    /// have taken long.
    fn header(&self, one: &Complete, keyring: &Keyring, stamp: Time) -> Result<Header, PassError> {
        let Complete { rendered: one, files } = one;
        let before = self.intact_header(&one.id).map(|header| &header.marks);
        let marks = one.marks(keyring, before, stamp);
        Ok(Header::new(&one.id, files, one.inputs(), keyring, marks).map_err(RenderError::from)?)
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
            former: self.former.clone(),
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
            // What is there was looked at; a recovery may have found keys besides.
            let has_public = self.keyring.keys.iter().any(|key| key.public.is_some());
            return if has_public { self.look_at_what_is_left().await } else { Ok(()) };
        }
        let kids = self.keyring.keys.iter().filter(|key| lacking(key)).map(|key| key.kid.clone()).collect();
        self.report.problems.push(Problem::PublisherChangeWaits { kids });
        self.policy.go_on_publishing(&self.request.set.name);
        self.places = self.store.load(&self.request.set, &ids(&self.policy)).await?.outputs;
        Ok(())
    }

    /// The keyring is to know the spec by which it is kept.
    fn remember_spec(&mut self) -> Result<(), PassError> {
        if self.report.is_spec_refused() {
            return Ok(());
        }
        let wanted = to_remember(self.request, &self.keyring)?;
        self.is_spec_new = wanted != self.keyring.accepted;
        self.is_edited = self.is_spec_new;
        if wanted.is_none() && (self.is_spec_new || self.keyring.revision == 0) {
            self.news.push(news::not_remembered());
        }
        if self.is_spec_new {
            let former = former_spec(&self.keyring);
            let parse = |spec| Policy::parse(&self.request.set.name, &spec, self.store.write_bound());
            self.former = former.and_then(|spec| parse(spec).ok()).map(|policy| policy.outputs).unwrap_or_default();
        }
        self.keyring.accepted = wanted;
        Ok(())
    }

    /// Outputs that the spec does not list any more, as long as they hold keys that are needed.
    async fn look_at_what_is_left(&mut self) -> Result<(), PassError> {
        let Some(left) =
            self.policy.left_over(&self.request.set.name).filter(|_| self.policy.publisher == Publisher::Keyturn)
        else {
            return Ok(());
        };
        let place = self.store.load(&self.request.set, std::slice::from_ref(&left)).await?.outputs.remove(&left);
        let is_there = matches!(place, Some(Place::Ours(_)));
        self.policy.publish_what_is_left(&self.request.set.name, &self.keyring, is_there);
        if self.policy.left_over(&self.request.set.name).is_none() {
            self.places.extend(place.map(|place| (left, place)));
        }
        Ok(())
    }

    /// The ConfigMap of a set that lists none, where Keyturn published by the time of its newest Secret: `publisher: Signer` may
    /// still wait for what is in it.
    async fn look_at_what_was_published(&mut self) -> Result<(), PassError> {
        let Some(left) = self.policy.left_over(&self.request.set.name) else { return Ok(()) };
        let newest = self.headers().max_by_key(|(_, header, _)| header.revision);
        if newest.is_some_and(|(_, header, _)| header.publisher == Publisher::Signer) {
            return Ok(());
        }
        let place = self.store.load(&self.request.set, std::slice::from_ref(&left)).await?.outputs.remove(&left);
        if let Some(place @ Place::Ours(_)) = place {
            self.policy.keep_config_map(&self.request.set.name);
            self.places.insert(left, place);
        }
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
    async fn recover(&mut self, minter: &Minter) -> Result<(), PassError> {
        let base = self.version.is_some().then_some(&self.keyring);
        let left = self.left(base.is_some(), minter).await?;
        let revoked = still_held(&self.policy.revoked, left.iter().map(|(_, remains)| remains));
        let unopened: Vec<&(OutputId, Remains)> =
            left.iter().filter(|(_, remains)| !remains.unopened.is_empty()).collect();
        let revisions = left.iter().map(|(_, remains)| remains.revision);
        let last = last_revision(revisions, self.request.remembered, base);
        if !unopened.is_empty() && self.request.accepted_loss != Some(last) {
            // What can't be opened may be the very key that signs: without it, a new one would be made in silence.
            self.report.problems.extend(unopened.into_iter().map(|one| Problem::unopened(one, last, &revoked)));
            self.report.revision = self.request.remembered;
            self.halted = true;
            return Ok(());
        }
        let left: Vec<Remains> = left.into_iter().map(|(_, remains)| remains).collect();
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
            Recovery::Lost { revision, lines, revoked } => {
                self.report.problems.push(Problem::KeyringLost { revision, lines, revoked });
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

    /// What the outputs hold. Keystores are opened off the async threads.
    async fn left(&self, has_base: bool, minter: &Minter) -> Result<Vec<(OutputId, Remains)>, PassError> {
        let mut found: Vec<(OutputId, Remains)> = Vec::new();
        for output in &self.policy.outputs {
            let id = output.id();
            let Some(Place::Ours(stored)) = self.places.get(&id) else { continue };
            let Some(header) = &stored.header else {
                // ConfigMaps come first. An older keyring knows more than it and they could.
                let maps = found.iter().map(|(_, remains)| remains).filter(|one| one.kind == OutputKind::ConfigMap);
                let newest = maps.max_by_key(|remains| remains.revision).cloned();
                if let (OutputKind::Secret, false, Some(verifiers)) = (id.kind, has_base, newest) {
                    let (files, passphrase) = (stored.files.clone(), self.passphrase(output).unwrap_or_default());
                    let work = move || (id, headless_remains(&verifiers, &files, passphrase.as_ref()));
                    found.push(minter.off_thread(work).await?);
                }
                continue;
            };
            if has_base && !self.is_vouched(&id, header, stored) {
                continue;
            }
            // One that can't be used opens nothing, which is told of what it does not open.
            let passphrase = self.passphrase(output).unwrap_or_default();
            let (header, files, now) = (header.clone(), stored.files.clone(), self.now.later);
            let work = move || {
                let remains = remains(&id, &header, &files, passphrase.as_ref(), now);
                (id, remains)
            };
            found.push(minter.off_thread(work).await?);
        }
        Ok(found)
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

/// Whether files that a passphrase encrypts are what can't be made.
fn is_about_encryption(error: &PassError) -> bool {
    matches!(
        error,
        PassError::Passphrase { .. } | PassError::Render(RenderError::NoPassphrase { .. } | RenderError::File { .. })
    )
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
