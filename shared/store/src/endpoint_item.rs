//! An endpoint as an item. What has its default is left out.

use aws_sdk_dynamodb::types::AttributeValue;
use domain::endpoint::{
    Disabled, Endpoint, Format, KeepResponses, Limits, Published, SecretRef, Timeout,
};
use domain::event_type::Pattern;
use domain::filter::Filter;
use domain::header::{Header, HeaderName, HeaderValue};
use domain::id::{EndpointId, NetworkId};
use domain::retry::Schedule;
use domain::signing::{PublicKey, Scheme};
use domain::time::Timestamp;

use crate::Error;
use crate::item::{Item, Reader, b, n, s};
use crate::key::Key;

pub(crate) fn write(endpoint: &Endpoint) -> Item {
    let list = |values: Vec<AttributeValue>| AttributeValue::L(values);
    let some = |values: Vec<AttributeValue>| (!values.is_empty()).then(|| list(values));
    let patterns = endpoint.event_types.iter();
    let optional = [
        ("description", endpoint.description.as_deref().map(s)),
        (
            "filter",
            endpoint.filter.as_ref().map(|filter| s(filter.as_str())),
        ),
        (
            "format",
            unless_default(endpoint.format).map(|format| s(format.word())),
        ),
        (
            "headers",
            some(endpoint.headers.iter().map(write_header).collect()),
        ),
        (
            "timeout",
            unless_default(endpoint.timeout).map(|timeout| n(timeout.seconds())),
        ),
        (
            "schedule",
            endpoint
                .schedule
                .as_ref()
                .map(|schedule| list(schedule.seconds().map(n).collect())),
        ),
        ("maxInFlight", endpoint.limits.max_in_flight.map(n)),
        ("rate", endpoint.limits.rate_per_second.map(n)),
        ("rateSince", unless_default(endpoint.rate_since).map(n)),
        (
            "keepResponses",
            unless_default(endpoint.keep_responses).map(|keep| s(keep.word())),
        ),
        (
            "disabledFor",
            endpoint.disabled.as_ref().map(|why| s(&why.reason)),
        ),
        (
            "disabledAt",
            endpoint.disabled.as_ref().map(|why| n(why.at.millis())),
        ),
        (
            "signing",
            unless_default(endpoint.signing).map(|scheme| s(scheme.word())),
        ),
        (
            "certificateEnds",
            endpoint.certificate_ends.map(|at| n(at.millis())),
        ),
        (
            "publicKeys",
            some(endpoint.public_keys.iter().map(write_public).collect()),
        ),
    ];
    [
        ("url", s(&endpoint.url)),
        (
            "eventTypes",
            list(patterns.map(|pattern| s(pattern.to_string())).collect()),
        ),
        ("ring", n(endpoint.secret.ring)),
        ("generation", n(endpoint.secret.generation)),
        ("version", n(endpoint.version)),
        ("created", n(endpoint.created.millis())),
        ("updated", n(endpoint.updated.millis())),
    ]
    .into_iter()
    .chain(Key::endpoint(&endpoint.network, endpoint.id).attributes())
    .chain(
        optional
            .into_iter()
            .filter_map(|(name, value)| Some((name, value?))),
    )
    .map(|(name, value)| (name.to_owned(), value))
    .collect()
}

pub(crate) fn read(item: &Reader<'_>, network: &NetworkId) -> Result<Endpoint, Error> {
    Ok(Endpoint {
        id: item.parsed("sk", |sk| EndpointId::parse(sk.strip_prefix("EP#")?))?,
        network: network.clone(),
        url: item.text("url")?.to_owned(),
        description: item.maybe_text("description").map(str::to_owned),
        event_types: item.list("eventTypes", |value| Pattern::parse(value.as_s().ok()?))?,
        filter: match item.maybe_text("filter") {
            None => None,
            Some(text) => Some(Filter::parse(text).map_err(|_| item.bad("filter"))?),
        },
        format: item.or_default("format", Format::parse)?,
        headers: item.list("headers", read_header)?,
        timeout: match item.maybe_number("timeout") {
            None => Timeout::default(),
            Some(seconds) => Timeout::from_seconds(seconds).ok_or_else(|| item.bad("timeout"))?,
        },
        schedule: read_schedule(item)?,
        limits: Limits {
            max_in_flight: item.maybe_small("maxInFlight")?,
            rate_per_second: item.maybe_small("rate")?,
        },
        rate_since: item.maybe_number("rateSince").unwrap_or_default(),
        keep_responses: item.or_default("keepResponses", KeepResponses::parse)?,
        disabled: read_disabled(item)?,
        signing: item.or_default("signing", Scheme::parse)?,
        public_keys: item.list("publicKeys", read_public)?,
        secret: SecretRef {
            ring: item.small("ring")?,
            generation: item.number("generation")?,
        },
        certificate_ends: item
            .maybe_number("certificateEnds")
            .map(Timestamp::from_millis),
        version: item.number("version")?,
        created: item.time("created")?,
        updated: item.time("updated")?,
    })
}

fn unless_default<T: Default + PartialEq>(value: T) -> Option<T> {
    (value != T::default()).then_some(value)
}

fn read_disabled(item: &Reader<'_>) -> Result<Option<Disabled>, Error> {
    let Some(at) = item.maybe_number("disabledAt") else {
        return Ok(None);
    };
    Ok(Some(Disabled {
        reason: item.text("disabledFor")?.to_owned(),
        at: Timestamp::from_millis(at),
    }))
}

fn read_schedule(item: &Reader<'_>) -> Result<Option<Schedule>, Error> {
    if !item.item.contains_key("schedule") {
        return Ok(None);
    }
    let seconds = item.list("schedule", |value| value.as_n().ok()?.parse().ok())?;
    let schedule = Schedule::from_seconds(&seconds);
    schedule.map(Some).map_err(|_| item.bad("schedule"))
}

/// The name, and behind a line end the value, unless that is in the vault.
fn write_header(header: &Header) -> AttributeValue {
    s(match &header.value {
        HeaderValue::Plain(value) => format!("{}\n{value}", header.name.as_str()),
        HeaderValue::Sensitive => header.name.as_str().to_owned(),
    })
}

fn read_header(value: &AttributeValue) -> Option<Header> {
    let text = value.as_s().ok()?;
    let (name, value) = match text.split_once('\n') {
        Some((name, value)) => (name, HeaderValue::Plain(value.to_owned())),
        None => (text.as_str(), HeaderValue::Sensitive),
    };
    Some(Header {
        name: HeaderName::parse(name).ok()?,
        value,
    })
}

/// 32 bytes of key, then 8 of its end in milliseconds, if it has one.
fn write_public(published: &Published) -> AttributeValue {
    let mut bytes = published.key.bytes().to_vec();
    if let Some(until) = published.until {
        bytes.extend(until.millis().to_be_bytes());
    }
    b(bytes)
}

fn read_public(value: &AttributeValue) -> Option<Published> {
    let bytes = value.as_b().ok()?.as_ref();
    let (key, until) = bytes.split_at_checked(32)?;
    Some(Published {
        key: PublicKey::from_bytes(key.try_into().ok()?),
        until: match until {
            [] => None,
            until => {
                let millis = u64::from_be_bytes(until.try_into().ok()?);
                Some(Timestamp::from_millis(millis))
            }
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endpoints_come_back_as_they_were() {
        let network = NetworkId::parse("demo").unwrap();
        let bare = Endpoint {
            id: EndpointId::from_bytes([1; 16]),
            network: network.clone(),
            url: "https://example.com/".to_owned(),
            description: None,
            event_types: vec![Pattern::Any],
            filter: None,
            format: Format::default(),
            headers: Vec::new(),
            timeout: Timeout::default(),
            schedule: None,
            limits: Limits::default(),
            rate_since: 0,
            keep_responses: KeepResponses::default(),
            disabled: None,
            signing: Scheme::default(),
            public_keys: Vec::new(),
            secret: SecretRef {
                ring: 0,
                generation: 1,
            },
            certificate_ends: None,
            version: 1,
            created: Timestamp::from_millis(1),
            updated: Timestamp::from_millis(2),
        };
        let header = |name, value| Header {
            name: HeaderName::parse(name).unwrap(),
            value,
        };
        let key = PublicKey::from_bytes([7; 32]);
        let full = Endpoint {
            description: Some("ours".to_owned()),
            filter: Some(Filter::parse(r#"{"event":["a.b"]}"#).unwrap()),
            format: Format::SocialPlus,
            headers: vec![
                header("x-a", HeaderValue::Plain("1".to_owned())),
                header("authorization", HeaderValue::Sensitive),
            ],
            timeout: Timeout::MAX,
            schedule: Some(Schedule::from_seconds(&[]).unwrap()),
            certificate_ends: Some(Timestamp::from_millis(8)),
            limits: Limits {
                max_in_flight: Some(3),
                rate_per_second: Some(9),
            },
            rate_since: 2,
            keep_responses: KeepResponses::All,
            disabled: Some(Disabled {
                reason: "gone".to_owned(),
                at: Timestamp::from_millis(5),
            }),
            signing: Scheme::Ed25519,
            public_keys: vec![
                Published { key, until: None },
                Published {
                    key,
                    until: Some(Timestamp::from_millis(9)),
                },
            ],
            ..bare.clone()
        };
        for endpoint in [bare, full] {
            let item = write(&endpoint);
            assert_eq!(read(&Reader::new(&item, ""), &network).unwrap(), endpoint);
        }
    }
}
