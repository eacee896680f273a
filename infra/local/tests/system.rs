//! The system from outside: its library surface, and the program itself.
#![expect(clippy::unwrap_used, reason = "a test's helpers fail the test")]

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Output, Stdio};

use local::{AwsListen, Options, System, TemplateSource};
use serde_json::Value;

/// One plain request on its own connection; the status line and the rest.
fn get(base: &str, path: &str, key: Option<&str>) -> (String, String) {
    let address = base.strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(address).unwrap();
    let key = key
        .map(|key| format!("authorization: Bearer {key}\r\n"))
        .unwrap_or_default();
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nhost: {address}\r\n{key}connection: close\r\n\r\n"
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (status, rest) = answer.split_once("\r\n").unwrap();
    (status.to_owned(), rest.to_owned())
}

fn fanfare(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_fanfare"));
    command
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

fn started(arguments: &[&str]) -> (Child, Value) {
    let mut child = fanfare(arguments).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.as_mut().unwrap())
        .read_line(&mut line)
        .unwrap();
    (child, serde_json::from_str(&line).unwrap())
}

fn terminated(child: Child) -> Output {
    let killed = Command::new("kill")
        .arg(child.id().to_string())
        .status()
        .unwrap();
    assert!(killed.success());
    child.wait_with_output().unwrap()
}

fn refused(arguments: &[&str]) -> String {
    let output = fanfare(arguments).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(output.stdout.is_empty());
    String::from_utf8(output.stderr).unwrap()
}

#[tokio::test]
async fn a_system_starts_from_the_template_and_stops() {
    let options = Options {
        aws_listen: AwsListen::At("127.0.0.1:0".parse().unwrap()),
        ..Options::ephemeral()
    };
    let system = System::start(options).await.unwrap();
    let (base, aws) = (system.api(), system.aws_endpoint().unwrap());
    let key = system.keys().super_admin().to_owned();
    assert_eq!(system.network(), "demo");
    assert!(system.events_queue_url().unwrap().ends_with("/EventsQueue"));
    let answers = tokio::task::spawn_blocking(move || {
        assert!(TcpStream::connect(aws.strip_prefix("http://").unwrap()).is_ok());
        let webhooks = "/v1/networks/demo/webhooks";
        [
            get(&base, "/v1/health", None),
            get(&base, webhooks, None),
            get(&base, webhooks, Some(&key)),
        ]
    });
    let [health, unknown, known] = answers.await.unwrap();
    assert_eq!(health.0, "HTTP/1.1 200 OK");
    assert_eq!(unknown.0, "HTTP/1.1 401 Unauthorized");
    assert!(
        unknown.1.contains(r#""message":"Unauthorized""#),
        "{}",
        unknown.1
    );
    assert_eq!(known.0, "HTTP/1.1 200 OK", "{}", known.1);

    system.run_schedule("RetrySweep").await.unwrap();
    system.run_schedule("RetrySweepEachMinute").await.unwrap();
    let unknown = system.run_schedule("Nothing").await.unwrap_err();
    assert_eq!(
        unknown.to_string(),
        "run schedule Nothing: the template has no such schedule or scheduled function"
    );
    system.stop().await;
}

#[tokio::test]
async fn template_and_code_must_agree() {
    let template = include_str!("../../../template.yaml");
    for (from, to, message) in [
        (
            "  Quarantine:\n    Type: AWS::Serverless::Function",
            "  Attic:\n    Type: AWS::Serverless::Function\n    Properties: { CodeUri: functions/attic }\n  Quarantine:\n    Type: AWS::Serverless::Function",
            "run template function Attic: there is no crate attic; correct CodeUri, or add the crate to infra/local/src/handlers.rs",
        ),
        (
            "CodeUri: functions/quarantine",
            "CodeUri: functions/event-fanout",
            "run crate quarantine: no function of the template has CodeUri functions/quarantine; add one",
        ),
        (
            "FunctionName: !Ref EventFanout\n",
            "FunctionName: !Ref EventsApi\n",
            "run function EventsApi: the template uses it as a queue function, and it is an HTTP function; correct the template",
        ),
        (
            "TABLE_NAME: !Ref Table\n          WEBHOOK",
            "TABLE: !Ref Table\n          WEBHOOK",
            "start function EventFanout: correct its variables in the template",
        ),
        (
            "RouteKey: GET /v1/health",
            "RouteKey: /v1/health",
            "use route key \"/v1/health\": write it as `GET /path/{name}`, `ANY /path/{proxy+}` or `$default`",
        ),
    ] {
        assert!(template.contains(from), "{from}");
        let changed = TemplateSource::Text(template.replacen(from, to, 1));
        let error = System::start(Options {
            template: changed,
            ..Options::ephemeral()
        })
        .await
        .unwrap_err();
        assert_eq!(error.to_string(), message);
    }
}

#[test]
fn the_program_is_ready_in_one_line_and_leaves_on_sigterm() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("data");
    let arguments = [
        "--data",
        data.to_str().unwrap(),
        "--listen",
        "127.0.0.1:0",
        "--aws-listen",
        "127.0.0.1:0",
        "--json",
    ];
    let (child, ready) = started(&arguments);
    assert_eq!(ready["network"], "demo");
    assert_eq!(
        get(ready["api"].as_str().unwrap(), "/v1/health", None).0,
        "HTTP/1.1 200 OK"
    );

    let held = refused(&arguments);
    assert!(
        held.contains("another process uses this data directory"),
        "{held}"
    );
    assert_eq!(terminated(child).status.code(), Some(0));

    // The keys are those of the first run.
    let (child, again) = started(&[&["serve"], arguments.as_slice()].concat());
    assert_eq!(again["keys"], ready["keys"]);
    for name in ["superAdmin", "producer", "device"] {
        assert!(
            again["keys"][name].as_str().unwrap().starts_with("ff_"),
            "{name}"
        );
    }
    assert_eq!(terminated(child).status.code(), Some(0));
}

#[test]
fn what_a_newcomer_meets_says_what_to_do() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("file");
    std::fs::write(&file, "Resources: {}").unwrap();
    let file = file.to_str().unwrap();
    let free = ["--listen", "127.0.0.1:0"];
    for (arguments, words) in [
        (
            vec!["--ephemeral", "--listen", &address],
            "choose another address with --listen, e.g. --listen 127.0.0.1:0",
        ),
        (
            [&["--ephemeral", "--aws-listen", &address], free.as_slice()].concat(),
            "choose another address with --aws-listen",
        ),
        (
            [
                &["--ephemeral", "--aws-listen", "0.0.0.0:0"],
                free.as_slice(),
            ]
            .concat(),
            "it must be a loopback address",
        ),
        (
            [&["--data", file], free.as_slice()].concat(),
            "choose a directory this user may write to",
        ),
        (
            [&["--ephemeral", "--template", "/nowhere"], free.as_slice()].concat(),
            "name an existing file with --template",
        ),
        (
            [&["--ephemeral", "--template", file], free.as_slice()].concat(),
            "run crate authorizer: no function of the template",
        ),
    ] {
        let told = refused(&arguments);
        assert!(
            told.starts_with("fanfare: failed to ") && told.contains(words),
            "{arguments:?}: {told}"
        );
    }
}

#[test]
fn a_key_is_shown_apart_from_the_command_that_records_it() {
    let output = fanfare(&["key", "--network", "acme", "--role", "admin"])
        .output()
        .unwrap();
    assert!(output.status.success());
    let (command, shown) = (
        String::from_utf8(output.stdout).unwrap(),
        String::from_utf8(output.stderr).unwrap(),
    );
    assert!(
        command.starts_with("aws dynamodb put-item --table-name \"$TABLE_NAME\""),
        "{command}"
    );
    assert!(
        shown.contains("ff_admin_") && !command.contains("ff_admin_"),
        "{shown}"
    );
}
