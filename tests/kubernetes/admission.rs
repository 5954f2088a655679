//! What the API server itself refuses, and what it takes.

use keyturn::api::{JwksKeySet, JwksKeySetSpec};
use keyturn::jose::Algorithm;
use keyturn::lifecycle::Policy;
use kube::api::{Api, ApiResource, DynamicObject, PostParams};
use kube::core::Status;
use serde_json::{Value, json};

use crate::operator::Fixture;

/// W on Kubernetes.
const WRITE_BOUND: chrono::TimeDelta = chrono::TimeDelta::seconds(60);

/// Asks the API server, without keeping anything; its sentence if it refuses.
async fn admit(fixture: &Fixture, name: &str, spec: &Value) -> Result<(), String> {
    let resource = ApiResource::erase::<JwksKeySet>(&());
    let api: Api<DynamicObject> = Api::namespaced_with(fixture.client.clone(), &fixture.namespace, &resource);
    let object = DynamicObject::new(name, &resource).data(json!({ "spec": spec }));
    let params = PostParams { dry_run: true, ..PostParams::default() };
    match api.create(&params, &object).await {
        Ok(_) => Ok(()),
        Err(kube::Error::Api(answer)) => Err(message(&answer)),
        Err(error) => panic!("the API server does not answer: {error}"),
    }
}

fn message(answer: &Status) -> String {
    assert!(answer.is_invalid(), "refused for another reason than the spec: {answer:?}");
    answer.message.clone()
}

/// A set of one line with more beside it.
fn with(more: &Value) -> Value {
    let mut spec = json!({ "keys": [{ "algorithm": "ES256" }] });
    let fields = spec.as_object_mut().expect("an object");
    fields.extend(more.as_object().expect("an object").clone());
    spec
}

fn secret_file(name: &str, file: &Value) -> Value {
    json!([{ "name": "out", "files": { name: file } }])
}

#[expect(clippy::too_many_lines, reason = "a table")]
fn bad_specs() -> Vec<(&'static str, Value, Vec<&'static str>)> {
    let two = json!([{ "algorithm": "ES256" }, { "algorithm": "ES384" }]);
    let twins = json!([{ "algorithm": "ES256" }, { "algorithm": "ES384", "name": "es256" }]);
    let many: Vec<Value> = (0..33).map(|n| json!({ "algorithm": "ES256", "name": format!("line-{n}") })).collect();
    let enc = json!([{ "algorithm": "RSA-OAEP-256" }]);
    let pem = json!({ "content": "PrivateKeyPem" });
    let hmac = json!([{ "algorithm": "HS256" }]);
    let hmac_beside = json!([{ "algorithm": "HS256" }, { "algorithm": "ES256" }]);
    let legacy = json!({ "name": "legacy", "key": "k.pem" });
    let pass = json!({ "secretKeyRef": { "name": "pass", "key": "password" } });
    let interval = |text: &str| with(&json!({ "rotation": { "interval": text } }));
    let issuer = |text: &str| with(&json!({ "issuer": text }));
    let url = "issuer must be an https URL without user, query and fragment";
    vec![
        ("an issuer without TLS", issuer("http://auth.example.com"), vec![url]),
        ("an issuer that is no URL", issuer("auth.example.com"), vec![url]),
        ("an issuer without a host", issuer("https:///main"), vec![url]),
        ("an issuer with a query", issuer("https://auth.example.com/?a=b"), vec![url]),
        ("an issuer with a fragment", issuer("https://auth.example.com/#a"), vec![url]),
        ("an issuer with a user", issuer("https://me@auth.example.com/"), vec![url]),
        ("an issuer with a space", issuer("https://auth.example.com/a b"), vec![url]),
        (
            "an unknown algorithm",
            json!({ "keys": [{ "algorithm": "RS255" }] }),
            vec!["RS255", "supported values", "RS256"],
        ),
        ("1024 bits", json!({ "keys": [{ "algorithm": "RS256", "rsaBits": 1024 }] }), vec!["rsaBits", "1024", "2048"]),
        (
            "bits of an EC key",
            json!({ "keys": [{ "algorithm": "ES256", "rsaBits": 2048 }] }),
            vec!["rsaBits is only for RSA", "leave it out"],
        ),
        (
            "bits of a symmetric key",
            json!({ "keys": [{ "algorithm": "HS256", "rsaBits": 2048 }] }),
            vec!["rsaBits is only for RSA", "leave it out"],
        ),
        (
            "an unknown content encryption",
            json!({ "keys": [{ "algorithm": "dir", "contentEncryption": "A128CBC" }], "encSelection": "First" }),
            vec!["contentEncryption", "A128CBC", "supported values", "A256GCM"],
        ),
        (
            "a content encryption for a key that encrypts none",
            with(
                &json!({ "keys": [{ "algorithm": "A128KW", "contentEncryption": "A128GCM" }], "encSelection": "First" }),
            ),
            vec!["contentEncryption is only for dir", "leave it out"],
        ),
        (
            "symmetric encryption",
            with(&json!({ "keys": [{ "algorithm": "A256KW" }] })),
            vec!["symmetric encryption key", "encSelection: First", "or use RSA-OAEP-256"],
        ),
        (
            "an interval shorter than the lead of symmetric keys",
            with(&json!({ "keys": [{ "algorithm": "HS256" }], "rotation": { "interval": "1h" } })),
            vec!["signerReloadDelay 2m + verifierCacheTtl 1h + clockSkew 1m", "state a longer interval"],
        ),
        (
            "more than eight retired symmetric encryption keys",
            with(
                &json!({ "keys": [{ "algorithm": "dir" }], "encSelection": "First", "rotation": { "interval": "2h" } }),
            ),
            vec!["more than 8", "signerReloadDelay 2m + verifierCacheTtl 1h + maxTokenLifetime 24h"],
        ),
        (
            "a symmetric line in a ConfigMap",
            with(
                &json!({ "keys": hmac_beside, "configMaps": secret_file("m.json", &json!({ "content": "PublicJwks", "line": "hs256" })) }),
            ),
            vec!["symmetric and have no public half", "in a PrivateJwks file"],
        ),
        (
            "the kid of a symmetric line in a ConfigMap",
            with(&json!({ "keys": hmac, "configMaps": secret_file("kid", &json!({ "content": "ActiveKid" })) })),
            vec!["symmetric and have no public half"],
        ),
        (
            "a public key of a symmetric line in a Secret",
            with(
                &json!({ "keys": hmac_beside, "secrets": secret_file("m.pem", &json!({ "content": "PublicKeyPem", "line": "hs256" })) }),
            ),
            vec!["symmetric and have no public half"],
        ),
        (
            "a symmetric key as PEM",
            with(&json!({ "keys": hmac, "secrets": secret_file("key.pem", &pem) })),
            vec!["have no PEM form", "write PrivateJwks or PrivateJwk"],
        ),
        (
            "a curve that the algorithm lacks",
            json!({ "keys": [{ "algorithm": "ES256", "curve": "P-384" }] }),
            vec!["must be a curve of the line's algorithm", "leave it out"],
        ),
        (
            "X448",
            json!({ "keys": [{ "algorithm": "ECDH-ES", "curve": "X448" }] }),
            vec!["P-256, P-384, P-521 or X25519 with ECDH-ES", "no released, well-kept library"],
        ),
        ("two lines of one name", json!({ "keys": twins }), vec!["two key lines have one name", "keys[].name"]),
        ("no lines", json!({ "keys": [] }), vec!["spec.keys", "at least 1"]),
        ("33 lines", json!({ "keys": many }), vec!["spec.keys", "at most 32"]),
        (
            "an interval shorter than the lead",
            interval("1h"),
            vec![
                "rotation.interval 1h is shorter than the lead",
                "publishDelay 2m + verifierCacheTtl 1h + clockSkew 1m",
                "+ 60s for one write + clockSkew 1m =",
                "state a longer interval",
            ],
        ),
        (
            "an interval shorter than the signer's lead",
            with(&json!({ "publisher": "Signer", "rotation": { "interval": "1h" } })),
            vec!["signerReloadDelay 2m + verifierCacheTtl 1h + clockSkew 1m", "state a longer interval"],
        ),
        (
            "an interval shorter than the lead of encryption keys",
            json!({ "keys": enc, "rotation": { "interval": "3m" } }),
            vec![
                "interval 3m is shorter than the lead",
                "signerReloadDelay 2m + clockSkew 1m",
                "state a longer interval",
            ],
        ),
        (
            "more than eight retired keys",
            interval("2h"),
            vec![
                "would keep more than 8 retired keys",
                "signerReloadDelay 2m + maxTokenLifetime 24h + clockSkew 1m + clockSkew 1m",
            ],
        ),
        (
            "more than eight retired encryption keys",
            json!({ "keys": enc, "rotation": { "interval": "2h" } }),
            vec!["more than 8", "publishDelay 2m + verifierCacheTtl 1h + maxTokenLifetime 24h"],
        ),
        (
            "a schedule that is not stated",
            with(&json!({ "rotation": { "mode": "Schedule" } })),
            vec!["rotation.schedule go together: state both", "0 3 1 * *"],
        ),
        (
            "a schedule that would not count",
            with(&json!({ "rotation": { "schedule": "0 3 1 * *" } })),
            vec!["rotation.schedule go together: state both"],
        ),
        (
            "a kid that comes twice",
            with(&json!({ "kid": { "template": "key-{date}" } })),
            vec!["kid.template must hold {thumbprint} or {uuid}"],
        ),
        (
            "an unknown part of a kid",
            with(&json!({ "kid": { "template": "{uuid}-{host}" } })),
            vec!["kid.template", "{line}, {use}, {alg}, {date} and {ops}"],
        ),
        (
            "a file name that no Secret can have",
            with(&json!({ "secrets": secret_file("keys/jwks.json", &json!({ "content": "PrivateJwks" })) })),
            vec!["a file name may hold letters, digits"],
        ),
        (
            "a file name like a folder",
            with(&json!({ "secrets": secret_file("..", &json!({ "content": "PrivateJwks" })) })),
            vec!["not start with '..'"],
        ),
        (
            "private content in a ConfigMap",
            with(&json!({ "configMaps": secret_file("jwks.json", &json!({ "content": "PrivateJwks" })) })),
            vec!["PrivateJwks", "supported values", "PublicJwks"],
        ),
        (
            "a file of a line that is not there",
            with(
                &json!({ "secrets": secret_file("key.pem", &json!({ "content": "PrivateKeyPem", "line": "id-token" })) }),
            ),
            vec!["line must be the name of one of spec.keys"],
        ),
        (
            "a file of one key, with two lines",
            json!({ "keys": two, "secrets": secret_file("key.pem", &pem) }),
            vec!["must state its line"],
        ),
        ("an import of nothing", with(&json!({ "import": { "keys": [] } })), vec!["import.keys", "at least 1"]),
        (
            "an import for a line that is not there",
            with(&json!({ "import": { "keys": [{ "secretKeyRef": legacy, "line": "id-token" }] } })),
            vec!["import.keys[].line must be the name of one of spec.keys"],
        ),
        (
            "an import that names no line, with two lines",
            json!({ "keys": two, "import": { "keys": [{ "secretKeyRef": legacy }] } }),
            vec!["left out only where the set has a single line"],
        ),
        (
            "two imports that are active",
            with(&json!({ "import": { "keys": [
                { "secretKeyRef": legacy, "role": "Active" },
                { "secretKeyRef": legacy, "role": "Active", "alias": "two" },
            ] } })),
            vec!["the role Active for one line"],
        ),
        (
            "two imports that are active, of which one leaves the only line out",
            with(&json!({ "import": { "keys": [
                { "secretKeyRef": legacy, "role": "Active" },
                { "secretKeyRef": legacy, "role": "Active", "line": "es256" },
            ] } })),
            vec!["the role Active for one line"],
        ),
        (
            "Janssen without a passphrase",
            with(&json!({ "profile": "Janssen" })),
            vec!["profile Janssen writes a keystore", "passphrase.secretKeyRef"],
        ),
        (
            "a secret of Janssen's without a passphrase",
            with(&json!({ "profile": "Janssen", "secrets": [{ "name": "jans" }] })),
            vec!["profile Janssen writes a keystore"],
        ),
        (
            "Mia-Platform with two lines",
            json!({ "profile": "MiaPlatform", "keys": [{ "algorithm": "RS256" }, { "algorithm": "RS512" }] }),
            vec!["PEM files of one RSA line", "state a single line"],
        ),
        (
            "Mia-Platform with an EC key",
            with(&json!({ "profile": "MiaPlatform" })),
            vec!["PEM files of one RSA line", "or the files of every secret"],
        ),
        (
            "Mia-Platform with a symmetric key under a passphrase",
            json!({ "profile": "MiaPlatform", "keys": hmac, "secrets": [{ "name": "out", "passphrase": pass }] }),
            vec!["PEM files of one RSA line"],
        ),
        (
            "an encoding of a JWKS",
            with(
                &json!({ "secrets": secret_file("jwks.json", &json!({ "content": "PrivateJwks", "encoding": "PKCS8" })) }),
            ),
            vec!["secrets[0].files", "encoding is only for PrivateKeyPem", "change the content"],
        ),
        (
            "inactive keys of a PEM file",
            with(
                &json!({ "secrets": secret_file("key.pem", &json!({ "content": "PrivateKeyPem", "inactiveKeys": "Omitted" })) }),
            ),
            vec!["inactiveKeys only for PrivateJwks"],
        ),
        (
            "the encryption of a JWKS",
            with(
                &json!({ "secrets": secret_file("jwks.json", &json!({ "content": "PrivateJwks", "encryption": "Legacy" })) }),
            ),
            vec!["encryption only for Pkcs12"],
        ),
        (
            "a keystore without a passphrase",
            with(&json!({ "secrets": secret_file("k.p12", &json!({ "content": "Pkcs12" })) })),
            vec!["needs a passphrase", "passphrase.secretKeyRef"],
        ),
        (
            "a file with the passphrase that is not there",
            with(&json!({ "secrets": [{ "name": "out", "files": {
                "jwks.json": { "content": "PrivateJwks" }, "PASSWORD": { "content": "Passphrase" },
            } }] })),
            vec!["needs a passphrase"],
        ),
        (
            "PKCS#1 under a passphrase",
            json!({ "keys": [{ "algorithm": "RS256" }], "secrets": [{ "name": "out", "passphrase": pass, "files": {
                "key.pem": { "content": "PrivateKeyPem", "encoding": "PKCS1" },
            } }] }),
            vec!["no modern encryption", "write PKCS8"],
        ),
        (
            "PKCS#1 of an EC key",
            with(
                &json!({ "secrets": secret_file("key.pem", &json!({ "content": "PrivateKeyPem", "encoding": "PKCS1" })) }),
            ),
            vec!["PKCS1 is only for RSA lines", "write PKCS8"],
        ),
        (
            "SEC1 of an Ed25519 line",
            json!({ "keys": [{ "algorithm": "Ed25519" }, { "algorithm": "ES256" }], "secrets": [{ "name": "out", "files": {
                "jwks.json": { "content": "PrivateJwks" },
                "key.pem": { "content": "PrivateKeyPem", "encoding": "SEC1", "line": "ed25519" },
            } }] }),
            vec!["SEC1 only for lines on P-256"],
        ),
        (
            "the certificate of an X25519 line",
            json!({ "keys": [{ "algorithm": "ECDH-ES", "curve": "X25519" }], "secrets": [{ "name": "out", "files": {
                "jwks.json": { "content": "PrivateJwks" }, "crt.pem": { "content": "CertificatePem" },
            } }] }),
            vec!["can't sign and so have no certificate"],
        ),
        (
            "{ops} without a word for it",
            with(&json!({ "kid": { "template": "{ops}_{uuid}" } })),
            vec!["{ops} in kid.template is the word of jwk.keyOpsType"],
        ),
        (
            "a certificate that ends before its key",
            with(&json!({ "certificate": { "validity": "1000h" } })),
            vec!["certificate.validity", "shorter than a key lives", "state a longer validity"],
        ),
        (
            "a certificate that ends before what its key signed",
            json!({ "keys": enc, "rotation": { "mode": "Never" }, "certificate": { "validity": "70h" } }),
            vec!["certificate.validity", "shorter than a key lives"],
        ),
        (
            "an interval that outlives the default certificate",
            with(&json!({ "rotation": { "interval": "50000h" }, "jwk": { "x5c": true } })),
            vec!["by default 87600h"],
        ),
        (
            "X25519 in a keystore only",
            json!({ "keys": [{ "algorithm": "ES256" }, { "algorithm": "ECDH-ES", "curve": "X25519" }], "secrets": [
                { "name": "out", "passphrase": pass, "files": { "k.p12": { "content": "Pkcs12" } } },
            ] }),
            vec!["a line is in no secret", "can't be in a keystore"],
        ),
        (
            "a line in no secret",
            json!({ "keys": two, "secrets": secret_file("jwks.json", &json!({ "content": "PrivateJwks", "line": "es256" })) }),
            vec!["a line is in no secret", "add a file with private content"],
        ),
        (
            "encryption keys as PEM only",
            json!({ "keys": enc, "secrets": secret_file("key.pem", &pem) }),
            vec!["need a PrivateJwks file", "or a keystore"],
        ),
        (
            "a server that publishes, with the active key only",
            with(&json!({ "publisher": "Signer", "profile": "Spring" })),
            vec!["all with publisher Signer need a PrivateJwks file"],
        ),
        (
            "a line that no verifier could know",
            json!({ "keys": two, "configMaps": [{ "name": "out", "files": {
                "jwks.json": { "content": "PublicJwks", "line": "es256" },
                "es384.pem": { "content": "PublicKeyPem", "line": "es384" },
            } }] }),
            vec!["a line is in no PublicJwks file", "add it to one"],
        ),
        (
            "two secrets of one name",
            with(&json!({ "secrets": [{ "name": "out" }, { "name": "out" }] })),
            vec!["have one name", "name them differently"],
        ),
        (
            "the keyring's name",
            with(&json!({ "secrets": [{ "name": "auth-keyring" }] })),
            vec!["no secret may be named <name>-keyring"],
        ),
        (
            "encryption published by the signer",
            json!({ "keys": enc, "publisher": "Signer" }),
            vec!["encSelection: First", "or use publisher: Keyturn"],
        ),
        ("a number without a unit", interval("10"), vec!["spec.rotation.interval", "h|m|s"]),
        ("a negative duration", interval("-1h"), vec!["spec.rotation.interval", "h|m|s"]),
        (
            "days",
            with(&json!({ "timing": { "maxTokenLifetime": "1d" } })),
            vec!["spec.timing.maxTokenLifetime", "h|m|s"],
        ),
    ]
}

#[tokio::test]
async fn each_bad_spec_is_refused_with_a_sentence_that_says_what_to_change() {
    let fixture = Fixture::new("bad").await;
    let mut wrong = Vec::new();
    for (what, spec, words) in bad_specs() {
        if is_a_policy(&spec) {
            wrong.push(format!("{what}: the policy takes it"));
        }
        match admit(&fixture, "auth", &spec).await {
            Ok(()) => wrong.push(format!("{what}: it was taken")),
            Err(said) => {
                let missing: Vec<_> = words.into_iter().filter(|word| !said.contains(word)).collect();
                if !missing.is_empty() {
                    wrong.push(format!("{what}: {missing:?} is not in {said:?}"));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    let long = "a".repeat(64);
    let said = admit(&fixture, &long, &with(&json!({}))).await.expect_err("a name of 64 characters");
    assert!(said.contains("at most 63 characters"), "{said}");
}

#[tokio::test]
async fn good_specs_are_taken() {
    let fixture = Fixture::new("good").await;
    let many: Vec<Value> =
        (0..32).map(|n| json!({ "algorithm": "ES256", "name": format!("{}-{n:02}", "line".repeat(15)) })).collect();
    let files: serde_json::Map<String, Value> = many
        .iter()
        .enumerate()
        .map(|(n, line)| (format!("{n}.pem"), json!({ "content": "PrivateKeyPem", "line": line["name"] })))
        .collect();
    let secrets: Vec<Value> = (0..8).map(|n| json!({ "name": format!("out-{n}"), "files": files.clone() })).collect();
    let import =
        |line: &Value| json!({ "secretKeyRef": { "name": "old", "key": "k" }, "line": line["name"], "role": "Active" });
    let imported: Vec<Value> = many.iter().map(import).collect();
    // A set has at most 32 lines.
    let [some, others] = [0, 1].map(|half| by_default_names(Algorithm::ALL.iter().copied().skip(half).step_by(2)));
    let curves: Vec<Value> = ["P-256", "P-384", "P-521", "X25519"]
        .iter()
        .map(|curve| json!({ "algorithm": "ECDH-ES+A192KW", "curve": curve, "name": curve.to_lowercase() }))
        .collect();
    let specs = [
        ("nothing but an algorithm", with(&json!({}))),
        ("an issuer", with(&json!({ "issuer": "https://auth.example.com:8443/main/" }))),
        ("every other algorithm by its default name", some),
        ("the algorithms between them", others),
        ("every curve of a choice", json!({ "keys": curves })),
        (
            "32 lines in 8 secrets, all imported",
            json!({ "keys": many, "secrets": secrets, "import": { "keys": imported } }),
        ),
        (
            "encryption by the signer",
            json!({ "keys": [{ "algorithm": "RSA-OAEP" }], "publisher": "Signer", "encSelection": "First" }),
        ),
        (
            "a schedule",
            with(&json!({ "rotation": { "mode": "Schedule", "schedule": "0 3 1 * *", "timeZone": "Europe/Rome" } })),
        ),
        (
            "symmetric lines of all kinds",
            json!({
                "keys": [
                    { "algorithm": "HS512" },
                    { "algorithm": "A128GCMKW" },
                    { "algorithm": "dir", "contentEncryption": "A256CBC-HS512" },
                ],
                "encSelection": "First",
                "secrets": secret_file("jwks.json", &json!({ "content": "PrivateJwks" })),
            }),
        ),
        (
            "a symmetric line beside a public JWKS of all lines",
            json!({
                "keys": [{ "algorithm": "HS256" }],
                "configMaps": secret_file("jwks.json", &json!({ "content": "PublicJwks" })),
                "secrets": [{ "name": "s", "files": {
                    "jwks.json": { "content": "PrivateJwks" },
                    "kid": { "content": "ActiveKid" },
                    "key.jwk": { "content": "PrivateJwk" },
                } }],
            }),
        ),
        ("never", with(&json!({ "rotation": { "mode": "Never" } }))),
        ("a hundred years", with(&json!({ "rotation": { "interval": "876000h" } }))),
        ("a kid of parts", with(&json!({ "kid": { "template": "{line}-{use}-{alg}-{date}-{uuid}" } }))),
    ];
    let mut wrong = Vec::new();
    for (what, spec) in specs {
        if !is_a_policy(&spec) {
            wrong.push(format!("{what}: the policy refuses it"));
        }
        if let Err(said) = admit(&fixture, "auth", &spec).await {
            wrong.push(format!("{what}: {said}"));
        }
    }
    for entry in std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/examples")).expect("the examples") {
        let path = entry.expect("an example").path();
        if path.extension().is_none_or(|extension| extension != "yaml") {
            continue;
        }
        let text = std::fs::read_to_string(&path).expect("an example");
        let documents: Vec<Value> = serde_saphyr::from_multiple(&text).expect("YAML");
        for document in documents {
            let name = document["metadata"]["name"].as_str().expect("a name");
            if let Err(said) = admit(&fixture, name, &document["spec"]).await {
                wrong.push(format!("{}: {said}", path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// A line of each algorithm, each in a file of each of 8 secrets.
fn by_default_names(algorithms: impl Iterator<Item = Algorithm> + Clone) -> Value {
    let keys: Vec<Value> = algorithms.clone().map(|algorithm| json!({ "algorithm": algorithm.name() })).collect();
    let content = |algorithm: Algorithm| if algorithm.is_symmetric() { "PrivateJwk" } else { "PrivateKeyPem" };
    let files: serde_json::Map<String, Value> = algorithms
        .map(|algorithm| (algorithm.slug(), json!({ "content": content(algorithm), "line": algorithm.slug() })))
        .collect();
    let mut secrets: Vec<Value> =
        (0..8).map(|n| json!({ "name": format!("out-{n}"), "files": files.clone() })).collect();
    // Last, so that a rule that looks for it looks everywhere.
    secrets[7]["files"]["z.json"] = json!({ "content": "PrivateJwks" });
    json!({ "keys": keys, "secrets": secrets, "encSelection": "First" })
}

/// Whether the operator would go by a spec.
fn is_a_policy(spec: &Value) -> bool {
    let parsed = serde_json::from_value::<JwksKeySetSpec>(spec.clone());
    parsed.is_ok_and(|parsed| Policy::parse("auth", &parsed, WRITE_BOUND).is_ok())
}

#[tokio::test]
async fn the_api_server_and_the_policy_refuse_the_same_files() {
    let fixture = Fixture::new("files").await;
    let mut wrong = Vec::new();
    let (mut taken, mut refused) = (0, 0);
    for spec in files() {
        let by_server = admit(&fixture, "auth", &spec).await;
        let parsed: JwksKeySetSpec = serde_json::from_value(spec.clone()).expect("a spec");
        let by_policy = Policy::parse("auth", &parsed, WRITE_BOUND).map(drop).map_err(|error| error.to_string());
        if by_server.is_ok() {
            taken += 1;
        } else {
            refused += 1;
        }
        if by_server.is_ok() != by_policy.is_ok() {
            wrong.push(format!("{spec}: the API server {by_server:?}, the policy {by_policy:?}"));
        }
    }
    assert!(wrong.is_empty(), "{} differ: {:#?}", wrong.len(), wrong.iter().take(3).collect::<Vec<_>>());
    assert!(taken > 100 && refused > 100, "both happen: {taken} taken, {refused} refused");
}

/// Lines, profiles, publishers and files in all sorts of combinations, one of eleven of them.
fn files() -> Vec<Value> {
    let x25519 = json!({ "algorithm": "ECDH-ES", "curve": "X25519", "name": "a" });
    let line = |algorithm: &str, name: &str| json!({ "algorithm": algorithm, "name": name });
    let lines = [
        json!([line("ES256", "a")]),
        json!([line("RS256", "a")]),
        json!([line("HS256", "a")]),
        json!([x25519]),
        json!([line("RS256", "a"), line("ES256", "b")]),
        json!([x25519, line("ES256", "b")]),
        json!([line("HS256", "a"), line("RSA-OAEP", "b")]),
    ];
    let pass = json!({ "secretKeyRef": { "name": "pass", "key": "password" } });
    let jwks = json!({ "content": "PrivateJwks" });
    let file = |file: Value| json!([{ "name": "s", "files": { "jwks.json": jwks, "x": file } }]);
    let only = |file: Value| json!([{ "name": "s", "files": { "x": file } }]);
    let secret = |file: Value| json!([{ "name": "s", "passphrase": pass, "files": { "x": file } }]);
    let secrets = [
        json!([]),
        json!([{ "name": "s" }]),
        json!([{ "name": "s", "passphrase": pass }]),
        json!([{ "name": "s" }, { "name": "t", "passphrase": pass, "files": { "k.p12": { "content": "Pkcs12" } } }]),
        file(json!({ "content": "PrivateKeyPem", "line": "a", "encoding": "PKCS1" })),
        file(json!({ "content": "PrivateKeyDer", "line": "a", "encoding": "SEC1" })),
        file(json!({ "content": "CertificatePem", "line": "a" })),
        file(json!({ "content": "PrivateKeyPem", "encoding": "PKCS1" })),
        file(json!({ "content": "CertificatePem" })),
        file(json!({ "content": "PrivateJwks", "encryption": "Modern" })),
        only(json!({ "content": "PrivateJwks", "inactiveKeys": "Omitted" })),
        only(json!({ "content": "PrivateJwks", "line": "a" })),
        only(json!({ "content": "PrivateKeyPem", "line": "a" })),
        secret(json!({ "content": "Pkcs12" })),
        secret(json!({ "content": "Pkcs12", "line": "a" })),
        secret(json!({ "content": "PrivateKeyPem", "line": "a", "encoding": "PKCS1" })),
        secret(json!({ "content": "Passphrase" })),
    ];
    let map = |file: Value| json!([{ "name": "m", "files": { "x": file } }]);
    let config_maps = [
        json!([]),
        json!([{ "name": "m" }]),
        map(json!({ "content": "PublicJwks" })),
        map(json!({ "content": "PublicJwks", "line": "a" })),
        map(json!({ "content": "PublicKeyPem", "line": "a" })),
        map(json!({ "content": "CertificatePem" })),
    ];
    let mut specs = Vec::new();
    for keys in &lines {
        for profile in ["Generic", "Janssen", "Ory", "MiaPlatform", "Spring"] {
            for publisher in [Value::Null, "Keyturn".into(), "Signer".into()] {
                for secrets in &secrets {
                    for maps in &config_maps {
                        let mut spec = json!({
                            "keys": keys, "profile": profile, "secrets": secrets, "configMaps": maps, "encSelection": "First",
                        });
                        if let (Value::String(_), Some(fields)) = (&publisher, spec.as_object_mut()) {
                            fields.insert("publisher".to_owned(), publisher.clone());
                        }
                        specs.push(spec);
                    }
                }
            }
        }
    }
    specs.into_iter().step_by(11).collect()
}

#[tokio::test]
async fn the_api_server_and_the_policy_refuse_the_same_certificates() {
    let fixture = Fixture::new("certificates").await;
    let mut wrong = Vec::new();
    for keys in
        [json!([{ "algorithm": "ES256" }]), json!([{ "algorithm": "RSA-OAEP" }]), json!([{ "algorithm": "HS256" }])]
    {
        for (publisher, maps) in [("Keyturn", json!([])), ("Signer", json!([])), ("Signer", json!([{ "name": "out" }]))]
        {
            for rotation in [json!({ "interval": "100h" }), json!({ "mode": "Never" })] {
                let spec = |minutes: i64| {
                    json!({
                        "keys": keys, "publisher": publisher, "configMaps": maps, "encSelection": "First", "rotation": rotation,
                        "certificate": { "validity": format!("{minutes}m") },
                    })
                };
                // The least that the policy takes, and one minute less.
                let least = (1..60_000).collect::<Vec<i64>>().partition_point(|minutes| !is_a_policy(&spec(*minutes)));
                let least = i64::try_from(least).expect("a number") + 1;
                if let Err(said) = admit(&fixture, "auth", &spec(least)).await {
                    wrong.push(format!("{}: {said}", spec(least)));
                }
                if admit(&fixture, "auth", &spec(least - 1)).await.is_ok() {
                    wrong.push(format!("{}: it was taken", spec(least - 1)));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[tokio::test]
async fn the_api_server_and_the_policy_refuse_the_same_timings() {
    let fixture = Fixture::new("agree").await;
    let mut wrong = Vec::new();
    let (mut taken, mut refused) = (0, 0);
    for spec in timings() {
        let by_server = admit(&fixture, "auth", &spec).await;
        let parsed: JwksKeySetSpec = serde_json::from_value(spec.clone()).expect("a spec");
        let by_policy = Policy::parse("auth", &parsed, WRITE_BOUND).map(drop).map_err(|error| error.to_string());
        if by_server.is_ok() {
            taken += 1;
        } else {
            refused += 1;
        }
        if by_server.is_ok() != by_policy.is_ok() {
            wrong.push(format!("{spec}: the API server {by_server:?}, the policy {by_policy:?}"));
        }
    }
    assert!(wrong.is_empty(), "{} differ: {:#?}", wrong.len(), wrong.first_chunk::<3>());
    assert!(taken > 50 && refused > 50, "both happen: {taken} taken, {refused} refused");
}

/// Facts large and small, each with intervals just below, at and just above every sum that could matter.
fn timings() -> Vec<Value> {
    let facts =
        [[120, 3_600, 120, 86_400, 60], [1, 0, 2, 3, 0], [7, 11, 500, 40, 1], [0, 0, 0, 0, 0], [90, 300, 30, 7_200, 5]];
    let lines = [
        json!([{ "algorithm": "ES256" }]),
        json!([{ "algorithm": "RSA-OAEP" }]),
        json!([{ "algorithm": "ES256" }, { "algorithm": "RSA-OAEP" }]),
        json!([{ "algorithm": "HS256" }]),
        json!([{ "algorithm": "A256KW" }]),
        json!([{ "algorithm": "ES256" }, { "algorithm": "dir" }]),
        json!([{ "algorithm": "RSA-OAEP" }, { "algorithm": "HS384" }]),
    ];
    let mut specs = Vec::new();
    for [p, c, r, l, s] in facts {
        let sums = [
            p + c + s + 60 + s,
            r + c + s + 60 + s,
            r + s + 60 + s,
            (r + l + 2 * s + 7) / 8,
            (p + c + l + 2 * s + 7) / 8,
            (r + c + l + 2 * s + 7) / 8,
        ];
        for keys in &lines {
            for (publisher, maps) in
                [("Keyturn", json!([])), ("Signer", json!([])), ("Signer", json!([{ "name": "out" }]))]
            {
                for interval in sums.iter().flat_map(|sum| [sum - 1, *sum, sum + 1]).filter(|at| *at >= 0) {
                    let spec = json!({
                        "keys": keys,
                        "publisher": publisher,
                        "configMaps": maps,
                        "encSelection": "First",
                        "rotation": { "interval": format!("{}m{}s", interval / 60, interval % 60) },
                        "timing": {
                            "publishDelay": format!("{p}s"),
                            "verifierCacheTtl": format!("{c}s"),
                            "signerReloadDelay": format!("{r}s"),
                            "maxTokenLifetime": format!("{l}s"),
                            "clockSkew": format!("{s}s"),
                        },
                    });
                    specs.push(spec);
                }
            }
        }
    }
    specs
}
