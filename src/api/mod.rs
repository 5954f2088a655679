//! `JwksKeySet`: what users write and what they read back.
//!
//! The types here are the resource as it stands in YAML. They promise nothing: a spec becomes
//! trustworthy only as a [`crate::lifecycle::policy::Policy`].

mod certificate;
mod condition;
mod files;
mod import;
mod jwk;
mod profile;
mod reference;
mod rules;
mod span;
mod spec;
mod status;

pub use certificate::CertificateSpec;
pub use condition::{CONDITIONS, ConditionReason, Halt};
pub use files::{
    ConfigMapFile, ConfigMapOutput, Encoding, InactiveKeys, KeystoreEncryption, PublicContent, SecretContent,
    SecretFile, SecretOutput, Select,
};
pub use import::{Import, ImportRole, ImportedKey};
pub use jwk::{ExpUnit, JwkMembers, KeyOpsType};
pub use profile::Profile;
pub use reference::{SecretKeyRef, SecretValue};
pub use rules::{LONGEST_NAME, MOST_RETIRED};
pub use span::{Span, SpanError};
pub use spec::{
    Confirm, DeletionPolicy, EncSelection, JwksKeySet, JwksKeySetSpec, KeyLine, KidSpec, Manual, Mode, Promotion,
    Publisher, RevocationReason, RevokedKid, Rotation, Timing,
};
pub use status::{
    Condition, ConditionStatus, JwksKeySetStatus, KEYRING_LOST, KeyStatus, LineTransition, NextTransition,
    OUTPUT_CONTESTED, OutputStatus, READY, ROTATING, SettledStatus,
};

use std::collections::{BTreeMap, BTreeSet};

/// API group of the resource and prefix of every label and annotation.
pub const GROUP: &str = "keyturn.dev";

/// Annotation on a `JwksKeySet`: any new value asks for a rotation now, by the safe way.
pub const ROTATE: &str = "keyturn.dev/rotate";
/// Annotation on a `JwksKeySet`: the kid (or kids, separated by commas) that someone confirms to have registered.
pub const CONFIRM: &str = "keyturn.dev/confirm";
/// Annotation on a `JwksKeySet`: the lost keyring revision whose private keys the user gives up.
pub const ACCEPT_KEY_LOSS: &str = "keyturn.dev/accept-key-loss";

/// The kids that the annotation [`CONFIRM`] names.
pub fn confirmed_kids(annotations: &BTreeMap<String, String>) -> BTreeSet<String> {
    let stated = annotations.get(CONFIRM).map(String::as_str).unwrap_or_default();
    stated.split(',').map(str::trim).filter(|kid| !kid.is_empty()).map(str::to_owned).collect()
}
