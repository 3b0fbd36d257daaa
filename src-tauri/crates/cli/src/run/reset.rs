//! `tailrace groups reset`: what moving a group's offsets would change, asked once, and why nothing can be moved.

use std::path::Path;

use chrono::DateTime;
use tailrace_app::{App, commands as run};
use tailrace_model::{Error, api::*};

use super::{
    changes::{agreed, require_somebody},
    groups::span_ms,
};
use crate::{
    Outcome,
    args::Reset,
    output::{Output, count, maybe},
};

/// Bytes of a file of offsets.
const FILE_BYTES_MAX: u64 = 16 * 1024 * 1024;
/// Partitions that a sentence names.
const NAMED_MAX: usize = 3;

pub(super) async fn reset(app: &App, args: Reset, output: &Output) -> anyhow::Result<Outcome> {
    let request = ResetRequest {
        cluster: args.cluster.clone(),
        group: args.group.clone(),
        only: args
            .topics
            .iter()
            .map(|text| scope(text))
            .collect::<Result<_, _>>()?,
        to: target(&args)?,
    };
    let plan = run::group_reset_preview(app, request).await?;
    let standing = standing(&plan.rows);
    if args.dry_run {
        print_plan(&plan, output)?;
        return match standing {
            Standing::Moves(_) => Ok(Outcome::Done),
            Standing::There => Ok(there(&plan.group, output)),
            Standing::Cannot(why) => Err(immovable(&plan.group, &why).into()),
        };
    }
    if let Some(refused) = &plan.refused {
        if !output.json {
            print_plan(&plan, output)?;
        }
        return Err(Error::user("reset_refused", refused.clone()).into());
    }
    let moves = match standing {
        Standing::Moves(moves) => moves,
        Standing::There => {
            if output.json {
                print_plan(&plan, output)?;
            }
            return Ok(there(&plan.group, output));
        }
        Standing::Cannot(why) => return Err(immovable(&plan.group, &why).into()),
    };
    if !args.yes {
        require_somebody()?;
        print_plan(&plan, output)?;
        let question = format!("Move {} of {}?", offset_count(moves), plan.group);
        if !agreed(&question, output).await? {
            return Ok(Outcome::Failed);
        }
    }
    let offsets = plan.rows.iter().map(|row| ResetOffset {
        topic: row.topic.clone(),
        partition: row.partition,
        offset: row.new,
    });
    let request = ResetApply {
        cluster: args.cluster,
        group: args.group,
        offsets: offsets.collect(),
    };
    let done = run::group_reset(app, request).await?;
    if args.yes {
        print_plan(&done, output)?;
    }
    let moved = done.rows.iter().filter(|row| row.change != Some(0)).count();
    output.note(&format!("{} of {} moved", offset_count(moved), done.group));
    Ok(Outcome::Done)
}

/// Whether a plan comes to anything.
#[derive(Debug, PartialEq, Eq)]
enum Standing {
    /// So many offsets move.
    Moves(usize),
    /// Everything is where it is asked for.
    There,
    /// Nothing is, and nothing can be: why.
    Cannot(String),
}

fn standing(rows: &[ResetRow]) -> Standing {
    let moves = rows.iter().filter(|row| row.change != Some(0)).count();
    let held: Vec<String> = rows.iter().filter_map(held).collect();
    match (moves, rows.is_empty(), held.is_empty()) {
        (0, true, _) => Standing::Cannot("what is asked for has no partition".to_owned()),
        (0, _, true) => Standing::There,
        (0, ..) => {
            let more = held.len().saturating_sub(NAMED_MAX);
            let mut named: Vec<String> = held.into_iter().take(NAMED_MAX).collect();
            if more > 0 {
                named.push(format!("and {} more", count(more as u64)));
            }
            Standing::Cannot(named.join("; "))
        }
        (moves, ..) => Standing::Moves(moves),
    }
}

/// Where a partition ends before what is asked for.
fn held(row: &ResetRow) -> Option<String> {
    let asked = row.clamped_from?;
    let (edge, at, beyond) = match asked > row.end {
        true => ("end", row.end, "past"),
        false => ("start", row.start, "before"),
    };
    Some(format!(
        "{}/{} is at its {edge} ({}), and {} is {beyond} it",
        row.topic,
        row.partition,
        maybe(Some(at)),
        maybe(Some(asked))
    ))
}

fn there(group: &str, output: &Output) -> Outcome {
    output.note(&format!(
        "nothing to move: every offset of {group} is where it is asked for"
    ));
    Outcome::Done
}

fn immovable(group: &str, why: &str) -> Error {
    Error::user(
        "nothing_to_move",
        format!("no offset of {group} can be moved: {why}"),
    )
}

fn offset_count(number: usize) -> String {
    match number {
        1 => "1 offset".to_owned(),
        number => format!("{} offsets", count(number as u64)),
    }
}

fn print_plan(plan: &ResetPlan, output: &Output) -> anyhow::Result<()> {
    if output.json {
        return output.object(plan);
    }
    output.list(
        &plan.rows,
        &[
            "topic",
            "partition",
            "current",
            "new",
            "change",
            "start",
            "end",
            "note",
        ],
        |it| {
            let clamped = it.clamped_from.map(|asked| format!("{asked} is outside"));
            let note: Vec<String> = clamped.into_iter().chain(it.note.clone()).collect();
            vec![
                it.topic.clone(),
                it.partition.to_string(),
                maybe(it.current),
                maybe(Some(it.new)),
                maybe(it.change),
                maybe(Some(it.start)),
                maybe(Some(it.end)),
                note.join("; "),
            ]
        },
    )?;
    output.note(&format!(
        "{} records are skipped, {} are read again",
        count(plan.skipped.unsigned_abs()),
        count(plan.again.unsigned_abs())
    ));
    if let Some(refused) = &plan.refused {
        output.note(&format!("it can't be done now: {refused}"));
    }
    Ok(())
}

/// `TOPIC` or `TOPIC:0,1,2`.
fn scope(text: &str) -> Result<ResetScope, Error> {
    let (topic, partitions) = text.split_once(':').unwrap_or((text, ""));
    let partitions = partitions
        .split(',')
        .filter(|part| !part.is_empty())
        .map(|part| part.trim().parse::<i32>().ok().filter(|number| *number >= 0))
        .collect::<Option<Vec<i32>>>();
    match partitions {
        Some(partitions) if !topic.is_empty() => Ok(ResetScope {
            topic: topic.to_owned(),
            partitions,
        }),
        _ => Err(Error::user(
            "misuse",
            format!("\"{text}\" names no topic: write TOPIC, or TOPIC:0,1,2 for some of its partitions"),
        )),
    }
}

fn target(args: &Reset) -> anyhow::Result<ResetTo> {
    Ok(match args {
        Reset {
            to_earliest: true, ..
        } => ResetTo::Earliest,
        Reset { to_latest: true, .. } => ResetTo::Latest,
        Reset {
            to_offset: Some(offset),
            ..
        } => ResetTo::Offset(*offset),
        Reset {
            to_timestamp: Some(text),
            ..
        } => ResetTo::Timestamp(moment(text)?),
        Reset {
            by_shift: Some(by), ..
        } => ResetTo::Shift(*by),
        Reset {
            by_duration: Some(text),
            ..
        } => ResetTo::Duration(span_ms(text)?),
        Reset {
            from_file: Some(path),
            ..
        } => ResetTo::Csv(read(path)?),
        _ => return Err(Error::user("misuse", "say where to: --to-earliest, --to-latest, ...").into()),
    })
}

fn moment(text: &str) -> Result<i64, Error> {
    if let Ok(ms) = text.parse::<i64>() {
        return Ok(ms);
    }
    DateTime::parse_from_rfc3339(text)
        .map(|at| at.timestamp_millis())
        .map_err(|_| {
            Error::user(
                "misuse",
                format!("\"{text}\" is no time: write 2026-03-09T14:00:00Z, or milliseconds since 1970"),
            )
        })
}

fn read(path: &Path) -> Result<String, Error> {
    let cannot = |why: String| {
        Error::user(
            "file_unreadable",
            format!("{} can't be read ({why})", path.display()),
        )
    };
    let size = std::fs::metadata(path)
        .map_err(|error| cannot(error.to_string()))?
        .len();
    if size > FILE_BYTES_MAX {
        return Err(cannot(format!(
            "it has {size} bytes, {FILE_BYTES_MAX} are allowed"
        )));
    }
    std::fs::read_to_string(path).map_err(|error| cannot(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_that_moves_nothing_says_why() {
        let row = |partition: i32, current: Option<i64>, asked: i64| {
            let new = asked.clamp(10, 1_050);
            ResetRow {
                topic: "orders".to_owned(),
                partition,
                current,
                new,
                start: 10,
                end: 1_050,
                change: current.map(|current| new - current),
                clamped_from: (new != asked).then_some(asked),
                note: None,
            }
        };
        let check = |rows: &[ResetRow], expected: Standing| assert_eq!(standing(rows), expected);
        check(&[row(0, Some(12), 12), row(1, Some(12), 40)], Standing::Moves(1));
        // Nothing was committed: now something is.
        check(&[row(0, None, 10)], Standing::Moves(1));
        check(&[row(0, Some(12), 12)], Standing::There);
        let cannot = |why: &str| Standing::Cannot(why.to_owned());
        check(&[], cannot("what is asked for has no partition"));
        check(
            &[
                row(0, Some(1_050), 1_060),
                row(1, Some(12), 12),
                row(2, Some(10), 5),
            ],
            cannot(
                "orders/0 is at its end (1,050), and 1,060 is past it; orders/2 is at its start (10), and 5 is before it",
            ),
        );
        let many: Vec<ResetRow> = (0..5).map(|at| row(at, Some(10), 0)).collect();
        let Standing::Cannot(why) = standing(&many) else {
            unreachable!("nothing moves")
        };
        assert!(why.ends_with("; and 2 more"), "{why}");
    }

    #[test]
    fn topics_and_their_partitions() {
        let check = |text: &str, expected: Option<(&str, &[i32])>| {
            let found = scope(text).ok().map(|scope| (scope.topic, scope.partitions));
            let expected = expected.map(|(topic, partitions)| (topic.to_owned(), partitions.to_vec()));
            assert_eq!(found, expected, "{text}");
        };
        check("orders", Some(("orders", &[])));
        check("orders:0,2", Some(("orders", &[0, 2])));
        check("orders:", Some(("orders", &[])));
        check("orders:x", None);
        check(":1", None);
        check("orders:-1", None);
    }
}
