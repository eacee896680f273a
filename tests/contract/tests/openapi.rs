//! The OpenAPI document is generated from the code, committed, and served; here all three are held
//! together.

use std::collections::BTreeSet;
use std::path::Path;

use utoipa::OpenApi as _;

/// What webhooks-api serves at `/v1/openapi.json`.
const PATH: &str = "../../functions/webhooks-api/openapi.json";

fn generated() -> utoipa::openapi::OpenApi {
    let mut document = webhooks_api::ApiDoc::openapi();
    document.merge(events_api::ApiDoc::openapi());
    document.merge(devices_api::ApiDoc::openapi());
    document
}

#[test]
fn the_committed_document_is_what_the_code_says() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(PATH);
    let text = generated().to_pretty_json().unwrap() + "\n";
    if std::env::var_os("UPDATE_OPENAPI").is_some() {
        std::fs::write(&path, &text).unwrap();
    }
    let committed = std::fs::read_to_string(&path).unwrap();
    assert!(
        committed == text,
        "the document is out of date: run `UPDATE_OPENAPI=1 cargo test -p contract` and read the difference"
    );
}

#[test]
fn every_route_is_documented_and_every_documented_operation_is_a_route() {
    let document = serde_json::to_value(generated()).unwrap();
    let mut documented = BTreeSet::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            let name = operation["operationId"].as_str().unwrap();
            // An operation that needs a key says so, and only such a one.
            let guarded = operation.get("security").is_some();
            documented.insert((
                method.to_uppercase(),
                path.clone(),
                name.to_owned(),
                guarded,
            ));
        }
    }
    let webhooks = webhooks_api::ROUTES.iter().map(|route| {
        (
            route.method,
            route.path,
            route.name,
            !route.needs.is_empty(),
        )
    });
    let events = events_api::ROUTES.iter().map(|route| {
        (
            route.method,
            route.path,
            route.name,
            !route.needs.is_empty(),
        )
    });
    let devices = devices_api::ROUTES.iter().map(|route| {
        (
            route.method,
            route.path,
            route.name,
            !route.needs.is_empty(),
        )
    });
    let routed: BTreeSet<_> = webhooks
        .chain(events)
        .chain(devices)
        .map(|(method, path, name, guarded)| {
            (method.to_owned(), path.to_owned(), name.to_owned(), guarded)
        })
        .collect();
    assert_eq!(documented, routed);
}
