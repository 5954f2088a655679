//! `docs/consumers/envoy.md`: a gateway that fetches the public JWK Set and keeps it.

use std::fs;
use std::process::Command;

use serde_json::json;

use crate::fetched::{Language, PYTHON, run};
use crate::leash::Leashed;
use crate::page::Page;
use crate::program::Workplace;
use crate::tokens::{free_port, serve, until_it_listens, watch};

#[test]
fn envoy_lets_every_token_in_over_two_rotations() {
    let page = Page::read("envoy.md");
    let timing = json!({ "publishDelay": "1s", "verifierCacheTtl": "5s", "signerReloadDelay": "2s", "maxTokenLifetime": "8s", "clockSkew": "1s" });
    let place = Workplace::new(&page.hurried_set(&timing, "16s"));
    let keyturn = place.start_ready();
    let (jwks_port, port) = (free_port(), free_port());
    let _serve = serve(&place, jwks_port);
    let here = [("10000", port.to_string()), ("8080", jwks_port.to_string()), ("300s", "4s".to_owned())];
    let config = page.file_with("envoy.yaml", &here);
    let (file, log) = (place.beside("envoy.yaml"), place.beside("envoy.log"));
    fs::write(&file, config).unwrap();
    let mut envoy = Leashed::spawn(&program(), Some(&log), |envoy| {
        envoy.arg("--config-path").arg(&file).args(["--use-dynamic-base-id", "--concurrency", "1"]);
    });
    until_it_listens(&mut envoy, port, &log);

    let outcome = watch(&json!({
        "mint": { "jwks": place.path("secrets/shop-signer/jwks.json"), "delay": 2000 },
        "verify": [{ "gateway": format!("http://127.0.0.1:{port}/") }],
        "issuer": "https://auth.example.com", "lifetime": 8000, "kids": 3, "patience": 120_000,
    }));

    assert!(outcome.failures.is_empty(), "{outcome:#?}\n{}", fs::read_to_string(&log).unwrap());
    assert!(outcome.kids.len() >= 3 && outcome.checks > outcome.minted, "{outcome:#?}");
    keyturn.kill();
}

/// Envoy itself, which its package unpacks.
fn program() -> std::path::PathBuf {
    let home = Language::venv("servers");
    let mut python = Command::new(home.join("venv/bin/python"));
    python.args(["-c", "import envoy, pathlib; print(pathlib.Path(envoy.__file__).parent / '_bin' / 'envoy')"]);
    let said = crate::programs::run(&mut python, PYTHON).unwrap_or_else(|why| panic!("{why}"));
    let path = std::path::PathBuf::from(said.trim());
    run(Command::new("chmod").arg("+x").arg(&path), PYTHON);
    path
}
