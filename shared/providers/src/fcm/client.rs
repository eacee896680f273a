//! A service account's way to FCM.

use std::time::Duration;

use bytes::Bytes;
use credential::ServiceAccount;
use domain::time::Timestamp;
use domain::webhook_url::WebhookUrl;
use http::header::{AUTHORIZATION, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderMap, HeaderValue};
use outbound::{Client, Request};

use crate::answer::Answer;
use crate::client::{Mode, Unusable, guarded, url};
use crate::fcm::error::judge;
use crate::fcm::message::{message, request_body};
use crate::fcm::oauth::AccessToken;
use crate::hosts::Hosts;
use crate::order::{Order, Unbuildable};
use crate::table::lost;

#[derive(Debug)]
pub(crate) struct Fcm {
    client: Client,
    url: WebhookUrl,
    token: AccessToken,
}

impl Fcm {
    pub(crate) fn new(of: &ServiceAccount, hosts: &Hosts) -> Result<Self, Unusable> {
        let path = format!("/v1/projects/{}/messages:send", of.project_id);
        let token = AccessToken::new(url(hosts, &hosts.oauth, "/token")?, of);
        Ok(Self {
            client: guarded(hosts)?,
            url: url(hosts, &hosts.fcm, &path)?,
            token: token.map_err(|_| Unusable)?,
        })
    }

    pub(crate) async fn send(
        &self,
        order: &Order<'_>,
        mode: Mode,
        now: Timestamp,
        deadline: Duration,
    ) -> Result<Answer, Unbuildable> {
        let (message, _) = message(order, now)?;
        let body = Bytes::from(request_body(&message, mode));
        let answer = tokio::time::timeout(deadline, self.exchange(&body, now, deadline)).await;
        Ok(answer.unwrap_or_else(|_| lost("NoAnswer", "Firebase did not answer in time")))
    }

    /// A refused token is replaced once; refused again, the credential is at fault.
    async fn exchange(&self, body: &Bytes, now: Timestamp, deadline: Duration) -> Answer {
        for last in [false, true] {
            let token = match self.token.header(&self.client, now, deadline).await {
                Ok(token) => token,
                Err(failed) => return failed,
            };
            let answer = self.post(body, &token, deadline).await;
            if last || answer.status != Some(401) || answer.reason != "UNAUTHENTICATED" {
                return answer;
            }
            self.token.forget(&token).await;
        }
        lost("NoAnswer", "Firebase did not answer")
    }

    async fn post(&self, body: &Bytes, token: &HeaderValue, deadline: Duration) -> Answer {
        let mut headers = HeaderMap::new();
        headers.insert(AUTHORIZATION, token.clone());
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        let request = Request {
            url: self.url.clone(),
            headers,
            body: body.clone(),
            deadline,
        };
        match self.client.post(request).await {
            Ok(answer) => judge(answer.status, &answer.body, retry_after(&answer.headers)),
            Err(_) => lost(
                "ConnectionLost",
                "the connection to Firebase was lost before it answered",
            ),
        }
    }
}

fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds = headers.get(RETRY_AFTER)?.to_str().ok()?.parse().ok()?;
    Some(Duration::from_secs(seconds))
}
