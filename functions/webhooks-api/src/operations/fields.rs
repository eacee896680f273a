//! From request fields to domain types, collecting every broken rule.

use std::ops::RangeInclusive;

use domain::address::AddressPolicy;
use domain::delivery::State;
use domain::endpoint::{
    Format, KeepResponses, MAX_DESCRIPTION, MAX_IN_FLIGHT, MAX_PATTERNS, MAX_RATE, Timeout,
    disabled,
};
use domain::event_type::Pattern;
use domain::field::FieldError;
use domain::filter::Filter;
use domain::id::ReplayId;
use domain::retry::Schedule;
use domain::signing::{Scheme, Secret};
use domain::time::Timestamp;
use domain::webhook_url::{OwnNames, WebhookUrl};
use http_api::Problem;
use serde_json::value::RawValue;

/// The rules broken so far.
#[derive(Debug, Default)]
pub(crate) struct Fields(Vec<FieldError>);

impl Fields {
    /// The URL as it is stored: normalised by the WHATWG rules.
    pub(crate) fn url(&mut self, text: &str, policy: AddressPolicy, own: &OwnNames) -> String {
        let url = WebhookUrl::parse(text, policy);
        match url.and_then(|url| own.check(&url).map(|()| url)) {
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

    /// As it was written: a `Value` would keep the last of two equal fields and hide the mistake.
    pub(crate) fn filter(&mut self, filter: Option<&RawValue>) -> Option<Filter> {
        let parsed = Filter::parse(filter?.get());
        self.keep(parsed.map_err(|error| error.of_field("filter")))
    }

    pub(crate) fn format(&mut self, word: Option<&str>) -> Format {
        let Some(word) = word else {
            return Format::default();
        };
        let parsed = Format::parse(word);
        self.known(parsed, "format", "must be fanfare or social.plus")
    }

    pub(crate) fn signing(&mut self, word: Option<&str>) -> Option<Scheme> {
        let parsed = Scheme::parse(word?);
        Some(self.known(parsed, "signing", "must be hmac or ed25519"))
    }

    /// A secret brought along. The message never quotes it.
    pub(crate) fn secret(&mut self, text: Option<&str>, scheme: Scheme) -> Option<Secret> {
        let text = text?;
        if scheme == Scheme::Ed25519 {
            self.broken("secret", "conflict", "can only be given for hmac");
            return None;
        }
        let parsed = Secret::parse(text);
        if parsed.is_none() {
            let rule = "must be whsec_ and the base64 of 24 to 64 bytes";
            self.broken("secret", "format", rule);
        }
        parsed
    }

    pub(crate) fn timeout(&mut self, seconds: Option<u64>) -> Timeout {
        let Some(seconds) = seconds else {
            return Timeout::default();
        };
        let parsed = Timeout::from_seconds(seconds);
        self.known(parsed, "timeoutSeconds", "must be from 1 to 30")
    }

    pub(crate) fn schedule(&mut self, seconds: Option<&[u64]>) -> Option<Schedule> {
        let parsed = Schedule::from_seconds(seconds?);
        self.keep(
            parsed
                .map_err(|error| FieldError::new("retrySchedule", error.rule(), error.to_string())),
        )
    }

    pub(crate) fn max_in_flight(&mut self, number: Option<u32>) -> Option<u32> {
        self.within("maxInFlight", number, 1..=MAX_IN_FLIGHT)
    }

    pub(crate) fn rate(&mut self, number: Option<u32>) -> Option<u32> {
        self.within("ratePerSecond", number, 1..=MAX_RATE)
    }

    pub(crate) fn keep_responses(&mut self, word: Option<&str>) -> KeepResponses {
        let Some(word) = word else {
            return KeepResponses::default();
        };
        let parsed = KeepResponses::parse(word);
        self.known(parsed, "keepResponses", "must be failures or all")
    }

    /// States by their words; `field` of the request named them.
    pub(crate) fn states<'t>(
        &mut self,
        field: &str,
        words: impl Iterator<Item = &'t str>,
    ) -> Vec<State> {
        let states: Vec<_> = words.map(State::parse).collect();
        if states.contains(&None) {
            let known = State::ALL.map(State::word).join(", ");
            self.broken(field, "format", &format!("must be of {known}"));
        }
        states.into_iter().flatten().collect()
    }

    /// Patterns that choose among deliveries.
    pub(crate) fn patterns<'t>(
        &mut self,
        field: &str,
        texts: impl Iterator<Item = &'t str>,
    ) -> Vec<Pattern> {
        let patterns: Vec<_> = texts.map(Pattern::parse).collect();
        if patterns.contains(&None) {
            self.broken(field, "format", Pattern::RULE);
        }
        if patterns.len() > MAX_PATTERNS {
            let rule = format!("must hold at most {MAX_PATTERNS} patterns");
            self.broken(field, "count", &rule);
        }
        patterns.into_iter().flatten().collect()
    }

    pub(crate) fn time(&mut self, field: &str, text: Option<&str>) -> Option<Timestamp> {
        let parsed = Timestamp::parse(text?);
        if parsed.is_none() {
            let rule = "must be an RFC 3339 date and time from 1970 on, e.g. 2026-01-31T12:00:00Z";
            self.broken(field, "format", rule);
        }
        parsed
    }

    /// The replay job that `field` names.
    pub(crate) fn replay(&mut self, field: &str, text: Option<&str>) -> Option<ReplayId> {
        let id = ReplayId::parse(text?);
        if id.is_none() {
            self.broken(field, "format", "must be the id of a replay job, rpl_…");
        }
        id
    }

    /// Why an endpoint is switched off, in the caller's words.
    pub(crate) fn reason(&mut self, text: Option<String>) -> String {
        let text = text.filter(|text| !text.is_empty());
        let text = text.unwrap_or_else(|| disabled::BY_REQUEST.to_owned());
        if text.chars().count() > disabled::MAX_REASON {
            let rule = format!("must have at most {} characters", disabled::MAX_REASON);
            self.broken("reason", "too_long", &rule);
        }
        text
    }

    fn within(
        &mut self,
        field: &str,
        number: Option<u32>,
        allowed: RangeInclusive<u32>,
    ) -> Option<u32> {
        let number = number?;
        if !allowed.contains(&number) {
            let (least, most) = allowed.into_inner();
            self.broken(field, "range", &format!("must be from {least} to {most}"));
        }
        Some(number)
    }

    pub(crate) fn broken(&mut self, field: &str, rule: &'static str, message: &str) {
        self.0.push(FieldError::new(field, rule, message));
    }

    fn keep<T>(&mut self, parsed: Result<T, FieldError>) -> Option<T> {
        parsed.map_err(|error| self.0.push(error)).ok()
    }

    fn known<T: Default>(&mut self, parsed: Option<T>, field: &str, message: &str) -> T {
        parsed.unwrap_or_else(|| {
            self.broken(field, "format", message);
            T::default()
        })
    }

    pub(crate) fn check(self) -> Result<(), Problem> {
        if self.0.is_empty() {
            Ok(())
        } else {
            Err(Problem::InvalidFields(self.0))
        }
    }
}
