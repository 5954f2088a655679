//! The spec, parsed once into a [`Policy`] that can't be unsafe.

mod certificates;
mod import;
mod kid;
mod outputs;
mod profile;
mod rhythm;
mod schedule;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use chrono::TimeDelta;

pub use certificates::{CertificatePolicy, JwkPolicy};
pub use import::{Import, ImportEntry, ImportError, is_kid};
pub use kid::{KidError, KidParts, KidTemplate};
pub use outputs::{File, Output, OutputId, OutputKind, Scope, SignersFile, keyring_name};
pub use rhythm::Keys;
pub use schedule::{Schedule, ScheduleError};

use profile::Preset;

use super::kept_private::Crowded;
use super::timing::{Sums, Timing};
use crate::api::{self, JwksKeySetSpec, MOST_RETIRED, Mode, SecretKeyRef, Span, SpanError};
use crate::jose::{Algorithm, KeyChoice, KeySpec, KeySpecError, UnknownAlgorithm, UnknownContentEncryption, Use};
use crate::keyring::{Facts, Keyring, Publisher, SettledFacts, Time};

/// What to do about kids with capitals that are aliases in a keystore.
pub const ALIAS_ADVICE: &str = "Java reads the aliases of a keystore in lower case, and kids have capitals: a signer that takes its kid from an alias signs \
     what nobody can verify. Let it take its kid from a file ActiveKids, or write kid: { template: \"{uuid}\" }";

/// What to do about a public JWK Set that nothing can be in.
pub const SYMMETRIC_ADVICE: &str = "its keys are symmetric, as those of all lines, and have no public half: the PublicJwks file in spec.configMaps holds \
     no key, and whoever verifies by it refuses every token. Take that file away, and give the keys to all who need them in a \
     PrivateJwks file of a secret";

/// How many key lines a set may have.
const MOST_LINES: usize = 32;

/// What one key set may do and when. A `Policy` that exists is safe.
#[derive(Clone, Debug)]
pub struct Policy {
    /// The key lines.
    pub lines: Vec<Line>,
    /// The facts that the spec states.
    pub facts: Facts,
    /// What decides when a rotation is due.
    pub rotation: Rotation,
    /// Mint and promote nothing.
    pub paused: bool,
    /// Keep the next key published at all times.
    pub standby: bool,
    /// Await a manual confirmation before a promotion.
    pub confirm: bool,
    /// Who publishes.
    pub publisher: Publisher,
    /// How kids are made.
    pub kid: KidTemplate,
    /// What JWKs say beside the key.
    pub jwk: JwkPolicy,
    /// The certificates that keys get, if any file needs one.
    pub certificate: Option<CertificatePolicy>,
    /// What is written, ConfigMaps first.
    pub outputs: Vec<Output>,
    /// Keys that exist already.
    pub import: Import,
    /// Kids that must never be used again.
    pub revoked: BTreeSet<String>,
    /// W: the bound on one write to the store.
    pub write_bound: TimeDelta,
}

/// One key line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// Its name, unique in the set.
    pub name: String,
    /// Its algorithm.
    pub algorithm: Algorithm,
    /// What is generated for it.
    pub spec: KeySpec,
}

/// What decides when a rotation is due.
#[derive(Clone, Debug)]
#[expect(clippy::large_enum_variant, reason = "there is one a key set, for the length of a pass")]
pub enum Rotation {
    /// So long after the promotion.
    Interval(TimeDelta),
    /// When a cron expression fires next.
    Schedule(Schedule),
    /// Only when asked to.
    Never,
}

/// What is wrong with a spec. Each sentence says what to change.
#[derive(Debug, thiserror::Error)]
pub enum PolicyError {
    /// No lines, or too many.
    #[error("spec.keys has {0} lines: state 1 to {MOST_LINES}")]
    Lines(usize),
    /// A resource of another version.
    #[error(
        "this version of Keyturn does not understand the resource ({0}): state what it knows, or install the version that does"
    )]
    NotUnderstood(String),
    /// An issuer for which nobody can ask.
    #[error(
        "spec.issuer {0:?} must be an https URL without user, query and fragment, as in https://auth.example.com/main"
    )]
    Issuer(String),
    /// An unknown algorithm.
    #[error("spec.keys[{index}].algorithm: {source}")]
    Algorithm {
        /// Which line.
        index: usize,
        /// What is wrong with it.
        source: UnknownAlgorithm,
    },
    /// A wrong size or curve.
    #[error("spec.keys[{index}]: {source}")]
    KeySpec {
        /// Which line.
        index: usize,
        /// What is wrong with it.
        source: KeySpecError,
    },
    /// An unknown content encryption.
    #[error("spec.keys[{index}]: {source}")]
    ContentEncryption {
        /// Which line.
        index: usize,
        /// What is wrong with it.
        source: UnknownContentEncryption,
    },
    /// A line name that can't be one.
    #[error(
        "spec.keys[{index}].name {name:?}: use at most 63 of a-z, 0-9, '-' and '.', starting and ending with a letter or digit"
    )]
    LineName {
        /// Which line.
        index: usize,
        /// The name.
        name: String,
    },
    /// Two lines of one name.
    #[error("two of spec.keys are named {0:?} (by default the algorithm in lower case): give each line its own name")]
    SameLine(String),
    /// A duration that can't be read.
    #[error("spec.{field}: {source}")]
    Span {
        /// Which field.
        field: &'static str,
        /// What is wrong with it.
        source: SpanError,
    },
    /// A bad schedule.
    #[error("spec.rotation: {0}")]
    Schedule(#[from] ScheduleError),
    /// `Schedule` without a schedule.
    #[error("spec.rotation.mode is Schedule: state spec.rotation.schedule, for example \"0 3 1 * *\"")]
    NoSchedule,
    /// A schedule that would not count.
    #[error("spec.rotation.schedule counts only with mode: Schedule: state that mode, or leave the schedule out")]
    IdleSchedule,
    /// Rotations closer than a new key can be made known.
    #[error(
        "spec.rotation: {stated} between two rotations of {which} keys is shorter than the lead ({lead}) + {write} for one \
         write + clockSkew {skew} = {least}: rotate less often, or state shorter facts in spec.timing if they are true"
    )]
    TooOften {
        /// The interval, or the shortest gap of the schedule.
        stated: String,
        /// Which keys.
        which: Keys,
        /// The lead.
        lead: String,
        /// The bound on one write.
        write: String,
        /// The clock skew.
        skew: String,
        /// The sum.
        least: String,
    },
    /// Too many retired keys.
    #[error(
        "spec.rotation: {stated} between two rotations would keep more than {MOST_RETIRED} retired {which} keys of a line, \
         each for {retention}: rotate less often, or state a shorter maxTokenLifetime if it is true"
    )]
    TooMany {
        /// The interval, or the shortest gap of the schedule.
        stated: String,
        /// Which keys.
        which: Keys,
        /// How long one is kept.
        retention: String,
    },
    /// A kid template that can give one kid twice.
    #[error("spec.kid.template: {0}")]
    Kid(#[from] KidError),
    /// An output that can't be.
    #[error("{0}")]
    Output(#[from] outputs::OutputError),
    /// A private file that must stay, and has no room. Only the keyring tells of it.
    #[error("{0}")]
    Crowded(#[from] Crowded),
    /// A certificate that can't be.
    #[error("spec.certificate: {0}")]
    Certificate(#[from] certificates::CertificateSpecError),
    /// Certificates that end before their keys.
    #[error(
        "spec.certificate.validity {validity} is shorter than a key lives: {gap} as the next one, as long as the active one, \
         the lead and {retention} of retention, together {least}: state a longer validity, or rotate more often"
    )]
    ShortCertificate {
        /// The validity.
        validity: String,
        /// The interval, or the longest gap of the schedule.
        gap: String,
        /// How long a retired key is kept.
        retention: String,
        /// The sum.
        least: String,
    },
    /// An import that can't be.
    #[error("{0}")]
    Import(#[from] ImportError),
    /// `enc` where loading is publishing.
    #[error(
        "spec.publisher is Signer, and the line {line:?} is for encryption: that is safe only if senders take the first \
         key. State spec.encSelection: First if they do, or use publisher: Keyturn"
    )]
    EncBySigner {
        /// The line.
        line: String,
    },
    /// `enc` with a key that senders load.
    #[error(
        "the line {line:?} is symmetric and for encryption: a sender may use a key as soon as it has loaded it, so that is \
         safe only if senders take the first key. State spec.encSelection: First if they do, or use RSA-OAEP-256"
    )]
    SymmetricEnc {
        /// The line.
        line: String,
    },
}

/// Everything that is wrong with a spec.
#[derive(Debug, thiserror::Error)]
#[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
pub struct PolicyErrors(pub Vec<PolicyError>);

impl Policy {
    /// Parses the spec of the set `name`. `write_bound` is W, which depends on the store.
    ///
    /// # Errors
    /// All that is wrong with the spec.
    pub fn parse(name: &str, spec: &JwksKeySetSpec, write_bound: TimeDelta) -> Result<Self, PolicyErrors> {
        let mut errors = Vec::new();
        let lines = lines(&spec.keys, &mut errors);
        let facts = facts(&spec.timing, &mut errors);
        let rotation = rotation(&spec.rotation).map_err(|error| errors.push(error)).ok();
        if let Some(issuer) = spec.issuer.as_deref().filter(|issuer| !is_issuer(issuer)) {
            errors.push(PolicyError::Issuer(issuer.to_owned()));
        }
        let preset = Preset::of(spec.profile);
        let jwk = JwkPolicy::new(&spec.jwk, preset);
        let template = spec.kid.template.as_deref().unwrap_or(preset.kid);
        let kid = KidTemplate::parse(template, jwk.key_ops_type).map_err(|error| errors.push(error.into())).ok();
        let publisher = match spec.publisher.unwrap_or(preset.publisher) {
            api::Publisher::Keyturn => Publisher::Keyturn,
            api::Publisher::Signer => Publisher::Signer,
        };
        if spec.enc_selection.is_none() {
            errors.extend(lines.iter().filter_map(|line| enc_by_loading(line, publisher)));
        }
        let outputs = match outputs::parse(name, spec, &lines, preset, publisher) {
            Ok(outputs) => outputs,
            // A file that names a line which is wrong itself would seem to name none.
            Err(_) if lines.len() < spec.keys.len() => Vec::new(),
            Err(wrong) => {
                errors.extend(wrong.into_iter().map(PolicyError::Output));
                Vec::new()
            }
        };
        let certificate = CertificatePolicy::parse(name, spec, preset, &jwk, &outputs);
        let certificate = certificate.map_err(|error| errors.push(error.into())).ok().flatten();
        let import = match Import::parse(spec.import.as_ref(), &lines) {
            Ok(import) => import,
            Err(_) if lines.len() < spec.keys.len() => Import::default(),
            Err(wrong) => {
                errors.extend(wrong.into_iter().map(PolicyError::Import));
                Import::default()
            }
        };
        let (Some(rotation), Some(kid), true) = (rotation, kid, errors.is_empty()) else {
            return Err(PolicyErrors(errors));
        };
        let policy = Self {
            lines,
            facts,
            rotation,
            paused: spec.rotation.paused,
            standby: spec.rotation.standby,
            confirm: spec.promotion.confirm.as_ref().map_or(preset.confirm, |confirm| !confirm.is_empty()),
            publisher,
            kid,
            jwk,
            certificate,
            outputs,
            import,
            revoked: spec.revoked.iter().map(|revoked| revoked.kid.clone()).collect(),
            write_bound,
        };
        policy.check_rhythm()?;
        Ok(policy)
    }

    /// What a pass over that keyring must read in Secrets of the user's.
    pub fn references(&self, keyring: &Keyring) -> BTreeSet<SecretKeyRef> {
        let imported = self.import.due(keyring);
        let imported = imported.flat_map(|entry| std::iter::once(&entry.source).chain(&entry.passphrase));
        let passphrases = self.outputs.iter().filter_map(|output| match output {
            Output::Secret { passphrase, .. } => passphrase.as_ref(),
            Output::ConfigMap { .. } => None,
        });
        imported.chain(passphrases).cloned().collect()
    }

    /// The safe times of one algorithm, with the facts that count now.
    pub fn timing(&self, algorithm: Algorithm, facts: &Facts) -> Timing {
        self.sums(algorithm).over(facts)
    }

    /// Which sums the safe times of one algorithm are.
    pub fn sums(&self, algorithm: Algorithm) -> Sums {
        let mut sums = Sums::new(algorithm, self.publisher);
        let exists = |kind: OutputKind| self.outputs.iter().any(|output| output.id().kind == kind);
        sums.leads.retain(|(kind, _)| exists(*kind));
        sums.retentions.retain(|(kind, _)| exists(*kind));
        sums
    }

    /// While `publisher: Signer` can't be yet, Keyturn goes on publishing, and nothing is minted or promoted, so that no
    /// further key retires that the server could not publish.
    pub fn go_on_publishing(&mut self, set: &str) {
        self.publisher = Publisher::Keyturn;
        self.paused = true;
        self.keep_config_map(set);
    }

    /// The ConfigMap that a set may have written before, where it lists none any more.
    pub fn left_over(&self, set: &str) -> Option<OutputId> {
        let lacks = !self.outputs.iter().any(|output| output.id().kind == OutputKind::ConfigMap);
        lacks.then(|| outputs::default_config_map(set).id())
    }

    /// A set whose lines are all symmetric has no ConfigMap of its own; it goes on writing its former one as long as keys
    /// with a public half are left, because verifiers and senders still read them there, and as long as that is there, because
    /// a crash may have left a key in it.
    pub fn publish_what_is_left(&mut self, set: &str, keyring: &Keyring, is_there: bool) {
        let is_left = is_there || keyring.keys.iter().any(|key| key.public.is_some());
        if self.publisher == Publisher::Keyturn && is_left {
            self.keep_config_map(set);
        }
    }

    /// Adds the ConfigMap that a set has by default, where it lists none.
    pub fn keep_config_map(&mut self, set: &str) {
        if self.left_over(set).is_some() {
            self.outputs.insert(0, outputs::default_config_map(set));
        }
    }

    /// The facts that count at `now`: those of the spec, and earlier, longer ones.
    pub fn effective_facts(&self, settled: &SettledFacts, now: Time) -> Facts {
        settled.effective(now).map_or(self.facts, |facts| facts.longest(self.facts))
    }

    /// Whether keys of the line are in a keystore, where their kids are aliases, which Java reads in lower case.
    pub fn has_keystore(&self, line: &str) -> bool {
        let holds =
            |file: &File<SignersFile>| matches!(file.content, SignersFile::Keystore(_)) && file.scope.covers(line);
        self.outputs.iter().any(|output| match output {
            Output::Secret { files, .. } => files.values().any(holds),
            Output::ConfigMap { .. } => false,
        })
    }

    /// Parses the spec that goes on while another one is refused: what that revokes counts all the same.
    ///
    /// # Errors
    /// All that is wrong with the spec.
    pub fn parse_instead(
        name: &str,
        spec: &JwksKeySetSpec,
        refused: &JwksKeySetSpec,
        write_bound: TimeDelta,
    ) -> Result<Self, PolicyErrors> {
        let mut policy = Self::parse(name, spec, write_bound)?;
        policy.revoked.extend(refused.revoked.iter().map(|revoked| revoked.kid.clone()));
        Ok(policy)
    }

    /// Whether a public JWK Set is to be written in which no key can ever be, since all lines are symmetric.
    pub fn has_empty_jwks(&self) -> bool {
        let lists = |output: &Output| {
            output.id().kind == OutputKind::ConfigMap && self.lines.iter().any(|line| output.lists(&line.name))
        };
        self.lines.iter().all(|line| line.algorithm.is_symmetric()) && self.outputs.iter().any(lists)
    }

    /// The line of that name and use.
    pub fn line(&self, name: &str, usage: Use) -> Option<&Line> {
        self.lines.iter().find(|line| line.name == name && line.algorithm.usage() == usage)
    }
}

/// A duration the way users write it.
pub fn shown(delta: TimeDelta) -> String {
    let seconds = delta.num_seconds();
    let parts = [(seconds / 3600, "h"), (seconds / 60 % 60, "m"), (seconds % 60, "s")];
    let shown: Vec<String> =
        parts.iter().filter(|(number, _)| *number != 0).map(|(number, unit)| format!("{number}{unit}")).collect();
    if shown.is_empty() { "0s".to_owned() } else { shown.concat() }
}

/// Where whoever loads a key may encrypt with it, one replica could get what another can't decrypt yet.
fn enc_by_loading(line: &Line, publisher: Publisher) -> Option<PolicyError> {
    if line.algorithm.usage() != Use::Enc || publisher.of(line.algorithm) != Publisher::Signer {
        return None;
    }
    let line_name = line.name.clone();
    Some(if line.algorithm.is_symmetric() {
        PolicyError::SymmetricEnc { line: line_name }
    } else {
        PolicyError::EncBySigner { line: line_name }
    })
}

/// OpenID Connect Discovery 1.0 section 3: https, a host, and perhaps a port and a path.
fn is_issuer(text: &str) -> bool {
    let strange = |letter: char| letter.is_whitespace() || "?#@".contains(letter);
    let uri: Result<http::Uri, _> = text.parse();
    let is_https =
        |uri: http::Uri| uri.scheme_str() == Some("https") && uri.host().is_some_and(|host| !host.is_empty());
    !text.contains(strange) && uri.is_ok_and(is_https)
}

fn lines(stated: &[api::KeyLine], errors: &mut Vec<PolicyError>) -> Vec<Line> {
    if stated.is_empty() || stated.len() > MOST_LINES {
        errors.push(PolicyError::Lines(stated.len()));
        return Vec::new();
    }
    let mut lines: Vec<Line> = Vec::new();
    for (index, one) in stated.iter().enumerate() {
        let algorithm: Algorithm = match one.algorithm.parse() {
            Ok(algorithm) => algorithm,
            Err(source) => {
                errors.push(PolicyError::Algorithm { index, source });
                continue;
            }
        };
        let content_encryption = match one.content_encryption.as_deref().map(str::parse).transpose() {
            Ok(content_encryption) => content_encryption,
            Err(source) => {
                errors.push(PolicyError::ContentEncryption { index, source });
                continue;
            }
        };
        let choice = KeyChoice { rsa_bits: one.rsa_bits, curve: one.curve.as_deref(), content_encryption };
        let spec = match KeySpec::new(algorithm, choice) {
            Ok(spec) => spec,
            Err(source) => {
                errors.push(PolicyError::KeySpec { index, source });
                continue;
            }
        };
        let name = one.name.clone().unwrap_or_else(|| algorithm.slug());
        if !outputs::is_dns_name(&name, 63) {
            errors.push(PolicyError::LineName { index, name });
        } else if lines.iter().any(|line| line.name == name) {
            errors.push(PolicyError::SameLine(name));
        } else {
            lines.push(Line { name, algorithm, spec });
        }
    }
    lines
}

fn facts(timing: &api::Timing, errors: &mut Vec<PolicyError>) -> Facts {
    let mut read = |field, span: &Span| {
        span.parse().map_err(|source| errors.push(PolicyError::Span { field, source })).unwrap_or_default()
    };
    Facts {
        publish_delay: read("timing.publishDelay", &timing.publish_delay),
        verifier_cache_ttl: read("timing.verifierCacheTtl", &timing.verifier_cache_ttl),
        signer_reload_delay: read("timing.signerReloadDelay", &timing.signer_reload_delay),
        max_token_lifetime: read("timing.maxTokenLifetime", &timing.max_token_lifetime),
        clock_skew: read("timing.clockSkew", &timing.clock_skew),
    }
}

fn rotation(stated: &api::Rotation) -> Result<Rotation, PolicyError> {
    if stated.mode != Mode::Schedule && stated.schedule.is_some() {
        return Err(PolicyError::IdleSchedule);
    }
    match stated.mode {
        Mode::Interval => stated
            .interval
            .parse()
            .map(Rotation::Interval)
            .map_err(|source| PolicyError::Span { field: "rotation.interval", source }),
        Mode::Schedule => {
            let expression = stated.schedule.as_deref().ok_or(PolicyError::NoSchedule)?;
            Ok(Rotation::Schedule(Schedule::parse(expression, &stated.time_zone)?))
        }
        Mode::Never => Ok(Rotation::Never),
    }
}
