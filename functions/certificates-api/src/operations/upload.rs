//! From a request to an upload, collecting every broken rule.

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use credential::{Good, Upload, Verdict, judge};
use domain::credential::{Environment, Platform, Provider, Slot};
use domain::field::FieldError;
use domain::time::Timestamp;
use http_api::{Call, Failure, Problem, parse_json};
use serde_json::{Map, Value};
use zeroize::Zeroizing;

use super::form::{boundary, parts};
use crate::shape::{CreateCertificate, Secret};

/// Largest request: a file of 64 KiB in base64, and the rest.
const MAX_BODY: usize = 128 * 1024;

const MAX_NAME: usize = 200;

/// Parts of a form whose bytes need not be text.
const FILES: [&str; 2] = ["p12", "p8"];

/// The request, from JSON or from a form, and the JSON that tells it from others: a form that is sent
/// again has another boundary.
pub(super) fn read(call: &Call) -> Result<(CreateCertificate, Zeroizing<Vec<u8>>), Failure> {
    let body = Zeroizing::new(call.body(MAX_BODY)?);
    let kind = call.header("content-type").unwrap_or_default();
    let json = match boundary(kind)? {
        None => body,
        Some(boundary) => from_form(&body, &boundary)?,
    };
    Ok((parse_json(&json)?, json))
}

/// A form says the same as JSON does, with files as they are.
fn from_form(body: &[u8], boundary: &str) -> Result<Zeroizing<Vec<u8>>, Problem> {
    let mut fields = Map::new();
    for (name, content) in parts(body, boundary)? {
        let value = if FILES.contains(&name.as_str()) {
            STANDARD.encode(content)
        } else {
            let text = std::str::from_utf8(content);
            let text = text.map_err(|_| broken(&name, "format", "must be UTF-8 text"))?;
            text.to_owned()
        };
        if fields.insert(name.clone(), Value::String(value)).is_some() {
            return Err(broken(&name, "duplicate", "is given twice"));
        }
    }
    let json = Value::Object(fields).to_string();
    Ok(Zeroizing::new(json.into_bytes()))
}

fn broken(field: &str, rule: &'static str, message: &str) -> Problem {
    Problem::InvalidFields(vec![FieldError::new(field, rule, message)])
}

/// Where a credential is to serve, and under what name.
pub(super) struct Place {
    pub(super) name: String,
    pub(super) slot: Slot,
}

/// The words of a slot.
pub(super) fn slot(
    platform: &str,
    provider: &str,
    environment: &str,
    errors: &mut Vec<FieldError>,
) -> Option<Slot> {
    let mut missing = |field: &str, rule: &str| {
        errors.push(FieldError::new(field, "format", rule));
    };
    let platform = Platform::parse(platform);
    if platform.is_none() {
        missing("platform", "must be ios or android");
    }
    let provider = Provider::parse(provider);
    if provider.is_none() {
        missing("provider", "must be apns, fcm or baidu");
    }
    let environment = Environment::parse(environment);
    if environment.is_none() {
        missing("environment", "must be production or sandbox");
    }
    let slot = Slot::new(platform?, provider?, environment?);
    if slot.is_none() {
        missing("provider", Slot::RULE);
    }
    slot
}

/// Judges what was sent.
pub(super) fn judged(
    request: &CreateCertificate,
    now: Timestamp,
) -> Result<(Place, Good), Problem> {
    let mut errors = Vec::new();
    let name = request.name.trim().to_owned();
    let length = name.chars().count();
    if !(1..=MAX_NAME).contains(&length) || name.chars().any(char::is_control) {
        let rule = "must be 1 to 200 characters without control characters";
        errors.push(FieldError::new("name", "format", rule));
    }
    let slot = slot(
        &request.platform,
        &request.provider,
        &request.environment,
        &mut errors,
    );
    let material = slot.and_then(|slot| Material::of(request, slot.provider(), &mut errors));
    match (slot, material) {
        (Some(slot), Some(material)) if errors.is_empty() => {
            let good = judge(&material.upload(), slot.environment(), now);
            let good = good.map_err(|verdicts| material.refused(&verdicts))?;
            Ok((Place { name, slot }, good))
        }
        _ => Err(Problem::InvalidFields(errors)),
    }
}

/// Material of one kind, all of its parts there.
enum Material<'a> {
    Certificate {
        file: Zeroizing<Vec<u8>>,
        password: &'a str,
        bundle_id: Option<&'a str>,
    },
    SigningKey {
        file: Zeroizing<Vec<u8>>,
        key_id: &'a str,
        team_id: &'a str,
        bundle_id: &'a str,
    },
    ServiceAccount {
        json: &'a str,
        /// Where it was sent.
        field: &'static str,
    },
    KeyPair {
        api_key: &'a str,
        secret_key: &'a str,
    },
}

impl<'a> Material<'a> {
    /// What `provider` takes of the request. Parts that are missing or out of place are errors.
    fn of(
        request: &'a CreateCertificate,
        provider: Provider,
        errors: &mut Vec<FieldError>,
    ) -> Option<Self> {
        let given = given(request);
        let of = |text: &'a Secret| text.as_deref().map(String::as_str);
        let named = |text: &'a Option<String>| text.as_deref().unwrap_or_default();
        let (wanted, optional): (&[&str], &[&str]) = match provider {
            Provider::Apns if request.p8.is_some() => (&["p8", "keyId", "teamId", "bundleId"], &[]),
            Provider::Apns => (&["p12"], &["password", "bundleId"]),
            // A server key is sent as an API key; it is told what became of those.
            Provider::Fcm if request.api_key.is_some() && request.service_account.is_none() => {
                (&["apiKey"], &["secretKey"])
            }
            Provider::Fcm => (&["serviceAccount"], &[]),
            Provider::Baidu => (&["apiKey", "secretKey"], &[]),
        };
        for field in wanted.iter().filter(|field| !given.contains(*field)) {
            let rule = format!("is required for {provider}");
            errors.push(FieldError::new(*field, "required", rule));
        }
        let fits = |field: &&&str| wanted.contains(*field) || optional.contains(*field);
        for field in given.iter().filter(|field| !fits(field)) {
            let rule = format!("does not go with {provider} and the other fields");
            errors.push(FieldError::new(*field, "conflict", rule));
        }
        match provider {
            Provider::Apns => {
                if let Some(text) = of(&request.p8) {
                    return Some(Self::SigningKey {
                        file: text_or_base64(text),
                        key_id: named(&request.key_id),
                        team_id: named(&request.team_id),
                        bundle_id: named(&request.bundle_id),
                    });
                }
                let file = STANDARD.decode(of(&request.p12)?.trim());
                let Ok(file) = file else {
                    errors.push(FieldError::new("p12", "format", "must be base64"));
                    return None;
                };
                Some(Self::Certificate {
                    file: Zeroizing::new(file),
                    password: of(&request.password).unwrap_or_default(),
                    bundle_id: request.bundle_id.as_deref(),
                })
            }
            Provider::Fcm => {
                let account = of(&request.service_account).map(|json| (json, "serviceAccount"));
                let account = account.or_else(|| Some((of(&request.api_key)?, "apiKey")));
                account.map(|(json, field)| Self::ServiceAccount { json, field })
            }
            Provider::Baidu => Some(Self::KeyPair {
                api_key: of(&request.api_key)?,
                secret_key: of(&request.secret_key)?,
            }),
        }
    }

    /// The verdicts in the form of a problem, on the fields that were sent.
    fn refused(&self, verdicts: &[Verdict]) -> Problem {
        let field = |verdict: &Verdict| match self {
            Self::ServiceAccount { field, .. } => field,
            Self::Certificate { .. } | Self::SigningKey { .. } | Self::KeyPair { .. } => {
                verdict.field()
            }
        };
        let told = |refuses: bool| {
            let verdicts = verdicts.iter().filter(|one| one.refuses() == refuses);
            verdicts
                .map(|one| FieldError::new(field(one), one.rule(), one.to_string()))
                .collect()
        };
        Problem::CertificateRefused {
            errors: told(true),
            warnings: told(false),
        }
    }

    fn upload(&self) -> Upload<'_> {
        match self {
            Self::Certificate {
                file,
                password,
                bundle_id,
            } => Upload::Certificate {
                file,
                password,
                bundle_id: *bundle_id,
            },
            Self::SigningKey {
                file,
                key_id,
                team_id,
                bundle_id,
            } => Upload::SigningKey {
                file,
                key_id,
                team_id,
                bundle_id,
            },
            Self::ServiceAccount { json, .. } => Upload::ServiceAccount { json },
            Self::KeyPair {
                api_key,
                secret_key,
            } => Upload::KeyPair {
                api_key,
                secret_key,
            },
        }
    }
}

/// The parts of material that are there.
fn given(request: &CreateCertificate) -> BTreeSet<&'static str> {
    let there = [
        ("p12", request.p12.is_some()),
        ("password", request.password.is_some()),
        ("p8", request.p8.is_some()),
        ("keyId", request.key_id.is_some()),
        ("teamId", request.team_id.is_some()),
        ("bundleId", request.bundle_id.is_some()),
        ("serviceAccount", request.service_account.is_some()),
        ("apiKey", request.api_key.is_some()),
        ("secretKey", request.secret_key.is_some()),
    ];
    let there = there.into_iter().filter(|(_, there)| *there);
    there.map(|(name, _)| name).collect()
}

/// A .p8 file is text, so it may be sent as it is.
fn text_or_base64(text: &str) -> Zeroizing<Vec<u8>> {
    if text.trim_start().starts_with("-----") {
        return Zeroizing::new(text.as_bytes().to_vec());
    }
    // What is neither is no key either, and the judge says so.
    Zeroizing::new(STANDARD.decode(text.trim()).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_problem_page_names_every_verdict() {
        let mut pages = http_api::CATALOGUE.iter();
        let entry = pages.find(|entry| entry.id == "certificate-refused");
        let page = entry.unwrap().page;
        for rule in Verdict::RULES {
            assert!(page.contains(&format!("`{rule}`")), "{rule} is not there");
        }
    }
}
