//! Keyturn's own keyrings, of which no private half is read.

use serde::Deserialize;
use serde::de::IgnoredAny;

use super::{Holds, KeyReport};
use crate::jose::{Algorithm, KeySpec, PublicParams};

/// What the format of every version begins with.
const FORMAT: &str = "keyring/";

#[derive(Deserialize)]
struct Keyring {
    format: String,
    keys: Vec<Key>,
}

#[derive(Deserialize)]
struct Key {
    kid: String,
    algorithm: Algorithm,
    spec: KeySpec,
    phase: String,
    public: Option<PublicParams>,
    private: Option<IgnoredAny>,
}

/// The keys of a keyring that is not sealed; `None` for anything else.
pub(super) fn keys(text: &[u8]) -> Option<(&'static str, Vec<KeyReport>)> {
    let keyring: Keyring = serde_json::from_slice(text).ok()?;
    if !keyring.format.starts_with(FORMAT) {
        return None;
    }
    let keys = keyring.keys.into_iter().enumerate().map(|(index, key)| report(index, key));
    Some(("Keyturn keyring, which holds private keys", keys.collect()))
}

fn report(index: usize, Key { kid, algorithm, spec, phase, public, private }: Key) -> KeyReport {
    let holds = match (&public, &private) {
        (None, _) => Holds::Symmetric,
        (Some(_), Some(_)) => Holds::Private,
        (Some(_), None) => Holds::Public,
    };
    let format = match phase.as_str() {
        "Active" => "active in its keyring",
        "Standby" => "on standby in its keyring",
        "Retired" => "retired in its keyring",
        _ => "in a keyring",
    };
    let report = KeyReport::new(format!("keys[{index}]"), Some(kid), format, holds);
    let mut report = match &public {
        Some(params) => report.with_public(params),
        None => report.with_spec(spec),
    };
    report.alg = Some(algorithm.name().to_owned());
    report.usage = Some(algorithm.usage().name().to_owned());
    report
}
