//! From request fields to domain types, collecting every broken rule.

use std::collections::{BTreeMap, BTreeSet};

use domain::credential::{Environment, Platform, Provider, Slot};
use domain::field::FieldError;
use domain::push::device::{Device, DeviceId, Locale, Token, UserId, slot};
use domain::push::event::Module;
use domain::push::preference::{Mode, PlaceKind, PlacePreference};
use domain::time::Timestamp;
use http_api::Problem;

use crate::shape::{PlaceSettings, RegisterDevice};

/// The rules broken so far.
#[derive(Debug, Default)]
pub(crate) struct Fields(Vec<FieldError>);

impl Fields {
    pub(crate) fn take<T>(&mut self, field: &str, rule: &str, parsed: Option<T>) -> Option<T> {
        if parsed.is_none() {
            self.broken(field, rule);
        }
        parsed
    }

    fn broken(&mut self, field: &str, rule: &str) {
        self.0.push(FieldError::new(field, "format", rule));
    }

    /// Whose device it is, and the device.
    pub(crate) fn device(
        &mut self,
        request: &RegisterDevice,
        now: Timestamp,
    ) -> Option<(UserId, Device)> {
        let id = self.take(
            "deviceId",
            DeviceId::RULE,
            DeviceId::parse(&request.device_id),
        );
        let user = self.take("userId", UserId::RULE, UserId::parse(&request.user_id));
        let locale = request.locale.as_deref().map(Locale::parse);
        if locale == Some(None) {
            self.broken("locale", Locale::RULE);
        }
        let slot = self.slot(request)?;
        let token = Token::parse(&request.token, slot.provider());
        let token = self.take("token", Token::RULE, token)?;
        let device = Device {
            id: id?,
            slot,
            token,
            locale: locale.flatten(),
            registered: now,
        };
        Some((user?, device))
    }

    fn slot(&mut self, request: &RegisterDevice) -> Option<Slot> {
        let platform = Platform::parse(&request.platform);
        let platform = self.take("platform", "must be ios or android", platform);
        let provider = match request.provider.as_deref().map(Provider::parse) {
            None => None,
            Some(provider) => {
                Some(self.take("provider", "must be apns, fcm or baidu", provider)?)
            }
        };
        let environment = match request.environment.as_deref().map(Environment::parse) {
            None => None,
            Some(environment) => {
                let rule = "must be production or sandbox";
                Some(self.take("environment", rule, environment)?)
            }
        };
        self.take(
            "provider",
            Slot::RULE,
            slot(platform?, provider, environment),
        )
    }

    pub(crate) fn modules_off(&mut self, modules: &BTreeMap<String, bool>) -> BTreeSet<Module> {
        let mut off = BTreeSet::new();
        for (word, on) in modules {
            match Module::parse(word) {
                Some(module) if !on => _ = off.insert(module),
                Some(_) => {}
                None => {
                    let field = format!("modules.{word}");
                    self.broken(&field, "must be chat, social or video-streaming");
                }
            }
        }
        off
    }

    pub(crate) fn mode(&mut self, word: &str) -> Mode {
        let rule = "must be default, silent or subscribe";
        self.take("mode", rule, Mode::parse(word))
            .unwrap_or_default()
    }

    pub(crate) fn place(&mut self, kind: PlaceKind, request: &PlaceSettings) -> PlacePreference {
        let mut decided = PlacePreference {
            mode: self.mode(&request.mode),
            events_off: BTreeSet::new(),
        };
        for (name, on) in &request.events {
            match kind.events().find(|event| event.name == name) {
                Some(event) if !on => _ = decided.events_off.insert(event.name),
                Some(_) => {}
                None => {
                    let field = format!("events.{name}");
                    let rule = format!("is no event of a {}", kind.word());
                    self.broken(&field, &rule);
                }
            }
        }
        decided
    }

    pub(crate) fn check(self) -> Result<(), Problem> {
        if self.0.is_empty() {
            Ok(())
        } else {
            Err(Problem::InvalidFields(self.0))
        }
    }
}
