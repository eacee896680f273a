//! What counted calls cost at list prices.

use aws_local::{CallCounts, Service};
use serde::Deserialize;

use crate::error::Failed;

const PRICES: &str = include_str!("../prices.json");

/// Public list prices; see the file for region and date.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Prices {
    pub(crate) region: String,
    pub(crate) as_of: String,
    per_million: PerMillion,
    lambda_arm_gigabyte_second: f64,
    lambda_megabytes: f64,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct PerMillion {
    dynamodb_write_units: f64,
    dynamodb_read_units: f64,
    sqs_requests: f64,
    api_gateway_http_requests: f64,
    lambda_requests: f64,
    secrets_manager_calls: f64,
}

/// What deliveries used.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Used {
    pub(crate) write_units: f64,
    pub(crate) read_units: f64,
    pub(crate) sqs: f64,
    pub(crate) secrets: f64,
    /// Function invocations: each took one batch from a queue.
    invocations: f64,
    /// API requests.
    requests: f64,
}

impl Used {
    /// Per delivery. `idle` receives returned nothing: Lambda's pollers wait longer than ours do.
    pub(crate) fn per_delivery(
        calls: &CallCounts,
        idle: u64,
        requests: u32,
        deliveries: f64,
    ) -> Self {
        let per = |count: u64| count as f64 / deliveries;
        let receives = calls
            .count(Service::Sqs, "ReceiveMessage")
            .saturating_sub(idle);
        Self {
            write_units: calls.dynamodb_write_units / deliveries,
            read_units: calls.dynamodb_read_units / deliveries,
            sqs: per(calls.total(Service::Sqs).saturating_sub(idle)),
            secrets: per(calls.total(Service::SecretsManager)),
            invocations: per(receives) + f64::from(requests) / deliveries,
            requests: f64::from(requests) / deliveries,
        }
    }
}

impl Prices {
    pub(crate) fn load() -> Result<Self, Failed> {
        Ok(serde_json::from_str(PRICES)?)
    }

    /// US dollars per million deliveries. `busy_seconds` is what one delivery keeps a function busy.
    pub(crate) fn per_million(&self, used: &Used, busy_seconds: f64) -> f64 {
        let prices = &self.per_million;
        let compute =
            busy_seconds * self.lambda_megabytes / 1024.0 * self.lambda_arm_gigabyte_second;
        used.write_units * prices.dynamodb_write_units
            + used.read_units * prices.dynamodb_read_units
            + used.sqs * prices.sqs_requests
            + used.secrets * prices.secrets_manager_calls
            + used.invocations * prices.lambda_requests
            + used.requests * prices.api_gateway_http_requests
            + compute * 1e6
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_million_is_the_sum_of_its_calls() {
        let prices = Prices::load().unwrap();
        let used = Used {
            write_units: 2.0,
            sqs: 0.5,
            ..Used::default()
        };
        let expected =
            2.0 * prices.per_million.dynamodb_write_units + 0.5 * prices.per_million.sqs_requests;
        assert!((prices.per_million(&used, 0.0) - expected).abs() < 1e-9);
        // 1 ms of 512 MB, a million times.
        let compute = prices.per_million(&Used::default(), 0.001);
        assert!((compute - 500.0 * prices.lambda_arm_gigabyte_second).abs() < 1e-9);
    }
}
