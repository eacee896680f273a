//! The first thing a newcomer runs.

use std::process::Command;

use serde_json::Value;

#[test]
fn the_push_demo_reaches_every_phone_and_ends_each_chapter_well() {
    let run = Command::new(env!("CARGO_BIN_EXE_fanfare"))
        .args(["demo", "--push", "--events", "200", "--json"])
        .output()
        .unwrap();
    assert!(run.status.success(), "{run:?}");
    let told: Value = serde_json::from_slice(&run.stdout).unwrap();
    assert_eq!(
        (&told["accepted"], &told["gated"]),
        (&206.into(), &1.into())
    );
    assert_eq!(
        (&told["sent"], &told["delivered"]),
        (&204.into(), &204.into())
    );
    assert_eq!(
        (&told["deadTokens"], &told["retried"]),
        (&1.into(), &1.into())
    );
    for name in ["p50Ms", "p99Ms", "pushesPerSecond"] {
        assert!(told[name].is_number(), "{name} in {told}");
    }
}

#[test]
fn the_demo_delivers_and_verifies_everything_and_says_what_it_cost() {
    let run = Command::new(env!("CARGO_BIN_EXE_fanfare"))
        .args(["demo", "--events", "200", "--endpoints", "3", "--json"])
        .output()
        .unwrap();
    assert!(run.status.success(), "{run:?}");
    let told: Value = serde_json::from_slice(&run.stdout).unwrap();
    assert_eq!(told["accepted"], 200);
    assert_eq!(told["delivered"], 600);
    assert_eq!(told["verified"], 600);
    assert_eq!(told["duplicates"], 0);
    assert!(told["retried"].as_u64().unwrap() > 0, "a retry is seen");
    for name in ["p50Ms", "p95Ms", "p99Ms", "eventsPerSecond"] {
        assert!(told[name].is_number(), "{name} in {told}");
    }
    // One item per event, two writes per delivery; the few refused first tries cost two more each
    // and the index.
    let calls = &told["callsPerDelivery"];
    let writes = calls["dynamodbWriteUnits"].as_f64().unwrap();
    assert!((2.3..2.5).contains(&writes), "{calls}");
    assert!(calls["dynamodbReads"].as_f64().unwrap() < 0.2, "{calls}");
    assert!(calls["sqs"].as_f64().unwrap() < 0.6, "{calls}");
    assert!(calls["secretsmanager"].as_f64().unwrap() < 0.1, "{calls}");
}
