//! Private JWKs and JWK Sets (RFC 7517).

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::jose::{ForeignJwk, ForeignPrivateJwk, ParamsError, SecretBase64Url};
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
    k: SecretBase64Url,
    kid: Option<String>,
    alg: Option<String>,
    #[serde(rename = "use")]
    usage: Option<String>,
}

/// The keys of a set, or the one key that the text is.
fn keys(text: &[u8]) -> Result<Vec<(String, &str)>, ReadError> {
    let text = str::from_utf8(text).map_err(|_| ReadError::Unrecognised)?;
    let set: Set<'_> = serde_json::from_str(text).map_err(|error| {
        let wrong_type = error.to_string().starts_with("invalid type");
        let reason = if wrong_type { "member keys is no array of JWKs".to_owned() } else { error.to_string() };
        ReadError::Json { reason }
    })?;
    Ok(match set.keys {
        None => vec![("the JWK".to_owned(), text)],
        Some(keys) => keys.iter().enumerate().map(|(index, key)| (format!("keys[{index}]"), key.get())).collect(),
    })
}

pub(super) fn private(text: &[u8], reading: &mut Reading<'_>) -> Result<(), ReadError> {
    for (place, text) in keys(text)? {
        let read = if is_symmetric(text) {
            jwk(text).map(|Symmetric { k, kid, alg, usage }| {
                (kid, alg, usage.and_then(|usage| usage.parse().ok()), PrivateKey::symmetric(k))
            })
        } else {
            jwk(text).map(|ForeignPrivateJwk { public, private }| {
                (public.kid, public.alg, public.usage, PrivateKey::from_params(&public.params, &private))
            })
        };
        let (kid, alg, usage, key) = match read {
            Ok(read) => read,
            Err(error) => {
                reading.add(place, kid(text), "JWK", Err::<PrivateKey, _>(error));
                continue;
            }
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
        found.push(match jwk::<ForeignJwk>(text) {
            Ok(jwk) => FoundPublic {
                had_private: jwk.had_private,
                alg: jwk.alg,
                usage: jwk.usage,
                ..FoundPublic::new(jwk.params, jwk.kid, place, "JWK")
            }
            .checked(),
            Err(error) => Err(Refused { place, name: kid(text), format: "JWK", error }),
        });
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

fn is_symmetric(text: &str) -> bool {
    key_type(text).is_ok_and(|kty| kty.as_deref() == Some("oct"))
}

/// The member `kty`, where it is text or not there.
fn key_type(text: &str) -> Result<Option<String>, serde_json::Error> {
    #[derive(Deserialize)]
    struct KeyType {
        kty: Option<String>,
    }
    Ok(serde_json::from_str::<KeyType>(text)?.kty)
}

/// Reads one JWK.
fn jwk<'a, T: Deserialize<'a>>(text: &'a str) -> Result<T, ReadError> {
    let read = serde_path_to_error::deserialize(&mut serde_json::Deserializer::from_str(text));
    read.map_err(|error| ReadError::Json { reason: reason(text, &error) })
}

/// What is wrong with a JWK: first of all its type, which says what its other members must be. What the JSON library says
/// of a value of the wrong type quotes the value, which may be a secret in the wrong place.
fn reason(text: &str, error: &serde_path_to_error::Error<serde_json::Error>) -> String {
    if let Some(wrong) = key_type(text).ok().and_then(|kty| ParamsError::of_key_type(kty.as_deref())) {
        return wrong.to_string();
    }
    let said = error.inner().to_string();
    let member = error.path().to_string();
    // It counts lines from the beginning of this key.
    let said = said.rsplit_once(" at line ").map_or(said.as_str(), |(said, _)| said);
    match said.strip_prefix("a member ") {
        _ if said.starts_with("invalid ") && member == "." => "it is no JSON object".to_owned(),
        _ if said.starts_with("invalid ") => format!("member {member} has the wrong type"),
        Some(said) => format!("member {member} {said}"),
        None => said.to_owned(),
    }
}
