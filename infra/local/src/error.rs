use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

use crate::handlers::Failed;
use crate::keys::KeysError;
use crate::tables::TableError;
use crate::template::TemplateError;

/// Why the system did not start. Each message completes "failed to" and says what to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    #[error(transparent)]
    Template(#[from] TemplateError),
    #[error("heed Ctrl-C: the system gives no signal handlers")]
    Interrupts(#[source] io::Error),
    #[error(
        "listen on {address}: choose another address with {flag}, e.g. {flag} 127.0.0.1:0 for any free port"
    )]
    Listen {
        address: SocketAddr,
        flag: &'static str,
        #[source]
        source: io::Error,
    },
    #[error("simulate push providers: use --no-simulate-providers to do without")]
    Simulate(#[from] simulator::StartError),
    #[error("open the data")]
    Open(#[from] aws_local::OpenError),
    #[error("create queue {queue}: correct it in the template")]
    Queue {
        queue: String,
        #[source]
        source: aws_local::SqsError,
    },
    #[error(
        "run a demo in {path}: choose a directory that is new or empty, as a demo starts from nothing"
    )]
    NotFresh { path: PathBuf },
    #[error(transparent)]
    Table(#[from] TableError),
    #[error(
        "run template function {function}: there is no crate {package}; correct CodeUri, or add the crate to infra/local/src/handlers.rs"
    )]
    NoHandler { function: String, package: String },
    #[error(
        "run crate {package}: no function of the template has CodeUri functions/{package}; add one"
    )]
    NoFunction { package: &'static str },
    #[error(
        "run function {function}: the template uses it as {wanted}, and it is {found}; correct the template"
    )]
    WrongHandler {
        function: String,
        wanted: &'static str,
        found: &'static str,
    },
    #[error("start function {function}: correct its variables in the template")]
    Settings {
        function: String,
        #[source]
        source: Failed,
    },
    #[error(
        "use route key {key:?}: write it as `GET /path/{{name}}`, `ANY /path/{{proxy+}}` or `$default`"
    )]
    RouteKey { key: String },
    #[error(transparent)]
    Keys(#[from] KeysError),
    #[error(
        "find the table of the API keys: give the authorizer the variable TABLE_NAME in the template"
    )]
    NoKeyTable,
    #[error("record the API keys")]
    RecordKey(#[source] store::Error),
}
