//! A function as all that read queues are, whose work panics on the body `panic`.

use aws_lambda_events::sqs::SqsEvent;
use queue::{Record, each_record, respond};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    runtime::serve(|batch: SqsEvent| async move {
        let results = each_record(batch, work).await;
        let failed = results.iter().filter(|(_, result)| result.is_err());
        Ok::<_, std::convert::Infallible>(respond(failed.map(|(id, _)| id.as_str())))
    })
    .await
}

#[expect(clippy::panic, reason = "the panic is what is tested")]
async fn work(record: Record) -> Result<(), String> {
    match record.body.as_str() {
        "panic" => panic!("as asked"),
        _ => Ok(()),
    }
}
