//! Others judge the simulated providers: public client libraries work against them, unmodified but for
//! the address, and what Fanfare sends to FCM fits the schema that Google publishes.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a broken test set-up should stop the test"
)]

mod made;

use std::path::{Path, PathBuf};
use std::process::Command;

use runtime::Clock;
use simulator::{Received, Simulator};
use testkit::{node_modules, output, python_with};

struct Court {
    simulator: Simulator,
    work: PathBuf,
}

impl Court {
    /// With a directory of its own for each case.
    async fn open(case: &str) -> Self {
        let simulator = Simulator::start(Clock::system()).await.unwrap();
        let work = Path::new(env!("CARGO_TARGET_TMPDIR")).join(case);
        std::fs::create_dir_all(&work).unwrap();
        made::make(&simulator, &work);
        Self { simulator, work }
    }

    /// What a judge prints when it agrees. It gets the directory as its only argument.
    async fn hear(&self, judge: impl FnOnce() -> Command + Send + 'static) -> String {
        let work = self.work.clone();
        let said = tokio::task::spawn_blocking(move || output(judge().arg(work)));
        said.await.unwrap()
    }

    /// How many of the phones' pushes were like this.
    fn count(&self, like: impl Fn(&Received) -> bool) -> usize {
        self.simulator
            .pushes()
            .iter()
            .filter(|push| like(push))
            .count()
    }
}

fn here(language: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/judges")
        .join(language)
}

fn place(language: &str) -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR"))
        .join("../judges")
        .join(language)
}

fn python(script: &str) -> Command {
    let here = here("python");
    let mut command = Command::new(python_with(
        &here.join("requirements.txt"),
        &place("python"),
    ));
    command.arg(here.join(script));
    command
}

fn node(script: &str) -> Command {
    let (here, place) = (here("node"), place("node"));
    node_modules(&here, &place);
    std::fs::copy(here.join(script), place.join(script)).unwrap();
    let mut command = Command::new("node");
    command.arg(place.join(script));
    command
}

#[tokio::test(flavor = "multi_thread")]
async fn google_auth_and_firebase_admin_push_to_the_simulated_firebase() {
    let court = Court::open("firebase").await;
    let said = court.hear(|| python("firebase.py")).await;
    assert!(said.contains("UNREGISTERED"), "{said}");
    let sent =
        |push: &Received| push.body.as_deref() == Some("from firebase-admin") && push.delivered;
    assert_eq!(court.count(sent), 1, "and the dry run reached no phone");
    let dead = |push: &Received| push.token == "phone:dead" && !push.delivered;
    assert_eq!(court.count(dead), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn our_messages_fit_the_schema_that_google_publishes() {
    let court = Court::open("schema").await;
    let said = court.hear(|| python("schema.py")).await;
    assert!(said.starts_with("8 bodies fit"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn aioapns_pushes_to_the_simulated_apns() {
    let court = Court::open("aioapns").await;
    let said = court.hear(|| python("apple.py")).await;
    assert!(said.contains("BadCollapseId"), "{said}");
    for how in ["by certificate", "by token"] {
        let sent = |push: &Received| push.body.as_deref() == Some(how) && push.delivered;
        assert_eq!(court.count(sent), 20, "{how}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn node_apn_pushes_to_the_simulated_apns() {
    let court = Court::open("node-apn").await;
    let said = court.hear(|| node("apple.js")).await;
    assert!(said.contains("TopicDisallowed"), "{said}");
    for how in ["by certificate", "by token"] {
        let sent = |push: &Received| push.body.as_deref() == Some(how) && push.delivered;
        assert_eq!(court.count(sent), 2, "{how}");
    }
}
