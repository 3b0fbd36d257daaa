//! What every destination has to pass, for tests here and for those that have a real server.

pub mod contract;
