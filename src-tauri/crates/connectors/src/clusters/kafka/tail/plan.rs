//! Where each partition of a tail starts and ends, decided before anything is read.

use std::collections::HashMap;

use tailrace_model::{
    Error, Result,
    api::{TailPartition, TailStart},
};

use super::{TailFrom, TailSpec};
use crate::clusters::kafka::{
    client::{KafkaClient, TopicPartition},
    ffi::admin::OffsetOf,
};

/// One partition to read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Span {
    pub partition: i32,
    pub from: i64,
    /// The end when it was planned.
    pub end: i64,
    /// Reads up to here and no further.
    pub stop: Option<i64>,
    /// Records between where it should have started and where it could.
    pub lost: i64,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Plan {
    pub spans: Vec<Span>,
}

impl Plan {
    pub fn progress(&self) -> Vec<TailPartition> {
        let one = |span: &Span| TailPartition {
            partition: span.partition,
            from: span.from,
            next: span.from,
            end: span.end.max(span.from),
        };
        self.spans.iter().map(one).collect()
    }
}

pub(super) async fn plan(client: &KafkaClient, spec: &TailSpec) -> Result<Plan> {
    let known: Vec<i32> = client
        .partitions(&spec.topic)
        .await?
        .iter()
        .map(|of| of.partition)
        .collect();
    if let Some(wrong) = spec.partitions.iter().find(|wanted| !known.contains(wanted)) {
        return Err(client.place().unknown_partition(&spec.topic, *wrong, known.len()));
    }
    let mut partitions = if spec.partitions.is_empty() {
        known
    } else {
        spec.partitions.clone()
    };
    partitions.sort_unstable();
    partitions.dedup();
    let of: Vec<TopicPartition> = partitions
        .iter()
        .map(|partition| TopicPartition {
            topic: spec.topic.clone(),
            partition: *partition,
        })
        .collect();
    // What is open in a transaction is not read yet: the end is the stable one.
    let (starts, ends) = tokio::try_join!(
        client.offsets(&of, OffsetOf::Start),
        client.offsets(&of, OffsetOf::StableEnd)
    )?;
    let at_time = match spec.from {
        TailFrom::Start(TailStart::Timestamp(ms)) => client.offsets(&of, OffsetOf::Time(ms)).await?,
        _ => HashMap::new(),
    };
    let mut spans = Vec::with_capacity(of.len());
    for of in &of {
        let (Some(start), Some(end)) = (starts.get(of).copied(), ends.get(of).copied()) else {
            return Err(Error::external(
                "partition_unavailable",
                format!(
                    "cluster \"{}\": partition {} of topic \"{}\" does not answer: it has no leader now",
                    client.cluster(),
                    of.partition,
                    of.topic
                ),
            ));
        };
        spans.push(span(spec, of, start, end, at_time.get(of).copied())?);
    }
    Ok(Plan { spans })
}

fn span(spec: &TailSpec, of: &TopicPartition, start: i64, end: i64, at_time: Option<i64>) -> Result<Span> {
    let mut lost = 0;
    let from = match &spec.from {
        TailFrom::Start(TailStart::Beginning) => start,
        TailFrom::Start(TailStart::End) => end,
        TailFrom::Start(TailStart::Offset(offset)) => (*offset).clamp(start, end.max(start)),
        TailFrom::Start(TailStart::Last(count)) => end.saturating_sub((*count).max(0)).max(start),
        // No record is so late: only what comes now.
        TailFrom::Start(TailStart::Timestamp(_)) => at_time.filter(|offset| *offset >= 0).unwrap_or(end),
        TailFrom::Offsets(offsets) => {
            match offsets
                .iter()
                .find(|(partition, _)| *partition == of.partition)
                .map(|(_, offset)| *offset)
            {
                Some(offset) if offset > end => {
                    return Err(Error::user(
                        "offset_past_end",
                        format!(
                            "topic \"{}\", partition {}: the checkpoint is at offset {offset}, but the partition ends \
                             at {end}: the topic was made anew or cut. Replay it from the beginning",
                            of.topic, of.partition
                        ),
                    ));
                }
                Some(offset) => {
                    lost = (start - offset).max(0);
                    offset.max(start)
                }
                None => start,
            }
        }
    };
    let stop = spec.stop_at_end.then_some(end);
    Ok(Span {
        partition: of.partition,
        from,
        end,
        stop,
        lost,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_a_partition_starts() {
        let of = TopicPartition {
            topic: "t".into(),
            partition: 3,
        };
        let check = |from: TailFrom, at_time: Option<i64>, expected: Result<(i64, i64), &str>| {
            let spec = TailSpec {
                stop_at_end: true,
                ..TailSpec::new("t", from.clone())
            };
            let found = span(&spec, &of, 10, 50, at_time);
            let found = found.map(|span| {
                assert_eq!(span.stop, Some(50));
                (span.from, span.lost)
            });
            assert_eq!(
                found.as_ref().map_err(|error| error.code.as_str()).copied(),
                expected,
                "{from:?}"
            );
        };
        check(TailFrom::Start(TailStart::Beginning), None, Ok((10, 0)));
        check(TailFrom::Start(TailStart::End), None, Ok((50, 0)));
        check(TailFrom::Start(TailStart::Offset(20)), None, Ok((20, 0)));
        check(TailFrom::Start(TailStart::Offset(2)), None, Ok((10, 0)));
        check(TailFrom::Start(TailStart::Offset(90)), None, Ok((50, 0)));
        check(TailFrom::Start(TailStart::Last(5)), None, Ok((45, 0)));
        check(TailFrom::Start(TailStart::Last(500)), None, Ok((10, 0)));
        check(TailFrom::Start(TailStart::Last(i64::MIN)), None, Ok((50, 0)));
        check(TailFrom::Start(TailStart::Timestamp(7)), Some(33), Ok((33, 0)));
        check(TailFrom::Start(TailStart::Timestamp(7)), Some(-1), Ok((50, 0)));
        check(TailFrom::Offsets(vec![(1, 5), (3, 44)]), None, Ok((44, 0)));
        check(TailFrom::Offsets(vec![(1, 5)]), None, Ok((10, 0)));
        check(TailFrom::Offsets(vec![(3, 4)]), None, Ok((10, 6)));
        check(TailFrom::Offsets(vec![(3, 50)]), None, Ok((50, 0)));
        check(TailFrom::Offsets(vec![(3, 51)]), None, Err("offset_past_end"));
    }
}
