//! A key pair's way to Baidu.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use credential::KeyPair;
use domain::time::Timestamp;
use domain::webhook_url::WebhookUrl;
use http::HeaderValue;
use http::header::USER_AGENT;
use outbound::{Client, Request};
use zeroize::Zeroizing;

use crate::answer::Answer;
use crate::baidu::code::judge;
use crate::baidu::message::message;
use crate::baidu::sign::{sign, urlencode};
use crate::client::{Unusable, guarded, url};
use crate::fcm::form_headers;
use crate::hosts::Hosts;
use crate::order::{Order, Unbuildable};
use crate::table::lost;

const PATH: &str = "/rest/3.0/push/single_device";

/// Baidu expects the shape of its own kits'.
const AGENT: HeaderValue = HeaderValue::from_static("BCCS_SDK/3.0 (Fanfare)");

/// `device_type` 3: Android, the only platform that Baidu serves here.
const ANDROID: &str = "3";

pub(crate) struct Baidu {
    client: Client,
    url: WebhookUrl,
    api_key: String,
    secret_key: Zeroizing<String>,
}

impl std::fmt::Debug for Baidu {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Baidu").finish_non_exhaustive()
    }
}

impl Baidu {
    pub(crate) fn new(of: &KeyPair, hosts: &Hosts) -> Result<Self, Unusable> {
        Ok(Self {
            client: guarded(hosts)?,
            url: url(hosts, &hosts.baidu, PATH)?,
            api_key: of.api_key.clone(),
            secret_key: of.secret_key.clone(),
        })
    }

    pub(crate) async fn send(
        &self,
        order: &Order<'_>,
        now: Timestamp,
        deadline: Duration,
    ) -> Result<Answer, Unbuildable> {
        let mut headers = form_headers();
        headers.insert(USER_AGENT, AGENT);
        let request = Request {
            url: self.url.clone(),
            headers,
            body: self.form(order, now)?,
            deadline,
        };
        Ok(match self.client.post(request).await {
            Ok(answer) => judge(answer.status, &answer.body),
            Err(_) => lost(
                "ConnectionLost",
                "the connection to Baidu was lost before it answered",
            ),
        })
    }

    fn form(&self, order: &Order<'_>, now: Timestamp) -> Result<Bytes, Unbuildable> {
        // 0: handed to the application, 1: shown.
        let kind = if order.push.silent { "0" } else { "1" };
        let mut parameters = BTreeMap::from([
            ("apikey", self.api_key.clone()),
            ("channel_id", order.token.expose().to_owned()),
            ("device_type", ANDROID.to_owned()),
            ("msg", message(order.push)?.0),
            ("msg_type", kind.to_owned()),
            // Good for ten minutes, so each try has its own.
            ("timestamp", now.seconds().to_string()),
        ]);
        if let Some(remaining) = order.remaining(now) {
            parameters.insert("msg_expires", remaining.as_secs().to_string());
        }
        let signed = sign("POST", self.url.as_str(), &parameters, &self.secret_key);
        parameters.insert("sign", signed);
        let pairs = parameters.iter();
        let pairs: Vec<_> = pairs
            .map(|(name, value)| format!("{name}={}", urlencode(value)))
            .collect();
        Ok(Bytes::from(pairs.join("&")))
    }
}
