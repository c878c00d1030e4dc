//! What the host says: accounts and groups, policy files, processes. It only reads.
#![forbid(unsafe_code)]

pub mod accounts;
pub mod policy_files;
pub mod process;
