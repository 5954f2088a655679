//! The keys, made on all cores, and what is written of them.

use std::sync::Mutex;
use std::sync::PoisonError;

use chrono::{DateTime, TimeDelta, Utc};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Value, json};
use uuid::Uuid;
use zeroize::Zeroizing;

use super::{Failure, janssen};
use crate::jose::{Algorithm, KeySpec, OptionalMembers, PublicJwk};
use crate::material::pkcs12::{self, KeystoreEntry, KeystoreProfile};
use crate::material::{Certificate, PrivateKey, Serial, Subject, Validity};

/// The clock of whoever reads a certificate may be behind.
const SKEW: TimeDelta = TimeDelta::minutes(5);

/// A key to be made.
pub(super) struct Wanted {
    pub(super) ops: &'static str,
    pub(super) algorithm: Algorithm,
    pub(super) spec: KeySpec,
    pub(super) expires: DateTime<Utc>,
}

/// A key.
pub(super) struct Made {
    pub(super) kid: String,
    pub(super) algorithm: Algorithm,
    ops: &'static str,
    expires: DateTime<Utc>,
    private: PrivateKey,
    certificate: Certificate,
}

/// Makes all of them, as many at once as there are cores, in the order in which they are wanted.
pub(super) fn make(wanted: &[Wanted], subject: &Subject, now: DateTime<Utc>) -> Result<Vec<Made>, Failure> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let bar = ProgressBar::new(wanted.len() as u64);
    if let Ok(style) = ProgressStyle::with_template("making keys {bar:30} {pos}/{len}") {
        bar.set_style(style);
    }
    let queue = Mutex::new(wanted.iter().enumerate());
    let done: Mutex<Vec<(usize, Result<Made, Failure>)>> = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..cores.min(wanted.len()) {
            scope.spawn(|| {
                loop {
                    let Some((index, one)) = queue.lock().unwrap_or_else(PoisonError::into_inner).next() else { break };
                    let made = make_one(one, subject, now);
                    done.lock().unwrap_or_else(PoisonError::into_inner).push((index, made));
                    bar.inc(1);
                }
            });
        }
    });
    bar.finish_and_clear();
    let mut done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
    done.sort_by_key(|(index, _)| *index);
    done.into_iter().map(|(_, made)| made).collect()
}

fn make_one(wanted: &Wanted, subject: &Subject, now: DateTime<Utc>) -> Result<Made, Failure> {
    let Wanted { ops, algorithm, spec, expires } = *wanted;
    let private = PrivateKey::generate(&spec).map_err(Failure::new)?;
    let serial = Serial::draw().map_err(|_| Failure::new("the operating system gives no random bytes"))?;
    let validity = Validity { not_before: now - SKEW, not_after: expires };
    let certificate = Certificate::self_signed(&private, algorithm.usage(), subject, validity, &serial);
    let certificate = certificate.map_err(|why| Failure::new(format!("{algorithm}: {why}")))?;
    let kid = janssen::kid(ops, &Uuid::new_v4().to_string(), algorithm);
    Ok(Made { kid, algorithm, ops, expires, private, certificate })
}

/// `{"keys":[…]}`, public only, with Janssen's members.
pub(super) fn to_json(made: &[Made]) -> Result<String, Failure> {
    let keys: Vec<Value> = made.iter().map(web_key).collect::<Result<_, _>>()?;
    let text = serde_json::to_string_pretty(&json!({ "keys": keys })).map_err(Failure::new)?;
    Ok(format!("{text}\n"))
}

fn web_key(key: &Made) -> Result<Value, Failure> {
    let Made { kid, algorithm, ops, expires, private, certificate } = key;
    let lacking = || Failure::new(format!("{algorithm} keys have no public half: leave the algorithm out"));
    let public = private.public().ok_or_else(lacking)?.clone();
    let optional = OptionalMembers {
        key_ops_type: vec![(*ops).to_owned()],
        x5c: vec![certificate.x5c()],
        exp: Some(expires.timestamp_millis()),
        ..OptionalMembers::default()
    };
    let jwk = PublicJwk::new(kid.clone(), *algorithm, public).map_err(Failure::new)?.with(optional);
    let mut members = serde_json::to_value(&jwk).map_err(Failure::new)?;
    if let Some(members) = members.as_object_mut() {
        members.insert("name".to_owned(), janssen::name(*algorithm).into());
        members.insert("descr".to_owned(), janssen::description(*algorithm).into());
    }
    Ok(members)
}

/// All keys with their certificates, under their kids.
pub(super) fn to_keystore(
    made: &[Made],
    password: &Zeroizing<String>,
    profile: KeystoreProfile,
) -> Result<Vec<u8>, Failure> {
    let entries: Vec<KeystoreEntry<'_>> = made
        .iter()
        .map(|Made { kid, private, certificate, .. }| KeystoreEntry { alias: kid, key: private, certificate })
        .collect();
    pkcs12::write(&entries, password, profile).map_err(|why| Failure::new(format!("the keystore: {why}")))
}
