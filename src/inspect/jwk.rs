//! JWKs and JWK Sets: what the strict reader understood, beside what stands there.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::raw_jwk::{Octets, RawJwk};
use super::{CertificateReport, Code, Holds, InspectError, KeyReport, or_nothing};
use crate::jose::{Base64Url, Curve, KeySpec, OkpCurve, PublicParams, Use};
use crate::material::read::{
    FoundPublic, PrivateContents, PublicContents, ReadError, Refused, private_keys, public_keys,
};
use crate::material::{Certificate, CheckError};

/// Later than any time in seconds that is meant: the year 5138.
const LATEST_SECONDS: i64 = 100_000_000_000;

/// A set, or the JWK that the text is.
#[derive(Deserialize)]
struct Set<'a> {
    #[serde(borrow)]
    keys: Option<Vec<&'a RawValue>>,
}

pub(super) fn keys(octets: &[u8], text: &[u8]) -> Result<(&'static str, Vec<KeyReport>), InspectError> {
    let public = or_nothing(public_keys(octets))?;
    let text = str::from_utf8(text).map_err(|_| ReadError::Unrecognised)?;
    let set: Set<'_> = serde_json::from_str(text).map_err(|_| ReadError::Unrecognised)?;
    let (format, keys) = match &set.keys {
        Some(keys) => {
            let numbered = keys.iter().enumerate();
            ("JWK Set", numbered.map(|(index, key)| (format!("keys[{index}]"), RawJwk::read(key.get()))).collect())
        }
        None => ("JWK", vec![("the JWK".to_owned(), RawJwk::read(text))]),
    };
    if set.keys.is_none() && keys.iter().all(|(_, key)| !key.has("kty")) {
        let sealed =
            keys.iter().any(|(_, envelope)| envelope.has("keyId") && envelope.has("nonce") && envelope.has("ct"));
        return Err(if sealed { InspectError::Sealed } else { InspectError::Nothing });
    }
    // Without private members there is nothing to check, and checking takes a while.
    let private = if keys.iter().any(|(_, key)| key.has_private()) {
        or_nothing(private_keys(octets, None))?
    } else {
        PrivateContents::default()
    };
    Ok((format, keys.iter().map(|(place, raw)| report(place, raw, &public, &private)).collect()))
}

fn report(place: &str, raw: &RawJwk<'_>, public: &PublicContents, private: &PrivateContents) -> KeyReport {
    let refusal = |refused: &[Refused]| {
        refused.iter().find(|refused| refused.place == place).map(|refused| refused.error.clone())
    };
    let kid = raw.get("kid").filter(|kid: &String| !kid.is_empty());
    let symmetric = raw.get::<String>("kty").as_deref() == Some("oct");
    let holds = match (symmetric, raw.has_private()) {
        (true, _) => Holds::Symmetric,
        (false, true) => Holds::Private,
        (false, false) if raw.has("kty") => Holds::Public,
        (false, false) => Holds::Unknown,
    };
    let found = public.keys.iter().find(|found| found.place == place);
    let mut key = KeyReport::new(place.to_owned(), kid, "JWK", holds);
    match found {
        Some(FoundPublic { params, .. }) => key = key.with_public(params),
        None => members_of_refused(&mut key, raw),
    }
    key.alg = raw.get("alg").or(key.alg);
    key.usage = raw.get("use");
    let problem = match (holds, found) {
        (Holds::Symmetric, _) | (Holds::Public | Holds::Unknown, Some(_)) => None,
        (_, None) => refusal(&public.refused),
        (Holds::Private, Some(_)) => {
            let problem = refusal(&private.refused);
            key.halves_match = match &problem {
                None => Some(true),
                Some(ReadError::Check(CheckError::Disagree)) => Some(false),
                Some(_) => None,
            };
            problem
        }
    };
    match &problem {
        Some(ReadError::Check(CheckError::Disagree)) => {
            key.warn(Code::HalvesDiffer, "the private members are not those of this public key: export the key again");
            key.problem = problem.map(|problem| problem.to_string());
        }
        Some(problem) => key.refuse(problem),
        None => {}
    }
    names(&mut key, raw);
    operations(&mut key, raw);
    octets(&mut key, raw);
    times(&mut key, raw);
    certificates(&mut key, raw, found.map(|found| &found.params));
    key
}

/// What can be said of a key that was refused, or of a symmetric one.
fn members_of_refused(key: &mut KeyReport, raw: &RawJwk<'_>) {
    key.kty = raw.get("kty");
    key.crv = raw.get("crv");
    match key.kty.as_deref() {
        Some("RSA") => key.bits = raw.octets("n").as_ref().and_then(Octets::get).map(bit_length),
        Some("oct") => match raw.secret("k") {
            Some(secret) => {
                key.bits = Some(secret.octets().len().saturating_mul(8));
                key.spec = KeySpec::of_octets(secret.octets());
            }
            None => key.refuse(&"member k is missing or not base64url (RFC 7518 section 6.4.1): export the key again"),
        },
        _ => {}
    }
}

fn bit_length(number: &[u8]) -> usize {
    let significant = number.iter().skip_while(|octet| **octet == 0);
    let leading = significant.clone().next().map_or(0, |octet| octet.leading_zeros());
    significant.count().saturating_mul(8).saturating_sub(usize::try_from(leading).unwrap_or_default())
}

fn names(key: &mut KeyReport, raw: &RawJwk<'_>) {
    for member in raw.repeated() {
        key.warn(
            Code::MemberRepeated,
            format!("member {member} is there more than once, and readers differ in which they take (RFC 7517 section 4): keep one"),
        );
    }
    if key.kid.is_none() {
        key.warn(Code::KidMissing, "it has no kid, so that nobody can name it: add one, such as its thumbprint");
    }
    if key.alg.is_none() {
        key.warn(Code::AlgMissing, "it has no alg, so that readers guess: add the one algorithm that it is for");
    }
    if raw.get::<String>("crv").as_deref() == Some("P-256K") {
        key.warn(Code::CurveName, "the curve P-256K is called secp256k1 (RFC 8812 section 3.1): rename it");
    }
}

/// Operations that need the private half.
const PRIVATE_OPERATIONS: [&str; 3] = ["sign", "decrypt", "unwrapKey"];

/// Whether `key_ops` (RFC 7517 section 4.3) are what the key can do, and what its use says.
fn operations(key: &mut KeyReport, raw: &RawJwk<'_>) {
    if !raw.has("key_ops") {
        return;
    }
    let Some(operations) = raw.get::<Vec<String>>("key_ops") else {
        key.warn(
            Code::KeyOpsMismatch,
            "key_ops is no array of names (RFC 7517 section 4.3): write [\"verify\"] or the like",
        );
        return;
    };
    let usage = key.usage.as_deref().and_then(|usage| usage.parse().ok());
    let usage: Option<Use> = usage.or_else(|| key.algorithm().map(crate::jose::Algorithm::usage));
    for (place, operation) in operations.iter().enumerate() {
        let is_for = match operation.as_str() {
            "sign" | "verify" => Some(Use::Sig),
            "encrypt" | "decrypt" | "wrapKey" | "unwrapKey" | "deriveKey" | "deriveBits" => Some(Use::Enc),
            _ => None,
        };
        if operations.iter().take(place).any(|before| before == operation) {
            key.warn(
                Code::KeyOpsMismatch,
                format!("key_ops has {operation} twice, which RFC 7517 section 4.3 forbids: keep one"),
            );
        } else if key.holds == Holds::Public && PRIVATE_OPERATIONS.contains(&operation.as_str()) {
            key.warn(
                Code::KeyOpsMismatch,
                format!("key_ops has {operation}, which takes a private key, and this one is public: take it out"),
            );
        } else if let (Some(usage), Some(is_for)) = (usage, is_for)
            && usage != is_for
        {
            key.warn(
                Code::KeyOpsMismatch,
                format!(
                    "key_ops has {operation}, and the key is for {usage} (RFC 7517 section 4.3): correct one of them"
                ),
            );
        }
    }
}

/// Whether the octets of the members have the form and the length that they must have.
fn octets(key: &mut KeyReport, raw: &RawJwk<'_>) {
    for member in ["n", "e", "x", "y", "pub"] {
        let Some(octets) = raw.octets(member) else { continue };
        if !matches!(octets, Octets::Exact(_)) {
            key.warn(
                Code::NotBase64Url,
                format!("{member} is not base64url without padding (RFC 7515 section 2): write it anew"),
            );
        }
        if let Some(octets) = octets.get() {
            check_length(key, raw, member, octets.len());
            if matches!((member, octets), ("n" | "e", [0, _, ..])) {
                key.warn(
                    Code::LeadingZeros,
                    format!("{member} begins with zero octets, which RFC 7518 section 2 forbids: drop them"),
                );
            }
        }
    }
    if let Some(d) = raw.secret("d") {
        check_length(key, raw, "d", d.octets().len());
    }
}

fn check_length(key: &mut KeyReport, raw: &RawJwk<'_>, member: &str, octets: usize) {
    let crv = raw.get::<String>("crv").unwrap_or_default();
    match key.kty.as_deref() {
        Some("EC") => {
            let curve: Option<Curve> = if crv == "P-256K" { Some(Curve::Secp256k1) } else { crv.parse().ok() };
            let Some(curve) = curve else { return };
            let exactly = curve.coordinate_octets();
            if octets < exactly {
                let message =
                    format!("{member} has {octets} octets and not {exactly}: pad it with zero octets on the left");
                key.warn(Code::CoordinateUnpadded, format!("{message} (RFC 7518 section 6.2)"));
            }
        }
        Some("OKP") if member == "x" && crv.parse::<OkpCurve>().is_ok() && octets > OkpCurve::OCTETS => {
            let message = format!("x has {octets} octets and not {}: write the bare key", OkpCurve::OCTETS);
            key.warn(
                Code::OkpTooLong,
                format!("{message} (RFC 8037 section 2), not SPKI, which has a header before it"),
            );
        }
        _ => {}
    }
}

fn times(key: &mut KeyReport, raw: &RawJwk<'_>) {
    let mut time = |member: &str| {
        if !raw.has(member) {
            return None;
        }
        let time: Option<i64> = raw.get(member);
        match time {
            None => key.warn(Code::TimeNotANumber, format!("{member} is no whole number: write seconds since 1970")),
            Some(time) if time > LATEST_SECONDS => key.warn(
                Code::TimeInMilliseconds,
                format!("{member} is in milliseconds, while most readers expect seconds since 1970: divide by 1000"),
            ),
            Some(_) => {}
        }
        time
    };
    let (iat, nbf, exp) = (time("iat"), time("nbf"), time("exp"));
    (key.iat, key.nbf, key.exp) = (iat, nbf, exp);
}

/// A time in seconds, whatever unit it was written in.
pub(super) fn seconds(time: i64) -> i64 {
    if time > LATEST_SECONDS { time / 1000 } else { time }
}

fn certificates(key: &mut KeyReport, raw: &RawJwk<'_>, params: Option<&PublicParams>) {
    if !raw.has("x5c") {
        return;
    }
    let chain: Vec<Certificate> = raw.get("x5c").unwrap_or_default();
    let Some(certificate) = chain.first() else {
        key.warn(Code::X5cUnreadable, "x5c holds no certificates in base64 of their DER (RFC 7517 section 4.7)");
        return;
    };
    key.certificate = Some(CertificateReport::of(certificate));
    if params.is_some_and(|params| certificate.public().as_ref() != Ok(params)) {
        key.warn(Code::X5cOtherKey, "the first certificate of x5c is of another key: put that of this key first");
    }
    let digest: Option<Base64Url> = raw.get("x5t#S256");
    if raw.has("x5t#S256") && digest != Some(certificate.x5t_s256()) {
        key.warn(Code::X5tMismatch, "x5t#S256 is not the digest of the first certificate of x5c: work it out anew");
    }
}
