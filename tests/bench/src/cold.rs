//! `bench cold`: each function from exec to its first poll of the runtime.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use local::template::Template;
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpListener;
use tokio::process::Command;

use crate::Rounds;
use crate::error::Failed;
use crate::measure::{median, peak_memory_mib};
use crate::table::{Row, Table, column};

/// A function that does nothing: what the runtime itself takes.
const BARE: &str = "panicking";

/// No function takes this long to start.
const PATIENCE: Duration = Duration::from_secs(10);

#[derive(Debug, Default)]
struct Starts {
    millis: Vec<f64>,
    memory: Vec<f64>,
}

pub(crate) async fn run(rounds: Rounds) -> Result<Table, Failed> {
    let folder = build().await?;
    let template = Template::built_in()?;
    let mut names = vec![BARE.to_owned()];
    for function in &template.functions {
        if !names.contains(&function.package) {
            names.push(function.package.clone());
        }
    }
    let mut starts: Vec<Starts> = names.iter().map(|_| Starts::default()).collect();
    for _ in 0..rounds.rounds {
        for (name, starts) in names.iter().zip(&mut starts) {
            let function = template
                .functions
                .iter()
                .find(|function| function.package == *name);
            let variables = function.map(|function| function.environment.clone());
            let variables = variables.unwrap_or_default();
            let (took, memory) = start(&binary(&folder, name), variables).await?;
            starts.millis.push(took.as_secs_f64() * 1e3);
            starts.memory.push(memory);
        }
    }
    let bare = starts
        .first()
        .map_or(1.0, |starts| median(starts.millis.iter().copied()));
    let mut rows = Vec::new();
    for (name, starts) in names.iter().zip(&starts) {
        let size = std::fs::metadata(binary(&folder, name))?.len();
        let millis = median(starts.millis.iter().copied());
        rows.push(Row {
            name: if name == BARE {
                "a function that does nothing".to_owned()
            } else {
                name.clone()
            },
            values: vec![
                Some(millis),
                Some(millis / bare),
                Some(size as f64 / 1e6),
                Some(median(starts.memory.iter().copied())),
            ],
        });
    }
    Ok(Table {
        name: "cold",
        rows,
        columns: vec![
            column("exec to first poll, ms", "firstPollMs", 1),
            column("times the one that does nothing", "ratio", 2),
            column("binary, MB", "binaryMb", 1),
            column("peak memory, MiB", "peakMemoryMib", 1),
        ],
        notes: vec![format!("Medians of {} starts.", rounds.rounds)],
    })
}

fn binary(folder: &Path, name: &str) -> PathBuf {
    folder.join(format!("lambda-{name}"))
}

/// Builds the functions as they are deployed, and gives the folder they are in.
async fn build() -> Result<PathBuf, Failed> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let built = Command::new(cargo)
        .args(["build", "--release", "--package", "binaries", "--bins"])
        .status()
        .await?;
    if !built.success() {
        return Err(Failed::new("the functions do not build"));
    }
    let own = std::env::current_exe()?;
    let target = own.parent().and_then(Path::parent);
    let target = target.ok_or_else(|| Failed::new("this program is in no target folder"))?;
    Ok(target.join("release"))
}

/// Starts a function against a runtime that never has work; how long until it asks, and its memory.
async fn start(
    binary: &Path,
    variables: impl IntoIterator<Item = (String, String)>,
) -> Result<(Duration, f64), Failed> {
    let runtime = TcpListener::bind(("127.0.0.1", 0)).await?;
    let started = Instant::now();
    let mut process = Command::new(binary)
        .env_clear()
        .env("AWS_LAMBDA_RUNTIME_API", runtime.local_addr()?.to_string())
        .env("AWS_LAMBDA_FUNCTION_NAME", "bench")
        .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "512")
        .env("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST")
        .env("AWS_REGION", "us-east-1")
        .env("AWS_ACCESS_KEY_ID", "none")
        .env("AWS_SECRET_ACCESS_KEY", "none")
        .envs(variables)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .kill_on_drop(true)
        .spawn()?;
    let polled = tokio::time::timeout(PATIENCE, async {
        let (mut stream, _) = runtime.accept().await?;
        // The first bytes of `GET /2018-06-01/runtime/invocation/next`.
        stream.read_exact(&mut [0; 4]).await?;
        Ok::<_, std::io::Error>((started.elapsed(), stream))
    });
    let (took, _stream) = polled
        .await
        .map_err(|_| Failed::new(format!("{} did not start", binary.display())))??;
    let memory = process.id().map(|id| peak_memory_mib(&id.to_string()));
    process.kill().await?;
    Ok((took, memory.unwrap_or_default()))
}
