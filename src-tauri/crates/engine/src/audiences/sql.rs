//! A tree of conditions as one SQL text.
//!
//! The text is standard enough to run as it is in DataFusion and in DuckDB. It reads the events once: the facts of every
//! `performed` condition are aggregated in one pass, a row a profile; a warehouse table is aggregated per profile too, so
//! that a condition holds when any of the profile's rows matches. Truth has two values: what is unknown is false, and
//! `not` of it is true. Where null and false lead to the same, the text leaves the null be, which lets the planner do
//! less.

use std::collections::{BTreeMap, BTreeSet};

use tailrace_model::{
    AttributeCondition, Condition, Error, Operator, Performed, Result, Span, TraitCondition,
};

use super::terms::{
    self, Target, WINDOW_END, aggregate, aggregate_name, comparison, event_terms, is_text, number_holds,
    number_symbol, performed_value, widest, window_term,
};
use crate::session::{
    AUDIENCES, Shapes, TRAITS,
    names::{quote_name, quote_path, slug, suggestion},
    parse_predicate, predicate_names,
};

/// A condition's place in the tree: the indexes of the children that lead to it, `1.0`; the root's is empty.
pub(crate) type Path = String;

pub(crate) fn child_path(path: &str, index: usize) -> Path {
    if path.is_empty() {
        index.to_string()
    } else {
        format!("{path}.{index}")
    }
}

/// Something wrong with the condition at `path`.
#[derive(Debug, Clone, PartialEq)]
pub struct Problem {
    pub path: Path,
    pub error: Error,
}

/// A condition that is not a group, as SQL over the joined tables.
pub(crate) struct Leaf {
    /// True where it holds; false or null where it does not.
    positive: String,
    /// True or false.
    strict: String,
    /// As `strict`, without a subquery.
    wide: String,
    /// What was compared, as SQL.
    value: Option<String>,
}

pub(crate) enum Node {
    All(Vec<Node>),
    Any(Vec<Node>),
    Not(Box<Node>),
    /// An index into [`Compiled::leaves`].
    Leaf(usize),
}

/// A tree of conditions, ready to be written as SQL.
pub(crate) struct Compiled {
    pub(crate) root: Node,
    pub(crate) leaves: Vec<Leaf>,
    facts: Vec<Fact>,
    tables: Vec<TableFacts>,
    /// The name in the text of each trait's view.
    traits: BTreeMap<String, String>,
    sets: Vec<Set>,
}

struct Fact {
    name: String,
    aggregate: String,
    event: String,
    window: Option<Span>,
    /// All that an event must be.
    terms: Vec<String>,
}

struct TableFacts {
    name: String,
    from: String,
    on: String,
    columns: Vec<(String, String)>,
    /// Only needed for the values.
    values: Vec<(String, String)>,
}

/// Profiles by a subquery: another audience, or a SQL predicate.
struct Set {
    name: String,
    query: String,
}

struct Compiler<'a> {
    shapes: &'a Shapes,
    compiled: Compiled,
    problems: Vec<Problem>,
    names: BTreeSet<String>,
}

/// Compiles a tree, or says all that is wrong with it.
pub(crate) fn compile(condition: &Condition, shapes: &Shapes) -> Result<Compiled, Vec<Problem>> {
    let reserved = ["events", "profiles", "facts", "p", "r"].map(str::to_owned);
    let compiled = Compiled {
        root: Node::All(Vec::new()),
        leaves: Vec::new(),
        facts: Vec::new(),
        tables: Vec::new(),
        traits: BTreeMap::new(),
        sets: Vec::new(),
    };
    let mut compiler = Compiler {
        shapes,
        compiled,
        problems: Vec::new(),
        names: BTreeSet::from(reserved),
    };
    let root = compiler.node(condition, String::new());
    compiler.compiled.root = root;
    if compiler.problems.is_empty() {
        Ok(compiler.compiled)
    } else {
        Err(compiler.problems)
    }
}

impl Compiler<'_> {
    fn node(&mut self, condition: &Condition, path: Path) -> Node {
        let leaf = match condition {
            Condition::All(children) => return Node::All(self.children(children, &path)),
            Condition::Any(children) => return Node::Any(self.children(children, &path)),
            Condition::Not(child) => return Node::Not(Box::new(self.node(child, child_path(&path, 0)))),
            Condition::Performed(performed) => self.performed(performed),
            Condition::Attribute(attribute) => self.attribute(attribute),
            Condition::Trait(compared) => self.trait_leaf(compared),
            Condition::InAudience(name) => self.in_audience(name),
            Condition::Sql(predicate) => self.predicate(predicate),
        };
        let leaf = leaf.unwrap_or_else(|error| {
            self.problems.push(Problem { path, error });
            Leaf::constant()
        });
        self.compiled.leaves.push(leaf);
        Node::Leaf(self.compiled.leaves.len() - 1)
    }

    fn children(&mut self, children: &[Condition], path: &str) -> Vec<Node> {
        children
            .iter()
            .enumerate()
            .map(|(index, child)| self.node(child, child_path(path, index)))
            .collect()
    }

    /// A name that nothing else in the text has.
    fn name(&mut self, wanted: &str) -> String {
        let mut name = wanted.to_owned();
        let mut number = 2;
        while !self.names.insert(name.clone()) {
            name = format!("{wanted}_{number}");
            number += 1;
        }
        name
    }

    fn performed(&mut self, performed: &Performed) -> Result<Leaf> {
        let value = performed_value(performed)?;
        let over = aggregate(performed.aggregate, performed.property.as_deref(), self.shapes)?;
        let terms = event_terms(&performed.event, &performed.filter, performed.window, self.shapes)?;
        let same = self
            .compiled
            .facts
            .iter()
            .find(|fact| fact.aggregate == over.sql && fact.terms == terms);
        let name = match same.map(|fact| fact.name.clone()) {
            Some(name) => name,
            None => {
                let wanted = match &performed.property {
                    Some(property) => {
                        format!(
                            "{}_{}_{}",
                            slug(&performed.event),
                            aggregate_name(performed.aggregate),
                            slug(property)
                        )
                    }
                    None => slug(&performed.event),
                };
                let name = self.name(&wanted);
                let event = performed.event.clone();
                let fact = Fact {
                    name: name.clone(),
                    aggregate: over.sql,
                    event,
                    window: performed.window,
                    terms,
                };
                self.compiled.facts.push(fact);
                name
            }
        };
        let fact = format!("facts.{}", quote_name(&name));
        let symbol = number_symbol(performed.op);
        let plain = format!("{fact} {symbol} {value}");
        let (positive, strict, shown) = if over.counts {
            let counted = format!("coalesce({fact}, 0)");
            let strict = format!("{counted} {symbol} {value}");
            // A profile without any such event has no row of facts, and 0 of them.
            let none_holds = number_holds(0.0, performed.op, performed.value);
            (if none_holds { strict.clone() } else { plain }, strict, counted)
        } else {
            (plain.clone(), format!("coalesce({plain}, false)"), fact)
        };
        Ok(Leaf {
            positive,
            wide: strict.clone(),
            strict,
            value: Some(shown),
        })
    }

    fn attribute(&mut self, attribute: &AttributeCondition) -> Result<Leaf> {
        let (at, data_type) = self.table(attribute)?;
        let label = format!("\"{}\" of {}", attribute.column, attribute.table);
        let column = format!("r.{}", quote_name(&attribute.column));
        let target = Target {
            sql: &column,
            data_type: &data_type,
            label: &label,
        };
        // Missing means that no row has a value: the opposite of "exists", not a row with a null.
        let missing = attribute.op == Operator::Null;
        let op = if missing { Operator::Exists } else { attribute.op };
        let found = comparison(&target, op, attribute.value.as_ref()).map_err(|mut error| {
            error.message = error.message.replace(
                "\"exists\" takes",
                &format!("\"{}\" takes", terms::symbol(attribute.op)),
            );
            error
        })?;
        let aggregated = format!("bool_or({found})");
        let same = self.compiled.tables[at]
            .columns
            .iter()
            .find(|(_, sql)| *sql == aggregated);
        let name = match same.map(|(name, _)| name.clone()) {
            Some(name) => name,
            None => {
                let name = self.name(&format!("{}_{}", slug(&attribute.column), operator_word(op)));
                self.compiled.tables[at].columns.push((name.clone(), aggregated));
                name
            }
        };
        let table = self.compiled.tables[at].name.clone();
        let holds = format!("{}.{}", quote_name(&table), quote_name(&name));
        let value = (!data_type.is_nested()).then(|| {
            let text = format!("CAST({column} AS VARCHAR)");
            let shown = format!("{name}_value");
            let sql = format!("coalesce(max({text}) FILTER (WHERE {found}), max({text}))");
            let values = &mut self.compiled.tables[at].values;
            if !values.iter().any(|(known, _)| *known == shown) {
                values.push((shown.clone(), sql));
            }
            format!("{}.{}", quote_name(&table), quote_name(&shown))
        });
        let strict = format!("coalesce({holds}, false)");
        Ok(if missing {
            let none = format!("NOT {strict}");
            Leaf {
                positive: none.clone(),
                strict: none.clone(),
                wide: none,
                value,
            }
        } else {
            Leaf {
                positive: holds,
                wide: strict.clone(),
                strict,
                value,
            }
        })
    }

    /// The facts of the attribute's table, and the type of its column.
    fn table(&mut self, attribute: &AttributeCondition) -> Result<(usize, arrow::datatypes::DataType)> {
        let parts = attribute
            .table
            .split_once('.')
            .map(|(warehouse, table)| (warehouse.to_owned(), table.to_owned()));
        let Some((key, shape)) =
            parts.and_then(|parts| self.shapes.tables.get(&parts).map(|shape| (parts, shape)))
        else {
            let known = self.shapes.table_names();
            let hint = suggestion(&attribute.table, known.iter().map(String::as_str));
            return Err(Error::user(
                "unknown_table",
                format!("there is no warehouse table \"{}\"{hint}", attribute.table),
            ));
        };
        let Ok(field) = shape.schema.field_with_name(&attribute.column) else {
            let hint = suggestion(
                &attribute.column,
                shape.schema.fields().iter().map(|field| field.name().as_str()),
            );
            let message = format!(
                "there is no column \"{}\" in {}{hint}",
                attribute.column, attribute.table
            );
            return Err(Error::user("unknown_column", message));
        };
        let data_type = field.data_type().clone();
        let from = quote_path(&[&key.0, &key.1]);
        if let Some(at) = self.compiled.tables.iter().position(|table| table.from == from) {
            return Ok((at, data_type));
        }
        let Ok(joined) = shape.schema.field_with_name(&shape.key) else {
            let message = format!(
                "{} has no column \"{}\", which its definition names as its key",
                attribute.table, shape.key
            );
            return Err(Error::user("unknown_column", message));
        };
        if self.shapes.profiles.field_with_name(&shape.identifier).is_err() {
            let message = format!(
                "{} is joined by the identifier \"{}\", which profiles do not have: name user_id, email or anonymous_id in the warehouse's definition",
                attribute.table, shape.identifier
            );
            return Err(Error::user("unknown_identifier", message));
        }
        let joined_key = format!("r.{}", quote_name(&shape.key));
        let joined_key = if is_text(joined.data_type()) {
            joined_key
        } else {
            format!("CAST({joined_key} AS VARCHAR)")
        };
        let on = format!("{joined_key} = p.{}", quote_name(&shape.identifier));
        let name = self.name(&format!("{}_{}", slug(&key.0), slug(&key.1)));
        self.compiled.tables.push(TableFacts {
            name,
            from,
            on,
            columns: Vec::new(),
            values: Vec::new(),
        });
        Ok((self.compiled.tables.len() - 1, data_type))
    }

    fn trait_leaf(&mut self, compared: &TraitCondition) -> Result<Leaf> {
        let label = format!("trait \"{}\"", compared.name);
        let (column, data_type) = match self.shapes.traits.get(&compared.name) {
            Some(Err(error)) => return Err(error.clone()),
            Some(Ok(shape)) => {
                let name = match self.compiled.traits.get(&shape.view) {
                    Some(name) => name.clone(),
                    None => {
                        let name = self.name(&format!("trait_{}", slug(&shape.view)));
                        self.compiled.traits.insert(shape.view.clone(), name.clone());
                        name
                    }
                };
                (
                    format!("{}.{}", quote_name(&name), quote_name(&shape.column)),
                    shape.data_type.clone(),
                )
            }
            None => match self.shapes.profiles.field_with_name(&compared.name) {
                Ok(field) => (
                    format!("p.{}", quote_name(&compared.name)),
                    field.data_type().clone(),
                ),
                Err(_) => {
                    let learnt = self
                        .shapes
                        .profiles
                        .fields()
                        .iter()
                        .map(|field| field.name().as_str());
                    let known = self.shapes.trait_names.iter().map(String::as_str).chain(learnt);
                    let hint = suggestion(&compared.name, known);
                    let message = format!(
                        "there is no trait \"{}\", defined or learnt from identify{hint}",
                        compared.name
                    );
                    return Err(Error::user("unknown_trait", message));
                }
            },
        };
        let target = Target {
            sql: &column,
            data_type: &data_type,
            label: &label,
        };
        let holds = comparison(&target, compared.op, compared.value.as_ref())?;
        let strict = if compared.op.is_unary() {
            holds.clone()
        } else {
            format!("coalesce({holds}, false)")
        };
        Ok(Leaf {
            positive: holds,
            wide: strict.clone(),
            strict,
            value: Some(column),
        })
    }

    fn in_audience(&mut self, name: &str) -> Result<Leaf> {
        if !self.shapes.audiences.contains(name) {
            let hint = suggestion(name, self.shapes.audiences.iter().map(String::as_str));
            return Err(Error::user(
                "unknown_audience",
                format!("there is no audience \"{name}\"{hint}"),
            ));
        }
        let query = format!("SELECT profile_id FROM {}", quote_path(&[AUDIENCES, name]));
        Ok(self.set(query, &format!("in_{}", slug(name))))
    }

    fn predicate(&mut self, predicate: &str) -> Result<Leaf> {
        // Checked and written anew, so that a comment or a bracket in it can't reach beyond it.
        let text = parse_predicate(predicate)?;
        let joins = predicate_joins(predicate, self.shapes);
        let query = format!("SELECT profile_id FROM profiles{joins} WHERE {text}");
        Ok(self.set(query, "predicate"))
    }

    fn set(&mut self, query: String, wanted: &str) -> Leaf {
        let known = self
            .compiled
            .sets
            .iter()
            .find(|set| set.query == query)
            .map(|set| set.name.clone());
        let name = known.unwrap_or_else(|| {
            let name = self.name(wanted);
            self.compiled.sets.push(Set {
                name: name.clone(),
                query: query.clone(),
            });
            name
        });
        let within = format!("p.profile_id IN ({query})");
        let wide = format!("{}.profile_id IS NOT NULL", quote_name(&name));
        Leaf {
            positive: within.clone(),
            strict: within,
            wide,
            value: None,
        }
    }
}

/// The joins that a predicate needs for the traits that it names; a column of `profiles` needs none.
pub(crate) fn predicate_joins(predicate: &str, shapes: &Shapes) -> String {
    let is_trait =
        |name: &String| shapes.trait_names.contains(name) && shapes.profiles.field_with_name(name).is_err();
    let join = |name: String| format!(" LEFT JOIN {} USING (profile_id)", quote_path(&[TRAITS, &name]));
    predicate_names(predicate)
        .into_iter()
        .filter(is_trait)
        .map(join)
        .collect()
}

impl Leaf {
    fn constant() -> Self {
        let no = || "false".to_owned();
        Self {
            positive: no(),
            strict: no(),
            wide: no(),
            value: None,
        }
    }
}

fn operator_word(op: Operator) -> &'static str {
    match op {
        Operator::Equal | Operator::In | Operator::Matches => "matches",
        Operator::NotEqual => "differs",
        Operator::Less | Operator::LessOrEqual => "below",
        Operator::Greater | Operator::GreaterOrEqual => "above",
        Operator::Between => "between",
        Operator::Contains => "contains",
        Operator::Starts => "starts",
        Operator::Ends => "ends",
        Operator::Exists | Operator::Null => "known",
    }
}

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
            let names: Vec<String> = events
                .iter()
                .map(|event| crate::session::names::quote_text(event))
                .collect();
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

/// Characters of a group that stays on one line.
const LINE_CHARS: usize = 90;

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
