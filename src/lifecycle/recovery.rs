//! When a keyring that should exist does not, or is older than its outputs: an alarm, never a reason to mint in silence.

use std::collections::{BTreeMap, BTreeSet};

use super::clock::Now;
use super::policy::{OutputKind, Policy};
use crate::jose::{Algorithm, PublicJwk, PublicParams, Thumbprint, Use};
use crate::keyring::{
    KeptFile, KeptPrivateFile, Key, Keyring, MacKey, Mark, Marks, Phase, Publisher, Revoked, SettledFacts, Time,
};
use crate::material::PrivateKey;

/// What an output still holds of a set.
#[derive(Clone, Debug)]
pub struct Remains {
    /// Which kind of output.
    pub kind: OutputKind,
    /// Revision it was made from.
    pub revision: u64,
    /// Since when it holds what.
    pub marks: Marks,
    /// The facts that counted by then.
    pub facts: SettledFacts,
    /// Who published by then.
    pub publisher: Publisher,
    /// Files that the spec named no more by then.
    pub kept: Vec<KeptFile>,
    /// Private files of lines that the spec named no more by then.
    pub kept_private: Vec<KeptPrivateFile>,
    /// What was revoked by then.
    pub revoked: Vec<Revoked>,
    /// Public keys in its files.
    pub public: Vec<PublicJwk>,
    /// Files that the passphrase which is there does not open: what they hold is not known.
    pub unopened: Vec<String>,
    /// Private keys in its files.
    pub private: Vec<FoundKey>,
}

/// A private key in a file.
#[derive(Clone, Debug)]
pub struct FoundKey {
    /// The kid that the file gives it, if it does.
    pub kid: Option<String>,
    /// The key.
    pub key: PrivateKey,
}

/// What a recovery starts from.
#[derive(Clone, Debug)]
pub struct Case<'a> {
    /// The spec.
    pub policy: &'a Policy,
    /// The keyring that is older than its outputs; `None` where it is lost.
    pub base: Option<&'a Keyring>,
    /// What the outputs hold.
    pub remains: &'a [Remains],
    /// The last revision that the status remembers.
    pub remembered: Option<u64>,
    /// The lost revision whose private keys the user gives up.
    pub accepted_loss: Option<u64>,
    /// The rotate annotation as it is: it was answered before.
    pub rotate: Option<String>,
    /// A new key for digests, for a lost keyring.
    pub mac_key: MacKey,
    /// The moment.
    pub now: Now,
}

/// How a recovery ends.
#[derive(Clone, Debug)]
pub enum Recovery {
    /// A keyring to commit. The outputs won: their active keys stay active, what else they publish stays as retired.
    Keyring(Box<Keyring>),
    /// Lines whose active key can't be had back. Nothing is to be touched.
    Lost {
        /// The revision that is lost; the user's word must name it.
        revision: u64,
        /// The lines.
        lines: Vec<String>,
        /// What the spec revokes and the outputs still hold.
        revoked: Vec<String>,
    },
}

/// Rebuilds a keyring from what the outputs hold. Pure.
pub fn recover(case: &Case<'_>) -> Recovery {
    let last = last_revision(case.remains.iter().map(|remains| remains.revision), case.remembered, case.base);
    let mut revoked = revoked(case);
    let gone = |kid: &str, thumbprint| {
        revoked.iter().any(|one| one.kid == kid || one.thumbprint.is_some_and(|known| known == thumbprint))
    };
    let mut keys: Vec<Key> = kids(case).iter().filter_map(|kid| recovered_key(case, kid)).collect();
    // A mark has the thumbprint that a symmetric key had with the lost keyring's own secret.
    let marked = |key: &Key| newest_mark(case, &key.kid).map_or(key.thumbprint, |mark| mark.thumbprint);
    keys.retain(|key| !gone(&key.kid, key.thumbprint) && !gone(&key.kid, marked(key)));
    keys.sort_by(|one, other| one.minted.cmp(&other.minted).then_with(|| one.kid.cmp(&other.kid)));
    keep_one_active(&mut keys, case);
    let lines = lost_lines(case, &keys, gone);
    if !lines.is_empty() && case.accepted_loss != Some(last) {
        return Recovery::Lost { revision: last, lines, revoked: still_held(&case.policy.revoked, case.remains) };
    }
    revoked.extend(revoked_with_nothing_left(case, &keys, &revoked));
    Recovery::Keyring(Box::new(Keyring {
        revision: last + 1,
        barrier: last + 1,
        mac_key: mac_key(case).clone(),
        rotate_answered: case.base.map_or_else(|| case.rotate.clone(), |base| base.rotate_answered.clone()),
        facts: facts(case),
        publisher: publisher(case),
        keys,
        revoked,
        kept: kept(case),
        kept_private: kept_private(case),
        accepted: case.base.and_then(|base| base.accepted.clone()),
        imports: case.base.map_or_else(|| answered_imports(case), |base| base.imports.clone()),
    }))
}

/// The newest revision that outputs, the status or a restored keyring know of: the one that is lost, if any is.
pub fn last_revision(outputs: impl Iterator<Item = u64>, remembered: Option<u64>, base: Option<&Keyring>) -> u64 {
    outputs.chain(remembered).chain(base.map(|base| base.revision)).max().unwrap_or_default()
}

/// The facts that counted last: longer ones than the spec states may still count.
fn facts(case: &Case<'_>) -> SettledFacts {
    let base = case.base.map(|base| (base.revision, &base.facts));
    latest(case, |left| &left.facts, base).map_or_else(|| SettledFacts::new(case.policy.facts), Clone::clone)
}

/// Who published last: a change that the spec states may have to wait.
fn publisher(case: &Case<'_>) -> Publisher {
    let base = case.base.map(|base| (base.revision, &base.publisher));
    latest(case, |left| &left.publisher, base).copied().unwrap_or(case.policy.publisher)
}

/// The files that were kept last: their readers are still there.
fn kept(case: &Case<'_>) -> Vec<KeptFile> {
    let base = case.base.map(|base| (base.revision, &base.kept));
    latest(case, |left| &left.kept, base).cloned().unwrap_or_default()
}

fn kept_private(case: &Case<'_>) -> Vec<KeptPrivateFile> {
    let base = case.base.map(|base| (base.revision, &base.kept_private));
    latest(case, |left| &left.kept_private, base).cloned().unwrap_or_default()
}

/// What whoever knows the latest revision says.
fn latest<'a, T>(case: &Case<'a>, told: impl Fn(&'a Remains) -> &'a T, base: Option<(u64, &'a T)>) -> Option<&'a T> {
    let outputs = case.remains.iter().map(|left| (left.revision, told(left)));
    outputs.chain(base).max_by_key(|(revision, _)| *revision).map(|(_, told)| told)
}

fn revoked(case: &Case<'_>) -> Vec<Revoked> {
    let mut revoked: Vec<Revoked> = case.base.map(|base| base.revoked.clone()).unwrap_or_default();
    for one in case.remains.iter().flat_map(|remains| &remains.revoked) {
        match revoked.iter_mut().find(|known| known.kid == one.kid) {
            Some(known) => known.thumbprint = known.thumbprint.or(one.thumbprint),
            None => revoked.push(one.clone()),
        }
    }
    revoked
}

/// What is revoked and whose very halves are gone: only the marks know its thumbprint, by which it can't come back. Those that
/// are recovered the plan takes away, and puts others in their place.
fn revoked_with_nothing_left(case: &Case<'_>, keys: &[Key], known: &[Revoked]) -> Vec<Revoked> {
    let is_open = |kid: &&String| !keys.iter().any(|key| key.kid == **kid) && !known.iter().any(|one| one.kid == **kid);
    let revoked = case.policy.revoked.iter().filter(is_open).filter_map(|kid| {
        let thumbprint = Some(newest_mark(case, kid)?.thumbprint);
        Some(Revoked { kid: kid.clone(), thumbprint, since: case.now.later })
    });
    revoked.collect()
}

/// Those of the kids that some output still holds.
pub fn still_held<'a>(kids: &BTreeSet<String>, remains: impl IntoIterator<Item = &'a Remains>) -> Vec<String> {
    let held = |mark: &Mark| mark.held.is_some() || mark.active.is_some();
    let marks = remains.into_iter().flat_map(|left| &left.marks).filter(|(_, mark)| held(mark));
    let all: BTreeSet<&String> = marks.map(|(kid, _)| kid).collect();
    kids.iter().filter(|kid| all.contains(kid)).cloned().collect()
}

fn kids(case: &Case<'_>) -> BTreeSet<String> {
    let marked = case.remains.iter().flat_map(|remains| remains.marks.keys());
    let known = case.base.into_iter().flat_map(|base| &base.keys).map(|key| &key.kid);
    marked.chain(known).cloned().collect()
}

/// One key, from the outputs first and the older keyring second. `None` where nobody has even its public half.
fn recovered_key(case: &Case<'_>, kid: &str) -> Option<Key> {
    let old = case.base.and_then(|base| base.key(kid));
    let mark = newest_mark(case, kid);
    if was_gone(case, kid) {
        return None;
    }
    let (line, algorithm, thumbprint) = match (old, mark) {
        (Some(key), _) => (key.line.clone(), key.algorithm, key.thumbprint),
        (None, Some(mark)) => (mark.line.clone(), mark.algorithm, mark.thumbprint),
        (None, None) => return None,
    };
    let private =
        old.and_then(|key| key.private.clone()).or_else(|| private_key(case, kid, algorithm, thumbprint).cloned());
    let published = || {
        let mut all = case.remains.iter().flat_map(|remains| &remains.public);
        all.find(|jwk| jwk.thumbprint() == thumbprint).map(|jwk| jwk.params().clone())
    };
    let public = old
        .and_then(|key| key.public.clone())
        .or_else(published)
        .or_else(|| private.as_ref().and_then(|key| key.public().cloned()));
    let spec = public.as_ref().map(PublicParams::spec).or_else(|| private.as_ref().map(PrivateKey::spec))?;
    let thumbprint = match &private {
        Some(key) => mac_key(case).thumbprint(key),
        None => thumbprint,
    };
    let now = case.now.later;
    let in_secret = signers_mark(case, kid);
    let active_since = in_secret.and_then(|mark| mark.active);
    let phase = match (active_since, old.map(|key| &key.phase)) {
        (Some(_), Some(phase @ Phase::Active { .. })) => phase.clone(),
        (Some(active_since), _) if private.is_some() => {
            Phase::Active { active_since, rotation_due: case.policy.rotation_due(active_since), rotation_asked: false }
        }
        (None, Some(phase @ Phase::Active { .. })) if in_secret.is_none() && known_to_verifiers(case, kid) => {
            phase.clone()
        }
        // It was used: as a standby it could be discarded, and what it made with it.
        (None, Some(Phase::Active { active_since, .. })) => retired(Some(*active_since), now),
        // Only a key that no newer output knows was surely never used since, and no Secret would be left to tell of it.
        (None, Some(Phase::Standby)) if mark.is_none() && is_any_secret_left(case) => Phase::Standby,
        _ => retired(active_since, now),
    };
    let minted = old.map_or(now, |key| key.minted);
    Some(Key {
        kid: kid.to_owned(),
        line,
        algorithm,
        spec,
        thumbprint,
        public,
        private: private.filter(|_| keeps_private(&phase, algorithm, publisher(case))),
        minted,
        certificate: old.and_then(|key| key.certificate.clone()),
        adopted_for: old.and_then(|key| key.adopted_for),
        confirmed: old.and_then(|key| key.confirmed),
        phase,
    })
}

/// The private key in some file that is the one of that kid.
fn private_key<'a>(
    case: &'a Case<'_>,
    kid: &str,
    algorithm: Algorithm,
    thumbprint: Thumbprint,
) -> Option<&'a PrivateKey> {
    let mut all = case.remains.iter().flat_map(|remains| &remains.private);
    let is_it = |found: &&FoundKey| {
        if algorithm.is_symmetric() && case.base.is_none() {
            // The secret that made the thumbprint is lost with the keyring, so the file's own word has to do.
            found.kid.as_deref() == Some(kid) && algorithm.takes(found.key.spec())
        } else {
            mac_key(case).thumbprint(&found.key) == thumbprint
        }
    };
    all.find(is_it).map(|found| &found.key)
}

/// The secret of the keyring that is to be.
fn mac_key<'a>(case: &'a Case<'_>) -> &'a MacKey {
    case.base.map_or(&case.mac_key, |base| &base.mac_key)
}

/// An older active key beside the one that the Secrets hold is retired.
fn keep_one_active(keys: &mut [Key], case: &Case<'_>) {
    let since = |key: &Key| {
        let mark = signers_mark(case, &key.kid).and_then(|mark| mark.active);
        match &key.phase {
            Phase::Active { active_since, .. } => Some((mark.is_some(), *active_since)),
            Phase::Standby | Phase::Retired { .. } => None,
        }
    };
    let groups: BTreeSet<(String, Use)> = keys.iter().map(|key| (key.line.clone(), key.usage())).collect();
    for (line, usage) in groups {
        let newest = keys.iter().filter(|key| key.belongs_to(&line, usage)).filter_map(since).max();
        let mut found = false;
        for key in keys.iter_mut().filter(|key| key.belongs_to(&line, usage) && key.is_active()) {
            if !found && since(key) == newest {
                found = true;
                continue;
            }
            let Phase::Active { active_since, .. } = key.phase else { continue };
            key.phase = retired(Some(active_since), case.now.later);
            if !keeps_private(&key.phase, key.algorithm, publisher(case)) {
                key.private = None;
            }
        }
    }
}

/// What was adopted once may have rotated long ago, so the import of a line that any output knows is answered. Where nothing
/// is left, each counts as answered by something else, and so is told to come too late rather than adopted anew.
fn answered_imports(case: &Case<'_>) -> BTreeMap<String, String> {
    let known: BTreeSet<&str> =
        case.remains.iter().flat_map(|remains| remains.marks.values()).map(|mark| mark.line.as_str()).collect();
    let statements = case.policy.import.statements();
    if known.is_empty() {
        return statements.keys().map(|line| (line.clone(), String::new())).collect();
    }
    let answered = statements.iter().filter(|(line, _)| known.contains(line.as_str()));
    answered.map(|(line, said)| (line.clone(), said.clone())).collect()
}

/// Lines of the spec that had an active key, which was not revoked, and have none any more. Where nothing is left of a lost
/// keyring, that may be any; an older keyring without outputs goes on as it is.
fn lost_lines(case: &Case<'_>, keys: &[Key], gone: impl Fn(&str, Thumbprint) -> bool) -> Vec<String> {
    let nothing_left = case.base.is_none() && case.remains.iter().all(|remains| remains.marks.is_empty());
    let had_active = |line: &str, usage: Use| {
        case.remains.iter().flat_map(|remains| &remains.marks).any(|(kid, mark)| {
            let is_revoked = case.policy.revoked.contains(kid) || gone(kid, mark.thumbprint);
            mark.line == line && mark.algorithm.usage() == usage && mark.active.is_some() && !is_revoked
        })
    };
    let is_lost = |line: &&super::policy::Line| {
        let usage = line.algorithm.usage();
        let has_active = keys.iter().any(|key| key.belongs_to(&line.name, usage) && key.is_active());
        !has_active && (nothing_left || had_active(&line.name, usage))
    };
    case.policy.lines.iter().filter(is_lost).map(|line| line.name.clone()).collect()
}

/// Whether the key had left the keyring that the newest output was made from.
fn was_gone(case: &Case<'_>, kid: &str) -> bool {
    let newest = case.remains.iter().max_by_key(|left| left.revision);
    newest.zip(case.base).is_some_and(|(left, base)| left.revision > base.revision && !left.marks.contains_key(kid))
}

/// What the newest output says of a key.
fn newest_mark<'a>(case: &'a Case<'_>, kid: &str) -> Option<&'a Mark> {
    let marked = case.remains.iter().filter_map(|left| Some((left.revision, left.marks.get(kid)?)));
    marked.max_by_key(|(revision, _)| *revision).map(|(_, mark)| mark)
}

/// What the newest Secret says of a key that has signers of the key's line: the others know nothing of who signs.
fn signers_mark<'a>(case: &'a Case<'_>, kid: &str) -> Option<&'a Mark> {
    let signs = |left: &Remains, mark: &Mark| {
        left.marks.values().any(|other| {
            other.line == mark.line && other.algorithm.usage() == mark.algorithm.usage() && other.active.is_some()
        })
    };
    let secrets = case.remains.iter().filter(|left| left.kind == OutputKind::Secret);
    secrets
        .filter_map(|left| Some((left, left.marks.get(kid)?)))
        .filter(|(left, mark)| signs(left, mark))
        .max_by_key(|(left, _)| left.revision)
        .map(|(_, mark)| mark)
}

fn is_any_secret_left(case: &Case<'_>) -> bool {
    case.remains.iter().any(|remains| remains.kind == OutputKind::Secret)
}

/// Whether every ConfigMap that is left holds the key.
fn known_to_verifiers(case: &Case<'_>, kid: &str) -> bool {
    let mut maps = case.remains.iter().filter(|remains| remains.kind == OutputKind::ConfigMap).peekable();
    maps.peek().is_some() && maps.all(|remains| remains.marks.get(kid).is_some_and(|mark| mark.held.is_some()))
}

fn keeps_private(phase: &Phase, algorithm: Algorithm, publisher: Publisher) -> bool {
    !matches!(phase, Phase::Retired { .. }) || publisher.keeps_all_loaded(algorithm)
}

fn retired(active_since: Option<Time>, now: Time) -> Phase {
    Phase::Retired { active_since, retired_since: now, not_before: None }
}
