//! Whether a process that does the same all the time takes ever more memory or file descriptors.

use std::fmt;

use procfs::process::Process;

/// So many file descriptors more at the end than early on are no leak: a connection for each set that was under way, which is
/// kept for a while.
const FILES: u64 = 40;

/// So many KiB more are none either: what those connections take, and what allocators keep of what was freed.
const MEMORY: u64 = 6 * 1024;

/// What a process has at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sample {
    /// Memory in RAM that is in no file, in KiB: a leak is in there, and pages of the program that are used late are not.
    pub memory: u64,
    /// Open file descriptors.
    pub files: u64,
}

/// The samples of one process, at equal distances.
#[derive(Default)]
pub struct Growth(Vec<Sample>);

impl Sample {
    pub fn of(pid: u32) -> Self {
        let process = Process::new(pid.try_into().unwrap()).expect("the process runs");
        let status = process.status().expect("its status can be read");
        let files = process.fd_count().expect("its files can be listed");
        Self { memory: status.rssanon.expect("Linux tells it since 4.5"), files: files.try_into().unwrap() }
    }
}

impl Growth {
    pub fn saw(&mut self, sample: Sample) {
        self.0.push(sample);
    }

    /// Compares the last fifth of the time with the second: in the first, caches fill and pools grow. The least of each, because
    /// what is under way only adds to it, and a leak is always there.
    pub fn judge(&self) -> Result<(), String> {
        let (early, late) = self.ends().ok_or_else(|| format!("{} samples say nothing", self.0.len()))?;
        if late.memory > early.memory + MEMORY {
            return Err(format!("memory grew from {} KiB to {} KiB", early.memory, late.memory));
        }
        if late.files > early.files + FILES {
            return Err(format!("open files grew from {} to {}", early.files, late.files));
        }
        Ok(())
    }

    fn ends(&self) -> Option<(Sample, Sample)> {
        let fifth = self.0.len() / 5;
        let late = self.0.len() - fifth;
        (fifth >= 5).then(|| (least(&self.0[fifth..2 * fifth]), least(&self.0[late..])))
    }
}

fn least(samples: &[Sample]) -> Sample {
    let least = |of: fn(&Sample) -> u64| samples.iter().map(of).min().unwrap_or_default();
    Sample { memory: least(|sample| sample.memory), files: least(|sample| sample.files) }
}

impl fmt::Display for Growth {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some((early, late)) = self.ends() else { return write!(to, "{:?}", self.0) };
        let (first, last) = (self.0[0], self.0[self.0.len() - 1]);
        let most = self.0.iter().map(|sample| sample.memory).max().unwrap_or_default();
        write!(
            to,
            "memory {} KiB at first, {} early, {} late, {} at last, {most} at most; files {} at first, {} early, {} late, {} at last",
            first.memory, early.memory, late.memory, last.memory, first.files, early.files, late.files, last.files
        )
    }
}

fn growth(sample: impl Fn(u64) -> Sample) -> Growth {
    Growth((0..150).map(sample).collect())
}

#[test]
fn what_goes_up_and_down_is_no_leak() {
    let busy = growth(|n| Sample { memory: 40_000 + (n * 7919) % 9000, files: 20 + (n * 13) % 90 });
    busy.judge().unwrap();
}

#[test]
fn caches_that_fill_at_first_are_no_leak() {
    growth(|n| Sample { memory: 20_000 + n.min(25) * 1000, files: 10 + n.min(20) }).judge().unwrap();
}

#[test]
fn memory_that_leaks_slowly_is_found() {
    let leak = growth(|n| Sample { memory: 40_000 + (n * 7919) % 1000 + n * 80, files: 20 });
    assert!(leak.judge().unwrap_err().contains("memory grew"));
}

#[test]
fn files_that_leak_slowly_are_found() {
    let leak = growth(|n| Sample { memory: 40_000, files: 20 + n / 2 });
    assert_eq!(leak.judge().unwrap_err(), "open files grew from 35 to 80");
}

#[test]
fn too_few_samples_are_no_proof() {
    let few = Growth(vec![Sample { memory: 1, files: 1 }; 24]);
    assert!(few.judge().is_err());
}

#[test]
fn a_leak_of_a_real_process_is_seen() {
    let leaking = || Sample::of(std::process::id());
    let before = leaking();
    let files: Vec<_> = (0..100).map(|_| std::fs::File::open("/dev/null").unwrap()).collect();
    let memory = std::hint::black_box(vec![1_u8; 64 << 20]);
    let after = leaking();
    assert!(after.files >= before.files + 80, "{before:?} {after:?}");
    assert!(after.memory >= before.memory + (48 << 10), "{before:?} {after:?}");
    let grown = growth(|n| if n < 75 { before } else { after });
    assert!(grown.judge().is_err());
    drop((files, memory));
}
