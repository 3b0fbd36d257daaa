//! What the demo did: each step with its evidence.

use serde::Serialize;
use tailrace_model::api::{AudienceSummary, FileWritten, GroupSummary, LagStatus};

/// See the module's text.
#[derive(Debug, Clone, Serialize)]
pub struct DemoSummary {
    pub seconds: f64,
    pub workspace: String,
    pub tailed: u64,
    pub tailed_bytes: u64,
    /// Records that `where value.properties.revenue > 100` kept.
    pub filter_matched: u64,
    pub events: u64,
    pub duplicates: u64,
    pub malformed: u64,
    pub profiles: u64,
    pub groups: Vec<DemoGroup>,
    pub audiences: Vec<DemoAudience>,
    /// Who entered or exited after every audience had been evaluated once.
    pub moved_live: u64,
    pub deliveries: Vec<DemoDelivery>,
    /// Rows that the webhook's receiver was sent.
    pub webhook_received: u64,
    pub files: Vec<FileWritten>,
    pub ended_ms: i64,
}

#[derive(Debug, Clone, Serialize)]
pub struct DemoGroup {
    pub group: String,
    pub status: LagStatus,
    pub lag: Option<i64>,
    pub lag_ms: Option<i64>,
    pub reason: String,
}

impl From<GroupSummary> for DemoGroup {
    fn from(it: GroupSummary) -> Self {
        Self {
            group: it.group,
            status: it.status,
            lag: it.lag,
            lag_ms: it.lag_ms,
            reason: it.reason,
        }
    }
}

#[derive(Debug, Clone, Serialize)]
pub struct DemoAudience {
    pub audience: String,
    pub members: Option<u64>,
    pub entered: u64,
    pub exited: u64,
}

impl From<AudienceSummary> for DemoAudience {
    fn from(it: AudienceSummary) -> Self {
        Self {
            audience: it.name,
            members: it.members,
            entered: it.entered,
            exited: it.exited,
        }
    }
}

#[derive(Debug, Clone, Serialize)]
pub struct DemoDelivery {
    pub sync: String,
    pub destination: String,
    pub runs: u64,
    /// Rows acknowledged over all runs of this demo.
    pub delivered: u64,
    /// Rows that the last run left owed.
    pub failed: u64,
    /// Rows at the destination now.
    pub acknowledged: u64,
}

/// One step of the job and whether it happened.
#[derive(Debug, Clone, Serialize)]
pub struct Step {
    pub step: &'static str,
    pub happened: bool,
    /// What was missing, of one that did not happen.
    pub missing: Option<&'static str>,
}

impl DemoSummary {
    /// The seven steps. A step that did not happen says what was missing.
    pub fn steps(&self) -> Vec<Step> {
        let step = |step, happened, missing| Step {
            step,
            happened,
            missing: (!happened).then_some(missing),
        };
        let lagging = self
            .groups
            .iter()
            .any(|group| group.lag.is_some_and(|lag| lag > 0));
        let evaluated = self.audiences.iter().all(|it| it.members.is_some()) && !self.audiences.is_empty();
        let delivered = self.deliveries.iter().any(|it| it.delivered > 0)
            && self
                .deliveries
                .iter()
                .all(|it| it.acknowledged > 0 && it.failed == 0);
        vec![
            step("connect", self.tailed_bytes > 0, "no byte came from the sandbox"),
            step(
                "tail",
                self.tailed > 0 && self.filter_matched > 0,
                "no record was tailed, or none matched the filter",
            ),
            step("lag", lagging, "no consumer group showed lag"),
            step(
                "collect",
                self.events > 0 && self.profiles > 0 && self.duplicates > 0 && self.malformed > 0,
                "no event was collected, or no duplicate or malformed record was seen",
            ),
            step("define", evaluated, "an audience was not evaluated"),
            step(
                "stay live",
                self.moved_live > 0,
                "nobody entered or exited an audience after its first evaluation",
            ),
            step(
                "deliver",
                delivered && !self.deliveries.is_empty(),
                "a sync delivered nothing, or left rows owed",
            ),
            step(
                "files",
                self.files.len() >= 3 && self.files.iter().all(|it| it.bytes > 0),
                "a file was not written",
            ),
        ]
    }
}
