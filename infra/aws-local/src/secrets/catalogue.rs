//! The secrets as a list: describing, listing, tagging. No value is read here.

use super::error::{Code, SecretsError};
use super::secret::Secret;
use super::wire::{Description, Empty, Filter, List, Listed, OnlyId, TagResource, UntagResource};
use super::{SecretsManager, check_alive, find};

const LIST_PAGE: usize = 100;

impl SecretsManager {
    pub(super) fn describe(&self, request: &OnlyId) -> Result<Description, SecretsError> {
        find(&self.secrets(), &request.secret_id).map(Description::described)
    }

    pub(super) fn list(&self, request: &List) -> Result<Listed, SecretsError> {
        let page = request.max_results.unwrap_or(LIST_PAGE);
        if !(1..=LIST_PAGE).contains(&page) {
            return Err(SecretsError::new(
                Code::InvalidParameter,
                "MaxResults must be between 1 and 100.",
            ));
        }
        check_filters(&request.filters)?;
        let after = request.next_token.as_deref().unwrap_or_default();
        let deleted = request.include_planned_deletion.unwrap_or(false);
        let secrets = self.secrets();
        let mut matching = secrets.values().filter(|secret| {
            secret.name.as_str() > after
                && (deleted || secret.deletion.is_none())
                && request
                    .filters
                    .iter()
                    .all(|filter| matches_filter(secret, filter))
        });
        let listed: Vec<&Secret> = matching.by_ref().take(page).collect();
        let next_token = listed
            .last()
            .filter(|_| matching.next().is_some())
            .map(|secret| secret.name.clone());
        Ok(Listed {
            secret_list: listed.into_iter().map(Description::listed).collect(),
            next_token,
        })
    }

    pub(super) async fn tag(&self, request: TagResource) -> Result<Empty, SecretsError> {
        self.change(&request.secret_id, |secret, _| {
            check_alive(secret)?;
            secret
                .tags
                .extend(request.tags.into_iter().map(|tag| (tag.key, tag.value)));
            Ok(Empty {})
        })
        .await
    }

    pub(super) async fn untag(&self, request: UntagResource) -> Result<Empty, SecretsError> {
        self.change(&request.secret_id, |secret, _| {
            check_alive(secret)?;
            secret.tags.retain(|key, _| !request.tag_keys.contains(key));
            Ok(Empty {})
        })
        .await
    }
}

fn check_filters(filters: &[Filter]) -> Result<(), SecretsError> {
    const KEYS: &[&str] = &["all", "description", "name", "tag-key", "tag-value"];
    let Some(unknown) = filters
        .iter()
        .find(|filter| !KEYS.contains(&filter.key.as_str()))
    else {
        return Ok(());
    };
    let message = format!(
        "filter key {} is not part of this local service",
        unknown.key
    );
    Err(SecretsError::new(Code::InvalidParameter, message))
}

/// Prefix match, a leading `!` negates, as on AWS.
fn matches_filter(secret: &Secret, filter: &Filter) -> bool {
    let tags = &secret.tags;
    let has = |prefix: &str| {
        let name = secret.name.starts_with(prefix);
        let description = secret
            .description
            .as_deref()
            .is_some_and(|text| text.starts_with(prefix));
        let tag_key = tags.keys().any(|key| key.starts_with(prefix));
        let tag_value = tags.values().any(|value| value.starts_with(prefix));
        match filter.key.as_str() {
            "name" => name,
            "description" => description,
            "tag-key" => tag_key,
            "tag-value" => tag_value,
            _ => name || description || tag_key || tag_value,
        }
    };
    filter.values.iter().any(|value| {
        value
            .strip_prefix('!')
            .map_or_else(|| has(value), |prefix| !has(prefix))
    })
}
