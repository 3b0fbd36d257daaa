//! Formats: bytes to Arrow.
