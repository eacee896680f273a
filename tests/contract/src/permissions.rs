//! Permissions: nothing granted that is not used, nothing granted too widely.

use std::collections::BTreeSet;

use crate::template::{Function, Template, referenced};
use crate::workspace;

#[test]
fn no_grant_is_a_wildcard() {
    for function in Template::load().functions() {
        for (action, resource) in function.grants() {
            assert!(!action.contains('*'), "{}: {action}", function.id);
            assert_ne!(resource, "*", "{}: {action}", function.id);
            let text = resource["Fn::Sub"].as_str().unwrap_or_default();
            // Rings are made while running, so their names are known by prefix only.
            let name = text.split_once(&format!(":secret:{RING_PREFIX}"));
            let name = name.and_then(|(_, name)| name.strip_suffix('*'));
            let allowed = action.starts_with("secretsmanager:")
                && name.is_some_and(|kind| ["webhooks/", "push/"].contains(&kind));
            assert!(
                !text.contains('*') || allowed,
                "{}: {action} on {text}",
                function.id
            );
        }
    }
}

const RING_PREFIX: &str = "fanfare/${AWS::StackName}/";

#[test]
fn secrets_are_read_only_under_the_prefix_the_function_is_told() {
    for function in Template::load().functions() {
        let reads = function
            .grants()
            .iter()
            .any(|(action, _)| *action == "secretsmanager:GetSecretValue");
        let prefix = function.variables().get("SECRET_PREFIX");
        assert_eq!(reads, prefix.is_some(), "{}", function.id);
        if let Some(prefix) = prefix {
            assert_eq!(prefix["Fn::Sub"], RING_PREFIX, "{}", function.id);
        }
    }
}

#[test]
fn a_function_may_send_to_exactly_the_queues_it_is_told() {
    for function in Template::load().functions() {
        let told = function
            .variables()
            .iter()
            .filter(|(name, _)| name.ends_with("_QUEUE_URL"));
        let told: BTreeSet<_> = told.map(|(_, queue)| referenced(queue).unwrap()).collect();
        let granted = function.granted("sqs:SendMessage").into_iter().collect();
        assert_eq!(told, granted, "{}", function.id);
    }
}

#[test]
fn a_function_may_read_exactly_the_queues_it_is_mapped_to() {
    let template = Template::load();
    for function in template.functions() {
        let sources = template
            .sources()
            .into_iter()
            .filter(|source| source.function() == function.id);
        let mut mapped: Vec<_> = sources.map(|source| source.queue()).collect();
        mapped.sort_unstable();
        for action in EVENT_SOURCE_ACTIONS {
            let mut granted = function.granted(action);
            granted.sort_unstable();
            assert_eq!(granted, mapped, "{}: {action}", function.id);
        }
    }
}

/// What Lambda itself does to a queue in the function's name.
const EVENT_SOURCE_ACTIONS: [&str; 3] = [
    "sqs:ReceiveMessage",
    "sqs:DeleteMessage",
    "sqs:GetQueueAttributes",
];

#[test]
fn each_granted_action_is_called_somewhere_the_function_is_built_from() {
    for function in Template::load().functions() {
        let sources: Vec<_> = workspace::built_from(function.crate_name())
            .iter()
            .flat_map(|folder| workspace::sources(&format!("{folder}/src")))
            .collect();
        for action in unexplained(&function) {
            let calls = sdk_calls(action);
            let called = sources
                .iter()
                .any(|(_, text)| calls.iter().any(|call| text.contains(call.as_str())));
            assert!(called, "{}: no {calls:?} for {action}", function.id);
        }
    }
}

/// Each function's README has a table of trigger, variables and permissions.
#[test]
fn each_readme_tells_the_permissions_and_variables_of_its_function() {
    for function in Template::load().functions() {
        let readme = workspace::read(&format!("functions/{}/README.md", function.crate_name()));
        let told: BTreeSet<_> = quoted_in_row(&readme, "permissions")
            .filter(|word| is_operation(word))
            .collect();
        let granted: BTreeSet<_> = unexplained(&function).into_iter().map(operation).collect();
        assert_eq!(told, granted, "{}", function.id);
        let told: BTreeSet<_> = quoted_in_row(&readme, "variables").collect();
        for variable in function.variables().keys() {
            assert!(
                told.contains(variable.as_str()),
                "{}: {variable}",
                function.id
            );
        }
    }
}

/// The words in backticks of a row of the table, without the service of an action.
fn quoted_in_row<'a>(readme: &'a str, row: &str) -> impl Iterator<Item = &'a str> {
    let head = format!("| {row} |");
    let found = readme
        .lines()
        .find(|line| line.starts_with(&head))
        .unwrap_or_default();
    found.split('`').skip(1).step_by(2).map(operation)
}

fn operation(action: &str) -> &str {
    action
        .split_once(':')
        .map_or(action, |(_, operation)| operation)
}

/// `GetItem`, not `due`.
fn is_operation(word: &str) -> bool {
    word.starts_with(|first: char| first.is_uppercase()) && word.chars().all(char::is_alphabetic)
}

fn unexplained<'a>(function: &Function<'a>) -> Vec<&'a str> {
    let actions = function.grants().into_iter().map(|(action, _)| action);
    actions
        .filter(|action| !EVENT_SOURCE_ACTIONS.contains(action))
        .collect()
}

/// How the SDK is asked for an action: the operation's own method, or a part of a larger operation
/// that AWS authorizes by this action.
fn sdk_calls(action: &str) -> Vec<String> {
    let mut method = String::from(".");
    for letter in operation(action).chars() {
        if letter.is_uppercase() && method.len() > 1 {
            method.push('_');
        }
        method.extend(letter.to_lowercase());
    }
    let mut calls = vec![format!("{method}()")];
    calls.extend(match action {
        "sqs:SendMessage" => vec![".send_message_batch()".to_owned()],
        "dynamodb:PutItem" => vec!["Put::builder()".to_owned()],
        "dynamodb:UpdateItem" => vec!["Update::builder()".to_owned()],
        "dynamodb:ConditionCheckItem" => vec!["ConditionCheck::builder()".to_owned()],
        "dynamodb:DeleteItem" => vec!["Delete::builder()".to_owned()],
        _ => vec![],
    });
    calls
}
