//! What the host says: accounts and groups, policy files, processes. It only reads.
#![forbid(unsafe_code)]
#![cfg_attr(
    test,
    allow(clippy::arithmetic_side_effects, clippy::wildcard_enum_match_arm, reason = "tests say what went wrong by panicking")
)]

pub mod accounts;
pub mod policy_files;
pub mod process;
pub mod zone;
