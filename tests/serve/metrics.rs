//! What the server tells of itself.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;

use crate::http::{ask, get};
use crate::program::{Workplace, auth};
use crate::server::Server;

const PATH: &str = "/default/auth/jwks.json";

fn free() -> SocketAddr {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

fn text(address: SocketAddr, path: &str) -> (u16, String) {
    let answer = get(address, path, &[]);
    (answer.status, String::from_utf8(answer.body).unwrap())
}

#[test]
fn probes_and_metrics_tell_how_it_stands() {
    let place = Workplace::new(&auth("keys: [{ algorithm: ES256 }]"));
    let admin = free();
    let server = Server::of_dir(&place.dir(), &["--admin-listen", &admin.to_string()]);
    server.get(PATH);
    assert_eq!(text(admin, "/livez"), (200, "ok\n".to_owned()));
    assert_eq!(text(admin, "/readyz"), (503, "the JWK Sets are being read\n".to_owned()));
    assert!(!text(admin, "/metrics").1.contains("\nkeyturn_serve_age_seconds "), "nothing is known yet");
    place.once_well();
    server.ready(PATH);
    assert_eq!(text(admin, "/readyz"), (200, "ok\n".to_owned()));
    let tag = server.get(PATH).header("etag").unwrap().to_owned();
    get(server.address, PATH, &[("if-none-match", &tag)]);
    server.get("/default/nobody/.well-known/jwks.json");
    server.get("/secret/path");
    ask(server.address, "POST", PATH, &[]);
    let (_, metrics) = text(admin, "/metrics");
    for line in [
        r#"keyturn_serve_requests_total{path="/{namespace}/{name}/jwks.json",code="304"} 1"#,
        r#"keyturn_serve_requests_total{path="/{namespace}/{name}/jwks.json",code="405"} 1"#,
        r#"keyturn_serve_requests_total{path="/{namespace}/{name}/.well-known/jwks.json",code="404"} 1"#,
        r#"keyturn_serve_requests_total{path="other",code="404"} 1"#,
        "keyturn_serve_sets 1",
        "keyturn_serve_age_seconds 0.",
        "process_resident_memory_bytes ",
    ] {
        assert!(metrics.contains(line), "{line} is not in {metrics}");
    }
    assert!(!metrics.contains("nobody") && !metrics.contains("secret"), "labels are bounded");
}

#[test]
fn the_page_of_metrics_is_what_the_code_says() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/reference/metrics-serve.md");
    let page = keyturn::server::jwks::page();
    if std::env::var_os("KEYTURN_WRITE_DOCS").is_some() {
        fs::write(&path, &page).unwrap();
    }
    let committed = fs::read_to_string(&path).unwrap_or_default();
    assert!(committed == page, "run `KEYTURN_WRITE_DOCS=1 cargo test --test serve metrics` and commit the result");
}
