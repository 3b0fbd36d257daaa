//! The whole job on the sandbox, without a window: connect, tail, lag, collect, define, stay live, deliver. What the
//! window does step by step, through the same command bodies; it ends with a summary of what really happened.

mod receiver;
mod summary;

use std::{
    path::Path,
    sync::atomic::{AtomicI64, Ordering},
    time::{Duration, Instant},
};

use receiver::Receiver;
pub use summary::{DemoAudience, DemoDelivery, DemoGroup, DemoSummary, Step};
use tailrace_model::{Error, Result, TopicFormats, api::*};
use tokio_util::sync::CancellationToken;

use crate::{App, OpenOptions, commands as run, core::now_ms, lag, reports::write_chart, workspace};

/// The cluster, topic and audiences of the sample workspace.
const CLUSTER: &str = "sandbox";
const TOPIC: &str = "shop.events";
/// How long a slow machine may take to collect the sandbox's history.
const CATCH_UP_MAX: Duration = Duration::from_secs(90);
/// Records behind that live events account for.
const AT_THE_END: i64 = 1_000;
/// Between two looks at how far it is.
const LOOK: Duration = Duration::from_millis(500);

/// How far the demo is, twice a second.
#[derive(Debug, Clone, Default)]
pub struct DemoProgress {
    pub elapsed: Duration,
    pub total: Duration,
    pub tailed: u64,
    pub events: u64,
    pub members: u64,
    pub delivered: u64,
}

/// Runs it for some seconds in a folder: the workspace there, or a sample workspace made there. Files it writes are in
/// `demo/` in it. `progress` is told how far it is.
/// Cancelling `token` ends it in order, with the checkpoint written and without a summary.
pub async fn run(
    folder: &Path,
    seconds: u32,
    token: &CancellationToken,
    progress: impl Fn(&DemoProgress),
) -> Result<DemoSummary> {
    workspace::ensure_sample(folder).await?;
    let receiver = Receiver::start().await?;
    receiver.write_into(folder)?;
    let started_ms = now_ms();
    let app = App::open(folder.to_owned(), OpenOptions::command()).await?;
    let before = run::counts_show(&app, CountsRequest { cluster: None }).await;
    app.close().await;
    let before = before?;
    let app = App::open(folder.to_owned(), OpenOptions::live()).await?;
    let demo = Demo {
        app: &app,
        folder,
        receiver: &receiver,
        started_ms,
        before,
        evaluated_ms: AtomicI64::new(NEVER),
    };
    let result = token.run_until_cancelled(demo.run(seconds, &progress)).await;
    app.close().await;
    receiver.stop().await;
    result.unwrap_or_else(|| {
        Err(Error::user(
            "cancelled",
            "stopped before its end: there is no summary",
        ))
    })
}

struct Demo<'a> {
    app: &'a App,
    folder: &'a Path,
    receiver: &'a Receiver,
    started_ms: i64,
    /// What the workspace had collected before.
    before: Counts,
    /// When every audience had been evaluated once, or [`NEVER`]: who enters after that entered live.
    evaluated_ms: AtomicI64,
}

const NEVER: i64 = i64::MAX;

impl Demo<'_> {
    async fn run(&self, seconds: u32, progress: impl Fn(&DemoProgress)) -> Result<DemoSummary> {
        let started = Instant::now();
        let total = Duration::from_secs(u64::from(seconds));
        let tested = run::cluster_test(
            self.app,
            ClusterRequest {
                cluster: CLUSTER.to_owned(),
            },
        )
        .await?;
        if !tested.ok {
            let failed = tested
                .steps
                .iter()
                .find(|step| !step.ok)
                .map(|step| step.detail.clone());
            return Err(Error::external(
                "demo_connect",
                failed.unwrap_or_else(|| "the sandbox did not answer".to_owned()),
            ));
        }
        let all = self.tail(None).await?;
        let filtered = self.tail(Some("where value.properties.revenue > 100")).await?;
        while started.elapsed() < total {
            let now = self.progress(&started, total, all).await?;
            progress(&now);
            tokio::time::sleep(LOOK.min(total.saturating_sub(started.elapsed()))).await;
        }
        self.catch_up(&started, total, all, &progress).await?;
        self.settle().await?;
        let files = self.files().await?;
        self.summary(started, (all, filtered), files).await
    }

    async fn tail(&self, filter: Option<&str>) -> Result<u64> {
        let request = TailRequest {
            cluster: CLUSTER.to_owned(),
            topic: TOPIC.to_owned(),
            start: TailStart::Beginning,
            until_ms: None,
            partitions: Vec::new(),
            filter: filter.map(str::to_owned),
            select: None,
            stop_at_end: false,
            limit: None,
            formats: TopicFormats::default(),
        };
        Ok(run::tail_start(self.app, request).await?.view)
    }

    async fn progress(&self, started: &Instant, total: Duration, tail: u64) -> Result<DemoProgress> {
        let status = run::tail_status(self.app, ViewRequest { view: tail }).await?;
        let counts = run::counts_show(self.app, CountsRequest { cluster: None }).await?;
        let audiences = run::audience_list(self.app, Nothing {}).await?;
        if audiences.iter().all(|it| it.members.is_some()) {
            let last = audiences.iter().filter_map(|it| it.evaluated_ms).max();
            self.evaluated_ms
                .fetch_min(last.unwrap_or(NEVER), Ordering::Relaxed);
        }
        let syncs = run::sync_list(self.app, Nothing {}).await?;
        Ok(DemoProgress {
            elapsed: started.elapsed(),
            total,
            tailed: status.scanned,
            events: counts.events,
            members: audiences.iter().filter_map(|audience| audience.members).sum(),
            delivered: syncs.iter().map(|sync| sync.acknowledged).sum(),
        })
    }

    /// Waits until the sources are at the end of their topics, where events keep arriving.
    async fn catch_up(
        &self,
        started: &Instant,
        total: Duration,
        tail: u64,
        progress: &impl Fn(&DemoProgress),
    ) -> Result<()> {
        let deadline = Instant::now() + CATCH_UP_MAX;
        loop {
            let sources = run::source_list(self.app, Nothing {}).await?;
            if sources
                .iter()
                .all(|it| it.events > 0 && it.behind.is_some_and(|behind| behind < AT_THE_END))
            {
                return Ok(());
            }
            let error = sources.iter().find_map(|it| it.error.clone());
            // What mends itself is waited for.
            if let Some(error) = error.as_ref().filter(|error| !error.retry) {
                return Err(error.clone());
            }
            if Instant::now() > deadline {
                let why = error.map_or_else(String::new, |error| format!(": {error}"));
                let message = format!(
                    "the events of the sandbox were not collected within {} s{why}",
                    CATCH_UP_MAX.as_secs()
                );
                return Err(Error::external("demo_collect", message));
            }
            progress(&self.progress(started, total, tail).await?);
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Changes of membership after every audience had been evaluated once, of the newest thousand of each.
    async fn moved_live(&self, audiences: &[AudienceSummary]) -> Result<u64> {
        let since_ms = self.evaluated_ms.load(Ordering::Relaxed);
        let mut moved = 0;
        for audience in audiences {
            let request = MembersRequest {
                name: audience.name.clone(),
                limit: 1_000,
                ..MembersRequest::default()
            };
            let changes = run::audience_changes(self.app, request).await?.changes;
            moved += changes.iter().filter(|it| it.at_ms > since_ms).count() as u64;
        }
        Ok(moved)
    }

    /// Delivers what the last evaluation left owed.
    async fn settle(&self) -> Result<()> {
        for sync in run::sync_list(self.app, Nothing {}).await? {
            if sync.definition.enabled {
                run::audience_run(
                    self.app,
                    Named {
                        name: sync.definition.audience.clone(),
                    },
                )
                .await?;
                run::sync_run(
                    self.app,
                    SyncRunRequest {
                        name: sync.name,
                        dry_run: false,
                    },
                )
                .await?;
            }
        }
        Ok(())
    }

    /// Two charts and an audience as CSV.
    async fn files(&self) -> Result<Vec<FileWritten>> {
        let folder = self.folder.join("demo");
        std::fs::create_dir_all(&folder).map_err(|error| {
            Error::external(
                "file_write",
                format!("{} can't be made: {error}", folder.display()),
            )
        })?;
        let open = self.app.opened().await?;
        let chart = |metric| lag::ChartOf {
            cluster: CLUSTER,
            group: None,
            metric,
            range_ms: None,
            by_partition: false,
        };
        let records = lag::chart_spec(&open, chart(LagMetric::Records)).await?;
        let time = lag::chart_spec(&open, chart(LagMetric::Time)).await?;
        let mut files = vec![
            write_chart(&records, &folder.join("lag.svg"))?,
            write_chart(&time, &folder.join("lag-in-time.png"))?,
        ];
        let audiences = run::audience_list(self.app, Nothing {}).await?;
        for audience in audiences {
            let path = folder
                .join(format!("{}.csv", audience.name))
                .display()
                .to_string();
            files.push(
                run::audience_export(
                    self.app,
                    AudienceExportRequest {
                        name: audience.name,
                        path,
                    },
                )
                .await?,
            );
        }
        Ok(files)
    }

    async fn summary(
        &self,
        started: Instant,
        (all, filtered): (u64, u64),
        files: Vec<FileWritten>,
    ) -> Result<DemoSummary> {
        let groups = run::group_list(
            self.app,
            ClusterRequest {
                cluster: CLUSTER.to_owned(),
            },
        )
        .await?;
        let counts = run::counts_show(self.app, CountsRequest { cluster: None }).await?;
        // After what was collected is counted, so that the tail has seen it too.
        let tailed = run::tail_stop(self.app, ViewRequest { view: all }).await?;
        let matched = run::tail_stop(self.app, ViewRequest { view: filtered }).await?;
        let audiences = run::audience_list(self.app, Nothing {}).await?;
        let mut syncs = run::sync_list(self.app, Nothing {}).await?;
        syncs.retain(|sync| sync.definition.enabled);
        let mut deliveries = Vec::with_capacity(syncs.len());
        for sync in syncs {
            let page = PageRequest {
                name: sync.name.clone(),
                offset: 0,
                limit: 1_000,
            };
            let runs = run::sync_runs(self.app, page).await?;
            let runs: Vec<_> = runs
                .into_iter()
                .filter(|run| run.started_ms >= self.started_ms)
                .collect();
            deliveries.push(DemoDelivery {
                destination: sync.definition.destination,
                runs: runs.len() as u64,
                delivered: runs.iter().map(|run| run.delivered).sum(),
                failed: runs.first().map_or(0, |run| run.failed),
                acknowledged: sync.acknowledged,
                sync: sync.name,
            });
        }
        let summary = DemoSummary {
            seconds: started.elapsed().as_secs_f64(),
            workspace: self.folder.display().to_string(),
            tailed: tailed.scanned,
            tailed_bytes: tailed.scanned_bytes,
            filter_matched: matched.matched,
            events: counts.events.saturating_sub(self.before.events),
            duplicates: counts.duplicates.saturating_sub(self.before.duplicates),
            malformed: counts.malformed.saturating_sub(self.before.malformed),
            profiles: counts.profiles,
            groups: groups.into_iter().map(DemoGroup::from).collect(),
            moved_live: self.moved_live(&audiences).await?,
            audiences: audiences.into_iter().map(DemoAudience::from).collect(),
            deliveries,
            webhook_received: self.receiver.rows(),
            files,
            ended_ms: now_ms(),
        };
        Ok(summary)
    }
}
