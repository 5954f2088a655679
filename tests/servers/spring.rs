//! `docs/consumers/spring-authorization-server.md`: Spring's encoder on the signers' Secret, and the ConfigMap for everybody.

use std::fs;
use std::path::Path;

use serde_json::json;

use crate::fetched::{JAVA, Language, run};
use crate::leash::Leashed;
use crate::page::Page;
use crate::program::Workplace;
use crate::tokens::{free_port, until_it_listens, watch};

#[test]
fn no_token_of_springs_encoder_fails_over_two_rotations() {
    let page = Page::read("spring-authorization-server.md");
    let timing = json!({ "publishDelay": "1s", "verifierCacheTtl": "4s", "signerReloadDelay": "2s", "maxTokenLifetime": "8s", "clockSkew": "1s" });
    let place = Workplace::new(&page.hurried_set(&timing, "15s"));
    let keyturn = place.start_ready();
    let classes = place.beside("classes");
    fs::create_dir(&classes).unwrap();
    let source = place.beside("KeyturnJwkSource.java");
    fs::write(&source, page.file("KeyturnJwkSource.java")).unwrap();
    let libraries = Language::maven("servers");
    let server = Language::new("servers", "java", &[]).sources.join("Server.java");
    let mut javac = std::process::Command::new("javac");
    javac.args(["-cp", &libraries, "-d"]).arg(&classes).arg(&source).arg(server);
    run(&mut javac, JAVA);
    let (port, log) = (free_port(), place.beside("server.log"));
    let mut server = Leashed::spawn(Path::new("java"), Some(&log), |java| {
        java.args(["-cp", &format!("{libraries}:{}", classes.display()), "Server", &port.to_string(), "ES256"]);
        java.arg(place.path("secrets/spring-signer/jwks.json")).arg(place.path("configmaps/spring-jwks/jwks.json"));
    });
    until_it_listens(&mut server, port, &log);

    let issuer = format!("http://127.0.0.1:{port}");
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
