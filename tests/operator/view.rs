//! What is stored for a key set, read the way its readers read it.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use k8s_openapi::api::events::v1::Event;
use kube::Api;
use kube::api::{DeleteParams, ListParams, Patch, PatchParams};
use serde_json::{Value, json};

use super::Fixture;

/// What one key set looks like from outside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct View {
    /// kid → line, use and phase, as the keyring has them.
    pub keyring: BTreeMap<String, (String, String)>,
    /// Kids of the public JWKS, in order.
    pub published: Vec<String>,
    /// Kids of the private JWKS, in order.
    pub private: Vec<String>,
}

impl View {
    /// Kids in a phase.
    pub fn in_phase(&self, phase: &str) -> Vec<String> {
        self.keyring.iter().filter(|(_, (_, has))| has == phase).map(|(kid, _)| kid.clone()).collect()
    }

    /// Kids of a line in a phase.
    pub fn of_line(&self, line: &str, phase: &str) -> Vec<String> {
        let wanted = (line.to_owned(), phase.to_owned());
        self.keyring.iter().filter(|(_, has)| **has == wanted).map(|(kid, _)| kid.clone()).collect()
    }

    /// The only active kid.
    pub fn active(&self) -> String {
        let active = self.in_phase("Active");
        assert_eq!(active.len(), 1, "one active key: {self:?}");
        active[0].clone()
    }

    /// The only standby kid.
    pub fn standby(&self) -> String {
        let standby = self.in_phase("Standby");
        assert_eq!(standby.len(), 1, "one standby key: {self:?}");
        standby[0].clone()
    }

    /// One line of signature keys as it is when nothing is going on: signers have the active key, verifiers all.
    pub fn assert_settled(&self) {
        let mut published = self.published.clone();
        published.sort();
        let kids: Vec<&String> = self.keyring.keys().collect();
        assert_eq!(published.iter().collect::<Vec<_>>(), kids, "verifiers have every key");
        assert_eq!(self.private, [self.active()], "signers have the active one");
        self.standby();
    }
}

impl Fixture {
    /// Keyring and default outputs of a set. What is not there holds no keys.
    pub async fn view(&self, set: &str) -> View {
        let keyring = self.secret(&format!("{set}-keyring")).await;
        let keys =
            keyring.as_ref().and_then(|secret| serde_json::from_slice::<Value>(&file_of(secret, "keyring.json")).ok());
        let text = |key: &Value, name: &str| key[name].as_str().unwrap_or_default().to_owned();
        let keys = keys.as_ref().and_then(|keyring| keyring["keys"].as_array()).into_iter().flatten();
        let signer = self.secret(&format!("{set}-signer")).await;
        let verifier = self.config_map(&format!("{set}-jwks")).await;
        View {
            keyring: keys.map(|key| (text(key, "kid"), (text(key, "line"), text(key, "phase")))).collect(),
            private: signer.map(|secret| kids(&file_of(&secret, "jwks.json"))).unwrap_or_default(),
            published: verifier.map(|map| kids(text_of(&map, "jwks.json").as_bytes())).unwrap_or_default(),
        }
    }

    /// Changes a Secret by a merge patch.
    pub async fn patch_secret(&self, name: &str, patch: &Value) {
        let api = Api::<Secret>::namespaced(self.client.clone(), &self.namespace);
        api.patch(name, &PatchParams::default(), &Patch::Merge(patch)).await.expect("the Secret is changed");
    }

    /// Changes a ConfigMap by a merge patch.
    pub async fn patch_config_map(&self, name: &str, patch: &Value) {
        let api = Api::<ConfigMap>::namespaced(self.client.clone(), &self.namespace);
        api.patch(name, &PatchParams::default(), &Patch::Merge(patch)).await.expect("the ConfigMap is changed");
    }

    /// Deletes a ConfigMap.
    pub async fn delete_config_map(&self, name: &str) {
        let api = Api::<ConfigMap>::namespaced(self.client.clone(), &self.namespace);
        api.delete(name, &DeleteParams::default()).await.expect("deleted");
    }

    /// Puts labels on a resource.
    pub async fn label(&self, name: &str, label: &str, value: &str) {
        let patch = Patch::Merge(json!({ "metadata": { "labels": { label: value } } }));
        self.sets().patch(name, &PatchParams::default(), &patch).await.expect("the resource is labelled");
    }

    /// Reasons and notes of the events about a set, oldest first.
    pub async fn events(&self, set: &str) -> Vec<(String, String)> {
        let api = Api::<Event>::namespaced(self.client.clone(), &self.namespace);
        let mut all = api.list(&ListParams::default()).await.expect("the API server answers").items;
        all.retain(|event| event.regarding.as_ref().and_then(|one| one.name.as_deref()) == Some(set));
        all.sort_by_key(|event| event.event_time.clone());
        all.into_iter().map(|event| (event.reason.unwrap_or_default(), event.note.unwrap_or_default())).collect()
    }

    /// Whether an event that is there is a warning.
    pub async fn is_warning(&self, set: &str, reason: &str) -> bool {
        let all = Api::<Event>::namespaced(self.client.clone(), &self.namespace).list(&ListParams::default()).await;
        let all = all.expect("the API server answers").items.into_iter();
        let about = |event: &Event| event.regarding.as_ref().and_then(|one| one.name.as_deref()) == Some(set);
        let mut events = all.filter(|event| about(event) && event.reason.as_deref() == Some(reason));
        events.next().expect("it is there").type_.as_deref() == Some("Warning")
    }

    /// Waits for an event; its note.
    pub async fn event(&self, set: &str, reason: &str) -> String {
        self.until(&format!("an event {reason} about {set}"), async || {
            self.events(set).await.into_iter().find(|(name, _)| name == reason).map(|(_, note)| note)
        })
        .await
    }
}

/// Content of a Secret's file; empty if there is none.
pub fn file_of(secret: &Secret, name: &str) -> Vec<u8> {
    secret.data.as_ref().and_then(|data| data.get(name)).map(|bytes| bytes.0.clone()).unwrap_or_default()
}

/// Content of a ConfigMap's file; empty if there is none.
pub fn text_of(map: &ConfigMap, name: &str) -> String {
    map.data.as_ref().and_then(|data| data.get(name)).cloned().unwrap_or_default()
}

fn kids(jwks: &[u8]) -> Vec<String> {
    let Ok(jwks) = serde_json::from_slice::<Value>(jwks) else { return Vec::new() };
    let keys = jwks["keys"].as_array().cloned().unwrap_or_default();
    keys.iter().map(|key| key["kid"].as_str().unwrap_or_default().to_owned()).collect()
}
