//! The window's one way in: a command by its name, from the list in `tailrace_model::commands`.

use std::sync::Arc;

use tailrace_app::App;
use tailrace_model::Error;
use tauri::State;

#[tauri::command]
pub async fn call(
    app: State<'_, Arc<App>>,
    name: String,
    request: serde_json::Value,
) -> Result<serde_json::Value, Error> {
    app.call(&name, request).await
}
