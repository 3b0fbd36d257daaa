//! How a compiled tree is laid out as text: one pass over the events, the tables aggregated beside it, the predicate last,
//! a line each.

use std::collections::BTreeSet;

use tailrace_model::Span;

use super::{
    sql::{Compiled, Fact, LINE_CHARS, Node, Set, TableFacts},
    terms::{WINDOW_END, widest, window_term},
};
use crate::session::{
    TRAITS,
    names::{quote_name, quote_path, quote_text},
};

impl Compiled {
    /// The members: `SELECT p.profile_id FROM profiles AS p ... WHERE ...`.
    pub(crate) fn members(&self) -> String {
        let tree = self.where_lines(&self.root, true).text;
        let mut text = self.with(None, false);
        text.push_str("SELECT p.profile_id\nFROM profiles AS p");
        text.push_str(&self.joins(false));
        match tree.as_str() {
            "TRUE" => {}
            tree => text.push_str(&format!("\nWHERE {tree}")),
        }
        text
    }

    /// A row a profile: its id, then of each leaf whether it holds (`c0`, `c1`, ...) and its value (`v0`, ...).
    pub(crate) fn wide(&self, profile: Option<i64>) -> String {
        let mut text = self.with(profile, true);
        text.push_str("SELECT\n  p.profile_id");
        for (at, leaf) in self.leaves.iter().enumerate() {
            text.push_str(&format!(",\n  {} AS c{at}", leaf.wide));
            if let Some(value) = &leaf.value {
                text.push_str(&format!(",\n  {value} AS v{at}"));
            }
        }
        text.push_str("\nFROM profiles AS p");
        text.push_str(&self.joins(true));
        if let Some(profile) = profile {
            text.push_str(&format!("\nWHERE p.profile_id = {profile}"));
        }
        text
    }

    fn with(&self, profile: Option<i64>, wide: bool) -> String {
        let mut parts = Vec::new();
        if !self.facts.is_empty() {
            parts.push(format!("facts AS (\n{}\n)", self.facts_query(profile)));
        }
        parts.extend(self.tables.iter().map(|table| table.query(profile, wide)));
        if wide {
            let set = |set: &Set| {
                format!(
                    "{} AS (\n  SELECT DISTINCT profile_id\n  FROM ({}) AS s\n)",
                    quote_name(&set.name),
                    set.query
                )
            };
            parts.extend(self.sets.iter().map(set));
        }
        if parts.is_empty() {
            String::new()
        } else {
            format!("WITH {}\n", parts.join(",\n"))
        }
    }

    /// One pass over the events. What all facts ask of an event stands in WHERE; the rest in each one's FILTER.
    fn facts_query(&self, profile: Option<i64>) -> String {
        let in_all = |term: &String| self.facts.iter().all(|fact| fact.terms.contains(term));
        let first = self
            .facts
            .first()
            .map(|fact| fact.terms.as_slice())
            .unwrap_or_default();
        let common: Vec<String> = first.iter().filter(|term| in_all(term)).cloned().collect();
        let mut wheres = Vec::new();
        let events: BTreeSet<&str> = self.facts.iter().map(|fact| fact.event.as_str()).collect();
        if events.len() > 1 {
            let names: Vec<String> = events.iter().map(|event| quote_text(event)).collect();
            wheres.push(format!("event IN ({})", names.join(", ")));
        }
        wheres.extend(common.iter().cloned());
        let windows: Option<Vec<Span>> = self.facts.iter().map(|fact| fact.window).collect();
        let bound = windows.and_then(|windows| widest(&windows)).map(window_term);
        wheres.extend(bound.filter(|bound| !common.contains(bound)));
        wheres.push(WINDOW_END.to_owned());
        wheres.extend(profile.map(|profile| format!("profile_id = {profile}")));
        let columns: Vec<String> = self.facts.iter().map(|fact| fact.column(&common)).collect();
        format!(
            "  SELECT\n    profile_id,\n{}\n  FROM events\n  WHERE {}\n  GROUP BY profile_id",
            columns.join(",\n"),
            wheres.join("\n    AND ")
        )
    }

    fn joins(&self, wide: bool) -> String {
        let mut text = String::new();
        let mut join = |table: &str, name: &str| {
            let name = quote_name(name);
            let table = if table.is_empty() {
                name.clone()
            } else {
                format!("{table} AS {name}")
            };
            text.push_str(&format!(
                "\nLEFT JOIN {table} ON {name}.profile_id = p.profile_id"
            ));
        };
        if !self.facts.is_empty() {
            join("", "facts");
        }
        self.tables.iter().for_each(|table| join("", &table.name));
        self.traits
            .iter()
            .for_each(|(view, name)| join(&quote_path(&[TRAITS, view]), name));
        if wide {
            self.sets.iter().for_each(|set| join("", &set.name));
        }
        text
    }

    /// The tree as lines of a predicate; `positive` where null and false lead to the same.
    fn where_lines(&self, node: &Node, positive: bool) -> Written {
        match node {
            Node::Leaf(at) => {
                let leaf = &self.leaves[*at];
                Written::atom(if positive { &leaf.positive } else { &leaf.strict })
            }
            Node::Not(child) => {
                let inner = self.where_lines(child, false).bracketed();
                Written {
                    text: format!("NOT {inner}"),
                    binds: Binds::Tight,
                }
            }
            Node::All(children) => self.group(children, "AND", "TRUE", positive),
            Node::Any(children) => self.group(children, "OR", "FALSE", positive),
        }
    }

    fn group(&self, children: &[Node], word: &'static str, empty: &str, positive: bool) -> Written {
        let mut written: Vec<Written> = children
            .iter()
            .map(|child| self.where_lines(child, positive))
            .collect();
        match written.len() {
            0 => Written::atom(empty),
            1 => written.remove(0),
            _ => {
                let texts: Vec<String> = written
                    .into_iter()
                    .map(|part| match part.binds {
                        Binds::Group(other) if other != word => part.bracketed(),
                        _ => part.text,
                    })
                    .collect();
                Written {
                    text: texts.join(&format!("\n  {word} ")),
                    binds: Binds::Group(word),
                }
            }
        }
    }
}

/// A piece of a predicate, and whether it needs brackets inside another.
struct Written {
    text: String,
    binds: Binds,
}

#[derive(Clone, Copy, PartialEq)]
enum Binds {
    Tight,
    Group(&'static str),
}

impl Written {
    fn atom(text: &str) -> Self {
        Self {
            text: text.to_owned(),
            binds: Binds::Tight,
        }
    }

    fn bracketed(self) -> String {
        let line = self.text.replace("\n  ", " ");
        if !self.text.contains('\n') || line.chars().count() <= LINE_CHARS && !self.text.contains("\n    ") {
            return format!("({line})");
        }
        format!("(\n    {}\n  )", self.text.replace('\n', "\n  "))
    }
}

impl Fact {
    fn column(&self, common: &[String]) -> String {
        let own: Vec<&str> = self
            .terms
            .iter()
            .filter(|term| !common.contains(term))
            .map(String::as_str)
            .collect();
        let name = quote_name(&self.name);
        if own.is_empty() {
            return format!("    {} AS {name}", self.aggregate);
        }
        let line = format!(
            "    {} FILTER (WHERE {}) AS {name}",
            self.aggregate,
            own.join(" AND ")
        );
        if line.chars().count() <= LINE_CHARS {
            return line;
        }
        format!(
            "    {} FILTER (\n      WHERE {}\n    ) AS {name}",
            self.aggregate,
            own.join("\n        AND ")
        )
    }
}

impl TableFacts {
    fn query(&self, profile: Option<i64>, wide: bool) -> String {
        let mut columns: Vec<&(String, String)> = self.columns.iter().collect();
        if wide {
            columns.extend(&self.values);
        }
        let columns: Vec<String> = columns
            .iter()
            .map(|(name, sql)| format!("    {sql} AS {}", quote_name(name)))
            .collect();
        let filter = profile
            .map(|profile| format!("\n  WHERE p.profile_id = {profile}"))
            .unwrap_or_default();
        format!(
            "{} AS (\n  SELECT\n    p.profile_id,\n{}\n  FROM profiles AS p\n  JOIN {} AS r ON {}{filter}\n  GROUP BY p.profile_id\n)",
            quote_name(&self.name),
            columns.join(",\n"),
            self.from,
            self.on
        )
    }
}

/// `SELECT ... FROM events` of one aggregate over the events that a computed trait names.
pub(crate) fn one_fact(aggregate: &str, name: &str, terms: &[String]) -> String {
    let mut wheres = terms.to_vec();
    wheres.push(WINDOW_END.to_owned());
    format!(
        "SELECT profile_id, {aggregate} AS {}\nFROM events\nWHERE {}\nGROUP BY profile_id",
        quote_name(name),
        wheres.join("\n  AND ")
    )
}
