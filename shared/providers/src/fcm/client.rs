//! A service account's way to FCM.

use std::time::Duration;

use bytes::Bytes;
use credential::ServiceAccount;
use domain::attempt;
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
            let answer = self.post(body, &token, now, deadline).await;
            if last || answer.status != Some(401) || answer.reason != "UNAUTHENTICATED" {
                return answer;
            }
            self.token.forget(&token).await;
        }
        lost("NoAnswer", "Firebase did not answer")
    }

    async fn post(
        &self,
        body: &Bytes,
        token: &HeaderValue,
        now: Timestamp,
        deadline: Duration,
    ) -> Answer {
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
            Ok(answer) => judge(
                answer.status,
                &answer.body,
                retry_after(&answer.headers, now),
            ),
            Err(_) => lost(
                "ConnectionLost",
                "the connection to Firebase was lost before it answered",
            ),
        }
    }
}

fn retry_after(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    attempt::retry_after(headers.get(RETRY_AFTER)?.to_str().ok()?, now)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn google_asks_for_seconds_or_names_a_date() {
        let now = Timestamp::parse("2026-01-31T12:00:00Z").unwrap();
        for (text, seconds) in [
            ("1800", Some(1_800)),
            ("Sat, 31 Jan 2026 12:30:00 GMT", Some(1_800)),
            ("Sat, 31 Jan 2026 11:00:00 GMT", Some(0)),
            ("soon", None),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(RETRY_AFTER, HeaderValue::from_static(text));
            let expected = seconds.map(Duration::from_secs);
            assert_eq!(retry_after(&headers, now), expected, "{text}");
        }
        assert_eq!(retry_after(&HeaderMap::new(), now), None);
    }
}
