//! Delivery against a scripted destination and a clock that does not wait.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
};

use arrow::array::{ArrayRef, Int64Array, StringArray};
use serde_json::Map;
use uuid::Uuid;

use super::*;

mod inputs;

/// What the destination does with one request; the rest of a script is `Take`.
enum Act {
    Take,
    Fail(Failure),
    /// Takes all but these keys.
    Refuse(&'static [&'static str], bool),
    Hang,
}

struct Scripted {
    wants: Wants,
    pace: Pace,
    script: Mutex<VecDeque<Act>>,
    /// Any batch with one of these is refused as a whole.
    poison: Vec<&'static str>,
    sent: Mutex<Vec<(String, Vec<String>)>>,
}

impl Scripted {
    fn new(script: Vec<Act>) -> Self {
        let pace = Pace {
            batch_rows_max: 2,
            ..Pace::default()
        };
        let script = Mutex::new(script.into());
        Self {
            wants: Wants::Difference,
            pace,
            script,
            poison: Vec::new(),
            sent: Mutex::default(),
        }
    }

    /// The keys of every request, `-` before those to be removed.
    fn requests(&self) -> Vec<String> {
        self.sent
            .lock()
            .unwrap()
            .iter()
            .map(|(_, keys)| keys.join(" "))
            .collect()
    }

    fn idempotency_keys(&self) -> Vec<String> {
        self.sent
            .lock()
            .unwrap()
            .iter()
            .map(|(key, _)| key.clone())
            .collect()
    }
}

#[async_trait]
impl Destination for Scripted {
    fn target(&self) -> String {
        "the script".to_owned()
    }

    fn wants(&self) -> Wants {
        self.wants
    }

    fn pace(&self) -> Pace {
        self.pace.clone()
    }

    fn place(&self, sync: &SyncContext) -> Result<String> {
        Ok(sync.sync.clone())
    }

    async fn check(&self, _: &CancellationToken) -> Result<String> {
        Ok("ready".to_owned())
    }

    async fn deliver(&self, sync: &SyncContext, batch: &DeliveryBatch) -> Result<Vec<RowOutcome>, Failure> {
        let upserts = keys(&batch.upserts, &sync.key)?;
        let removes = keys(&batch.removes, &sync.key)?;
        let named = removes
            .iter()
            .map(|key| format!("-{key}"))
            .chain(upserts.iter().cloned())
            .collect();
        self.sent
            .lock()
            .unwrap()
            .push((batch.idempotency_key.clone(), named));
        let keys = [upserts, removes].concat();
        if keys.iter().any(|key| self.poison.contains(&key.as_str())) {
            return Err(Failure::split(Error::refused("poison", "it is poisoned")));
        }
        let act = self.script.lock().unwrap().pop_front().unwrap_or(Act::Take);
        let outcome = |key: &String, refused: &[&str], retry: bool| match refused.contains(&key.as_str()) {
            true => RowOutcome::Refused {
                reason: "not today".to_owned(),
                retry,
            },
            false => RowOutcome::Acknowledged,
        };
        match act {
            Act::Take => Ok(vec![RowOutcome::Acknowledged; keys.len()]),
            Act::Fail(failure) => Err(failure),
            Act::Refuse(refused, retry) => Ok(keys.iter().map(|key| outcome(key, refused, retry)).collect()),
            Act::Hang => std::future::pending().await,
        }
    }
}

/// Time passes only while something sleeps.
#[derive(Default)]
struct FakeClock {
    now: Mutex<Duration>,
    sleeps: Mutex<Vec<Duration>>,
}

#[async_trait]
impl Clock for FakeClock {
    fn now(&self) -> Duration {
        *self.now.lock().unwrap()
    }

    async fn sleep(&self, span: Duration) {
        *self.now.lock().unwrap() += span;
        self.sleeps.lock().unwrap().push(span);
    }
}

/// Writes down what it is told, in order; fails or cancels when asked to.
#[derive(Default)]
struct Log {
    lines: Vec<String>,
    fail: bool,
    cancel: Option<CancellationToken>,
}

#[async_trait]
impl Recorder for Log {
    async fn on_attempt(&mut self, batch: &DeliveryBatch) -> Result<()> {
        self.lines.push(format!("send {}", batch.rows()));
        Ok(())
    }

    async fn on_outcome(&mut self, report: &BatchReport) -> Result<()> {
        if self.fail {
            return Err(Error::internal("store", "the disk is full"));
        }
        for (change, row, outcome) in report.rows() {
            let batch = if change == Change::Upsert {
                &report.upserts
            } else {
                &report.removes
            };
            let key = keys(batch, "id")?.swap_remove(row);
            let sign = if *outcome == RowOutcome::Acknowledged {
                '+'
            } else {
                '!'
            };
            self.lines.push(format!("{sign}{key}"));
        }
        if let Some(cancel) = &self.cancel {
            cancel.cancel();
        }
        Ok(())
    }
}

fn context() -> SyncContext {
    SyncContext {
        sync: "vips".to_owned(),
        audience: "vips".to_owned(),
        key: "id".to_owned(),
        options: Map::new(),
        run: Uuid::nil(),
    }
}

fn batch(keys: &[&str]) -> RecordBatch {
    let array: ArrayRef = Arc::new(StringArray::from_iter_values(keys));
    RecordBatch::try_from_iter([("id", array)]).unwrap()
}

fn changes(upserts: &[&str], removes: &[&str]) -> Changes {
    Changes {
        upserts: batch(upserts),
        removes: batch(removes),
    }
}

/// Runs and checks that every row is counted once.
async fn deliver(destination: &Scripted, clock: &FakeClock, log: &mut Log, changes: Changes) -> Delivered {
    let (sync, cancel) = (context(), log.cancel.clone().unwrap_or_default());
    let rows = (changes.upserts.num_rows() + changes.removes.num_rows()) as u64;
    let delivered = run(
        Run {
            destination,
            sync: &sync,
            seed: 3,
            clock,
            cancel: &cancel,
        },
        changes,
        log,
    )
    .await;
    assert_eq!(
        delivered.acknowledged + delivered.refused + delivered.not_attempted,
        rows,
        "{delivered:?}"
    );
    delivered
}

fn busy(retry_after: Option<Duration>) -> Act {
    Act::Fail(Failure {
        retry_after,
        ..Failure::retry(Error::external("busy", "the script is busy"))
    })
}

#[tokio::test]
async fn batches_are_recorded_before_the_next_is_sent() {
    let (destination, clock, mut log) = (Scripted::new(vec![]), FakeClock::default(), Log::default());
    let delivered = deliver(&destination, &clock, &mut log, changes(&["a", "b", "c"], &["x"])).await;
    assert_eq!(destination.requests(), ["-x a", "b c"]);
    assert_eq!(log.lines, ["send 2", "+a", "+x", "send 2", "+b", "+c"]);
    assert_eq!(
        (delivered.acknowledged, delivered.batches, delivered.error),
        (4, 2, None)
    );
    assert!(clock.sleeps.lock().unwrap().is_empty(), "nothing to wait for");
}

#[tokio::test]
async fn batches_are_cut_by_bytes_and_a_row_too_large_is_refused() {
    let mut destination = Scripted::new(vec![]);
    destination.pace.batch_rows_max = 100;
    // A row is its text and 10 bytes for the column.
    destination.pace.batch_bytes_max = 40;
    let long = "l".repeat(31);
    let rows = ["a", "b", "c", "d", &long, "e"];
    let mut log = Log::default();
    let delivered = deliver(&destination, &FakeClock::default(), &mut log, changes(&rows, &[])).await;
    assert_eq!(destination.requests(), ["a b c", "d", "e"]);
    assert_eq!((delivered.acknowledged, delivered.refused), (5, 1));
    assert_eq!(
        delivered.refusals,
        [format!(
            "{long}: the row is larger than 40 bytes, the most that a batch may hold"
        )]
    );
}

#[tokio::test]
async fn failures_are_retried_with_growing_waits_and_the_same_name() {
    let destination = Scripted::new(vec![busy(None), busy(None), busy(Some(Duration::from_secs(7)))]);
    let (clock, mut log) = (FakeClock::default(), Log::default());
    let delivered = deliver(&destination, &clock, &mut log, changes(&["a"], &[])).await;
    assert_eq!(delivered.acknowledged, 1);
    assert_eq!(
        log.lines,
        ["send 1", "+a"],
        "announced once, however often it is sent"
    );
    let names = destination.idempotency_keys();
    assert_eq!(names.len(), 4);
    assert!(names.iter().all(|name| *name == names[0]), "{names:?}");
    let waits: Vec<u128> = clock
        .sleeps
        .lock()
        .unwrap()
        .iter()
        .map(Duration::as_millis)
        .collect();
    assert!(
        (125..=250).contains(&waits[0]) && (250..=500).contains(&waits[1]),
        "{waits:?}"
    );
    assert_eq!(waits[2], 7_000, "as long as it asked");
}

#[tokio::test]
async fn an_unreachable_destination_fails_the_run() {
    let destination = Scripted::new((0..99).map(|_| busy(None)).collect());
    let mut log = Log::default();
    let delivered = deliver(
        &destination,
        &FakeClock::default(),
        &mut log,
        changes(&["a", "b", "c"], &[]),
    )
    .await;
    assert_eq!(
        destination.requests(),
        ["a b"; 5],
        "the second batch is not attempted"
    );
    assert_eq!(log.lines, ["send 2"]);
    let error = delivered.error.unwrap();
    assert!(error.retry);
    assert_eq!(
        error.message,
        "the script is busy (tried 5 times); 3 rows were not delivered and stay owed"
    );
}

#[tokio::test]
async fn too_long_a_wait_fails_the_run() {
    let destination = Scripted::new(vec![busy(Some(Duration::from_secs(3_600)))]);
    let (clock, mut log) = (FakeClock::default(), Log::default());
    let error = deliver(&destination, &clock, &mut log, changes(&["a"], &[]))
        .await
        .error
        .unwrap();
    assert!(
        error.message.contains("asked to wait for 3600 s"),
        "{}",
        error.message
    );
    assert!(clock.sleeps.lock().unwrap().is_empty());
}

#[tokio::test]
async fn what_stops_is_not_retried() {
    let destination = Scripted::new(vec![
        Act::Take,
        Act::Fail(Failure::stop(Error::refused("login", "no entry"))),
    ]);
    let mut log = Log::default();
    let delivered = deliver(
        &destination,
        &FakeClock::default(),
        &mut log,
        changes(&["a", "b", "c", "d", "e"], &[]),
    )
    .await;
    assert_eq!(destination.requests(), ["a b", "c d"]);
    assert_eq!((delivered.acknowledged, delivered.not_attempted), (2, 3));
    assert_eq!(
        delivered.error.unwrap().message,
        "no entry; 3 rows were not delivered and stay owed"
    );
}

#[tokio::test]
async fn a_poisoned_row_is_found_and_sinks_no_other() {
    let mut destination = Scripted::new(vec![]);
    destination.pace.batch_rows_max = 5;
    destination.poison = vec!["c"];
    let mut log = Log::default();
    let delivered = deliver(
        &destination,
        &FakeClock::default(),
        &mut log,
        changes(&["a", "b", "c", "d"], &["x"]),
    )
    .await;
    assert_eq!(
        destination.requests(),
        ["-x a b c d", "-x a", "b c d", "b", "c d", "c", "d"]
    );
    assert_eq!((delivered.acknowledged, delivered.refused), (4, 1));
    assert_eq!(delivered.refusals, ["c: it is poisoned"]);
    let mut names = destination.idempotency_keys();
    names.dedup();
    assert_eq!(names.len(), 7, "every part has a name of its own");
}

#[tokio::test]
async fn nothing_but_refusals_stops_the_run() {
    let mut destination = Scripted::new(vec![]);
    destination.pace.refused_in_a_row_max = 3;
    destination.poison = vec!["a", "b", "c", "d", "e"];
    let mut log = Log::default();
    let delivered = deliver(
        &destination,
        &FakeClock::default(),
        &mut log,
        changes(&["a", "b", "c", "d", "e", "f"], &[]),
    )
    .await;
    assert_eq!((delivered.refused, delivered.not_attempted), (3, 3));
    let message = delivered.error.unwrap().message;
    assert_eq!(
        message,
        "the script refused 3 rows in a row, the last one c: it is poisoned; 3 rows were not delivered and stay owed"
    );
}

#[tokio::test]
async fn rows_worth_another_attempt_get_one() {
    let script = vec![Act::Refuse(&["b"], true), Act::Refuse(&["b"], true), Act::Take];
    let (destination, mut log) = (Scripted::new(script), Log::default());
    let delivered = deliver(
        &destination,
        &FakeClock::default(),
        &mut log,
        changes(&["a", "b"], &[]),
    )
    .await;
    assert_eq!(destination.requests(), ["a b", "b", "b"]);
    assert_eq!(log.lines, ["send 2", "+a", "+b"]);
    assert_eq!(delivered.refused, 0);

    let (destination, mut log) = (Scripted::new(vec![Act::Refuse(&["b"], false)]), Log::default());
    let delivered = deliver(
        &destination,
        &FakeClock::default(),
        &mut log,
        changes(&["a", "b"], &[]),
    )
    .await;
    assert_eq!(destination.requests(), ["a b"]);
    assert_eq!(log.lines, ["send 2", "+a", "!b"]);
    assert_eq!(delivered.refusals, ["b: not today"]);

    let script = (0..9).map(|_| Act::Refuse(&["b"], true)).collect();
    let (destination, mut log) = (Scripted::new(script), Log::default());
    let delivered = deliver(
        &destination,
        &FakeClock::default(),
        &mut log,
        changes(&["a", "b"], &[]),
    )
    .await;
    assert_eq!(destination.requests().len(), 5);
    assert_eq!((delivered.refused, delivered.error), (1, None));
}

#[tokio::test]
async fn requests_keep_to_the_rate() {
    let mut destination = Scripted::new(vec![]);
    destination.pace.requests_per_second_max = Some(10.0);
    destination.pace.rows_per_second_max = Some(4.0);
    let (clock, mut log) = (FakeClock::default(), Log::default());
    deliver(
        &destination,
        &clock,
        &mut log,
        changes(&["a", "b", "c", "d", "e"], &[]),
    )
    .await;
    let waits: Vec<u128> = clock
        .sleeps
        .lock()
        .unwrap()
        .iter()
        .map(Duration::as_millis)
        .collect();
    assert_eq!(waits, [500, 500], "two rows at four a second take half a second");
}

#[tokio::test]
async fn a_run_can_be_cancelled() {
    let cancel = CancellationToken::new();
    let (destination, mut log) = (
        Scripted::new(vec![]),
        Log {
            cancel: Some(cancel),
            ..Log::default()
        },
    );
    let delivered = deliver(
        &destination,
        &FakeClock::default(),
        &mut log,
        changes(&["a", "b", "c"], &[]),
    )
    .await;
    assert_eq!(
        destination.requests(),
        ["a b"],
        "cancelled while the first batch was recorded"
    );
    assert!(
        delivered.cancelled && delivered.error.is_none() && delivered.acknowledged == 2,
        "{delivered:?}"
    );

    let cancel = CancellationToken::new();
    let (destination, sync, clock) = (Scripted::new(vec![Act::Hang]), context(), FakeClock::default());
    let run = run(
        Run {
            destination: &destination,
            sync: &sync,
            seed: 0,
            clock: &clock,
            cancel: &cancel,
        },
        changes(&["a"], &[]),
        &mut log,
    );
    let stop = async {
        tokio::task::yield_now().await;
        cancel.cancel();
    };
    fn movable<T: Send>(run: T) -> T {
        run
    }
    let (delivered, ()) = tokio::join!(movable(run), stop);
    assert!(
        delivered.cancelled && delivered.not_attempted == 1,
        "{delivered:?}"
    );
}

#[tokio::test]
async fn silence_counts_as_failure() {
    let mut destination = Scripted::new(vec![Act::Hang]);
    destination.pace.attempt_timeout_ms = 5;
    let mut log = Log::default();
    let delivered = deliver(
        &destination,
        &FakeClock::default(),
        &mut log,
        changes(&["a"], &[]),
    )
    .await;
    assert_eq!((delivered.acknowledged, destination.requests().len()), (1, 2));
}

#[tokio::test]
async fn what_cannot_be_recorded_stops_the_run() {
    let (destination, mut log) = (
        Scripted::new(vec![]),
        Log {
            fail: true,
            ..Log::default()
        },
    );
    let delivered = deliver(
        &destination,
        &FakeClock::default(),
        &mut log,
        changes(&["a", "b", "c"], &[]),
    )
    .await;
    assert_eq!(destination.requests(), ["a b"]);
    assert_eq!(
        delivered.acknowledged, 0,
        "what is not recorded is not acknowledged"
    );
    assert!(delivered.error.unwrap().message.starts_with("the disk is full"));
}
