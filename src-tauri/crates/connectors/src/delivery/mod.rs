//! Delivery: how changes reach a destination, the same for every destination.
//!
//! [`run`] cuts the changes into batches by rows and bytes, paces them, tries again with growing, jittered waits, takes
//! a refused batch apart until the row at fault stands alone, and reports every row's fate to its [`Recorder`].
//!
//! Invariants: a batch is sent only after everything known of the batch before has been recorded. Before a batch is sent
//! the first time, the recorder is told, because from then on its rows may be at the destination without being
//! acknowledged. Every row passed in is counted once: acknowledged, refused or not attempted. When the destination
//! cannot be reached the run stops, and what is left is not attempted. Nothing here decides what a difference is.

use std::time::Duration;

use arrow::{array::BooleanArray, compute::filter_record_batch, record_batch::RecordBatch};
use async_trait::async_trait;
use rand::{Rng, SeedableRng, rngs::StdRng};
use tailrace_model::{Error, Result};
use tokio_util::sync::CancellationToken;

mod batches;
mod clock;
pub mod rows;
#[cfg(test)]
mod tests;

pub use crate::destinations::{DeliveryBatch, Pace, RowOutcome, SyncContext};
use crate::destinations::{Destination, Failure, FailureKind, Wants};
pub use clock::{Clock, SystemClock};
pub use rows::keys;

/// Refusals that a run describes in words; all of them are counted and recorded.
pub const REFUSALS_MAX: usize = 20;

/// What has to be made so at the destination.
///
/// Both have the sync's mapped columns; the key is text or a whole number, never null, once in all. `removes` are the
/// rows as last acknowledged; a batch without rows needs no columns. For [`Wants::WholeState`] `upserts` are all rows of
/// the audience. Rows that were refused before go last, so that they never hold up others.
#[derive(Debug, Clone)]
pub struct Changes {
    pub upserts: RecordBatch,
    pub removes: RecordBatch,
}

/// What a run needs besides the changes.
pub struct Run<'a> {
    pub destination: &'a dyn Destination,
    pub sync: &'a SyncContext,
    /// Of the jitter.
    pub seed: u64,
    pub clock: &'a dyn Clock,
    pub cancel: &'a CancellationToken,
}

/// Keeps what is known of the rows, durably, as it becomes known.
#[async_trait]
pub trait Recorder: Send {
    /// Before a batch is sent for the first time. Until [`Recorder::on_outcome`] names them its rows are in doubt: they
    /// may be at the destination or not, whatever happens to this process.
    async fn on_attempt(&mut self, batch: &DeliveryBatch) -> Result<()>;

    /// Rows whose fate is known. Nothing more is sent until this returns; an error stops the run.
    async fn on_outcome(&mut self, report: &BatchReport) -> Result<()>;
}

/// Rows and what became of them.
#[derive(Debug, Clone)]
pub struct BatchReport {
    pub upserts: RecordBatch,
    pub removes: RecordBatch,
    /// Of the upserts, then of the removes.
    pub outcomes: Vec<RowOutcome>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    Upsert,
    Remove,
}

impl BatchReport {
    /// Every row: which batch it is in, where in it, and what became of it.
    pub fn rows(&self) -> impl Iterator<Item = (Change, usize, &RowOutcome)> {
        let upserts = self.upserts.num_rows();
        self.outcomes.iter().enumerate().map(move |(row, outcome)| {
            if row < upserts {
                (Change::Upsert, row, outcome)
            } else {
                (Change::Remove, row - upserts, outcome)
            }
        })
    }
}

/// The sum of a run. `acknowledged + refused + not_attempted` is the number of rows passed in.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Delivered {
    pub acknowledged: u64,
    pub refused: u64,
    /// Never sent, or sent without an answer.
    pub not_attempted: u64,
    /// Batches sent, repeated attempts not counted.
    pub batches: u64,
    /// The first [`REFUSALS_MAX`]: `KEY: why`.
    pub refusals: Vec<String>,
    pub cancelled: bool,
    /// Why the run stopped before its end.
    pub error: Option<Error>,
}

/// Delivers `changes`. Whatever happens, the answer says how far it came.
pub async fn run(run: Run<'_>, changes: Changes, recorder: &mut dyn Recorder) -> Delivered {
    let rows = (changes.upserts.num_rows() + changes.removes.num_rows()) as u64;
    let mut sender = Sender {
        pace: run.destination.pace(),
        rng: StdRng::seed_from_u64(run.seed),
        free_at: run.clock.now(),
        refused_in_a_row: 0,
        last_refusal: String::new(),
        delivered: Delivered::default(),
        run,
    };
    let stopped = sender.all(changes, recorder).await.err();
    let mut delivered = sender.delivered;
    delivered.not_attempted = rows - delivered.acknowledged - delivered.refused;
    match stopped {
        Some(Stop::Cancelled) => delivered.cancelled = true,
        Some(Stop::Failed(mut error)) => {
            if delivered.not_attempted > 0 {
                error.message = format!(
                    "{}; {} were not delivered and stay owed",
                    error.message,
                    counted(delivered.not_attempted)
                );
            }
            delivered.error = Some(error);
        }
        None => {}
    }
    delivered
}

/// Why a run ends early.
enum Stop {
    Cancelled,
    Failed(Error),
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

/// A batch, or what is left of it, and how often it has been sent.
struct Part {
    batch: DeliveryBatch,
    attempt: u32,
}

struct Sender<'a> {
    run: Run<'a>,
    pace: Pace,
    rng: StdRng,
    /// When the rate limits allow the next request.
    free_at: Duration,
    refused_in_a_row: u64,
    last_refusal: String,
    delivered: Delivered,
}

impl Sender<'_> {
    async fn all(&mut self, changes: Changes, recorder: &mut dyn Recorder) -> Result<(), Stop> {
        self.run.destination.place(self.run.sync)?;
        let changes = rows::prepare(changes, &self.run.sync.key)?;
        let plan = match self.run.destination.wants() {
            Wants::Difference => batches::plan(&changes, self.pace.batch_rows_max, self.pace.batch_bytes_max),
            Wants::WholeState => vec![changes],
        };
        for (number, changes) in plan.into_iter().enumerate() {
            let Changes { upserts, removes } = changes;
            let idempotency_key = format!("{}-{number}", self.run.sync.run);
            self.batch(
                DeliveryBatch {
                    upserts,
                    removes,
                    idempotency_key,
                },
                recorder,
            )
            .await?;
        }
        Ok(())
    }

    /// One batch to its end: every row recorded, or the run stopped.
    async fn batch(&mut self, batch: DeliveryBatch, recorder: &mut dyn Recorder) -> Result<(), Stop> {
        if self.run.cancel.is_cancelled() {
            return Err(Stop::Cancelled);
        }
        if self.too_large(&batch) {
            return self.refuse(batch, self.too_large_reason(), recorder).await;
        }
        recorder.on_attempt(&batch).await?;
        let key = batch.idempotency_key.clone();
        let mut names = (1..).map(|part: u64| format!("{key}-{part}"));
        let mut name = || names.next().unwrap_or_default();
        // Parts are taken from the end, so that rows are sent in their order.
        let mut parts = vec![Part { batch, attempt: 1 }];
        while let Some(Part { batch, attempt }) = parts.pop() {
            let failure = match self.attempt(&batch).await? {
                Ok(outcomes) => {
                    let (report, again) = settle(batch, outcomes, attempt >= self.pace.attempts_max)?;
                    self.record(report, recorder).await?;
                    if let Some((upserts, removes)) = again {
                        self.back_off(attempt, None).await?;
                        let batch = DeliveryBatch {
                            upserts,
                            removes,
                            idempotency_key: name(),
                        };
                        parts.push(Part {
                            batch,
                            attempt: attempt + 1,
                        });
                    }
                    continue;
                }
                Err(failure) => failure,
            };
            match failure.kind {
                FailureKind::Split if self.run.destination.wants() == Wants::WholeState => {
                    return Err(Stop::Failed(failure.error));
                }
                FailureKind::Split if batch.rows() > 1 => {
                    let (first, second) = batches::halves(&batch, &mut name);
                    parts.push(Part {
                        batch: second,
                        attempt: 1,
                    });
                    parts.push(Part {
                        batch: first,
                        attempt: 1,
                    });
                }
                FailureKind::Split => self.refuse(batch, failure.error.message, recorder).await?,
                FailureKind::Retry if attempt < self.pace.attempts_max => {
                    self.patience(&failure)?;
                    self.back_off(attempt, failure.retry_after).await?;
                    parts.push(Part {
                        batch,
                        attempt: attempt + 1,
                    });
                }
                FailureKind::Retry => return Err(Stop::Failed(gave_up(failure.error, attempt))),
                FailureKind::Stop => return Err(Stop::Failed(failure.error)),
            }
        }
        Ok(())
    }

    /// One request, when the rate limits allow it.
    async fn attempt(&mut self, batch: &DeliveryBatch) -> Result<Result<Vec<RowOutcome>, Failure>, Stop> {
        let now = self.run.clock.now();
        self.sleep(self.free_at.saturating_sub(now)).await?;
        let rows = batch.rows() as f64;
        let seconds = [
            self.pace.requests_per_second_max.map(|rate| 1.0 / rate),
            self.pace.rows_per_second_max.map(|rate| rows / rate),
        ];
        let seconds = seconds.into_iter().flatten().fold(0.0, f64::max);
        self.free_at = self.run.clock.now() + Duration::try_from_secs_f64(seconds).unwrap_or_default();
        let timeout = Duration::from_millis(self.pace.attempt_timeout_ms);
        let deliver = tokio::time::timeout(timeout, self.run.destination.deliver(self.run.sync, batch));
        let answer = tokio::select! {
            biased;
            () = self.run.cancel.cancelled() => return Err(Stop::Cancelled),
            answer = deliver => answer,
        };
        Ok(answer.unwrap_or_else(|_| {
            Err(Failure::retry(Error::external(
                "destination_timeout",
                format!(
                    "{} did not answer within {} ms",
                    self.run.destination.target(),
                    timeout.as_millis()
                ),
            )))
        }))
    }

    async fn record(&mut self, report: BatchReport, recorder: &mut dyn Recorder) -> Result<(), Stop> {
        if report.outcomes.is_empty() {
            return Ok(());
        }
        recorder.on_outcome(&report).await?;
        self.delivered.batches += 1;
        for (change, row, outcome) in report.rows() {
            let RowOutcome::Refused { reason, .. } = outcome else {
                self.delivered.acknowledged += 1;
                self.refused_in_a_row = 0;
                continue;
            };
            self.delivered.refused += 1;
            self.refused_in_a_row += 1;
            let batch = match change {
                Change::Upsert => &report.upserts,
                Change::Remove => &report.removes,
            };
            let key = rows::keys(&batch.slice(row, 1), &self.run.sync.key)?;
            self.last_refusal = format!("{}: {reason}", key.concat());
            if self.delivered.refusals.len() < REFUSALS_MAX {
                self.delivered.refusals.push(self.last_refusal.clone());
            }
        }
        if self.refused_in_a_row >= self.pace.refused_in_a_row_max {
            return Err(Stop::Failed(Error::refused(
                "destination_refuses",
                format!(
                    "{} refused {} in a row, the last one {}",
                    self.run.destination.target(),
                    counted(self.refused_in_a_row),
                    self.last_refusal,
                ),
            )));
        }
        Ok(())
    }

    async fn refuse(
        &mut self,
        batch: DeliveryBatch,
        reason: String,
        recorder: &mut dyn Recorder,
    ) -> Result<(), Stop> {
        let outcomes = vec![RowOutcome::Refused { reason, retry: false }; batch.rows()];
        let DeliveryBatch { upserts, removes, .. } = batch;
        self.record(
            BatchReport {
                upserts,
                removes,
                outcomes,
            },
            recorder,
        )
        .await
    }

    /// A row that no batch can hold stands alone in its batch.
    fn too_large(&self, batch: &DeliveryBatch) -> bool {
        self.run.destination.wants() == Wants::Difference
            && batch.rows() == 1
            && rows::sizes(&batch.upserts)
                .chain(rows::sizes(&batch.removes))
                .any(|bytes| bytes > self.pace.batch_bytes_max)
    }

    fn too_large_reason(&self) -> String {
        format!(
            "the row is larger than {} bytes, the most that a batch may hold",
            self.pace.batch_bytes_max
        )
    }

    /// Refuses to wait longer than the pace allows.
    fn patience(&self, failure: &Failure) -> Result<(), Stop> {
        match failure.retry_after {
            Some(after) if after > Duration::from_millis(self.pace.retry_after_max_ms) => {
                let mut error = failure.error.clone();
                error.message = format!(
                    "{}, and asked to wait for {} s, which is longer than a run waits",
                    error.message,
                    after.as_secs()
                );
                Err(Stop::Failed(error))
            }
            _ => Ok(()),
        }
    }

    /// Waits before the next attempt: at least as long as the destination asked, else half to all of a doubling span.
    async fn back_off(&mut self, attempt: u32, retry_after: Option<Duration>) -> Result<(), Stop> {
        let doubled = self
            .pace
            .backoff_first_ms
            .saturating_mul(1 << attempt.saturating_sub(1).min(20));
        let most = doubled.min(self.pace.backoff_max_ms).max(1);
        let jittered = Duration::from_millis(self.rng.random_range(most.div_ceil(2)..=most));
        self.sleep(retry_after.map_or(jittered, |after| after.max(jittered)))
            .await
    }

    async fn sleep(&self, span: Duration) -> Result<(), Stop> {
        if span.is_zero() {
            return Ok(());
        }
        tokio::select! {
            biased;
            () = self.run.cancel.cancelled() => Err(Stop::Cancelled),
            () = self.run.clock.sleep(span) => Ok(()),
        }
    }
}

/// Rows to be sent again.
type Again = Option<(RecordBatch, RecordBatch)>;

/// Parts the rows whose fate is known from those worth another attempt.
fn settle(batch: DeliveryBatch, outcomes: Vec<RowOutcome>, last: bool) -> Result<(BatchReport, Again)> {
    let DeliveryBatch { upserts, removes, .. } = batch;
    if outcomes.len() != upserts.num_rows() + removes.num_rows() {
        return Err(Error::internal(
            "delivery_outcomes",
            format!(
                "the destination answered for {} rows of {}",
                outcomes.len(),
                upserts.num_rows() + removes.num_rows()
            ),
        ));
    }
    let again: Vec<bool> = outcomes
        .iter()
        .map(|outcome| !last && matches!(outcome, RowOutcome::Refused { retry: true, .. }))
        .collect();
    if !again.contains(&true) {
        return Ok((
            BatchReport {
                upserts,
                removes,
                outcomes,
            },
            None,
        ));
    }
    let (of_upserts, of_removes) = again.split_at(upserts.num_rows());
    let pick = |batch: &RecordBatch, again: &[bool], wanted: bool| {
        let mask: BooleanArray = again.iter().map(|again| Some(*again == wanted)).collect();
        filter_record_batch(batch, &mask).map_err(rows::arrow_error)
    };
    let known = outcomes
        .into_iter()
        .zip(&again)
        .filter(|(_, again)| !**again)
        .map(|(outcome, _)| outcome)
        .collect();
    let report = BatchReport {
        upserts: pick(&upserts, of_upserts, false)?,
        removes: pick(&removes, of_removes, false)?,
        outcomes: known,
    };
    Ok((
        report,
        Some((
            pick(&upserts, of_upserts, true)?,
            pick(&removes, of_removes, true)?,
        )),
    ))
}

fn gave_up(mut error: Error, attempts: u32) -> Error {
    if attempts > 1 {
        error.message = format!("{} (tried {attempts} times)", error.message);
    }
    error
}

fn counted(rows: u64) -> String {
    format!("{rows} {}", if rows == 1 { "row" } else { "rows" })
}
