//! What was seen of the key sets before this operator began to lead, as their statuses tell: a restart, or another leader, reads nothing
//! of a set that is settled. See decision 24.

use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::api::ListParams;
use kube::{Api, Client, Error, Resource};
use serde::Deserialize;
use serde_json::Value;
use tokio::sync::watch::Sender;

use super::namespaces::Namespaces;
use super::resealing::Resealing;
use super::settled::{Outputs, Settled};
use crate::api::{JwksKeySet, JwksKeySetStatus};

/// How many sets are listed at a time: what is not needed of them is not held for long.
const PAGE: u32 = 250;

/// How long passes may wait for it. What is not recalled by then is read.
const PATIENCE: Duration = Duration::from_secs(20);

/// Recalls, each time this operator begins to lead.
pub(super) struct Recall {
    pub(super) client: Client,
    pub(super) namespaces: Namespaces,
    pub(super) outputs: Outputs,
    pub(super) settled: Arc<Settled>,
    pub(super) resealing: Arc<Resealing>,
    pub(super) gate: Sender<Gate>,
}

/// Where passes wait until all that can be recalled is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Gate {
    /// It is not recalled yet.
    #[default]
    Closed,
    /// It is.
    Open,
    /// The operator stops, so no pass begins.
    Stopping,
}

/// A key set without its spec, which may be one of a newer version.
#[derive(Clone, Debug, Deserialize, Resource)]
#[resource(inherit = JwksKeySet)]
struct Told {
    metadata: ObjectMeta,
    status: Option<Value>,
}

impl Recall {
    /// This operator begins to lead. It never fails: what can't be listed is not recalled.
    pub(super) async fn begin(&self) {
        // The lead may have been lost and won again between two looks at it.
        self.end();
        self.settled.forget_all();
        let all = async { tokio::join!(self.list(), self.outputs.are_listed()) };
        if tokio::time::timeout(PATIENCE, all).await.is_err() {
            tracing::debug!("not everything was listed in time, so what is not is read");
        }
        self.pass(Gate::Closed, Gate::Open);
    }

    /// Another one leads.
    pub(super) fn end(&self) {
        self.pass(Gate::Open, Gate::Closed);
    }

    fn pass(&self, from: Gate, to: Gate) {
        self.gate.send_if_modified(|gate| {
            let turns = *gate == from;
            if turns {
                *gate = to;
            }
            turns
        });
    }

    async fn list(&self) {
        let all = self.namespaces.apis::<Told>(&self.client);
        let each = all.into_iter().map(async |(namespace, api)| {
            if let Err(error) = self.list_all_of(&api).await {
                tracing::debug!(namespace, %error, "key sets can't be listed, so each is read");
            }
        });
        join_all(each).await;
    }

    async fn list_all_of(&self, api: &Api<Told>) -> Result<(), Error> {
        let mut page = ListParams::default().limit(PAGE);
        loop {
            let list = api.list(&page).await?;
            for set in list.items {
                self.recall(set);
            }
            match list.metadata.continue_.filter(|token| !token.is_empty()) {
                Some(token) => page = page.continue_token(&token),
                None => return Ok(()),
            }
        }
    }

    fn recall(&self, Told { metadata, status }: Told) {
        let status = status.and_then(|status| serde_json::from_value::<JwksKeySetStatus>(status).ok());
        if let Some(status) = status {
            self.settled.recall(&metadata, &status, self.resealing.first());
        }
    }
}
