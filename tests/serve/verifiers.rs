//! Verifiers that keep each answer for as long as its headers let them, and signers that sign all the time, while keys rotate.

use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::json;
use tokio::runtime::Runtime;

use crate::cluster::serve;
use crate::http::get;
use crate::jwt::Jwt;
use crate::operator::{Fixture, example};
use crate::program::{Workplace, auth};
use crate::published::Published;
use crate::reader::Source;
use crate::server::Server;
use crate::world::{Habits, World};

/// A cache that keeps an answer for `max-age`, then asks in vain for `stale-if-error`: the longest that is allowed.
struct Cache {
    address: SocketAddr,
    path: String,
    kept: Mutex<Option<(Instant, String)>>,
    /// Whether any answer could be kept at all.
    longest: Mutex<Duration>,
}

impl Cache {
    fn new(server: &Server, path: String) -> Arc<Self> {
        Arc::new(Self { address: server.address, path, kept: Mutex::default(), longest: Mutex::default() })
    }
}

impl Source for Cache {
    fn read(&self) -> Option<String> {
        let mut kept = self.kept.lock().unwrap();
        if let Some((until, text)) = kept.as_ref().filter(|(until, _)| Instant::now() < *until) {
            let _ = until;
            return Some(text.clone());
        }
        let asked = Instant::now();
        let answer = get(self.address, &self.path, &[]);
        if answer.status != 200 {
            return None;
        }
        let (max_age, stale) = answer.lifetime();
        let lifetime = Duration::from_secs(max_age + stale);
        let mut longest = self.longest.lock().unwrap();
        *longest = lifetime.max(*longest);
        let text = String::from_utf8(answer.body).unwrap();
        *kept = Some((asked + lifetime, text.clone()));
        Some(text)
    }
}

struct File(PathBuf);

impl Source for File {
    fn read(&self) -> Option<String> {
        fs::read_to_string(&self.0).ok()
    }
}

#[test]
fn no_token_fails_at_verifiers_of_a_directory() {
    let place = Workplace::new(&auth(
        "keys: [{ algorithm: ES256 }, { algorithm: RS256, rsaBits: 2048 }]\n\
         rotation: { interval: 14s, standby: false }\n\
         timing: { publishDelay: 3s, verifierCacheTtl: 6s, signerReloadDelay: 1s, maxTokenLifetime: 8s, clockSkew: 1s }",
    ));
    let _running = place.start_ready();
    let server = Server::of_dir(&place.dir(), &[]);
    let cache = Cache::new(&server, "/default/auth/jwks.json".to_owned());
    let world = World::begin::<Jwt>(&Habits {
        makers_read: Arc::new(File(place.path("secrets/auth-signer/jwks.json"))),
        maker_delays: vec![Duration::from_secs(1)],
        checkers_read: cache.clone(),
        checker_delays: vec![],
        lifetime: Duration::from_secs(8),
    });
    world.until_used(2, 4, Duration::from_secs(180));
    world.end().assert_flawless();
    assert_eq!(*cache.longest.lock().unwrap(), Duration::from_secs(6));
}

#[test]
fn no_token_fails_at_verifiers_of_a_cluster() {
    let runtime = Runtime::new().unwrap();
    let fixture = runtime.block_on(Fixture::new("verifiers"));
    let spec = json!({
        "keys": [{ "algorithm": "ES256" }, { "algorithm": "RS256", "rsaBits": 2048 }],
        "rotation": { "interval": "102s", "standby": false },
        "timing": {
            "publishDelay": "16s", "verifierCacheTtl": "20s", "signerReloadDelay": "1s", "maxTokenLifetime": "20s", "clockSkew": "1s",
        },
    });
    runtime.block_on(fixture.apply(&example("auth", spec)));
    let _operator = runtime.block_on(fixture.operator());
    let (server, _config) = runtime.block_on(serve(fixture.cluster, &fixture.namespace, &[]));
    let cache = Cache::new(&server, format!("/{}/auth/jwks.json", fixture.namespace));
    let world = World::begin::<Jwt>(&Habits {
        makers_read: Published::new(&runtime, &fixture, "auth").for_signers(),
        maker_delays: vec![Duration::from_secs(1)],
        checkers_read: cache.clone(),
        checker_delays: vec![],
        lifetime: Duration::from_secs(20),
    });
    world.until_used(2, 2, Duration::from_secs(420));
    std::thread::sleep(Duration::from_secs(15));
    world.end().assert_flawless();
    assert_eq!(*cache.longest.lock().unwrap(), Duration::from_secs(20));
}
