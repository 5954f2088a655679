//! The numbers of the process itself, under the names that every Prometheus client library gives them.

use std::fmt;

use procfs::process::{LimitValue, Process};
use procfs::{WithCurrentSystemInfo, boot_time_secs, ticks_per_second};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Registry;

use super::{Description, Kind, Measure};

const fn gauge(stem: &'static str, unit: Option<Measure>, meaning: &'static str) -> Description {
    Description { stem, kind: Kind::Gauge, unit, labels: &[], meaning }
}

const BUILD: Description = Description {
    stem: "keyturn_build",
    kind: Kind::Info,
    unit: None,
    labels: &["version"],
    meaning: "Which Keyturn runs",
};
const CPU: Description = Description {
    stem: "process_cpu",
    kind: Kind::Counter,
    unit: Some(Measure::Seconds),
    labels: &[],
    meaning: "Time that all cores spent on the process",
};
const OPEN_FDS: Description = gauge("process_open_fds", None, "Open file descriptors");
const MAX_FDS: Description = gauge("process_max_fds", None, "File descriptors that may be open");
const RESIDENT: Description =
    gauge("process_resident_memory", Some(Measure::Bytes), "Memory that the process has in RAM");
const VIRTUAL: Description =
    gauge("process_virtual_memory", Some(Measure::Bytes), "Memory that the process may address");
const START: Description =
    gauge("process_start_time", Some(Measure::Seconds), "When the process began, since 1970 in UTC");

/// What every program of Keyturn tells of itself.
pub const PROCESS: &[Description] = &[BUILD, CPU, OPEN_FDS, MAX_FDS, RESIDENT, VIRTUAL, START];

/// Adds [`PROCESS`] to a registry.
pub fn register_process(registry: &mut Registry) {
    BUILD.register(registry, Info::new(BUILD.labels([env!("CARGO_PKG_VERSION")])));
    registry.register_collector(Box::new(Collected));
}

/// Reads `/proc/self` when it is asked. What can't be read is left out.
#[derive(Debug)]
struct Collected;

impl Collector for Collected {
    #[expect(clippy::cast_precision_loss, reason = "numbers that fit into an f64 for any real process")]
    fn encode(&self, mut encoder: DescriptorEncoder) -> fmt::Result {
        let Ok(process) = Process::myself() else { return Ok(()) };
        let mut tell = |metric: Description, value: Option<f64>| match value {
            Some(value) => metric.encode(&mut encoder, [([], value)]),
            None => Ok(()),
        };
        tell(OPEN_FDS, process.fd_count().ok().map(|count| count as f64))?;
        let most = process.limits().ok().and_then(|limits| match limits.max_open_files.soft_limit {
            LimitValue::Value(most) => Some(most as f64),
            LimitValue::Unlimited => None,
        });
        tell(MAX_FDS, most)?;
        let Ok(stat) = process.stat() else { return Ok(()) };
        let ticks = ticks_per_second() as f64;
        tell(RESIDENT, Some(stat.rss_bytes().get() as f64))?;
        tell(VIRTUAL, Some(stat.vsize as f64))?;
        tell(START, boot_time_secs().ok().map(|boot| boot as f64 + stat.starttime as f64 / ticks))?;
        let spent = (stat.utime + stat.stime) as f64 / ticks;
        let (unit, help) = (CPU.unit(), format!("{}.", CPU.meaning));
        let metric = encoder.encode_descriptor(CPU.stem, &help, unit.as_ref(), MetricType::Counter)?;
        ConstCounter::new(spent).encode(metric)
    }
}
