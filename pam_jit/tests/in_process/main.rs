//! The built module, loaded by the real libpam from a stack of the test's own, asking daemons that misbehave.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "tests say what went wrong by panicking"
)]

mod alone;
mod artefact;
mod daemon;
mod faults;
mod footprint;
mod items;
mod libpam;
mod memory;
mod panics;
mod place;
mod starved;
mod stress;
mod verdicts;
