//! Why a set is safe: the sums of its safe times, with the facts that the user states.

use crate::jose::Algorithm;
use crate::lifecycle::policy::{Keys, Output, OutputKind, Policy, shown};
use crate::lifecycle::{Fact, Sum};

/// The sums of one kind of keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proof {
    /// Which kind.
    pub keys: Keys,
    /// The lines of that kind.
    pub lines: Vec<String>,
    /// What each time is made of: a title, which is empty where a row goes on with the one above it, and a text.
    pub rows: Vec<(&'static str, String)>,
}

/// The sums of every kind of keys of a set.
pub fn proofs(policy: &Policy) -> Vec<Proof> {
    policy.kinds().into_iter().map(|(keys, algorithm)| proof(policy, keys, algorithm)).collect()
}

/// The sums of one kind of keys.
fn proof(policy: &Policy, keys: Keys, algorithm: Algorithm) -> Proof {
    let sums = policy.sums(algorithm);
    let of_kind = policy.lines.iter().filter(|line| Keys::of(line.algorithm) == keys);
    let lines = of_kind.map(|line| line.name.clone()).collect();
    let mut rows = Vec::new();
    for (title, waits) in [("lead", &sums.leads), ("retention", &sums.retentions)] {
        for (kind, wait) in waits {
            rows.push((title, sum(policy, *wait)));
            rows.push(("", format!("counted from {}", acknowledged(policy, *kind))));
        }
    }
    if policy.confirm {
        rows.push(("confirmed", format!("at the earliest {} after publication", sum(policy, sums.first_hop))));
        rows.push(("", format!("and then a further {}", sum(policy, sums.after_confirmation))));
    }
    let lead = shown(policy.timing(algorithm, &policy.facts).lead());
    let retention = shown(policy.timing(algorithm, &policy.facts).retention());
    let (write, skew) = (shown(policy.write_bound), shown(policy.facts.clock_skew));
    let least = shown(policy.ahead(algorithm, &policy.facts));
    let least = format!("lead {lead} + {write} for one write + clockSkew {skew} = {least}");
    if let (Some(gap), Some(most)) = (policy.shortest_gap(), policy.most_retired(algorithm)) {
        let gap = shown(gap);
        rows.push(("interval", format!("{gap}, and the least is {least}")));
        let retired = if most == 1 { "key" } else { "keys" };
        rows.push((
            "kept",
            format!("at most {most} retired {retired} a line: ({retention} + {write}) / {gap}, rounded up"),
        ));
    } else {
        rows.push(("ready", format!("{least} after it is minted")));
    }
    Proof { keys, lines, rows }
}

/// `publishDelay 2m + verifierCacheTtl 1h + clockSkew 1m = 1h3m`
fn sum(policy: &Policy, sum: Sum) -> String {
    let term = |(fact, times): &(Fact, i32)| {
        let stated = format!("{} {}", fact.name(), shown(fact.of(&policy.facts)));
        if *times == 1 { stated } else { format!("{times} x {stated}") }
    };
    let terms: Vec<String> = sum.0.iter().map(term).collect();
    format!("{} = {}", terms.join(" + "), shown(sum.over(&policy.facts)))
}

fn acknowledged(policy: &Policy, kind: OutputKind) -> String {
    let ids: Vec<_> = policy.outputs.iter().map(Output::id).collect();
    let names: Vec<String> = ids.iter().filter(|id| id.kind == kind).map(ToString::to_string).collect();
    let bound = if policy.write_bound.is_zero() { String::new() } else { format!(" (+{})", shown(policy.write_bound)) };
    format!("the acknowledged write of {}{bound}", names.join(" and "))
}
