//! Keyrings and outputs as Secrets and ConfigMaps. `resourceVersion` is the only lock.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;
use std::time::Duration;

use base64ct::{Base64, Encoding};
use chrono::TimeDelta;
use futures::future::try_join_all;
use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::api::{Patch, PatchParams, PostParams};
use kube::{Api, Client, Resource};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};
use zeroize::Zeroizing;

use super::seal::Unsealed;
use super::{Place, Referenced, Seal, SetRef, Snapshot, Store, StoreError, Stored, StoredKeyring, Unreadable, Version};
use crate::api::{GROUP, JwksKeySet, SecretKeyRef};
use crate::keyring::{Keyring, Time};
use crate::lifecycle::policy::{OutputId, OutputKind, keyring_name};
use crate::publish::{Files, Header};

/// Label and annotation that name the key set an object was made for.
pub const KEY_SET: &str = "keyturn.dev/key-set";
/// Label that says who made an object.
pub const MANAGED_BY: &str = "app.kubernetes.io/managed-by";
/// Value of [`MANAGED_BY`].
pub const MANAGER: &str = "keyturn";
/// Annotation with the [`Header`] of an output.
pub const HEADER: &str = "keyturn.dev/header";
/// Type of the Secret that holds a keyring.
pub const KEYRING_TYPE: &str = "keyturn.dev/keyring";

/// The keyring's key in its Secret.
const KEYRING_FILE: &str = "keyring.json";

/// W on Kubernetes: the API server gives a request up after 60 s by default, whatever the client does.
pub const WRITE_BOUND: TimeDelta = TimeDelta::seconds(60);

/// How long an answer is awaited. Longer waits would only make a frozen API server harder to notice.
const PATIENCE: Duration = Duration::from_secs(30);

/// Secrets and ConfigMaps of one cluster. The client must not retry by itself: a write that is sent twice could land
/// after the bound.
#[derive(Clone)]
pub struct KubernetesStore {
    client: Client,
    seal: Seal,
}

impl KubernetesStore {
    /// A store on the cluster of that client.
    pub fn new(client: Client, seal: Seal) -> Self {
        Self { client, seal }
    }

    async fn place(&self, set: &SetRef, id: &OutputId) -> Result<Place, StoreError> {
        let doing = || format!("reading {id} in namespace {}", set.namespace);
        match id.kind {
            OutputKind::Secret => {
                let api: Api<Secret> = Api::namespaced(self.client.clone(), &set.namespace);
                let found = bounded(Call::Read, &doing(), api.get_opt(&id.name)).await?;
                Ok(found.map_or(Place::Empty, |secret| {
                    let files = secret.data.unwrap_or_default().into_iter();
                    place(set, &secret.metadata, files.map(|(name, bytes)| (name, Zeroizing::new(bytes.0))).collect())
                }))
            }
            OutputKind::ConfigMap => {
                let api: Api<ConfigMap> = Api::namespaced(self.client.clone(), &set.namespace);
                let found = bounded(Call::Read, &doing(), api.get_opt(&id.name)).await?;
                Ok(found.map_or(Place::Empty, |map| {
                    let text = map.data.unwrap_or_default().into_iter().map(|(name, text)| (name, text.into_bytes()));
                    let binary = map.binary_data.unwrap_or_default().into_iter().map(|(name, bytes)| (name, bytes.0));
                    let files = text.chain(binary).map(|(name, bytes)| (name, Zeroizing::new(bytes))).collect();
                    place(set, &map.metadata, files)
                }))
            }
        }
    }

    async fn keyring(&self, set: &SetRef) -> Result<Option<StoredKeyring>, StoreError> {
        let api: Api<Secret> = Api::namespaced(self.client.clone(), &set.namespace);
        let name = keyring_name(&set.name);
        let found =
            bounded(Call::Read, &format!("reading the keyring {}/{name}", set.namespace), api.get_opt(&name)).await?;
        let Some(secret) = found else { return Ok(None) };
        let place = format!("Secret {:?} in namespace {}", name, set.namespace);
        if secret.type_.as_deref() != Some(KEYRING_TYPE) || !is_of(set, &secret.metadata) {
            return Err(StoreError::KeyringTaken(place));
        }
        let data = secret.data.unwrap_or_default();
        let bytes = Zeroizing::new(data.into_iter().find(|(file, _)| file == KEYRING_FILE).map(|(_, bytes)| bytes.0));
        let Unsealed { keyring, seal_due } = self
            .seal
            .decode(set, bytes.as_deref().unwrap_or_default())
            .map_err(|source| StoreError::Keyring { place, source })?;
        let version = version(&secret.metadata);
        Ok(Some(StoredKeyring { keyring, version, dressed: is_dressed(set, &secret.metadata), seal_due }))
    }

    /// Creates an object, or changes exactly what is Keyturn's in the state that was seen.
    async fn write<K>(
        &self,
        set: &SetRef,
        name: &str,
        body: Body,
        seen: Option<&Version>,
    ) -> Result<Version, StoreError>
    where
        K: Resource<Scope = kube::core::NamespaceResourceScope, DynamicType = ()>
            + Clone
            + Debug
            + DeserializeOwned
            + serde::Serialize,
    {
        let api: Api<K> = Api::namespaced(self.client.clone(), &set.namespace);
        let doing = format!("writing {} {:?} in namespace {}", K::kind(&()), name, set.namespace);
        let object = body.object(set, name, seen);
        let written = match seen {
            Some(_) => {
                let patch = Patch::Merge(&object);
                bounded(Call::Patch, &doing, async {
                    api.patch(
                        name,
                        &PatchParams { field_manager: Some(MANAGER.to_owned()), ..PatchParams::default() },
                        &patch,
                    )
                    .await
                })
                .await
            }
            None => {
                let new = K::deserialize(&object)
                    .map_err(|error| StoreError::Failed { doing: doing.clone(), why: error.to_string() })?;
                bounded(Call::Create, &doing, async {
                    api.create(&PostParams { field_manager: Some(MANAGER.to_owned()), ..PostParams::default() }, &new)
                        .await
                })
                .await
            }
        };
        let written = written?;
        let stored = serde_json::to_value(&written).unwrap_or_default();
        if content(&stored) != content(&object) {
            let why = "what is stored is not what was written: a mutating webhook or policy changes it; exempt objects labelled \
                       keyturn.dev/key-set from it";
            return Err(StoreError::Failed { doing, why: why.to_owned() });
        }
        Ok(version(written.meta()))
    }
}

/// The header and the files of an object, or of a patch, in which `null` takes a file away.
fn content(object: &Value) -> (Option<&Value>, BTreeMap<&String, &Value>) {
    let header = object.pointer("/metadata/annotations").and_then(|annotations| annotations.get(HEADER));
    let files = object.get("data").and_then(Value::as_object).into_iter().flatten();
    (header, files.filter(|(_, content)| !content.is_null()).collect())
}

impl Store for KubernetesStore {
    fn write_bound(&self) -> TimeDelta {
        WRITE_BOUND
    }

    async fn load(&self, set: &SetRef, outputs: &[OutputId]) -> Result<Snapshot, StoreError> {
        let places = try_join_all(outputs.iter().map(|id| async { Ok((id.clone(), self.place(set, id).await?)) }));
        let (keyring, places) = futures::try_join!(self.keyring(set), places)?;
        Ok(Snapshot { keyring, outputs: places.into_iter().collect(), closed: Vec::new() })
    }

    async fn referenced(
        &self,
        set: &SetRef,
        references: &BTreeSet<SecretKeyRef>,
    ) -> Result<BTreeMap<SecretKeyRef, Referenced>, StoreError> {
        let api: Api<Secret> = Api::namespaced(self.client.clone(), &set.namespace);
        let names: BTreeSet<&str> = references.iter().map(|reference| reference.name.as_str()).collect();
        let api = &api;
        let found = try_join_all(names.into_iter().map(|name| async move {
            let doing = format!("reading Secret {name:?} in namespace {}", set.namespace);
            let mut secret = bounded(Call::Read, &doing, api.get_opt(name)).await?;
            let version = secret.as_ref().map(|secret| version(&secret.metadata));
            let keyring = secret.as_ref().is_some_and(|secret| secret.type_.as_deref() == Some(KEYRING_TYPE));
            let data = secret.as_mut().and_then(|secret| secret.data.take()).unwrap_or_default();
            let data: Files = data.into_iter().map(|(key, bytes)| (key, Zeroizing::new(bytes.0))).collect();
            let of_secret = references.iter().filter(|reference| reference.name == name).map(|reference| {
                let value = match data.get(&reference.key) {
                    _ if keyring => Err(Unreadable::Keyring),
                    None => Err(Unreadable::Missing),
                    Some(value) => Ok(value.clone()),
                };
                let place = format!("{reference} in namespace {}", set.namespace);
                (reference.clone(), Referenced { place, version: version.clone(), value })
            });
            Ok::<Vec<_>, StoreError>(of_secret.collect())
        }));
        Ok(found.await?.into_iter().flatten().collect())
    }

    async fn commit(&self, set: &SetRef, keyring: &Keyring, seen: Option<&Version>) -> Result<Version, StoreError> {
        let name = keyring_name(&set.name);
        let bytes = self.seal.encode(set, keyring)?;
        let data = json!({ KEYRING_FILE: Base64::encode_string(&bytes) });
        let body = Body { role: "keyring", secret_type: Some(KEYRING_TYPE), data, binary: None, header: None };
        let version = self.write::<Secret>(set, &name, body, seen).await?;
        self.seal.written(set);
        Ok(version)
    }

    async fn publish(
        &self,
        set: &SetRef,
        output: &OutputId,
        files: &Files,
        header: &Header,
        seen: Option<&Stored>,
        // The API server keeps to W by itself.
        _by: Time,
    ) -> Result<Version, StoreError> {
        let header = header
            .to_json()
            .map_err(|error| StoreError::Failed { doing: format!("writing {output}"), why: error.to_string() })?;
        let stale: BTreeSet<&String> =
            seen.into_iter().flat_map(|stored| stored.files.keys()).filter(|name| !files.contains_key(*name)).collect();
        let gone = stale.into_iter().map(|name| (name.clone(), Value::Null));
        let version = seen.map(|stored| &stored.version);
        match output.kind {
            OutputKind::Secret => {
                let kept = files.iter().map(|(name, bytes)| (name.clone(), Base64::encode_string(bytes).into()));
                let data = Value::Object(kept.chain(gone).collect());
                let body = Body { role: "signer", secret_type: None, data, binary: None, header: Some(header) };
                self.write::<Secret>(set, &output.name, body, version).await
            }
            OutputKind::ConfigMap => {
                let text = |bytes: &Zeroizing<Vec<u8>>| String::from_utf8_lossy(bytes).into_owned();
                let kept = files.iter().map(|(name, bytes)| (name.clone(), text(bytes).into()));
                let data = Value::Object(kept.chain(gone).collect());
                let body =
                    Body { role: "verifier", secret_type: None, data, binary: Some(Value::Null), header: Some(header) };
                self.write::<ConfigMap>(set, &output.name, body, version).await
            }
        }
    }
}

/// What is written of one object.
struct Body {
    role: &'static str,
    secret_type: Option<&'static str>,
    data: Value,
    /// `null` takes away what someone put into a ConfigMap's `binaryData`.
    binary: Option<Value>,
    header: Option<String>,
}

impl Body {
    /// The whole object, or the merge patch (RFC 7386) that leaves the labels, annotations and finalizers of others as they are.
    fn object(self, set: &SetRef, name: &str, seen: Option<&Version>) -> Value {
        let mut labels = labels(set);
        labels.insert(format!("{GROUP}/role"), self.role.to_owned());
        let mut annotations = BTreeMap::from([(KEY_SET.to_owned(), set.name.clone())]);
        annotations.extend(self.header.map(|header| (HEADER.to_owned(), header)));
        let mut object = Map::new();
        object.insert(
            "metadata".to_owned(),
            json!({
                "name": name,
                "namespace": set.namespace,
                "labels": labels,
                "annotations": annotations,
                "ownerReferences": owners(set),
            }),
        );
        if let (Some(version), Some(metadata)) = (seen, object.get_mut("metadata").and_then(Value::as_object_mut)) {
            metadata.insert("resourceVersion".to_owned(), version.0.clone().into());
        }
        object.insert("data".to_owned(), self.data);
        if let (Some(binary), Some(_)) = (self.binary, seen) {
            object.insert("binaryData".to_owned(), binary);
        }
        if let (Some(secret_type), None) = (self.secret_type, seen) {
            object.insert("type".to_owned(), secret_type.into());
        }
        Value::Object(object)
    }
}

fn labels(set: &SetRef) -> BTreeMap<String, String> {
    BTreeMap::from([(MANAGED_BY.to_owned(), MANAGER.to_owned()), (KEY_SET.to_owned(), set.name.clone())])
}

/// With `deletionPolicy: Delete` the garbage collector deletes what the resource owned.
fn owners(set: &SetRef) -> Value {
    match &set.owner {
        None => json!([]),
        Some(uid) => json!([{
            "apiVersion": JwksKeySet::api_version(&()),
            "kind": JwksKeySet::kind(&()),
            "name": set.name,
            "uid": uid,
            "controller": true,
            "blockOwnerDeletion": false,
        }]),
    }
}

fn place(set: &SetRef, metadata: &ObjectMeta, files: Files) -> Place {
    if !is_of(set, metadata) {
        return Place::Foreign;
    }
    let header = metadata.annotations.as_ref().and_then(|all| all.get(HEADER));
    Place::Ours(Stored {
        version: version(metadata),
        header: header.and_then(|text| serde_json::from_str(text).ok()),
        files,
        dressed: is_dressed(set, metadata),
    })
}

/// Whether Keyturn made the object for this set. Either the label or the annotation is enough, so that someone who
/// edits one of them can't turn an output into a stranger.
fn is_of(set: &SetRef, metadata: &ObjectMeta) -> bool {
    let says = |map: &Option<BTreeMap<String, String>>| {
        map.as_ref().and_then(|map| map.get(KEY_SET)).is_some_and(|name| *name == set.name)
    };
    says(&metadata.labels) || says(&metadata.annotations)
}

fn is_dressed(set: &SetRef, metadata: &ObjectMeta) -> bool {
    let has = |map: &Option<BTreeMap<String, String>>, name: &String, value: &String| {
        map.as_ref().and_then(|map| map.get(name)) == Some(value)
    };
    let owner = metadata.owner_references.iter().flatten().find(|owner| owner.kind == JwksKeySet::kind(&()));
    labels(set).iter().all(|(name, value)| has(&metadata.labels, name, value))
        && has(&metadata.annotations, &KEY_SET.to_owned(), &set.name)
        && owner.map(|owner| &owner.uid) == set.owner.as_ref()
}

fn version(metadata: &ObjectMeta) -> Version {
    Version(metadata.resource_version.clone().unwrap_or_default())
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Call {
    Read,
    Create,
    Patch,
}

/// One call, with its own end, and its error in words.
async fn bounded<T>(
    kind: Call,
    doing: &str,
    call: impl Future<Output = Result<T, kube::Error>>,
) -> Result<T, StoreError> {
    let failed = |why: String| StoreError::Failed { doing: doing.to_owned(), why };
    match tokio::time::timeout(PATIENCE, call).await {
        Err(_) => Err(failed(format!("the API server did not answer within {} s", PATIENCE.as_secs()))),
        Ok(Ok(value)) => Ok(value),
        // A patched object that is gone is a conflict as well: it must be looked at anew.
        Ok(Err(kube::Error::Api(status)))
            if status.is_conflict() || status.is_already_exists() || status.is_not_found() && kind == Call::Patch =>
        {
            Err(StoreError::Conflict(doing.to_owned()))
        }
        Ok(Err(kube::Error::Api(status))) => Err(failed(format!("{} ({})", status.message, status.reason))),
        // Its text could quote what was read.
        Ok(Err(kube::Error::SerdeError(_))) => Err(failed("the API server's answer can't be read".to_owned())),
        Ok(Err(error)) => Err(failed(error.to_string())),
    }
}
