//! Routes, who may call them, and the operations behind them.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::template::{Template, referenced};

/// Routes that need no key. Everything else does.
const PUBLIC: [&str; 6] = [
    "GET /v1/openapi.json",
    "GET /v1/egress",
    "GET /v1/health",
    "GET /v1/jwks/{network}/{proxy+}",
    "GET /v1/problems/{proxy+}",
    "$default",
];

/// Routes to what belongs to no network.
const OPERATOR: [&str; 2] = ["GET /v1/quarantine", "ANY /v1/quarantine/{proxy+}"];

/// The path of SDKs made for social.plus: the key, in a header of its own, names the network.
const SDK: &str = "ANY /v1/notification";

#[test]
fn only_the_public_routes_need_no_key() {
    let template = Template::load();
    let mut open = BTreeSet::new();
    for (id, route) in template.resources("AWS::ApiGatewayV2::Route") {
        let key = route["RouteKey"].as_str().unwrap();
        if route["AuthorizationType"] == "NONE" {
            open.insert(key);
            continue;
        }
        assert_eq!(route["AuthorizationType"], "CUSTOM", "{id}");
        let authorizer = referenced(&route["AuthorizerId"]);
        if key == SDK {
            assert_eq!(authorizer, Some("SdkAuthorizer"), "{id}");
            continue;
        }
        assert_eq!(authorizer, Some("ApiAuthorizer"), "{id}");
        assert!(
            OPERATOR.contains(&key) || key.contains(" /v1/networks/{network}/"),
            "{id} belongs to no network"
        );
    }
    assert_eq!(open, BTreeSet::from(PUBLIC));
}

/// Networks are tenants: what names none is for the operator's key, and that key is for nothing else.
#[test]
fn what_belongs_to_no_network_is_for_the_operator_alone() {
    let template = Template::load();
    let mut paths = Vec::new();
    for function in template.functions() {
        if !function.id.ends_with("Api") {
            continue;
        }
        for operation in operations(function.id) {
            let of_none = OPERATOR.iter().any(|route| covers(route, &operation));
            assert_eq!(operation.needs == ["Operate"], of_none, "{operation:?}");
            let needed = operation.needs.iter().any(|need| need == "Operate");
            assert_eq!(needed, of_none, "{operation:?}");
            paths.extend(of_none.then_some(operation.path));
        }
    }
    assert_eq!(paths.len(), 4, "{paths:?}");
}

#[test]
fn the_authorizer_judges_the_key_alone_and_a_revoked_one_dies_within_a_minute() {
    let template = Template::load();
    for (id, header) in [
        ("ApiAuthorizer", "Authorization"),
        ("SdkAuthorizer", "X-API-Key"),
    ] {
        let authorizer = template.properties(id);
        assert_eq!(authorizer["AuthorizerType"], "REQUEST");
        assert_eq!(authorizer["AuthorizerPayloadFormatVersion"], "2.0");
        assert_eq!(authorizer["EnableSimpleResponses"], true);
        assert_eq!(
            authorizer["IdentitySource"],
            serde_json::json!([format!("$request.header.{header}")])
        );
        assert!(authorizer["AuthorizerResultTtlInSeconds"].as_u64().unwrap() <= 60);
        let uri = authorizer["AuthorizerUri"]["Fn::Sub"].as_str().unwrap();
        assert!(uri.contains("${Authorizer.Arn}"));
    }
}

#[test]
fn api_gateway_may_call_each_function_it_is_told_to_call() {
    let template = Template::load();
    let mut called: BTreeSet<_> = template
        .resources("AWS::ApiGatewayV2::Integration")
        .into_iter()
        .map(|(id, integration)| {
            assert_eq!(integration["PayloadFormatVersion"], "2.0", "{id}");
            referenced(&integration["IntegrationUri"]).unwrap()
        })
        .collect();
    called.insert("Authorizer");
    let permissions = template.resources("AWS::Lambda::Permission");
    let allowed = permissions.into_iter().map(|(id, permission)| {
        assert_eq!(permission["Principal"], "apigateway.amazonaws.com", "{id}");
        // Without it, any API of any account could call the function.
        assert!(
            permission["SourceArn"]["Fn::Sub"]
                .as_str()
                .unwrap()
                .contains("${AWS::AccountId}:${Api}/"),
            "{id}"
        );
        referenced(&permission["FunctionName"]).unwrap()
    });
    assert_eq!(allowed.collect::<BTreeSet<_>>(), called);
}

#[test]
fn each_operation_is_reached_by_a_route_and_each_route_leads_to_an_operation() {
    let template = Template::load();
    for function in template
        .functions()
        .iter()
        .map(|function| function.id)
        .filter(|id| id.ends_with("Api"))
    {
        let operations = operations(function);
        let routes = routes(&template, function);
        for operation in &operations {
            let route = routes.iter().find(|route| covers(route.key, operation));
            let route = route.unwrap_or_else(|| panic!("{function}: no route for {operation:?}"));
            assert_eq!(route.open, operation.open, "{operation:?} by {}", route.key);
        }
        for Route { key, .. } in routes.iter().filter(|route| route.key != "$default") {
            assert!(
                operations.iter().any(|operation| covers(key, operation)),
                "{function}: nothing behind {key}"
            );
        }
    }
}

struct Route<'a> {
    key: &'a str,
    open: bool,
}

/// Routes of the template that lead to one function.
fn routes<'a>(template: &'a Template, function: &str) -> Vec<Route<'a>> {
    let leads_here = |route: &Value| {
        let integration = referenced(&route["Target"]).unwrap();
        referenced(&template.properties(integration)["IntegrationUri"]) == Some(function)
    };
    let routes = template.resources("AWS::ApiGatewayV2::Route").into_iter();
    let here = routes.filter(|(_, route)| leads_here(route));
    here.map(|(_, route)| Route {
        key: route["RouteKey"].as_str().unwrap(),
        open: route["AuthorizationType"] == "NONE",
    })
    .collect()
}

/// What an API function declares in its `ROUTES`.
#[derive(Debug)]
struct Operation {
    method: &'static str,
    path: &'static str,
    /// Whether it needs no permission.
    open: bool,
    /// Any one of these is enough, by name.
    needs: Vec<String>,
}

fn operations(function: &str) -> Vec<Operation> {
    match function {
        "WebhooksApi" => declared(webhooks_api::ROUTES),
        "EventsApi" => declared(events_api::ROUTES),
        "CatalogueApi" => declared(catalogue_api::ROUTES),
        "DevicesApi" => declared(devices_api::ROUTES),
        "PushSettingsApi" => declared(push_settings_api::ROUTES),
        "CertificatesApi" => declared(certificates_api::ROUTES),
        _ => panic!("the template sends requests to {function}, which has no ROUTES here"),
    }
}

fn declared<O>(routes: &[http_api::Route<O>]) -> Vec<Operation> {
    let operation = |route: &http_api::Route<O>| Operation {
        method: route.method,
        path: route.path,
        open: route.needs.is_empty(),
        needs: route.needs.iter().map(|need| format!("{need:?}")).collect(),
    };
    routes.iter().map(operation).collect()
}

/// Whether API Gateway would send an operation's requests by a route key.
fn covers(key: &str, operation: &Operation) -> bool {
    let Some((method, path)) = key.split_once(' ') else {
        return false;
    };
    if method != "ANY" && method != operation.method {
        return false;
    }
    match path.strip_suffix("/{proxy+}") {
        Some(prefix) => operation
            .path
            .strip_prefix(prefix)
            .is_some_and(|rest| rest.len() > 1 && rest.starts_with('/')),
        None => operation.path == path,
    }
}

#[test]
fn a_greedy_route_covers_what_is_below_it_only() {
    let covers = |key, method, path| {
        covers(
            key,
            &Operation {
                method,
                path,
                open: false,
                needs: Vec::new(),
            },
        )
    };
    let greedy = "ANY /v1/things/{proxy+}";
    assert!(covers(greedy, "GET", "/v1/things/{id}"));
    assert!(covers(greedy, "POST", "/v1/things/{id}/parts"));
    assert!(!covers(greedy, "GET", "/v1/things"));
    assert!(!covers(greedy, "GET", "/v1/thingsome"));
    assert!(!covers("GET /v1/things", "POST", "/v1/things"));
}
