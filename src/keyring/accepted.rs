//! The spec that counted last, kept for the time in which the resource states one that is refused.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A spec that became a policy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AcceptedSpec {
    /// The spec as it was stated, defaults filled in. It only refers to secrets, and holds none.
    pub spec: Value,
    /// Which edit of the resource stated it; `None` where edits are not counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub edit: Option<Edit>,
}

/// One edit of a resource.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Edit {
    /// The resource's UID.
    pub uid: String,
    /// Its `metadata.generation`, which grows with each edit of the spec.
    pub generation: i64,
}

impl AcceptedSpec {
    /// Whether it was stated by a later edit of the same resource: whoever goes by the other one is late.
    #[must_use]
    pub fn is_later_than(&self, other: Option<&Edit>) -> bool {
        match (&self.edit, other) {
            (Some(this), Some(other)) => this.uid == other.uid && this.generation > other.generation,
            _ => false,
        }
    }
}
