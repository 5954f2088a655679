//! Which spec a pass goes by: the one that is stated, or while that is refused the last one that was not.

use crate::api::JwksKeySetSpec;
use crate::keyring::{AcceptedSpec, Keyring};
use crate::lifecycle::policy::{Policy, PolicyErrors};
use crate::publish::check_keyring_size;
use crate::store::{Store, StoreError};

use super::{PassError, Request};

/// The policy of a pass.
pub(super) struct InForce {
    pub(super) policy: Policy,
    /// Why the spec that is stated is none.
    pub(super) refused: Option<PolicyErrors>,
}

impl InForce {
    /// Parses what is stated. Where that is refused, the keyring knows what counted before; what is to be revoked counts all
    /// the same.
    ///
    /// # Errors
    /// What is wrong with the spec, where no other is known.
    pub(super) async fn find<S: Store>(store: &S, request: &Request) -> Result<Self, PassError> {
        match Policy::parse(&request.set.name, &request.spec, store.write_bound()) {
            Ok(policy) => Ok(Self { policy, refused: None }),
            Err(refused) => Self::before(store, request, refused).await,
        }
    }

    /// What counted before a spec that is refused.
    ///
    /// # Errors
    /// What is wrong with the spec, where no other is known.
    pub(super) async fn before<S: Store>(
        store: &S,
        request: &Request,
        refused: PolicyErrors,
    ) -> Result<Self, PassError> {
        let bound = store.write_bound();
        let known = store.load(&request.set, &[]).await?.keyring;
        let spec = known.and_then(|stored| former_spec(&stored.keyring));
        let parse = |spec| Policy::parse_instead(&request.set.name, &spec, &request.spec, bound).ok();
        match spec.and_then(parse) {
            Some(policy) => Ok(Self { policy, refused: Some(refused) }),
            None => Err(refused.into()),
        }
    }
}

/// The spec that the keyring remembers, as far as this version understands it.
pub(super) fn former_spec(keyring: &Keyring) -> Option<JwksKeySetSpec> {
    serde_json::from_value(keyring.accepted.as_ref()?.spec.clone()).ok()
}

/// Refuses a request that holds an older edit than the keyring knows: what the later one left behind would be undone by it.
///
/// # Errors
/// [`PassError::Overtaken`]
pub(super) fn check_edit(request: &Request, keyring: &Keyring) -> Result<(), PassError> {
    let is_later = keyring.accepted.as_ref().is_some_and(|known| known.is_later_than(request.edit.as_ref()));
    if is_later && !request.set_back { Err(PassError::Overtaken) } else { Ok(()) }
}

/// What the keyring is to remember of a spec that is a policy: it, and nothing where the keyring would grow too large.
pub(super) fn to_remember(request: &Request, keyring: &Keyring) -> Result<Option<AcceptedSpec>, PassError> {
    let failed =
        |why: serde_json::Error| StoreError::Failed { doing: "noting the spec".to_owned(), why: why.to_string() };
    let stated =
        AcceptedSpec { spec: serde_json::to_value(&request.spec).map_err(failed)?, edit: request.edit.clone() };
    if keyring.accepted.as_ref() == Some(&stated) {
        return Ok(Some(stated));
    }
    let with = Keyring { accepted: Some(stated), ..keyring.clone() };
    Ok(if check_keyring_size(&with).is_ok() { with.accepted } else { None })
}
