//! The safe times, derived from the user's facts.

use chrono::TimeDelta;

use super::policy::OutputKind;
use crate::jose::{Algorithm, Use};
use crate::keyring::{Facts, Publisher};

/// One of the user's facts, `spec.timing`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fact {
    /// P
    PublishDelay,
    /// C
    VerifierCacheTtl,
    /// R
    SignerReloadDelay,
    /// L
    MaxTokenLifetime,
    /// S
    ClockSkew,
}

/// A safe time as a sum: each fact, and how many times it counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sum(pub &'static [(Fact, i32)]);

/// Which sums the safe times of one algorithm are. Each counts from a write that an output of that kind acknowledged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sums {
    /// See [`Timing::leads`].
    pub leads: Vec<(OutputKind, Sum)>,
    /// See [`Timing::retentions`].
    pub retentions: Vec<(OutputKind, Sum)>,
    /// See [`Timing::first_hop`].
    pub first_hop: Sum,
    /// See [`Timing::after_confirmation`].
    pub after_confirmation: Sum,
}

/// When a key of one algorithm may be promoted and removed, counted from what the outputs acknowledged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Timing {
    /// Who must know a new key first, and for how long before it is used.
    pub leads: Vec<(OutputKind, TimeDelta)>,
    /// Who must have stopped using a retired key, and how long ago.
    pub retentions: Vec<(OutputKind, TimeDelta)>,
    /// From a write to its first reader: the earliest that a confirmation can be about.
    pub first_hop: TimeDelta,
    /// After a confirmation, until every cache that was filled just before it is empty.
    pub after_confirmation: TimeDelta,
}

const P: (Fact, i32) = (Fact::PublishDelay, 1);
const C: (Fact, i32) = (Fact::VerifierCacheTtl, 1);
const R: (Fact, i32) = (Fact::SignerReloadDelay, 1);
const L: (Fact, i32) = (Fact::MaxTokenLifetime, 1);
const S: (Fact, i32) = (Fact::ClockSkew, 1);
const TWO_S: (Fact, i32) = (Fact::ClockSkew, 2);

impl Sums {
    /// The table of the design. Letters: P `publishDelay`, C `verifierCacheTtl`, R `signerReloadDelay`,
    /// L `maxTokenLifetime`, S `clockSkew`.
    ///
    /// A kind of output that a set doesn't have asks for nothing; the policy sees to it that the first of each
    /// list is there. No ConfigMap is ever asked about a symmetric key.
    pub fn new(algorithm: Algorithm, publisher: Publisher) -> Self {
        let publisher = publisher.of(algorithm);
        let (mut leads, mut retentions) = match (algorithm.usage(), publisher) {
            (Use::Sig, Publisher::Keyturn) => {
                (vec![(OutputKind::ConfigMap, Sum(&[P, C, S]))], vec![(OutputKind::Secret, Sum(&[R, L, TWO_S]))])
            }
            (Use::Sig, Publisher::Signer) => (
                vec![(OutputKind::Secret, Sum(&[R, C, S])), (OutputKind::ConfigMap, Sum(&[P, C, S]))],
                vec![(OutputKind::Secret, Sum(&[R, L, TWO_S]))],
            ),
            (Use::Enc, Publisher::Keyturn) => {
                (vec![(OutputKind::Secret, Sum(&[R, S]))], vec![(OutputKind::ConfigMap, Sum(&[P, C, L, TWO_S]))])
            }
            (Use::Enc, Publisher::Signer) => (
                vec![(OutputKind::Secret, Sum(&[R, S]))],
                vec![(OutputKind::Secret, Sum(&[R, C, L, TWO_S])), (OutputKind::ConfigMap, Sum(&[P, C, L, TWO_S]))],
            ),
        };
        if algorithm.is_symmetric() {
            leads.retain(|(kind, _)| *kind == OutputKind::Secret);
            retentions.retain(|(kind, _)| *kind == OutputKind::Secret);
        }
        let first_hop = match publisher {
            Publisher::Keyturn => Sum(&[P, S]),
            Publisher::Signer => Sum(&[R, S]),
        };
        Self { leads, retentions, first_hop, after_confirmation: Sum(&[C, S]) }
    }

    /// The sums, worked out.
    pub fn over(&self, facts: &Facts) -> Timing {
        let all = |sums: &[(OutputKind, Sum)]| sums.iter().map(|(kind, sum)| (*kind, sum.over(facts))).collect();
        Timing {
            leads: all(&self.leads),
            retentions: all(&self.retentions),
            first_hop: self.first_hop.over(facts),
            after_confirmation: self.after_confirmation.over(facts),
        }
    }
}

impl Sum {
    /// The sum, worked out.
    pub fn over(self, facts: &Facts) -> TimeDelta {
        self.0.iter().map(|(fact, times)| fact.of(facts) * *times).sum()
    }
}

impl Fact {
    /// Its field in `spec.timing`.
    pub fn name(self) -> &'static str {
        match self {
            Self::PublishDelay => "publishDelay",
            Self::VerifierCacheTtl => "verifierCacheTtl",
            Self::SignerReloadDelay => "signerReloadDelay",
            Self::MaxTokenLifetime => "maxTokenLifetime",
            Self::ClockSkew => "clockSkew",
        }
    }

    /// What is stated.
    pub fn of(self, facts: &Facts) -> TimeDelta {
        match self {
            Self::PublishDelay => facts.publish_delay,
            Self::VerifierCacheTtl => facts.verifier_cache_ttl,
            Self::SignerReloadDelay => facts.signer_reload_delay,
            Self::MaxTokenLifetime => facts.max_token_lifetime,
            Self::ClockSkew => facts.clock_skew,
        }
    }
}

impl Timing {
    /// The longest lead.
    pub fn lead(&self) -> TimeDelta {
        self.leads.iter().map(|(_, lead)| *lead).max().unwrap_or_default()
    }

    /// The longest retention.
    pub fn retention(&self) -> TimeDelta {
        self.retentions.iter().map(|(_, retention)| *retention).max().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::OutputKind::{ConfigMap, Secret};
    use super::*;

    fn facts() -> Facts {
        Facts {
            publish_delay: TimeDelta::seconds(2),
            verifier_cache_ttl: TimeDelta::seconds(30),
            signer_reload_delay: TimeDelta::seconds(500),
            max_token_lifetime: TimeDelta::seconds(7_000),
            clock_skew: TimeDelta::seconds(10_000),
        }
    }

    #[test]
    fn the_sums_are_the_designs() {
        let seconds = |algorithm, publisher| {
            let timing = Sums::new(algorithm, publisher).over(&facts());
            let plain = |list: Vec<(OutputKind, TimeDelta)>| -> Vec<(OutputKind, i64)> {
                list.into_iter().map(|(kind, delta)| (kind, delta.num_seconds())).collect()
            };
            (plain(timing.leads), plain(timing.retentions))
        };
        let (sig, enc) = (Algorithm::Es256, Algorithm::RsaOaep);
        assert_eq!(seconds(sig, Publisher::Keyturn), (vec![(ConfigMap, 10_032)], vec![(Secret, 27_500)]));
        assert_eq!(
            seconds(sig, Publisher::Signer),
            (vec![(Secret, 10_530), (ConfigMap, 10_032)], vec![(Secret, 27_500)])
        );
        assert_eq!(seconds(enc, Publisher::Keyturn), (vec![(Secret, 10_500)], vec![(ConfigMap, 27_032)]));
        assert_eq!(
            seconds(enc, Publisher::Signer),
            (vec![(Secret, 10_500)], vec![(Secret, 27_530), (ConfigMap, 27_032)])
        );
        for publisher in [Publisher::Keyturn, Publisher::Signer] {
            assert_eq!(seconds(Algorithm::Hs256, publisher), (vec![(Secret, 10_530)], vec![(Secret, 27_500)]));
            for enc in [Algorithm::A256Kw, Algorithm::A128GcmKw, Algorithm::Dir] {
                assert_eq!(seconds(enc, publisher), (vec![(Secret, 10_500)], vec![(Secret, 27_530)]), "{enc}");
            }
            let first_hop = Sums::new(Algorithm::Hs256, publisher).over(&facts()).first_hop;
            assert_eq!(first_hop, TimeDelta::seconds(10_500), "a key is seen where its Secret is loaded");
        }
    }
}
