//! Notices on the desktop. Where the system takes none, the log has them, and the window lists what fires.

use tailrace_app::Notice;

/// Shows one, when it is meant for the desktop.
pub fn show(notice: Notice) {
    if notice.desktop {
        // Asking the desktop may take a while, and nothing waits for it.
        drop(std::thread::spawn(move || desktop(&notice)));
    }
}

/// By the interface that every Linux desktop has: <https://specifications.freedesktop.org/notification-spec/latest/>.
#[cfg(target_os = "linux")]
fn desktop(notice: &Notice) {
    use gio::glib::{Variant, VariantDict, prelude::ToVariant};

    const ANSWER_MS_MAX: i32 = 5_000;
    let hints = VariantDict::new(None).end();
    let actions: Vec<String> = Vec::new();
    let arguments = Variant::tuple_from_iter([
        "Tailrace".to_variant(),
        0_u32.to_variant(),
        "dialog-warning".to_variant(),
        notice.title.to_variant(),
        escaped(&notice.text).to_variant(),
        actions.to_variant(),
        hints,
        (-1_i32).to_variant(),
    ]);
    let shown = gio::bus_get_sync(gio::BusType::Session, gio::Cancellable::NONE).and_then(|bus| {
        bus.call_sync(
            Some("org.freedesktop.Notifications"),
            "/org/freedesktop/Notifications",
            "org.freedesktop.Notifications",
            "Notify",
            Some(&arguments),
            None,
            gio::DBusCallFlags::NONE,
            ANSWER_MS_MAX,
            gio::Cancellable::NONE,
        )
    });
    if let Err(error) = shown {
        tracing::warn!(%error, title = notice.title, "the desktop did not show a notice");
    }
}

/// The text of a notice may have marks of HTML, and ours has none.
#[cfg(target_os = "linux")]
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

#[cfg(not(target_os = "linux"))]
fn desktop(notice: &Notice) {
    tracing::warn!(title = notice.title, "this desktop is shown no notices yet");
}
