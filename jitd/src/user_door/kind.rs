//! What kind an act is: what it costs, and what it needs.

use crate::limits::Begins;
use jit_proto::user::Act;

/// The kinds of acts.
pub enum Kind<'a> {
    /// Begins something that is on record, for this reason. It is counted by the day, and changes something.
    Begins(Begins, Option<&'a str>),
    /// Changes something: it is counted by the minute.
    Changes,
    /// Shows requests, grants and opt-outs. Without a record there are none to be seen, and nobody must take that for an answer.
    ShowsTheRecord,
    /// Shows something else, or says by itself that there is no record.
    Shows,
}

impl<'a> Kind<'a> {
    /// That of this act.
    pub fn of(act: &'a Act) -> Self {
        match act {
            Act::Request(wish) | Act::GrantTo { wish, .. } => Self::Begins(Begins::Request, wish.reason.as_deref()),
            Act::Extend { reason, .. } => Self::Begins(Begins::Request, reason.as_deref()),
            Act::Emergency(wish) => Self::Begins(Begins::Emergency, wish.reason.as_deref()),
            Act::Approve { .. }
            | Act::Deny { .. }
            | Act::Cancel(_)
            | Act::Drop(_)
            | Act::Revoke { .. }
            | Act::Review { .. }
            | Act::Reload
            | Act::NotifyFailed(_)
            | Act::Prune { .. } => Self::Changes,
            Act::Wait(_) | Act::List(_) | Act::Show(_) | Act::Optouts => Self::ShowsTheRecord,
            Act::Status
            | Act::Events(_)
            | Act::Follow { .. }
            | Act::PolicyShow
            | Act::Version
            | Act::Archive { .. }
            | Act::Watch
            | Act::Metrics
            | Act::MayEnter { .. } => Self::Shows,
        }
    }

    /// Whether it is one of those of which nobody does many in a minute.
    pub fn changes_something(&self) -> bool {
        match self {
            Self::Begins(..) | Self::Changes => true,
            Self::ShowsTheRecord | Self::Shows => false,
        }
    }
}
