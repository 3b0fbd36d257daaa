//! Long work: how far it is, on a terminal; `Ctrl C` stops it with what it has.

use std::{future::Future, io::IsTerminal, time::Duration};

use indicatif::{ProgressBar, ProgressStyle};
use tailrace_app::{App, commands as run};
use tailrace_model::{
    Result,
    api::{Activity, ActivityRequest, ActivityState, Nothing},
};

const LOOK_EVERY: Duration = Duration::from_millis(200);

/// Waits for work that is shown in Activity under `kind`.
pub async fn follow<T>(app: &App, kind: &str, work: impl Future<Output = Result<T>>) -> Result<T> {
    let mut work = std::pin::pin!(work);
    let mut stop = std::pin::pin!(tailrace_app::stop_signal());
    let bar = std::io::stderr().is_terminal().then(bar);
    let mut stopping = false;
    loop {
        tokio::select! {
            ended = &mut work => {
                if let Some(bar) = bar {
                    bar.finish_and_clear();
                }
                return ended;
            }
            () = &mut stop, if !stopping => {
                stopping = true;
                for activity in running(app, kind).await? {
                    run::activity_cancel(app, ActivityRequest { id: activity.id }).await?;
                }
            }
            () = tokio::time::sleep(LOOK_EVERY) => {
                if let Some(bar) = &bar
                    && let Some(activity) = running(app, kind).await?.first()
                {
                    show(bar, activity);
                }
            }
        }
    }
}

async fn running(app: &App, kind: &str) -> Result<Vec<Activity>> {
    let activities = run::activity_list(app, Nothing {}).await?.into_iter();
    Ok(activities
        .filter(|it| it.kind == kind && it.state == ActivityState::Running)
        .collect())
}

fn bar() -> ProgressBar {
    let bar = ProgressBar::new_spinner();
    bar.set_style(ProgressStyle::default_spinner());
    bar
}

fn show(bar: &ProgressBar, activity: &Activity) {
    let done = activity.done.unwrap_or(0);
    if let Some(total) = activity.total
        && bar.length().is_none()
    {
        bar.set_length(total);
        if let Ok(style) =
            ProgressStyle::with_template("{bar:30} {human_pos} of {human_len} · {per_sec} · {eta} left {msg}")
        {
            bar.set_style(style);
        }
    }
    bar.set_position(done);
    bar.set_message(match (activity.total, &activity.detail) {
        (None, _) => format!("{done} records"),
        (Some(_), detail) => detail.clone().unwrap_or_default(),
    });
}
