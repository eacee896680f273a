//! Starting, and refusing to.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::sandbox::{Sandbox, refusal};
use crate::world::World;

#[tokio::test]
async fn each_function_starts_and_asks_for_work() {
    let world = World::new().await;
    for function in world.functions() {
        let sandbox = world.start(function).await;
        // Printed for `--nocapture`; how fast this computer is is no matter of right and wrong.
        println!(
            "{function}: {:.1} ms from start to first poll",
            sandbox.cold_start().await.as_secs_f64() * 1e3
        );
    }
}

#[tokio::test]
async fn a_function_without_its_variables_refuses_to_start_and_names_all_of_them() {
    let world = World::new().await;
    for function in world.functions() {
        let printed = refusal(function, &BTreeMap::new());
        let variables = world.variables(function);
        let required = variables.iter().filter(|(_, value)| !value.is_empty());
        for (variable, _) in required {
            assert!(
                printed.contains(&format!("{variable} is not set")),
                "{function}: {printed}"
            );
        }
    }
}

#[tokio::test]
async fn a_panic_harms_only_its_record() {
    let sandbox = Sandbox::start("Panicking", &BTreeMap::new()).await;
    let fixture: Value =
        serde_json::from_str(include_str!("../../../fixtures/sqs-batch.json")).unwrap();
    let record = |id: &str, body: &str| {
        let mut record = fixture["Records"][0].clone();
        record["messageId"] = id.into();
        record["body"] = body.into();
        record
    };
    let batch =
        json!({ "Records": [record("a", "good"), record("b", "panic"), record("c", "good")] });
    let answer = sandbox.call(&batch).await;
    assert_eq!(
        answer,
        json!({ "batchItemFailures": [{ "itemIdentifier": "b" }] })
    );
    // The process lives, and works on.
    let answer = sandbox
        .call(&json!({ "Records": [record("d", "good")] }))
        .await;
    assert_eq!(answer, json!({ "batchItemFailures": [] }));
}
