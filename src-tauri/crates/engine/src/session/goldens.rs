//! The SQL goldens: `tests/sql/*.sql` and `tests/sql/audiences/*.json`, each with what it gives beside it (`.out`).
//!
//! They run over the small shop of [`super::testing`]. `UPDATE_GOLDENS=1` writes the outputs anew; the difference is then
//! for a person to read.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use tailrace_model::{AudienceDefinition, Error, api::Rows};

use super::{
    ResultSet, Session,
    testing::{T, sample},
};
use crate::audiences;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../tests/sql")
}

fn files(folder: &Path, ending: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|found| found == ending));
    files.sort();
    assert!(!files.is_empty(), "no *.{ending} in {}", folder.display());
    files
}

/// Compares with the file, or writes it. Returns what differs.
fn hold(path: &Path, found: &str) -> Option<String> {
    let golden = path.with_extension("out");
    if std::env::var_os("UPDATE_GOLDENS").is_some_and(|update| update == "1") {
        fs::write(&golden, found).unwrap();
        return None;
    }
    let expected = fs::read_to_string(&golden).unwrap_or_default();
    (expected != found).then(|| {
        let line = std::iter::zip(
            expected.lines().chain(std::iter::repeat("(nothing)")),
            found.lines(),
        )
        .enumerate()
        .find(|(_, (expected, found))| expected != found);
        let (at, (expected, found)) = line.unwrap_or((0, ("more", "fewer lines")));
        format!(
            "{}:{}: expected {expected:?}, found {found:?}",
            golden.display(),
            at + 1
        )
    })
}

fn table(rows: &Rows) -> String {
    let header: Vec<String> = rows
        .columns
        .iter()
        .map(|column| format!("{} {}", column.name, column.data_type))
        .collect();
    let mut text = header.join(" | ");
    text.push('\n');
    for row in &rows.rows {
        let cells: Vec<&str> = row.iter().map(|cell| cell.as_deref().unwrap_or("NULL")).collect();
        text.push_str(&cells.join(" | "));
        text.push('\n');
    }
    text.push_str(&format!(
        "({} row{})\n",
        rows.total,
        if rows.total == 1 { "" } else { "s" }
    ));
    text
}

fn refusal(error: &Error) -> String {
    let place = error
        .position
        .as_ref()
        .map(|place| format!(" at {}:{}", place.line, place.column));
    format!(
        "error {}{}\n{}\n",
        error.code,
        place.unwrap_or_default(),
        error.message
    )
}

async fn run(session: &Session, sql: &str) -> Result<Rows, Error> {
    let mut query = session.query(sql, T).await?;
    let mut result = ResultSet::new(Arc::clone(query.schema()));
    query.collect_into(&mut result).await?;
    Ok(result.page(0, 1000))
}

/// Statements begin with a line `-- title`; what a statement gives stands under that title.
async fn answers(session: &Session, text: &str) -> String {
    let mut found = String::new();
    for block in text.split("-- ").skip(1) {
        let (title, sql) = block.split_once('\n').unwrap_or((block, ""));
        let answer = run(session, sql.trim()).await;
        let answer = answer.map_or_else(|error| refusal(&error), |rows| table(&rows));
        found.push_str(&format!("-- {title}\n{answer}\n"));
    }
    found
}

#[tokio::test]
async fn sql_answers_as_its_goldens_say() {
    let session = sample().session();
    let mut wrong = Vec::new();
    for path in files(&folder(), "sql") {
        let found = answers(&session, &fs::read_to_string(&path).unwrap()).await;
        wrong.extend(hold(&path, &found));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// What an audience comes to: its sentence, its SQL, its members and why the first is one; or all that is wrong with it.
async fn audience(session: &Session, definition: &AudienceDefinition) -> String {
    let validation = audiences::validate(session, "golden", definition).await;
    let notes: String = validation
        .notes
        .iter()
        .map(|note| format!("note: {note}\n"))
        .collect();
    if !validation.problems.is_empty() {
        let problem =
            |problem: &audiences::Problem| format!("[{}] {}", problem.path, refusal(&problem.error));
        return validation.problems.iter().map(problem).collect::<String>() + &notes;
    }
    let preview = match audiences::preview(session, definition, &[2, 3], T).await {
        Ok(preview) => preview,
        Err(error) => return refusal(&error),
    };
    let sizes: Vec<String> = preview
        .conditions
        .iter()
        .map(|condition| format!("[{}] {}", condition.path, condition.size))
        .collect();
    let sample: String = preview
        .sample
        .iter()
        .map(|member| format!("{} {}: {}\n", member.profile_id, member.name, member.why))
        .collect();
    let members = audiences::members(session, definition, T)
        .await
        .map(|found| found.members);
    assert_eq!(
        members.map(|members| members.len() as u64),
        Ok(preview.size),
        "the preview differs"
    );
    format!(
        "{}\n\n{}\n\n{} of {}, +{} -{} against 2 and 3\n{}\n\n{sample}{notes}",
        preview.sentence.unwrap_or_default(),
        preview.sql,
        preview.size,
        preview.universe,
        preview.entering,
        preview.exiting,
        sizes.join(" "),
    )
}

#[tokio::test]
async fn audiences_come_to_what_their_goldens_say() {
    let session = sample().session();
    let mut wrong = Vec::new();
    for path in files(&folder().join("audiences"), "json") {
        let text = fs::read_to_string(&path).unwrap();
        let definition =
            serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        wrong.extend(hold(&path, &audience(&session, &definition).await));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
