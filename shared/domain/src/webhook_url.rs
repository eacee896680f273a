//! The address of a receiver, checked once and then trusted to be well formed.
//!
//! Trusted to be well formed, not to be harmless: a name resolves to something else tomorrow, so
//! the outbound client judges addresses again on every connection.

use std::fmt;
use std::net::IpAddr;

use url::{Host, Position, Url};

use crate::address::{AddressPolicy, AddressRefusal};

/// Longest URL accepted, in bytes; what receivers and proxies commonly accept.
pub const MAX_URL_BYTES: usize = 2048;

/// Where webhooks of an endpoint go. `Display` and `Debug` leave the query out.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct WebhookUrl {
    url: Url,
}

/// The rule a URL breaks. `Display` is for the customer who typed it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WebhookUrlError {
    /// As typed, or once the parser has percent-encoded it.
    #[error("url is longer than {MAX_URL_BYTES} bytes")]
    TooLong,
    /// No URL by the WHATWG standard, or its host is no well-formed domain name.
    #[error("not a url; expected something like https://example.com/webhooks")]
    Malformed,
    /// Any other scheme; http passes only to loopback where the policy allows that.
    #[error("only https urls are allowed")]
    NotHttps,
    /// A user name or a password stands before the host.
    #[error("user name and password in the url are not allowed")]
    UserInfo,
    /// There is a `#`, even with nothing behind it.
    #[error("a fragment (#…) is never sent to the receiver and is not allowed")]
    Fragment,
    /// Port 0 was given; nothing can listen there.
    #[error("port 0 is not allowed")]
    PortZero,
    /// A query parameter has a name that secrets have.
    #[error(
        "query parameter looks like a secret ({looks_like}); use the signature headers or a custom header instead"
    )]
    SecretInQuery {
        /// The known word that the name is or ends with, not the customer's text.
        looks_like: &'static str,
    },
    /// The host is an IP address the policy refuses.
    #[error(transparent)]
    Address(#[from] AddressRefusal),
    /// The host is a name of Fanfare's own API.
    #[error("this is an address of Fanfare itself; webhooks to it would go round")]
    OwnName,
    /// A single label, or a name below `.local`, `.internal` or `.localhost`.
    #[error("host name must be a public domain name, such as hooks.example.com")]
    LocalName,
}

impl WebhookUrlError {
    /// A stable word for the rule, for API problems and metrics.
    #[must_use]
    pub fn rule(self) -> &'static str {
        match self {
            Self::TooLong => "too_long",
            Self::Malformed => "malformed",
            Self::NotHttps => "not_https",
            Self::UserInfo => "user_info",
            Self::Fragment => "fragment",
            Self::PortZero => "port_zero",
            Self::SecretInQuery { .. } => "secret_in_query",
            Self::Address(_) => "address_not_allowed",
            Self::OwnName => "own_name",
            Self::LocalName => "local_name",
        }
    }
}

impl WebhookUrl {
    /// Parses by the WHATWG URL standard, so every notation of an address is seen as the address.
    ///
    /// # Errors
    ///
    /// With the first rule broken.
    pub fn parse(text: &str, policy: AddressPolicy) -> Result<Self, WebhookUrlError> {
        // Before parsing, so that the parser never works on more than it should.
        check_length(text)?;
        let url = Url::parse(text).map_err(|_| WebhookUrlError::Malformed)?;
        // And after: percent-encoding makes a URL up to nine times as long.
        check_length(url.as_str())?;
        check_scheme(&url, policy)?;
        if !url.username().is_empty() || url.password().is_some() {
            return Err(WebhookUrlError::UserInfo);
        }
        if url.fragment().is_some() {
            return Err(WebhookUrlError::Fragment);
        }
        if url.port() == Some(0) {
            return Err(WebhookUrlError::PortZero);
        }
        check_host(&url, policy)?;
        check_query(&url)?;
        Ok(Self { url })
    }

    /// The whole URL, query included: for storing and sending, not for logging.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.url.as_str()
    }

    /// The host as written in an authority: an IPv6 address keeps its brackets.
    #[must_use]
    pub fn host(&self) -> &str {
        self.url.host_str().unwrap_or_default()
    }

    /// The port, given or implied by the scheme.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.url.port_or_known_default().unwrap_or(443)
    }

    /// False only for http to loopback, where the policy allows that.
    #[must_use]
    pub fn is_tls(&self) -> bool {
        self.url.scheme() == "https"
    }

    /// Host, and port unless it is the scheme's own.
    #[must_use]
    pub fn authority(&self) -> &str {
        &self.url[Position::BeforeHost..Position::AfterPort]
    }
}

impl fmt::Display for WebhookUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.url[..Position::AfterPath])?;
        if self.url.query().is_some() {
            f.write_str("?…")
        } else {
            Ok(())
        }
    }
}

impl fmt::Debug for WebhookUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "WebhookUrl({self})")
    }
}

/// The host names of Fanfare's own API. An endpoint there would have Fanfare report to itself.
#[derive(Debug, Clone, Default)]
pub struct OwnNames(Vec<String>);

impl OwnNames {
    /// Names as an operator writes them: letters of any case, with or without a final dot.
    pub fn new(names: impl IntoIterator<Item = String>) -> Self {
        Self(names.into_iter().map(|name| plain(&name)).collect())
    }

    /// # Errors
    /// When `url` leads to one of them.
    pub fn check(&self, url: &WebhookUrl) -> Result<(), WebhookUrlError> {
        if self.0.contains(&plain(url.host())) {
            return Err(WebhookUrlError::OwnName);
        }
        Ok(())
    }
}

/// DNS knows no case, and a final dot only makes a name absolute.
fn plain(name: &str) -> String {
    name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase()
}

fn check_length(text: &str) -> Result<(), WebhookUrlError> {
    if text.len() > MAX_URL_BYTES {
        Err(WebhookUrlError::TooLong)
    } else {
        Ok(())
    }
}

fn check_scheme(url: &Url, policy: AddressPolicy) -> Result<(), WebhookUrlError> {
    match url.scheme() {
        "https" => Ok(()),
        "http" if policy == AddressPolicy::LoopbackAllowed && is_loopback(url) => Ok(()),
        _ => Err(WebhookUrlError::NotHttps),
    }
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => IpAddr::V6(address).to_canonical().is_loopback(),
        None => false,
    }
}

fn check_host(url: &Url, policy: AddressPolicy) -> Result<(), WebhookUrlError> {
    match url.host() {
        Some(Host::Domain(name)) => check_name(name, policy),
        Some(Host::Ipv4(address)) => Ok(policy.judge(IpAddr::V4(address))?),
        Some(Host::Ipv6(address)) => Ok(policy.judge(IpAddr::V6(address))?),
        None => Err(WebhookUrlError::Malformed),
    }
}

/// Names that can only mean something inside some network. Refusing them here is courtesy, an
/// early and clear answer; safety comes from judging what a name resolves to.
fn check_name(name: &str, policy: AddressPolicy) -> Result<(), WebhookUrlError> {
    // A final dot makes a name absolute; it is the same name.
    let absolute = name.strip_suffix('.').unwrap_or(name);
    // RFC 1035 §2.3.4 for lengths; no label is empty.
    let well_formed = absolute.len() <= 253
        && absolute
            .split('.')
            .all(|label| (1..=63).contains(&label.len()));
    if !well_formed {
        return Err(WebhookUrlError::Malformed);
    }
    if policy == AddressPolicy::LoopbackAllowed {
        return Ok(());
    }
    match absolute.rsplit_once('.') {
        // RFC 6762 .local, ICANN 2024 .internal, RFC 6761 .localhost.
        None | Some((_, "local" | "internal" | "localhost")) => Err(WebhookUrlError::LocalName),
        Some(_) => Ok(()),
    }
}

/// Parameter names that are a secret's on their own. Compared in lower case without `-`, `_`, `.`
/// and brackets, so `X-Api-Key` is `xapikey`.
const SECRET_NAMES: &[&str] = &[
    "key",
    "sig",
    "pass",
    "passwd",
    "pwd",
    "auth",
    "authorization",
    "bearer",
    "jwt",
    "credential",
];

/// Endings that mean a secret whatever comes before: `access_token`, `client_secret`.
const SECRET_ENDINGS: &[&str] = &[
    "token",
    "secret",
    "password",
    "passphrase",
    "apikey",
    "accesskey",
    "secretkey",
    "privatekey",
    "signature",
    "credentials",
];

/// Queries end up in access logs of everything on the way, so a secret there is already shared.
fn check_query(url: &Url) -> Result<(), WebhookUrlError> {
    for (name, _) in url.query_pairs() {
        if let Some(looks_like) = secret_word(&name) {
            return Err(WebhookUrlError::SecretInQuery { looks_like });
        }
    }
    Ok(())
}

fn secret_word(name: &str) -> Option<&'static str> {
    let plain: String = name
        .chars()
        .filter(|c| c.is_alphanumeric())
        .flat_map(char::to_lowercase)
        .collect();
    let exact = SECRET_NAMES.iter().find(|word| plain == **word);
    exact
        .or_else(|| SECRET_ENDINGS.iter().find(|word| plain.ends_with(**word)))
        .copied()
}

#[cfg(test)]
mod tests;
