//! Random records and random predicates, and what holds on what, said once more and slowly.

use integration::kafka::Record;
use serde_json::Value;

use super::{DAY_MS, MARCH_MS, PARTITIONS};

/// Random numbers that are the same for the same seed (SplitMix64).
pub struct Dice(pub u64);

impl Dice {
    pub fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (mixed ^ (mixed >> 31)) % end.max(1)
    }

    fn pick<T: Copy>(&mut self, among: &[T]) -> T {
        among[self.below(among.len() as u64) as usize]
    }
}

/// Texts that are written plainly, with escapes, and with letters beyond ASCII.
const TEXTS: [&str; 6] = [
    "Order",
    "Order Completed",
    "Größe",
    "say \"hi\"",
    "a\\b",
    "tab\there",
];

/// A record with the parts that predicates look at.
#[derive(Debug)]
pub struct Known {
    pub partition: i32,
    pub offset: i64,
    time_ms: i64,
    key: Option<String>,
    n: Option<f64>,
    s: Option<String>,
    deep: Option<f64>,
}

/// Records of which each partition begins with plain ones, so that every field has its type from the first batch on.
pub fn records(dice: &mut Dice, count: usize) -> (Vec<Record>, Vec<Known>) {
    let (mut records, mut known) = (Vec::new(), Vec::new());
    for at in 0..count {
        let partition = (at % PARTITIONS as usize) as i32;
        let offset = (at / PARTITIONS as usize) as i64;
        let text = if offset < 20 { plain(dice) } else { odd(dice) };
        // Out of order within a partition.
        let time_ms =
            MARCH_MS + offset * 60_000 + dice.below(10) as i64 * 30_000 - dice.below(2) as i64 * DAY_MS;
        let key = (dice.below(10) > 0).then(|| format!("u_{}", dice.below(20)));
        let value: Value = text
            .as_deref()
            .and_then(|text| serde_json::from_str(text).ok())
            .unwrap_or(Value::Null);
        known.push(Known {
            partition,
            offset,
            time_ms,
            key: key.clone(),
            n: value["n"].as_f64(),
            s: value["s"].as_str().map(str::to_owned),
            deep: value["o"]["n"].as_f64(),
        });
        records.push(Record {
            key: key.map(String::into_bytes),
            value: text.map(String::into_bytes),
            timestamp_ms: Some(time_ms),
            partition: Some(partition),
            headers: Vec::new(),
        });
    }
    (records, known)
}

/// A record of which the value is an object.
pub fn known(partition: i32, offset: i64, time_ms: i64, key: &str, value: &Value) -> Known {
    Known {
        partition,
        offset,
        time_ms,
        key: Some(key.to_owned()),
        n: value["n"].as_f64(),
        s: value["s"].as_str().map(str::to_owned),
        deep: value["o"]["n"].as_f64(),
    }
}

fn plain(dice: &mut Dice) -> Option<String> {
    let (n, deep) = (dice.below(100) as f64 / 2.0, dice.below(100) as f64 / 2.0);
    let s = Value::from(dice.pick(&TEXTS));
    Some(format!("{{\"n\":{n:.1},\"s\":{s},\"o\":{{\"n\":{deep:.1}}}}}"))
}

fn odd(dice: &mut Dice) -> Option<String> {
    let n = dice.below(100) as f64 / 2.0;
    let s = Value::from(dice.pick(&TEXTS));
    Some(match dice.below(16) {
        0 => return None,
        1 => "not JSON".to_owned(),
        2 => format!("{{\"n\":{n},\"s\":{s}"),
        3 => format!("{{\"n\":\"{n}\",\"s\":5}}"),
        4 => format!("{{\"n\":null,\"s\":{s},\"n\":{n}}}"),
        5 => format!("{{\"n\":{n},\"n\":null}}"),
        6 => format!("{{\"\\u006e\":{n},\"s\":{s}}}"),
        7 => format!("{{\"s\" : {s} , \"n\" :\t{n}e0 }}"),
        8 => format!("{{\"o\":{{\"n\":{n}}},\"s\":\"Gr\\u00f6\\u00dfe\"}}"),
        9 => format!("{{\"x\":\"n\",\"t\":\"\\\"n\\\":7\",\"s\":{s}}}"),
        10 => format!("{{\"n\":true,\"s\":null,\"o\":{{\"n\":-{n}}}}}"),
        _ => return plain(dice),
    })
}

/// A predicate.
pub enum Predicate {
    Number(&'static str, &'static str, f64),
    Text(&'static str, String),
    Texts(Vec<String>),
    Key(String),
    Place(&'static str, &'static str, i64),
    Within(f64, f64),
    Null(&'static str, bool),
    Two(Box<Predicate>, bool, Box<Predicate>),
    Not(Box<Predicate>),
}

const COMPARE: [&str; 6] = ["=", "<", "<=", ">", ">=", "<>"];

impl Predicate {
    pub fn random(dice: &mut Dice, depth: u32) -> Self {
        if depth > 0 && dice.below(3) > 0 {
            if dice.below(5) == 0 {
                return Self::Not(Box::new(Self::random(dice, depth - 1)));
            }
            let (left, right) = (Self::random(dice, depth - 1), Self::random(dice, depth - 1));
            return Self::Two(Box::new(left), dice.below(3) > 0, Box::new(right));
        }
        match dice.below(8) {
            0 | 1 => {
                let field = dice.pick(&["n", "o.n"]);
                Self::Number(field, dice.pick(&COMPARE), dice.below(60) as f64 - 5.0)
            }
            2 => Self::Text(dice.pick(&["=", "<>"]), dice.pick(&TEXTS).to_owned()),
            3 => Self::Texts((0..2).map(|_| dice.pick(&TEXTS).to_owned()).collect()),
            4 => Self::Key(format!("u_{}", dice.below(20))),
            5 => match dice.below(3) {
                0 => Self::Place("_partition", dice.pick(&COMPARE), dice.below(4) as i64),
                1 => Self::Place("_offset", dice.pick(&COMPARE), dice.below(250) as i64),
                _ => Self::Place(
                    "_timestamp",
                    dice.pick(&COMPARE),
                    MARCH_MS + dice.below(200) as i64 * 60_000,
                ),
            },
            6 => Self::Within(dice.below(30) as f64, 20.0 + dice.below(30) as f64),
            _ => Self::Null(dice.pick(&["n", "s", "o.n"]), dice.below(2) == 0),
        }
    }

    pub fn sql(&self) -> String {
        let quoted = |text: &String| format!("'{}'", text.replace('\'', "''"));
        match self {
            Self::Number(field, op, number) => format!("value.{field} {op} {number}"),
            Self::Text(op, text) => format!("value.s {op} {}", quoted(text)),
            Self::Texts(texts) => {
                let texts: Vec<String> = texts.iter().map(quoted).collect();
                format!("value.s IN ({})", texts.join(", "))
            }
            Self::Key(key) => format!("_key = '{key}'"),
            Self::Place("_timestamp", op, ms) => {
                let at = chrono::DateTime::from_timestamp_millis(*ms).map(|at| at.to_rfc3339());
                format!("_timestamp {op} TIMESTAMP '{}'", at.unwrap_or_default())
            }
            Self::Place(column, op, at) => format!("{column} {op} {at}"),
            Self::Within(low, high) => format!("value.n BETWEEN {low} AND {high}"),
            Self::Null(field, null) => format!("value.{field} IS {}NULL", if *null { "" } else { "NOT " }),
            Self::Two(left, both, right) => {
                format!(
                    "({} {} {})",
                    left.sql(),
                    if *both { "AND" } else { "OR" },
                    right.sql()
                )
            }
            Self::Not(inner) => format!("NOT ({})", inner.sql()),
        }
    }

    /// `None`: null. With a `fault`, numbers that are equal count as less.
    pub fn holds(&self, record: &Known, fault: bool) -> Option<bool> {
        let number = |field: &str| if field == "n" { record.n } else { record.deep };
        match self {
            Self::Number(field, op, than) => {
                let than = if fault { than + 0.25 } else { *than };
                Some(compare(number(field)?, op, than))
            }
            Self::Text("=", text) => Some(record.s.as_ref()? == text),
            Self::Text(_, text) => Some(record.s.as_ref()? != text),
            Self::Texts(texts) => Some(texts.contains(record.s.as_ref()?)),
            Self::Key(key) => Some(record.key.as_ref()? == key),
            Self::Place(column, op, at) => {
                let found = match *column {
                    "_partition" => i64::from(record.partition),
                    "_offset" => record.offset,
                    _ => record.time_ms,
                };
                Some(compare(found as f64, op, *at as f64))
            }
            Self::Within(low, high) => record.n.map(|n| *low <= n && n <= *high),
            Self::Null("s", null) => Some(record.s.is_none() == *null),
            Self::Null(field, null) => Some(number(field).is_none() == *null),
            Self::Two(left, true, right) => match (left.holds(record, fault), right.holds(record, fault)) {
                (Some(false), _) | (_, Some(false)) => Some(false),
                (Some(true), Some(true)) => Some(true),
                _ => None,
            },
            Self::Two(left, false, right) => match (left.holds(record, fault), right.holds(record, fault)) {
                (Some(true), _) | (_, Some(true)) => Some(true),
                (Some(false), Some(false)) => Some(false),
                _ => None,
            },
            Self::Not(inner) => inner.holds(record, fault).map(|holds| !holds),
        }
    }
}

fn compare(left: f64, op: &str, right: f64) -> bool {
    match op {
        "=" => left == right,
        "<" => left < right,
        "<=" => left <= right,
        ">" => left > right,
        ">=" => left >= right,
        _ => left != right,
    }
}
