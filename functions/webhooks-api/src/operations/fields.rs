//! From request fields to domain types, collecting every broken rule.

use domain::address::AddressPolicy;
use domain::endpoint::{MAX_DESCRIPTION, MAX_PATTERNS};
use domain::event_type::Pattern;
use domain::field::FieldError;
use domain::webhook_url::WebhookUrl;
use http_api::Problem;

/// The rules broken so far.
#[derive(Debug, Default)]
pub(crate) struct Fields(Vec<FieldError>);

impl Fields {
    /// The URL as it is stored: normalised by the WHATWG rules.
    pub(crate) fn url(&mut self, text: &str, policy: AddressPolicy) -> String {
        match WebhookUrl::parse(text, policy) {
            Ok(url) => url.as_str().to_owned(),
            Err(error) => {
                self.0
                    .push(FieldError::new("url", error.rule(), error.to_string()));
                String::new()
            }
        }
    }

    pub(crate) fn event_types(&mut self, texts: &[String]) -> Vec<Pattern> {
        if !(1..=MAX_PATTERNS).contains(&texts.len()) {
            self.0.push(FieldError::new(
                "eventTypes",
                "count",
                format!("must hold 1 to {MAX_PATTERNS} patterns"),
            ));
        }
        let mut patterns = Vec::new();
        for (index, text) in texts.iter().enumerate() {
            match Pattern::parse(text) {
                Some(pattern) => patterns.push(pattern),
                None => self.0.push(FieldError::new(
                    format!("eventTypes[{index}]"),
                    "format",
                    Pattern::RULE,
                )),
            }
        }
        patterns
    }

    pub(crate) fn description(&mut self, text: String) -> Option<String> {
        if text.chars().count() > MAX_DESCRIPTION {
            self.0.push(FieldError::new(
                "description",
                "too_long",
                format!("must have at most {MAX_DESCRIPTION} characters"),
            ));
        }
        (!text.is_empty()).then_some(text)
    }

    pub(crate) fn check(self) -> Result<(), Problem> {
        if self.0.is_empty() {
            Ok(())
        } else {
            Err(Problem::InvalidFields(self.0))
        }
    }
}
