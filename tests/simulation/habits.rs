//! How the outside world really behaves, and since when.

/// Milliseconds of true time, which no machine knows exactly.
pub type Ms = i64;

/// No end is in sight.
pub const FOREVER: Ms = Ms::MAX / 4;

/// The worst that readers, signers and clocks do. Durations in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Habits {
    /// From a changed ConfigMap until nobody can read the old one any more.
    pub publish: Ms,
    /// How long a JWKS that was read is used.
    pub cache: Ms,
    /// From a changed Secret until no pod uses the old one any more.
    pub reload: Ms,
    /// How long a token lives.
    pub lifetime: Ms,
    /// How far any two clocks are apart.
    pub skew: Ms,
}

/// Habits over time: each counts from its moment on, for what begins then.
pub struct History(Vec<(Ms, Habits)>);

impl Habits {
    /// Each one as it is where it is smaller.
    pub fn smallest(self, other: Self) -> Self {
        Self {
            publish: self.publish.min(other.publish),
            cache: self.cache.min(other.cache),
            reload: self.reload.min(other.reload),
            lifetime: self.lifetime.min(other.lifetime),
            skew: self.skew.min(other.skew),
        }
    }
}

impl History {
    pub fn new(habits: Habits) -> Self {
        Self(vec![(Ms::MIN, habits)])
    }

    pub fn change(&mut self, now: Ms, habits: Habits) {
        if self.0.last().is_none_or(|(_, last)| *last != habits) {
            self.0.push((now, habits));
        }
    }

    pub fn at(&self, time: Ms) -> Habits {
        self.0.iter().rev().find(|(since, _)| *since <= time).expect("the first counts from ever on").1
    }

    /// When the last of the things ends that begin somewhere from `first` to `last` and each take as long as is habit when
    /// they begin.
    pub fn last_end(&self, first: Ms, last: Ms, takes: impl Fn(Habits) -> Ms) -> Ms {
        if last >= FOREVER {
            return FOREVER;
        }
        let ends = self.0.iter().map(|(since, _)| *since).skip(1).chain([FOREVER]);
        let pieces = self.0.iter().zip(ends);
        let overlapping = pieces.filter(|((since, _), end)| *since <= last && *end > first);
        overlapping.map(|((_, habits), end)| last.min(end) + takes(*habits)).max().unwrap_or(last)
    }
}
