//! audiences
