//! What the web view is told before it starts, by WebKitGTK's own switches; whoever has set one has chosen.
//!
//! On a machine without a GPU it would compose the page by OpenGL in software, which was measured to hold 85 MiB more than
//! painting does: there the page is painted. JavaScript's collector lets garbage grow with the memory of the machine; rows
//! of a tail that come and go ten times a second were measured to hold 60 MiB less when it believes that there is little.

use std::path::Path;

const PAINTED: (&str, &str) = ("WEBKIT_DISABLE_COMPOSITING_MODE", "1");
/// Bytes that the collector believes the machine has.
const MEMORY: (&str, &str) = ("JSC_forceRAMSize", "16777216");
/// What the drivers of GPUs make: direct rendering, NVIDIA's own, and that of Windows under Linux.
const GPUS: [&str; 3] = ["/dev/dri/renderD128", "/dev/nvidiactl", "/dev/dxg"];

/// Chooses for this process and those it starts.
///
/// # Safety
/// No other thread runs yet: it changes the process's environment.
pub unsafe fn choose() {
    let gpu = GPUS.iter().any(|gpu| Path::new(gpu).exists());
    for (name, value) in [MEMORY].into_iter().chain((!gpu).then_some(PAINTED)) {
        if std::env::var_os(name).is_none() {
            // SAFETY: the caller's promise.
            unsafe { std::env::set_var(name, value) };
        }
    }
}
