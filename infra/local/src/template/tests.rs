use std::time::Duration;

use super::*;

/// The least that is a deployment: one of each.
const GOOD: &str = r#"
Transform: AWS::Serverless-2016-10-31
Parameters:
  Stage: { Type: String, Default: test }
Conditions:
  IsLive: !Equals [!Ref Stage, live]
  IsTest: !Not [!Equals [!Ref Stage, live]]
Globals:
  Function: { Runtime: provided.al2023, Timeout: 7, Environment: { Variables: { STAGE: !Ref Stage } } }
Resources:
  Table:
    Type: AWS::DynamoDB::Table
    Properties:
      TableName: !Sub "${AWS::StackName}-${Stage}"
      BillingMode: PAY_PER_REQUEST
      AttributeDefinitions: [{ AttributeName: pk, AttributeType: S }]
      KeySchema: [{ AttributeName: pk, KeyType: HASH }]
      TimeToLiveSpecification: { AttributeName: expires, Enabled: true }
  Work:
    Type: AWS::SQS::Queue
    Properties:
      VisibilityTimeout: 60
      RedrivePolicy: { deadLetterTargetArn: !GetAtt Dead.Arn, maxReceiveCount: 3 }
  LiveOnly:
    Type: AWS::EC2::VPC
    Condition: IsLive
  Dead:
    Type: AWS::SQS::Queue
    Condition: IsTest
    Properties: { QueueName: !If [IsLive, !Ref NotHere, !Join ["-", [dead, letters]]] }
  Worker:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: functions/event-fanout
      Timeout: 20
      Environment:
        Variables:
          TABLE_NAME: !Ref Table
          URL: !Ref Work
          LONG: { "Fn::GetAtt": [Dead, QueueName] }
          LITERAL: !Sub ["${!x}-${Own}", { Own: y }]
      Events:
        Tick: { Type: ScheduleV2, Properties: { ScheduleExpression: rate(1 minute) } }
  Source:
    Type: AWS::Lambda::EventSourceMapping
    Properties:
      FunctionName: !Ref Worker
      EventSourceArn: !GetAtt Work.Arn
      BatchSize: 20
      MaximumBatchingWindowInSeconds: 1
      FunctionResponseTypes: [ReportBatchItemFailures]
      ScalingConfig: { MaximumConcurrency: 2 }
  Guard:
    Type: AWS::Serverless::Function
    Metadata: { BuildProperties: { Binary: authorizer } }
    Properties: { CodeUri: . }
  Api: { Type: AWS::ApiGatewayV2::Api, Properties: { ProtocolType: HTTP } }
  Stage1: { Type: AWS::ApiGatewayV2::Stage, Properties: { StageName: $default } }
  Keys:
    Type: AWS::ApiGatewayV2::Authorizer
    Properties:
      AuthorizerType: REQUEST
      AuthorizerUri: !Sub arn:aws:apigateway:x:lambda:path/2015-03-31/functions/${Guard.Arn}/invocations
      AuthorizerPayloadFormatVersion: "2.0"
      EnableSimpleResponses: true
      IdentitySource: ["$request.header.Authorization"]
      AuthorizerResultTtlInSeconds: 60
  WorkerIntegration:
    Type: AWS::ApiGatewayV2::Integration
    Properties: { IntegrationType: AWS_PROXY, IntegrationUri: !GetAtt Worker.Arn, PayloadFormatVersion: "2.0" }
  Route:
    Type: AWS::ApiGatewayV2::Route
    Properties:
      RouteKey: GET /x
      Target: !Sub integrations/${WorkerIntegration}
      AuthorizationType: CUSTOM
      AuthorizerId: !Ref Keys
  Log: { Type: AWS::Logs::LogGroup, Properties: { RetentionInDays: 1 } }
"#;

#[test]
fn a_good_template_is_read_whole() {
    let template = Template::parse(GOOD).unwrap();

    let worker = template.function("Worker").unwrap();
    assert_eq!(
        (worker.package.as_str(), worker.timeout),
        ("event-fanout", Duration::from_secs(20))
    );
    let variables: Vec<_> = worker
        .environment
        .iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    assert_eq!(
        variables,
        [
            "LITERAL=${x}-y",
            "LONG=dead-letters",
            "STAGE=test",
            "TABLE_NAME=fanfare-test",
            "URL=http://sqs.local/000000000000/Work"
        ]
    );
    assert_eq!(worker.schedules[0].name, "WorkerTick");
    let guard = template.function("Guard").unwrap();
    assert_eq!(
        (guard.package.as_str(), guard.timeout),
        ("authorizer", Duration::from_secs(7))
    );

    let source = &template.sources[0];
    assert_eq!(
        (source.function.as_str(), source.queue.as_str()),
        ("Worker", "Work")
    );
    assert_eq!(
        (source.batch_size, source.window, source.max_concurrency),
        (20, Duration::from_secs(1), Some(2))
    );

    let work = template
        .queues
        .iter()
        .find(|queue| queue.logical == "Work")
        .unwrap();
    assert_eq!(work.visibility_seconds, Some(60));
    assert_eq!(
        work.redrive,
        Some(Redrive {
            queue: "dead-letters".to_owned(),
            max_receives: 3
        })
    );
    assert_eq!(
        (
            template.tables[0].name.as_str(),
            template.tables[0].ttl.as_deref()
        ),
        ("fanfare-test", Some("expires"))
    );

    let route = &template.api.routes[0];
    assert_eq!(
        (
            route.key.as_str(),
            route.function.as_str(),
            route.authorizer.as_deref()
        ),
        ("GET /x", "Worker", Some("Keys"))
    );
    let authorizer = &template.api.authorizers["Keys"];
    assert_eq!(
        (authorizer.function.as_str(), authorizer.ttl),
        ("Guard", Duration::from_secs(60))
    );
    assert_eq!(
        authorizer.identity,
        [IdentitySource::Header("Authorization".to_owned())]
    );
}

#[test]
fn the_template_of_this_repository_is_understood() {
    let template = Template::built_in().unwrap();
    assert!(
        template
            .functions
            .iter()
            .any(|function| function.package == "webhook-dispatch")
    );
    // Invariant 8: what only local may do is a setting the template never sets.
    assert!(
        template
            .functions
            .iter()
            .all(|function| !function.environment.contains_key("LOCAL_RECEIVERS"))
    );
}

/// Each case replaces a piece of the good template and names the exact message.
fn check(cases: &[(&str, &str, &str)]) {
    for (from, to, message) in cases {
        assert!(GOOD.contains(from), "{from}");
        let error = Template::parse(&GOOD.replacen(from, to, 1)).unwrap_err();
        assert_eq!(error.to_string(), *message);
    }
}

#[test]
fn a_resource_that_cannot_be_made_here_is_named_with_advice() {
    check(&[
        (
            "Resources:",
            "Resources: []",
            "parse the template: Resources: invalid type: sequence, expected a map at line 10 column 12; correct the YAML there",
        ),
        (
            "AWS::Logs::LogGroup",
            "AWS::S3::Bucket",
            "use template resource Log: the local runner does not know the type AWS::S3::Bucket; remove it, or teach infra/local/src/template.rs",
        ),
        (
            "VisibilityTimeout: 60",
            "FifoQueue: true",
            "use template resource Work, property FifoQueue: the local runner does not know this property of AWS::SQS::Queue; remove it, or teach infra/local/src/template what it means",
        ),
        (
            "VisibilityTimeout: 60",
            "VisibilityTimeout: long",
            "use template resource Work, property VisibilityTimeout: invalid type: string \"long\", expected u32; correct it in the template",
        ),
        (
            "!GetAtt Dead.Arn",
            "!GetAtt Deaf.Arn",
            "use template resource Work, property RedrivePolicy: there is no parameter or resource Deaf; correct the name",
        ),
        (
            "!GetAtt Dead.Arn",
            "arn:aws:sqs:eu-west-1:1:other",
            "use template resource Work, property RedrivePolicy.deadLetterTargetArn: is not a queue of this template; use !GetAtt <queue>.Arn",
        ),
        (
            "!GetAtt Dead.Arn",
            "!Select [0, [a]]",
            "use template resource Work, property RedrivePolicy: the function Select is not known here; Ref, GetAtt, Sub, Join, If, Equals and Not are supported here",
        ),
        (
            "!Join [\"-\", [dead, letters]]",
            "!Ref Dead",
            "use template resource Dead, property QueueName: references run in a circle; break it",
        ),
        (
            "Condition: IsTest",
            "Condition: IsTset",
            "use template resource Dead: there is no condition IsTset; correct the name",
        ),
        (
            "PAY_PER_REQUEST",
            "PROVISIONED",
            "use template resource Table, property BillingMode: unknown variant `PROVISIONED`, expected `PAY_PER_REQUEST`; correct it in the template",
        ),
    ]);
}

#[test]
fn a_function_that_cannot_be_run_here_is_named_with_advice() {
    check(&[
        (
            "{ Type: String, Default: test }",
            "{ Type: String }",
            "use template resource Dead: parameter Stage has no Default; give it one",
        ),
        (
            "functions/event-fanout",
            "src",
            "use template resource Worker, property CodeUri: the code is not found; write functions/<crate>",
        ),
        (
            "Type: ScheduleV2",
            "Type: HttpApi",
            "use template resource Worker, property Events.Tick: the event type HttpApi is not supported here; use ScheduleV2, AWS::Lambda::EventSourceMapping or AWS::ApiGatewayV2::Route",
        ),
        (
            "rate(1 minute)",
            "rate(1 minutes)",
            "use template resource Worker, property Events.Tick.ScheduleExpression: rate(1 minutes) is no rate; write rate(1 minute), rate(5 minutes), rate(1 hour) or rate(1 day)",
        ),
        (
            "Timeout: 7",
            "Layers: []",
            "use template resource Globals.Function, property Layers: the local runner does not know this property; remove it, or teach infra/local/src/template/function.rs",
        ),
        (
            "[ReportBatchItemFailures]",
            "[]",
            "use template resource Source, property FunctionResponseTypes: must be [ReportBatchItemFailures]; else failed records are lost",
        ),
        (
            "MaximumBatchingWindowInSeconds: 1",
            "MaximumBatchingWindowInSeconds: 0",
            "use template resource Source, property BatchSize: a batch above 10 needs a window; set MaximumBatchingWindowInSeconds to at least 1",
        ),
        (
            "MaximumConcurrency: 2",
            "MaximumConcurrency: 1",
            "use template resource Source, property ScalingConfig.MaximumConcurrency: must be 2 to 1000",
        ),
        (
            "FunctionName: !Ref Worker",
            "FunctionName: Other",
            "use template resource Source, property FunctionName: the template has no function Other; correct the reference",
        ),
    ]);
}

#[test]
fn an_api_that_cannot_be_served_here_is_named_with_advice() {
    check(&[
        (
            "AuthorizerType: REQUEST",
            "AuthorizerType: JWT",
            "use template resource Keys, property AuthorizerType: is \"JWT\"; only \"REQUEST\" is supported here",
        ),
        (
            "$request.header.Authorization",
            "$request.querystring.key",
            "use template resource Keys, property IdentitySource: $request.querystring.key is not supported here; use $request.header.<name> or $context.routeKey",
        ),
        (
            "StageName: $default",
            "StageName: prod",
            "use template resource Stage1, property StageName: is \"prod\"; only \"$default\" is supported here",
        ),
        (
            "integrations/${WorkerIntegration}",
            "integrations/other",
            "use template resource Route, property Target: the template has no integration other; correct the reference",
        ),
        (
            "AuthorizerId: !Ref Keys",
            "AuthorizerId: !Ref Api",
            "use template resource Route, property AuthorizerId: the template has no authorizer Api; correct the reference",
        ),
    ]);
}

#[test]
fn a_missing_file_is_named() {
    let error = Template::read(Path::new("/nowhere/template.yaml")).unwrap_err();
    assert_eq!(
        error.to_string(),
        "read the template /nowhere/template.yaml: name an existing file with --template"
    );
}
