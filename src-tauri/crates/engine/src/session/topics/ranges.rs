//! Which parts of a topic have to be read for a condition: what it says of partition, offset and time.

use std::collections::BTreeSet;

use datafusion::logical_expr::{BinaryExpr, Expr, Operator, utils::split_conjunction};
use tailrace_model::need::Place;

use super::expr::{at, bounds, place};

/// Ranges of one table at most; a condition with more is read as fewer that hold them.
pub const RANGES_MAX: usize = 32;

/// A part of a topic. Records outside of all ranges of a table are not needed; those inside may be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicRange {
    /// Absent: all.
    pub partitions: Option<BTreeSet<i32>>,
    /// First and last, both included.
    pub offsets: (i64, i64),
    /// First and last in milliseconds, both included.
    pub times_ms: (i64, i64),
}

impl TopicRange {
    pub fn all() -> Self {
        Self {
            partitions: None,
            offsets: (0, i64::MAX),
            times_ms: (i64::MIN, i64::MAX),
        }
    }

    fn of(place: Place, at_least: i64, at_most: i64) -> Self {
        let mut range = Self::all();
        match place {
            Place::Offset => range.offsets = (at_least.max(0), at_most),
            Place::Timestamp => range.times_ms = (at_least, at_most),
            // Kafka numbers them from 0; an open end says nothing that is worth a list.
            Place::Partition if at_least == at_most => {
                range.partitions = Some(i32::try_from(at_least).into_iter().collect());
            }
            Place::Partition if at_least >= 0 && at_most.saturating_sub(at_least) < PARTITIONS_MAX => {
                range.partitions = Some((at_least..=at_most).flat_map(i32::try_from).collect());
            }
            Place::Partition if at_most < PARTITIONS_MAX => {
                range.partitions = Some((at_least.max(0)..=at_most).flat_map(i32::try_from).collect());
            }
            Place::Partition => {}
        }
        range
    }

    fn and(&self, other: &Self) -> Option<Self> {
        let partitions = match (&self.partitions, &other.partitions) {
            (Some(one), Some(two)) => Some(one & two),
            (one, two) => one.clone().or_else(|| two.clone()),
        };
        let both = |one: (i64, i64), two: (i64, i64)| (one.0.max(two.0), one.1.min(two.1));
        let range = Self {
            partitions,
            offsets: both(self.offsets, other.offsets),
            times_ms: both(self.times_ms, other.times_ms),
        };
        range.is_any().then_some(range)
    }

    fn is_any(&self) -> bool {
        self.partitions.as_ref().is_none_or(|these| !these.is_empty())
            && self.offsets.0 <= self.offsets.1
            && self.times_ms.0 <= self.times_ms.1
    }

    /// The smallest range that holds both.
    fn around(self, other: Self) -> Self {
        let both = |one: (i64, i64), two: (i64, i64)| (one.0.min(two.0), one.1.max(two.1));
        Self {
            partitions: self
                .partitions
                .zip(other.partitions)
                .map(|(one, two)| &one | &two),
            offsets: both(self.offsets, other.offsets),
            times_ms: both(self.times_ms, other.times_ms),
        }
    }
}

/// No topic has more partitions.
const PARTITIONS_MAX: i64 = 4_096;

/// The ranges in which all of these conditions can hold. None: they can't hold at all.
pub(in crate::session) fn ranges(conditions: &[Expr]) -> Vec<TopicRange> {
    all_of(conditions.iter().flat_map(split_conjunction))
}

fn all_of<'e>(conditions: impl IntoIterator<Item = &'e Expr>) -> Vec<TopicRange> {
    let mut ranges = vec![TopicRange::all()];
    for condition in conditions {
        let Some(more) = of(condition) else { continue };
        let both: Vec<TopicRange> = ranges
            .iter()
            .flat_map(|range| more.iter().filter_map(|other| range.and(other)))
            .collect();
        // Without the one or with it: more is read, nothing is left out.
        if both.len() <= RANGES_MAX {
            ranges = both;
        }
    }
    ranges
}

/// `None`: the condition says nothing of it.
fn of(condition: &Expr) -> Option<Vec<TopicRange>> {
    if let Some((place, at_least, at_most)) = bounds(condition) {
        let range = TopicRange::of(place, at_least, at_most);
        return Some(range.is_any().then_some(range).into_iter().collect());
    }
    match condition {
        Expr::BinaryExpr(BinaryExpr {
            left,
            op: Operator::And,
            right,
        }) => Some(all_of([left.as_ref(), right.as_ref()])),
        Expr::BinaryExpr(BinaryExpr {
            left,
            op: Operator::Or,
            right,
        }) => {
            let mut ranges = of(left)?;
            ranges.extend(of(right)?);
            Some(few(ranges))
        }
        Expr::InList(list) if !list.negated => {
            let place = place(&list.expr)?;
            let one = |literal: &Expr| {
                let (down, up) = at(place, literal)?;
                Some(TopicRange::of(place, down, up))
            };
            Some(few(list.list.iter().map(one).collect::<Option<_>>()?))
        }
        _ => None,
    }
}

fn few(ranges: Vec<TopicRange>) -> Vec<TopicRange> {
    if ranges.len() <= RANGES_MAX {
        return ranges;
    }
    ranges
        .into_iter()
        .reduce(TopicRange::around)
        .into_iter()
        .collect()
}

#[cfg(test)]
mod tests {
    use datafusion::{
        common::ScalarValue,
        logical_expr::{col, lit},
    };
    use proptest::prelude::*;

    use super::*;

    fn time(ms: i64) -> Expr {
        Expr::Literal(
            ScalarValue::TimestampMillisecond(Some(ms), Some("UTC".into())),
            None,
        )
    }

    #[test]
    fn conditions_become_ranges() {
        let check = |condition: Expr, expected: Vec<TopicRange>| {
            assert_eq!(ranges(std::slice::from_ref(&condition)), expected, "{condition}");
        };
        let all = TopicRange::all;
        let offsets = |from, to| TopicRange {
            offsets: (from, to),
            ..all()
        };
        let times = |from, to| TopicRange {
            times_ms: (from, to),
            ..all()
        };
        check(col("_offset").eq(lit(5_i64)), vec![offsets(5, 5)]);
        check(col("_offset").lt(lit(5_i64)), vec![offsets(0, 4)]);
        check(lit(5_i64).lt_eq(col("_offset")), vec![offsets(5, i64::MAX)]);
        check(col("_timestamp").gt(time(5)), vec![times(6, i64::MAX)]);
        check(
            col("_timestamp")
                .gt_eq(time(5))
                .and(col("_timestamp").lt(time(9))),
            vec![times(5, 8)],
        );
        check(
            col("_offset").in_list(vec![lit(3_i64), lit(9_i64)], false),
            vec![offsets(3, 3), offsets(9, 9)],
        );
        check(
            col("_partition").eq(lit(1)).and(col("x").eq(lit(1))),
            vec![TopicRange {
                partitions: Some([1].into()),
                ..all()
            }],
        );
        check(col("_offset").eq(lit(1_i64)).or(col("x").eq(lit(1))), vec![all()]);
        check(
            col("_offset").gt(lit(9_i64)).and(col("_offset").lt(lit(3_i64))),
            Vec::new(),
        );
        check(col("_offset").not_eq(lit(9_i64)), vec![all()]);
    }

    #[derive(Debug, Clone)]
    enum Cond {
        Compare(u8, u8, i64),
        In(u8, Vec<i64>),
        Between(u8, i64, i64),
        And(Box<Cond>, Box<Cond>),
        Or(Box<Cond>, Box<Cond>),
        Not(Box<Cond>),
        Other(bool),
    }

    fn cond() -> impl Strategy<Value = Cond> {
        let leaf = prop_oneof![
            (0..3_u8, 0..6_u8, 0..8_i64).prop_map(|(column, op, at)| Cond::Compare(column, op, at)),
            (0..3_u8, prop::collection::vec(0..8_i64, 1..4))
                .prop_map(|(column, list)| Cond::In(column, list)),
            (0..3_u8, 0..8_i64, 0..8_i64).prop_map(|(column, low, high)| Cond::Between(column, low, high)),
            any::<bool>().prop_map(Cond::Other),
        ];
        leaf.prop_recursive(4, 24, 2, |inner| {
            prop_oneof![
                (inner.clone(), inner.clone()).prop_map(|(l, r)| Cond::And(Box::new(l), Box::new(r))),
                (inner.clone(), inner.clone()).prop_map(|(l, r)| Cond::Or(Box::new(l), Box::new(r))),
                inner.prop_map(|inner| Cond::Not(Box::new(inner))),
            ]
        })
    }

    fn value(column: u8, at: i64) -> Expr {
        match column {
            0 => lit(at as i32),
            1 => lit(at),
            _ => time(at),
        }
    }

    impl Cond {
        fn expr(&self) -> Expr {
            let column = |of: u8| col(["_partition", "_offset", "_timestamp"][usize::from(of)]);
            match self {
                Self::Compare(of, op, at) => {
                    let (left, right) = (column(*of), value(*of, *at));
                    match op {
                        0 => left.eq(right),
                        1 => left.lt(right),
                        2 => left.lt_eq(right),
                        3 => left.gt(right),
                        4 => left.gt_eq(right),
                        _ => left.not_eq(right),
                    }
                }
                Self::In(of, list) => {
                    column(*of).in_list(list.iter().map(|at| value(*of, *at)).collect(), false)
                }
                Self::Between(of, low, high) => column(*of).between(value(*of, *low), value(*of, *high)),
                Self::And(left, right) => left.expr().and(right.expr()),
                Self::Or(left, right) => left.expr().or(right.expr()),
                Self::Not(inner) => !inner.expr(),
                Self::Other(holds) => col("x").eq(lit(*holds)),
            }
        }

        fn holds(&self, row: [i64; 3]) -> bool {
            match self {
                Self::Compare(of, op, at) => {
                    let left = row[usize::from(*of)];
                    match op {
                        0 => left == *at,
                        1 => left < *at,
                        2 => left <= *at,
                        3 => left > *at,
                        4 => left >= *at,
                        _ => left != *at,
                    }
                }
                Self::In(of, list) => list.contains(&row[usize::from(*of)]),
                Self::Between(of, low, high) => (*low..=*high).contains(&row[usize::from(*of)]),
                Self::And(left, right) => left.holds(row) && right.holds(row),
                Self::Or(left, right) => left.holds(row) || right.holds(row),
                Self::Not(inner) => !inner.holds(row),
                Self::Other(holds) => *holds,
            }
        }
    }

    fn within(range: &TopicRange, [partition, offset, time]: [i64; 3]) -> bool {
        let partition = partition as i32;
        range
            .partitions
            .as_ref()
            .is_none_or(|these| these.contains(&partition))
            && (range.offsets.0..=range.offsets.1).contains(&offset)
            && (range.times_ms.0..=range.times_ms.1).contains(&time)
    }

    proptest! {
        /// Every row on which a condition holds is in a range. (With `Lt` read as one less, `Or` as its left side or
        /// `around` as its left side, this fails within a few cases.)
        #[test]
        fn no_row_is_left_out(conditions in prop::collection::vec(cond(), 1..3)) {
            let exprs: Vec<Expr> = conditions.iter().map(Cond::expr).collect();
            let ranges = ranges(&exprs);
            for (partition, offset, time) in every_row(8) {
                let row = [partition, offset, time];
                if conditions.iter().all(|condition| condition.holds(row)) {
                    prop_assert!(ranges.iter().any(|range| within(range, row)), "{row:?} is in none of {ranges:?}");
                }
            }
        }
    }

    fn every_row(end: i64) -> impl Iterator<Item = (i64, i64, i64)> {
        (0..end).flat_map(move |a| (0..end).flat_map(move |b| (0..end).map(move |c| (a, b, c))))
    }
}
