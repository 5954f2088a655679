//! What a spec may say, what it means, and the sentence that refuses it.

mod refusals;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::api::{PublicContent, Select};
use crate::jose::Curve;
use crate::keyring::Phase;
use crate::lifecycle::fixtures::{at, config_map, ec_keys, fresh_keyring, key_of, oct_key, policy, secret, spec};
use crate::material::PrivateKey;

fn parse(spec: &JwksKeySetSpec) -> Result<Policy, PolicyErrors> {
    Policy::parse("auth", spec, TimeDelta::seconds(60))
}

/// The policy of a spec as users write it, with every default.
fn plain(members: Value) -> Policy {
    parse(&serde_json::from_value(members).unwrap()).unwrap()
}

fn refused(members: Value) -> String {
    parse(&spec(members)).expect_err("this spec is wrong").to_string()
}

#[test]
fn the_smallest_spec_has_defaults_that_are_safe_in_production() {
    let policy = plain(json!({ "keys": [{ "algorithm": "RS256" }] }));
    let line = Line { name: "rs256".to_owned(), algorithm: Algorithm::Rs256, spec: KeySpec::Rsa { bits: 4096 } };
    assert_eq!(policy.lines, [line]);
    let hours = TimeDelta::hours;
    let minutes = TimeDelta::minutes;
    let facts = Facts {
        publish_delay: minutes(2),
        verifier_cache_ttl: hours(1),
        signer_reload_delay: minutes(2),
        max_token_lifetime: hours(24),
        clock_skew: minutes(1),
    };
    assert_eq!(policy.facts, facts);
    assert!(matches!(policy.rotation, Rotation::Interval(interval) if interval == hours(720)));
    assert!(!policy.paused && policy.standby && !policy.confirm);
    assert_eq!(policy.publisher, Publisher::Keyturn);
    assert!(policy.revoked.is_empty());
    assert_eq!(policy.rotation_due(at(0)), Some(at(720 * 3600)));
    assert_eq!(policy.timing(Algorithm::Rs256, &facts).lead(), minutes(2 + 60 + 1));
    assert_eq!(policy.timing(Algorithm::Rs256, &facts).retention(), minutes(2 + 24 * 60 + 2));
    assert_eq!(policy.ahead(Algorithm::Rs256, &facts), minutes(63 + 1 + 1));
}

#[test]
fn every_algorithm_is_a_line_by_itself() {
    for algorithm in Algorithm::ALL {
        let policy = plain(json!({ "keys": [{ "algorithm": algorithm.name() }], "encSelection": "First" }));
        let [line] = policy.lines.as_slice() else { panic!("{algorithm}") };
        assert_eq!((line.algorithm, line.name.as_str()), (*algorithm, &*algorithm.slug()));
    }
}

#[test]
fn a_curve_is_part_of_what_is_generated() {
    let policy =
        plain(json!({ "keys": [{ "algorithm": "ECDH-ES+A128KW", "curve": "X25519" }, { "algorithm": "RSA1_5" }] }));
    let lines: Vec<_> = policy.lines.iter().map(|line| (line.name.as_str(), line.spec.to_string())).collect();
    assert_eq!(lines, [("ecdh-es-a128kw", "X25519".to_owned()), ("rsa1-5", "RSA 4096".to_owned())]);
}

#[test]
fn by_default_verifiers_get_a_config_map_and_signers_a_secret() {
    let file = |content| File { content, scope: Scope::AllLines, select: Select::Active };
    let signer = Output::Secret {
        name: "auth-signer".to_owned(),
        passphrase: None,
        files: [("jwks.json".to_owned(), file(SignersFile::Jwks { inactive: None }))].into(),
    };
    let jwks = Output::ConfigMap {
        name: "auth-jwks".to_owned(),
        files: [(
            "jwks.json".to_owned(),
            File { content: PublicContent::PublicJwks, scope: Scope::AllLines, select: Select::Active },
        )]
        .into(),
    };
    assert_eq!(policy(json!({})).outputs, [jwks, signer.clone()], "ConfigMaps are written first");
    assert_eq!(policy(json!({ "publisher": "Signer" })).outputs, [signer], "the server publishes what it loaded");
}

#[test]
fn symmetric_lines_alone_get_a_secret_and_no_config_map() {
    let kinds = |keys: Value| -> Vec<OutputId> {
        policy(json!({ "keys": keys, "encSelection": "First" })).outputs.iter().map(Output::id).collect()
    };
    let (hs, es) = (json!({ "algorithm": "HS256" }), json!({ "algorithm": "ES256" }));
    assert_eq!(kinds(json!([hs, { "algorithm": "dir" }])), [secret("auth-signer")]);
    assert_eq!(kinds(json!([hs, es])), [config_map("auth-jwks"), secret("auth-signer")]);
}

#[test]
fn a_public_set_for_symmetric_keys_alone_can_only_be_empty() {
    let is_empty = |keys: Value, content: &str| {
        let files = json!({ "f": { "content": content } });
        policy(json!({ "keys": keys, "configMaps": [{ "name": "c", "files": files }] })).has_empty_jwks()
    };
    let (hs, es) = (json!({ "algorithm": "HS256" }), json!({ "algorithm": "ES256" }));
    assert!(is_empty(json!([hs]), "PublicJwks"));
    assert!(!is_empty(json!([hs]), "Revision"));
    assert!(!is_empty(json!([hs, es]), "PublicJwks"));
    assert!(!policy(json!({ "keys": [hs] })).has_empty_jwks());
}

#[test]
fn the_content_encryption_decides_the_size_of_a_dir_key() {
    let line =
        |content: &str| json!({ "algorithm": "dir", "contentEncryption": content, "name": content.to_lowercase() });
    let keys = ["A128GCM", "A256CBC-HS512"].map(line);
    let policy = policy(json!({ "keys": keys, "encSelection": "First" }));
    let specs: Vec<KeySpec> = policy.lines.iter().map(|line| line.spec).collect();
    assert_eq!(specs, [128, 512].map(|bits| KeySpec::Oct { bits }));
}

#[test]
fn a_set_that_became_symmetric_writes_its_config_map_until_no_public_half_is_left() {
    let parsed = || policy(json!({ "keys": [{ "algorithm": "HS256", "name": "a" }] }));
    let with = |private: &PrivateKey, algorithm| {
        let key = key_of(private, "k", "a", algorithm, Phase::Standby);
        Keyring { keys: vec![key], ..fresh_keyring(&parsed()) }
    };
    let (left, all_symmetric) = (with(&ec_keys()[0], Algorithm::Es256), with(&oct_key(1, 256), Algorithm::Hs256));
    let mut policy = parsed();
    let kept = |policy: &Policy| policy.outputs[0].id() == config_map("auth-jwks");
    policy.publish_what_is_left("auth", &all_symmetric, false);
    assert!(!kept(&policy));
    policy.publish_what_is_left("auth", &left, false);
    assert!(kept(&policy) && policy.outputs.len() == 2);
    policy.publish_what_is_left("auth", &left, true);
    assert_eq!(policy.outputs.len(), 2, "it is listed");
    let mut emptied = parsed();
    emptied.publish_what_is_left("auth", &all_symmetric, true);
    assert!(kept(&emptied), "a crash may have left a key there");
    let mut by_signer = Policy { publisher: Publisher::Signer, ..parsed() };
    by_signer.publish_what_is_left("auth", &left, true);
    assert!(!kept(&by_signer));
}

#[test]
fn an_output_without_files_and_a_file_without_a_line_are_filled_in() {
    let policy = policy(json!({
        "secrets": [{ "name": "s", "files": { "key.pem": { "content": "PrivateKeyPem" } } }],
        "configMaps": [{ "name": "c" }],
    }));
    let [Output::ConfigMap { files: public, .. }, Output::Secret { files: private, .. }] = policy.outputs.as_slice()
    else {
        panic!("{:?}", policy.outputs)
    };
    assert_eq!(public["jwks.json"].content, PublicContent::PublicJwks);
    assert_eq!(private["key.pem"].scope, Scope::AllLines, "the only line there is, whatever its name");
}

/// The table of the design, with P 10, C 100, R 20, L 1000, S 5.
#[test]
fn leads_and_retentions_are_those_of_the_table() {
    let (sig_by_signer, enc_by_signer) = ((20 + 100 + 5, 20 + 1_000 + 10), (20 + 5, 20 + 100 + 1_000 + 10));
    for (algorithm, publisher, (lead, retention)) in [
        ("ES256", "Keyturn", (10 + 100 + 5, 20 + 1_000 + 10)),
        ("ES256", "Signer", sig_by_signer),
        ("HS384", "Keyturn", sig_by_signer),
        ("HS384", "Signer", sig_by_signer),
        ("RSA-OAEP", "Keyturn", (20 + 5, 10 + 100 + 1_000 + 10)),
        ("RSA-OAEP", "Signer", enc_by_signer),
        ("A256GCMKW", "Keyturn", enc_by_signer),
        ("dir", "Signer", enc_by_signer),
    ] {
        let keys = json!([{ "algorithm": algorithm }]);
        let policy = policy(json!({ "keys": keys, "publisher": publisher, "encSelection": "First" }));
        let algorithm: Algorithm = algorithm.parse().unwrap();
        let seconds = |delta: &TimeDelta| delta.num_seconds();
        let timing = policy.timing(algorithm, &policy.facts);
        let kinds: Vec<OutputKind> = policy.outputs.iter().map(|output| output.id().kind).collect();
        let longest = |list: &[(OutputKind, TimeDelta)]| {
            list.iter().filter(|(kind, _)| kinds.contains(kind)).map(|(_, delta)| seconds(delta)).max()
        };
        assert_eq!(longest(&timing.leads), Some(lead), "{algorithm} {publisher}");
        assert_eq!(longest(&timing.retentions), Some(retention), "{algorithm} {publisher}");
        assert!(seconds(&policy.ahead(algorithm, &policy.facts)) >= lead + 60 + 5, "{algorithm} {publisher}");
    }
}

#[test]
fn the_bound_on_one_write_is_part_of_the_shortest_interval() {
    let exact = |seconds: i64| {
        spec(json!({ "rotation": { "interval": format!("{seconds}s") }, "timing": { "maxTokenLifetime": "500s" } }))
    };
    for (bound, least) in [(60, 115 + 60 + 5), (0, 115 + 5)] {
        let parse = |seconds| Policy::parse("auth", &exact(seconds), TimeDelta::seconds(bound));
        parse(least).unwrap();
        let error = parse(least - 1).unwrap_err().to_string();
        assert!(error.contains(&format!("+ {} for one write", shown(TimeDelta::seconds(bound)))), "{error}");
    }
}

#[test]
fn no_wait_at_all_still_needs_an_interval() {
    let none = json!({
        "publishDelay": "0s", "verifierCacheTtl": "0s", "signerReloadDelay": "0s",
        "maxTokenLifetime": "0s", "clockSkew": "0s",
    });
    let parse = |interval| {
        let spec = spec(json!({ "timing": none, "rotation": { "interval": interval } }));
        Policy::parse("auth", &spec, TimeDelta::zero())
    };
    parse("1s").unwrap();
    let error = parse("0s").unwrap_err().to_string();
    assert!(error.contains("+ 0s for one write + clockSkew 0s = 1s: rotate less often"), "{error}");
}

#[test]
fn eight_retired_keys_of_a_line_are_the_most() {
    // The retention is 20 + 8000 + 10.
    let with =
        |interval: &str| json!({ "timing": { "maxTokenLifetime": "8000s" }, "rotation": { "interval": interval } });
    policy(with("1004s"));
    let error = refused(with("1003s"));
    assert!(error.contains("more than 8 retired sig keys of a line, each for 2h13m50s"), "{error}");
}

#[test]
fn a_config_map_may_have_the_name_of_the_keyring_or_of_a_secret() {
    let policy = policy(json!({ "configMaps": [{ "name": "auth-keyring" }, { "name": "auth-signer" }] }));
    let ids: Vec<OutputId> = policy.outputs.iter().map(Output::id).collect();
    assert_eq!(ids, [config_map("auth-keyring"), config_map("auth-signer"), secret("auth-signer")]);
}

#[test]
fn encryption_by_the_signer_is_taken_where_senders_take_the_first_key() {
    let policy = policy(json!({
        "keys": [{ "algorithm": "RSA-OAEP" }], "publisher": "Signer", "encSelection": "First",
    }));
    assert_eq!(policy.publisher, Publisher::Signer);
}

#[test]
fn a_schedule_is_due_when_it_fires_next_and_never_is_never_due() {
    let scheduled =
        policy(json!({ "rotation": { "mode": "Schedule", "schedule": "0 3 1 * *", "timeZone": "Europe/Rome" } }));
    let time = |text: &str| text.parse::<Time>().unwrap();
    assert_eq!(scheduled.rotation_due(time("2026-11-30T12:00:00Z")), Some(time("2026-12-01T02:00:00Z")));
    assert_eq!(scheduled.rotation_due(time("2026-12-01T02:00:00Z")), Some(time("2027-01-01T02:00:00Z")));
    // What only an interval needs is not asked of them.
    let never = policy(json!({ "rotation": { "mode": "Never", "interval": "1s" } }));
    assert_eq!(never.rotation_due(at(0)), None);
}

#[test]
fn a_kid_is_put_together_from_its_template() {
    let thumbprint = "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs".parse().unwrap();
    let kid = |template: &str| {
        KidTemplate::parse(template, None).unwrap().kid(&KidParts {
            thumbprint: &thumbprint,
            uuid: "0-1",
            line: "id-token",
            algorithm: Algorithm::RsaOaep256,
            minted: "2026-12-01T23:59:59Z".parse().unwrap(),
        })
    };
    assert_eq!(kid("{thumbprint}"), thumbprint.to_string());
    assert_eq!(kid("v1/{line}_{use}_{alg}:{date}@{uuid}"), "v1/id-token_enc_rsa-oaep-256:2026-12-01@0-1");
}

#[test]
fn line_names_and_sizes_are_kept() {
    let policy = policy(json!({ "keys": [
        { "algorithm": "PS512", "rsaBits": 3072, "name": "x.y-1" },
        { "algorithm": "ES512" },
    ] }));
    let known: Vec<(&str, KeySpec)> = policy.lines.iter().map(|line| (line.name.as_str(), line.spec)).collect();
    assert_eq!(known, [("x.y-1", KeySpec::Rsa { bits: 3072 }), ("es512", KeySpec::Ec { curve: Curve::P521 })]);
}

proptest! {
    /// The sums are worked out anew here, from the table of the design.
    #[test]
    fn a_policy_that_exists_is_safe_and_one_that_would_be_is_not_refused(
        facts in prop::array::uniform5(prop_oneof![0..5_i64, 0..5_000_i64]),
        interval in prop_oneof![0..10_i64, 0..20_000_i64],
        algorithms in prop::sample::subsequence(vec!["ES256", "RS256", "RSA-OAEP", "HS256", "A128KW", "dir"], 1..=4),
        publisher in prop::sample::select(vec!["Keyturn", "Signer"]),
        bound in prop::sample::select(vec![0_i64, 60]),
    ) {
        let [p, c, r, l, s] = facts;
        let seconds = |number: i64| format!("{number}s");
        let spec = spec(json!({
            "keys": algorithms.iter().map(|one| json!({ "algorithm": one })).collect::<Vec<_>>(),
            "publisher": publisher,
            "encSelection": "First",
            "rotation": { "interval": seconds(interval) },
            "timing": {
                "publishDelay": seconds(p),
                "verifierCacheTtl": seconds(c),
                "signerReloadDelay": seconds(r),
                "maxTokenLifetime": seconds(l),
                "clockSkew": seconds(s),
            },
        }));
        let by_keyturn = publisher == "Keyturn";
        let is_safe = |shortest_lead: bool| {
            interval > 0 && algorithms.iter().all(|algorithm| {
                let symmetric = ["HS256", "A128KW", "dir"].contains(algorithm);
                let enc = !["ES256", "RS256", "HS256"].contains(algorithm);
                let by_keyturn = by_keyturn && !symmetric;
                // No ConfigMap has a symmetric key.
                let shortest_lead = shortest_lead || symmetric;
                let lead = match (enc, by_keyturn) {
                    (true, _) => r + s,
                    (false, true) => p + c + s,
                    // A ConfigMap beside the signer's own JWKS would have its own lead.
                    (false, false) if shortest_lead => r + c + s,
                    (false, false) => r.max(p) + c + s,
                };
                let retention = match (enc, by_keyturn) {
                    (false, _) => r + l + 2 * s,
                    (true, true) => p + c + l + 2 * s,
                    (true, false) if shortest_lead => r + c + l + 2 * s,
                    (true, false) => r.max(p) + c + l + 2 * s,
                };
                interval >= lead + bound + s && (retention + interval - 1) / interval <= MOST_RETIRED
            })
        };
        let parsed = Policy::parse("auth", &spec, TimeDelta::seconds(bound));
        if let Err(error) = &parsed {
            prop_assert!(!is_safe(false), "refused without need: {error}");
        } else {
            prop_assert!(is_safe(true));
        }
    }

    #[test]
    fn no_template_makes_the_parser_panic_and_what_it_takes_is_unique(
        template in "[{}a-z:/ é]{0,40}|(\\{(uuid|line|date)\\}|-){0,9}",
    ) {
        if KidTemplate::parse(&template, None).is_ok() {
            let unique = ["{uuid}", "{thumbprint}"].iter().any(|part| template.contains(part));
            prop_assert!(unique, "{}", template);
        }
    }

    #[test]
    fn durations_are_shown_as_users_write_them(seconds in 0..10_000_000_i64) {
        let delta = TimeDelta::seconds(seconds);
        prop_assert_eq!(Span(shown(delta)).parse().unwrap(), delta);
    }
}
