//! Grants: permission for one subject, one service, one run-as user, until a moment.

use crate::id::{GrantId, RequestId};
use crate::name::{RuleName, RunAs, Service, Uid, UserName};
use crate::optout::BasisKey;
use crate::policy::hours::Hours;
use crate::policy::judge::{Mismatch, from_allowed, within_hours};
use crate::policy::{AtExpiry, Extend, SessionRule, Stage};
use crate::span::Span;
use crate::subject::Entry;
use crate::time::{Deadline, Now, WallTime};
use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// What kind of permission a grant is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// Somebody else approved it.
    Approved,
    /// Requested under a rule that needs no approval.
    SelfService,
    /// Given at a log-in by a rule.
    Login,
    /// An opt-out: taken at once, by an explicit act with a reason.
    Emergency,
    /// An opt-out: the same again as was approved before.
    Repetitive,
    /// An opt-out: a standing exemption.
    Legacy,
}

impl Kind {
    /// The word in JSON.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Approved => "approved",
            Self::SelfService => "self-service",
            Self::Login => "login",
            Self::Emergency => "emergency",
            Self::Repetitive => "repetitive",
            Self::Legacy => "legacy",
        }
    }
}

/// What a grant allows, from its first moment to its last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Terms {
    /// Its id.
    pub id: GrantId,
    /// Whose: the account's number.
    pub uid: Uid,
    /// Whose: the account's name. Both must match.
    pub user: UserName,
    /// The request that it answers.
    pub request: Option<RequestId>,
    /// Why.
    pub reason: Box<str>,
    /// When it was given, on the clocks of the boot in which that was.
    pub issued: Now,
    /// What else it allows: the same as many others.
    pub common: Arc<Common>,
}

impl Terms {
    /// What a repetition must be the same as, if it is approved.
    #[must_use]
    pub fn key(&self) -> BasisKey<'_> {
        (self.uid, &self.user, &self.common.service, &self.common.run_as)
    }
}

/// What many grants have in common: a rule gives it, with the choices that its requests leave.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Common {
    /// For which service.
    pub service: Service,
    /// As whom.
    pub run_as: RunAs,
    /// From where, for sshd; empty: from anywhere.
    pub from: Vec<IpNet>,
    /// In which windows; none: at any time.
    pub hours: Option<Hours>,
    /// What happens to its sessions.
    pub session: SessionRule,
    /// Under which rule.
    pub rule: RuleName,
    /// What kind it is.
    pub kind: Kind,
    /// Who approved it.
    pub by: Vec<UserName>,
    /// Who may revoke it: whoever could have approved it.
    pub stages: Vec<Stage>,
    /// For how many sessions; none: any number.
    pub max_uses: Option<u32>,
    /// How often and by how much it may be made longer.
    pub extend: Option<Extend>,
}

/// Where a live grant stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Validity {
    /// Its time is to begin.
    Scheduled {
        /// When.
        begins: Deadline,
        /// When it ends.
        until: Deadline,
    },
    /// Not yet used; its time begins with its first use, which must come before `start_by`.
    Waiting {
        /// When it ends unused.
        start_by: Deadline,
        /// How long it is good for from its first use.
        good_for: Span,
    },
    /// Its time runs.
    Active {
        /// When its time began.
        since: WallTime,
        /// When it ends.
        until: Deadline,
    },
}

impl Validity {
    /// The moment at which time does something with it next.
    #[must_use]
    pub fn next(self) -> Deadline {
        match self {
            Self::Scheduled { begins, .. } => begins,
            Self::Waiting { .. } | Self::Active { .. } => self.ends(),
        }
    }

    /// The moment at which it ends if nothing happens before.
    #[must_use]
    pub fn ends(self) -> Deadline {
        match self {
            Self::Scheduled { until, .. } => until,
            Self::Waiting { start_by, .. } => start_by,
            Self::Active { until, .. } => until,
        }
    }
}

/// A grant that lets its subject in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LiveGrant {
    /// What it allows.
    pub terms: Arc<Terms>,
    /// Where it stands.
    pub validity: Validity,
    /// How many sessions it has let in.
    pub taken: u32,
    /// How often it was made longer.
    pub extended: u32,
    /// How many of them run.
    pub open: u32,
    /// Of how many of the moments at which they are to be warned it was said, or that they passed unseen.
    pub warned: usize,
}

impl LiveGrant {
    /// The moment at which its sessions are to be warned next, and how long before the end that is.
    #[must_use]
    pub fn next_warning(&self) -> Option<(Deadline, Span)> {
        let Validity::Active { until, .. } = self.validity else { return None };
        let goes_on = match self.terms.common.session.at_expiry {
            AtExpiry::End | AtExpiry::Warn => false,
            AtExpiry::Keep => true,
        };
        let before = self.terms.common.session.warn.get(self.warned).filter(|_| !goes_on && self.open > 0)?;
        Some((until.minus(*before), *before))
    }

    /// How long before the end the last of the moments is that have passed, and of which its sessions were not warned: a clock
    /// that is set passes several at once.
    #[must_use]
    pub fn warning_due(&self, now: Now) -> Option<Span> {
        let (_, first) = self.next_warning()?;
        let until = self.validity.ends();
        let later = self.terms.common.session.warn.iter().skip(self.warned).take_while(|before| until.minus(**before).has_passed(now));
        Some(later.last().copied().unwrap_or(first))
    }

    /// How many of the moments to warn at have passed, if it ends then.
    pub(crate) fn warnings_passed(&self, until: Deadline, at: WallTime) -> usize {
        self.terms.common.session.warn.iter().take_while(|before| until.wall.minus(**before) <= at).count()
    }

    /// Whether it lets this entry in at this moment. Who, as whom, by which service and from where must all
    /// match; what is not known about the address matches nothing.
    #[must_use]
    pub fn admits(&self, entry: &Entry, now: Now) -> bool {
        self.is_for(entry, now) && from_allowed(&self.terms.common.from, entry.remote).is_ok()
    }

    /// Whether it would if they came from another address.
    #[must_use]
    pub fn admits_elsewhere(&self, entry: &Entry, now: Now) -> bool {
        self.is_for(entry, now) && from_allowed(&self.terms.common.from, entry.remote) == Err(Mismatch::From)
    }

    /// Whether it is for what this entry is, from wherever it comes.
    fn is_for(&self, entry: &Entry, now: Now) -> bool {
        let Terms { uid, user, common, .. } = &*self.terms;
        let same_account = *uid == entry.subject.uid && *user == entry.subject.name;
        let same_target = entry.run_as.as_ref().is_none_or(|run_as| *run_as == common.run_as);
        let uses_left = common.max_uses.is_none_or(|most| self.taken < most);
        same_account
            && self.has_begun()
            && same_target
            && uses_left
            && common.service.covers(&entry.service)
            && within_hours(common.hours.as_ref(), now.wall).is_ok()
            && !self.validity.ends().has_passed(now)
    }

    /// Whether it is good by now, and not only later.
    #[must_use]
    pub fn has_begun(&self) -> bool {
        match self.validity {
            Validity::Scheduled { .. } => false,
            Validity::Waiting { .. } | Validity::Active { .. } => true,
        }
    }

    /// The word of its state.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self.validity {
            Validity::Scheduled { .. } | Validity::Waiting { .. } => "waiting",
            Validity::Active { .. } => "active",
        }
    }
}

/// How a grant ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ending {
    /// Its time was over.
    Expired,
    /// Its last use was taken, and the session that took it is over.
    UsedUp,
    /// Its holder gave it back.
    Dropped,
    /// Somebody else took it away.
    Revoked {
        /// Who.
        by: UserName,
        /// With which words.
        note: Option<String>,
    },
}

/// A grant that lets nobody in any more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EndedGrant {
    /// What it allowed.
    pub terms: Arc<Terms>,
    /// When its time began, if it did.
    pub since: Option<WallTime>,
    /// Until when it would have been good.
    pub until: WallTime,
    /// How many sessions it let in.
    pub taken: u32,
    /// How it ended.
    pub ending: Ending,
    /// When it ended.
    pub at: WallTime,
}

impl EndedGrant {
    /// Whether its sessions end with it: what somebody took away does, what time ended if the rule says so.
    #[must_use]
    pub fn ends_its_sessions(&self) -> bool {
        match (&self.ending, self.terms.common.session.at_expiry) {
            (Ending::Dropped | Ending::Revoked { .. }, _) | (Ending::Expired | Ending::UsedUp, AtExpiry::End) => true,
            (Ending::Expired | Ending::UsedUp, AtExpiry::Warn | AtExpiry::Keep) => false,
        }
    }

    /// The word of its state.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self.ending {
            Ending::Expired => "expired",
            Ending::UsedUp => "used-up",
            Ending::Dropped => "dropped",
            Ending::Revoked { .. } => "revoked",
        }
    }
}

/// A grant, live or over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Grant {
    /// It lets its subject in.
    Live(LiveGrant),
    /// It is over.
    Ended(Box<EndedGrant>),
}

impl Grant {
    /// What it allows or allowed.
    #[must_use]
    pub fn terms(&self) -> &Terms {
        match self {
            Self::Live(grant) => &grant.terms,
            Self::Ended(grant) => &grant.terms,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_has_the_same_word_in_answers_and_in_events() {
        let kinds = [Kind::Approved, Kind::SelfService, Kind::Login, Kind::Emergency, Kind::Repetitive, Kind::Legacy];
        assert_eq!(kinds.map(Kind::word), ["approved", "self-service", "login", "emergency", "repetitive", "legacy"]);
        for kind in kinds {
            assert_eq!(serde_json::to_string(&kind).unwrap(), format!("\"{}\"", kind.word()));
        }
    }
}
