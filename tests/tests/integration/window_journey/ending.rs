//! A workspace is open in one window at a time, and a window ends whole: by its close button and by `Ctrl C`.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use integration::window::{Options, Window};

use super::drive::Drive;

const END_DEADLINE: Duration = Duration::from_secs(5);

pub async fn twice(options: &Options, first: Window) -> Result<()> {
    let second = Window::open(options).await?;
    let drive = Drive::new(&second);
    drive.see("workspace-error").await?;
    let said = drive.text("workspace-error").await?;
    for part in [
        "is already open in the window",
        "shop-workspace",
        "close that one first",
    ] {
        ensure!(said.contains(part), "it does not say “{part}”: {said}");
    }
    second.screenshot("second-window").await?;
    first
        .close(END_DEADLINE)
        .await
        .context("closing the first window")?;

    // Now it can be had, with all that the first one collected.
    drive.click("workspace-retry").await?;
    drive.screen("audiences").await?;
    drive.more_rows("audiences", 2).await?;
    second
        .signal("INT", END_DEADLINE)
        .await
        .context("Ctrl C in the second window's terminal")?;
    Ok(())
}
