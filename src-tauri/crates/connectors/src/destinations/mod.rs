//! Destinations: what acts on audiences.
