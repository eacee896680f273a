use conservation::{Deps, handle};
use runtime::Platform;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    let deps = Deps::new(&Platform::from_process())?;
    runtime::serve(|event| handle(&deps, event)).await
}
