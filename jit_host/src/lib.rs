//! What the host says: accounts and groups, jitd's settings, policy files, processes. It only reads.
#![deny(unsafe_code)]
#![cfg_attr(
    test,
    allow(clippy::arithmetic_side_effects, clippy::wildcard_enum_match_arm, reason = "tests say what went wrong by panicking")
)]

pub mod accounts;
#[allow(unsafe_code, reason = "libc's own interface to entries of any length is C")]
mod groups;
pub mod kernel;
pub mod policy_files;
pub mod process;
pub mod settings;
#[allow(unsafe_code, reason = "libc's own interface to a source of groups is C")]
mod sources;
pub mod zone;
