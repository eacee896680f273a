//! An access token for a service account.
//! Source: "Using OAuth 2.0 for Server to Server Applications"; RFC 7523.

use std::time::Duration;

use bytes::Bytes;
use credential::ServiceAccount;
use domain::time::Timestamp;
use domain::webhook_url::WebhookUrl;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue};
use outbound::{Client, Request};
use serde::Deserialize;
use serde_json::json;
use tokio::sync::Mutex;
use url::form_urlencoded;

use crate::answer::{Answer, Class};
use crate::jwt::{BadKey, Signer};
use crate::table::{Details, Verdict};

/// The one scope that sending needs.
const SCOPE: &str = "https://www.googleapis.com/auth/firebase.messaging";

/// Pinned: the `token_uri` in a service account's file would let its uploader aim our POST.
const AUDIENCE: &str = "https://oauth2.googleapis.com/token";

const GRANT: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";

/// "exp … a maximum of 1 hour after the issued time".
const LIFE: u64 = 3600;

/// Renewed this long before its end, so that a token does not die on its way.
const EARLY: Duration = Duration::from_secs(300);

#[derive(Debug)]
pub(crate) struct AccessToken {
    url: WebhookUrl,
    signer: Signer,
    email: String,
    key_id: Option<String>,
    /// Locked while it is fetched, so that many pushes ask once.
    current: Mutex<Option<Current>>,
}

#[derive(Debug, Clone)]
struct Current {
    header: HeaderValue,
    until: Timestamp,
}

#[derive(Deserialize)]
struct Granted {
    access_token: String,
    expires_in: u64,
}

impl AccessToken {
    pub(crate) fn new(url: WebhookUrl, of: &ServiceAccount) -> Result<Self, BadKey> {
        Ok(Self {
            url,
            signer: Signer::rs256(of.key.pkcs8())?,
            email: of.client_email.clone(),
            key_id: of.key_id.clone(),
            current: Mutex::new(None),
        })
    }

    /// The `authorization` header.
    ///
    /// # Errors
    /// What is to be said of the push, when Google gave no token.
    pub(crate) async fn header(
        &self,
        client: &Client,
        now: Timestamp,
        deadline: Duration,
    ) -> Result<HeaderValue, Answer> {
        let mut current = self.current.lock().await;
        if let Some(token) = current
            .as_ref()
            .filter(|token| now.after(EARLY) < token.until)
        {
            return Ok(token.header.clone());
        }
        match self.fetch(client, now, deadline).await {
            Ok(token) => Ok(current.insert(token).header.clone()),
            // Google is down, but what it gave is good for a little while.
            Err(failed) => match current.as_ref().filter(|token| now < token.until) {
                Some(token) if matches!(failed.class, Class::Retry { .. }) => {
                    Ok(token.header.clone())
                }
                Some(_) | None => Err(failed),
            },
        }
    }

    /// Google refused this one, so the next caller fetches another.
    pub(crate) async fn forget(&self, refused: &HeaderValue) {
        let mut current = self.current.lock().await;
        if current
            .as_ref()
            .is_some_and(|token| token.header == *refused)
        {
            *current = None;
        }
    }

    async fn fetch(
        &self,
        client: &Client,
        now: Timestamp,
        deadline: Duration,
    ) -> Result<Current, Answer> {
        let request = Request {
            url: self.url.clone(),
            headers: form_headers(),
            body: self.grant_request(now).map_err(|_| unsignable())?,
            deadline,
        };
        let answer = client.post(request).await.map_err(|_| unavailable())?;
        if answer.status != 200 {
            return Err(refused(answer.status, &answer.body));
        }
        let granted: Granted = serde_json::from_slice(&answer.body).map_err(|_| unavailable())?;
        let bearer = format!("Bearer {}", granted.access_token);
        let mut header = HeaderValue::try_from(bearer).map_err(|_| unavailable())?;
        header.set_sensitive(true);
        let until = now.after(Duration::from_secs(granted.expires_in));
        Ok(Current { header, until })
    }

    fn grant_request(&self, now: Timestamp) -> Result<Bytes, BadKey> {
        let issued = now.seconds();
        let claims = json!({
            "iss": self.email, "scope": SCOPE, "aud": AUDIENCE, "iat": issued, "exp": issued + LIFE,
        });
        let mut header = json!({ "typ": "JWT" });
        if let (Some(header), Some(key_id)) = (header.as_object_mut(), &self.key_id) {
            header.insert("kid".to_owned(), key_id.as_str().into());
        }
        let assertion = self.signer.sign(header, &claims)?;
        let form = form_urlencoded::Serializer::new(String::new())
            .append_pair("grant_type", GRANT)
            .append_pair("assertion", &assertion)
            .finish();
        Ok(Bytes::from(form))
    }
}

pub(crate) fn form_headers() -> HeaderMap {
    let form = HeaderValue::from_static("application/x-www-form-urlencoded");
    [(CONTENT_TYPE, form)].into_iter().collect()
}

fn unsignable() -> Answer {
    let meaning = "the service account's key cannot sign";
    Answer::new(Class::CredentialFault, "BadKey", meaning)
}

fn unavailable() -> Answer {
    let meaning = "Google's token service does not answer";
    let class = Verdict::Retry(10).class(Details::default());
    Answer::new(class, "TokenUnavailable", meaning)
}

/// RFC 6749 §5.2: 400 and 401 are about the request or the client; all else is about the server.
fn refused(status: u16, body: &[u8]) -> Answer {
    #[derive(Deserialize)]
    struct ErrorBody {
        error: String,
    }
    let word: Option<ErrorBody> = serde_json::from_slice(body).ok();
    let word = word.map_or_else(|| "TokenRefused".to_owned(), |body| body.error);
    let answer = match status {
        400 | 401 | 403 => Answer::new(
            Class::CredentialFault,
            &word,
            "Google gives the service account no token: it was deleted, disabled, or its key revoked",
        ),
        _ => unavailable(),
    };
    answer.with_status(status, body)
}
