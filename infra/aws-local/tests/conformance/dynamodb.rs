//! DynamoDB: the operations the product uses, and the errors it decides by.

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, AttributeValue, BillingMode, GlobalSecondaryIndex, KeySchemaElement,
    KeyType, KeysAndAttributes, Projection, ProjectionType, Put, PutRequest,
    ReturnConsumedCapacity, ReturnValue, ReturnValuesOnConditionCheckFailure, ScalarAttributeType,
    TransactWriteItem, Update, WriteRequest,
};

use crate::harness::{Target, cases, check_refusals, refusal};

cases![
    items_are_written_read_and_found_by_index,
    a_failed_condition_shows_the_item_that_won,
    a_cancelled_transaction_says_which_item_was_why,
    batches_write_and_read,
    table_requests_outside_the_rules_are_refused,
];

pub(crate) fn text(value: &str) -> AttributeValue {
    AttributeValue::S(value.to_owned())
}

fn key(name: &str, kind: KeyType) -> KeySchemaElement {
    KeySchemaElement::builder()
        .attribute_name(name)
        .key_type(kind)
        .build()
        .unwrap()
}

pub(crate) async fn table(client: &Client, name: &str) {
    let attribute = |name: &str| {
        AttributeDefinition::builder()
            .attribute_name(name)
            .attribute_type(ScalarAttributeType::S)
            .build()
            .unwrap()
    };
    let all = Projection::builder()
        .projection_type(ProjectionType::All)
        .build();
    let index = GlobalSecondaryIndex::builder()
        .index_name("due")
        .projection(all);
    let index = index
        .key_schema(key("due", KeyType::Hash))
        .key_schema(key("sk", KeyType::Range))
        .build()
        .unwrap();
    let create = client
        .create_table()
        .table_name(name)
        .billing_mode(BillingMode::PayPerRequest);
    let create = create
        .attribute_definitions(attribute("pk"))
        .attribute_definitions(attribute("sk"));
    let create = create
        .attribute_definitions(attribute("due"))
        .global_secondary_indexes(index);
    create
        .key_schema(key("pk", KeyType::Hash))
        .key_schema(key("sk", KeyType::Range))
        .send()
        .await
        .unwrap();
}

fn put(name: &str, sk: &str) -> Put {
    let put = Put::builder()
        .table_name(name)
        .item("pk", text("p"))
        .item("sk", text(sk));
    put.condition_expression("attribute_not_exists(pk)")
        .build()
        .unwrap()
}

async fn items_are_written_read_and_found_by_index(target: Target) {
    let client = &target.dynamodb;
    table(client, "items").await;
    let put = client
        .put_item()
        .table_name("items")
        .item("pk", text("p"))
        .item("sk", text("a"));
    let answer = put
        .item("due", text("1"))
        .item("tries", AttributeValue::N("1".to_owned()))
        .send()
        .await
        .unwrap();
    assert!(
        answer.consumed_capacity().is_none(),
        "reported although nobody asked"
    );
    let update = client
        .update_item()
        .table_name("items")
        .key("pk", text("p"))
        .key("sk", text("a"));
    let update = update
        .update_expression("ADD tries :one")
        .expression_attribute_values(":one", AttributeValue::N("1".into()));
    let updated = update
        .return_values(ReturnValue::AllNew)
        .send()
        .await
        .unwrap();
    assert_eq!(
        updated.attributes().unwrap()["tries"],
        AttributeValue::N("2".to_owned())
    );
    let found = client
        .query()
        .table_name("items")
        .index_name("due")
        .key_condition_expression("due = :due");
    let found = found
        .expression_attribute_values(":due", text("1"))
        .send()
        .await
        .unwrap();
    assert_eq!(found.items()[0]["sk"], text("a"));
    if target.judges("a strong read of half a unit more") {
        let got = client
            .get_item()
            .table_name("items")
            .key("pk", text("p"))
            .key("sk", text("a"))
            .consistent_read(true);
        let got = got
            .return_consumed_capacity(ReturnConsumedCapacity::Total)
            .send()
            .await
            .unwrap();
        assert_eq!(got.consumed_capacity().unwrap().capacity_units(), Some(1.0));
    }
    let deleted = client
        .delete_item()
        .table_name("items")
        .key("pk", text("p"))
        .key("sk", text("a"));
    deleted.send().await.unwrap();
    assert_eq!(
        client
            .scan()
            .table_name("items")
            .send()
            .await
            .unwrap()
            .count(),
        0
    );
}

async fn a_failed_condition_shows_the_item_that_won(target: Target) {
    let client = &target.dynamodb;
    table(client, "conditions").await;
    let put = |winner: &str| {
        let put = client
            .put_item()
            .table_name("conditions")
            .item("pk", text("p"))
            .item("sk", text("a"));
        let put = put
            .item("winner", text(winner))
            .condition_expression("attribute_not_exists(pk)");
        put.return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .send()
    };
    put("first").await.unwrap();
    let error = put("second").await.unwrap_err().into_service_error();
    let aws_sdk_dynamodb::operation::put_item::PutItemError::ConditionalCheckFailedException(
        refused,
    ) = error
    else {
        panic!("{error:?}")
    };
    assert_eq!(refused.item().unwrap()["winner"], text("first"));
}

async fn a_cancelled_transaction_says_which_item_was_why(target: Target) {
    let client = &target.dynamodb;
    table(client, "transactions").await;
    let write = |sk: &str| {
        TransactWriteItem::builder()
            .put(put("transactions", sk))
            .build()
    };
    client
        .transact_write_items()
        .transact_items(write("a"))
        .client_request_token("once")
        .send()
        .await
        .unwrap();
    // The same request again is the same transaction.
    client
        .transact_write_items()
        .transact_items(write("a"))
        .client_request_token("once")
        .send()
        .await
        .unwrap();
    let update = Update::builder()
        .table_name("transactions")
        .key("pk", text("p"))
        .key("sk", text("c"));
    let update = update
        .update_expression("SET x = :x")
        .expression_attribute_values(":x", text("x"))
        .build()
        .unwrap();
    let update = TransactWriteItem::builder().update(update).build();
    let cancelled = client
        .transact_write_items()
        .transact_items(update)
        .transact_items(write("a"))
        .send()
        .await;
    let error = cancelled.unwrap_err().into_service_error();
    let aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError::TransactionCanceledException(why) =
        error
    else {
        panic!("{error:?}")
    };
    let codes: Vec<_> = why
        .cancellation_reasons()
        .iter()
        .map(|reason| reason.code().unwrap())
        .collect();
    assert_eq!(codes, ["None", "ConditionalCheckFailed"]);
    assert_eq!(
        client
            .scan()
            .table_name("transactions")
            .send()
            .await
            .unwrap()
            .count(),
        1
    );
}

async fn batches_write_and_read(target: Target) {
    let client = &target.dynamodb;
    table(client, "batches").await;
    let write = |sk: &str| {
        let put = PutRequest::builder()
            .item("pk", text("p"))
            .item("sk", text(sk))
            .build()
            .unwrap();
        WriteRequest::builder().put_request(put).build()
    };
    let written = client
        .batch_write_item()
        .request_items("batches", vec![write("a"), write("b")])
        .send()
        .await
        .unwrap();
    assert!(
        written
            .unprocessed_items()
            .is_none_or(|left| left.is_empty())
    );
    let keys = ["a", "b", "c"]
        .map(|sk| [("pk".to_owned(), text("p")), ("sk".to_owned(), text(sk))].into());
    let keys = KeysAndAttributes::builder()
        .set_keys(Some(keys.to_vec()))
        .build()
        .unwrap();
    let read = client
        .batch_get_item()
        .request_items("batches", keys)
        .send()
        .await
        .unwrap();
    assert_eq!(read.responses().unwrap()["batches"].len(), 2);
}

async fn table_requests_outside_the_rules_are_refused(target: Target) {
    let client = &target.dynamodb;
    table(client, "rules").await;
    let put = || client.put_item().table_name("rules").item("pk", text("p"));
    let refusals = vec![
        refusal!("an item without its sort key", "ValidationException", put()),
        refusal!(
            "an item over 400 KB",
            "ValidationException",
            put()
                .item("sk", text("a"))
                .item("x", text(&"x".repeat(410_000)))
        ),
        refusal!(
            "an empty key",
            "ValidationException",
            put().item("sk", text(""))
        ),
        refusal!(
            "a condition that is no expression",
            "ValidationException",
            put().item("sk", text("a")).condition_expression("pk ===")
        ),
        refusal!(
            "a table that does not exist",
            "ResourceNotFoundException",
            client.scan().table_name("nowhere")
        ),
    ];
    check_refusals(&target, refusals).await;
}
