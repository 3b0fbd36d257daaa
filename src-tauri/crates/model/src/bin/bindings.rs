//! Writes `ui/src/bindings/index.ts`; with `--check` only says whether it is up to date (exit code 1 when not).

use std::{path::Path, process::ExitCode};

use tailrace_model::bindings::typescript;

fn main() -> std::io::Result<ExitCode> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../ui/src/bindings/index.ts");
    let text = typescript();
    let same = std::fs::read_to_string(&path).is_ok_and(|found| found == text);
    if std::env::args().any(|arg| arg == "--check") {
        return Ok(if same {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        });
    }
    if !same {
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)?;
        }
        std::fs::write(&path, text)?;
    }
    Ok(ExitCode::SUCCESS)
}
