//! Opt-outs that were taken, as far as the rules must remember them: emergencies until they are reviewed and no limit
//! counts them, and approvals that can be repeated.

use crate::actor::Humans;
use crate::grant::{Common, Terms};
use crate::id::{GrantId, RequestId};
use crate::name::{RuleName, RunAs, Service, Uid, UserName};
use crate::policy::judge::{from_allowed, within_hours};
use crate::policy::{After, Principal};
use crate::subject::Remote;
use crate::time::{Deadline, Now, WallTime};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// What a reviewer says of an emergency.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// It was one.
    Fine,
    /// It was none.
    Misuse,
}

impl Verdict {
    /// The word in commands, JSON and the log.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Fine => "fine",
            Self::Misuse => "misuse",
        }
    }
}

/// What became of the review of an emergency.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReviewState {
    /// It is due at this moment.
    Due(Deadline),
    /// It was due, and it has been said so; it is said again at this moment.
    Overdue(Deadline),
    /// Somebody gave their verdict.
    Reviewed {
        /// Which.
        verdict: Verdict,
        /// Who.
        by: UserName,
        /// With which words.
        note: Option<String>,
        /// When.
        at: WallTime,
    },
}

impl ReviewState {
    /// The word in JSON.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::Due(_) => "due",
            Self::Overdue(_) => "overdue",
            Self::Reviewed { verdict, .. } => verdict.word(),
        }
    }

    /// When time does something with it next.
    #[must_use]
    pub fn next(&self) -> Option<Deadline> {
        match self {
            Self::Due(at) | Self::Overdue(at) => Some(*at),
            Self::Reviewed { .. } => None,
        }
    }
}

/// An emergency that was taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Emergency {
    /// Its grant.
    pub grant: GrantId,
    /// Whose: the account's number.
    pub uid: Uid,
    /// Whose: the account's name.
    pub user: UserName,
    /// Every human who could be behind it: none of them reviews it.
    pub humans: Humans,
    /// Under which rule.
    pub rule: RuleName,
    /// When it was taken.
    pub at: WallTime,
    /// Who may review it.
    pub review_by: Vec<Principal>,
    /// Until when it was to be reviewed.
    pub due: WallTime,
    /// What became of that.
    pub review: ReviewState,
}

/// What a repetition must be the same as: the account, the service, the run-as user.
pub type BasisKey<'a> = (Uid, &'a UserName, &'a Service, &'a RunAs);

/// What was denied or revoked, and with it what rested on an approval of the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Breaker {
    /// A request for the same.
    Request(RequestId),
    /// A grant of the same.
    Grant(GrantId),
}

/// An approval by another person, which some rules let be repeated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Basis {
    /// What was approved. The same again is the same within its hours and from its addresses, and whoever could have approved
    /// it may take away what repeats it.
    pub terms: Arc<Terms>,
    /// Whether that was in this boot. After another one nothing is repeated: a clock that was set back in between would make it
    /// younger than it is.
    pub in_this_boot: bool,
    /// Whether its grant has begun: what is for later, or waits for its first use, is nothing to repeat yet.
    pub begun: bool,
    /// How often it was repeated.
    pub taken: u32,
    /// A revocation or a denial has ended it: of what.
    pub broken: Option<Breaker>,
}

impl Basis {
    /// Whether it can be repeated once more.
    #[must_use]
    pub fn is_good(&self, after: After, remote: Remote, now: Now) -> bool {
        let Common { hours, from, .. } = &*self.terms.common;
        let same = within_hours(hours.as_ref(), now.wall).is_ok() && from_allowed(from, remote).is_ok();
        self.begun && self.is_left(after, now) && same
    }

    /// Whether something of it is left: from some address, at some hour, it could be repeated.
    #[must_use]
    pub fn is_left(&self, after: After, now: Now) -> bool {
        let Now { wall, boot } = self.terms.issued;
        let within_boot = self.in_this_boot && now.boot >= boot && boot.until(now.boot) < after.within;
        let within_wall = now.wall >= wall && wall.until(now.wall) < after.within;
        self.broken.is_none() && self.taken < after.times && within_boot && within_wall
    }
}
