//! What the record holds.

use crate::time::Moment;
use serde::{Deserialize, Serialize};

/// A denial.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DenialView {
    /// `D-...`
    pub id: String,
    /// When it was first said.
    pub at: Moment,
    /// To whom.
    pub user: String,
    /// To whom, as a number; null: there is no such account.
    pub uid: Option<u32>,
    /// At which service.
    pub service: String,
    /// As whom, where it was known.
    #[serde(rename = "as")]
    pub run_as: Option<String>,
    /// From which address.
    pub from: Option<String>,
    /// `account` or `session`.
    pub phase: String,
    /// Why.
    pub why: String,
    /// The rule under which one could ask.
    pub rule: Option<String>,
    /// What to do.
    pub ask: Option<String>,
}

/// Where the record begins, when older events were archived.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckpointView {
    /// The last event of the archived part.
    pub upto: u64,
    /// Its hash.
    pub hash: String,
    /// How many events of that part were kept.
    pub kept: u64,
    /// The SHA-256 of their hashes, one after the other.
    pub kept_digest: String,
}

/// An event of the record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventView {
    /// Its number.
    pub seq: u64,
    /// When, with milliseconds.
    pub at: String,
    /// Its name.
    pub event: String,
    /// Its data: a JSON object, byte by byte as it is stored and hashed.
    pub data: String,
    /// The hash of the one before, in hex.
    pub prev: String,
    /// Its own hash, in hex.
    pub hash: String,
}

/// Events that jit-notify could not deliver, and will not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UndeliveredView {
    /// The target's name in `notify.toml`.
    pub target: String,
    /// The number of the first of them.
    pub first: u64,
    /// The number of the last.
    pub last: u64,
    /// How many.
    pub count: u64,
    /// What the target answered, last.
    pub why: String,
}
