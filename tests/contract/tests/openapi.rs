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
    document.merge(catalogue_api::ApiDoc::openapi());
    document.merge(devices_api::ApiDoc::openapi());
    document.merge(push_settings_api::ApiDoc::openapi());
    document.merge(certificates_api::ApiDoc::openapi());
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
    let mut routed = declared(webhooks_api::ROUTES);
    routed.extend(declared(events_api::ROUTES));
    routed.extend(declared(catalogue_api::ROUTES));
    routed.extend(declared(devices_api::ROUTES));
    routed.extend(declared(push_settings_api::ROUTES));
    routed.extend(declared(certificates_api::ROUTES));
    assert_eq!(documented, routed);
}

/// Method, path, operation, and whether it needs a key.
fn declared<O>(routes: &[http_api::Route<O>]) -> BTreeSet<(String, String, String, bool)> {
    let routes = routes.iter().map(|route| {
        let (method, path, name) = (route.method, route.path, route.name);
        let guarded = !route.needs.is_empty();
        (method.to_owned(), path.to_owned(), name.to_owned(), guarded)
    });
    routes.collect()
}
