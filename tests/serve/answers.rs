//! Every header of every kind of answer.

use std::fs;
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};

use crate::http::{Answer, ask, get, send};
use crate::program::{Workplace, auth};
use crate::server::Server;

const PATH: &str = "/default/auth/jwks.json";
const SPEC: &str = "keys: [{ algorithm: ES256 }, { algorithm: RS256, rsaBits: 2048 }]";

fn serving() -> (Workplace, Server) {
    let place = Workplace::new(&auth(SPEC));
    place.once_well();
    let server = Server::of_dir(&place.dir(), &["--default", "default/auth"]);
    server.ready(PATH);
    (place, server)
}

/// What is true of every answer.
fn assert_dressed(answer: &Answer) {
    assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
    assert_eq!(answer.header("access-control-allow-origin"), Some("*"));
    assert_eq!(answer.header("access-control-expose-headers"), Some("etag"));
}

fn assert_problem(answer: &Answer, status: u16, sentence: &str) {
    assert_eq!(answer.status, status, "{answer:?}");
    assert_dressed(answer);
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    assert_eq!(answer.json(), json!({ "error": sentence }));
}

#[test]
fn a_jwks_has_all_its_headers_and_the_very_octets_of_the_file() {
    let (place, server) = serving();
    let file = fs::read(place.path("configmaps/auth-jwks/jwks.json")).unwrap();
    for path in [PATH, "/default/auth/.well-known/jwks.json", "/.well-known/jwks.json", "/default/auth/jwks.json?a=b"] {
        let answer = server.get(path);
        assert_eq!(answer.status, 200);
        assert_dressed(&answer);
        assert_eq!(answer.header("content-type"), Some("application/jwk-set+json"));
        assert_eq!(answer.lifetime(), (1800, 1800));
        assert!((60..=118).contains(&answer.seconds("s-maxage")), "{answer:?}");
        assert_eq!(answer.header("vary"), Some("accept-encoding"));
        assert_eq!(answer.header("content-length"), Some(file.len().to_string().as_str()));
        assert_eq!(answer.header("last-modified"), None);
        assert_eq!(answer.body, file);
        let tag = answer.header("etag").unwrap();
        assert!(tag.starts_with('"') && tag.ends_with('"') && tag.len() == 45, "{tag}");
        let head = ask(server.address, "HEAD", path, &[]);
        for name in ["content-type", "cache-control", "vary", "content-length", "etag"] {
            assert_eq!(head.header(name), answer.header(name), "{name}");
        }
        assert_eq!((head.status, head.body.len()), (200, 0));
    }
}

#[test]
fn what_the_client_has_is_not_sent_again() {
    let (_place, server) = serving();
    let tag = server.get(PATH).header("etag").unwrap().to_owned();
    let zipped = format!("{}-gzip\"", tag.trim_end_matches('"'));
    let (weak, list) = (format!("W/{tag}"), format!("\"other\", {tag}"));
    let cases = [
        (tag.as_str(), Some(&tag)),
        (weak.as_str(), Some(&tag)),
        (list.as_str(), Some(&tag)),
        ("*", Some(&tag)),
        (zipped.as_str(), Some(&zipped)),
        ("\"other\"", None),
        ("\"\"", None),
        (tag.trim_matches('"'), None),
    ];
    for (asked, known) in cases {
        for method in ["GET", "HEAD"] {
            let answer = ask(server.address, method, PATH, &[("if-none-match", asked), ("accept-encoding", "gzip")]);
            assert_dressed(&answer);
            assert_eq!(answer.lifetime(), (1800, 1800));
            assert_eq!(answer.header("vary"), Some("accept-encoding"));
            match known {
                Some(tag) => {
                    assert_eq!((answer.status, answer.body.len()), (304, 0), "{asked}");
                    assert_eq!(answer.header("etag"), Some(tag.as_str()), "{asked}");
                    assert_eq!(answer.header("content-type"), None);
                }
                None => assert_eq!(answer.status, 200, "{asked}"),
            }
        }
    }
}

#[test]
fn the_compressed_form_has_a_name_of_its_own() {
    let (_place, server) = serving();
    let plain = server.get(PATH);
    let tag = plain.header("etag").unwrap().trim_end_matches('"').to_owned();
    for accepted in ["gzip", "gzip, deflate, br", "*", "identity;q=0.5, gzip;q=1"] {
        let zipped = get(server.address, PATH, &[("accept-encoding", accepted)]);
        assert_dressed(&zipped);
        assert_eq!(zipped.header("content-encoding"), Some("gzip"), "{accepted}");
        assert_eq!(zipped.header("vary"), Some("accept-encoding"));
        assert_eq!(zipped.header("etag"), Some(format!("{tag}-gzip\"").as_str()));
        assert_eq!(zipped.gunzip(), plain.body);
    }
    for accepted in ["identity", "gzip;q=0", "br"] {
        let answer = get(server.address, PATH, &[("accept-encoding", accepted)]);
        assert_eq!((answer.header("content-encoding"), &answer.body), (None, &plain.body), "{accepted}");
    }
}

#[test]
fn browsers_may_ask_from_anywhere() {
    let (_place, server) = serving();
    let headers = [
        ("origin", "https://app.example"),
        ("access-control-request-method", "GET"),
        ("access-control-request-headers", "if-none-match"),
    ];
    let answer = ask(server.address, "OPTIONS", PATH, &headers);
    assert_eq!((answer.status, answer.body.len()), (200, 0));
    assert_eq!(answer.header("access-control-allow-origin"), Some("*"));
    assert_eq!(answer.header("access-control-allow-methods"), Some("GET,HEAD"));
    assert_eq!(answer.header("access-control-allow-headers"), Some("*"));
    assert_eq!(answer.header("access-control-max-age"), Some("86400"));
    assert_eq!(
        get(server.address, PATH, &headers[..1]).header("vary"),
        Some("accept-encoding"),
        "one copy for all origins"
    );
}

#[test]
fn what_is_not_there_or_not_allowed_is_said_in_json() {
    let (_place, server) = serving();
    let nothing = "there is nothing here: ask for /NAMESPACE/NAME/jwks.json";
    for path in
        ["/", "/jwks.json", "/default/auth", "/default/auth/private.json", "/a/b/c/jwks.json", "/%ff/auth/jwks.json"]
    {
        assert_problem(&server.get(path), 404, nothing);
    }
    for path in [
        "/default/nobody/jwks.json",
        "/other/auth/jwks.json",
        "/default/..%2fauth/jwks.json",
        "/x/y/.well-known/jwks.json",
    ] {
        assert_problem(&server.get(path), 404, "there is no JWK Set of that name");
    }
    let document = "the key set states no issuer: state spec.issuer";
    assert_problem(&server.get("/default/auth/.well-known/openid-configuration"), 404, document);
    for method in ["POST", "PUT", "PATCH", "DELETE", "TRACE"] {
        let answer = ask(server.address, method, PATH, &[]);
        assert_problem(&answer, 405, "only GET, HEAD and OPTIONS are answered");
        assert_eq!(answer.header("allow"), Some("GET,HEAD"));
    }
    for body in [("content-length", "5"), ("transfer-encoding", "chunked")] {
        let answer = ask(server.address, "GET", PATH, &[body]);
        assert_problem(&answer, 413, "no request here has a body");
    }
    let one = format!("GET {PATH} HTTP/1.1\r\nhost: a\r\nconnection: close\r\nx: {}\r\n\r\n", "x".repeat(20_000));
    assert_eq!(send(server.address, &one).status, 431);
    let path = format!("/default/{}/jwks.json", "x".repeat(20_000));
    assert_eq!(ask(server.address, "GET", &path, &[]).status, 431);
}

#[test]
fn the_commands_of_the_page_do_what_it_says() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = fs::read_to_string(root.join("docs/serve.md")).unwrap();
    let command =
        |beginning: &str| page.lines().find_map(|line| line.strip_prefix(beginning)).expect("it is on the page");
    let place = Workplace::new(&fs::read_to_string(root.join("examples/quickstart.yaml")).unwrap());
    place.once_well();
    let args = command("keyturn serve ").replace("./keys", place.dir().to_str().unwrap());
    let server = Server::start(|program| {
        program.args(args.split(' '));
    });
    let path = command("curl http://127.0.0.1:8080");
    assert_eq!(server.ready(path).body, fs::read(place.path("configmaps/quickstart-jwks/jwks.json")).unwrap());
}

#[test]
fn nothing_is_unknown_before_everything_was_read() {
    let place = Workplace::new(&auth(SPEC));
    let server = Server::of_dir(&place.dir(), &[]);
    for path in [PATH, "/default/nobody/jwks.json"] {
        let answer = server.get(path);
        assert_problem(&answer, 503, "the JWK Sets are being read: try again");
        assert_eq!(answer.header("retry-after"), Some("1"));
    }
    std::thread::sleep(Duration::from_millis(600));
    assert_eq!(server.get(PATH).status, 503, "a directory that is not there is not an empty one");
    assert_eq!(server.log().matches("the directory can't be read").count(), 1, "{}", server.log());
    place.once_well();
    server.ready(PATH);
    assert_eq!(server.get("/default/nobody/jwks.json").status, 404);
    assert_eq!(server.get("/.well-known/jwks.json").status, 404, "no default was named");
}

#[test]
fn sets_of_other_namespaces_are_found_by_their_own_names() {
    let place = Workplace::new(&auth(SPEC).replace("name: auth", "name: auth\n  namespace: iam"));
    place.once_well();
    let server = Server::of_dir(&place.dir(), &["--default", "iam/auth"]);
    let answer = server.ready("/iam/auth/jwks.json");
    assert_eq!(answer.body, fs::read(place.path("configmaps/iam/auth-jwks/jwks.json")).unwrap());
    assert_eq!(server.get("/.well-known/jwks.json").body, answer.body);
    assert_eq!(server.get(PATH).status, 404);
}

#[test]
fn the_set_of_all_lines_is_served_and_not_that_of_one() {
    let spec = "keys: [{ algorithm: ES256 }, { algorithm: RSA-OAEP-256, rsaBits: 2048 }]\nconfigMaps:\n\
                - { name: a, files: { jwks.json: { content: PublicJwks, line: es256 } } }\n\
                - { name: b, files: { all.json: { content: PublicJwks }, jwks.json: { content: PublicJwks, line: es256 } } }\n\
                timing: { publishDelay: 1s, verifierCacheTtl: 4s, signerReloadDelay: 1s, maxTokenLifetime: 20s, clockSkew: 0s }";
    let place = Workplace::new(&auth(spec));
    let running = place.start_ready();
    let server = Server::of_dir(&place.dir(), &[]);
    let uses = |answer: &Answer| -> Vec<Value> {
        answer.json()["keys"]
            .as_array()
            .map(|keys| keys.iter().map(|key| key["use"].clone()).collect())
            .unwrap_or_default()
    };
    let answer = server.until(PATH, "both uses", |answer| uses(answer).contains(&json!("enc")));
    assert_eq!(answer.body, fs::read(place.path("configmaps/b/all.json")).unwrap());
    assert!(uses(&answer).contains(&json!("sig")));
    drop(running);
}
