//! The window: Tauri and nothing else. What it shows and does comes from the app's commands.

#![cfg_attr(not(debug_assertions), windows_subsystem = "windows")]

mod commands;
#[cfg(target_os = "linux")]
mod footprint;
mod notices;
mod subscriptions;
#[cfg(target_os = "linux")]
mod webview;
mod window;

use std::{path::PathBuf, sync::Arc};

use tailrace_app::{App, OpenOptions};
use tauri::{Manager, RunEvent};

use crate::subscriptions::Subscriptions;

fn main() -> anyhow::Result<()> {
    #[cfg(target_os = "linux")]
    // SAFETY: this is the first thing that the process does, and it has one thread.
    unsafe {
        webview::choose();
    }
    tailrace_app::core::memory::give_back_soon();
    tracing_subscriber::fmt()
        .with_env_filter(
            tracing_subscriber::EnvFilter::try_from_default_env()
                .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("warn")),
        )
        .with_writer(std::io::stderr)
        .init();
    let folder = std::env::args_os().nth(1).map(PathBuf::from);
    let runtime = tailrace_app::core::runtime()?;
    tauri::async_runtime::set(runtime.handle().clone());

    let app = Arc::new(App::default());
    let opening = Arc::clone(&app);
    runtime.spawn(async move {
        let folder = match folder {
            Some(folder) => Ok(folder),
            None => tailrace_app::sample_workspace().await,
        };
        opening.open_or_explain(folder, OpenOptions::live()).await;
    });

    #[cfg(target_os = "linux")]
    runtime.spawn(footprint::keep_small());
    let noticed = Arc::clone(&app);
    runtime.spawn(async move { noticed.follow_notices(notices::show).await });

    let built = tauri::Builder::default()
        .manage(Arc::clone(&app))
        .manage(Subscriptions::default())
        .invoke_handler(tauri::generate_handler![
            commands::call,
            subscriptions::subscribe,
            subscriptions::unsubscribe
        ])
        .setup(|tauri| Ok(window::open(tauri.handle())?))
        .build(tauri::generate_context!())?;
    built.run(move |tauri, event| match event {
        // The window is gone; the process stays until what was collected is written.
        RunEvent::ExitRequested { api, code: None, .. } => {
            api.prevent_exit();
            let app = tauri.state::<Arc<App>>().inner().clone();
            let tauri = tauri.clone();
            tauri::async_runtime::spawn(async move {
                app.close().await;
                tauri.exit(0);
            });
        }
        RunEvent::Ready => window::close_on_signal(tauri),
        _ => {}
    });
    Ok(())
}
