//! The `apns-…` headers and the rules between them.

use http::HeaderMap;

use super::Refusal;
use super::certificate::PushCertificate;

/// Push types with the suffix that their topic must have.
const TYPES: &[(&str, &str)] = &[
    ("alert", ""),
    ("background", ""),
    ("mdm", ""),
    ("widgets", ""),
    ("controls", ""),
    ("location", ".location-query"),
    ("voip", ".voip"),
    ("complication", ".complication"),
    ("fileprovider", ".pushkit.fileprovider"),
    ("liveactivity", ".push-type.liveactivity"),
    ("pushtotalk", ".voip-ptt"),
];

const COLLAPSE_ID: usize = 64;

pub(crate) struct Headers {
    pub(crate) authorization: Option<String>,
    pub(crate) push_type: String,
    topic: Option<String>,
}

impl Headers {
    pub(crate) fn read(headers: &HeaderMap) -> Result<Self, Refusal> {
        let names = ["apns-id", "apns-topic", "apns-push-type", "apns-priority"];
        let names = names
            .iter()
            .chain(&["apns-expiration", "apns-collapse-id", "authorization"]);
        for name in names {
            if headers.get_all(*name).iter().count() > 1 {
                return Err(Refusal::new(400, "DuplicateHeaders"));
            }
        }
        let text = |name: &str| {
            let value = headers.get(name)?.to_str().ok()?;
            Some(value.to_owned())
        };
        let broken =
            |name: &str, good: &dyn Fn(&str) -> bool| text(name).is_some_and(|v| !good(&v));
        if broken("apns-id", &is_uuid) {
            return Err(Refusal::new(400, "BadMessageId"));
        }
        if broken("apns-expiration", &|value| value.parse::<u64>().is_ok()) {
            return Err(Refusal::new(400, "BadExpirationDate"));
        }
        if broken("apns-collapse-id", &|value| value.len() <= COLLAPSE_ID) {
            return Err(Refusal::new(400, "BadCollapseId"));
        }
        let push_type = text("apns-push-type").unwrap_or_else(|| "alert".to_owned());
        if !TYPES.iter().any(|(known, _)| *known == push_type) {
            return Err(Refusal::new(400, "InvalidPushType"));
        }
        let priority = text("apns-priority").unwrap_or_else(|| "10".to_owned());
        let loud = push_type == "background" && priority == "10";
        if loud && headers.contains_key("apns-priority") || !["10", "5", "1"].contains(&&*priority)
        {
            return Err(Refusal::new(400, "BadPriority"));
        }
        Ok(Self {
            authorization: text("authorization"),
            push_type,
            topic: text("apns-topic"),
        })
    }

    /// The topic, which must be the credential's and fit the push type.
    pub(crate) fn topic(
        &self,
        certificate: Option<&PushCertificate>,
        by_token: bool,
    ) -> Result<String, Refusal> {
        let default = certificate.and_then(|certificate| certificate.bundle.clone());
        let topic = self.topic.clone().or(default);
        let topic = topic.ok_or_else(|| Refusal::new(400, "MissingTopic"))?;
        if topic.is_empty() || !topic.bytes().all(is_topic) {
            return Err(Refusal::new(400, "BadTopic"));
        }
        let kind = TYPES.iter().find(|(known, _)| *known == self.push_type);
        let suffix = kind.map_or("", |(_, suffix)| *suffix);
        let Some(bundle) = topic.strip_suffix(suffix) else {
            return Err(Refusal::new(400, "BadTopic"));
        };
        // Location pushes are for token authentication only.
        if self.push_type == "location" && !by_token {
            return Err(Refusal::new(400, "TopicDisallowed"));
        }
        let own = |certificate: &PushCertificate| {
            let mut topics = certificate.topics.iter();
            topics.any(|own| *own == topic || own == bundle)
        };
        if certificate.is_some_and(|certificate| !own(certificate)) {
            return Err(Refusal::new(400, "TopicDisallowed"));
        }
        Ok(topic)
    }
}

fn is_topic(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-')
}

fn is_uuid(text: &str) -> bool {
    let groups: Vec<_> = text.split('-').map(str::len).collect();
    groups == [8, 4, 4, 4, 12]
        && text
            .bytes()
            .all(|byte| byte == b'-' || byte.is_ascii_hexdigit())
}
