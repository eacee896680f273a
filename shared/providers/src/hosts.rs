//! Where the providers are.

use domain::address::AddressPolicy;
use outbound::Dialer;
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use url::Url;

/// Addresses of the providers. [`official`](Self::official) unless a test or the local runner
/// stands in for them; nothing a tenant writes ever gets here.
#[derive(Debug, Clone)]
pub struct Hosts {
    pub(crate) apns: Url,
    pub(crate) apns_sandbox: Url,
    pub(crate) fcm: Url,
    pub(crate) oauth: Url,
    pub(crate) baidu: Url,
    pub(crate) policy: AddressPolicy,
    pub(crate) extra_root: Option<CertificateDer<'static>>,
    pub(crate) dialer: Dialer,
}

/// The text names no stand-ins.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "must be `apns= sandbox= fcm= oauth= baidu= root=` with https URLs and a certificate in base64"
)]
pub struct InvalidHosts;

impl Hosts {
    /// Where they are for everybody.
    #[must_use]
    pub fn official() -> Self {
        Self {
            apns: fixed("https://api.push.apple.com"),
            apns_sandbox: fixed("https://api.sandbox.push.apple.com"),
            fcm: fixed("https://fcm.googleapis.com"),
            // The `token_uri` of an uploaded file is never asked.
            oauth: fixed("https://oauth2.googleapis.com"),
            baidu: fixed("https://api.tuisong.baidu.com"),
            policy: AddressPolicy::PublicOnly,
            extra_root: None,
            dialer: Dialer::system(),
        }
    }

    /// Stand-ins on this machine, as `name=value` pairs with spaces between: `apns`, `sandbox`,
    /// `fcm`, `oauth` and `baidu` are base URLs, `root` is the certificate that vouches for them,
    /// as base64 of its DER.
    ///
    /// # Errors
    /// When one is missing or malformed.
    pub fn stand_ins(text: &str) -> Result<Self, InvalidHosts> {
        let value = |name: &str| {
            text.split_whitespace()
                .filter_map(|pair| pair.split_once('='))
                .find_map(|(key, value)| (key == name).then_some(value))
                .ok_or(InvalidHosts)
        };
        let url = |name: &str| {
            let url = Url::parse(value(name)?).map_err(|_| InvalidHosts)?;
            let good = url.scheme() == "https" && url.host_str().is_some();
            good.then_some(url).ok_or(InvalidHosts)
        };
        let root =
            base64::Engine::decode(&base64::engine::general_purpose::STANDARD, value("root")?);
        Ok(Self {
            apns: url("apns")?,
            apns_sandbox: url("sandbox")?,
            fcm: url("fcm")?,
            oauth: url("oauth")?,
            baidu: url("baidu")?,
            policy: AddressPolicy::LoopbackAllowed,
            extra_root: Some(CertificateDer::from(root.map_err(|_| InvalidHosts)?)),
            dialer: Dialer::system(),
        })
    }

    /// Reached over other connections than the system's: a simulation has a network of its own.
    #[must_use]
    pub fn through(self, dialer: Dialer) -> Self {
        Self { dialer, ..self }
    }

    /// Mozilla's authorities, which hold Apple's (`USERTrust` RSA), and the stand-ins' own.
    pub(crate) fn roots(&self) -> RootCertStore {
        let mut roots: RootCertStore = webpki_roots::TLS_SERVER_ROOTS.iter().cloned().collect();
        roots.add_parsable_certificates(self.extra_root.clone());
        roots
    }
}

fn fixed(text: &'static str) -> Url {
    #[expect(
        clippy::expect_used,
        reason = "the five texts above are URLs; a test parses them all"
    )]
    Url::parse(text).expect("a URL")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stand_ins_are_given_whole_or_not_at_all() {
        let whole = "apns=https://localhost:1 sandbox=https://localhost:2 fcm=https://localhost:3 oauth=https://localhost:3 baidu=https://localhost:4 root=AQID";
        assert_eq!(Hosts::stand_ins(whole).unwrap().apns.port(), Some(1));
        for (from, to) in [
            ("apns=", "apn="),
            ("https://localhost:2", "http://localhost:2"),
            ("AQID", "!"),
        ] {
            assert!(Hosts::stand_ins(&whole.replace(from, to)).is_err(), "{to}");
        }
        assert_eq!(
            Hosts::official().oauth.as_str(),
            "https://oauth2.googleapis.com/"
        );
    }
}
