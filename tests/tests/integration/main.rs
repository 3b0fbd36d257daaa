//! The integration tests, one binary: against real servers, the real command line and the real window.
//! `make test` runs them; `cargo test --workspace --test integration NAME` runs one, once the programs are built.

mod harness;
