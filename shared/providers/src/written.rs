//! What a provider would be posted, to be looked at.

use domain::credential::Provider;
use domain::time::Timestamp;

use crate::client::Mode;
use crate::order::{Order, Unbuildable};
use crate::{apns, baidu, fcm};

/// A push in a provider's words, made as it is made to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// APNs: the payload. FCM: the body of the request. Baidu: `msg`.
    pub text: String,
    /// What of it counts against `limit`.
    pub bytes: usize,
    /// Most bytes that the provider takes.
    pub limit: usize,
    /// The body was cut to fit.
    pub trimmed: bool,
    /// APNs: the headers that the push decides, e.g. `apns-push-type`.
    pub headers: Vec<(String, String)>,
}

/// What `provider` would be posted for `order`.
///
/// # Errors
/// When no request that the provider takes can be made of it.
pub fn written(
    provider: Provider,
    order: &Order<'_>,
    now: Timestamp,
) -> Result<Written, Unbuildable> {
    match provider {
        Provider::Apns => {
            // Topic and id are the credential's and the device's, not the push's.
            let message = apns::message(order, "", now)?;
            let headers = message.headers.iter();
            let headers = headers
                .filter(|(name, _)| !matches!(name.as_str(), "apns-id" | "apns-topic"))
                .filter_map(|(name, value)| {
                    Some((name.to_string(), value.to_str().ok()?.to_owned()))
                });
            Ok(Written {
                headers: headers.collect(),
                bytes: message.body.len(),
                limit: apns::MAX_PAYLOAD,
                trimmed: message.trimmed,
                text: String::from_utf8_lossy(&message.body).into_owned(),
            })
        }
        Provider::Fcm => {
            let (message, trimmed) = fcm::message(order, now)?;
            Ok(Written {
                text: fcm::request_body(&message, Mode::Send),
                bytes: fcm::payload_bytes(&message),
                limit: fcm::MAX_MESSAGE,
                trimmed,
                headers: Vec::new(),
            })
        }
        Provider::Baidu => {
            let (text, trimmed) = baidu::message(order.push)?;
            Ok(Written {
                bytes: text.len(),
                limit: baidu::MAX_MESSAGE,
                trimmed,
                text,
                headers: Vec::new(),
            })
        }
    }
}
