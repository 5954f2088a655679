//! The simulation with one thing broken from outside: its rules must notice.

use super::habits::Habits;
use super::story;

/// What is broken.
#[derive(Clone, Copy, Debug, Default)]
pub struct Sabotage {
    /// Some writes land up to twenty times as late as their bound allows, though they were acknowledged.
    pub late_writes: bool,
    /// Readers cache three times as long as the spec says.
    pub long_caches: bool,
    /// Pods reload ten times as late as the spec says.
    pub late_reloads: bool,
    /// ConfigMaps are read ten times as late as the spec says.
    pub late_reads: bool,
    /// Tokens live twice as long as the spec says.
    pub long_tokens: bool,
    /// Clocks are off by far more than the spec says.
    pub wild_clocks: bool,
    /// The store writes over whatever is there.
    pub ignores_conflicts: bool,
    /// The store acknowledges some writes that never land.
    pub loses_writes: bool,
    /// Outputs say that they hold everything for longer than they do.
    pub antedates_marks: bool,
    /// What is read never looks as it was written.
    pub restless: bool,
    /// Where the keyring is gone, nobody remembers that there was one.
    pub forgets_outputs: bool,
    /// Private keys get into ConfigMaps.
    pub leaks: bool,
}

impl Sabotage {
    /// How the world lives, where the spec states these facts.
    pub fn real(&self, stated: Habits) -> Habits {
        let times = |untrue: bool, duration, factor| if untrue { duration * factor } else { duration };
        Habits {
            publish: times(self.late_reads, stated.publish, 10),
            cache: times(self.long_caches, stated.cache, 3),
            reload: times(self.late_reloads, stated.reload, 10),
            lifetime: times(self.long_tokens, stated.lifetime, 2),
            skew: stated.skew,
        }
    }
}

/// How many stories it may take.
const PATIENCE: u64 = 60;

fn is_noticed(sabotage: Sabotage, rule: &str) {
    let mut seen = Vec::new();
    for seed in 0..PATIENCE {
        if let Err(failure) = story::play(seed, sabotage) {
            if failure.violation.contains(rule) {
                return;
            }
            seen.push(failure.violation);
        }
    }
    panic!("{sabotage:?} was never noticed by {rule:?}, but {seen:#?}");
}

macro_rules! noticed {
    ($($name:ident: $field:ident => $rule:literal;)*) => {
        $(
            #[test]
            fn $name() {
                is_noticed(Sabotage { $field: true, ..Sabotage::default() }, $rule);
            }
        )*
    };
}

noticed! {
    writes_later_than_their_bound: late_writes => "invariant 2";
    caches_longer_than_stated: long_caches => "invariant 2";
    reloads_later_than_stated: late_reloads => "invariant 1";
    reads_later_than_stated: late_reads => "invariant 2";
    tokens_longer_than_stated: long_tokens => "invariant 1";
    clocks_further_apart_than_stated: wild_clocks => "invariant";
    a_store_without_conflicts: ignores_conflicts => "goes back";
    acknowledged_writes_that_never_land: loses_writes => "invariant";
    marks_that_lie: antedates_marks => "invariant 2";
    outputs_that_never_look_right: restless => "invariant 7";
    a_lost_keyring_that_nobody_remembers: forgets_outputs => "invariant 8";
    private_keys_in_config_maps: leaks => "invariant 4";
}
