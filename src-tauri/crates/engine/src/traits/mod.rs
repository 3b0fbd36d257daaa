//! traits
