//! The one window and how it ends.

use tauri::{AppHandle, WebviewUrl, WebviewWindowBuilder};

/// Opens the window. Its size can be set by `TAILRACE_WINDOW=1920x1080`.
pub fn open(tauri: &AppHandle) -> tauri::Result<()> {
    let (width, height) = std::env::var("TAILRACE_WINDOW")
        .ok()
        .and_then(|size| parse(&size))
        .unwrap_or((1280.0, 800.0));
    WebviewWindowBuilder::new(tauri, "main", WebviewUrl::default())
        .title("Tailrace")
        .inner_size(width, height)
        .min_inner_size(960.0, 600.0)
        .build()?;
    Ok(())
}

fn parse(size: &str) -> Option<(f64, f64)> {
    let (width, height) = size.split_once('x')?;
    Some((width.parse().ok()?, height.parse().ok()?))
}

/// `Ctrl C` in the terminal and a polite kill close the window as its button does.
pub fn close_on_signal(tauri: &AppHandle) {
    let tauri = tauri.clone();
    tauri::async_runtime::spawn(async move {
        tailrace_app::stop_signal().await;
        for window in tauri::Manager::webview_windows(&tauri).into_values() {
            if let Err(error) = window.close() {
                tracing::warn!(%error, "the window did not close");
            }
        }
    });
}
