//! `status`: what the operator saw and did. Never a source of truth, never private.

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize};

/// Condition: every line has a key that may be used, and every output is as it should be. The promise begins here.
pub const READY: &str = "Ready";
/// Condition: a rotation is due and waits for something.
pub const ROTATING: &str = "Rotating";
/// Condition: the keyring is gone, and the user's word is needed.
pub const KEYRING_LOST: &str = "KeyringLost";
/// Condition: someone else writes to the outputs again and again.
pub const OUTPUT_CONTESTED: &str = "OutputContested";

/// Times are RFC 3339 strings in UTC, whole seconds.
type Timestamp = String;

/// What the operator saw and did.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct JwksKeySetStatus {
    /// The generation of the spec that this status answers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// Standard conditions: `Ready`, `Rotating`, `KeyringLost`, `OutputContested`.
    pub conditions: Vec<Condition>,
    /// While the spec is refused: the one before it, which goes on. What the refused one revokes counts besides. Left out where
    /// it is longer than 64 KiB.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "any_object")]
    pub spec_in_force: Option<serde_json::Value>,
    /// Every key of the set, with its phase and times.
    pub keys: Vec<KeyStatus>,
    /// What happens next.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_transition: Option<NextTransition>,
    /// Revision of the keyring that this status tells of.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<i64>")]
    pub keyring_revision: Option<u64>,
    /// The objects as they were last seen to be as they should.
    pub outputs: Vec<OutputStatus>,
    /// Kids of the active keys, for the printer column.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub active_kids: Option<String>,
    /// When the next rotation is due, for the printer column.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_rotation: Option<Timestamp>,
    /// How many keys the set has.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<i32>")]
    pub key_count: Option<u32>,
    /// Where nothing is left to do until a later time: how that is known again from metadata alone, after a restart.
    #[serde(deserialize_with = "if_understood", skip_serializing_if = "Option::is_none")]
    pub settled: Option<SettledStatus>,
}

impl JwksKeySetStatus {
    /// The condition of that type, if it was ever told.
    pub fn condition(&self, type_: &str) -> Option<&Condition> {
        self.conditions.iter().find(|one| one.type_ == type_)
    }

    /// Whether the condition of that type holds.
    pub fn is_true(&self, type_: &str) -> bool {
        self.condition(type_).is_some_and(|one| one.status == ConditionStatus::True)
    }
}

/// What another version wrote in another form is as good as nothing.
fn if_understood<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<SettledStatus>, D::Error> {
    Ok(SettledStatus::deserialize(serde_json::Value::deserialize(deserializer)?).ok())
}

/// An object that the API server neither looks into nor merges.
fn any_object(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    schemars::json_schema!({
        "type": "object",
        "nullable": true,
        "x-kubernetes-preserve-unknown-fields": true,
        "x-kubernetes-map-type": "atomic",
    })
}

/// A condition of the standard shape (`metav1.Condition`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Condition {
    /// `Ready`, `Rotating`, `KeyringLost` or `OutputContested`.
    #[serde(rename = "type")]
    pub type_: String,
    /// `True`, `False` or `Unknown`.
    pub status: ConditionStatus,
    /// A documented, one-word reason.
    pub reason: String,
    /// A sentence for people.
    pub message: String,
    /// When `status` last changed.
    pub last_transition_time: Timestamp,
    /// The generation of the spec that the condition was seen for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
}

/// Whether a condition holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum ConditionStatus {
    /// It holds.
    True,
    /// It does not hold.
    False,
    /// It is not known.
    Unknown,
}

/// One key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct KeyStatus {
    /// Key ID (RFC 7517 section 4.5).
    pub kid: String,
    /// The line the key belongs to.
    pub line: String,
    /// JWA name of the algorithm.
    pub algorithm: String,
    /// `sig` or `enc`.
    #[serde(rename = "use")]
    pub use_: String,
    /// `Standby`, `Active` or `Retired`.
    pub phase: String,
    /// When it was made, or adopted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub minted_time: Option<Timestamp>,
    /// Since when the outputs that must know the key first are known to hold it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub published_time: Option<Timestamp>,
    /// When its confirmation was accepted (`promotion.confirm`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confirmed_time: Option<Timestamp>,
    /// Since when it is the active key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub active_time: Option<Timestamp>,
    /// When its rotation is due, drawn when it became active. None where no rotation is planned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rotation_time: Option<Timestamp>,
    /// Whether its rotation was asked for, and is due as soon as that is safe.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rotation_requested: Option<bool>,
    /// Since when it is retired.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retired_time: Option<Timestamp>,
    /// When it will be removed, as far as is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub removal_time: Option<Timestamp>,
}

/// A set of which nothing is left to do, as long as `observedGeneration`, `outputs` and this are as they are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SettledStatus {
    /// Which build of the operator saw it. Another one looks for itself.
    pub build: String,
    /// `resourceVersion` of the keyring's Secret.
    pub keyring_version: String,
    /// The system secret that the keyring is sealed under, by its identifier.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sealed_under: Option<String>,
    /// Until when. Left out where nothing is planned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
    /// What comes then and later: the soonest of each change in each line.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ahead: Vec<LineTransition>,
}

/// What happens to the next key of a line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct LineTransition {
    /// The line.
    pub line: String,
    /// The phase that a key of it enters: `Minted`, `Active`, `Retired` or `Removed`.
    pub to: String,
    /// When.
    pub time: Timestamp,
}

/// What happens next.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct NextTransition {
    /// When, if it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time: Option<Timestamp>,
    /// Which key.
    pub kid: String,
    /// The phase it enters: `Active`, `Retired` or `Removed`.
    pub to: String,
    /// What it waits for.
    pub waiting_for: String,
}

/// One written object.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct OutputStatus {
    /// `Secret` or `ConfigMap`.
    pub kind: String,
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Its `resourceVersion` when it was last seen as it should be.
    pub resource_version: String,
}
