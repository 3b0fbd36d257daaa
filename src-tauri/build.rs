//! Declares the window's commands, so that a capability has to name each of them.

fn main() {
    // The window's pages are part of the binary.
    println!("cargo::rerun-if-changed=../ui/dist");
    let manifest = tauri_build::AppManifest::new().commands(&["call", "subscribe", "unsubscribe"]);
    let attributes = tauri_build::Attributes::new().app_manifest(manifest);
    if let Err(error) = tauri_build::try_build(attributes) {
        // A build script has no other way to fail with a reason.
        println!("cargo::error={error:#}");
        std::process::exit(1);
    }
}
