//! Who is a member at a time T, and why.

use arrow::{
    array::{Array, ArrayRef, AsArray, BooleanArray, RecordBatch},
    compute::{and, cast, filter, not, or},
    datatypes::{DataType, Int64Type},
};
use tailrace_model::{
    AudienceDefinition, Condition, Error, Result,
    api::{AudiencePreview, ConditionSize, ExplainedCondition, Explanation, SampleMember},
};

use super::{
    check_columns, first,
    membership::difference,
    sentence,
    sql::{Compiled, Node, Path, child_path, compile},
};
use crate::session::{Query, Session, Shapes, cell};

/// Members that a preview shows.
pub const SAMPLE_MEMBERS_MAX: usize = 20;
/// Pieces of a member's reason in the sample.
const WHY_PARTS_MAX: usize = 4;

/// The members at a time.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Evaluation {
    /// In ascending order, each once.
    pub members: Vec<i64>,
    /// Ids that a SQL audience selected and no profile has; they are no members.
    pub unknown_ids: u64,
    pub evaluated_ms: i64,
    pub took_ms: i64,
}

/// Evaluates an audience at `t_ms`. Dropping the future ends the work.
pub async fn members(session: &Session, definition: &AudienceDefinition, t_ms: i64) -> Result<Evaluation> {
    let text = super::definition_sql(session.core(), definition).await?;
    let mut query = session.query(&text, t_ms).await?;
    check_columns(query.schema())?;
    let mut members = Vec::new();
    while let Some(batch) = query.next().await? {
        members.extend(ids(&batch)?);
    }
    let selected = settle(session, definition, &mut members)?;
    let counters = query.counters();
    Ok(Evaluation {
        unknown_ids: selected - members.len() as u64,
        members,
        evaluated_ms: t_ms,
        took_ms: counters.took_ms,
    })
}

/// Sorts the ids and drops what a SQL audience may select and is not a profile; returns how many different ones there
/// were. Conditions give each profile once, unless a trait that they read has several rows of one.
fn settle(session: &Session, definition: &AudienceDefinition, members: &mut Vec<i64>) -> Result<u64> {
    members.sort_unstable();
    let before = members.len();
    members.dedup();
    if definition.sql.is_none() {
        if members.len() < before {
            return Err(duplicates());
        }
        return Ok(before as u64);
    }
    let different = members.len() as u64;
    members.retain(|id| session.has_profile(*id));
    Ok(different)
}

fn duplicates() -> Error {
    Error::user(
        "trait_duplicates",
        "a SQL trait that the conditions read has several rows of one profile: preview the traits to see which, and group it by profile_id",
    )
}

fn ids(batch: &RecordBatch) -> Result<Vec<i64>> {
    let column = cast(batch.column(0), &DataType::Int64).map_err(|_| {
        Error::user(
            "audience_columns",
            "a profile_id is larger than a profile's number can be",
        )
    })?;
    if column.null_count() > 0 {
        return Err(Error::user(
            "audience_null",
            "the SQL gives a row without a profile_id: leave such rows out with WHERE profile_id IS NOT NULL",
        ));
    }
    Ok(column.as_primitive::<Int64Type>().values().to_vec())
}

/// Evaluates a definition that is being edited, and compares it with the members published (in ascending order).
pub async fn preview(
    session: &Session,
    definition: &AudienceDefinition,
    published: &[i64],
    t_ms: i64,
) -> Result<AudiencePreview> {
    let found = match &definition.condition {
        Some(condition) if definition.sql.is_none() => of_conditions(session, condition, t_ms).await?,
        _ => of_sql(session, definition, t_ms).await?,
    };
    let (entering, exiting) = difference(published, &found.members);
    Ok(AudiencePreview {
        sql: found.sql,
        sentence: definition.condition.as_ref().map(sentence::sentence),
        size: found.members.len() as u64,
        universe: session.universe(),
        entering,
        exiting,
        conditions: found.sizes,
        sample: found.sample,
        took_ms: found.took_ms,
        evaluated_ms: t_ms,
        events: session.events(),
    })
}

struct Found {
    sql: String,
    members: Vec<i64>,
    sizes: Vec<ConditionSize>,
    sample: Vec<SampleMember>,
    took_ms: i64,
}

/// The members of the lowest ids, in their order: the same ones whichever partition answers first.
#[derive(Default)]
struct Sample(Vec<SampleMember>);

impl Sample {
    fn wants(&self, profile_id: i64) -> bool {
        let full = self.0.len() >= SAMPLE_MEMBERS_MAX;
        let after_all = full && self.0.last().is_some_and(|last| last.profile_id < profile_id);
        !after_all
            && self
                .0
                .binary_search_by_key(&profile_id, |member| member.profile_id)
                .is_err()
    }

    fn add(&mut self, session: &Session, profile_id: i64, why: String) {
        let at = self.0.partition_point(|member| member.profile_id < profile_id);
        let name = session.profile_name(profile_id);
        self.0.insert(
            at,
            SampleMember {
                profile_id,
                name,
                why,
            },
        );
        self.0.truncate(SAMPLE_MEMBERS_MAX);
    }
}

async fn of_sql(session: &Session, definition: &AudienceDefinition, t_ms: i64) -> Result<Found> {
    let sql = super::definition_sql(session.core(), definition).await?;
    let mut query = session.query(&sql, t_ms).await?;
    check_columns(query.schema())?;
    let columns = query.columns();
    let mut members = Vec::new();
    let mut sample = Sample::default();
    while let Some(batch) = query.next().await? {
        let batch_ids = ids(&batch)?;
        for (row, id) in batch_ids.iter().enumerate() {
            if session.has_profile(*id) && sample.wants(*id) {
                let cells = batch.columns().iter().map(|column| cell(column, row));
                let parts = std::iter::zip(&columns, cells)
                    .skip(1)
                    .filter_map(|(column, cell)| cell.map(|cell| format!("{} {cell}", column.name)));
                let why = parts.take(WHY_PARTS_MAX).collect::<Vec<_>>().join(" · ");
                sample.add(session, *id, why);
            }
        }
        members.extend(batch_ids);
    }
    settle(session, definition, &mut members)?;
    let counters = query.counters();
    Ok(Found {
        sql,
        members,
        sizes: Vec::new(),
        sample: sample.0,
        took_ms: counters.took_ms,
    })
}

async fn of_conditions(session: &Session, condition: &Condition, t_ms: i64) -> Result<Found> {
    let compiled = compiled(session, condition).await?;
    let mut query = session.query(&compiled.wide(None), t_ms).await?;
    let mut members = Vec::new();
    let mut sizes: Vec<ConditionSize> = Vec::new();
    let mut sample = Sample::default();
    let leaves = leaves(condition);
    while let Some(batch) = query.next().await? {
        let truths = Truths::of(&compiled, &batch)?;
        for (at, (path, truth)) in truths.all.iter().enumerate() {
            let size = truth.true_count() as u64;
            match sizes.get_mut(at) {
                Some(known) => known.size += size,
                None => sizes.push(ConditionSize {
                    path: path.clone(),
                    size,
                }),
            }
        }
        let batch_ids = ids(&batch)?;
        for row in (0..batch.num_rows()).filter(|row| truths.root.value(*row)) {
            if sample.wants(batch_ids[row]) {
                sample.add(session, batch_ids[row], why(&compiled, &leaves, &batch, row));
            }
        }
        let kept = filter(batch.column(0), &truths.root).map_err(internal)?;
        members.extend(kept.as_primitive::<Int64Type>().values());
    }
    members.sort_unstable();
    if members.windows(2).any(|pair| pair[0] == pair[1]) {
        return Err(duplicates());
    }
    if sizes.is_empty() {
        // There was no profile at all.
        sizes = paths(condition)
            .into_iter()
            .map(|path| ConditionSize { path, size: 0 })
            .collect();
    }
    let counters = query.counters();
    Ok(Found {
        sql: compiled.members(),
        members,
        sizes,
        sample: sample.0,
        took_ms: counters.took_ms,
    })
}

async fn compiled(session: &Session, condition: &Condition) -> Result<Compiled> {
    let shapes = Shapes::of(session.core(), &[condition]).await;
    compile(condition, &shapes).map_err(first)
}

/// The leaves in the order in which they are compiled.
fn leaves(condition: &Condition) -> Vec<&Condition> {
    match condition {
        Condition::All(children) | Condition::Any(children) => children.iter().flat_map(leaves).collect(),
        Condition::Not(child) => leaves(child),
        leaf => vec![leaf],
    }
}

fn paths(condition: &Condition) -> Vec<Path> {
    fn walk(condition: &Condition, path: Path, paths: &mut Vec<Path>) {
        paths.push(path.clone());
        match condition {
            Condition::All(children) | Condition::Any(children) => {
                for (index, child) in children.iter().enumerate() {
                    walk(child, child_path(&path, index), paths);
                }
            }
            Condition::Not(child) => walk(child, child_path(&path, 0), paths),
            _ => {}
        }
    }
    let mut paths = Vec::new();
    walk(condition, Path::new(), &mut paths);
    paths
}

/// Whether each condition of the tree holds, a value a row.
struct Truths {
    root: BooleanArray,
    /// In the tree's order, groups before their children.
    all: Vec<(Path, BooleanArray)>,
}

impl Truths {
    fn of(compiled: &Compiled, batch: &RecordBatch) -> Result<Self> {
        let mut all = Vec::new();
        let root = truth(&compiled.root, Path::new(), batch, &mut all)?;
        Ok(Self { root, all })
    }
}

fn truth(
    node: &Node,
    path: Path,
    batch: &RecordBatch,
    all: &mut Vec<(Path, BooleanArray)>,
) -> Result<BooleanArray> {
    let place = all.len();
    all.push((path.clone(), BooleanArray::from(Vec::<bool>::new())));
    let rows = batch.num_rows();
    let holds = match node {
        Node::Leaf(at) => leaf_truth(*at, batch)?,
        Node::Not(child) => not(&truth(child, child_path(&path, 0), batch, all)?).map_err(internal)?,
        Node::All(children) | Node::Any(children) => {
            let every = matches!(node, Node::All(_));
            let mut holds = BooleanArray::from(vec![every; rows]);
            for (index, child) in children.iter().enumerate() {
                let child = truth(child, child_path(&path, index), batch, all)?;
                holds = if every {
                    and(&holds, &child)
                } else {
                    or(&holds, &child)
                }
                .map_err(internal)?;
            }
            holds
        }
    };
    all[place].1 = holds.clone();
    Ok(holds)
}

fn leaf_truth(at: usize, batch: &RecordBatch) -> Result<BooleanArray> {
    let column = batch
        .column_by_name(&format!("c{at}"))
        .and_then(|column| column.as_boolean_opt());
    column
        .cloned()
        .ok_or_else(|| Error::internal("audience", "a condition gave no answer"))
}

fn internal(error: arrow::error::ArrowError) -> Error {
    Error::internal("audience", format!("the conditions could not be joined: {error}"))
}

fn value(at: usize, batch: &RecordBatch, row: usize) -> Option<String> {
    batch
        .column_by_name(&format!("v{at}"))
        .and_then(|column: &ArrayRef| cell(column, row))
}

/// The conditions that hold, in short.
fn why(compiled: &Compiled, leaves: &[&Condition], batch: &RecordBatch, row: usize) -> String {
    let mut parts = Vec::new();
    let mut positive = Vec::new();
    asserted(&compiled.root, true, &mut positive);
    for at in positive {
        let holds = leaf_truth(at, batch).is_ok_and(|truth| truth.value(row));
        if holds && parts.len() < WHY_PARTS_MAX {
            parts.extend(
                leaves
                    .get(at)
                    .map(|leaf| sentence::why(leaf, value(at, batch, row).as_deref())),
            );
        }
    }
    parts.dedup();
    parts.join(" · ")
}

/// The leaves that no `not` is around: what holds of them speaks for the member.
fn asserted(node: &Node, positive: bool, found: &mut Vec<usize>) {
    match node {
        Node::Leaf(at) if positive => found.push(*at),
        Node::Leaf(_) => {}
        Node::Not(child) => asserted(child, !positive, found),
        Node::All(children) | Node::Any(children) => {
            children.iter().for_each(|child| asserted(child, positive, found));
        }
    }
}

/// Why a profile is a member at `t_ms`, or is not. `since_ms` is what the membership's history knows.
pub async fn explain(
    session: &Session,
    definition: &AudienceDefinition,
    profile_id: i64,
    since_ms: Option<i64>,
    t_ms: i64,
) -> Result<Explanation> {
    if !session.has_profile(profile_id) {
        return Err(Error::user(
            "unknown_profile",
            format!("there is no profile {profile_id}"),
        ));
    }
    let mut explanation = Explanation {
        profile_id,
        name: session.profile_name(profile_id),
        member: false,
        since_ms,
        evaluated_ms: t_ms,
        conditions: Vec::new(),
    };
    match &definition.condition {
        Some(condition) if definition.sql.is_none() => {
            let compiled = compiled(session, condition).await?;
            let query = session.query(&compiled.wide(Some(profile_id)), t_ms).await?;
            let batch = only_row(query).await?;
            let truths = Truths::of(&compiled, &batch)?;
            explanation.member = truths.root.value(0);
            let mut holds = truths.all.into_iter();
            let mut leaf = 0;
            explained(
                condition,
                0,
                &batch,
                &mut leaf,
                &mut holds,
                &mut explanation.conditions,
            );
        }
        _ => {
            let evaluation = members(session, definition, t_ms).await?;
            explanation.member = evaluation.members.binary_search(&profile_id).is_ok();
        }
    }
    if !explanation.member {
        explanation.since_ms = None;
    }
    Ok(explanation)
}

async fn only_row(mut query: Query) -> Result<RecordBatch> {
    let mut found: Option<RecordBatch> = None;
    while let Some(batch) = query.next().await? {
        if batch.num_rows() > 1 || (batch.num_rows() == 1 && found.is_some()) {
            return Err(duplicates());
        }
        if batch.num_rows() == 1 {
            found = Some(batch);
        }
    }
    found.ok_or_else(|| Error::internal("audience", "the profile has no row"))
}

fn explained(
    condition: &Condition,
    depth: u32,
    batch: &RecordBatch,
    leaf: &mut usize,
    holds: &mut impl Iterator<Item = (Path, BooleanArray)>,
    out: &mut Vec<ExplainedCondition>,
) {
    let Some((path, truth)) = holds.next() else { return };
    let children: &[Condition] = match condition {
        Condition::All(children) | Condition::Any(children) => children,
        Condition::Not(child) => std::slice::from_ref(child.as_ref()),
        _ => &[],
    };
    let group = matches!(
        condition,
        Condition::All(_) | Condition::Any(_) | Condition::Not(_)
    );
    let value = if group { None } else { value(*leaf, batch, 0) };
    *leaf += usize::from(!group);
    out.push(ExplainedCondition {
        path,
        depth,
        sentence: sentence::heading(condition),
        holds: truth.value(0),
        value,
    });
    for child in children {
        explained(child, depth + 1, batch, leaf, holds, out);
    }
}
