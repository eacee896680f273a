//! A credential put to use.

use std::time::Duration;

use credential::Credential;
use domain::credential::Environment;
use domain::time::Timestamp;
use domain::webhook_url::WebhookUrl;
use outbound::Limits;
use url::Url;

use crate::answer::Answer;
use crate::apns::Apns;
use crate::baidu::Baidu;
use crate::fcm::Fcm;
use crate::hosts::Hosts;
use crate::order::{Order, Unbuildable};

/// One credential's way to its provider. To be kept while the credential serves: what it holds,
/// connection and provider token, is what makes a push quick.
#[derive(Debug)]
pub struct Client(Way);

#[derive(Debug)]
enum Way {
    Apns(Box<Apns>),
    Fcm(Box<Fcm>),
    Baidu(Box<Baidu>),
}

/// Whether a push is to reach the device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// It is.
    Send,
    /// FCM checks everything and delivers nothing. APNs and Baidu know no such thing: there the
    /// push is sent.
    DryRun,
}

/// The material cannot be used: its keys do not parse, or do not belong to its certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the credential's keys cannot be used")]
pub struct Unusable;

impl Client {
    /// Opens no connection yet.
    ///
    /// # Errors
    /// When the material cannot be used.
    pub fn new(
        credential: &Credential,
        environment: Environment,
        hosts: &Hosts,
    ) -> Result<Self, Unusable> {
        Ok(Self(match credential {
            Credential::ApnsCertificate(of) => {
                Way::Apns(Box::new(Apns::with_certificate(of, environment, hosts)?))
            }
            Credential::ApnsToken(of) => {
                Way::Apns(Box::new(Apns::with_token(of, environment, hosts)?))
            }
            Credential::Fcm(of) => Way::Fcm(Box::new(Fcm::new(of, hosts)?)),
            Credential::Baidu(of) => Way::Baidu(Box::new(Baidu::new(of, hosts)?)),
        }))
    }

    /// Sends to one device, within `deadline`. Many at a time share one connection.
    ///
    /// # Errors
    /// When no request can be made of the push; nothing was sent then.
    pub async fn send(
        &self,
        order: &Order<'_>,
        mode: Mode,
        now: Timestamp,
        deadline: Duration,
    ) -> Result<Answer, Unbuildable> {
        match &self.0 {
            Way::Apns(apns) => apns.send(order, now, deadline).await,
            // Boxed: they open connections per request, if they have to, and are large for it.
            Way::Fcm(fcm) => Box::pin(fcm.send(order, mode, now, deadline)).await,
            Way::Baidu(baidu) => Box::pin(baidu.send(order, now, deadline)).await,
        }
    }
}

/// The guarded client, aimed at the hosts.
pub(crate) fn guarded(hosts: &Hosts) -> Result<outbound::Client, Unusable> {
    let builder = outbound::Client::builder(hosts.policy)
        .limits(Limits::default())
        .dialer(hosts.dialer.clone());
    let builder = match &hosts.extra_root {
        Some(root) => builder.extra_root(root.clone()).map_err(|_| Unusable)?,
        None => builder,
    };
    Ok(builder.build())
}

/// `path` of a provider. Only a path: whatever a credential says stays behind the fixed host.
pub(crate) fn url(hosts: &Hosts, base: &Url, path: &str) -> Result<WebhookUrl, Unusable> {
    let mut url = base.clone();
    url.set_path(path);
    WebhookUrl::parse(url.as_str(), hosts.policy).map_err(|_| Unusable)
}
