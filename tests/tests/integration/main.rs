//! The integration tests, one binary: against real servers, the real command line and the real window.
//! `make test` runs them; `cargo test --workspace --test integration NAME` runs one, once the programs are built.

mod bad_input;
mod broker;
mod connect;
mod connect_workers;
mod copy;
mod demo;
mod exactly_once;
mod export;
mod formats;
mod fuzz;
mod harness;
mod identity;
mod journey;
mod lag;
mod lag_truth;
mod layout;
mod masks;
mod order;
mod produce;
mod quality;
mod retail;
mod schemas;
mod shop;
mod stopping;
mod tables;
mod three_brokers;
mod told;
mod topics;
mod tracking;
mod window_journey;
mod window_kafka;
mod window_quality;
mod workspace;
