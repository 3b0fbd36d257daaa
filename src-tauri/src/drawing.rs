//! How the web view draws. On a machine without a GPU, WebKitGTK would compose the page by OpenGL in software, which was
//! measured to hold 85 MiB more than painting does; there the page is painted.

use std::path::Path;

/// WebKitGTK's own switch; whoever has set it has chosen.
const SWITCH: &str = "WEBKIT_DISABLE_COMPOSITING_MODE";
/// What the drivers of GPUs make: direct rendering, NVIDIA's own, and that of Windows under Linux.
const GPUS: [&str; 3] = ["/dev/dri/renderD128", "/dev/nvidiactl", "/dev/dxg"];

/// Chooses for this process and those it starts.
///
/// # Safety
/// No other thread runs yet: it changes the process's environment.
pub unsafe fn choose() {
    let chosen = std::env::var_os(SWITCH).is_some();
    if !chosen && !GPUS.iter().any(|gpu| Path::new(gpu).exists()) {
        // SAFETY: the caller's promise.
        unsafe { std::env::set_var(SWITCH, "1") };
    }
}
