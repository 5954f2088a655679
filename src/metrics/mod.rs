//! What a program counts. Each metric is described once: the registry, the page of the documentation and the tests of alerts
//! take it from there.

mod process;

use std::fmt;

use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::{Metric, Registry, Unit};

pub use process::{PROCESS, register_process};

/// One metric.
#[derive(Clone, Copy, Debug)]
pub struct Description {
    /// Its name, without the unit and what its kind adds.
    pub stem: &'static str,
    /// Its kind.
    pub kind: Kind,
    /// Its unit; `None` for a plain number.
    pub unit: Option<Measure>,
    /// The labels of its series.
    pub labels: &'static [&'static str],
    /// What it says, without a full stop.
    pub meaning: &'static str,
}

/// The kinds of metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// It only grows.
    Counter,
    /// It goes up and down.
    Gauge,
    /// How many observations were at most so large: `_bucket`, `_sum` and `_count`.
    Histogram,
    /// Always 1; what it says is in its labels.
    Info,
}

/// The units.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Measure {
    /// Seconds; where the name says `timestamp`, since 1970 in UTC.
    Seconds,
    /// Bytes.
    Bytes,
}

/// The labels of one series.
pub type Labels<const N: usize, V = &'static str> = [(&'static str, V); N];

impl Description {
    /// The name under which Prometheus stores it; of a histogram, what its three series begin with.
    pub fn name(&self) -> String {
        let unit = match self.unit {
            None => "",
            Some(Measure::Seconds) => "_seconds",
            Some(Measure::Bytes) => "_bytes",
        };
        let kind = match self.kind {
            Kind::Counter => "_total",
            Kind::Info => "_info",
            Kind::Gauge | Kind::Histogram => "",
        };
        format!("{}{unit}{kind}", self.stem)
    }

    /// Labels with these values, in the order of the description.
    pub fn labels<const N: usize, V>(&self, values: [V; N]) -> Labels<N, V> {
        let mut names = self.labels.iter();
        values.map(|value| (names.next().copied().unwrap_or_default(), value))
    }

    /// Adds it to a registry.
    pub fn register(&self, registry: &mut Registry, metric: impl Metric) {
        match self.unit() {
            Some(unit) => registry.register_with_unit(self.stem, self.meaning, unit, metric),
            None => registry.register(self.stem, self.meaning, metric),
        }
    }

    /// Writes gauges that are made while they are read.
    ///
    /// # Errors
    /// If there is no room for them.
    pub fn encode<'a, const N: usize>(
        &self,
        encoder: &mut DescriptorEncoder,
        samples: impl IntoIterator<Item = ([&'a str; N], f64)>,
    ) -> fmt::Result {
        let (unit, help) = (self.unit(), format!("{}.", self.meaning));
        let mut metric = encoder.encode_descriptor(self.stem, &help, unit.as_ref(), MetricType::Gauge)?;
        for (values, value) in samples {
            ConstGauge::new(value).encode(metric.encode_family(&self.labels(values))?)?;
        }
        Ok(())
    }

    fn unit(&self) -> Option<Unit> {
        self.unit.map(|unit| match unit {
            Measure::Seconds => Unit::Seconds,
            Measure::Bytes => Unit::Bytes,
        })
    }
}

/// A table of metrics in Markdown.
pub fn table(metrics: &[Description]) -> String {
    let row = |metric: &Description| {
        let kind = match metric.kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Histogram => "histogram",
            Kind::Info => "info",
        };
        let unit = match metric.unit {
            None => "",
            Some(Measure::Seconds) => "seconds",
            Some(Measure::Bytes) => "bytes",
        };
        let labels: Vec<String> = metric.labels.iter().map(|label| format!("`{label}`")).collect();
        format!("| `{}` | {kind} | {unit} | {} | {} |\n", metric.name(), labels.join(", "), metric.meaning)
    };
    let rows: String = metrics.iter().map(row).collect();
    format!("| name | type | unit | labels | meaning |\n| --- | --- | --- | --- | --- |\n{rows}")
}
