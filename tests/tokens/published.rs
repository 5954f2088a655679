//! What is published of a set on a cluster, where signers and verifiers find it.

use std::sync::Arc;

use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use kube::Api;
use tokio::runtime::{Handle, Runtime};

use crate::operator::Fixture;
use crate::reader::Source;

/// The default outputs of one set.
pub struct Published {
    handle: Handle,
    secrets: Api<Secret>,
    maps: Api<ConfigMap>,
    set: String,
}

impl Published {
    pub fn new(runtime: &Runtime, fixture: &Fixture, set: &str) -> Self {
        Self {
            handle: runtime.handle().clone(),
            secrets: Api::namespaced(fixture.client.clone(), &fixture.namespace),
            maps: Api::namespaced(fixture.client.clone(), &fixture.namespace),
            set: set.to_owned(),
        }
    }

    /// The private JWK Set.
    pub fn for_signers(&self) -> Arc<dyn Source> {
        Arc::new(SignersFile(self.handle.clone(), self.secrets.clone(), format!("{}-signer", self.set)))
    }

    /// The public JWK Set.
    pub fn for_verifiers(&self) -> Arc<dyn Source> {
        Arc::new(VerifiersFile(self.handle.clone(), self.maps.clone(), format!("{}-jwks", self.set)))
    }
}

struct SignersFile(Handle, Api<Secret>, String);
struct VerifiersFile(Handle, Api<ConfigMap>, String);

impl Source for SignersFile {
    fn read(&self) -> Option<String> {
        let mut data = self.0.block_on(self.1.get_opt(&self.2)).ok()??.data?;
        String::from_utf8(data.remove("jwks.json")?.0).ok()
    }
}

impl Source for VerifiersFile {
    fn read(&self) -> Option<String> {
        self.0.block_on(self.1.get_opt(&self.2)).ok()??.data?.remove("jwks.json")
    }
}
