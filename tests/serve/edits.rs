//! Whatever someone edits into what Keyturn wrote, nothing but its public keys is served.

use std::fs;
use std::path::PathBuf;

use serde_json::{Value, json};

use crate::program::{Workplace, auth, read_json};
use crate::server::Server;

const PATH: &str = "/default/auth/jwks.json";
const SPEC: &str = "keys: [{ algorithm: ES256 }]";

fn published(place: &Workplace) -> PathBuf {
    fs::canonicalize(place.path("configmaps/auth-jwks/jwks.json")).unwrap()
}

/// Changes the published set; the private one is at hand.
type Edit = fn(&mut Value, &Value);

#[test]
fn an_edited_set_is_not_served() {
    let edits: [(&str, Edit); 7] = [
        ("a key was taken out", |set, _| drop(set["keys"].as_array_mut().unwrap().remove(0))),
        ("every key was taken out", |set, _| set["keys"] = json!([])),
        ("a private member came in", |set, private| set["keys"][0]["d"] = private["keys"][0]["d"].clone()),
        ("the private set was put there", |set, private| *set = private.clone()),
        ("a symmetric key came in", |set, _| {
            set["keys"][0] = json!({ "kty": "oct", "kid": "a", "alg": "HS256", "k": "AAAA" });
        }),
        ("a key was put under another kid", |set, _| set["keys"][0]["kid"] = json!("other")),
        ("a kid has another key", |set, _| {
            let kid = set["keys"][1]["kid"].clone();
            let first = set["keys"][0]["kid"].clone();
            set["keys"][0]["kid"] = kid;
            set["keys"][1]["kid"] = first;
        }),
    ];
    for (what, edit) in edits {
        let place = Workplace::new(&auth(SPEC));
        place.once_well();
        let mut set = read_json(&published(&place));
        edit(&mut set, &place.json("secrets/auth-signer/jwks.json"));
        fs::write(published(&place), set.to_string()).unwrap();
        let server = Server::of_dir(&place.dir(), &[]);
        let answer =
            server.until(PATH, "an answer", |answer| !answer.body.starts_with(b"{\"error\":\"the JWK Sets are"));
        assert_eq!(answer.status, 503, "{what}: {answer:?}");
        assert_eq!(answer.header("retry-after"), Some("1"));
        let sentence = "the JWK Set was edited and is about to be restored: try again";
        assert_eq!(answer.json(), json!({ "error": sentence }), "{what}");
        // Keyturn puts it right, and it is served.
        place.once_well();
        assert_eq!(server.ready(PATH).body, fs::read(published(&place)).unwrap(), "{what}");
    }
}

#[test]
fn what_was_good_stays_until_keyturn_writes_anew() {
    let place = Workplace::new(&auth(SPEC));
    place.once_well();
    let server = Server::of_dir(&place.dir(), &[]);
    let before = server.ready(PATH).body;
    fs::write(published(&place), "{}").unwrap();
    std::thread::sleep(std::time::Duration::from_millis(600));
    assert_eq!(server.get(PATH).body, before);
    place.once_well();
    assert_eq!(server.ready(PATH).body, before);
}

#[test]
fn only_what_is_for_verifiers_is_read() {
    use std::os::unix::fs::PermissionsExt;
    let place = Workplace::new(&auth(SPEC));
    place.once_well();
    // Root may read everything; taking the folders away shows that nobody looks for them.
    for private in ["secrets", "keyrings"] {
        fs::set_permissions(place.path(private), fs::Permissions::from_mode(0o000)).unwrap();
        fs::rename(place.path(private), place.beside(private)).unwrap();
    }
    let server = Server::of_dir(&place.dir(), &[]);
    server.ready(PATH);
    assert!(!server.log().contains("WARN"), "{}", server.log());
    for path in [
        "/default/auth/../../secrets/auth-signer/jwks.json",
        "/default/auth-signer/jwks.json",
        "/secrets/auth-signer/jwks.json",
    ] {
        assert_eq!(server.get(path).status, 404, "{path}");
    }
}
