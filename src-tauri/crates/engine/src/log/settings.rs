//! The limits of the event log.

use crate::identity::IdentitySettings;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogSettings {
    pub identity: IdentitySettings,
    /// Properties that have a column in `events`; further ones are in `properties_rest`.
    pub property_columns_max: usize,
    /// An event whose message id was collected within this span is a duplicate.
    pub dedupe_window_ms: i64,
    /// Message ids that are remembered, about 40 bytes each; more shorten the window.
    pub dedupe_ids_max: usize,
    /// Events that wait for a checkpoint.
    pub buffer_rows_max: usize,
    pub buffer_bytes_max: usize,
    pub row_group_rows: usize,
    /// Segments of about the same size that are merged into one.
    pub compaction_segments: usize,
    /// A segment that is larger is not merged any more.
    pub segment_bytes_max: u64,
    /// Memory that a compaction may sort in, before it goes to temporary files.
    pub compaction_memory_bytes_max: usize,
}

impl Default for LogSettings {
    fn default() -> Self {
        Self {
            identity: IdentitySettings::default(),
            property_columns_max: 500,
            dedupe_window_ms: 7 * 86_400_000,
            dedupe_ids_max: 32 << 20,
            buffer_rows_max: 500_000,
            buffer_bytes_max: 256 << 20,
            row_group_rows: 128 << 10,
            compaction_segments: 8,
            segment_bytes_max: 1 << 30,
            compaction_memory_bytes_max: 512 << 20,
        }
    }
}
