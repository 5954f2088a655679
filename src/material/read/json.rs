//! Private JWKs and JWK Sets (RFC 7517).

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::jose::{ForeignJwk, ForeignPrivateJwk, SecretBase64Url};
use crate::material::PrivateKey;

use super::ReadError;
use super::Refused;
use super::private::Reading;
use super::public::{FoundPublic, PublicContents};

/// A set whose keys are borrowed from the text, so that no private member is copied.
#[derive(Deserialize)]
struct Set<'a> {
    #[serde(borrow)]
    keys: Option<Vec<&'a RawValue>>,
}

/// A symmetric key (RFC 7518 section 6.4).
#[derive(Deserialize)]
struct Symmetric {
    kty: String,
    k: SecretBase64Url,
    kid: Option<String>,
    alg: Option<String>,
    #[serde(rename = "use")]
    usage: Option<String>,
}

/// The keys of a set, or the one key that the text is.
fn keys(text: &[u8]) -> Result<Vec<(String, &str)>, ReadError> {
    let text = str::from_utf8(text).map_err(|_| ReadError::Unrecognised)?;
    let set: Set<'_> = serde_json::from_str(text).map_err(|error| reason(&error))?;
    Ok(match set.keys {
        None => vec![("the JWK".to_owned(), text)],
        Some(keys) => keys.iter().enumerate().map(|(index, key)| (format!("keys[{index}]"), key.get())).collect(),
    })
}

pub(super) fn private(text: &[u8], reading: &mut Reading<'_>) -> Result<(), ReadError> {
    for (place, text) in keys(text)? {
        let (kid, alg, usage, key) = match serde_json::from_str::<ForeignPrivateJwk>(text) {
            Ok(ForeignPrivateJwk { public, private }) => {
                (public.kid, public.alg, public.usage, PrivateKey::from_params(&public.params, &private))
            }
            Err(error) => match serde_json::from_str::<Symmetric>(text) {
                Ok(jwk) if jwk.kty == "oct" => {
                    let usage = jwk.usage.and_then(|usage| usage.parse().ok());
                    (jwk.kid, jwk.alg, usage, PrivateKey::symmetric(jwk.k))
                }
                _ => {
                    reading.add(place, kid(text), "JWK", Err(reason(&error)));
                    continue;
                }
            },
        };
        let read = key.is_ok();
        reading.add(place, kid, "JWK", key.map_err(ReadError::from));
        if let Some(found) = reading.found.keys.last_mut().filter(|_| read) {
            found.alg = alg;
            found.usage = usage;
        }
    }
    Ok(())
}

pub(super) fn public(text: &[u8], found: &mut PublicContents) -> Result<(), ReadError> {
    for (place, text) in keys(text)? {
        match serde_json::from_str::<ForeignJwk>(text) {
            Ok(jwk) => found.push(FoundPublic {
                params: jwk.params,
                name: jwk.kid,
                certificate: None,
                place,
                format: "JWK",
                had_private: jwk.had_private,
                alg: jwk.alg,
                usage: jwk.usage,
            }),
            Err(error) => found.refused.push(Refused { place, name: kid(text), error: reason(&error) }),
        }
    }
    Ok(())
}

/// The kid of a JWK of which nothing else was understood.
fn kid(text: &str) -> Option<String> {
    #[derive(Deserialize)]
    struct Kid {
        kid: Option<String>,
    }
    serde_json::from_str::<Kid>(text).ok()?.kid
}

/// What is wrong, and where. What the JSON library says of a value of the wrong type quotes the value, which may be a
/// secret in the wrong place.
fn reason(error: &serde_json::Error) -> ReadError {
    let reason = error.to_string();
    let place = || format!("a member has the wrong type at line {} column {}", error.line(), error.column());
    ReadError::Json { reason: if reason.starts_with("invalid ") { place() } else { reason } }
}
