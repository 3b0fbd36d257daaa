//! What moving a group's offsets comes to, before anything is moved.

use std::collections::BTreeSet;

use tailrace_model::{
    Error, Result,
    api::{ResetOffset, ResetPlan, ResetRow},
};

/// Lines that one file of offsets may have.
pub const CSV_LINES_MAX: usize = 100_000;

/// One partition that shall be moved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    pub topic: String,
    pub partition: i32,
    pub current: Option<i64>,
    pub start: i64,
    pub end: i64,
    pub to: Target,
}

/// Where it shall be moved to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    Start,
    End,
    Offset(i64),
    /// The first record at or after a time; `None`: there is none, which means the end.
    Time(Option<i64>),
    /// From where it is.
    Shift(i64),
}

/// The row of a preview. What lies outside of the partition is moved to its edge, and said.
pub fn row(wanted: &Wanted) -> ResetRow {
    let (asked, note) = match wanted.to {
        Target::Start => (wanted.start, None),
        Target::End => (wanted.end, None),
        Target::Offset(offset) => (offset, None),
        Target::Time(Some(offset)) => (offset, None),
        Target::Time(None) => (
            wanted.end,
            Some("no record is that young: it goes to the end".to_owned()),
        ),
        Target::Shift(by) => match wanted.current {
            Some(current) => (current.saturating_add(by), None),
            None => {
                let edge = if by < 0 { wanted.end } else { wanted.start };
                let from = if by < 0 { "end" } else { "beginning" };
                let note = format!("nothing is committed: counted from the {from}");
                (edge.saturating_add(by), Some(note))
            }
        },
    };
    let new = asked.clamp(wanted.start, wanted.end);
    ResetRow {
        topic: wanted.topic.clone(),
        partition: wanted.partition,
        current: wanted.current,
        new,
        start: wanted.start,
        end: wanted.end,
        change: wanted.current.map(|current| new - current),
        clamped_from: (new != asked).then_some(asked),
        note,
    }
}

/// The rows, and what they come to. Only records that are still there count: nobody reads again what was deleted.
pub fn plan(cluster: &str, group: &str, mut rows: Vec<ResetRow>, refused: Option<String>) -> ResetPlan {
    rows.sort_by(|left, right| (&left.topic, left.partition).cmp(&(&right.topic, right.partition)));
    let moved = |row: &ResetRow| {
        let from = row.current.unwrap_or(row.new).clamp(row.start, row.end);
        row.new - from
    };
    ResetPlan {
        cluster: cluster.to_owned(),
        group: group.to_owned(),
        skipped: rows.iter().map(|row| moved(row).max(0)).sum(),
        again: rows.iter().map(|row| (-moved(row)).max(0)).sum(),
        rows,
        refused,
    }
}

/// Lines of `topic,partition,offset`, as `kafka-consumer-groups --export` writes them; of an export of several groups
/// `group,topic,partition,offset`, of which those of this group count. An empty line, a comment and a header say nothing.
pub fn parse_csv(text: &str, group: &str) -> Result<Vec<ResetOffset>> {
    let mut offsets = Vec::new();
    let mut seen = BTreeSet::new();
    for (index, line) in text.lines().enumerate() {
        let number = index + 1;
        if number > CSV_LINES_MAX {
            return Err(wrong(
                number,
                format!("the file has more than {CSV_LINES_MAX} lines"),
            ));
        }
        let line = line.trim().trim_start_matches('\u{feff}');
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let fields: Vec<&str> = line
            .split(',')
            .map(|field| field.trim().trim_matches('"'))
            .collect();
        let (topic, partition, offset) = match fields.as_slice() {
            [topic, partition, offset] => (*topic, *partition, *offset),
            [of, topic, partition, offset] if *of == group => (*topic, *partition, *offset),
            [_, _, _, offset] if offset.parse::<i64>().is_ok() => continue,
            [_, _, _, _] if number == 1 => continue,
            _ => {
                return Err(wrong(number, format!("\"{line}\" is not topic,partition,offset")));
            }
        };
        let (Ok(partition), Ok(offset)) = (partition.parse::<i32>(), offset.parse::<i64>()) else {
            if number == 1 {
                continue;
            }
            return Err(wrong(
                number,
                format!("\"{line}\" has no whole numbers for partition and offset"),
            ));
        };
        if partition < 0 || offset < 0 || topic.is_empty() {
            return Err(wrong(
                number,
                format!("\"{line}\" has no topic, or a number below 0"),
            ));
        }
        if !seen.insert((topic.to_owned(), partition)) {
            return Err(wrong(number, format!("{topic}/{partition} is there twice")));
        }
        offsets.push(ResetOffset {
            topic: topic.to_owned(),
            partition,
            offset,
        });
    }
    if offsets.is_empty() {
        return Err(Error::user(
            "reset_file",
            format!("the file has no line topic,partition,offset for group \"{group}\""),
        ));
    }
    Ok(offsets)
}

fn wrong(line: usize, what: String) -> Error {
    Error::user("reset_file", format!("line {line}: {what}")).at(
        None,
        u32::try_from(line).unwrap_or(u32::MAX),
        1,
    )
}
