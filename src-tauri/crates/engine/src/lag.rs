//! lag
