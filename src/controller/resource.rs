//! The resource: read whole for a pass, and its status written.

use std::time::Duration;

use kube::api::{ApiResource, DynamicObject, Patch, PatchParams};
use kube::{Api, Client, Error, ResourceExt};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::Meta;
use super::reconcile::ReconcileError;
use crate::api::{JwksKeySet, JwksKeySetSpec, JwksKeySetStatus};
use crate::engine::{PassError, Problem, Report};
use crate::lifecycle::policy::{PolicyError, PolicyErrors};

/// Longest time that reading the resource, or writing its status, may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// What became of a status.
pub(super) enum Written {
    /// It is there.
    Now,
    /// The resource has changed since it was read.
    Overtaken,
    /// There is no such resource any more.
    Gone,
}

/// A resource as it was read.
pub(super) struct Resource {
    /// The resource. Of a spec that this version does not understand, it holds what is revoked, who deletes, and nothing else,
    /// so that it is refused.
    pub(super) set: JwksKeySet,
    /// Why the spec is not understood.
    unread: Option<String>,
}

impl Resource {
    /// The resource as it is now; `None` where there is none.
    pub(super) async fn read(client: &Client, meta: &Meta) -> Result<Option<Self>, ReconcileError> {
        let (namespace, name) = (meta.namespace().unwrap_or_default(), meta.name_any());
        let api: Api<JwksKeySet> = Api::namespaced(client.clone(), &namespace);
        match bounded(api.get_opt(&name)).await? {
            Ok(set) => Ok(set.map(|set| Self { set, unread: None })),
            // An edit by a newer version than this one.
            Err(Error::SerdeError(why)) => {
                let raw: Api<DynamicObject> =
                    Api::namespaced_with(client.clone(), &namespace, &ApiResource::erase::<JwksKeySet>(&()));
                let object = bounded(raw.get_opt(&name)).await?.map_err(ReconcileError::Read)?;
                Ok(object.and_then(|object| Self::understood(object, why.to_string())))
            }
            Err(error) => Err(ReconcileError::Read(error)),
        }
    }

    fn understood(object: DynamicObject, why: String) -> Option<Self> {
        let stated = object.data.get("spec").unwrap_or(&Value::Null);
        let mut spec: JwksKeySetSpec = serde_json::from_value(json!({ "keys": [] })).ok()?;
        spec.revoked = understood(stated, "revoked").unwrap_or_default();
        spec.deletion_policy = understood(stated, "deletionPolicy").unwrap_or(spec.deletion_policy);
        let status = understood(&object.data, "status");
        Some(Self { set: JwksKeySet { metadata: object.metadata, spec, status }, unread: Some(why) })
    }

    /// What came of a pass, with why this version did not go by the spec.
    pub(super) fn explain(&self, outcome: Result<Report, PassError>) -> Result<Report, PassError> {
        let Some(why) = &self.unread else { return outcome };
        let refused = || PolicyErrors(vec![PolicyError::NotUnderstood(why.clone())]);
        match outcome {
            Err(PassError::Spec(_)) => Err(PassError::Spec(refused())),
            Ok(mut report) => {
                for problem in &mut report.problems {
                    if let Problem::SpecRefused(text) = problem {
                        *text = refused().to_string();
                    }
                }
                Ok(report)
            }
            error => error,
        }
    }

    /// Server-side apply of the whole status: what it no longer says is gone. Only over what was read: an operator that was
    /// frozen for a while knows less than the one that leads now.
    pub(super) async fn write_status(
        &mut self,
        client: &Client,
        status: &JwksKeySetStatus,
    ) -> Result<Written, ReconcileError> {
        let name = self.set.name_any();
        let object = json!({
            "apiVersion": <JwksKeySet as kube::Resource>::api_version(&()),
            "kind": <JwksKeySet as kube::Resource>::kind(&()),
            "metadata": { "name": name, "resourceVersion": self.set.resource_version() },
            "status": status,
        });
        let namespace = self.set.namespace().unwrap_or_default();
        let api: Api<JwksKeySet> = Api::namespaced(client.clone(), &namespace);
        let (params, patch) = (PatchParams::apply("keyturn").force(), Patch::Apply(&object));
        match tokio::time::timeout(PATIENCE, api.patch_status(&name, &params, &patch)).await {
            Err(_) => Err(ReconcileError::Status("the API server did not answer".to_owned())),
            Ok(Ok(written)) => {
                self.set.metadata.resource_version = written.metadata.resource_version;
                Ok(Written::Now)
            }
            // The answer holds the spec, whether that is understood or not.
            Ok(Err(Error::SerdeError(_))) => Ok(Written::Now),
            Ok(Err(Error::Api(answer))) if answer.is_not_found() => Ok(Written::Gone),
            Ok(Err(Error::Api(answer))) if answer.is_conflict() => Ok(Written::Overtaken),
            Ok(Err(error)) => Err(ReconcileError::Status(error.to_string())),
        }
    }
}

fn understood<T: DeserializeOwned>(object: &Value, field: &str) -> Option<T> {
    serde_json::from_value(object.get(field)?.clone()).ok()
}

async fn bounded<T>(call: impl Future<Output = Result<T, Error>>) -> Result<Result<T, Error>, ReconcileError> {
    tokio::time::timeout(PATIENCE, call).await.map_err(|_| ReconcileError::Unanswered)
}
