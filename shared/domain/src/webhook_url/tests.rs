use super::*;
use proptest::prelude::*;

use AddressPolicy::{LoopbackAllowed, PublicOnly};

/// The normalised URL, or the word of the broken rule.
fn judged(text: &str, policy: AddressPolicy) -> String {
    match WebhookUrl::parse(text, policy) {
        Ok(url) => url.as_str().to_owned(),
        Err(error) => error.rule().to_owned(),
    }
}

fn check(policy: AddressPolicy, cases: &[(&str, &str)]) {
    for (text, expected) in cases {
        assert_eq!(judged(text, policy), *expected, "{text}");
    }
}

#[test]
fn public_urls_pass_and_are_normalised() {
    check(
        PublicOnly,
        &[
            ("https://example.com", "https://example.com/"),
            (
                "HTTPS://Hooks.Example.COM:443/a/../b",
                "https://hooks.example.com/b",
            ),
            (
                "https://example.com:8443/in?team=blue",
                "https://example.com:8443/in?team=blue",
            ),
            ("https://example.com./x", "https://example.com./x"),
            ("https://bücher.example/", "https://xn--bcher-kva.example/"),
            ("https://8.8.8.8/", "https://8.8.8.8/"),
            (
                "https://[2606:4700:4700::1111]/",
                "https://[2606:4700:4700::1111]/",
            ),
            ("https://my-local.example/", "https://my-local.example/"),
            (
                "https://internal.example.com/",
                "https://internal.example.com/",
            ),
        ],
    );
}

#[test]
fn each_rule_is_named() {
    check(
        PublicOnly,
        &[
            ("", "malformed"),
            ("example.com/hook", "malformed"),
            ("https://", "malformed"),
            ("https://exa mple.com/", "malformed"),
            ("https://a..b/", "malformed"),
            ("https://[fe80::1%25eth0]/", "malformed"),
            ("http://example.com/", "not_https"),
            ("http://localhost/", "not_https"),
            ("ftp://example.com/", "not_https"),
            ("file:///etc/passwd", "not_https"),
            ("gopher://example.com/", "not_https"),
            ("https://user@example.com/", "user_info"),
            ("https://user:pass@example.com/", "user_info"),
            ("https://example.com@127.0.0.1/", "user_info"),
            ("https://example.com/#top", "fragment"),
            ("https://example.com/#", "fragment"),
            ("https://example.com:0/", "port_zero"),
            ("https://example.com:65536/", "malformed"),
            ("https://localhost/", "local_name"),
            ("https://localhost./", "local_name"),
            ("https://LOCALHOST/", "local_name"),
            ("https://app.localhost/", "local_name"),
            ("https://printer.local/", "local_name"),
            ("https://metadata.google.internal/", "local_name"),
            ("https://ip-10-0-0-1.ec2.internal./", "local_name"),
            ("https://backend/", "local_name"),
        ],
    );
    let long = format!("https://example.com/{}", "a".repeat(MAX_URL_BYTES));
    assert_eq!(judged(&long, PublicOnly), "too_long");
    let grows = format!("https://example.com/{}", "é".repeat(MAX_URL_BYTES / 4));
    assert_eq!(judged(&grows, PublicOnly), "too_long");
    let label = format!("https://{}.com/", "a".repeat(64));
    assert_eq!(judged(&label, PublicOnly), "malformed");
}

#[test]
fn every_notation_of_a_private_address_is_that_address() {
    for host in [
        "127.0.0.1",
        "127.1",
        "0x7f.1",
        "0x7f000001",
        "2130706433",
        "017700000001",
        "0177.0.0.01",
        "127.0.0.1.",
        "%31%32%37.0.0.1",
        "１２７.0.0.1",
        "①②⑦.0.0.1",
        "127。0。0。1",
        "0",
        "0.0.0.0",
        "10.0.0.1",
        "0xa9fea9fe",
        "169.254.169.254",
        "2852039166",
        "0251.0376.0251.0376",
        "100.100.100.200",
        "168.63.129.16",
        "255.255.255.255",
        "[::]",
        "[::1]",
        "[0:0:0:0:0:0:0:1]",
        "[::7f00:1]",
        "[::127.0.0.1]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "[::ffff:0:127.0.0.1]",
        "[64:ff9b::7f00:1]",
        "[2002:7f00:1::]",
        "[2001:470::5efe:127.0.0.1]",
        "[fd00:ec2::254]",
        "[fe80::1]",
    ] {
        assert_eq!(
            judged(&format!("https://{host}/"), PublicOnly),
            "address_not_allowed",
            "{host}"
        );
    }
}

#[test]
fn loopback_may_be_plain_when_allowed_and_nothing_else_may() {
    check(
        LoopbackAllowed,
        &[
            ("http://localhost:8080/hook", "http://localhost:8080/hook"),
            ("http://127.0.0.1:1/", "http://127.0.0.1:1/"),
            ("http://0x7f.1/", "http://127.0.0.1/"),
            ("http://[::1]:9/", "http://[::1]:9/"),
            ("https://localhost/", "https://localhost/"),
            ("https://receiver/", "https://receiver/"),
            ("http://receiver/", "not_https"),
            ("http://example.com/", "not_https"),
            ("http://localhost.example.com/", "not_https"),
            ("http://10.0.0.1/", "not_https"),
            ("https://10.0.0.1/", "address_not_allowed"),
            ("https://169.254.169.254/", "address_not_allowed"),
            ("https://user@localhost/", "user_info"),
            ("http://localhost:0/", "port_zero"),
        ],
    );
}

#[test]
fn secrets_in_the_query_are_refused_by_name() {
    for name in [
        "token",
        "Token",
        "access_token",
        "accessToken",
        "x-auth-token",
        "secret",
        "client_secret",
        "password",
        "PASSWORD",
        "pwd",
        "api_key",
        "apikey",
        "X-Api-Key",
        "api%5Fkey",
        "key",
        "sig",
        "signature",
        "X-Amz-Signature",
        "auth",
        "jwt",
        "hook[token]",
        "AWSAccessKey",
        "credentials",
    ] {
        let url = format!("https://example.com/in?a=1&{name}=hunter2");
        let error = WebhookUrl::parse(&url, PublicOnly).unwrap_err();
        assert_eq!(error.rule(), "secret_in_query", "{name}");
        assert!(!format!("{error} {error:?}").contains("hunter2"));
    }
    for name in [
        "keyword",
        "monkey",
        "team",
        "tokens_left",
        "author",
        "design",
        "v",
        "routing_key",
    ] {
        let url = format!("https://example.com/in?{name}=1");
        assert_eq!(judged(&url, PublicOnly), url);
    }
}

#[test]
fn the_parts_are_what_a_connection_needs() {
    for (text, host, port, tls, authority) in [
        (
            "https://example.com/a?b=c",
            "example.com",
            443,
            true,
            "example.com",
        ),
        (
            "https://example.com:8443/",
            "example.com",
            8443,
            true,
            "example.com:8443",
        ),
        ("http://[::1]:81/", "[::1]", 81, false, "[::1]:81"),
        ("http://127.0.0.1/", "127.0.0.1", 80, false, "127.0.0.1"),
    ] {
        let url = WebhookUrl::parse(text, LoopbackAllowed).unwrap();
        assert_eq!((url.host(), url.port(), url.is_tls()), (host, port, tls));
        assert_eq!(url.authority(), authority);
    }
}

#[test]
fn printing_a_url_never_prints_its_query() {
    let url = WebhookUrl::parse("https://example.com/in?shift=night", PublicOnly).unwrap();
    assert_eq!(url.to_string(), "https://example.com/in?…");
    assert_eq!(format!("{url:?}"), "WebhookUrl(https://example.com/in?…)");
    assert_eq!(url.as_str(), "https://example.com/in?shift=night");
}

#[test]
fn messages_are_fragments_a_customer_understands() {
    for error in [
        WebhookUrlError::TooLong,
        WebhookUrlError::Malformed,
        WebhookUrlError::NotHttps,
        WebhookUrlError::UserInfo,
        WebhookUrlError::Fragment,
        WebhookUrlError::PortZero,
        WebhookUrlError::SecretInQuery {
            looks_like: "token",
        },
        WebhookUrl::parse("https://10.0.0.1", PublicOnly).unwrap_err(),
        WebhookUrlError::LocalName,
    ] {
        let message = error.to_string();
        assert!(
            message.starts_with(char::is_lowercase) && !message.ends_with('.'),
            "{message}"
        );
    }
}

proptest! {
    #[test]
    fn what_parses_once_parses_to_itself(path in "[ -~]{0,40}", query in "[ -~]{0,40}") {
        let text = format!("https://example.com/{path}?{query}");
        if let Ok(url) = WebhookUrl::parse(&text, PublicOnly) {
            prop_assert_eq!(WebhookUrl::parse(url.as_str(), PublicOnly), Ok(url));
        }
    }

    #[test]
    fn parsing_never_panics(text in any::<String>()) {
        let _ = WebhookUrl::parse(&text, PublicOnly);
        let _ = WebhookUrl::parse(&format!("https://{text}"), LoopbackAllowed);
    }
}

#[test]
fn names_of_our_own_are_known_however_they_are_written() {
    let own = OwnNames::new([
        "Api.Example.com".to_owned(),
        "hooks.example.org.".to_owned(),
    ]);
    for (text, expected) in [
        (
            "https://api.example.com/v1/networks/a/events",
            Err(WebhookUrlError::OwnName),
        ),
        (
            "https://API.example.com.:8443/",
            Err(WebhookUrlError::OwnName),
        ),
        ("https://%61pi.example.com/", Err(WebhookUrlError::OwnName)),
        ("https://hooks.example.org/", Err(WebhookUrlError::OwnName)),
        ("https://not-api.example.com/", Ok(())),
        ("https://example.com/?x=api.example.com", Ok(())),
    ] {
        let url = WebhookUrl::parse(text, PublicOnly).unwrap();
        assert_eq!(own.check(&url), expected, "{text}");
    }
}
