//! What pam-jit decides, and nothing else: policy, requests, grants, sessions and the record of them.
//!
//! The crate is pure. It holds no clock, socket, file, thread or global; time, random ids and what the
//! host knows about accounts are handed in. [`engine::handle`] answers a command with a reply
//! and the events that would make it true; [`state::State::apply`] folds events into state. Nothing
//! else changes state, so the state of a daemon is always the fold of the events that it has stored.
#![forbid(unsafe_code)]
#![cfg_attr(
    test,
    allow(clippy::arithmetic_side_effects, clippy::wildcard_enum_match_arm, reason = "tests say what went wrong by panicking")
)]

pub mod actor;
pub mod engine;
pub mod event;
pub mod grant;
pub mod id;
pub mod line;
pub mod name;
pub mod optout;
pub mod policy;
pub mod record;
pub mod refusal;
pub mod request;
pub mod session;
pub mod span;
pub mod state;
pub mod subject;
pub mod text;
pub mod time;
