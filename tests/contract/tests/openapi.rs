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

#[test]
fn every_operation_says_what_it_answers_when_it_is_not_the_callers_fault() {
    let document = serde_json::to_value(generated()).unwrap();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            for status in ["500", "503"] {
                let answer = &operation["responses"][status];
                let words = answer["description"].as_str().unwrap_or_default();
                assert!(!words.is_empty(), "{method} {path}: {status}");
                let kinds = answer["content"].as_object().unwrap();
                assert!(!kinds.is_empty(), "{method} {path}: {status}");
                for (kind, media) in kinds {
                    let schema = media["schema"]["$ref"].as_str().unwrap();
                    let name = schema.rsplit('/').next().unwrap();
                    let known = &document["components"]["schemas"][name];
                    assert!(known.is_object(), "{method} {path}: {kind} {name}");
                }
            }
        }
    }
}

#[test]
fn every_limit_of_a_listing_says_its_bounds() {
    let document = serde_json::to_value(generated()).unwrap();
    let mut found = 0;
    for (path, methods) in document["paths"].as_object().unwrap() {
        for operation in methods.as_object().unwrap().values() {
            let parameters = operation["parameters"].as_array().into_iter().flatten();
            for limit in parameters.filter(|parameter| parameter["name"] == "limit") {
                found += 1;
                assert_eq!(limit["schema"]["minimum"], 1, "{path}");
                let most = limit["schema"]["maximum"].as_u64().unwrap();
                let words = limit["description"].as_str().unwrap();
                assert!(
                    words.starts_with(&format!("1 to {most},")),
                    "{path}: {words}"
                );
            }
        }
    }
    assert!(found > 5, "{found}");
}
