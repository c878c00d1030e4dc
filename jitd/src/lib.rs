//! jitd: remembers who may come in, decides, and ends it in time.
//!
//! One engine task ([`engine`]) owns the state; one thread ([`writer`]) writes to disk and syslog; each
//! connection is a task that asks the engine: [`pam_door`] for the module, [`user_door`] for people, on a thread of its own so
//! that a flood of theirs holds up no check. The [`keeper`] holds the processes of sessions, and ends them with their grants.
//! If one of these panics, jitd ends as a whole ([`vital`]).
#![cfg_attr(
    test,
    allow(clippy::arithmetic_side_effects, clippy::wildcard_enum_match_arm, reason = "tests say what went wrong by panicking")
)]

mod acquainted;
mod begin;
mod behind;
mod breakglass;
pub mod cli;
pub mod clock;
pub mod daemon;
mod directory;
pub mod engine;
#[cfg(fuzzing)]
pub mod fuzzing;
mod inherited;
pub mod keeper;
mod limits;
pub mod meter;
mod notices;
pub mod pam_door;
mod privileges;
mod reload;
mod sandbox;
mod sockets;
pub mod syslog;
mod terminal;
pub mod user_door;
pub mod vital;
mod voice;
mod watchdog;
mod wire;
pub mod writer;

pub use jit_host::settings;
