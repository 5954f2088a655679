//! The safe times, derived from the user's facts.

use chrono::TimeDelta;

use super::policy::OutputKind;
use crate::jose::{Algorithm, Use};
use crate::keyring::{Facts, Publisher};

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

impl Timing {
    /// The table of the design. Letters: P `publishDelay`, C `verifierCacheTtl`, R `signerReloadDelay`,
    /// L `maxTokenLifetime`, S `clockSkew`.
    ///
    /// A kind of output that a set doesn't have asks for nothing; the policy sees to it that the first of each
    /// list is there. No ConfigMap is ever asked about a symmetric key.
    pub fn new(algorithm: Algorithm, publisher: Publisher, facts: &Facts) -> Self {
        let publisher = publisher.of(algorithm);
        let Facts {
            publish_delay: p,
            verifier_cache_ttl: c,
            signer_reload_delay: r,
            max_token_lifetime: l,
            clock_skew: s,
        } = *facts;
        let (mut leads, mut retentions) = match (algorithm.usage(), publisher) {
            (Use::Sig, Publisher::Keyturn) => {
                (vec![(OutputKind::ConfigMap, p + c + s)], vec![(OutputKind::Secret, r + l + s * 2)])
            }
            (Use::Sig, Publisher::Signer) => (
                vec![(OutputKind::Secret, r + c + s), (OutputKind::ConfigMap, p + c + s)],
                vec![(OutputKind::Secret, r + l + s * 2)],
            ),
            (Use::Enc, Publisher::Keyturn) => {
                (vec![(OutputKind::Secret, r + s)], vec![(OutputKind::ConfigMap, p + c + l + s * 2)])
            }
            (Use::Enc, Publisher::Signer) => (
                vec![(OutputKind::Secret, r + s)],
                vec![(OutputKind::Secret, r + c + l + s * 2), (OutputKind::ConfigMap, p + c + l + s * 2)],
            ),
        };
        if algorithm.is_symmetric() {
            leads.retain(|(kind, _)| *kind == OutputKind::Secret);
            retentions.retain(|(kind, _)| *kind == OutputKind::Secret);
        }
        let first_hop = match publisher {
            Publisher::Keyturn => p + s,
            Publisher::Signer => r + s,
        };
        Self { leads, retentions, first_hop, after_confirmation: c + s }
    }

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
            let timing = Timing::new(algorithm, publisher, &facts());
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
            let first_hop = Timing::new(Algorithm::Hs256, publisher, &facts()).first_hop;
            assert_eq!(first_hop, TimeDelta::seconds(10_500), "a key is seen where its Secret is loaded");
        }
    }
}
