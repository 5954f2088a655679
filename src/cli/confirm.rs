//! `keyturn confirm`: tells that a key is registered where `promotion.confirm` awaits it.

use std::process::ExitCode;

use clap::Args;

use super::cluster::{self, Access, Edit};
use super::living::{Living, WhatIf};
use super::status::coming;
use super::{Failure, print};
use crate::api::{CONFIRM, Halt, JwksKeySet, confirmed_kids};
use crate::lifecycle::plan::Waiting;
use crate::lifecycle::policy::shown;
use crate::timeline::Next;

/// Confirm that a standby key is registered wherever it must be known, so that it may be promoted.
///
/// Adds the kid to the annotation keyturn.dev/confirm, and tells when the key takes over.
#[derive(Debug, Args)]
pub(super) struct Confirm {
    /// Name of the key set.
    #[arg(value_name = "NAME")]
    name: String,
    /// Key ID, or the beginning of it if only one key's begins so.
    #[arg(value_name = "KID", allow_hyphen_values = true)]
    kid: String,
    #[command(flatten)]
    access: Access,
}

impl Confirm {
    pub(super) fn execute(self) -> Result<ExitCode, Failure> {
        cluster::run(self.confirm())
    }

    async fn confirm(self) -> Result<ExitCode, Failure> {
        let cluster = self.access.connect().await?;
        let living = Living::new(cluster.get(&self.name).await?);
        let key = living.key(&self.kid)?;
        let id = living.id();
        if let Some(halt) = living.halt(Halt::AllButRevocation) {
            return Err(Failure::new(format!("{id}: {halt}")));
        }
        let planned = living.planned(None, WhatIf::Confirmed(&key.kid))?;
        if !planned.policy.confirm {
            return Err(Failure::new(format!(
                "{id} awaits no confirmation: state spec.promotion.confirm if its promotions should"
            )));
        }
        if key.phase != "Standby" {
            return Err(Failure::new(format!("{} is {}: only a Standby key is confirmed", key.kid, key.phase)));
        }
        let confirmed = |set: &JwksKeySet| {
            let mut kids = confirmed_kids(&set.metadata.annotations.clone().unwrap_or_default());
            // Kids of keys that are gone are no use to anyone.
            kids.retain(|kid| set.status.iter().flat_map(|status| &status.keys).any(|key| key.kid == *kid));
            kids.insert(key.kid.clone());
            Edit::Annotation(CONFIRM, kids.into_iter().collect::<Vec<_>>().join(","))
        };
        cluster.change(&living.resource, confirmed).await?;
        let lanes = planned.timeline.rows.iter().flat_map(|row| &row.lanes);
        let next = lanes.filter(|lane| lane.life.kid == key.kid).find_map(|lane| lane.next.as_ref());
        let facts = &planned.policy.facts;
        let said = match next {
            None => "is confirmed: it takes over now".to_owned(),
            Some(Next { time: None, waiting: Waiting::Confirmation, .. }) => format!(
                "is confirmed, which counts from when the key has been published for {} (publishDelay + clockSkew)",
                shown(facts.publish_delay + facts.clock_skew)
            ),
            Some(next) => format!("is confirmed: {}", coming(next, living.now)),
        };
        print(&format!("{id}: {} {said}\n", key.kid))?;
        Ok(ExitCode::SUCCESS)
    }
}
