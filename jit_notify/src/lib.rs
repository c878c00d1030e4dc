//! jit-notify: reads events from jitd as an auditor, and tells them to programs, web hooks and people.
//!
//! It is a service of its own, with a user of its own: jitd has no network and starts no program. The record is the
//! queue. Each target has a thread (`courier`), a connection to jitd and a durable place in the record (`cursor`):
//! nothing is kept in memory for a target that is slow, and none waits for another.
#![forbid(unsafe_code)]
#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::panic,
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects,
        reason = "tests say what went wrong by panicking"
    )
)]

pub mod cli;
mod courier;
mod cursor;
mod durable;
mod event;
mod filter;
mod jitd;
mod reports;
mod retry;
mod service;
pub mod settings;
mod summary;
mod template;
mod way;
