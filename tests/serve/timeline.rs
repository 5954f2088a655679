//! The timeline as people see it: in a real Chromium, light and dark, wide and narrow, with and without scripts.
//!
//! `KEYTURN_WRITE_DOCS=1 cargo test --test serve timeline` also makes the picture of the README, `docs/images/timeline.png`.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use chrono::{TimeDelta, Utc};
use keyturn::api::JwksKeySet;
use kube::Api;
use kube::api::{Patch, PatchParams};
use serde_json::{Value, json};

use crate::cluster::serve;
use crate::operator::{Fixture, example};
use crate::server::Server;

/// Reads a picture that is larger, and the README gets slow.
const LARGEST_PICTURE: u64 = 150_000;

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// The folder with the browser's driver and axe, fetched once into `target/`.
fn libraries() -> PathBuf {
    let (sources, home) = (root().join("tests/serve/browser"), root().join("target/serve-browser"));
    fs::create_dir_all(&home).unwrap();
    let lock = File::create(home.join("lock")).unwrap();
    lock.lock().unwrap();
    let pinned = fs::read_to_string(sources.join("package-lock.json")).unwrap();
    if fs::read_to_string(home.join("stamp")).is_ok_and(|stamp| stamp == pinned) {
        return home;
    }
    let _ = writeln!(std::io::stderr().lock(), "[serve] fetching the browser's driver once into {}", home.display());
    for name in ["package.json", "package-lock.json"] {
        fs::copy(sources.join(name), home.join(name)).unwrap();
    }
    let fetched =
        Command::new("npm").args(["ci", "--no-audit", "--no-fund", "--ignore-scripts"]).current_dir(&home).output();
    let fetched = fetched.expect("npm is needed on the PATH");
    assert!(fetched.status.success(), "{}", String::from_utf8_lossy(&fetched.stderr));
    fs::write(home.join("stamp"), pinned).unwrap();
    home
}

/// What different people see.
fn look(url: &str, screenshot: &Path) -> Vec<Value> {
    let home = libraries();
    fs::copy(root().join("tests/serve/browser/look.mjs"), home.join("look.mjs")).unwrap();
    let browser = ["chromium", "chromium-browser", "google-chrome"].into_iter().find_map(|name| {
        let found = Command::new("sh").args(["-c", "command -v \"$0\"", name]).output().unwrap();
        found.status.success().then(|| String::from_utf8(found.stdout).unwrap().trim().to_owned())
    });
    let unpacked = home.join("browser");
    fs::create_dir_all(&unpacked).unwrap();
    let mut node = Command::new("node");
    node.arg(home.join("look.mjs")).args([url, browser.as_deref().unwrap_or_default()]).arg(screenshot);
    // npm's Chromium is made for that place, brings its libraries there, and is unpacked into the temporary folder.
    node.env("AWS_LAMBDA_JS_RUNTIME", "nodejs20.x").env("TMPDIR", &unpacked);
    if browser.is_none() {
        // It looks for its fonts where it isn't, and without any it shows no text.
        let (fonts, folder) = (home.join("fonts.conf"), unpacked.display());
        let list =
            format!("<dir>{folder}/fonts</dir><dir>/usr/share/fonts</dir><cachedir>{folder}/fonts-cache</cachedir>");
        fs::write(&fonts, format!("<?xml version=\"1.0\"?>\n<fontconfig>{list}</fontconfig>\n")).unwrap();
        node.env("FONTCONFIG_FILE", fonts);
    }
    let output = node.output();
    let output = output.expect("node is needed on the PATH");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// A set of two lines in the middle of its life, as the operator would tell of it.
async fn living(fixture: &Fixture) -> JwksKeySet {
    let at = |hours: i64| (Utc::now() + TimeDelta::hours(hours)).format("%Y-%m-%dT%H:%M:%SZ").to_string();
    let key = |kid: &str, line: &str, algorithm: &str, phase: &str, times: Value| {
        let mut key = json!({ "kid": kid, "line": line, "algorithm": algorithm, "use": "sig", "phase": phase });
        key.as_object_mut().unwrap().extend(times.as_object().unwrap().clone());
        key
    };
    let retired = json!({
        "mintedTime": at(-372), "publishedTime": at(-372), "activeTime": at(-180), "retiredTime": at(-12), "removalTime": at(13),
    });
    let active =
        json!({ "mintedTime": at(-180), "publishedTime": at(-180), "activeTime": at(-12), "rotationTime": at(156) });
    let standby = json!({ "mintedTime": at(-12), "publishedTime": at(-12) });
    let condition = |type_: &str, message: &str| {
        json!({
            "type": type_, "status": "True", "reason": "Healthy", "message": message, "lastTransitionTime": at(-372),
            "observedGeneration": 1,
        })
    };
    let status = json!({
        "observedGeneration": 1,
        "conditions": [condition("Ready", "every line has a key in use & all outputs are as they should be")],
        "keys": [
            key("qL3vJm1R0Yw5cQ8hXk2uZt9sBn4oDp7eFg6iHj0aTyU", "id-token", "RS256", "Retired", retired.clone()),
            key("Zc81PqAvYt3nLw0RkX5uJm7sGh2eDb9oTf4iVy6aNxE", "id-token", "RS256", "Active", active.clone()),
            key("h0Kd9sVb3Xq7Lm2PzRt5wYc8uNj4aGf1eTi6oQy_BrM", "id-token", "RS256", "Standby", standby.clone()),
            key("M4nB7vC1xZ9lK3jH6gF2dS5aP8oI0uY-tR1eW4qT7yU", "access", "ES256", "Retired", retired),
            key("s9D3fG7hJ1kL5zX8cV2bN6mQ0wE4rT_yU7iO1pA3sDf", "access", "ES256", "Active", active),
            key("Y6tR2eW8qA4sD0fG5hJ9kL3zX7cV1bN_mQ6wE2rT8yU", "access", "ES256", "Standby", standby),
        ],
        "outputs": [],
    });
    let set = example(
        "auth",
        json!({
            "keys": [{ "algorithm": "RS256", "name": "id-token" }, { "algorithm": "ES256", "name": "access" }],
            "rotation": { "interval": "168h" },
        }),
    );
    fixture.apply(&set).await;
    let sets: Api<JwksKeySet> = fixture.sets();
    let patch = Patch::Merge(json!({ "status": status }));
    sets.patch_status("auth", &PatchParams::default(), &patch).await.expect("the status is taken")
}

#[tokio::test(flavor = "multi_thread")]
async fn everyone_sees_the_whole_timeline() {
    let fixture = Fixture::new("timeline").await;
    let set = living(&fixture).await;
    let (server, _config) = serve(fixture.cluster, &fixture.namespace, &["--timeline"]).await;
    let path = format!("/{}/auth/timeline", fixture.namespace);
    server.ready(&path);
    let shots = tempfile::tempdir().unwrap();
    let shot = shots.path().join("timeline.png");
    let url = format!("http://{}{path}", server.address);
    let looks = look(&url, &shot);
    assert_eq!(looks.len(), 8);
    for look in &looks {
        let who = format!("{} {} {}", look["colorScheme"], look["width"], look["javaScriptEnabled"]);
        assert_eq!(look["status"], 200, "{who}");
        assert_eq!(look["complaints"], json!([]), "{who}");
        assert_eq!(look["requests"], json!([url]), "nothing else is asked for: {who}");
        let text = look["text"].as_str().unwrap();
        for word in
            ["Ready: yes.", "& all outputs", "Next", "becomes the active one", "Why it is safe", "lead", "expected"]
        {
            assert!(text.contains(word), "{word}: {who}: {text}");
        }
        let keys = &set.status.as_ref().unwrap().keys;
        assert!(keys.iter().all(|key| text.contains(&key.kid)), "every key is told in words: {who}");
        assert_eq!(look["tables"], 2, "{who}");
        // Retired: was and will be. Active: the same, and retired. Standby: three parts, and active. And those to come.
        let (rows, bars) = (look["rows"].as_u64().unwrap(), look["bars"].as_u64().unwrap());
        assert!(rows > 6 && bars >= 2 * rows, "{rows} rows and {bars} bars: {who}");
        assert!(look["picture"]["width"].as_f64().unwrap() > 600.0, "{who}");
        if look["javaScriptEnabled"] == true {
            assert_eq!(look["violations"], json!([]), "{who}");
            assert!(look["passes"].as_u64().unwrap() > 15, "axe looked: {who}");
            assert_eq!(look["overflows"], false, "{who}");
            assert_eq!(look["focused"], "region", "the picture is reached by keyboard: {who}");
            let ground = if look["colorScheme"] == "dark" { "rgb(17, 21, 26)" } else { "rgb(255, 255, 255)" };
            assert_eq!(look["ground"], ground, "{who}");
        }
    }
    let size = fs::metadata(&shot).unwrap().len();
    assert!((10_000..LARGEST_PICTURE).contains(&size), "the picture has {size} bytes");
    if std::env::var_os("KEYTURN_WRITE_DOCS").is_some() {
        fs::copy(&shot, root().join("docs/images/timeline.png")).unwrap();
    }
    assert!(fs::metadata(root().join("docs/images/timeline.png")).is_ok_and(|picture| picture.len() < LARGEST_PICTURE));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_is_harmless_and_says_what_is_wrong() {
    let fixture = Fixture::new("page").await;
    living(&fixture).await;
    let hostile = json!({ "status": { "conditions": [{
        "type": "Ready", "status": "False", "reason": "Bad", "message": "<script>alert(1)</script>",
        "lastTransitionTime": "2026-01-01T00:00:00Z",
    }] } });
    let sets = fixture.sets();
    sets.patch_status("auth", &PatchParams::default(), &Patch::Merge(hostile)).await.unwrap();
    let (server, _config) = serve(fixture.cluster, &fixture.namespace, &["--timeline"]).await;
    let page = |server: &Server, name: &str| server.get(&format!("/{}/{name}/timeline", fixture.namespace));
    server.ready(&format!("/{}/auth/timeline", fixture.namespace));
    let answer = page(&server, "auth");
    let policy = answer.header("content-security-policy").unwrap();
    assert!(policy.starts_with("default-src 'none'; style-src 'sha256-"), "{policy}");
    assert!(
        policy.ends_with("base-uri 'none'; form-action 'none'; frame-ancestors 'none'") && !policy.contains("unsafe")
    );
    assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
    assert_eq!(answer.header("referrer-policy"), Some("no-referrer"));
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    assert_eq!(answer.header("content-type"), Some("text/html; charset=utf-8"));
    assert_eq!(answer.header("access-control-allow-origin"), None, "only people read it");
    let text = String::from_utf8(answer.body).unwrap();
    assert!(text.contains("&lt;script&gt;") && !text.contains("<script"), "{text}");
    let missing = page(&server, "nobody");
    assert_eq!(missing.status, 404);
    assert!(String::from_utf8(missing.body).unwrap().contains("no key set of that name"));

    // A status that this version can't read.
    let strange = json!({ "status": { "keys": [{ "kid": "k", "line": "access", "algorithm": "ES256", "use": "sig", "phase": "Asleep" }] } });
    sets.patch_status("auth", &PatchParams::default(), &Patch::Merge(strange)).await.unwrap();
    let wanted = |answer: &crate::http::Answer| String::from_utf8_lossy(&answer.body).contains("unknown phase");
    server.until(&format!("/{}/auth/timeline", fixture.namespace), "the reason is told", wanted);

    let (without, _config) = serve(fixture.cluster, &fixture.namespace, &[]).await;
    let path = format!("/{}/auth/timeline", fixture.namespace);
    assert_eq!(without.get(&path).status, 404, "it is shown only where someone asks for it");
}
