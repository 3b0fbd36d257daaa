//! The columns of `events`.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};

use crate::events::columns::{Columns, Naming};

pub const PROFILE_ID: &str = "profile_id";
pub const MESSAGE_ID: &str = "message_id";
pub const TYPE: &str = "type";
pub const EVENT: &str = "event";
pub const TIMESTAMP: &str = "timestamp";
pub const RECEIVED_AT: &str = "received_at";
pub const USER_ID: &str = "user_id";
pub const ANONYMOUS_ID: &str = "anonymous_id";
pub const SOURCE: &str = "source";
/// The other identifiers of the event, as a JSON object: `{"email":"a@b.c"}`.
pub const IDENTIFIERS: &str = "identifiers";
/// The context of the event, a JSON object as it was sent.
pub const CONTEXT: &str = "context";
/// The properties that their column does not give back exactly, as a JSON object.
pub const PROPERTIES_REST: &str = "properties_rest";

/// In files alone, where it differs from the profile: the profile that the event came to, whatever was merged since. No
/// property's column has a name like this.
pub const ORIGIN: &str = "#origin";

/// The columns that no property can take, and the prefix of a property that has such a name.
pub const NAMING: Naming = Naming {
    fixed: &[
        PROFILE_ID,
        MESSAGE_ID,
        TYPE,
        EVENT,
        TIMESTAMP,
        RECEIVED_AT,
        USER_ID,
        ANONYMOUS_ID,
        SOURCE,
        IDENTIFIERS,
        CONTEXT,
        PROPERTIES_REST,
    ],
    prefix: "properties_",
};

/// The fixed columns, in order.
pub fn fixed_fields() -> Vec<Field> {
    let text = |name: &str, nullable| Field::new(name, DataType::Utf8View, nullable);
    let time = |name: &str| {
        Field::new(
            name,
            DataType::Timestamp(TimeUnit::Millisecond, Some("UTC".into())),
            false,
        )
    };
    vec![
        Field::new(PROFILE_ID, DataType::Int64, false),
        text(MESSAGE_ID, false),
        text(TYPE, false),
        text(EVENT, false),
        time(TIMESTAMP),
        time(RECEIVED_AT),
        text(USER_ID, true),
        text(ANONYMOUS_ID, true),
        text(SOURCE, false),
        text(IDENTIFIERS, true),
        text(CONTEXT, true),
        text(PROPERTIES_REST, true),
    ]
}

/// Its column [`ORIGIN`].
pub fn origin_field() -> Field {
    Field::new(ORIGIN, DataType::Int64, true)
}

/// A table's columns with [`ORIGIN`], as files are read.
pub fn with_origin(table: &SchemaRef) -> SchemaRef {
    let origin = Arc::new(origin_field());
    let fields: Vec<_> = table.fields().iter().cloned().chain([origin]).collect();
    Arc::new(Schema::new(fields))
}

/// The whole table: the fixed columns, then those of properties in the order in which they were first seen.
pub fn events_schema(columns: &Columns) -> SchemaRef {
    let mut fields = fixed_fields();
    fields.extend(columns.fields());
    Arc::new(Schema::new(fields))
}
