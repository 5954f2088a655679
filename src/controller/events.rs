//! Events: the story that `kubectl describe` tells.

use std::time::Duration;

use k8s_openapi::api::core::v1::ObjectReference;
use k8s_openapi::api::events::v1::Event;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{MicroTime, ObjectMeta};
use k8s_openapi::jiff::Timestamp;
use kube::api::PostParams;
use kube::{Api, Client, Resource, ResourceExt};

use crate::api::JwksKeySet;
use crate::engine::News;

/// The longest note that an event may have, in bytes.
const LONGEST_NOTE: usize = 1024;

/// Name of this controller in events.
const CONTROLLER: &str = "keyturn.dev/controller";

/// Longest time that writing one may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// Writes events.
#[derive(Clone)]
pub(super) struct Events {
    client: Client,
    instance: String,
    patience: Duration,
}

impl Events {
    pub(super) fn new(client: Client) -> Self {
        let instance = std::env::var("HOSTNAME").ok().filter(|name| !name.is_empty());
        Self {
            client,
            instance: instance.unwrap_or_else(|| format!("keyturn-{}", std::process::id())),
            patience: PATIENCE,
        }
    }

    /// Writes one event for each piece of news, each with its own text. An event that can't be written is logged: no
    /// key waits for it.
    pub(super) async fn publish(&self, set: &JwksKeySet, news: &[News]) {
        let namespace = set.namespace().unwrap_or_default();
        let api: Api<Event> = Api::namespaced(self.client.clone(), &namespace);
        for one in news {
            let event = self.event(one, &namespace, set.object_ref(&()));
            match tokio::time::timeout(self.patience, api.create(&PostParams::default(), &event)).await {
                Ok(Ok(_)) => {}
                Ok(Err(error)) => tracing::warn!(%error, "an event could not be written"),
                Err(_) => {
                    // One that does not answer now would be waited for once more for each of the others.
                    tracing::warn!("events could not be written: the API server did not answer");
                    return;
                }
            }
        }
    }

    fn event(&self, news: &News, namespace: &str, regarding: ObjectReference) -> Event {
        Event {
            metadata: ObjectMeta {
                generate_name: regarding.name.as_ref().map(|name| format!("{name}-")),
                namespace: Some(namespace.to_owned()),
                ..ObjectMeta::default()
            },
            action: Some("Reconcile".to_owned()),
            event_time: Some(MicroTime(Timestamp::now())),
            note: Some(shortened(&news.note)),
            reason: Some(news.reason.name().to_owned()),
            regarding: Some(regarding),
            reporting_controller: Some(CONTROLLER.to_owned()),
            reporting_instance: Some(self.instance.clone()),
            type_: Some(if news.reason.is_warning() { "Warning" } else { "Normal" }.to_owned()),
            ..Event::default()
        }
    }
}

fn shortened(note: &str) -> String {
    let mut end = note.len().min(LONGEST_NOTE);
    while !note.is_char_boundary(end) {
        end -= 1;
    }
    note.get(..end).unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use kube::client::Body;

    use super::*;
    use crate::engine::Reason;
    use crate::lifecycle::fixtures::spec;

    #[tokio::test]
    async fn an_api_server_that_does_not_answer_is_waited_for_once() {
        let asked = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&asked);
        let silence = tower::service_fn(move |_: http::Request<Body>| {
            count.fetch_add(1, Ordering::Relaxed);
            std::future::pending::<Result<http::Response<Body>, tower::BoxError>>()
        });
        let events = Events { patience: Duration::from_millis(50), ..Events::new(Client::new(silence, "iam")) };
        let news = vec![News { reason: Reason::Minted, note: String::new() }; 3];
        let set = JwksKeySet::new("auth", spec(serde_json::json!({})));
        let told = tokio::time::timeout(Duration::from_secs(60), events.publish(&set, &news)).await;
        assert!(told.is_ok(), "no pass is held up for ever");
        assert_eq!(asked.load(Ordering::Relaxed), 1);
    }
}
