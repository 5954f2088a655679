//! What a forecast says, and that it comes true.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::keyring::Key;
use crate::lifecycle::fixtures::{
    INTERVAL, LEAD, RETENTION, S, W, World, at, config_map, ec_keys, moment, oct_key, policy, spec,
};

fn stand_ins() -> StandIns {
    StandIns { asymmetric: ec_keys()[0].clone(), symmetric: oct_key(1, 256) }
}

fn ahead_of(members: Value, until: i64) -> Forecast {
    forecast(&policy(members), &stand_ins(), at(0), at(until))
}

/// `a#1 0 0 - 10000 -`: minted, published, active, retired and removed, in seconds.
fn lives(forecast: &Forecast) -> Vec<String> {
    let seconds = |time: Option<Time>| time.map_or("-".to_owned(), |time| (time - at(0)).num_seconds().to_string());
    let told = |life: &Life| {
        let Life { kid, number: _, line: _, adopted: _, minted, published, held: _, active, retired, removed } = life;
        let times = [Some(*minted), *published, *active, *retired, *removed];
        format!("{kid} {}", times.map(seconds).join(" "))
    };
    forecast.keys.iter().map(told).collect()
}

fn held(forecast: &Forecast) -> Vec<(&str, i64, String)> {
    let held = forecast.keys.iter().filter_map(|life| Some((life.kid.as_str(), life.held.as_ref()?)));
    held.map(|(kid, (time, waiting))| (kid, (*time - at(0)).num_seconds(), waiting.to_string())).collect()
}

#[test]
fn keys_live_as_long_as_the_sums_say() {
    let (second, third) = (INTERVAL * 2, INTERVAL * 3);
    let kept = RETENTION;
    let enc = json!({ "keys": [{ "algorithm": "RSA-OAEP", "name": "a" }] });
    // The pods that decrypt know it first, and then it is kept for P + C + L + 2S.
    let (lead, enc_kept) = (W + 20 + 5, W + 10 + 100 + 1_000 + 10);
    for (case, members, wanted) in [
        (
            "a set that nobody can have cached signs at once",
            json!({}),
            vec![
                format!("a#1 0 0 0 {INTERVAL} {}", INTERVAL + kept),
                format!("a#2 0 0 {INTERVAL} {second} {}", second + kept),
                format!("a#3 {INTERVAL} {INTERVAL} {second} {third} -"),
                format!("a#4 {second} {second} {third} - -"),
                format!("a#5 {third} {third} - - -"),
            ],
        ),
        (
            "encryption waits for those who decrypt",
            enc,
            vec![
                format!("a#1 0 0 {lead} {} {}", lead + INTERVAL, lead + INTERVAL + enc_kept),
                format!("a#2 {lead} {lead} {} {} {}", lead + INTERVAL, lead + second, lead + second + enc_kept),
                format!("a#3 {} {} {} - -", lead + INTERVAL, lead + INTERVAL, lead + second),
                format!("a#4 {} {} - - -", lead + second, lead + second),
            ],
        ),
        (
            "without a standby the next key is minted in time for its lead",
            json!({ "rotation": { "standby": false } }),
            vec![
                format!("a#1 0 0 0 {INTERVAL} {}", INTERVAL + kept),
                format!("a#2 {0} {0} {INTERVAL} {second} {1}", INTERVAL - LEAD - 5, second + kept),
                format!("a#3 {0} {0} {second} {third} -", second - LEAD - 5),
                format!("a#4 {0} {0} {third} - -", third - LEAD - 5),
            ],
        ),
        (
            "nothing rotates by itself",
            json!({ "rotation": { "mode": "Never" } }),
            vec!["a#1 0 0 0 - -".to_owned(), "a#2 0 0 - - -".to_owned()],
        ),
        ("nothing is minted in a pause", json!({ "rotation": { "paused": true } }), vec![]),
        (
            "a promotion that nobody confirms",
            json!({ "promotion": { "confirm": [{ "manual": {} }] } }),
            vec!["a#1 0 0 0 - -".to_owned(), "a#2 0 0 - - -".to_owned()],
        ),
        (
            "revoked kids are those of other keys",
            json!({ "revoked": [{ "kid": "a#1" }], "rotation": { "mode": "Never" } }),
            vec!["a#1 0 0 0 - -".to_owned(), "a#2 0 0 - - -".to_owned()],
        ),
    ] {
        let forecast = ahead_of(members, third);
        assert_eq!(lives(&forecast), wanted, "{case}");
        assert!(forecast.complete, "{case}");
    }
}

#[test]
fn what_has_to_wait_says_for_what() {
    let confirmed = ahead_of(json!({ "promotion": { "confirm": [{ "manual": {} }] } }), 5 * INTERVAL);
    assert_eq!(held(&confirmed), [("a#2", INTERVAL, Waiting::Confirmation.to_string())]);
    let [ahead] = confirmed.ahead.as_slice() else { panic!("{:?}", confirmed.ahead) };
    assert_eq!((ahead.kid.as_deref(), ahead.to, &ahead.waiting), (Some("a#2"), Change::Active, &Waiting::Confirmation));
    assert!(ahead.held && ahead.time.is_none());

    let paused = ahead_of(json!({ "rotation": { "paused": true } }), INTERVAL);
    let [ahead] = paused.ahead.as_slice() else { panic!("{:?}", paused.ahead) };
    assert_eq!((ahead.kid.as_deref(), ahead.to, &ahead.waiting), (None, Change::Minted, &Waiting::Pause));

    let never = ahead_of(json!({ "rotation": { "mode": "Never" } }), INTERVAL);
    assert_eq!((never.ahead.len(), never.keys.len()), (0, 2), "only a wish brings the next rotation");

    let enc = ahead_of(json!({ "keys": [{ "algorithm": "ECDH-ES" }] }), INTERVAL);
    assert_eq!(held(&enc), [("ecdh-es#1", 0, Waiting::Lead.to_string())]);
}

#[test]
fn keys_that_are_adopted_go_on_and_nobody_else_signs_at_once() {
    let key = |line: &str, role: Value| {
        let mut key = json!({ "secretKeyRef": { "name": "old", "key": "k.pem" }, "line": line, "role": role });
        key.as_object_mut().unwrap().retain(|_, value| !value.is_null());
        key
    };
    let forecast = ahead_of(
        json!({
            "keys": [{ "algorithm": "ES256", "name": "a" }, { "algorithm": "RS256", "name": "b" }],
            "import": { "keys": [key("a", json!("Retired")), key("a", Value::Null), key("a", Value::Null)] },
        }),
        INTERVAL,
    );
    let wanted = [
        format!("a#1 0 0 - 0 {RETENTION}"),
        format!("a#2 0 0 0 {INTERVAL} -"),
        format!("a#3 0 0 - 0 {RETENTION}"),
        format!("a#4 0 0 {INTERVAL} - -"),
        format!("a#5 {INTERVAL} {INTERVAL} - - -"),
        format!("b#1 0 0 {LEAD} - -"),
        format!("b#2 {LEAD} {LEAD} - - -"),
    ];
    assert_eq!(lives(&forecast), wanted);
    assert_eq!(
        forecast.keys.iter().map(|life| life.adopted).collect::<Vec<_>>(),
        [true, true, true, false, false, false, false]
    );
}

#[test]
fn a_key_is_replaced_before_its_certificate_ends() {
    let members = json!({
        "rotation": { "mode": "Never" },
        "certificate": { "subject": "CN=a", "validity": "20000s" },
        "configMaps": [{ "name": "m", "files": {
            "jwks.json": { "content": "PublicJwks" },
            "crt.pem": { "content": "CertificatePem" },
        } }],
    });
    let forecast = ahead_of(members, 30_000);
    // One that is as old has a certificate that ends as soon, so a new one takes its place for its lead.
    let change = 20_000 - (RETENTION - W) - 2 * (LEAD + S);
    let used = change + LEAD;
    assert_eq!(
        lives(&forecast)[..3],
        [
            format!("a#1 0 0 0 {used} {}", used + RETENTION),
            format!("a#2 0 0 - - {change}"),
            format!("a#3 {change} {change} {used} - -"),
        ]
    );
}

#[test]
fn lines_stand_in_the_order_of_the_spec() {
    let forecast = ahead_of(json!({ "keys": [{ "algorithm": "ES512" }, { "algorithm": "RSA-OAEP" }] }), INTERVAL);
    let kids: Vec<&str> = forecast.keys.iter().map(|life| life.kid.as_str()).collect();
    assert_eq!(kids, ["es512#1", "es512#2", "es512#3", "rsa-oaep#1", "rsa-oaep#2"]);
}

#[test]
fn a_schedule_fires_on_both_sides_of_a_clock_change() {
    let time = |text: &str| text.parse::<Time>().unwrap();
    let monthly = json!({ "mode": "Schedule", "schedule": "0 3 1 * *", "timeZone": "Europe/Rome" });
    let policy = policy(json!({ "rotation": monthly }));
    let from = time("2027-02-10T00:00:00Z");
    let forecast = forecast(&policy, &stand_ins(), from, horizon(&policy, from));
    let active: Vec<Time> = forecast.keys.iter().filter_map(|life| life.active).collect();
    let fired = ["2027-03-01T02:00:00Z", "2027-04-01T01:00:00Z", "2027-05-01T01:00:00Z"].map(time);
    assert_eq!(active, [&[from][..], &fired].concat());
}

#[test]
fn three_rotations_and_what_follows_are_looked_at() {
    let end = |members: Value| (horizon(&policy(members), at(0)) - at(0)).num_seconds();
    assert_eq!(end(json!({})), 3 * INTERVAL + LEAD + 5 + RETENTION);
    assert_eq!(end(json!({ "rotation": { "mode": "Never" } })), 100 * 24 * 3600);
    let forecast = ahead_of(json!({}), end(json!({})));
    assert_eq!(forecast.keys.iter().filter(|life| life.removed.is_some()).count(), ROTATIONS);
}

#[test]
fn a_forecast_of_very_many_rotations_is_cut_short_and_says_so() {
    let none = json!({
        "publishDelay": "0s", "verifierCacheTtl": "0s", "signerReloadDelay": "0s",
        "maxTokenLifetime": "0s", "clockSkew": "0s",
    });
    let spec = spec(json!({ "timing": none, "rotation": { "interval": "1s" } }));
    let policy = Policy::parse("auth", &spec, TimeDelta::zero()).unwrap();
    let forecast = forecast(&policy, &stand_ins(), at(0), at(1_000_000));
    assert!(!forecast.complete && forecast.until < at(1_000_000));
    assert!(forecast.keys.len() > 1_000, "{}", forecast.keys.len());
    assert!(forecast.keys.iter().all(|life| life.removed.is_none_or(|removed| removed <= forecast.until)));
}

/// Minted, active, retired, removed.
type Times = (Time, Option<Time>, Option<Time>, Option<Time>);

/// The lives of a set whose outputs are really rendered, written and read, told by the kids `k1`, `k2` and so on.
fn real_lives(members: Value, until: i64) -> Vec<Times> {
    let mut lives = BTreeMap::new();
    live_on(&mut World::new(members), &mut lives, 0, until);
    let mut lives: Vec<_> = lives.into_values().collect();
    lives.sort();
    lives
}

/// Every pass from `now` to `until`.
fn live_on(world: &mut World, lives: &mut BTreeMap<String, Times>, mut now: i64, until: i64) {
    loop {
        world.pass_between(moment(now));
        for key in &world.keyring.keys {
            let life = lives.entry(key.kid.clone()).or_insert((key.minted, None, None, None));
            match key.phase {
                Phase::Standby => {}
                Phase::Active { active_since, .. } => life.1 = Some(active_since),
                Phase::Retired { retired_since, .. } => life.2 = Some(retired_since),
            }
        }
        for (kid, life) in lives.iter_mut() {
            if world.keyring.key(kid).is_none() {
                life.3 = life.3.or(Some(at(now)));
            }
        }
        match world.plan(now).wake {
            Some(wake) if wake <= at(until) => now = (wake - at(0)).num_seconds(),
            _ => break,
        }
    }
}

/// What is known of a set at that moment.
fn known_of(world: &World, now: i64) -> Known {
    let (observed, ahead) = (world.observed(), world.plan(now).ahead);
    let removal =
        |key: &Key| ahead.iter().find(|ahead| ahead.to == Change::Removed && ahead.kid.as_ref() == Some(&key.kid));
    let known = |key| {
        KnownKey::of(
            key,
            observed.published(&world.policy, key),
            removal(key).is_some_and(|ahead| ahead.time.is_some()),
        )
    };
    Known {
        keys: world.keyring.keys.iter().map(known).collect(),
        facts: Some(world.keyring.facts.clone()),
        confirmed: world.confirmed.clone(),
        halted: false,
    }
}

#[test]
fn a_living_set_goes_on_from_where_it_is() {
    let mut world = World::begun(json!({}));
    let known = known_of(&world, 5_000);
    let now = 5_000;
    let forecast =
        |world: &World, known: &Known, until| forecast_from(&world.policy, known, &stand_ins(), at(now), at(until));
    let lives_of = |forecast: Forecast| lives(&forecast);
    let as_planned = forecast(&world, &known, INTERVAL);
    assert_eq!(as_planned.next[0].time, Some(at(INTERVAL)));
    assert_eq!(
        lives_of(as_planned),
        [
            format!("k1 0 0 0 {INTERVAL} -"),
            format!("k2 0 0 {INTERVAL} - -"),
            format!("a#3 {INTERVAL} {INTERVAL} - - -"),
        ],
        "real kids are known, those to come are not"
    );
    let mut asked = known.clone();
    if let Phase::Active { rotation_asked, .. } = &mut asked.keys[0].phase {
        *rotation_asked = true;
    }
    assert_eq!(
        lives_of(forecast(&world, &asked, now)),
        [format!("k1 0 0 0 {now} -"), format!("k2 0 0 {now} - -"), format!("a#3 {now} {now} - - -")],
        "a rotation that is asked for"
    );
    world.policy.revoked = ["k1".to_owned(), "unknown".to_owned()].into();
    assert_eq!(
        lives_of(forecast(&world, &known, now)),
        [format!("k1 0 0 0 - {now}"), format!("k2 0 0 {now} - -"), format!("a#3 {now} {now} - - -")],
        "a key that is to be revoked"
    );
    let lost = forecast(&world, &Known { halted: true, ..known }, INTERVAL);
    assert!(lost.next.is_empty() && lost.ahead.is_empty());
    assert_eq!(lives_of(lost), ["k1 0 0 0 - -", "k2 0 0 - - -"], "nothing goes on without a keyring");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn what_is_forecast_comes_true(
        algorithms in prop::sample::subsequence(vec!["ES256", "RS256", "ECDH-ES", "HS256", "A128KW"], 1..=4),
        publisher in prop::sample::select(vec!["Keyturn", "Signer"]),
        interval in 1_400_i64..12_000,
        standby in any::<bool>(),
        files in prop::sample::select(vec![json!({}), json!({ "jwks.json": { "content": "PublicJwks" } })]),
    ) {
        let members = json!({
            "keys": algorithms.iter().map(|one| json!({ "algorithm": one })).collect::<Vec<_>>(),
            "publisher": publisher,
            "encSelection": "First",
            "configMaps": [{ "name": config_map("seen").name, "files": files }],
            "rotation": { "interval": format!("{interval}s"), "standby": standby },
        });
        let forecast = ahead_of(members.clone(), 30_000);
        let mut told: Vec<_> =
            forecast.keys.iter().map(|life| (life.minted, life.active, life.retired, life.removed)).collect();
        told.sort();
        prop_assert_eq!(told, real_lives(members, 30_000));
    }

    #[test]
    fn what_is_forecast_of_a_living_set_comes_true(
        algorithms in prop::sample::subsequence(vec!["ES256", "RS256", "ECDH-ES", "HS256", "A128KW"], 1..=4),
        publisher in prop::sample::select(vec!["Keyturn", "Signer"]),
        interval in 1_400_i64..12_000,
        standby in any::<bool>(),
        confirmed in any::<bool>(),
        begun in 0_i64..15_000,
        asked in prop::option::of(0_i64..400),
        shorter in any::<bool>(),
    ) {
        let mut members = json!({
            "keys": algorithms.iter().map(|one| json!({ "algorithm": one })).collect::<Vec<_>>(),
            "publisher": publisher,
            "encSelection": "First",
            "rotation": { "interval": format!("{interval}s"), "standby": standby },
        });
        if confirmed {
            members["promotion"] = json!({ "confirm": [{ "manual": {} }] });
        }
        let mut world = World::new(members.clone());
        world.confirmed = (1..100).map(|number| format!("k{number}")).collect();
        let mut lives = BTreeMap::new();
        live_on(&mut world, &mut lives, 0, begun);
        if shorter {
            members["timing"] = json!({ "verifierCacheTtl": "50s", "maxTokenLifetime": "500s" });
            world.edit(members);
        }
        world.pass(begun);
        let now = begun + asked.unwrap_or_default();
        if asked.is_some() {
            world.ask("now");
            world.pass(begun);
        }
        live_on(&mut world, &mut lives, begun, now);
        let mut known = known_of(&world, now);
        known.confirmed.extend((1..100).flat_map(|number| {
            world.policy.lines.iter().map(move |line| format!("{}#{number}", line.name))
        }));
        let forecast = forecast_from(&world.policy, &known, &stand_ins(), at(now), at(30_000));
        live_on(&mut world, &mut lives, now, 30_000);
        let mut told: Vec<Times> =
            forecast.keys.iter().map(|life| (life.minted, life.active, life.retired, life.removed)).collect();
        told.sort();
        let mut real: Vec<Times> =
            lives.into_values().filter(|life| life.3.is_none_or(|removed| removed > at(now))).collect();
        real.sort();
        prop_assert_eq!(told, real);
    }
}
