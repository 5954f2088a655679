//! `keyturn plan`: what it says, and that `keyturn run` then does it.

use std::process::Command;

use serde_json::{Value, json};

use crate::program::{Outcome, Workplace, auth};

const FROM: &str = "2027-01-01T00:00:00Z";

/// A set whose times are short, and no two of them alike.
const SPEC: &str = "keys:\n  - algorithm: ES256\n    name: a\nrotation: { interval: 10h }\ntiming:\n  publishDelay: 3m\n  \
                    verifierCacheTtl: 30m\n  signerReloadDelay: 4m\n  maxTokenLifetime: 11h\n  clockSkew: 2m";

fn plan(place: &Workplace, args: &[&str]) -> Outcome {
    let mut command = Command::new(env!("CARGO_BIN_EXE_keyturn"));
    command.arg("plan").arg(place.set()).args(args).env("LC_ALL", "C.UTF-8");
    Outcome::of(&mut command, &place.dir())
}

fn planned(place: &Workplace, args: &[&str]) -> String {
    let outcome = plan(place, &[&["--from", FROM], args].concat());
    assert!(outcome.status.success() && outcome.stderr.is_empty(), "{outcome:#?}");
    assert!(!place.dir().exists(), "a plan writes nothing");
    outcome.stdout
}

fn planned_json(place: &Workplace, args: &[&str]) -> Value {
    let text = planned(place, &[&["--output", "json"], args].concat());
    serde_json::from_str(&text).unwrap()
}

#[test]
fn the_sums_are_shown_with_the_facts() {
    let place = Workplace::new(&auth(SPEC));
    let text = planned(&place, &[]);
    for row in [
        "default/auth is safe as long as the facts below are true.",
        "lead       publishDelay 3m + verifierCacheTtl 30m + clockSkew 2m = 35m",
        "counted from the acknowledged write of ConfigMap \"auth-jwks\" (+1m)",
        "retention  signerReloadDelay 4m + maxTokenLifetime 11h + 2 x clockSkew 2m = 11h8m",
        "counted from the acknowledged write of Secret \"auth-signer\" (+1m)",
        "interval   10h, and the least is lead 35m + 1m for one write + clockSkew 2m = 38m",
        "kept       at most 2 retired keys a line: (11h8m + 1m) / 10h, rounded up",
        "Keys rotate every 10h.",
    ] {
        assert!(text.contains(row), "{row:?} is not in\n{text}");
    }
    let text = planned(&place, &["--for", "directory"]);
    assert!(text.contains("lead 35m + 0s for one write + clockSkew 2m = 37m"), "{text}");
    assert!(!text.contains("(+1m)"), "{text}");
}

#[test]
fn the_timeline_and_the_picture_are_those_of_the_spec() {
    let place = Workplace::new(&auth(SPEC));
    let text = planned(&place, &["--horizon", "22h", "--ascii"]);
    let (_, timeline) = text.split_once("If it is applied as a new set at 2027-01-01 00:00:00 UTC:\n").unwrap();
    let wanted = "  after  UTC                  what
  0s     2027-01-01 00:00:00  a#1 minted, published, active; a#2 minted, published
  10h    2027-01-01 10:00:00  a#1 retired; a#2 active; a#3 minted, published
  20h    2027-01-01 20:00:00  a#2 retired; a#3 active; a#4 minted, published
  21h9m  2027-01-01 21:09:00  a#1 removed
Still to come after 22h:
  30h    2027-01-02 06:00:00  a#4 becomes active; waits for the rotation to be due
  31h9m  2027-01-02 07:09:00  a#2 is removed; waits for the retention: what it signed may still be valid

       . Standby  # Active  - Retired
  a#1  ##########################################------------------------------------------------
  a#2  ..........................................##########################################---------
  a#3                                            ..........................................#########
  a#4                                                                                      .........
       2027-01-01 00:00:00                                                       2027-01-01 22:00:00
";
    assert_eq!(timeline, wanted);
    assert!(text.is_ascii());
    let blocks = planned(&place, &["--horizon", "22h"]);
    assert_eq!(blocks.replace('░', ".").replace('█', "#").replace('▒', "-"), text);
}

#[test]
fn programs_read_the_same() {
    let place = Workplace::new(&auth(SPEC));
    let plan = planned_json(&place, &["--horizon", "22h"]);
    let set = &plan["sets"][0];
    let term = |fact: &str, times: i32, seconds: i64| json!({ "fact": fact, "times": times, "seconds": seconds });
    assert_eq!(
        set["uses"],
        json!([{
            "use": "sig",
            "symmetric": false,
            "lines": ["a"],
            "leads": [{
                "output": "ConfigMap",
                "sum": [term("publishDelay", 1, 180), term("verifierCacheTtl", 1, 1800), term("clockSkew", 1, 120)],
                "seconds": 2100,
            }],
            "retentions": [{
                "output": "Secret",
                "sum": [term("signerReloadDelay", 1, 240), term("maxTokenLifetime", 1, 39600), term("clockSkew", 2, 120)],
                "seconds": 40080,
            }],
            "leastGapSeconds": 2280,
            "mostRetiredKeys": 2,
        }])
    );
    let rotation = json!({ "mode": "Interval", "shortestGapSeconds": 36000, "paused": false, "confirm": false });
    assert_eq!((&set["safe"], &set["writeBoundSeconds"], &set["rotation"]), (&json!(true), &json!(60), &rotation));
    assert_eq!((&set["fromTime"], &set["untilTime"]), (&json!(FROM), &json!("2027-01-01T22:00:00Z")));
    assert_eq!(
        set["keys"][0],
        json!({
            "key": "a#1", "line": "a", "algorithm": "ES256", "use": "sig", "adopted": false,
            "mintedTime": FROM, "publishedTime": FROM, "activeTime": FROM,
            "retiredTime": "2027-01-01T10:00:00Z", "removalTime": "2027-01-01T21:09:00Z",
        })
    );
    assert_eq!(set["ahead"][0]["key"], "a#4");
    assert_eq!((&set["ahead"][0]["to"], &set["ahead"][0]["time"]), (&json!("Active"), &json!("2027-01-02T06:00:00Z")));
}

#[test]
fn what_is_not_planned_or_is_held_is_told() {
    let never = planned(&Workplace::new(&auth("keys: [{ algorithm: ES256 }]\nrotation: { mode: Never }")), &[]);
    assert!(never.contains("Keys rotate only when asked to") && never.contains("ready      lead 1h3m"), "{never}");
    let paused = planned(&Workplace::new(&auth("keys: [{ algorithm: ES256 }]\nrotation: { paused: true }")), &[]);
    assert!(paused.contains("a new key for line es256; waits for the end of the pause"), "{paused}");
    let spec = "keys: [{ algorithm: ES256 }]\npromotion: { confirm: [{ manual: {} }] }";
    let confirmed = planned(&Workplace::new(&auth(spec)), &[]);
    for row in [
        "confirmed  at the earliest publishDelay 2m + clockSkew 1m = 3m after publication",
        "keyturn.dev/confirm",
        "720h   2027-01-31 00:00:00  es256#2 due, waits for its confirmation",
        "  -      -                    es256#2 becomes active; waits for its confirmation",
    ] {
        assert!(confirmed.contains(row), "{row:?} is not in\n{confirmed}");
    }
}

#[test]
fn a_schedule_shows_the_time_of_its_zone() {
    let rotation = "rotation: { mode: Schedule, schedule: \"0 3 1 * *\", timeZone: Europe/Rome }";
    let text = planned(&Workplace::new(&auth(&format!("keys: [{{ algorithm: ES256 }}]\n{rotation}"))), &[]);
    for row in [
        "Keys rotate when \"0 3 1 * *\" fires in Europe/Rome.",
        "interval   672h, and the least is",
        "746h     2027-02-01 02:00:00  2027-02-01 03:00:00  es256#2 retired; es256#3 active",
        "2161h    2027-04-01 01:00:00  2027-04-01 03:00:00  es256#5 becomes active",
    ] {
        assert!(text.contains(row), "{row:?} is not in\n{text}");
    }
}

#[test]
fn discouraged_keys_are_warned_of() {
    let place = Workplace::new(&auth("keys:\n  - algorithm: RS256\n    rsaBits: 2048\n  - algorithm: ES256"));
    let text = planned(&place, &[]);
    assert_eq!(text.matches("warning: ").count(), 1);
    assert!(text.contains("warning: line rs256: RSA keys of 2048 bits"), "{text}");
    assert_eq!(planned_json(&place, &[])["sets"][0]["warnings"][0]["line"], "rs256");
}

#[test]
fn a_spec_that_cannot_be_safe_is_refused_with_every_sentence_and_the_others_are_planned() {
    let bad = auth("keys:\n  - algorithm: RS265\ntiming: { clockSkew: soon }").replace("name: auth", "name: bad");
    let place = Workplace::new(&format!("{bad}---\n{}", auth(SPEC)));
    let sentences =
        ["default/bad is refused: spec.keys[0].algorithm", "did you mean RS256?", "\"soon\" is no duration"];
    let outcome = plan(&place, &[]);
    outcome.assert_refused(&sentences);
    assert_eq!(outcome.stderr.lines().count(), 2, "a line a sentence: {outcome:#?}");
    assert!(outcome.stdout.starts_with("default/auth is safe"), "{outcome:#?}");
    let outcome = plan(&place, &["--output", "json"]);
    outcome.assert_refused(&sentences);
    let document: Value = serde_json::from_str(&outcome.stdout).unwrap();
    let (bad, good) = (&document["sets"][0], &document["sets"][1]);
    assert_eq!((&bad["name"], &bad["safe"], &good["safe"]), (&json!("bad"), &json!(false), &json!(true)));
    assert_eq!(bad["refused"].as_array().unwrap().len(), 2);
    // What the minute of one write makes too often on a cluster is safe in a directory.
    let tight = SPEC.replace("interval: 10h", "interval: 37m").replace("11h", "1h");
    let place = Workplace::new(&auth(&tight));
    plan(&place, &[]).assert_refused(&["= 38m: rotate less often"]);
    planned(&place, &["--for", "directory"]);
}

#[test]
fn bad_arguments_say_what_to_write() {
    let place = Workplace::new(&auth(SPEC));
    for (args, sentence) in [
        (&["--horizon", "90d"][..], "\"90d\" is no duration: write hours, minutes and seconds"),
        (&["--for", "vault"], "possible values: kubernetes, directory"),
        (&["--from", "tomorrow"], "invalid value 'tomorrow' for '--from <TIME>'"),
        (&["--from", "tomorrow"], "such as 2027-01-01T00:00:00Z"),
        (&["--from", "+99999-01-01T00:00:00Z"], "invalid value"),
    ] {
        let outcome = plan(&place, args);
        assert_eq!(outcome.status.code(), Some(2), "{outcome:#?}");
        assert!(outcome.stderr.contains(sentence), "{outcome:#?}");
    }
    place.state("keys: [");
    plan(&place, &[]).assert_refused(&["set.yaml is no valid YAML"]);
}

#[test]
fn a_file_that_can_not_be_read_holds_up_no_other() {
    let place = Workplace::new(&auth(SPEC));
    let missing = place.beside("missing.yaml").display().to_string();
    let outcome = plan(&place, &[&missing]);
    outcome.assert_refused(&["missing.yaml can't be read"]);
    assert!(outcome.stdout.starts_with("default/auth is safe"), "{outcome:#?}");
    let outcome = plan(&place, &[&missing, "--output", "json"]);
    outcome.assert_refused(&["missing.yaml can't be read"]);
    let document: Value = serde_json::from_str(&outcome.stdout).unwrap();
    assert_eq!((&document["sets"][0]["safe"], document["unreadable"].as_array().unwrap().len()), (&json!(true), 1));
}

#[test]
fn what_is_ignored_or_lost_on_the_way_is_told() {
    let rotation = "rotation: { mode: Schedule, schedule: \"0 3 1 * *\", interval: 100h }";
    let text = planned(&Workplace::new(&auth(&format!("keys: [{{ algorithm: ES256 }}]\n{rotation}"))), &[]);
    assert!(text.contains("rotation.interval is ignored"), "{text}");
    let keystore = "keys: [{ algorithm: ES256 }]\nsecrets:\n  - name: s\n    passphrase: { secretKeyRef: { name: p, key: p } }\n    \
                    files: { k.p12: { content: Pkcs12 } }";
    let text = planned(&Workplace::new(&auth(keystore)), &[]);
    assert!(text.contains("warning: line es256: Java reads the aliases of a keystore in lower case"), "{text}");
    let text = planned(&Workplace::new(&auth(&format!("{keystore}\nkid: {{ template: \"{{uuid}}\" }}"))), &[]);
    assert!(!text.contains("warning"), "{text}");
}

#[test]
fn what_is_planned_is_what_run_does() {
    let place = Workplace::new(&auth(SPEC));
    place.once_well();
    let keyring = place.json("keyrings/auth.json");
    let active = keyring["keys"].as_array().unwrap().iter().find(|key| key["phase"] == "Active").unwrap().clone();
    let mut command = Command::new(env!("CARGO_BIN_EXE_keyturn"));
    command.arg("plan").arg(place.set()).args(["--for", "directory", "--output", "json", "--from"]);
    let outcome = Outcome::of(command.arg(active["activeSince"].as_str().unwrap()), &place.dir());
    let plan: Value = serde_json::from_str(&outcome.stdout).unwrap();
    let keys = &plan["sets"][0]["keys"];
    assert_eq!((&keys[0]["activeTime"], &keys[0]["retiredTime"]), (&active["activeSince"], &active["rotationDue"]));
    assert_eq!(keys[1]["activeTime"], active["rotationDue"]);
}
