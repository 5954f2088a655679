//! `docs/consumers/node-oidc-provider.md`: a server that publishes the private JWK Set which it loaded.

use std::fs;
use std::path::Path;

use serde_json::json;

use crate::leash::Leashed;
use crate::page::Page;
use crate::program::Workplace;
use crate::tokens::{free_port, node_home, until_it_listens, watch};

#[test]
fn no_token_of_node_oidc_provider_fails_over_two_rotations() {
    let page = Page::read("node-oidc-provider.md");
    let timing = json!({ "publishDelay": "1s", "verifierCacheTtl": "4s", "signerReloadDelay": "3s", "maxTokenLifetime": "8s", "clockSkew": "1s" });
    let place = Workplace::new(&page.hurried_set(&timing, "15s"));
    let keyturn = place.start_ready();
    let script = node_home().join("server.mjs");
    fs::write(&script, page.file("server.mjs")).unwrap();
    let (port, log) = (free_port(), place.beside("server.log"));
    let issuer = format!("http://127.0.0.1:{port}");
    let clients = json!([{
        "client_id": "someone", "client_secret": "secret", "grant_types": ["client_credentials"],
        "redirect_uris": [], "response_types": [],
    }]);
    let mut server = Leashed::spawn(Path::new("node"), Some(&log), |node| {
        node.arg(&script).env("ISSUER", &issuer).env("PORT", port.to_string()).env("LOOK_EVERY_MS", "1000");
        node.env("KEYS", place.path("secrets/provider-signer")).env("CLIENTS", clients.to_string());
    });
    until_it_listens(&mut server, port, &log);

    let jwks = format!("{issuer}/jwks");
    let outcome = watch(&json!({
        "mint": { "token": format!("{issuer}/token"), "client": "someone:secret" },
        "verify": [{ "jwks": jwks, "cache": 4000 }, { "jwks": jwks, "cache": 1500 }],
        "issuer": issuer, "lifetime": 8000, "kids": 3, "patience": 120_000,
    }));

    assert!(outcome.failures.is_empty(), "{outcome:#?}\n{}", fs::read_to_string(&log).unwrap());
    assert!(outcome.kids.len() >= 3 && outcome.checks > outcome.minted, "{outcome:#?}");
    keyturn.kill();
}
