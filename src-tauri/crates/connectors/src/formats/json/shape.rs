//! The shape of JSON values, learnt batch by batch.
//!
//! Invariants: bounded in fields, in depth and in the length of a name, and what was left out is counted; a field's kind
//! is the most frequent one of the batch in which it was first seen, and changes afterwards only from integer to float.

use arrow::array::{Array, BinaryArray};

use super::{
    fields::{Field, Fields, Kind},
    scan::{Scanner, Wrong},
};

/// How much of the shape is learnt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ShapeLimits {
    pub fields_max: usize,
    /// Objects within one another that are looked into; deeper ones are JSON text.
    pub depth_max: usize,
    pub name_bytes_max: usize,
    /// Values of each batch that are looked at, spread over it.
    pub values_max: usize,
}

impl Default for ShapeLimits {
    fn default() -> Self {
        Self {
            fields_max: 500,
            depth_max: 5,
            name_bytes_max: 200,
            values_max: 2_000,
        }
    }
}

/// What the values seen so far look like.
#[derive(Debug, Clone, Default)]
pub struct Shape {
    limits: ShapeLimits,
    root: Vec<Node>,
    fields: usize,
    /// Values that are JSON objects.
    objects: u64,
    /// Values that are something else; nulls count as neither.
    others: u64,
    left_out: u64,
}

#[derive(Debug, Clone)]
struct Node {
    name: String,
    /// By [`Seen`].
    counts: [u64; SEEN],
    /// Set at the end of the batch in which it was first seen.
    settled: Option<Seen>,
    within: Vec<Node>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Seen {
    Bool,
    Int,
    Float,
    Text,
    /// A list, or an object that is not looked into.
    Json,
    Object,
}

const SEEN: usize = 6;
const ALL: [Seen; SEEN] = [
    Seen::Bool,
    Seen::Int,
    Seen::Float,
    Seen::Text,
    Seen::Json,
    Seen::Object,
];

impl Shape {
    pub fn new(limits: ShapeLimits) -> Self {
        Self {
            limits,
            ..Self::default()
        }
    }

    /// The shape of one batch.
    pub fn infer(values: &BinaryArray, limits: ShapeLimits) -> Fields {
        let mut shape = Self::new(limits);
        shape.observe(values);
        shape.fields()
    }

    /// Learns from a batch. `true` when there is a new field or a field changed its kind, so that whatever was planned
    /// on [`Shape::fields`] has to be planned anew.
    pub fn observe(&mut self, values: &BinaryArray) -> bool {
        let step = values.len().div_ceil(self.limits.values_max.max(1)).max(1);
        for row in (0..values.len())
            .step_by(step)
            .filter(|row| values.is_valid(*row))
        {
            let object =
                std::str::from_utf8(values.value(row)).is_ok_and(|text| self.observe_one(text).is_ok());
            if object {
                self.objects += 1;
            } else {
                self.others += 1;
            }
        }
        settle(&mut self.root)
    }

    /// Whether values are worth decoding: at least one in ten is a JSON object.
    pub fn is_json(&self) -> bool {
        self.objects > 0 && self.objects * 9 >= self.others
    }

    /// Fields that were left out because there are too many, or their name is too long; each value counts.
    pub fn left_out(&self) -> u64 {
        self.left_out
    }

    pub fn fields(&self) -> Fields {
        fields(&self.root)
    }

    fn observe_one(&mut self, text: &str) -> Result<(), Wrong> {
        // A broken value teaches nothing: it is checked whole first.
        super::scan::check(text)?;
        let mut scanner = Scanner::new(text);
        scanner.space();
        if scanner.peek() != b'{' {
            return scanner.wrong("it is not an object");
        }
        let mut learner = Learner {
            limits: self.limits,
            fields: &mut self.fields,
            left_out: &mut self.left_out,
        };
        learner.object(&mut scanner, &mut self.root, 1)
    }
}

struct Learner<'s> {
    limits: ShapeLimits,
    fields: &'s mut usize,
    left_out: &'s mut u64,
}

impl Learner<'_> {
    fn object(
        &mut self,
        scanner: &mut Scanner<'_>,
        nodes: &mut Vec<Node>,
        depth: usize,
    ) -> Result<(), Wrong> {
        scanner.expect(b'{', "an object was expected")?;
        scanner.space();
        if scanner.take(b'}') {
            return Ok(());
        }
        // Objects mostly have the same names in the same order.
        let mut next = 0;
        loop {
            let name = scanner.string()?;
            scanner.space();
            scanner.expect(b':', "a colon was expected after a name")?;
            scanner.space();
            match self.node(nodes, &name, next) {
                Some(at) => {
                    next = at + 1;
                    self.value(scanner, &mut nodes[at], depth)?;
                }
                None => {
                    *self.left_out += 1;
                    scanner.skip()?;
                }
            }
            scanner.space();
            if scanner.take(b'}') {
                return Ok(());
            }
            scanner.expect(b',', "a comma or an end was expected")?;
            scanner.space();
        }
    }

    fn node(&mut self, nodes: &mut Vec<Node>, name: &str, guess: usize) -> Option<usize> {
        if nodes.get(guess).is_some_and(|node| node.name == name) {
            return Some(guess);
        }
        if let Some(at) = nodes.iter().position(|node| node.name == name) {
            return Some(at);
        }
        if *self.fields >= self.limits.fields_max
            || name.len() > self.limits.name_bytes_max
            || name.is_empty()
        {
            return None;
        }
        *self.fields += 1;
        nodes.push(Node {
            name: name.to_owned(),
            counts: [0; SEEN],
            settled: None,
            within: Vec::new(),
        });
        Some(nodes.len() - 1)
    }

    fn value(&mut self, scanner: &mut Scanner<'_>, node: &mut Node, depth: usize) -> Result<(), Wrong> {
        let seen = match scanner.peek() {
            b'{' if depth < self.limits.depth_max => {
                node.counts[Seen::Object as usize] += 1;
                return self.object(scanner, &mut node.within, depth + 1);
            }
            b'n' => return scanner.skip(),
            b't' | b'f' => Seen::Bool,
            b'"' => Seen::Text,
            b'{' | b'[' => Seen::Json,
            _ => {
                let (text, integer) = scanner.number()?;
                let seen = if integer && text.parse::<i64>().is_ok() {
                    Seen::Int
                } else {
                    Seen::Float
                };
                node.counts[seen as usize] += 1;
                return Ok(());
            }
        };
        scanner.skip()?;
        node.counts[seen as usize] += 1;
        Ok(())
    }
}

/// Decides what is new; `true` when something changed.
fn settle(nodes: &mut [Node]) -> bool {
    let mut changed = false;
    for node in nodes {
        let settled = match node.settled {
            None => most_frequent(&node.counts),
            // Never back, and never to anything else.
            Some(Seen::Int) if node.counts[Seen::Float as usize] > 0 => Some(Seen::Float),
            settled => settled,
        };
        changed |= settled != node.settled;
        node.settled = settled;
        let within = settle(&mut node.within);
        changed |= within && node.settled == Some(Seen::Object);
    }
    changed
}

fn most_frequent(counts: &[u64; SEEN]) -> Option<Seen> {
    let mut counts = *counts;
    // Integers among floats are floats.
    if counts[Seen::Float as usize] > 0 {
        counts[Seen::Float as usize] += std::mem::take(&mut counts[Seen::Int as usize]);
    }
    let (at, count) = counts
        .iter()
        .enumerate()
        .max_by_key(|(at, count)| (**count, std::cmp::Reverse(*at)))?;
    (*count > 0).then_some(ALL[at])
}

fn fields(nodes: &[Node]) -> Fields {
    let list = nodes.iter().filter_map(|node| {
        let kind = match node.settled? {
            Seen::Bool => Kind::Bool,
            Seen::Int => Kind::Int64,
            Seen::Float => Kind::Float64,
            Seen::Text => Kind::Utf8,
            Seen::Json => Kind::Json,
            Seen::Object => {
                let within = fields(&node.within);
                // Objects without any field that is known: their text says more.
                if within.is_empty() {
                    Kind::Json
                } else {
                    Kind::Struct(within)
                }
            }
        };
        Some(Field {
            name: node.name.clone(),
            kind,
            count: node.counts.iter().sum(),
        })
    });
    Fields { list: list.collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shape(batches: &[&[&str]]) -> (Shape, Vec<bool>) {
        let mut shape = Shape::new(ShapeLimits {
            fields_max: 8,
            depth_max: 2,
            ..ShapeLimits::default()
        });
        let changed = batches
            .iter()
            .map(|batch| shape.observe(&BinaryArray::from_iter_values(batch.iter())))
            .collect();
        (shape, changed)
    }

    #[test]
    fn kinds_are_learnt() {
        let check = |batches: &[&[&str]], expected: &[(&str, &str, u64)]| {
            let (shape, _) = shape(batches);
            let found: Vec<(String, &str, u64)> = shape
                .fields()
                .paths()
                .into_iter()
                .map(|path| (path.path.join("."), path.kind.sql().0, path.count))
                .collect();
            let found: Vec<(&str, &str, u64)> = found
                .iter()
                .map(|(name, kind, count)| (name.as_str(), *kind, *count))
                .collect();
            assert_eq!(found, expected, "{batches:?}");
        };
        check(
            &[&[r#"{"a":1,"b":true,"c":"x","d":1.5,"e":[1],"f":null}"#]],
            &[
                ("a", "BIGINT", 1),
                ("b", "BOOLEAN", 1),
                ("c", "VARCHAR", 1),
                ("d", "DOUBLE", 1),
                ("e", "LIST", 1),
            ],
        );
        check(&[&[r#"{"a":1}"#, r#"{"a":1.5}"#]], &[("a", "DOUBLE", 2)]);
        check(&[&[r#"{"a":18446744073709551615}"#]], &[("a", "DOUBLE", 1)]);
        // The most frequent kind of the first batch; an odd first value does not decide.
        check(
            &[&[r#"{"a":"n/a"}"#, r#"{"a":1}"#, r#"{"a":2}"#]],
            &[("a", "BIGINT", 3)],
        );
        check(
            &[&[r#"{"a":1}"#], &[r#"{"a":"x"}"#, r#"{"a":"y"}"#]],
            &[("a", "BIGINT", 3)],
        );
        // Nested, and deeper than is looked at.
        check(
            &[&[r#"{"a":{"x":1,"y":{"z":1}}}"#]],
            &[("a.x", "BIGINT", 1), ("a.y", "LIST", 1)],
        );
        check(&[&[r#"{"a":{}}"#]], &[("a", "LIST", 1)]);
        // Broken and other values teach nothing.
        check(
            &[&[r#"{"a":1,"#, "[1]", "x", r#"{"b":1}"#]],
            &[("b", "BIGINT", 1)],
        );
        check(
            &[&[r#"{"a":1}"#, r#"{"b":1}"#, r#"{"b":2}"#]],
            &[("b", "BIGINT", 2), ("a", "BIGINT", 1)],
        );
    }

    #[test]
    fn changes_are_told() {
        let (_, changed) = shape(&[
            &[r#"{"a":1}"#],
            &[r#"{"a":2}"#],
            &[r#"{"a":"x"}"#],
            &[r#"{"a":1.5}"#],
            &[r#"{"a":7}"#],
            &[r#"{"b":null}"#],
            &[r#"{"b":{"c":1}}"#],
            &[r#"{"b":{"c":1,"d":2}}"#],
        ]);
        assert_eq!(changed, [true, false, false, true, false, false, true, true]);
    }

    #[test]
    fn fields_are_bounded() {
        let many: String = (0..20).map(|at| format!(",\"f{at}\":{at}")).collect();
        let (shape, _) = shape(&[&[&format!("{{\"a\":1{many}}}")]]);
        assert_eq!(shape.fields().list.len(), 8);
        assert_eq!(shape.left_out(), 13);
    }

    #[test]
    fn text_is_no_json() {
        let check = |values: &[&str], expected: bool| {
            assert_eq!(shape(&[values]).0.is_json(), expected, "{values:?}")
        };
        check(&[r#"{"a":1}"#, "x"], true);
        check(&["x", "1"], false);
        check(&[], false);
    }
}
