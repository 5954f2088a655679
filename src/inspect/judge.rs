//! What is to be said against a key, whatever it was written as.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};

use super::{Circumstances, Code, Exposure, Holds, KeyReport, Warning};
use crate::jose::advice::LASTING_RSA_BITS;
use crate::jose::{Algorithm, KeyKind, KeySpec, Use};

/// Judges one key.
pub(super) fn key(key: &mut KeyReport, around: &Circumstances<'_>) {
    exposure(key, around.exposure);
    size(key);
    algorithm(key);
    times(key, around.now);
}

/// Judges the keys of a file together.
pub(super) fn file(keys: &[KeyReport]) -> Vec<Warning> {
    let mut warnings = Vec::new();
    let mut kids: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for key in keys.iter().filter(|key| key.format == "JWK") {
        kids.entry(key.kid.as_deref().unwrap_or_default()).or_default().push(&key.place);
    }
    for (kid, places) in kids.iter().filter(|(kid, places)| !kid.is_empty() && places.len() > 1) {
        warnings.push(Warning {
            code: Code::DuplicateKid,
            message: format!("the kid {kid} names {}: give each key a kid of its own", places.join(" and ")),
        });
    }
    let holds = |holds: Holds| keys.iter().any(|key| key.format == "JWK" && key.holds == holds);
    if holds(Holds::Symmetric) && holds(Holds::Public) {
        let message = "symmetric keys stand in a set with public ones, and whoever verifies could sign: part them";
        warnings.push(Warning { code: Code::SymmetricBesidePublic, message: message.to_owned() });
    }
    warnings
}

fn exposure(key: &mut KeyReport, exposure: Exposure) {
    if matches!(key.holds, Holds::Public | Holds::Unknown) {
        return;
    }
    let encrypted = key.format.starts_with("encrypted") || key.format == "PKCS#12";
    match exposure {
        Exposure::Everyone => {
            key.warn(Code::PrivateInPublic, "it is private, but the file is public: replace the key, since it leaked");
        }
        Exposure::Named => key.warn(
            Code::PrivateInPublic,
            "it is private, but the name of the file says that it is public: rename it, and replace the key if it was \
             published",
        ),
        Exposure::Others if !encrypted => key.warn(
            Code::PrivateInPublic,
            "it is private, but others than the file's owner can read it: chmod 600, and replace the key if they did",
        ),
        Exposure::Others | Exposure::Owner => {}
    }
}

fn size(key: &mut KeyReport) {
    let Some(bits) = key.bits else { return };
    if let Some((algorithm, least)) = least_hmac_bits(key)
        && bits < least
    {
        key.warn(
            Code::SymmetricShort,
            format!("{algorithm} keys have {least} bits or more (RFC 7518 section 3.2), and this one has {bits}: use another key"),
        );
        return;
    }
    match key.kty.as_deref() {
        Some("RSA") if bits < KeySpec::MIN_RSA_BITS.into() => key.warn(
            Code::RsaRefused,
            format!("RSA keys of {bits} bits can be broken, and RFC 7518 section 3.3 wants 2048: use another key"),
        ),
        Some("RSA") if bits < LASTING_RSA_BITS.into() => key.warn(
            Code::RsaShort,
            format!(
                "RSA keys of {bits} bits must not be relied on past 2030 (NIST SP 800-57 part 1): use \
                 {LASTING_RSA_BITS} or more"
            ),
        ),
        Some("oct") if bits < KeySpec::MIN_OCT_BITS.into() => key.warn(
            Code::SymmetricShort,
            format!("symmetric keys of {bits} bits can be guessed: use one of {} or more", KeySpec::MIN_OCT_BITS),
        ),
        _ => {}
    }
}

/// How many bits the HMAC needs that a symmetric key is for.
fn least_hmac_bits(key: &KeyReport) -> Option<(Algorithm, usize)> {
    let algorithm =
        key.algorithm().filter(|algorithm| key.holds == Holds::Symmetric && algorithm.usage() == Use::Sig)?;
    match algorithm.keys().default {
        KeyKind::Oct(bits) => Some((algorithm, bits.into())),
        _ => None,
    }
}

fn algorithm(key: &mut KeyReport) {
    let usage: Option<Result<Use, _>> = key.usage.as_deref().map(str::parse);
    if let Some(Err(error)) = &usage {
        key.warn(Code::UseMismatch, error.to_string());
    }
    let Some(alg) = key.alg.clone() else { return };
    let Some(algorithm) = key.algorithm() else {
        key.warn(Code::AlgUnknown, format!("the algorithm {alg} is not known to Keyturn: check its spelling"));
        return;
    };
    let too_short = least_hmac_bits(key).is_some_and(|(_, least)| key.bits.is_some_and(|bits| bits < least));
    if let Some(spec) = key.spec.filter(|spec| !too_short && !algorithm.takes(*spec)) {
        key.warn(
            Code::AlgMismatch,
            format!("{algorithm} takes a key of kind {}, but this one is {spec}: correct its alg", algorithm.keys()),
        );
    }
    if let Some(Ok(usage)) = usage
        && usage != algorithm.usage()
    {
        let means = algorithm.usage();
        key.warn(Code::UseMismatch, format!("{algorithm} keys have \"use\": \"{means}\": correct it, or leave it out"));
    }
    if let Some(why) = algorithm.row().discouraged {
        key.warn(Code::AlgDiscouraged, why);
    }
}

fn times(key: &mut KeyReport, now: DateTime<Utc>) {
    let passed = |time: i64| super::jwk::seconds(time) <= now.timestamp();
    if key.exp.is_some_and(passed) {
        key.warn(Code::Expired, "its exp has passed: take it out");
    }
    if key.nbf.is_some_and(|nbf| !passed(nbf)) {
        key.warn(Code::NotYetValid, "its nbf has not come: readers that look at it do not use the key yet");
    }
    let Some(certificate) = &key.certificate else { return };
    let (not_before, not_after) = (certificate.not_before, certificate.not_after);
    if not_after.is_some_and(|end| end < now) {
        key.warn(Code::CertificateExpired, "its certificate has expired: make a new one");
    }
    if not_before.is_some_and(|begin| begin > now) {
        key.warn(Code::CertificateNotYetValid, "its certificate is not valid yet: wait, or check the clocks");
    }
}
