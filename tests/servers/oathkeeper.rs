//! `docs/consumers/oathkeeper.md`: a gateway that signs with the private JWK Set, and checks tokens with the public one.

use std::fs;

use serde_json::json;

use crate::binaries;
use crate::leash::Leashed;
use crate::page::Page;
use crate::program::Workplace;
use crate::tokens::{free_port, serve, until_it_listens, watch};

#[test]
fn no_token_that_oathkeeper_signs_or_checks_fails_over_two_rotations() {
    let page = Page::read("oathkeeper.md");
    let timing = json!({ "publishDelay": "1s", "verifierCacheTtl": "5s", "signerReloadDelay": "5s", "maxTokenLifetime": "8s", "clockSkew": "1s" });
    let place = Workplace::new(&page.hurried_set(&timing, "16s"));
    let keyturn = place.start_ready();
    let (jwks_port, proxy, api) = (free_port(), free_port(), free_port());
    let _serve = serve(&place, jwks_port);
    let (file, rules, log) =
        (place.beside("oathkeeper.yaml"), place.beside("rules.yaml"), place.beside("oathkeeper.log"));
    fs::write(&rules, page.file("rules.yaml")).unwrap();
    let here = |path: &str| place.path(path).display().to_string();
    let config = page.file_with(
        "oathkeeper.yaml",
        &[
            ("4455", proxy.to_string()),
            ("4456", api.to_string()),
            ("/etc/oathkeeper/rules.yaml", rules.display().to_string()),
            ("/keys/public", here("configmaps/oathkeeper-jwks")),
            ("/keys/private", here("secrets/oathkeeper-signer")),
            ("30s", "4s".to_owned()),
            // A claim that differs each time, for a new token each time.
            ("ttl: 5m", "ttl: 8s\n      claims: '{ \"number\": \"{{ uuidv4 }}\" }'".to_owned()),
        ],
    );
    fs::write(&file, config).unwrap();
    let mut oathkeeper = Leashed::spawn(&binaries::oathkeeper(), Some(&log), |oathkeeper| {
        oathkeeper.args(["serve", "--disable-telemetry", "--config"]).arg(&file);
    });
    until_it_listens(&mut oathkeeper, api, &log);

    let decision = |path: &str| format!("http://127.0.0.1:{api}/decisions/{path}");
    let outcome = watch(&json!({
        "mint": { "decision": decision("guest") },
        "verify": [
            { "gateway": decision("api") },
            { "jwks": format!("http://127.0.0.1:{jwks_port}/default/oathkeeper/jwks.json"), "cache": 4500 },
        ],
        // Its times are whole seconds, rounded down.
        "issuer": "https://auth.example.com", "lifetime": 7000, "kids": 3, "patience": 120_000,
    }));

    assert!(outcome.failures.is_empty(), "{outcome:#?}\n{}", fs::read_to_string(&log).unwrap());
    assert!(outcome.kids.len() >= 3 && outcome.checks > outcome.minted, "{outcome:#?}");
    keyturn.kill();
}
