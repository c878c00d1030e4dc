//! What kind an act is: what it costs, and what it needs.

use crate::limits::Begins;
use jit_proto::user::Act;

/// What begins something that is on record, and its reason.
pub fn begins_something(act: &Act) -> Option<(Begins, Option<&str>)> {
    match act {
        Act::Request(wish) | Act::GrantTo { wish, .. } => Some((Begins::Request, wish.reason.as_deref())),
        Act::Extend { reason, .. } => Some((Begins::Request, reason.as_deref())),
        Act::Emergency(wish) => Some((Begins::Emergency, wish.reason.as_deref())),
        Act::Approve { .. }
        | Act::Deny { .. }
        | Act::Cancel(_)
        | Act::Drop(_)
        | Act::Revoke { .. }
        | Act::Review { .. }
        | Act::Reload
        | Act::NotifyFailed(_)
        | Act::Prune { .. }
        | Act::Optouts
        | Act::Status
        | Act::Wait(_)
        | Act::List(_)
        | Act::Show(_)
        | Act::Events(_)
        | Act::Follow { .. }
        | Act::PolicyShow
        | Act::Version
        | Act::Archive { .. }
        | Act::Watch
        | Act::Metrics
        | Act::MayEnter { .. } => None,
    }
}

/// What shows requests, grants and opt-outs. Without a record there are none to be seen, and nobody must take that for an answer.
pub fn shows_the_record(act: &Act) -> bool {
    match act {
        Act::Wait(_) | Act::List(_) | Act::Show(_) | Act::Optouts => true,
        // These say by themselves that there is none, or have nothing to do with it.
        Act::Status
        | Act::Metrics
        | Act::Events(_)
        | Act::Follow { .. }
        | Act::Watch
        | Act::PolicyShow
        | Act::Version
        | Act::MayEnter { .. }
        | Act::Archive { .. }
        | Act::Request(_)
        | Act::GrantTo { .. }
        | Act::Approve { .. }
        | Act::Deny { .. }
        | Act::Cancel(_)
        | Act::Drop(_)
        | Act::Revoke { .. }
        | Act::Emergency(_)
        | Act::Review { .. }
        | Act::Extend { .. }
        | Act::Reload
        | Act::NotifyFailed(_)
        | Act::Prune { .. } => false,
    }
}

/// What is one of the acts that are counted, so that nobody does many.
pub fn changes_something(act: &Act) -> bool {
    match act {
        Act::Request(_)
        | Act::GrantTo { .. }
        | Act::Approve { .. }
        | Act::Deny { .. }
        | Act::Cancel(_)
        | Act::Drop(_)
        | Act::Revoke { .. }
        | Act::Emergency(_)
        | Act::Review { .. }
        | Act::Extend { .. }
        | Act::Reload
        | Act::NotifyFailed(_)
        | Act::Prune { .. } => true,
        Act::Optouts
        | Act::Status
        | Act::Wait(_)
        | Act::List(_)
        | Act::Show(_)
        | Act::Events(_)
        | Act::Follow { .. }
        | Act::PolicyShow
        | Act::Version
        | Act::Archive { .. }
        | Act::Watch
        | Act::Metrics
        | Act::MayEnter { .. } => false,
    }
}
