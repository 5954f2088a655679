//! What was seen of the key sets before this operator began to lead, as their statuses tell: a restart, or another leader, reads nothing
//! of a set that is settled. See decision 24.

use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::api::ListParams;
use kube::{Api, Client, Error, Resource};
use serde::Deserialize;
use serde_json::Value;
use tokio::sync::watch::{Receiver, Sender};

use super::namespaces::Namespaces;
use super::resealing::Resealing;
use super::settled::Settled;
use crate::api::{JwksKeySet, JwksKeySetStatus};

/// How many sets are listed at a time: what is not needed of them is not held for long.
const PAGE: u32 = 250;

/// How long passes may wait for it. What is not recalled by then is read.
const PATIENCE: Duration = Duration::from_secs(20);

/// Recalls, each time this operator begins to lead.
pub(super) struct Recall {
    client: Client,
    namespaces: Namespaces,
    settled: Arc<Settled>,
    resealing: Arc<Resealing>,
    is_over: Sender<bool>,
}

/// A key set without its spec, which may be one of a newer version.
#[derive(Clone, Debug, Deserialize, Resource)]
#[resource(inherit = JwksKeySet)]
struct Told {
    metadata: ObjectMeta,
    status: Option<Value>,
}

impl Recall {
    pub(super) fn new(
        client: Client,
        namespaces: Namespaces,
        settled: Arc<Settled>,
        resealing: Arc<Resealing>,
    ) -> Self {
        let (is_over, _) = tokio::sync::watch::channel(false);
        Self { client, namespaces, settled, resealing, is_over }
    }

    /// Whether what could be recalled is; passes wait for that.
    pub(super) fn is_over(&self) -> Receiver<bool> {
        self.is_over.subscribe()
    }

    /// This operator begins to lead. It never fails: what can't be listed is not recalled.
    pub(super) async fn begin(&self) {
        match tokio::time::timeout(PATIENCE, self.list()).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::debug!(%error, "key sets can't be listed, so each is read"),
            Err(_) => tracing::debug!("key sets were not listed in time, so each is read"),
        }
        self.is_over.send_replace(true);
    }

    /// Another one leads.
    pub(super) fn end(&self) {
        self.is_over.send_replace(false);
    }

    async fn list(&self) -> Result<(), Error> {
        for (_, api) in self.namespaces.apis::<Told>(&self.client) {
            let mut page = ListParams::default().limit(PAGE);
            loop {
                let list = Api::list(&api, &page).await?;
                for set in list.items {
                    self.recall(set);
                }
                match list.metadata.continue_.filter(|token| !token.is_empty()) {
                    Some(token) => page = page.continue_token(&token),
                    None => break,
                }
            }
        }
        Ok(())
    }

    fn recall(&self, Told { metadata, status }: Told) {
        let status = status.and_then(|status| serde_json::from_value::<JwksKeySetStatus>(status).ok());
        if let Some(status) = status {
            self.settled.recall(&metadata, &status, self.resealing.first());
        }
    }
}
