//! The whole deployment in this process, wired from the template.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use aws_local::{Embedded, Location};
use runtime::{Aws, Platform};
use simulator::Simulator;
use store::Store;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use crate::gateway::Gateway;
use crate::handlers::Functions;
use crate::invoke::Failure;
use crate::keys::{Keys, NETWORK};
use crate::options::{Options, Providers, Schedules, TemplateSource};
use crate::pollers::Mapping;
use crate::shutdown::{Shutdown, Trigger, channel};
use crate::template::{Function, Template};
use crate::timers::Timer;
use crate::{StartError, http_server, listening, queues, simulated, tables, timers};

/// How often expired items are deleted. AWS takes days; here a test or a demo should see it.
const TTL_SWEEP: Duration = Duration::from_secs(60);

/// A running system. Dropping it ends it at once; [`stop`](Self::stop) lets work finish.
#[derive(Debug)]
pub struct System {
    api: SocketAddr,
    aws: Option<SocketAddr>,
    keys: Keys,
    embedded: Embedded,
    template: Template,
    platform: Platform,
    simulator: Option<Arc<Simulator>>,
    timers: Vec<Timer>,
    idle_polls: Arc<AtomicU64>,
    trigger: Trigger,
    tasks: JoinSet<()>,
}

/// Why a schedule run on demand did not succeed.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    #[error("run schedule {0}: the template has no such schedule or scheduled function")]
    Unknown(String),
    #[error("run schedule {name}")]
    Failed {
        name: String,
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl System {
    /// Starts everything the template describes.
    ///
    /// # Errors
    /// When an address is taken, the data cannot be opened, or template and code disagree.
    pub async fn start(options: Options) -> Result<Self, StartError> {
        let template = match &options.template {
            TemplateSource::BuiltIn => Template::built_in()?,
            TemplateSource::File(path) => Template::read(path)?,
            TemplateSource::Text(text) => Template::parse(text)?,
        };
        let (listener, api) = listening::bind(options.listen, "--listen").await?;
        let aws = listening::bind_aws(options.aws_listen).await?;
        let clock = options.clock.clone();
        let embedded = Embedded::open(
            options.location.clone(),
            Arc::new(move || clock.now().millis()),
        )?;
        let platform = Platform {
            env: std::iter::empty().collect(),
            aws: Aws::over(embedded.http_client()),
            clock: options.clock,
            random: options.random,
            telemetry: options.telemetry,
        };
        furnish(&embedded, &template, &platform.aws).await?;
        let simulator = match options.providers {
            Providers::Official => None,
            Providers::Simulated => Some(Arc::new(Simulator::start(platform.clock.clone()).await?)),
        };
        let stand_ins = simulator.as_deref().map(Simulator::stand_ins);
        let functions = Functions::build(&template, &platform, stand_ins)?;
        let keys = open_keys(&options.location, &template, &platform).await?;
        let (trigger, shutdown) = channel();
        let mut system = Self {
            api,
            aws: aws.as_ref().map(|(_, address)| *address),
            keys,
            embedded,
            timers: timers::of(&template, &functions, &platform)?,
            template,
            platform,
            simulator,
            idle_polls: Arc::default(),
            trigger,
            tasks: JoinSet::new(),
        };
        system.spawn_gateway(listener, &functions, &shutdown)?;
        system.spawn_pollers(&functions, &shutdown)?;
        system.spawn_upkeep(
            aws.map(|(listener, _)| listener),
            options.schedules,
            &shutdown,
        );
        Ok(system)
    }

    /// Base address of the API, e.g. `http://127.0.0.1:8080`.
    #[must_use]
    pub fn api(&self) -> String {
        format!("http://{}", self.api)
    }

    /// The one network here.
    #[must_use]
    pub fn network(&self) -> &'static str {
        NETWORK
    }

    #[must_use]
    pub fn keys(&self) -> &Keys {
        &self.keys
    }

    /// Where SDKs and the AWS CLI reach the embedded services, if they are served.
    #[must_use]
    pub fn aws_endpoint(&self) -> Option<String> {
        self.aws.map(|address| format!("http://{address}"))
    }

    #[must_use]
    pub fn embedded(&self) -> &Embedded {
        &self.embedded
    }

    /// The simulated providers and their phones, if they are simulated.
    #[must_use]
    pub fn simulator(&self) -> Option<&Simulator> {
        self.simulator.as_deref()
    }

    /// What this system was wired from.
    #[must_use]
    pub fn template(&self) -> &Template {
        &self.template
    }

    /// Where producers may send events themselves.
    #[must_use]
    pub fn events_queue_url(&self) -> Option<&str> {
        let named = |function: &Function| function.package == "events-api";
        let function = self
            .template
            .functions
            .iter()
            .find(|function| named(function))?;
        function
            .environment
            .get("EVENTS_QUEUE_URL")
            .map(String::as_str)
    }

    /// How many polls of the queues have returned nothing; `Embedded::calls` counts them too.
    #[must_use]
    pub fn idle_polls(&self) -> u64 {
        self.idle_polls.load(Ordering::Relaxed)
    }

    /// SDK clients over the embedded services.
    #[must_use]
    pub fn aws(&self) -> &Aws {
        &self.platform.aws
    }

    /// Runs the schedule of this name, or all schedules of the function of this name, now.
    ///
    /// # Errors
    /// When there is none, or its function fails.
    pub async fn run_schedule(&self, name: &str) -> Result<(), RunError> {
        let chosen = |timer: &&Timer| timer.schedule.name == name || *timer.bound.function == *name;
        let mut found = self.timers.iter().filter(chosen).peekable();
        if found.peek().is_none() {
            return Err(RunError::Unknown(name.to_owned()));
        }
        for timer in found {
            let failed = |failure: Failure| RunError::Failed {
                name: name.to_owned(),
                source: failure.into(),
            };
            timer.fire().await.map_err(failed)?;
        }
        Ok(())
    }

    /// Stops taking work, waits for the work under way, and closes the data.
    pub async fn stop(mut self) {
        self.trigger.pull();
        while self.tasks.join_next().await.is_some() {}
        // A poller may have been told to end between taking messages and working them.
        self.embedded.sqs().release_in_flight();
    }

    fn spawn_gateway(
        &mut self,
        listener: TcpListener,
        functions: &Functions,
        shutdown: &Shutdown,
    ) -> Result<(), StartError> {
        let gateway = Gateway::new(&self.template.api, functions, &self.platform)?;
        let simulator = self.simulator.clone();
        let service = move |request, peer| {
            let (gateway, simulator) = (gateway.clone(), simulator.clone());
            async move {
                let shown = simulator.and_then(|phones| simulated::answer(&phones, &request));
                match shown {
                    Some(shown) => shown,
                    None => gateway.answer(request, peer).await,
                }
            }
        };
        self.tasks
            .spawn(http_server::serve(listener, shutdown.clone(), service));
        Ok(())
    }

    fn spawn_pollers(
        &mut self,
        functions: &Functions,
        shutdown: &Shutdown,
    ) -> Result<(), StartError> {
        for source in &self.template.sources {
            let mapping = Mapping {
                bound: functions.batch(&source.function)?,
                source: source.clone(),
                sqs: self.embedded.sqs().clone(),
                clock: self.platform.clock.clone(),
                telemetry: self.platform.telemetry.clone(),
                idle_polls: Arc::clone(&self.idle_polls),
            };
            self.tasks.spawn(mapping.run(shutdown.clone()));
        }
        Ok(())
    }

    fn spawn_upkeep(
        &mut self,
        aws: Option<TcpListener>,
        schedules: Schedules,
        shutdown: &Shutdown,
    ) {
        if schedules == Schedules::Running {
            for timer in &self.timers {
                self.tasks.spawn(timer.clone().run(shutdown.clone()));
            }
        }
        if let Some(listener) = aws {
            let (embedded, end) = (self.embedded.clone(), shutdown.clone());
            // It only fails for an address that is not loopback, which `bind_aws` refuses first.
            self.tasks
                .spawn(async move { drop(embedded.serve(listener, end.wait()).await) });
        }
        let (embedded, end) = (self.embedded.clone(), shutdown.clone());
        self.tasks.spawn(async move {
            while end.or(tokio::time::sleep(TTL_SWEEP)).await.is_some() {
                // What stays now is found by the next sweep.
                drop(embedded.sweep_ttl().await);
            }
        });
    }
}

/// Makes the template's queues and tables be there.
///
/// # Errors
/// When the embedded services refuse one, or hold a table with other keys.
pub async fn furnish(
    embedded: &Embedded,
    template: &Template,
    aws: &Aws,
) -> Result<(), StartError> {
    queues::create(embedded, template)?;
    for table in &template.tables {
        tables::ensure(&aws.dynamodb(), table).await?;
    }
    Ok(())
}

/// Their records are written at every start: the file is the truth, and a lost record is made good.
async fn open_keys(
    location: &Location,
    template: &Template,
    platform: &Platform,
) -> Result<Keys, StartError> {
    let keys = Keys::open(location, &platform.random)?;
    let authorizer = template
        .functions
        .iter()
        .find(|function| function.package == "authorizer");
    let table = authorizer.and_then(|function| function.environment.get("TABLE_NAME"));
    let store = Store::new(
        platform.aws.dynamodb(),
        table.ok_or(StartError::NoKeyTable)?,
    );
    for (key, grant) in keys.grants() {
        store
            .put_api_key(key, &grant)
            .await
            .map_err(StartError::RecordKey)?;
    }
    Ok(keys)
}
