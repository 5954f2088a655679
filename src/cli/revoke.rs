//! `keyturn revoke`: takes a key out of use at once, and tells what breaks by it.

use std::io::{IsTerminal, Write};
use std::process::ExitCode;

use clap::{Args, ValueEnum};

use super::cluster::{self, Access, Edit};
use super::living::{Living, WhatIf};
use super::plan::Planned;
use super::{Failure, print};
use crate::api::{Halt, JwksKeySet, KeyStatus, RevocationReason, RevokedKid};
use crate::keyring::Time;
use crate::lifecycle::Fact;
use crate::lifecycle::policy::shown;
use crate::timeline::Stage;

/// Revoke a key: it is gone everywhere at once, and never comes back. Tokens that it signed break.
///
/// Adds the kid to spec.revoked. Where the resource is kept in Git, add it there too. For a rotation that breaks no token,
/// see `keyturn rotate`.
#[derive(Debug, Args)]
pub(super) struct Revoke {
    /// Name of the key set.
    #[arg(value_name = "NAME")]
    name: String,
    /// Key ID, or the beginning of it if only one key's begins so.
    #[arg(value_name = "KID", allow_hyphen_values = true)]
    kid: String,
    /// Take KID as it is, also where the status lists no such key: it may be in a backup, or the operator has told nothing yet.
    #[arg(long)]
    unlisted: bool,
    /// Why, which is written into the resource.
    #[arg(long, value_enum, ignore_case = true, default_value_t = Why::Unspecified)]
    reason: Why,
    /// Tell what breaks, and change nothing.
    #[arg(long)]
    dry_run: bool,
    /// Do not ask. Needed where there is no terminal to ask on.
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    access: Access,
}

/// Why a key is revoked: the words of the resource.
#[derive(Clone, Copy, Debug, ValueEnum)]
#[value(rename_all = "PascalCase")]
enum Why {
    /// No reason is stated
    Unspecified,
    /// Someone else has, or may have, the private key
    Compromised,
    /// The key is no longer needed
    Superseded,
}

impl From<Why> for RevocationReason {
    fn from(why: Why) -> Self {
        match why {
            Why::Unspecified => Self::Unspecified,
            Why::Compromised => Self::Compromised,
            Why::Superseded => Self::Superseded,
        }
    }
}

impl Revoke {
    pub(super) fn execute(self) -> Result<ExitCode, Failure> {
        cluster::run(self.revoke())
    }

    /// The key that is meant, or only its ID.
    fn key(&self, living: &Living) -> Result<Key, Failure> {
        let listed = living.status().keys.into_iter().find(|key| key.kid == self.kid);
        match (listed, self.unlisted) {
            (Some(key), _) => Ok(Key::Listed(Box::new(key))),
            (None, true) => Ok(Key::Unlisted(self.kid.clone())),
            (None, false) => living.key(&self.kid).map(|key| Key::Listed(Box::new(key))).map_err(|why| {
                Failure::new(format!(
                    "{why}\nTo revoke a key that is not listed, such as one of a backup, state its whole kid and --unlisted"
                ))
            }),
        }
    }

    async fn revoke(self) -> Result<ExitCode, Failure> {
        let cluster = self.access.connect().await?;
        let living = Living::new(cluster.get(&self.name).await?);
        let is_revoked = |kid: &str| living.resource.spec.revoked.iter().any(|one| one.kid == kid);
        // A key that was revoked is listed no more.
        let key = if is_revoked(&self.kid) { None } else { Some(self.key(&living)?) };
        let Some(key) = key.filter(|key| !is_revoked(key.kid())) else {
            print(&format!("{}: {} is in spec.revoked already\n", living.id(), self.kid))?;
            return Ok(ExitCode::SUCCESS);
        };
        let kid = key.kid().to_owned();
        // A spec that can't be kept is no reason to leave a stolen key in use.
        let planned = living.planned(None, WhatIf::Revoked(&kid));
        print(&match (&key, &planned) {
            (Key::Listed(key), Ok(planned)) => consequences(&living, key, planned),
            (Key::Listed(key), Err(why)) => unforeseen(&living, key, why),
            (Key::Unlisted(kid), _) => unlisted(&living, kid),
        })?;
        if self.dry_run {
            print("Nothing was changed (--dry-run).\n")?;
            return Ok(ExitCode::SUCCESS);
        }
        if !self.yes && !confirmed()? {
            return Err(Failure::new("nothing was revoked"));
        }
        let revoked = |set: &JwksKeySet| {
            let mut revoked = set.spec.revoked.clone();
            if !revoked.iter().any(|one| one.kid == kid) {
                revoked.push(RevokedKid { kid: kid.clone(), reason: self.reason.into() });
            }
            Edit::Revoked(revoked)
        };
        cluster.change(&living.resource, revoked).await?;
        let id = living.id();
        let halt = living.halt(Halt::Everything).or_else(|| {
            let why = planned.err()?;
            Some(format!("the operator does nothing with the spec before it is mended: {why}"))
        });
        if let Some(halt) = halt {
            return Err(Failure::new(format!("{id}: {kid} is in spec.revoked, but {halt}")));
        }
        print(&format!("{id}: {kid} is in spec.revoked; the operator takes it away now\n"))?;
        Ok(ExitCode::SUCCESS)
    }
}

/// The key that is to be revoked.
enum Key {
    /// The status tells of it.
    Listed(Box<KeyStatus>),
    /// Only its ID is known.
    Unlisted(String),
}

impl Key {
    fn kid(&self) -> &str {
        match self {
            Self::Listed(key) => &key.kid,
            Self::Unlisted(kid) => kid,
        }
    }
}

/// Asks on the terminal.
fn confirmed() -> Result<bool, Failure> {
    if !std::io::stdin().is_terminal() {
        return Err(Failure::misuse(
            "there is no terminal to ask on: state --yes to revoke, or --dry-run to see what breaks",
        ));
    }
    let mut out = std::io::stderr();
    write!(out, "Revoke it? This can't be taken back. [y/N] ").and_then(|()| out.flush()).map_err(Failure::new)?;
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer).map_err(Failure::new)?;
    Ok(matches!(answer.trim().to_lowercase().as_str(), "y" | "yes"))
}

/// What is known of a key that the status does not tell of.
fn unlisted(living: &Living, kid: &str) -> String {
    format!(
        "Revoking {kid} of {}, which its status does not list:\n  if the set has such a key, whatever it signed or what is \
         encrypted to it is refused; if not, none of that kid will ever be taken in, from a backup or otherwise\n",
        living.id()
    )
}

/// What is known of a key where the spec tells nothing of what follows.
fn unforeseen(living: &Living, key: &KeyStatus, why: &Failure) -> String {
    let KeyStatus { kid, line, phase, .. } = key;
    format!(
        "Revoking {kid} of {} (line {line}, {phase}):\n  whatever it signed or what is encrypted to it is refused; more can't be \
         told: {why}\n",
        living.id()
    )
}

/// What breaks, for how long, and what takes the key's place.
fn consequences(living: &Living, key: &KeyStatus, planned: &Planned) -> String {
    let KeyStatus { kid, line, use_, phase, .. } = key;
    let mut rows = vec![format!("Revoking {kid} of {} (line {line}, {phase}):", living.id())];
    let facts = &planned.policy.facts;
    let lifetime = shown(Fact::MaxTokenLifetime.of(facts));
    let broken = match (phase.as_str(), use_.as_str()) {
        ("Standby", _) => "no token breaks: it was never used".to_owned(),
        ("Active", "sig") => format!(
            "every token that it signed and that is still valid stops verifying: those signed in the last {lifetime} \
             (timing.maxTokenLifetime), since {} at the earliest",
            stamp(key.active_time.as_deref())
        ),
        ("Active", _) => format!(
            "what was encrypted to it since {} can't be decrypted any more; senders go on encrypting to it until they load the \
             JWKS anew",
            stamp(key.active_time.as_deref())
        ),
        (_, "sig") => format!(
            "tokens that it signed until {} and that are still valid stop verifying; the last of them would have ended by {}",
            stamp(key.retired_time.as_deref()),
            stamp(key.removal_time.as_deref())
        ),
        _ => {
            format!("what was encrypted to it until {} can't be decrypted any more", stamp(key.retired_time.as_deref()))
        }
    };
    rows.push(format!("  {broken}"));
    if use_ == "sig" && phase != "Standby" {
        let caches = facts.publish_delay + facts.verifier_cache_ttl;
        rows.push(format!(
            "  verifiers go on accepting it until they load the JWKS anew: up to {} (publishDelay + verifierCacheTtl); restart \
             them if that is too long",
            shown(caches)
        ));
    }
    if phase == "Active" {
        rows.push(format!("  {}", replacement(living, line, planned)));
    }
    rows.join("\n") + "\n"
}

fn replacement(living: &Living, line: &str, planned: &Planned) -> String {
    let facts = &planned.policy.facts;
    let row = planned.timeline.rows.iter().find(|row| row.line.name == line && row.stated);
    let Some(row) = row else { return "nothing takes its place: its line is not in the spec any more".to_owned() };
    let standby = row.lanes.iter().find(|lane| lane.stage == Some(Stage::Standby));
    match standby {
        Some(lane) => {
            let lead = planned.policy.timing(row.line.algorithm, facts).lead() + planned.policy.write_bound;
            let published = lane.published.filter(|published| !published.foretold);
            let ready = published.map(|published| published.time + lead);
            let known = match ready {
                Some(ready) if ready <= living.now => "every verifier knows it already".to_owned(),
                Some(ready) => format!("not every verifier knows it before {} UTC", ready.format("%Y-%m-%d %H:%M:%S")),
                None => "no verifier knows it yet".to_owned(),
            };
            format!("{} takes its place at once; {known}", lane.life.kid)
        }
        None => format!(
            "a new key takes its place at once, which no verifier knows yet: new tokens fail for up to {}",
            shown(facts.publish_delay + facts.verifier_cache_ttl)
        ),
    }
}

fn stamp(time: Option<&str>) -> String {
    let read = time.and_then(|time| time.parse::<Time>().ok());
    read.map_or_else(|| "an unknown time".to_owned(), |time| format!("{} UTC", time.format("%Y-%m-%d %H:%M:%S")))
}
