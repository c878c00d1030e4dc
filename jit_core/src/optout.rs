//! Opt-outs that were taken, as far as the rules must remember them: emergencies until they are reviewed and no limit
//! counts them, and approvals that can be repeated.

use crate::actor::Humans;
use crate::grant::{Common, Terms};
use crate::id::{GrantId, RequestId};
use crate::name::{RuleName, RunAs, Service, Uid, UserName};
use crate::policy::judge::{from_allowed, within_hours};
use crate::policy::{After, Principal};
use crate::span::Span;
use crate::subject::Remote;
use crate::time::{BootTime, Deadline, Now, WallTime};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// How long an approval can be repeated at most: one that is older is forgotten.
pub const REPEATABLE: Span = Span::from_secs(31 * 86_400);

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
    /// When it was taken: by the clock of then, or, if that was set since in the same boot, by the clock as it is.
    pub at: WallTime,
    /// The same on the boot clock, while it is that boot.
    pub at_boot: Option<BootTime>,
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

    /// Whether something of it is left: from some address, at some hour, it could be repeated. Of what was given for so many
    /// sessions nothing is: those are counted, and a repetition would be one more.
    #[must_use]
    pub fn is_left(&self, after: After, now: Now) -> bool {
        let Now { wall, boot } = self.terms.issued;
        let within_boot = self.in_this_boot && now.boot >= boot && boot.until(now.boot) < after.within;
        let within_wall = now.wall >= wall && wall.until(now.wall) < after.within;
        let is_counted = self.terms.common.max_uses.is_some();
        self.broken.is_none() && !is_counted && self.taken < after.times && within_boot && within_wall
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::grant::Kind;
    use crate::policy::SessionRule;
    use crate::policy::hours::Hours;
    use crate::span::Span;
    use crate::time::BootTime;

    #[test]
    fn a_review_is_due_then_overdue_and_then_a_verdict_that_waits_for_nothing() {
        let at = Deadline { wall: WallTime::from_millis(1000), boot: BootTime::from_millis(1) };
        let reviewed = |verdict| ReviewState::Reviewed { verdict, by: UserName::new("carol"), note: None, at: at.wall };
        let states = [ReviewState::Due(at), ReviewState::Overdue(at), reviewed(Verdict::Fine), reviewed(Verdict::Misuse)];
        assert_eq!(states.each_ref().map(ReviewState::word), ["due", "overdue", "fine", "misuse"]);
        assert_eq!(states.each_ref().map(ReviewState::next), [Some(at), Some(at), None, None]);
    }

    #[test]
    fn an_approval_is_repeated_so_often_and_so_long_on_both_clocks_in_its_boot_and_no_longer() {
        let after = After { within: Span::from_secs(100), times: 2 };
        let common = Common {
            service: Service::new("sudo"),
            run_as: RunAs::root(),
            from: Vec::new(),
            hours: None,
            session: SessionRule::default(),
            rule: RuleName::new("ops"),
            kind: Kind::Approved,
            by: Vec::new(),
            stages: Vec::new(),
            max_uses: None,
            extend: None,
        };
        let with = |common: Common| Basis {
            terms: Arc::new(Terms {
                id: "G-7F3KQ2ZD".parse().unwrap(),
                uid: Uid(1001),
                user: UserName::new("alice"),
                request: None,
                reason: "x".into(),
                issued: Now { wall: WallTime::from_millis(1_000_000), boot: BootTime::from_millis(50_000) },
                common: Arc::new(common),
            }),
            in_this_boot: true,
            begun: true,
            taken: 0,
            broken: None,
        };
        let basis = with(common.clone());
        let now = |wall_ms, boot_ms| Now { wall: WallTime::from_millis(wall_ms), boot: BootTime::from_millis(boot_ms) };
        let first = now(1_000_000, 50_000);
        let good = |basis: &Basis, now| (basis.is_left(after, now), basis.is_good(after, Remote::Unknown, now));
        assert_eq!(good(&basis, first), (true, true), "at once");
        assert_eq!(good(&basis, now(1_099_999, 149_999)), (true, true), "to the last moment");
        for (over, why) in [
            (now(1_100_000, 50_000), "the wall clock is past it"),
            (now(1_000_000, 150_000), "the boot clock is"),
            (now(999_999, 50_000), "the wall clock was set back before it"),
            (now(1_000_000, 49_999), "so was what is called the boot clock"),
        ] {
            assert_eq!(good(&basis, over), (false, false), "{why}");
        }
        assert_eq!(good(&Basis { taken: 1, ..basis.clone() }, first), (true, true));
        assert_eq!(good(&Basis { taken: 2, ..basis.clone() }, first), (false, false), "as often as it may be");
        assert_eq!(good(&Basis { in_this_boot: false, ..basis.clone() }, first), (false, false), "another boot");
        assert_eq!(good(&Basis { broken: Some(Breaker::Grant(basis.terms.id)), ..basis.clone() }, first), (false, false), "taken away");
        assert_eq!(good(&Basis { begun: false, ..basis.clone() }, first), (true, false), "it has not begun");
        assert_eq!(good(&with(Common { max_uses: Some(9), ..common.clone() }), first), (false, false), "its uses are counted");
        let from = vec!["10.0.0.0/8".parse().unwrap()];
        assert_eq!(good(&with(Common { from, ..common.clone() }), first), (true, false), "from where is not known");
        let zone = chrono_tz::Tz::UTC;
        let hours = |window: &str| Some(Hours { windows: vec![window.parse().unwrap()], zone });
        assert_eq!(
            good(&with(Common { hours: hours("00:00-01:00"), ..common.clone() }), first),
            (true, true),
            "at a quarter past midnight"
        );
        assert_eq!(good(&with(Common { hours: hours("02:00-03:00"), ..common }), first), (true, false));
    }
}
