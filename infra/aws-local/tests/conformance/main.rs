//! One suite for every way in: in memory, durable, over loopback, and (when
//! `CONFORMANCE_ENDPOINT` is set) an emulator made by someone else, which judges the suite itself.

#[cfg(test)]
mod clocked;
#[cfg(test)]
mod dynamodb;
#[cfg(test)]
mod harness;
#[cfg(test)]
mod lifetime;
#[cfg(test)]
mod secrets;
#[cfg(test)]
mod sqs;
#[cfg(test)]
mod sqs_limits;
#[cfg(test)]
mod sqs_queues;

#[cfg(test)]
mod suite {
    use crate::harness::{Case, Target, Way, outside_endpoint, run};
    use crate::{clocked, dynamodb, secrets, sqs, sqs_limits, sqs_queues};

    fn every_case() -> Vec<Case> {
        [
            sqs::cases(),
            sqs_limits::cases(),
            sqs_queues::cases(),
            secrets::cases(),
            dynamodb::cases(),
        ]
        .concat()
    }

    #[tokio::test]
    async fn in_memory() {
        let target = Target::embedded(Way::Memory).await;
        run(&target, [every_case(), clocked::cases()].concat()).await;
    }

    #[tokio::test]
    async fn durable() {
        let target = Target::embedded(Way::Durable).await;
        run(&target, [every_case(), clocked::cases()].concat()).await;
    }

    #[tokio::test]
    async fn over_loopback() {
        let target = Target::embedded(Way::Loopback).await;
        run(&target, [every_case(), clocked::cases()].concat()).await;
    }

    #[tokio::test]
    async fn an_outside_emulator() {
        let Some(endpoint) = outside_endpoint() else {
            println!("not run: CONFORMANCE_ENDPOINT is not set");
            return;
        };
        println!("judging by {endpoint}");
        run(&Target::outside(&endpoint), every_case()).await;
    }
}
