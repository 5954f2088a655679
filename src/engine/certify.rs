//! Gives keys their certificates: CPU work, off the async threads.

use super::MintError;
use crate::jose::Use;
use crate::keyring::{Key, Keyring, Time};
use crate::lifecycle::Policy;
use crate::material::{Certificate, CertificateError, PrivateKey, Serial, Subject, Validity};

/// Makes a certificate for every key that lacks one, where the policy wants them. It runs from now on, however old the key is.
///
/// # Errors
/// [`MintError`]
pub(super) async fn certify(policy: &Policy, keyring: &mut Keyring, now: Time) -> Result<(), MintError> {
    let Some(wanted) = &policy.certificate else { return Ok(()) };
    for key in keyring.keys.iter_mut().filter(|key| key.lacks_certificate()) {
        let times = wanted.times(now, &policy.facts);
        let (Some(private), Some(validity)) = (key.private.clone(), times) else { continue };
        let (usage, subject) = (key.usage(), wanted.subject.clone());
        let made = tokio::task::spawn_blocking(move || self_signed(&private, usage, &subject, validity)).await;
        key.certificate = Some(made.map_err(|_| MintError::Interrupted)?.map_err(|why| no_certificate(key, why))?);
    }
    Ok(())
}

fn self_signed(
    key: &PrivateKey,
    usage: Use,
    subject: &Subject,
    validity: Validity,
) -> Result<Certificate, CertificateError> {
    let serial = Serial::draw().map_err(|_| CertificateError::Fault)?;
    Certificate::self_signed(key, usage, subject, validity, &serial)
}

fn no_certificate(key: &Key, why: CertificateError) -> MintError {
    MintError::Certificate { kid: key.kid.clone(), why }
}
