//! Events and records as a person looks at them.

use tailrace_engine::events::{Event, columns::write_member, json::write_string, time::format_ms};

/// One event as JSON, its properties as they are collected.
pub(super) fn event_json(event: &Event<'_>) -> String {
    let mut out = String::from("{\"message_id\":");
    write_string(&event.message_id, &mut out);
    out.push_str(",\"type\":");
    write_string(event.kind.as_str(), &mut out);
    out.push_str(",\"event\":");
    write_string(&event.event, &mut out);
    out.push_str(",\"timestamp\":");
    write_string(&format_ms(event.timestamp_ms), &mut out);
    for identifier in &event.identifiers {
        out.push(',');
        write_string(&identifier.kind, &mut out);
        out.push(':');
        write_string(&identifier.value, &mut out);
    }
    let mut members = String::new();
    for (name, cell) in &event.properties {
        write_member(name, cell, &mut members);
    }
    out.push_str(",\"properties\":{");
    out.push_str(&members);
    out.push('}');
    if let Some(context) = &event.context {
        out.push_str(",\"context\":");
        out.push_str(context);
    }
    out.push('}');
    out
}
