//! `fanfare listen`: a receiver for someone who has none yet.

use std::process::ExitCode;
use std::sync::Arc;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use tokio::net::TcpListener;

use crate::cli::ListenArgs;
use crate::console::{self, say, tell};
use crate::verify::Verifier;
use crate::{StartError, http_server, shutdown};

/// Fanfare's own limit for events, with room for the envelope.
const MAX_BODY: usize = 512 * 1024;

#[derive(Debug, thiserror::Error)]
enum ListenError {
    #[error(transparent)]
    Start(#[from] StartError),
    #[error("use the secret: copy it whole, from whsec_ on")]
    Secret,
}

pub(crate) async fn run(args: ListenArgs) -> ExitCode {
    match listen(args).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => console::fail(&error),
    }
}

async fn listen(args: ListenArgs) -> Result<(), ListenError> {
    let verifiers: Result<Vec<_>, _> = args
        .secret
        .iter()
        .map(|secret| Verifier::new(secret))
        .collect();
    let verifiers = Arc::new(verifiers.map_err(|_| ListenError::Secret)?);
    let address = args.listen;
    let failed = |source| StartError::Listen {
        address,
        flag: "--listen",
        source,
    };
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    tell(&format!("Waiting for webhooks on http://{address}/"));
    if verifiers.is_empty() {
        tell(
            "Signatures are not checked; give the endpoint's secret with --secret whsec_… to check them.",
        );
    }
    let (trigger, end) = shutdown::channel();
    let service = move |request, _peer| receive(request, Arc::clone(&verifiers));
    tokio::select! {
        () = http_server::serve(listener, end, service) => {}
        _ = tokio::signal::ctrl_c() => trigger.pull(),
    }
    Ok(())
}

async fn receive(
    request: Request<Incoming>,
    verifiers: Arc<Vec<Verifier>>,
) -> Response<Full<Bytes>> {
    let (parts, body) = request.into_parts();
    let Ok(body) = Limited::new(body, MAX_BODY).collect().await else {
        return answer(StatusCode::PAYLOAD_TOO_LARGE);
    };
    let body = body.to_bytes();
    let verdict = match verifiers.as_slice() {
        [] => Ok("not checked"),
        all if all
            .iter()
            .any(|verifier| verifier.verify(&parts.headers, &body).is_ok()) =>
        {
            Ok("verified")
        }
        _ => Err("NOT VERIFIED"),
    };
    let id = parts
        .headers
        .get("webhook-id")
        .and_then(|id| id.to_str().ok())
        .unwrap_or("no webhook-id");
    let word = verdict.unwrap_or_else(|word| word);
    say(&format!("{id}  {word}\n{}", String::from_utf8_lossy(&body)));
    answer(if verdict.is_ok() {
        StatusCode::OK
    } else {
        StatusCode::BAD_REQUEST
    })
}

fn answer(status: StatusCode) -> Response<Full<Bytes>> {
    let mut answer = Response::new(Full::default());
    *answer.status_mut() = status;
    answer
}
