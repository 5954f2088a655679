//! The key sets that the rows are lines of.

use keyturn::jose::{Algorithm, KeyKind};
use serde_json::{Map, Value, json};

use crate::rows::Row;
use crate::written::Form;

/// The names of the key sets, and their resources.
pub fn of(rows: &[Row]) -> Vec<(&'static str, Value)> {
    let mut sets: Vec<_> = rows.iter().map(Row::set).collect();
    sets.sort_unstable();
    sets.dedup();
    let lines = |set| rows.iter().filter(|row| row.set() == set).collect::<Vec<_>>();
    sets.into_iter().map(|set| (set, resource(set, &lines(set)))).collect()
}

fn resource(set: &str, rows: &[&Row]) -> Value {
    let mut keys: Vec<_> = rows.iter().map(|row| key(row)).collect();
    if rows.iter().any(|row| row.among_others) {
        keys.extend(
            ["ES256", "ES384", "ES512", "ES256K", "Ed25519", "ML-DSA-44"].map(|name| json!({ "algorithm": name })),
        );
        keys.push(json!({ "algorithm": "ECDH-ES", "curve": "X25519" }));
    }
    let mut spec = json!({
        "keys": keys,
        "rotation": { "mode": "Never", "standby": false },
        "timing": { "signerReloadDelay": "0s", "clockSkew": "0s" },
        "secrets": [{ "name": format!("{set}-signer"), "files": files(rows, "PrivateJwks", "PrivateKeyPem") }],
    });
    if rows.iter().any(|row| Form::Pkcs12.is_of(row)) {
        let passphrase = json!({ "secretKeyRef": { "name": "pass", "key": "password" } });
        let keystore = json!({ "keystore.p12": { "content": "Pkcs12" } });
        let secret = json!({ "name": format!("{set}-keystore"), "passphrase": passphrase, "files": keystore });
        spec["secrets"].as_array_mut().unwrap().push(secret);
    }
    match (rows.iter().any(|row| row.is_symmetric()), rows.iter().any(|row| row.signs())) {
        (true, true) => {}
        (true, false) => spec["encSelection"] = json!("First"),
        (false, _) => {
            let files = files(rows, "PublicJwks", "PublicKeyPem");
            spec["configMaps"] = json!([{ "name": format!("{set}-jwks"), "files": files }]);
        }
    }
    json!({ "apiVersion": "keyturn.dev/v1alpha1", "kind": "JwksKeySet", "metadata": { "name": set }, "spec": spec })
}

fn key(row: &Row) -> Value {
    let mut key = json!({ "algorithm": row.algorithm.name(), "name": row.line });
    match row.kind {
        KeyKind::Rsa => key["rsaBits"] = json!(2048),
        KeyKind::Ec(_) | KeyKind::Okp(_) => key["curve"] = json!(row.kind.to_string()),
        KeyKind::Oct(_) if row.algorithm == Algorithm::Dir => key["contentEncryption"] = json!(row.enc),
        KeyKind::Oct(_) | KeyKind::Akp(_) => {}
    }
    key
}

/// A JWKS, a kid and, where there can be one, a PEM of each line.
fn files(rows: &[&Row], jwks: &str, pem: &str) -> Map<String, Value> {
    let mut files = Map::new();
    for Row { line, .. } in rows {
        files.insert(format!("{line}.json"), json!({ "content": jwks, "line": line }));
        files.insert(format!("{line}.kid"), json!({ "content": "ActiveKid", "line": line }));
    }
    for Row { line, .. } in rows.iter().filter(|row| Form::Pem.is_of(row)) {
        files.insert(format!("{line}.pem"), json!({ "content": pem, "line": line }));
    }
    for Row { line, .. } in rows.iter().filter(|row| row.among_others) {
        files.insert(format!("{line}.json"), json!({ "content": jwks }));
    }
    files
}
