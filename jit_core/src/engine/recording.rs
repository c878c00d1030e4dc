//! What becomes of a command that cannot be recorded: the disk is full, read-only, or fails.
//!
//! Nothing is granted that is not on record. But whoever takes access away must not be held up by a disk, nor must time;
//! and whoever already holds a grant that needs no counting is let in by what is on record.

use super::{Admission, Command, check};
use crate::grant::{Grant, LiveGrant, Validity};
use crate::policy::Policy;
use crate::state::State;
use crate::time::Now;

/// What becomes of a command while the record cannot be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub struct Recording {
    /// What if it cannot be recorded.
    pub otherwise: Otherwise,
    /// Whether the space that is kept for a full disk may be used.
    pub reserve: bool,
}

/// What if it cannot be recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Otherwise {
    /// It is refused.
    Refused,
    /// It is done, and recorded as soon as can be.
    Done,
}

impl Recording {
    /// Nothing of it without the record.
    pub const STRICT: Self = Self { otherwise: Otherwise::Refused, reserve: false };
    /// It counts, and space is kept for it.
    const NEEDED: Self = Self { otherwise: Otherwise::Refused, reserve: true };
    /// It takes something away, and space is kept for it.
    const AT_ONCE: Self = Self { otherwise: Otherwise::Done, reserve: true };
    /// It is so, whether or not it can be written down now.
    pub const A_FACT: Self = Self { otherwise: Otherwise::Done, reserve: false };
}

/// What becomes of this command while the record cannot be written.
pub fn recording(state: &State, policy: Option<&Policy>, command: &Command, now: Now) -> Recording {
    match command {
        Command::Request(..) | Command::GrantTo(..) | Command::Approve { .. } | Command::Extend { .. } | Command::Start { .. } => {
            Recording::STRICT
        }
        Command::Emergency(..) | Command::Review { .. } => Recording::NEEDED,
        Command::Revoke { .. } | Command::Drop(..) | Command::Deny { .. } => Recording::AT_ONCE,
        Command::Cancel(..)
        | Command::NotifyFailed(..)
        | Command::Unbound(..)
        | Command::Close(_)
        | Command::Ended(..)
        | Command::Tick
        | Command::Stepped(_) => Recording::A_FACT,
        Command::Open(arrival) => match check(state, policy, &arrival.entry, now) {
            Admission::Grant(id) if state.grant(id).is_some_and(needs_no_counting) => Recording::A_FACT,
            Admission::Grant(_) | Admission::Rule(_) => Recording::STRICT,
            // What is recorded of it is that it was denied.
            Admission::Denied(_) => Recording::A_FACT,
        },
    }
}

/// Whether one more session changes nothing of what the grant is good for.
fn needs_no_counting(grant: &Grant) -> bool {
    match grant {
        Grant::Live(LiveGrant { terms, validity: Validity::Active { .. }, .. }) => terms.common.max_uses.is_none(),
        // Its first use starts its time.
        Grant::Live(LiveGrant { validity: Validity::Waiting { .. } | Validity::Scheduled { .. }, .. }) | Grant::Ended(_) => false,
    }
}
