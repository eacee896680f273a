//! Each function of the template is a crate, and gets the variables its settings read.

use std::collections::BTreeSet;

use crate::template::Template;
use crate::workspace;

#[test]
fn each_crate_of_functions_is_a_function_and_each_function_a_crate() {
    let template = Template::load();
    let mut deployed: Vec<_> = template
        .functions()
        .iter()
        .map(|function| function.crate_name().to_owned())
        .collect();
    deployed.sort();
    assert_eq!(deployed, workspace::folders("functions"));
    for function in template.functions() {
        assert_eq!(
            function.id,
            pascal_case(function.crate_name()),
            "the logical id is the crate's name"
        );
    }
}

#[test]
fn each_function_is_built_from_its_crate_and_has_its_log() {
    let template = Template::load();
    let globals = template.globals();
    assert_eq!(globals["Runtime"], "provided.al2023");
    assert_eq!(globals["Handler"], "bootstrap");
    assert_eq!(globals["Architectures"][0]["Ref"], "Architecture");
    for function in template.functions() {
        assert_eq!(
            template.build_method(function.id),
            "rust-cargolambda",
            "{}",
            function.id
        );
        let logs = function.properties["LoggingConfig"]["LogGroup"]["Ref"]
            .as_str()
            .unwrap();
        assert_eq!(
            template.properties(logs)["RetentionInDays"]["Ref"],
            "LogRetentionDays",
            "{}",
            function.id
        );
    }
}

#[test]
fn each_function_gets_exactly_the_variables_it_reads() {
    let template = Template::load();
    for function in template.functions() {
        let settings = workspace::read(&format!(
            "functions/{}/src/settings.rs",
            function.crate_name()
        ));
        let given: BTreeSet<_> = function.variables().keys().map(String::as_str).collect();
        assert_eq!(given, variables_read(&settings), "{}", function.id);
    }
}

/// A switch loosens a rule for one machine; the template never sets one. `LOCAL_RECEIVERS` lets
/// webhooks go to loopback over plain http, `PROVIDER_STAND_INS` has pushes go there.
#[test]
fn no_switch_is_ever_set_in_the_template() {
    let template = workspace::read("template.yaml");
    let local = ["LOCAL_RECEIVERS", "PROVIDER_STAND_INS"];
    let mut switches: BTreeSet<_> = local.map(str::to_owned).into();
    for (_, text) in workspace::sources("functions") {
        for call in [".switch(", ".local("] {
            switches.extend(arguments_of(&text, call).into_iter().map(str::to_owned));
        }
    }
    for switch in switches {
        assert!(!template.contains(&switch), "template.yaml sets {switch}");
    }
}

#[test]
fn a_dispatch_ends_before_its_function_does_and_that_before_its_message_returns() {
    let template = Template::load();
    let function = template.function("WebhookDispatch");
    // The batch's latest start, which bounds admission too; the attempt, its record, its conclusions,
    // the first of which is to give its place back (or just that, when there is nothing to
    // conclude); and the message of its retry, which waits for others far less than a second.
    let call = seconds("shared/runtime/src/aws.rs", "CALL_TIMEOUT");
    let attempt = "functions/webhook-dispatch/src/attempt.rs";
    let gathering = millis("functions/webhook-dispatch/src/outbox.rs", "GATHERING");
    let longest = seconds(attempt, "LATEST_START")
        + seconds(attempt, "DEADLINE")
        + call
        + seconds(attempt, "CONCLUSIONS").max(call)
        + gathering.div_ceil(1_000)
        + call;
    let visibility = |queue| template.properties(queue)["VisibilityTimeout"].as_u64();
    let visibility = visibility("WebhookQueue")
        .min(visibility("RetryQueue"))
        .min(visibility("SlowQueue"))
        .unwrap();
    assert!(
        longest <= function.timeout(),
        "{longest} s do not fit in {} s",
        function.timeout()
    );
    // A second holder of the message may begin only when the first cannot run any more.
    assert!(seconds(attempt, "CLAIM") >= function.timeout());
    assert!(function.timeout() < visibility);
}

/// A first try without a claim must be over before a second fan-out of its event can have sent
/// another message for it.
#[test]
fn an_unclaimed_attempt_ends_before_its_message_can_have_a_copy() {
    let template = Template::load();
    let attempt = "functions/webhook-dispatch/src/attempt.rs";
    let over = seconds(attempt, "UNCLAIMED_WAIT")
        + seconds(attempt, "LATEST_START")
        + seconds(attempt, "DEADLINE")
        + seconds("shared/runtime/src/aws.rs", "CALL_TIMEOUT");
    let again = template.properties("EventsQueue")["VisibilityTimeout"].as_u64();
    // The first fan-out began this late after its message was received, or it marked what it sent.
    let began = seconds("functions/event-fanout/src/fanout.rs", "PROMPT");
    let copy = again.unwrap() - began - template.function("EventFanout").timeout();
    assert!(over <= copy, "{over} s, a copy after {copy} s");
}

#[test]
fn a_push_ends_before_its_function_does() {
    let template = Template::load();
    let attempt = "functions/push-dispatch/src/attempt.rs";
    // The batch's latest start, the try, its record, and the message that follows it.
    let call = seconds("shared/runtime/src/aws.rs", "CALL_TIMEOUT");
    let longest = seconds(attempt, "LATEST_START") + seconds(attempt, "DEADLINE") + 2 * call;
    assert!(longest <= template.function("PushDispatch").timeout());
}

#[test]
fn an_answer_fits_in_what_api_gateway_waits() {
    let template = Template::load();
    assert!(template.function("Authorizer").timeout() < 10);
    // It makes one call.
    assert!(
        template.function("Authorizer").timeout()
            > seconds("shared/runtime/src/aws.rs", "CALL_TIMEOUT")
    );
    assert!(template.function("WebhooksApi").timeout() < 30);
    assert!(template.function("EventsApi").timeout() < 30);
    assert!(template.function("DevicesApi").timeout() < 30);
    assert!(template.function("PushSettingsApi").timeout() < 30);
    assert!(template.function("CertificatesApi").timeout() < 30);
}

/// Seconds of `const NAME: Duration = Duration::from_secs(…)`.
fn seconds(path: &str, name: &str) -> u64 {
    duration(path, name, "from_secs")
}

/// Milliseconds of `const NAME: Duration = Duration::from_millis(…)`.
fn millis(path: &str, name: &str) -> u64 {
    duration(path, name, "from_millis")
}

fn duration(path: &str, name: &str, from: &str) -> u64 {
    let source = workspace::read(path);
    let declared = source.split_once(&format!("const {name}: Duration = Duration::{from}("));
    let number = declared.and_then(|(_, rest)| rest.split(')').next()?.parse().ok());
    number.unwrap_or_else(|| panic!("{path} declares {name} by {from}"))
}

/// Names of the variables read by a `settings.rs`, but not its switches.
fn variables_read(settings: &str) -> BTreeSet<&str> {
    let calls = [".required(", ".required_list(", ".list("];
    let names = calls.iter().flat_map(|call| arguments_of(settings, call));
    names.collect()
}

/// The string literals passed to a method of `runtime::Reader`.
fn arguments_of<'a>(source: &'a str, call: &str) -> Vec<&'a str> {
    let rest = source.split(call).skip(1);
    rest.filter_map(|rest| rest.trim_start().strip_prefix('"')?.split('"').next())
        .collect()
}

fn pascal_case(name: &str) -> String {
    let word = |word: &str| word[..1].to_uppercase() + &word[1..];
    name.split('-').map(word).collect()
}
