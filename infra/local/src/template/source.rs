//! Event source mappings: which queue feeds which function, and how.

use std::time::Duration;

use serde::Deserialize;

use super::TemplateError;
use super::reader::Reader;

/// A queue that feeds a function.
#[derive(Debug, Clone, PartialEq)]
pub struct QueueSource {
    pub logical: String,
    /// The function's name.
    pub function: String,
    /// The queue's name.
    pub queue: String,
    pub batch_size: usize,
    pub window: Duration,
    pub max_concurrency: Option<usize>,
}

const DEFAULT_BATCH: usize = 10;
/// SQS hands out at most ten messages at once; Lambda fills larger batches only within a window.
const BATCH_WITHOUT_WINDOW: usize = 10;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct SourceProperties {
    function_name: String,
    event_source_arn: String,
    batch_size: Option<usize>,
    #[serde(default)]
    maximum_batching_window_in_seconds: u64,
    #[serde(default)]
    function_response_types: Vec<String>,
    scaling_config: Option<ScalingConfig>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct ScalingConfig {
    maximum_concurrency: usize,
}

pub(super) fn read(reader: &Reader<'_>) -> Result<QueueSource, TemplateError> {
    let properties: SourceProperties = reader.typed(
        &[
            "BatchSize",
            "EventSourceArn",
            "FunctionName",
            "FunctionResponseTypes",
            "MaximumBatchingWindowInSeconds",
            "ScalingConfig",
        ],
        &["Tags"],
    )?;
    let batch_size = properties.batch_size.unwrap_or(DEFAULT_BATCH);
    check_source(reader, &properties, batch_size)?;
    let last = |text: &str| text.rsplit(':').next().unwrap_or_default().to_owned();
    Ok(QueueSource {
        logical: reader.logical.to_owned(),
        function: last(&properties.function_name),
        queue: last(&properties.event_source_arn),
        batch_size,
        window: Duration::from_secs(properties.maximum_batching_window_in_seconds),
        max_concurrency: properties
            .scaling_config
            .map(|config| config.maximum_concurrency),
    })
}

fn check_source(
    reader: &Reader<'_>,
    properties: &SourceProperties,
    batch_size: usize,
) -> Result<(), TemplateError> {
    if !(1..=10_000).contains(&batch_size) {
        return Err(reader.property("BatchSize", "must be 1 to 10000"));
    }
    if batch_size > BATCH_WITHOUT_WINDOW && properties.maximum_batching_window_in_seconds == 0 {
        let problem =
            "a batch above 10 needs a window; set MaximumBatchingWindowInSeconds to at least 1";
        return Err(reader.property("BatchSize", problem));
    }
    // Without it AWS takes a handler's answer for success and deletes the failed records.
    if properties.function_response_types != ["ReportBatchItemFailures"] {
        return Err(reader.property(
            "FunctionResponseTypes",
            "must be [ReportBatchItemFailures]; else failed records are lost",
        ));
    }
    let most = properties
        .scaling_config
        .as_ref()
        .map(|config| config.maximum_concurrency);
    if most.is_some_and(|most| !(2..=1_000).contains(&most)) {
        return Err(reader.property("ScalingConfig.MaximumConcurrency", "must be 2 to 1000"));
    }
    Ok(())
}
