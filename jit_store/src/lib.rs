//! The record on disk: a SQLite database that only ever gains events, and what is done with it.
//!
//! jitd alone writes to it, through [`Store`]; [`read`] looks at it, from other processes too.
#![forbid(unsafe_code)]
#![cfg_attr(
    test,
    allow(clippy::arithmetic_side_effects, clippy::wildcard_enum_match_arm, reason = "tests say what went wrong by panicking")
)]

mod copy;
mod doubt;
mod index;
pub mod layout;
mod prune;
pub mod read;
mod replay;
mod reserve;
mod store;
mod trouble;

pub use copy::{NotCopied, copy};
pub use doubt::Doubts;
pub use index::check_index;
pub use prune::{Archived, Pruned, slices};
pub use read::{Checkpoint, Filter, events, ids_beginning, open_copy, open_to_read};
pub use replay::{Base, Fit, Picked, bases, compare, forget_base, pick};
pub use reserve::Reserve;
pub use store::{Fresh, Opened, Store, file_in};
pub use trouble::StoreTrouble;
