//! See [`bodies`].

pub mod bodies;
