//! What users see, on real sudo and real sshd.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "tests say what went wrong by panicking"
)]

mod approval;
mod away;
mod clock;
mod command;
mod crash;
mod host;
mod hostile;
mod policy;
mod ssh;
mod ssh_settings;
mod story;
mod sudo;
mod sudo_settings;
mod world;
