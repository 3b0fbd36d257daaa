//! The contract of a destination, as a function that answers with what is broken.
//!
//! It delivers small audiences through [`crate::delivery::run`] and compares what the other system then holds with what
//! it should hold. Plain library code, so that a test with a real server can call it; nothing else does.

use std::{collections::BTreeMap, sync::Arc};

use arrow::{
    array::{ArrayRef, BooleanArray, Float64Array, Int64Array, StringArray, TimestampMillisecondArray},
    record_batch::RecordBatch,
};
use async_trait::async_trait;
use serde_json::{Map, Value};
use tailrace_model::{Error, Result};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::{
    delivery::{
        self, BatchReport, Changes, Delivered, DeliveryBatch, Recorder, RowOutcome, Run, SyncContext,
        SystemClock, keys, rows::arrow_error,
    },
    destinations::{Destination, Wants},
};

/// The key column of the contract's rows; the others are `plan` (text), `orders` (whole numbers), `value` (numbers),
/// `subscribed` (booleans) and `seen` (times).
pub const KEY: &str = "user_id";

/// What the other system holds: by key, the row's `plan` (`None` when null).
pub type Held = BTreeMap<String, Option<String>>;

/// Looks into the other system.
#[async_trait]
pub trait View: Send + Sync {
    async fn held(&self) -> Result<Held>;
}

/// A destination and what a test arranged around it.
pub struct Setup<'a> {
    pub destination: &'a dyn Destination,
    pub view: &'a dyn View,
    /// The options of the syncs that the contract makes up; their place has to be empty.
    pub options: Map<String, Value>,
    /// A key that the other system refuses to take, if it can be made to refuse one.
    pub refused: Option<&'a str>,
    /// The same kind of destination leading to where nothing answers.
    pub unreachable: &'a dyn Destination,
    /// Whether trying to reach it again later could help.
    pub unreachable_retry: bool,
}

/// Runs the whole contract. The error says which clause is broken and how.
pub async fn check(setup: &Setup<'_>) -> Result<()> {
    let destination = setup.destination;
    if destination.target().is_empty() {
        return Err(broken("a destination says where it leads, but target() is empty"));
    }
    destination.place(&context(setup, 0))?;
    let found = destination.check(&CancellationToken::new()).await?;
    ensure(!found.is_empty(), || {
        "check() says what it found, but the sentence is empty".to_owned()
    })?;

    let first = [
        ("u1", Some("pro")),
        ("u2", Some("free")),
        ("u3", None),
        ("ü 4,\"'", Some("pro")),
    ];
    deliver(setup, "the first delivery", 1, &first, &[], &first).await?;
    deliver(setup, "the same rows again", 2, &first, &[], &first).await?;

    let second = [
        ("u1", Some("free")),
        ("u3", Some("")),
        ("ü 4,\"'", Some("pro")),
        ("u5", Some("pro")),
    ];
    let changed = [("u1", Some("free")), ("u3", Some("")), ("u5", Some("pro"))];
    let removed = [("u2", Some("free"))];
    deliver(
        setup,
        "a change, an addition and a removal",
        3,
        &changed,
        &removed,
        &second,
    )
    .await?;
    deliver(setup, "the same removal again", 4, &changed, &removed, &second).await?;

    let removed = [("u1", Some("free")), ("ü 4,\"'", Some("pro"))];
    let third = [("u3", Some("")), ("u5", Some("pro"))];
    deliver(setup, "removals alone", 5, &[], &removed, &third).await?;

    if let Some(refused) = setup.refused {
        refusal(setup, refused, &third).await?;
    }
    unreachable(setup).await
}

type Rows<'a> = [(&'a str, Option<&'a str>)];

/// Delivers, and compares with `whole`, which is also what a destination of whole states is handed.
async fn deliver(
    setup: &Setup<'_>,
    clause: &str,
    number: u128,
    upserts: &Rows<'_>,
    removes: &Rows<'_>,
    whole: &Rows<'_>,
) -> Result<()> {
    let upserts = if setup.destination.wants() == Wants::WholeState {
        whole
    } else {
        upserts
    };
    let (delivered, ledger) = run(setup, setup.destination, number, upserts, removes).await?;
    if let Some(error) = delivered.error {
        return Err(error.context(clause));
    }
    let sent = (upserts.len() + removes.len()) as u64;
    ensure(
        delivered.acknowledged == sent && ledger.acknowledged.len() as u64 == sent,
        || {
            format!(
                "{clause}: {sent} rows were sent and {} acknowledged ({:?})",
                delivered.acknowledged, delivered.refusals
            )
        },
    )?;
    compare(setup, clause, whole).await
}

async fn refusal(setup: &Setup<'_>, refused: &str, before: &Rows<'_>) -> Result<()> {
    let clause = "a refused row";
    let upserts = [
        ("r1", Some("pro")),
        ("r2", Some("pro")),
        (refused, Some("pro")),
        ("r3", Some("pro")),
    ];
    let (delivered, ledger) = run(setup, setup.destination, 6, &upserts, &[]).await?;
    if let Some(error) = delivered.error {
        return Err(error.context(clause));
    }
    ensure(
        delivered.acknowledged == 3 && delivered.refused == 1 && ledger.refused == [refused],
        || {
            format!(
                "{clause} sinks no other, but {} were acknowledged and {:?} refused",
                delivered.acknowledged, ledger.refused
            )
        },
    )?;
    ensure(
        delivered
            .refusals
            .iter()
            .all(|said| said.len() > refused.len() + 2),
        || {
            format!(
                "{clause} comes with a reason, but there was none: {:?}",
                delivered.refusals
            )
        },
    )?;
    let after: Vec<_> = before
        .iter()
        .chain(&upserts)
        .copied()
        .filter(|(key, _)| *key != refused)
        .collect();
    compare(setup, clause, &after).await
}

async fn unreachable(setup: &Setup<'_>) -> Result<()> {
    let (delivered, ledger) = run(setup, setup.unreachable, 7, &[("u1", None), ("u2", None)], &[]).await?;
    let Some(error) = delivered.error else {
        return Err(broken(
            "a destination that cannot be reached fails the run, but it did not",
        ));
    };
    ensure(
        delivered.not_attempted == 2 && ledger.acknowledged.is_empty() && ledger.refused.is_empty(),
        || {
            format!(
                "what cannot be reached takes and refuses nothing, but: {delivered:?}",
                delivered = ledger.acknowledged
            )
        },
    )?;
    ensure(
        error.retry == setup.unreachable_retry && error.message.contains(&setup.unreachable.target()),
        || {
            format!(
                "the error of what cannot be reached says where and whether to retry, but: {}",
                error.message
            )
        },
    )?;
    let checked = setup.unreachable.check(&CancellationToken::new()).await;
    ensure(checked.is_err(), || {
        "check() fails when nothing answers, but it did not".to_owned()
    })
}

async fn compare(setup: &Setup<'_>, clause: &str, expected: &Rows<'_>) -> Result<()> {
    let expected: Held = expected
        .iter()
        .map(|(key, plan)| ((*key).to_owned(), plan.map(str::to_owned)))
        .collect();
    let held = setup.view.held().await?;
    ensure(held == expected, || {
        format!("after {clause} it has to hold {expected:?}, but holds {held:?}")
    })
}

async fn run(
    setup: &Setup<'_>,
    destination: &dyn Destination,
    number: u128,
    upserts: &Rows<'_>,
    removes: &Rows<'_>,
) -> Result<(Delivered, Ledger)> {
    let (sync, clock, cancel) = (
        context(setup, number),
        SystemClock::new(),
        CancellationToken::new(),
    );
    let changes = Changes {
        upserts: batch(upserts)?,
        removes: batch(removes)?,
    };
    let mut ledger = Ledger::default();
    let run = Run {
        destination,
        sync: &sync,
        seed: 1,
        clock: &clock,
        cancel: &cancel,
    };
    let delivered = delivery::run(run, changes, &mut ledger).await;
    Ok((delivered, ledger))
}

fn context(setup: &Setup<'_>, number: u128) -> SyncContext {
    SyncContext {
        sync: "contract".to_owned(),
        audience: "everyone".to_owned(),
        key: KEY.to_owned(),
        options: setup.options.clone(),
        run: Uuid::from_u128(number),
    }
}

/// Rows of every type; all but the plan follow from the position.
fn batch(rows: &Rows<'_>) -> Result<RecordBatch> {
    let every_other = |row: usize| row.is_multiple_of(2);
    let whole = |row: usize| i64::try_from(row).unwrap_or_default();
    let users: StringArray = rows.iter().map(|(key, _)| Some(*key)).collect();
    let plans: StringArray = rows.iter().map(|(_, plan)| *plan).collect();
    let orders: Int64Array = (0..rows.len())
        .map(|row| every_other(row).then(|| whole(row)))
        .collect();
    let values: Float64Array = (0..rows.len()).map(|row| Some(whole(row) as f64 / 4.0)).collect();
    let flags: BooleanArray = (0..rows.len()).map(|row| Some(every_other(row))).collect();
    let times: TimestampMillisecondArray = (0..rows.len())
        .map(|row| every_other(row).then(|| 1_700_000_000_123 + whole(row)))
        .collect();
    let columns: Vec<(&str, ArrayRef)> = vec![
        (KEY, Arc::new(users)),
        ("plan", Arc::new(plans)),
        ("orders", Arc::new(orders)),
        ("value", Arc::new(values)),
        ("subscribed", Arc::new(flags)),
        ("seen", Arc::new(times)),
    ];
    RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(name, array)| (name, array, true)))
        .map_err(arrow_error)
}

/// A recorder that also holds delivery to its word: nothing is answered that was not announced.
#[derive(Default)]
struct Ledger {
    announced: Vec<String>,
    acknowledged: Vec<String>,
    refused: Vec<String>,
}

#[async_trait]
impl Recorder for Ledger {
    async fn on_attempt(&mut self, batch: &DeliveryBatch) -> Result<()> {
        self.announced.extend(keys(&batch.upserts, KEY)?);
        self.announced.extend(keys(&batch.removes, KEY)?);
        Ok(())
    }

    async fn on_outcome(&mut self, report: &BatchReport) -> Result<()> {
        let keys = [keys(&report.upserts, KEY)?, keys(&report.removes, KEY)?].concat();
        for (key, (_, _, outcome)) in keys.into_iter().zip(report.rows()) {
            ensure(self.announced.contains(&key), || {
                format!("{key} was answered before it was announced")
            })?;
            match outcome {
                RowOutcome::Acknowledged => self.acknowledged.push(key),
                RowOutcome::Refused { .. } => self.refused.push(key),
            }
        }
        Ok(())
    }
}

fn ensure(holds: bool, otherwise: impl FnOnce() -> String) -> Result<()> {
    if holds { Ok(()) } else { Err(broken(&otherwise())) }
}

fn broken(what: &str) -> Error {
    Error::internal("destination_contract", what)
}
