//! Compact forms inside an event item, so that a 1 KB event fits one write unit.

use std::io::{Read as _, Write as _};

use aws_sdk_dynamodb::types::AttributeValue;
use domain::id::EndpointId;
use domain::matching::{Destination, Verdict};
use flate2::Compression;
use flate2::read::DeflateDecoder;
use flate2::write::DeflateEncoder;

use crate::item::{Item, b, s};

/// Shorter texts are stored as they are: they fit a write unit anyway and stay readable.
const COMPRESS_FROM: usize = 512;

/// JSON text as an attribute: plain, or raw DEFLATE (RFC 1951) when that is smaller.
pub(crate) fn pack_text(text: &str) -> AttributeValue {
    if text.len() < COMPRESS_FROM {
        return s(text);
    }
    let mut encoder = DeflateEncoder::new(Vec::with_capacity(text.len() / 2), Compression::fast());
    let packed = encoder
        .write_all(text.as_bytes())
        .and_then(|()| encoder.finish());
    match packed {
        Ok(packed) if packed.len() < text.len() => b(packed),
        Ok(_) | Err(_) => s(text),
    }
}

pub(crate) fn unpack_text(value: &AttributeValue) -> Option<String> {
    if let Ok(text) = value.as_s() {
        return Some(text.clone());
    }
    let mut text = String::new();
    DeflateDecoder::new(value.as_b().ok()?.as_ref())
        .read_to_string(&mut text)
        .ok()?;
    Some(text)
}

/// A plan is two lists of 16-byte endpoint ids, `deliver` and `disabled`; empty lists are left out.
pub(crate) fn pack_plan(plan: &[Destination], item: &mut Item) {
    for (name, verdict) in [
        ("deliver", Verdict::Deliver),
        ("disabled", Verdict::Disabled),
    ] {
        let ids: Vec<u8> = plan
            .iter()
            .filter(|d| d.verdict == verdict)
            .flat_map(|d| *d.endpoint.bytes())
            .collect();
        if !ids.is_empty() {
            item.insert(name.to_owned(), b(ids));
        }
    }
}

pub(crate) fn unpack_plan(item: &Item) -> Vec<Destination> {
    let mut plan = Vec::new();
    for (name, verdict) in [
        ("deliver", Verdict::Deliver),
        ("disabled", Verdict::Disabled),
    ] {
        let ids = item.get(name).and_then(|value| value.as_b().ok());
        for id in ids.iter().flat_map(|ids| ids.as_ref().as_chunks::<16>().0) {
            plan.push(Destination {
                endpoint: EndpointId::from_bytes(*id),
                verdict,
            });
        }
    }
    plan
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_and_plans_come_back_as_they_were() {
        let noise: String = (0..400_u32)
            .map(|n| char::from_u32(33 + (n * 7919) % 90).unwrap())
            .collect();
        for text in [
            String::new(),
            "{}".to_owned(),
            "{\"a\":1}".repeat(300),
            noise.repeat(3),
        ] {
            assert_eq!(unpack_text(&pack_text(&text)), Some(text));
        }
        let json = "{\"userId\":\"user123\",\"text\":\"hello\"}".repeat(30);
        assert!(pack_text(&json).as_b().unwrap().as_ref().len() < json.len() / 3);

        let plan: Vec<_> = (0..5)
            .map(|n| Destination {
                endpoint: EndpointId::from_bytes([n; 16]),
                verdict: if n < 3 {
                    Verdict::Deliver
                } else {
                    Verdict::Disabled
                },
            })
            .collect();
        let mut item = Item::new();
        pack_plan(&plan, &mut item);
        assert_eq!(unpack_plan(&item), plan);
    }
}
