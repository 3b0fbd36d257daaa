//! `tailrace demo`: the whole job on the sandbox, with progress, ending with a summary.

use std::path::PathBuf;

use indicatif::{ProgressBar, ProgressStyle};
use tailrace_app::demo::{DemoProgress, DemoSummary};
use tokio_util::sync::CancellationToken;

use super::groups::status;
use crate::{
    Outcome,
    args::Demo,
    output::{Output, count, duration, maybe},
};

/// Between two lines of progress.
const LINE_EVERY_S: u64 = 5;

pub async fn demo(workspace: Option<PathBuf>, args: &Demo, output: &Output) -> anyhow::Result<Outcome> {
    let folder = workspace
        .unwrap_or_else(|| std::env::temp_dir().join(format!("tailrace-demo-{}", std::process::id())));
    let bar = bar(args.seconds, output);
    let token = CancellationToken::new();
    let lines = args.progress && !output.is_terminal();
    let said = std::cell::Cell::new(0);
    let job = tailrace_app::demo::run(&folder, args.seconds, &token, |progress| {
        show(&bar, progress);
        let now = progress.elapsed.as_secs() / LINE_EVERY_S;
        if lines && said.replace(now) != now {
            output.note(&told(progress));
        }
    });
    let stop = async {
        tailrace_app::stop_signal().await;
        token.cancel();
        // The job ends by it.
        std::future::pending::<()>().await;
    };
    let ended = tokio::select! {
        ended = job => ended,
        () = stop => return Ok(Outcome::Partly),
    };
    bar.finish_and_clear();
    if token.is_cancelled() && ended.is_err() {
        output.note("stopped before its end: there is no summary");
        return Ok(Outcome::Partly);
    }
    let summary = ended?;
    let steps = summary.steps();
    if output.json {
        let mut value = serde_json::to_value(&summary)?;
        value["steps"] = serde_json::to_value(&steps)?;
        output.object(&value)?;
    } else {
        print(&summary, output)?;
    }
    let missing: Vec<_> = steps.iter().filter(|step| !step.happened).collect();
    for step in &missing {
        output.note(&format!(
            "tailrace: the step \"{}\" did not happen: {}",
            step.step,
            step.missing.unwrap_or_default()
        ));
    }
    Ok(if missing.is_empty() {
        Outcome::Done
    } else {
        Outcome::Failed
    })
}

fn bar(seconds: u32, output: &Output) -> ProgressBar {
    if output.json || !output.is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new(u64::from(seconds) * 1_000);
    if let Ok(style) = ProgressStyle::with_template("{bar:30} {msg}") {
        bar.set_style(style.progress_chars("=> "));
    }
    bar
}

fn show(bar: &ProgressBar, progress: &DemoProgress) {
    bar.set_position(progress.elapsed.as_millis() as u64);
    bar.set_message(told(progress));
}

fn told(progress: &DemoProgress) -> String {
    let left = progress.total.saturating_sub(progress.elapsed).as_secs();
    format!(
        "tailed {} · events {} · members {} · delivered {} · {left} s left",
        count(progress.tailed),
        count(progress.events),
        count(progress.members),
        count(progress.delivered)
    )
}

fn print(it: &DemoSummary, output: &Output) -> anyhow::Result<()> {
    output.line(&format!("tailrace demo: {:.0} s on the sandbox\n", it.seconds))?;
    output.line(&format!(
        "TAIL      {} records, {} MB; {} matched revenue > 100",
        count(it.tailed),
        it.tailed_bytes / 1_000_000,
        count(it.filter_matched)
    ))?;
    output.line(&format!(
        "COLLECT   {} events of {} profiles; {} duplicates and {} malformed seen",
        count(it.events),
        count(it.profiles),
        count(it.duplicates),
        count(it.malformed)
    ))?;
    output.line("\nLAG")?;
    let rows: Vec<Vec<String>> = it
        .groups
        .iter()
        .map(|it| {
            vec![
                it.group.clone(),
                status(it.status).to_owned(),
                maybe(it.lag),
                duration(it.lag_ms),
                it.reason.clone(),
            ]
        })
        .collect();
    output.table(&["group", "status", "lag", "lag in time", "why"], &rows)?;
    output.line("\nAUDIENCES")?;
    let rows: Vec<Vec<String>> = it
        .audiences
        .iter()
        .map(|it| {
            vec![
                it.audience.clone(),
                it.members.map_or_else(|| "-".to_owned(), count),
                count(it.entered),
                count(it.exited),
            ]
        })
        .collect();
    output.table(&["audience", "members", "entered", "exited"], &rows)?;
    output.line("\nDELIVER")?;
    let rows: Vec<Vec<String>> = it
        .deliveries
        .iter()
        .map(|it| {
            vec![
                it.sync.clone(),
                it.destination.clone(),
                count(it.runs),
                count(it.delivered),
                count(it.failed),
                count(it.acknowledged),
            ]
        })
        .collect();
    output.table(
        &["sync", "destination", "runs", "delivered", "owed", "there now"],
        &rows,
    )?;
    output.line("\nFILES")?;
    for file in &it.files {
        output.line(&format!("{} ({} bytes)", file.path, count(file.bytes)))?;
    }
    Ok(())
}
