//! The integration tests, one binary: against real servers, the real command line and the real window.
//! `make test` runs them; `cargo test --workspace --test integration NAME` runs one, once the programs are built.

mod bad_input;
mod broker;
mod demo;
mod exactly_once;
mod harness;
mod journey;
mod layout;
mod retail;
mod shop;
mod stopping;
mod tables;
mod window_journey;
mod workspace;
