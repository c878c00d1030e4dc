//! Requests: a subject's wish for a grant, and what became of it.

use crate::actor::Humans;
use crate::event::RequestSubmitted;
use crate::id::{GrantId, RequestId};
use crate::name::{RuleName, RunAs, Service, Uid, UserName};
use crate::policy::hours::Hours;
use crate::policy::{Extend, Principal, SessionRule, Stage};
use crate::span::Span;
use crate::time::{BootTime, Deadline, Now, WallTime};
use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use std::net::IpAddr;

/// What was asked for, by whom, and under which terms. It keeps the terms of the rule that it was made
/// under, whatever the policy says later.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ask {
    /// The request's id.
    pub id: RequestId,
    /// Whose it is: the account's number.
    pub uid: Uid,
    /// Whose it is: the account's name.
    pub user: UserName,
    /// Every human who could be behind it: none of them may approve it.
    pub humans: Humans,
    /// For which service.
    pub service: Service,
    /// As whom.
    pub run_as: RunAs,
    /// For how long.
    pub wanted: Span,
    /// For how many sessions; none: any number.
    pub uses: Option<u32>,
    /// When its time is to begin; none: at once.
    pub start: Option<Deadline>,
    /// The grant that it would make longer.
    pub extends: Option<GrantId>,
    /// How often and by how much its grant may be made longer.
    pub extend: Option<Extend>,
    /// Why.
    pub reason: String,
    /// Under which rule.
    pub rule: RuleName,
    /// From where it may be used, for sshd; empty: from anywhere.
    pub from: Vec<IpNet>,
    /// In which windows it may be given and used; none: at any time.
    pub hours: Option<Hours>,
    /// What happens to its sessions.
    pub session: SessionRule,
    /// Within which time it must be first used, if its time begins only then.
    pub use_within: Option<Span>,
    /// From which address it was asked for, where that is known.
    pub asked_from: Option<IpAddr>,
    /// When it was made.
    pub submitted: WallTime,
}

impl Ask {
    /// Whether its time is to begin only later.
    #[must_use]
    pub fn is_for_later(&self, now: Now) -> bool {
        self.start.is_some_and(|start| !start.has_passed(now))
    }

    /// Whether its grant would let somebody in who is at the door now: it does not begin later, and is no mere lengthening of
    /// one that they hold.
    #[must_use]
    pub fn is_a_way_in(&self, now: Now) -> bool {
        self.extends.is_none() && !self.is_for_later(now)
    }
}

/// One person's yes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Approval {
    /// Who.
    pub by: UserName,
    /// Who, as a number.
    pub uid: Uid,
    /// Every human who could be behind it: each counts once in a request.
    pub humans: Humans,
    /// When.
    pub at: WallTime,
    /// With which words.
    pub note: Option<String>,
}

/// A stage with the approvals that it has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StageProgress {
    /// What it asks for.
    pub stage: Stage,
    /// What it has.
    pub approvals: Vec<Approval>,
}

impl StageProgress {
    /// Whether as many as must have approved.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        u32::try_from(self.approvals.len()).unwrap_or(u32::MAX) >= self.stage.count
    }
}

/// A request that waits for an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PendingRequest {
    /// What was asked.
    pub ask: Ask,
    /// The stages, in order.
    pub stages: Vec<StageProgress>,
    /// For how long at most, by what approvers said.
    pub shortened: Span,
    /// When it ends without an answer.
    pub lapses: Deadline,
    /// When others may approve it too, if that is still to come.
    pub escalation: Option<Escalation>,
}

/// That others may approve a request too, from a moment on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Escalation {
    /// When, by the wall clock.
    pub at: WallTime,
    /// The same moment on the boot clock.
    pub boot_ms: BootTime,
    /// Who.
    pub to: Vec<Principal>,
}

impl Escalation {
    /// The moment.
    #[must_use]
    pub fn when(&self) -> Deadline {
        Deadline { wall: self.at, boot: self.boot_ms }
    }
}

impl PendingRequest {
    /// The request that was submitted at that moment.
    #[must_use]
    pub fn submitted(at: WallTime, event: &RequestSubmitted) -> Self {
        let ask = Ask {
            id: event.id,
            uid: event.uid,
            user: event.user.clone(),
            humans: event.humans.clone(),
            service: event.service.clone(),
            run_as: event.run_as.clone(),
            wanted: event.for_s,
            uses: event.uses,
            start: event.start.zip(event.start_boot_ms).map(|(wall, boot)| Deadline { wall, boot }),
            extends: event.extends,
            extend: event.extend,
            reason: event.reason.clone(),
            rule: event.rule.clone(),
            from: event.from.clone(),
            hours: event.hours.clone(),
            session: event.session.clone(),
            use_within: event.use_within_s,
            asked_from: event.asked_from,
            submitted: at,
        };
        let stages = event.stages.iter().map(|stage| StageProgress { stage: stage.clone(), approvals: Vec::new() });
        let lapses = Deadline { wall: event.lapses, boot: event.lapses_boot_ms };
        Self { shortened: ask.wanted, ask, stages: stages.collect(), lapses, escalation: event.escalate.clone() }
    }

    /// The stage whose turn it is.
    #[must_use]
    pub fn current(&self) -> Option<(usize, &StageProgress)> {
        self.stages.iter().enumerate().find(|(_, stage)| !stage.is_complete())
    }

    /// Everybody who may approve now.
    #[must_use]
    pub fn approvers(&self) -> &[Principal] {
        self.current().map_or(&[], |(_, progress)| &progress.stage.by)
    }
}

/// What became of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It became a grant.
    Granted(GrantId),
    /// Somebody said no.
    Denied {
        /// Who.
        by: UserName,
        /// With which words.
        note: Option<String>,
    },
    /// Its owner took it back.
    Cancelled,
    /// Nobody answered in time.
    Lapsed,
}

/// A request that has its answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DecidedRequest {
    /// What was asked.
    pub ask: Ask,
    /// The stages, as far as they came.
    pub stages: Vec<StageProgress>,
    /// For how long at most, by what approvers said.
    pub shortened: Span,
    /// What became of it.
    pub outcome: Outcome,
    /// When.
    pub at: WallTime,
    /// When it would have lapsed.
    pub lapses: WallTime,
}

/// A request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Request {
    /// It waits.
    Pending(PendingRequest),
    /// It was decided.
    Decided(DecidedRequest),
}

/// How far a request has come. Two looks at a request show the same if this is the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    decided: bool,
    approvals: usize,
    approvers: usize,
}

impl Request {
    /// How far it has come.
    #[must_use]
    pub fn progress(&self) -> Progress {
        let approvals = self.stages().iter().map(|stage| stage.approvals.len()).sum();
        let approvers = self.stages().iter().map(|stage| stage.stage.by.len()).sum();
        Progress { decided: matches!(self, Self::Decided(_)), approvals, approvers }
    }

    /// What was asked.
    #[must_use]
    pub fn ask(&self) -> &Ask {
        match self {
            Self::Pending(request) => &request.ask,
            Self::Decided(request) => &request.ask,
        }
    }

    /// For how long at most, by what approvers said.
    #[must_use]
    pub fn shortened(&self) -> Span {
        match self {
            Self::Pending(request) => request.shortened,
            Self::Decided(request) => request.shortened,
        }
    }

    /// Its stages.
    #[must_use]
    pub fn stages(&self) -> &[StageProgress] {
        match self {
            Self::Pending(request) => &request.stages,
            Self::Decided(request) => &request.stages,
        }
    }

    /// The word of its state.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::Pending(_) => "pending",
            Self::Decided(request) => match request.outcome {
                Outcome::Granted(_) => "granted",
                Outcome::Denied { .. } => "denied",
                Outcome::Cancelled => "cancelled",
                Outcome::Lapsed => "lapsed",
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::engine::Command;
    use crate::engine::fixture::{POLICY, World, actor};
    use crate::span::Span;

    #[test]
    fn what_an_approval_made_shorter_stays_shorter_once_it_is_decided() {
        let mut world = World::new();
        let minutes = |minutes: u64| Span::from_secs(minutes * 60);
        let id = world.request("alice").unwrap();
        assert_eq!(world.state.request(id).unwrap().shortened(), minutes(30));
        world.command(Command::Approve { actor: actor("carol"), id, shorten: Some(minutes(10)), note: None }).map(drop).unwrap();
        assert_eq!((world.outcome(id), world.state.request(id).unwrap().shortened()), ("granted", minutes(10)));
        assert_eq!(world.state.request(id).unwrap().ask().wanted, minutes(30), "what was asked is not forgotten");
    }

    #[test]
    fn whoever_looks_again_sees_each_approval_each_new_approver_and_the_end() {
        let two = POLICY.replace(
            "[\"group:leads\"], count = 1 } ]",
            "[\"group:leads\"], count = 2 } ]\nescalate = { after = \"15m\", to = [\"group:managers\"] }",
        );
        let mut world = World::with(&two);
        let id = world.request("alice").unwrap();
        let look = |world: &World| world.state.request(id).unwrap().progress();
        let mut seen = vec![look(&world)];
        world.pass(Span::from_secs(60));
        assert_eq!(look(&world), seen[0], "nothing has happened");
        world.approve("carol", id).unwrap();
        seen.push(look(&world));
        world.pass(Span::from_secs(900));
        seen.push(look(&world));
        world.command(Command::Cancel(actor("alice"), None)).map(drop).unwrap();
        seen.push(look(&world));
        assert_eq!((seen[2].approvals, seen[2].approvers, seen[2].decided, seen[3].decided), (1, 2, false, true));
        seen.dedup();
        assert_eq!(seen.len(), 4);
    }
}
