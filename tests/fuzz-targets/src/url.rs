use std::net::IpAddr;

use domain::address::AddressPolicy::{LoopbackAllowed, PublicOnly};
use domain::webhook_url::WebhookUrl;

pub(crate) fn run(data: &[u8]) {
    let Some(text) = crate::text(data) else {
        return;
    };
    let lax = WebhookUrl::parse(text, LoopbackAllowed);
    if let Ok(url) = &lax
        && !url.is_tls()
    {
        let loopback = match address(url.host()) {
            Some(address) => address.to_canonical().is_loopback(),
            None => url.host() == "localhost",
        };
        assert!(loopback, "plain http leaves this machine: {text:?}");
    }
    let Ok(url) = WebhookUrl::parse(text, PublicOnly) else {
        return;
    };
    assert!(lax.is_ok(), "the laxer policy refuses {text:?}");
    assert!(url.is_tls() && url.as_str().starts_with("https://"));
    assert!(!url.authority().contains('@') && !url.as_str().contains('#'));
    assert!(url.port() > 0);
    if let Some(address) = address(url.host()) {
        assert!(PublicOnly.judge(address).is_ok(), "{text:?} is {address}");
    }
    let again = WebhookUrl::parse(url.as_str(), PublicOnly);
    assert_eq!(
        again.as_ref(),
        Ok(&url),
        "{text:?} does not parse to itself"
    );
    // Logs show a URL without what may be secret in it.
    let shown = url.to_string();
    assert!(!shown.contains('?') || shown.ends_with("?…"), "{shown}");
}

/// The host as an address; `None` for a name.
fn address(host: &str) -> Option<IpAddr> {
    let bare = host
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'));
    bare.unwrap_or(host).parse().ok()
}
