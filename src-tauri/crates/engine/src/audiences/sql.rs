//! A tree of conditions as one SQL text.
//!
//! The text is standard enough to run as it is in DataFusion and in DuckDB. It reads the events once: the facts of every
//! `performed` condition are aggregated in one pass, a row a profile; a warehouse table is aggregated per profile too, so
//! that a condition holds when any of the profile's rows matches. Truth has two values: what is unknown is false, and
//! `not` of it is true. Where null and false lead to the same, the text leaves the null be, which lets the planner do
//! less. This module says what the pieces are; [`super::layout`] writes them down.

use std::collections::{BTreeMap, BTreeSet};

use tailrace_model::{
    AttributeCondition, Condition, Error, Operator, Performed, Result, Span, TraitCondition,
};

use super::terms::{
    self, Target, aggregate, aggregate_name, comparison, event_terms, is_text, number_holds, number_symbol,
    performed_value,
};
use crate::session::{
    AUDIENCES, Shapes, TRAITS,
    names::{quote_name, quote_path, slug, suggestion},
    parse_predicate, predicate_names,
};

/// Characters of what stays on one line.
pub(super) const LINE_CHARS: usize = 90;

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
    pub(super) positive: String,
    /// True or false.
    pub(super) strict: String,
    /// As `strict`, without a subquery.
    pub(super) wide: String,
    /// What was compared, as SQL.
    pub(super) value: Option<String>,
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
    pub(super) facts: Vec<Fact>,
    pub(super) tables: Vec<TableFacts>,
    /// The name in the text of each trait's view.
    pub(super) traits: BTreeMap<String, String>,
    pub(super) sets: Vec<Set>,
}

pub(super) struct Fact {
    pub(super) name: String,
    pub(super) aggregate: String,
    pub(super) event: String,
    pub(super) window: Option<Span>,
    /// All that an event must be.
    pub(super) terms: Vec<String>,
}

pub(super) struct TableFacts {
    pub(super) name: String,
    pub(super) from: String,
    pub(super) on: String,
    pub(super) columns: Vec<(String, String)>,
    /// Only needed for the values.
    pub(super) values: Vec<(String, String)>,
}

/// Profiles by a subquery: another audience, or a SQL predicate.
pub(super) struct Set {
    pub(super) name: String,
    pub(super) query: String,
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
        let from = format!("FROM {}", quote_path(&[AUDIENCES, name]));
        Ok(self.set(
            &["SELECT profile_id".to_owned(), from],
            &format!("in_{}", slug(name)),
        ))
    }

    fn predicate(&mut self, predicate: &str) -> Result<Leaf> {
        // Checked and written anew, so that a comment or a bracket in it can't reach beyond it.
        let text = parse_predicate(predicate)?;
        let joins = predicate_joins(predicate, self.shapes);
        // Named in full: DataFusion can't plan IN over a column that USING has merged.
        let mut clauses = vec![
            "SELECT profiles.profile_id".to_owned(),
            "FROM profiles".to_owned(),
        ];
        clauses.extend(joins);
        clauses.push(format!("WHERE {text}"));
        Ok(self.set(&clauses, "predicate"))
    }

    /// The profiles that a subquery selects; it stands on one line where it is short.
    fn set(&mut self, clauses: &[String], wanted: &str) -> Leaf {
        let query = clauses.join(" ");
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
        let within = if query.chars().count() <= LINE_CHARS - 20 {
            format!("p.profile_id IN ({query})")
        } else {
            format!("p.profile_id IN (\n    {}\n  )", clauses.join("\n    "))
        };
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
pub(crate) fn predicate_joins(predicate: &str, shapes: &Shapes) -> Vec<String> {
    let is_trait =
        |name: &String| shapes.trait_names.contains(name) && shapes.profiles.field_with_name(name).is_err();
    let join = |name: String| format!("LEFT JOIN {} USING (profile_id)", quote_path(&[TRAITS, &name]));
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
