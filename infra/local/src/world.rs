//! Names the embedded services give to things; the only place that spells an ARN or a queue URL.

/// The region and account of the embedded services.
pub(crate) const REGION: &str = "us-east-1";
pub(crate) const ACCOUNT: &str = "000000000000";
/// What `AWS::StackName` is here.
pub(crate) const STACK: &str = "fanfare";
/// What `AWS::URLSuffix` is here; as on AWS, so that URLs built from it look like AWS's.
pub(crate) const URL_SUFFIX: &str = "amazonaws.com";

pub(crate) fn arn(service: &str, resource: &str) -> String {
    format!("arn:aws:{service}:{REGION}:{ACCOUNT}:{resource}")
}

/// The address `aws-local` gives a queue. It is a name, never called: the clients hand their
/// requests to the embedded services, which look at the last part of the path.
pub(crate) fn queue_url(name: &str) -> String {
    format!("http://sqs.local/{ACCOUNT}/{name}")
}
