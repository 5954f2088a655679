//! Resources as users write them: from YAML to a policy, which is safe or is not.
#![no_main]

use chrono::TimeDelta;
use keyturn::api::JwksKeySet;
use keyturn::lifecycle::Policy;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Ok(set) = serde_saphyr::from_str::<JwksKeySet>(text)
        && let Some(name) = &set.metadata.name
    {
        match Policy::parse(name, &set.spec, TimeDelta::seconds(60)) {
            Ok(policy) => assert!(!policy.outputs.is_empty() && !policy.lines.is_empty()),
            Err(wrong) => assert!(!wrong.0.is_empty() && !wrong.to_string().is_empty()),
        }
    }
});
