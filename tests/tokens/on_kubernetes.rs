//! The token test on a real API server, with `keyturn controller` as a program of its own.

use std::path::Path;
use std::time::Duration;

use serde_json::json;
use tempfile::TempDir;
use tokio::runtime::Runtime;

use crate::jwt::Jwt;
use crate::operator::{Fixture, example};
use crate::published::Published;
use crate::reader::chance;
use crate::support::leash::Leashed;
use crate::world::{Habits, World};

/// What is true of the readers, except that verifiers' caches differ.
const P: Duration = Duration::from_secs(1);
const R: Duration = Duration::from_secs(1);
const L: Duration = Duration::from_secs(20);

/// How long one rotation takes at most: more than a minute, because W, the bound on one write, is one.
const ROTATION: Duration = Duration::from_secs(150);

struct Cluster {
    runtime: Runtime,
    fixture: Fixture,
    logs: TempDir,
}

impl Cluster {
    /// A namespace whose set `auth` rotates as often as the stated lead permits.
    fn new(prefix: &str, publish_delay: u64, cache_ttl: u64) -> Self {
        let runtime = Runtime::new().unwrap();
        let fixture = runtime.block_on(Fixture::new(prefix));
        let set = example(
            "auth",
            json!({
                "keys": [{ "algorithm": "ES256" }, { "algorithm": "RS256", "rsaBits": 2048 }],
                "rotation": { "interval": format!("{}s", 60 + publish_delay + cache_ttl), "standby": false },
                "timing": {
                    "publishDelay": format!("{publish_delay}s"),
                    "verifierCacheTtl": format!("{cache_ttl}s"),
                    "signerReloadDelay": format!("{}s", R.as_secs()),
                    "maxTokenLifetime": format!("{}s", L.as_secs()),
                    "clockSkew": "0s",
                },
            }),
        );
        runtime.block_on(fixture.apply(&set));
        Self { runtime, fixture, logs: tempfile::tempdir().unwrap() }
    }

    /// Starts the operator; dropping it is `kill -9`.
    fn operator(&self) -> Leashed {
        let log = self.logs.path().join("operator.log");
        Leashed::spawn(Path::new(env!("CARGO_BIN_EXE_keyturn")), Some(&log), |command| {
            command.args(["controller", "--namespace", &self.fixture.namespace]);
            command.env("KUBECONFIG", self.fixture.cluster.kubeconfig_path());
        })
    }

    fn begin(&self, cache: Duration) -> World {
        let published = Published::new(&self.runtime, &self.fixture, "auth");
        World::begin::<Jwt>(&Habits {
            makers_read: published.for_signers(),
            maker_delays: vec![R],
            checkers_read: published.for_verifiers(),
            checker_delays: vec![P, cache],
            lifetime: L,
        })
    }
}

#[test]
fn no_token_fails_while_keys_rotate_on_kubernetes() {
    let cluster = Cluster::new("tokens", P.as_secs(), 2);
    let world = cluster.begin(Duration::from_secs(2));
    let operator = cluster.operator();
    world.until_used(2, 2, ROTATION);
    std::thread::sleep(chance(Duration::from_secs(60)));
    drop(operator);
    std::thread::sleep(chance(Duration::from_secs(3)));
    let _operator = cluster.operator();
    world.until_used(2, 4, ROTATION * 2);
    world.end().assert_flawless();
}

#[test]
fn without_a_lead_tokens_fail_on_kubernetes_too() {
    // A key waits W before it signs, whatever is stated: these caches are older than that.
    let cluster = Cluster::new("untrue", 0, 0);
    let world = cluster.begin(Duration::from_secs(200));
    let _operator = cluster.operator();
    assert!(world.fails(ROTATION * 2), "nothing failed although the facts are untrue");
}
