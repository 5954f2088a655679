//! The page: `docs/benchmark.md`.

use std::fmt::Write;
use std::fs;
use std::time::Duration;

use crate::contender;
use crate::measured::{Measured, Work};

const HEAD: &str = "# How fast the operator is

Written by `cargo bench --bench operators`, from one run on one machine. Keyturn and cert-manager 1.21.2 manage the same thing there, an
EC P-256 key in a Secret: Keyturn by a `JwksKeySet` with one ES256 line (which makes two keys, a keyring, a Secret and a ConfigMap), cert-manager
by a `Certificate` from a SelfSigned Issuer. Each has a fresh kube-apiserver and etcd, one after the other; both are real processes, at their
defaults, without leader election. Neither limits its own requests on this server: Keyturn never does, and cert-manager's 20 a second, in
bursts of 50, count only where the server has no API Priority and Fairness. cert-manager runs the controllers that such certificates need
and neither webhook nor metrics, which is less than it is installed with.

The machine is shared by the operator, the API server, etcd and what measures them, so trust the ratios and the counts more than the seconds.

- *ready*: from the first request that creates an object until the last object says `Ready=True`, its Secret written.
- *CPU*: of the operator's process. *Memory*: resident.
- *requests*: what the API server's audit log has, without lists and watches. Events are requests too.
- *a deleted Secret is back*: 100 of them, one after the other. cert-manager issues a new key, Keyturn restores the one there was.
- *restart, settled*: from the start of the process until it asks nothing and uses less than a tenth of a core, for 10 s.
";

/// What an unoptimised build has to say.
const DEBUG: &str =
    " **Keyturn is a debug build here**, not optimised: its times and CPU are worse than those of a release.";

/// The text of the page.
pub fn page(pairs: &[(Measured, Measured)], alone: &[Measured]) -> String {
    let mut page = HEAD.to_owned();
    let is_debug = cfg!(debug_assertions) && contender::released().is_none();
    let _ = writeln!(page, "\nThe machine: {}.{}", machine(), if is_debug { DEBUG } else { "" });
    for (keyturn, other) in pairs {
        let _ = writeln!(page, "\n## {} objects\n", keyturn.objects);
        let _ = writeln!(page, "| | Keyturn | cert-manager | cert-manager / Keyturn |\n| --- | ---: | ---: | ---: |");
        for (ours, theirs) in rows(keyturn).into_iter().zip(rows(other)) {
            let (name, mine, his) = (ours.name, ours.text(), theirs.text());
            let _ = writeln!(page, "| {name} | {mine} | {his} | {} |", ratio(theirs.value, ours.value));
        }
        let _ = writeln!(
            page,
            "\nRequests while the objects were created: Keyturn {}; cert-manager {}.",
            by_verb(keyturn),
            by_verb(other)
        );
    }
    for keyturn in alone {
        let _ = writeln!(page, "\n## {} key sets, Keyturn alone\n\n| | |\n| --- | ---: |", keyturn.objects);
        for row in rows(keyturn) {
            let _ = writeln!(page, "| {} | {} |", row.name, row.text());
        }
    }
    page
}

struct Row {
    name: &'static str,
    value: f64,
    unit: &'static str,
}

impl Row {
    fn text(&self) -> String {
        match self.unit {
            "" => format!("{:.0}", self.value),
            unit if self.value < 10.0 => format!("{:.2} {unit}", self.value),
            unit => format!("{:.0} {unit}", self.value),
        }
    }
}

fn rows(measured: &Measured) -> Vec<Row> {
    let Measured { objects: _, creation, restorations: _, idle, restart } = measured;
    let seconds = |name, time: Duration| Row { name, value: time.as_secs_f64(), unit: "s" };
    let millis = |name, time: Duration| Row { name, value: time.as_secs_f64() * 1000.0, unit: "ms" };
    let memory = |name, bytes: u64| Row { name, value: mebibytes(bytes), unit: "MiB" };
    let count = |name, work: &Work| Row { name, value: number(work.all_requests()), unit: "" };
    vec![
        seconds("new objects: all ready", creation.ready),
        seconds("new objects: CPU", creation.work.cpu),
        count("new objects: requests", &creation.work),
        memory("new objects: most memory", creation.peak_memory),
        millis("a deleted Secret is back: half within", measured.restored(50)),
        millis("a deleted Secret is back: 99 % within", measured.restored(99)),
        millis("a minute of nothing: CPU", idle.cpu),
        count("a minute of nothing: requests", idle),
        seconds("restart: settled", restart.settled),
        seconds("restart: CPU", restart.work.cpu),
        count("restart: requests", &restart.work),
        memory("restart: most memory", restart.peak_memory),
        memory("restart: memory when settled", restart.memory),
    ]
}

fn ratio(theirs: f64, ours: f64) -> String {
    if ours == 0.0 { "–".to_owned() } else { format!("{:.1}", theirs / ours) }
}

fn by_verb(measured: &Measured) -> String {
    let all = measured.creation.work.requests.iter().map(|(verb, count)| format!("{count} {verb}"));
    all.collect::<Vec<_>>().join(", ")
}

fn machine() -> String {
    let cores = std::thread::available_parallelism().map_or(0, std::num::NonZero::get);
    let text = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = text.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    format!("{cores} cores, {}", model.map_or("of an unknown model", |(_, model)| model))
}

#[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
fn mebibytes(bytes: u64) -> f64 {
    bytes as f64 / 1_048_576.0
}

#[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
fn number(count: usize) -> f64 {
    count as f64
}
