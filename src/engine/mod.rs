//! One pass over one key set: observe → plan → mint → render → commit → publish → report.
//!
//! The order of writes is what makes a crash harmless: the keyring first, then the verifiers, then the signers. Whatever
//! a pass left undone, the next one finds out by reading, and does.

mod certify;
mod complete;
mod import;
mod in_force;
mod minter;
mod news;
mod pass;
mod references;
mod report;
mod stand_ins;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use crate::api::JwksKeySetSpec;
use crate::keyring::Edit;
use crate::lifecycle::policy::PolicyErrors;
use crate::probe::Clock;
use crate::publish::RenderError;
use crate::store::{SetRef, Store, StoreError};

pub use minter::{MintError, Minter, Progress};
pub use news::{News, Reason};
pub use references::ReferenceMissing;
pub use report::{KeyReport, OutputReport, Problem, Report};

use pass::Pass;

/// How often a pass reads again because someone else wrote at the same time.
const MOST_CONFLICTS: usize = 5;

/// How many rounds a pass plans: where nothing has to be waited for, one change follows another at once.
const MOST_ROUNDS: usize = 8;

/// What a pass is asked for.
#[derive(Clone, Debug, PartialEq)]
pub struct Request {
    /// Which set.
    pub set: SetRef,
    /// Its spec.
    pub spec: JwksKeySetSpec,
    /// Which edit of the resource stated it; `None` where edits are not counted.
    pub edit: Option<Edit>,
    /// The resource was read again, and states this edit still: it was set back from a backup, and counts even if the keyring
    /// knows a later one.
    pub set_back: bool,
    /// Value of the rotate annotation.
    pub rotate: Option<String>,
    /// Kids that someone confirmed to have registered.
    pub confirmed: BTreeSet<String>,
    /// The keyring revision that the status remembers.
    pub remembered: Option<u64>,
    /// The lost revision whose private keys the user gives up.
    pub accepted_loss: Option<u64>,
}

/// Why a pass did not end. Nothing that was published is changed by it.
#[derive(Debug, thiserror::Error)]
pub enum PassError {
    /// The spec is wrong, and no other is known that counted before.
    #[error(transparent)]
    Spec(#[from] PolicyErrors),
    /// The keyring is kept by a later edit of the resource than the request holds: read the resource again. One that still
    /// states the older edit was set back ([`Request::set_back`]).
    #[error("the spec was edited after it was read")]
    Overtaken,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A key could not be made.
    #[error(transparent)]
    Mint(#[from] MintError),
    /// An output can't be made.
    #[error(transparent)]
    Render(#[from] RenderError),
    /// A passphrase can't be used.
    #[error("the passphrase in {reference} {why}")]
    Passphrase {
        /// Where it is.
        reference: String,
        /// What is wrong with it, and what to change. Never the value.
        why: &'static str,
    },
}

impl PassError {
    /// Whether somebody else was at work on the set: what was read is to be read again.
    pub fn is_conflict(&self) -> bool {
        matches!(self, Self::Store(StoreError::Conflict(_)) | Self::Overtaken)
    }
}

/// Runs passes over a store.
#[derive(Debug)]
pub struct Engine<S, C> {
    store: S,
    clock: C,
    minter: Minter,
}

impl<S: Store, C: Clock> Engine<S, C> {
    /// An engine over a store.
    pub fn new(store: S, clock: C, minter: Minter) -> Self {
        Self { store, clock, minter }
    }

    /// The store.
    pub fn store(&self) -> &S {
        &self.store
    }

    /// Does what is due for one set. What happened is added to `news` even if the pass fails: a decision that was
    /// committed is not made again, and would never be told.
    ///
    /// # Errors
    /// [`PassError`]. After a conflict it first tries again from a live read.
    pub async fn pass(&self, request: &Request, news: &mut Vec<News>) -> Result<Report, PassError> {
        let mut conflicts = 0;
        loop {
            match self.attempt(request, news).await {
                Err(PassError::Store(StoreError::Conflict(_))) if conflicts < MOST_CONFLICTS => conflicts += 1,
                other => return other,
            }
        }
    }

    async fn attempt(&self, request: &Request, news: &mut Vec<News>) -> Result<Report, PassError> {
        let mut pass = Pass::observe(&self.store, &self.clock, &self.minter, request).await?;
        let mut outcome = Ok(true);
        for _ in 0..MOST_ROUNDS {
            outcome = pass.round(&self.minter).await;
            if !matches!(outcome, Ok(true)) {
                break;
            }
        }
        news.append(&mut pass.take_news());
        outcome?;
        self.minter.forget(&request.set);
        Ok(pass.report())
    }
}
