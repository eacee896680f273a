//! A caller of the API.

use domain::api_key::{Access, Grant, Key, Role};
use domain::id::NetworkId;
use local::{AwsListen, Options, System};
use serde_json::{Value, json};

pub(crate) struct Fanfare {
    pub(crate) system: System,
    pub(crate) http: reqwest::Client,
}

/// An answer, checked against the OpenAPI document.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: reqwest::header::HeaderMap,
    pub(crate) body: Value,
}

impl Answer {
    pub(crate) fn text(&self, pointer: &str) -> String {
        self.body
            .pointer(pointer)
            .and_then(Value::as_str)
            .unwrap_or_else(|| panic!("no {pointer} in {}", self.body))
            .to_owned()
    }

    /// The last part of the problem's type.
    pub(crate) fn problem(&self) -> &str {
        self.body["type"]
            .as_str()
            .and_then(|kind| kind.rsplit('/').next())
            .unwrap_or_default()
    }
}

impl Fanfare {
    pub(crate) async fn start() -> Self {
        Self::with(Options::ephemeral()).await
    }

    pub(crate) async fn with(options: Options) -> Self {
        let options = Options {
            aws_listen: AwsListen::Preferably(([127, 0, 0, 1], 0).into()),
            ..options
        };
        Self {
            system: System::start(options).await.unwrap(),
            http: reqwest::Client::builder().no_proxy().build().unwrap(),
        }
    }

    pub(crate) fn admin(&self) -> String {
        self.system.keys().super_admin().to_owned()
    }

    /// A new key of this role.
    pub(crate) async fn key(&self, role: Role) -> String {
        self.granted(Access::Role(role)).await
    }

    /// A new key of this right.
    pub(crate) async fn granted(&self, access: Access) -> String {
        let id = [u8::try_from(access.to_text().len()).unwrap(); 10];
        let key = Key::generate(&access, id, [5; 32]);
        let grant = Grant {
            network: NetworkId::parse("demo"),
            access,
            hash: key.hash(),
            expires: None,
        };
        let table = &self.system.template().tables[0].name;
        let store = store::Store::new(self.system.aws().dynamodb(), table);
        store.put_api_key(&key, &grant).await.unwrap();
        key.expose().to_owned()
    }

    /// One call of the operator, outside all networks.
    pub(crate) async fn operate(&self, key: &str, method: &str, path: &str) -> Answer {
        self.ask(key, method, &format!("/v1{path}"), "", &[]).await
    }

    pub(crate) fn producer(&self) -> String {
        self.system.keys().producer().to_owned()
    }

    /// One call in the network, its answer checked against the OpenAPI document.
    pub(crate) async fn call(
        &self,
        key: &str,
        method: &str,
        path: &str,
        body: &str,
        headers: &[(&str, &str)],
    ) -> Answer {
        let path = format!("/v1/networks/demo{path}");
        self.ask(key, method, &path, body, headers).await
    }

    async fn ask(
        &self,
        key: &str,
        method: &str,
        path: &str,
        body: &str,
        headers: &[(&str, &str)],
    ) -> Answer {
        let mut request = self
            .request(method, path)
            .bearer_auth(key)
            .body(body.to_owned());
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        checked(method, path, request).await
    }

    /// A call without a key yet.
    pub(crate) fn request(&self, method: &str, path: &str) -> reqwest::RequestBuilder {
        let url = format!("{}{path}", self.system.api());
        self.http.request(method.parse().unwrap(), url)
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.call(&self.admin(), "GET", path, "", &[]).await
    }

    pub(crate) async fn post(&self, key: &str, path: &str, body: &Value) -> Answer {
        self.call(key, "POST", path, &body.to_string(), &[]).await
    }

    /// A new endpoint: its id and secret.
    pub(crate) async fn endpoint(&self, url: &str, event_types: &[&str]) -> (String, String) {
        let made = self
            .post(
                &self.admin(),
                "/webhooks",
                &json!({ "url": url, "eventTypes": event_types }),
            )
            .await;
        assert_eq!(made.status, 201, "{}", made.body);
        (made.text("/id"), made.text("/secret"))
    }

    pub(crate) async fn report(&self, event: &Value) -> String {
        let accepted = self.post(&self.producer(), "/events", event).await;
        assert_eq!(accepted.status, 202, "{}", accepted.body);
        accepted.text("/id")
    }

    /// Asks again until `good` says so.
    pub(crate) async fn until(&self, path: &str, good: impl Fn(&Answer) -> bool) -> Answer {
        for _ in 0..600 {
            let answer = self.get(path).await;
            if good(&answer) {
                return answer;
            }
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
        panic!(
            "{path} never came to what was waited for; last: {}",
            self.get(path).await.body
        );
    }
}

pub(crate) const DOCUMENT: &str = include_str!("../../../../functions/webhooks-api/openapi.json");

/// Sends a call and checks its answer against the OpenAPI document.
pub(crate) async fn checked(method: &str, path: &str, request: reqwest::RequestBuilder) -> Answer {
    let response = request.send().await.unwrap();
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    let text = response.text().await.unwrap();
    let body = if text.is_empty() {
        Value::Null
    } else {
        serde_json::from_str(&text).unwrap_or_else(|_| panic!("not JSON: {text}"))
    };
    let answer = Answer {
        status,
        headers,
        body,
    };
    documented(method, path, &answer);
    answer
}

/// Checks an answer's body against the schema the OpenAPI document gives for its content type.
fn documented(method: &str, path: &str, answer: &Answer) {
    let document: Value = serde_json::from_str(DOCUMENT).unwrap();
    let path = path.split('?').next().unwrap_or_default();
    let Some(operation) = operation(&document, method, path) else {
        assert!(
            matches!(answer.status, 401 | 403 | 404 | 405),
            "{method} {path} answered {} without being documented",
            answer.status
        );
        return;
    };
    let exact = answer.status.to_string();
    let range = format!("{}XX", answer.status / 100);
    let responses = &operation["responses"];
    let described = responses.get(&exact).or_else(|| responses.get(&range));
    let described = described
        .unwrap_or_else(|| panic!("{method} {path} answered an undocumented {}", answer.status));
    if answer.body == Value::Null {
        assert_eq!(described.get("content"), None, "{method} {path}: no body");
        return;
    }
    let kind = answer.headers["content-type"].to_str().unwrap();
    let Some(media) = described["content"].get(kind) else {
        panic!("{method} {path}: {kind} is not documented for {exact}");
    };
    let mut schema = media["schema"].clone();
    schema["components"] = document["components"].clone();
    let validator = jsonschema::options()
        .with_draft(jsonschema::Draft::Draft202012)
        .build(&schema)
        .unwrap();
    let errors: Vec<_> = validator
        .iter_errors(&answer.body)
        .map(|error| error.to_string())
        .collect();
    assert!(
        errors.is_empty(),
        "{method} {path} answered {} against its document: {errors:?}",
        answer.body
    );
}

fn operation<'d>(document: &'d Value, method: &str, path: &str) -> Option<&'d Value> {
    let paths = document["paths"].as_object()?;
    let found = paths.iter().find(|(template, _)| {
        let (wanted, given): (Vec<_>, Vec<_>) =
            (template.split('/').collect(), path.split('/').collect());
        wanted.len() == given.len()
            && wanted
                .iter()
                .zip(&given)
                .all(|(w, g)| w.starts_with('{') || w == g)
    });
    found.and_then(|(_, methods)| methods.get(method.to_lowercase()))
}
