//! The limits that several parts share, each with its unit. A part's own limits live beside its code.

/// Records that one tail keeps for its table; older ones leave it (and are counted as `evicted`).
pub const TAIL_RECORDS_MAX: usize = 200_000;
/// Bytes of memory that the records take which one tail keeps; all but the newest are packed.
pub const TAIL_BYTES_MAX: usize = 32 * 1024 * 1024;
/// Rows that one call to `*_rows` may return.
pub const ROWS_PAGE_MAX: usize = 1_000;
/// Rows that a SQL result keeps in memory for the window.
pub const SQL_RESULT_ROWS_MAX: usize = 1_000_000;
/// Bytes that a SQL result keeps in memory for the window.
pub const SQL_RESULT_BYTES_MAX: usize = 256 * 1024 * 1024;
/// Characters of a value that a table row carries; the record opened shows all of it.
pub const CELL_CHARS_MAX: usize = 512;
/// Revisions a second that a view sends to the window.
pub const REVISIONS_PER_SECOND_MAX: u32 = 10;
/// Bytes of a value as JSON that the window gets: what is larger is shown as text, page by page.
pub const RECORD_JSON_BYTES_MAX: usize = 24 * 1024 * 1024;
/// Bytes of a value as text that one call hands over.
pub const RECORD_TEXT_BYTES_MAX: usize = 256 * 1024;
/// Bytes of a record that one call hands over as they are.
pub const RECORD_BYTES_PAGE_MAX: usize = 64 * 1024;
/// Differences between two records that are told one by one.
pub const DIFFERENCES_MAX: usize = 1_000;
