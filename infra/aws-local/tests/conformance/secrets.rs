//! Secrets Manager as any client sees it.

use aws_sdk_secretsmanager::primitives::Blob;
use aws_sdk_secretsmanager::types::{Filter, FilterNameStringType, Tag};

use crate::harness::{Target, cases, check_refusals, refusal};

cases![
    a_new_value_is_current_and_the_old_one_previous,
    a_label_moves_only_from_the_version_that_holds_it,
    a_token_makes_a_request_repeatable_and_a_value_unchangeable,
    secret_requests_outside_the_limits_are_refused,
    a_deleted_secret_can_be_restored_until_it_is_gone,
    secrets_are_listed_and_described_without_their_values,
];

const FIRST: &str = "11111111-1111-4111-8111-111111111111";
const SECOND: &str = "22222222-2222-4222-8222-222222222222";
const THIRD: &str = "33333333-3333-4333-8333-333333333333";

async fn create(target: &Target, name: &str) {
    let create = target
        .secrets
        .create_secret()
        .name(name)
        .secret_string("one")
        .client_request_token(FIRST);
    let created = create.send().await.unwrap();
    assert_eq!(created.version_id(), Some(FIRST));
}

async fn put(target: &Target, name: &str, version: &str, value: &str, stages: &[&str]) {
    let put = target
        .secrets
        .put_secret_value()
        .secret_id(name)
        .secret_string(value)
        .client_request_token(version);
    let stages = stages.iter().map(|&stage| stage.to_owned()).collect();
    put.set_version_stages(Some(stages)).send().await.unwrap();
}

async fn staged(target: &Target, name: &str, stage: &str) -> String {
    let got = target
        .secrets
        .get_secret_value()
        .secret_id(name)
        .version_stage(stage)
        .send()
        .await
        .unwrap();
    got.secret_string.unwrap()
}

async fn a_new_value_is_current_and_the_old_one_previous(target: Target) {
    create(&target, "app/rotating").await;
    put(&target, "app/rotating", SECOND, "two", &["AWSCURRENT"]).await;
    let got = target
        .secrets
        .get_secret_value()
        .secret_id("app/rotating")
        .send()
        .await
        .unwrap();
    assert_eq!(
        (got.secret_string(), got.version_id()),
        (Some("two"), Some(SECOND))
    );
    assert_eq!(staged(&target, "app/rotating", "AWSPREVIOUS").await, "one");
    // By ARN, and an old version by its id.
    let old = target
        .secrets
        .get_secret_value()
        .secret_id(got.arn().unwrap())
        .version_id(FIRST);
    assert_eq!(old.send().await.unwrap().secret_string(), Some("one"));

    put(&target, "app/rotating", THIRD, "three", &["AWSPENDING"]).await;
    assert_eq!(staged(&target, "app/rotating", "AWSPENDING").await, "three");
    assert_eq!(staged(&target, "app/rotating", "AWSCURRENT").await, "two");

    let bytes = target
        .secrets
        .create_secret()
        .name("app/bytes")
        .secret_binary(Blob::new([0, 255]));
    bytes.send().await.unwrap();
    let got = target
        .secrets
        .get_secret_value()
        .secret_id("app/bytes")
        .send()
        .await
        .unwrap();
    assert_eq!(got.secret_binary().unwrap().as_ref(), [0, 255]);
}

async fn a_label_moves_only_from_the_version_that_holds_it(target: Target) {
    create(&target, "app/swap").await;
    put(&target, "app/swap", SECOND, "two", &["AWSPENDING"]).await;
    let swap = |stage: &str, from: Option<&str>, to: Option<&str>| {
        let swap = target
            .secrets
            .update_secret_version_stage()
            .secret_id("app/swap")
            .version_stage(stage);
        swap.set_remove_from_version_id(from.map(str::to_owned))
            .set_move_to_version_id(to.map(str::to_owned))
    };
    let invalid = "InvalidParameterException";
    let refusals = vec![
        refusal!(
            "a move that does not name the holder",
            invalid,
            swap("AWSCURRENT", None, Some(SECOND))
        ),
        refusal!(
            "a move from a version that is not the holder",
            invalid,
            swap("AWSCURRENT", Some(SECOND), Some(SECOND))
        ),
        refusal!(
            "a removal of AWSCURRENT",
            invalid,
            swap("AWSCURRENT", Some(FIRST), None)
        ),
        refusal!(
            "a move to no version",
            "ResourceNotFoundException",
            swap("AWSCURRENT", Some(FIRST), Some(THIRD))
        ),
    ];
    check_refusals(&target, refusals).await;
    assert_eq!(staged(&target, "app/swap", "AWSCURRENT").await, "one");

    swap("AWSCURRENT", Some(FIRST), Some(SECOND))
        .send()
        .await
        .unwrap();
    assert_eq!(staged(&target, "app/swap", "AWSCURRENT").await, "two");
    assert_eq!(staged(&target, "app/swap", "AWSPREVIOUS").await, "one");
    // Who read FIRST as current has lost the race.
    let late = swap("AWSCURRENT", Some(FIRST), Some(SECOND));
    check_refusals(
        &target,
        vec![refusal!("a second move from the old holder", invalid, late)],
    )
    .await;
    swap("AWSPENDING", Some(SECOND), None).send().await.unwrap();
    let pending = target
        .secrets
        .get_secret_value()
        .secret_id("app/swap")
        .version_stage("AWSPENDING");
    check_refusals(
        &target,
        vec![refusal!(
            "a label that is removed",
            "ResourceNotFoundException",
            pending
        )],
    )
    .await;
}

async fn a_token_makes_a_request_repeatable_and_a_value_unchangeable(target: Target) {
    create(&target, "app/token").await;
    create(&target, "app/token").await;
    put(&target, "app/token", SECOND, "two", &["AWSCURRENT"]).await;
    put(&target, "app/token", SECOND, "two", &["AWSCURRENT"]).await;
    let put = target
        .secrets
        .put_secret_value()
        .secret_id("app/token")
        .secret_string("other");
    let again = target
        .secrets
        .create_secret()
        .name("app/token")
        .secret_string("other");
    let refusals = vec![
        refusal!(
            "the same token with another value",
            "ResourceExistsException",
            put.client_request_token(SECOND)
        ),
        refusal!("the same name again", "ResourceExistsException", again),
    ];
    check_refusals(&target, refusals).await;
    assert_eq!(staged(&target, "app/token", "AWSCURRENT").await, "two");
}

async fn secret_requests_outside_the_limits_are_refused(target: Target) {
    let secrets = &target.secrets;
    let create = || secrets.create_secret().name("app/limits");
    let get = |name: &str| secrets.get_secret_value().secret_id(name);
    let empty = create().name("app/empty").send().await.unwrap();
    assert_eq!(empty.version_id(), None);
    let delete = || secrets.delete_secret().secret_id("app/empty");
    let invalid = "InvalidParameterException";
    let refusals = vec![
        refusal!(
            "a value over 64 KiB",
            "ValidationException",
            create().name("app/large").secret_string("x".repeat(65_537))
        ),
        refusal!(
            "two kinds of value",
            invalid,
            create()
                .name("app/both")
                .secret_string("x")
                .secret_binary(Blob::new([1]))
        ),
        refusal!(
            "a token of 31 characters",
            invalid,
            create()
                .name("app/short")
                .secret_string("x")
                .client_request_token("t".repeat(31))
        ),
        refusal!(
            "a name with a space",
            "ValidationException",
            create().name("a b").secret_string("x")
        ),
        refusal!(
            "a secret that does not exist",
            "ResourceNotFoundException",
            get("app/nowhere")
        ),
        refusal!(
            "a secret without a value",
            "ResourceNotFoundException",
            get("app/empty")
        ),
        refusal!(
            "a recovery window of six days",
            invalid,
            delete().recovery_window_in_days(6)
        ),
        refusal!(
            "a forced deletion with a recovery window",
            invalid,
            delete()
                .recovery_window_in_days(7)
                .force_delete_without_recovery(true)
        ),
    ];
    check_refusals(&target, refusals).await;
    // Exactly 64 KiB is allowed.
    create()
        .secret_string("x".repeat(65_536))
        .send()
        .await
        .unwrap();
}

async fn a_deleted_secret_can_be_restored_until_it_is_gone(target: Target) {
    create(&target, "app/deleted").await;
    let deleted = target
        .secrets
        .delete_secret()
        .secret_id("app/deleted")
        .recovery_window_in_days(7);
    assert!(deleted.send().await.unwrap().deletion_date().is_some());
    let get = target.secrets.get_secret_value().secret_id("app/deleted");
    let again = target
        .secrets
        .create_secret()
        .name("app/deleted")
        .secret_string("x");
    let refusals = vec![
        refusal!(
            "a value that waits for its deletion",
            "InvalidRequestException",
            get
        ),
        refusal!(
            "a name that waits for its deletion",
            "InvalidRequestException",
            again
        ),
    ];
    check_refusals(&target, refusals).await;
    target
        .secrets
        .restore_secret()
        .secret_id("app/deleted")
        .send()
        .await
        .unwrap();
    assert_eq!(staged(&target, "app/deleted", "AWSCURRENT").await, "one");
    let forced = target
        .secrets
        .delete_secret()
        .secret_id("app/deleted")
        .force_delete_without_recovery(true);
    forced.send().await.unwrap();
    create(&target, "app/deleted").await;
}

async fn secrets_are_listed_and_described_without_their_values(target: Target) {
    let tag = Tag::builder().key("network").value("n-7").build();
    let create = target
        .secrets
        .create_secret()
        .name("listed/one")
        .description("the first")
        .tags(tag);
    create
        .secret_string("one")
        .client_request_token(FIRST)
        .send()
        .await
        .unwrap();
    target
        .secrets
        .create_secret()
        .name("listed/two")
        .secret_string("two")
        .send()
        .await
        .unwrap();
    let more = Tag::builder().key("kind").value("webhook").build();
    target
        .secrets
        .tag_resource()
        .secret_id("listed/one")
        .tags(more)
        .send()
        .await
        .unwrap();

    let described = target
        .secrets
        .describe_secret()
        .secret_id("listed/one")
        .send()
        .await
        .unwrap();
    assert_eq!(described.description(), Some("the first"));
    assert_eq!(
        described.version_ids_to_stages().unwrap()[FIRST],
        ["AWSCURRENT"]
    );
    assert_eq!(described.tags().len(), 2);

    let filter = Filter::builder()
        .key(FilterNameStringType::Name)
        .values("listed/")
        .build();
    let page = target
        .secrets
        .list_secrets()
        .filters(filter.clone())
        .max_results(1)
        .send()
        .await
        .unwrap();
    let rest = target
        .secrets
        .list_secrets()
        .filters(filter)
        .max_results(1)
        .set_next_token(page.next_token.clone());
    let rest = rest.send().await.unwrap();
    let mut names = [page.secret_list()[0].name(), rest.secret_list()[0].name()];
    names.sort_unstable();
    assert_eq!(names, [Some("listed/one"), Some("listed/two")]);
}
