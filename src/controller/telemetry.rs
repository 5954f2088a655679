//! What is known of a running operator from outside: its health and its metrics.

use super::health::Health;
use super::lease::Standing;
use super::metrics::Metrics;

/// Health and metrics of one operator. Clones share them.
#[derive(Clone, Debug, Default)]
pub struct Telemetry {
    /// Whether it is alive and ready.
    pub health: Health,
    /// What it counts.
    pub metrics: Metrics,
}

impl Telemetry {
    /// Whether this operator writes, and who does otherwise.
    pub(super) fn stands(&self, standing: Standing) {
        self.metrics.leads(standing.may_write());
        self.health.stands(standing);
    }
}
