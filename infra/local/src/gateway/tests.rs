//! Against a real socket, with handlers of a few lines.

use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use aws_lambda_events::apigw::{
    ApiGatewayV2CustomAuthorizerSimpleResponse, ApiGatewayV2httpResponse,
};
use aws_lambda_events::encodings::Body;
use domain::time::Timestamp;
use http::Method;
use http_body_util::Full;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use runtime::Env;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::*;
use crate::handlers::Handler;
use crate::http_server;
use crate::shutdown::{Trigger, channel};
use crate::template::{Authorizer, Function, IdentitySource, Route};

struct Started {
    base: String,
    client: Client<HttpConnector, Full<Bytes>>,
    /// How often the authorizer was asked.
    asked: Arc<AtomicU32>,
    now: Arc<AtomicU64>,
    _trigger: Trigger,
}

struct Answered {
    status: u16,
    content_type: String,
    body: Value,
}

impl Started {
    async fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Answered {
        let mut request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.base));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Full::from(body.to_vec())).unwrap();
        let answer = self.client.request(request).await.unwrap();
        assert!(answer.headers().contains_key(REQUEST_ID));
        let status = answer.status().as_u16();
        let content_type = answer.headers()["content-type"]
            .to_str()
            .unwrap()
            .to_owned();
        let body = answer.into_body().collect().await.unwrap().to_bytes();
        let text = String::from_utf8(body.to_vec()).unwrap();
        Answered {
            status,
            content_type,
            body: serde_json::from_str(&text).unwrap_or(Value::String(text)),
        }
    }

    async fn get(&self, path: &str, key: Option<&str>) -> Answered {
        let headers: Vec<_> = key.map(|key| ("authorization", key)).into_iter().collect();
        self.send("GET", path, &headers, b"").await
    }

    fn asked(&self) -> u32 {
        self.asked.load(Ordering::SeqCst)
    }
}

fn function(name: &str) -> Function {
    Function {
        logical: name.to_owned(),
        name: name.to_owned(),
        package: name.to_owned(),
        environment: BTreeMap::new(),
        timeout: Duration::from_secs(5),
        memory_mb: 128,
        schedules: vec![],
    }
}

fn http(
    answer: impl Fn(aws_lambda_events::apigw::ApiGatewayV2httpRequest) -> ApiGatewayV2httpResponse
    + Send
    + Sync
    + 'static,
) -> Handler {
    Handler::Http(Arc::new(move |event| {
        let answer = answer(event);
        Box::pin(async move { Ok(answer) })
    }))
}

fn response(status: i64, body: Body) -> ApiGatewayV2httpResponse {
    let mut response = ApiGatewayV2httpResponse::default();
    response.status_code = status;
    response.body = Some(body);
    response
}

fn functions(asked: &Arc<AtomicU32>) -> Functions {
    let mut functions = Functions::default();
    functions.insert(
        function("Echo"),
        http(|event| response(200, Body::Text(serde_json::to_string(&event).unwrap()))),
    );
    functions.insert(
        function("Binary"),
        http(|_| {
            let mut answer = response(201, Body::Text("AP8=".to_owned()));
            answer.is_base64_encoded = true;
            answer
                .headers
                .insert("content-type", HeaderValue::from_static("application/x"));
            answer
        }),
    );
    functions.insert(
        function("Broken"),
        Handler::Http(Arc::new(|_| Box::pin(async { Err("no luck".into()) }))),
    );
    functions.insert(
        function("Panicking"),
        Handler::Http(Arc::new(|_| Box::pin(async { panic!("on purpose") }))),
    );
    functions.insert(function("Nonsense"), http(|_| response(9_999, Body::Empty)));
    let asked = Arc::clone(asked);
    let judge = move |event: aws_lambda_events::apigw::ApiGatewayV2CustomAuthorizerV2Request| {
        asked.fetch_add(1, Ordering::SeqCst);
        let key = event.identity_source.unwrap_or_default().concat();
        assert_eq!(event.headers["authorization"], key);
        let mut answer = ApiGatewayV2CustomAuthorizerSimpleResponse::default();
        answer.is_authorized = key == "Bearer good";
        answer.context = json!({ "network": "demo" });
        let answer = if key == "Bearer crash" {
            Err("table is gone".into())
        } else {
            Ok(answer)
        };
        Box::pin(async move { answer }) as futures::future::BoxFuture<'static, _>
    };
    functions.insert(function("Guard"), Handler::Authorizer(Arc::new(judge)));
    functions
}

fn api() -> HttpApi {
    let route = |(key, function, authorizer): (&str, &str, Option<&str>)| Route {
        logical: key.to_owned(),
        key: key.to_owned(),
        function: function.to_owned(),
        authorizer: authorizer.map(str::to_owned),
    };
    let authorizer = Authorizer {
        logical: "Keys".to_owned(),
        function: "Guard".to_owned(),
        identity: vec![IdentitySource::Header("authorization".to_owned())],
        ttl: Duration::from_secs(60),
    };
    HttpApi {
        routes: [
            ("ANY /open/{id}", "Echo", None),
            ("POST /open", "Echo", None),
            ("GET /closed/{proxy+}", "Echo", Some("Keys")),
            ("GET /binary", "Binary", None),
            ("GET /broken", "Broken", None),
            ("GET /panicking", "Panicking", None),
            ("GET /nonsense", "Nonsense", None),
        ]
        .map(route)
        .to_vec(),
        authorizers: [("Keys".to_owned(), authorizer)].into(),
    }
}

async fn start() -> Started {
    let asked = Arc::new(AtomicU32::new(0));
    // 2026-11-23T09:00:00Z
    let now = Arc::new(AtomicU64::new(1_795_424_400_000));
    let clock = Arc::clone(&now);
    let platform = Platform {
        clock: Clock::from_fn(move || Timestamp::from_millis(clock.load(Ordering::SeqCst))),
        random: Random::from_fn(|bytes| bytes.fill(1)),
        telemetry: Telemetry::to(|_, _| {}),
        env: Env::default(),
        aws: runtime::Aws::from_env(&Env::default()),
    };
    let gateway = Gateway::new(&api(), &functions(&asked), &platform).unwrap();
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let (trigger, shutdown) = channel();
    tokio::spawn(http_server::serve(
        listener,
        shutdown,
        move |request, peer| gateway.clone().answer(request, peer),
    ));
    let client = Client::builder(TokioExecutor::new()).build_http();
    Started {
        base,
        client,
        asked,
        now,
        _trigger: trigger,
    }
}

#[tokio::test]
async fn a_function_sees_payload_format_two() {
    let api = start().await;
    let headers = [
        ("x-many", "a"),
        ("x-many", "b"),
        ("cookie", "one=1; two=2"),
        ("user-agent", "test"),
    ];
    let answer = api
        .send(
            "PUT",
            "/open/a%20b?x=1&x=2&y=%C3%A9",
            &headers,
            "grüße".as_bytes(),
        )
        .await;
    assert_eq!(answer.status, 200);
    let event = answer.body;
    let expected = [
        ("/version", json!("2.0")),
        ("/routeKey", json!("ANY /open/{id}")),
        ("/rawPath", json!("/open/a%20b")),
        ("/rawQueryString", json!("x=1&x=2&y=%C3%A9")),
        ("/queryStringParameters/x", json!("1,2")),
        ("/queryStringParameters/y", json!("é")),
        ("/pathParameters/id", json!("a b")),
        ("/headers/x-many", json!("a,b")),
        ("/cookies", json!(["one=1", "two=2"])),
        ("/body", json!("grüße")),
        ("/isBase64Encoded", json!(false)),
        ("/requestContext/http/method", json!("PUT")),
        ("/requestContext/http/protocol", json!("HTTP/1.1")),
        ("/requestContext/http/sourceIp", json!("127.0.0.1")),
        ("/requestContext/http/userAgent", json!("test")),
        ("/requestContext/stage", json!("$default")),
        ("/requestContext/time", json!("23/Nov/2026:09:00:00 +0000")),
        ("/requestContext/timeEpoch", json!(1_795_424_400_000_u64)),
        ("/requestContext/requestId", json!("AQEBAQEBAQEBAQEB")),
    ];
    for (pointer, value) in expected {
        assert_eq!(event.pointer(pointer), Some(&value), "{pointer} of {event}");
    }
    assert!(event.pointer("/headers/cookie").is_none());
}

#[tokio::test]
async fn bytes_that_are_no_text_travel_as_base64_both_ways() {
    let api = start().await;
    let event = api.send("POST", "/open", &[], &[0, 255]).await.body;
    assert_eq!(
        (&event["body"], &event["isBase64Encoded"]),
        (&json!("AP8="), &json!(true))
    );
    let empty = api.send("POST", "/open", &[], b"").await.body;
    assert!(empty["body"].is_null());

    let request = Request::builder()
        .uri(format!("{}/binary", api.base))
        .body(Full::default())
        .unwrap();
    let answer = api.client.request(request).await.unwrap();
    assert_eq!(
        (
            answer.status().as_u16(),
            answer.headers()["content-type"].to_str().unwrap()
        ),
        (201, "application/x")
    );
    assert_eq!(
        answer
            .into_body()
            .collect()
            .await
            .unwrap()
            .to_bytes()
            .as_ref(),
        [0, 255]
    );
}

#[tokio::test]
async fn what_the_gateway_refuses_is_a_problem_that_holds_awss_answer() {
    let api = start().await;
    for (path, key, status, kind, message) in [
        ("/closed/x", None, 401, "unauthorized", "Unauthorized"),
        ("/closed/x", Some(""), 401, "unauthorized", "Unauthorized"),
        (
            "/closed/x",
            Some("Bearer bad"),
            403,
            "forbidden",
            "Forbidden",
        ),
        (
            "/closed/x",
            Some("Bearer crash"),
            500,
            "internal",
            "Internal Server Error",
        ),
        ("/nowhere", None, 404, "unknown-path", "Not Found"),
        ("/open", None, 404, "unknown-path", "Not Found"),
        ("/broken", None, 500, "internal", "Internal Server Error"),
        ("/panicking", None, 500, "internal", "Internal Server Error"),
        ("/nonsense", None, 500, "internal", "Internal Server Error"),
    ] {
        let answer = api.get(path, key).await;
        assert_eq!(
            (answer.status, answer.content_type.as_str()),
            (status, "application/problem+json"),
            "{path}"
        );
        assert_eq!(
            answer.body["type"],
            format!("/v1/problems/{kind}"),
            "{path}"
        );
        assert_eq!(
            (&answer.body["message"], &answer.body["status"]),
            (&json!(message), &json!(status)),
            "{path}"
        );
        assert!(
            answer.body["detail"]
                .as_str()
                .is_some_and(|detail| !detail.is_empty()),
            "{path}"
        );
    }
}

#[tokio::test]
async fn the_authorizers_answer_is_reused_for_its_time_and_key() {
    let api = start().await;
    for _ in 0..3 {
        let answer = api.get("/closed/x/y", Some("Bearer good")).await;
        assert_eq!(answer.status, 200);
        assert_eq!(
            answer.body["requestContext"]["authorizer"]["lambda"],
            json!({ "network": "demo" })
        );
        assert_eq!(answer.body["pathParameters"]["proxy"], "x/y");
    }
    assert_eq!(api.asked(), 1);
    for _ in 0..2 {
        assert_eq!(api.get("/closed/x", Some("Bearer bad")).await.status, 403);
    }
    assert_eq!(api.asked(), 2);
    api.now.fetch_add(60_000, Ordering::SeqCst);
    assert_eq!(api.get("/closed/x", Some("Bearer good")).await.status, 200);
    assert_eq!(api.asked(), 3);
    // A failure is no answer and is not remembered.
    for _ in 0..2 {
        assert_eq!(api.get("/closed/x", Some("Bearer crash")).await.status, 500);
    }
    assert_eq!(api.asked(), 5);
}

#[tokio::test]
async fn ten_megabytes_are_the_limit() {
    let api = start().await;
    let largest = api.send("POST", "/open", &[], &vec![b'a'; MAX_BODY]).await;
    assert_eq!(largest.status, 200);
    let larger = api
        .send("POST", "/open", &[], &vec![b'a'; MAX_BODY + 1])
        .await;
    assert_eq!(
        (larger.status, &larger.body["message"]),
        (413, &json!("Request Entity Too Large"))
    );
}

#[test]
fn methods_are_compared_exactly() {
    let routes = Routes::compile(vec![("GET /a".to_owned(), ())]).unwrap();
    assert!(routes.find(&Method::GET, "/a").is_some());
    assert!(routes.find(&Method::HEAD, "/a").is_none());
}
