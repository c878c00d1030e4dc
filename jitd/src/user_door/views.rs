//! From the engine's requests, grants and sessions to what people are shown.

use crate::directory::Directory;
use jit_core::engine::Viewer;
use jit_core::grant::{Ending, Grant, LiveGrant, Validity};
use jit_core::id::GrantId;
use jit_core::name::{GroupName, RunAs, Service};
use jit_core::optout::ReviewState;
use jit_core::policy::load::Mistake;
use jit_core::policy::{EmergencyRule, GrantRule, Principal};
use jit_core::request::{Outcome, Request};
use jit_core::session::Session;
use jit_core::state::State;
use jit_core::subject::Subject;
use jit_core::text::printable;
use jit_core::time::{Now, WallTime};
use jit_proto::time::Moment;
use jit_proto::view::{
    ApprovalView, DecisionView, EndView, GrantView, MayView, MistakeView, RequestView, ReviewView, SessionView, StageView, UsesView,
};

/// How many of a grant's sessions are named. A frame holds a few thousand.
const MOST_SESSIONS: usize = 100;

pub fn moment(time: WallTime) -> Moment {
    Moment(time.as_millis())
}

pub fn request(request: &Request) -> RequestView {
    let ask = request.ask();
    let stages = request.stages().iter().map(|progress| StageView {
        by: progress.stage.by.iter().map(Principal::to_string).collect(),
        count: progress.stage.count,
        approved: progress
            .approvals
            .iter()
            .map(|approval| ApprovalView {
                by: approval.by.to_string(),
                uid: approval.uid.0,
                at: moment(approval.at),
                note: approval.note.clone(),
            })
            .collect(),
    });
    let (lapses, approvers, decided, grant_id) = match request {
        Request::Pending(pending) => {
            let approvers = pending.approvers().iter().map(Principal::to_string).collect();
            (pending.lapses.wall, approvers, None, None)
        }
        Request::Decided(decided) => {
            let approvals: Vec<_> = decided.stages.iter().flat_map(|stage| &stage.approvals).collect();
            let last = approvals.last();
            let (by, note, grant) = match &decided.outcome {
                Outcome::Granted(grant) => {
                    (last.map(|approval| approval.by.to_string()), last.and_then(|approval| approval.note.clone()), Some(grant))
                }
                Outcome::Denied { by, note } => (Some(by.to_string()), note.clone(), None),
                Outcome::Cancelled => (Some(decided.ask.user.to_string()), None, None),
                Outcome::Lapsed => (None, None, None),
            };
            let decision = DecisionView { by, at: moment(decided.at), note };
            (decided.lapses, Vec::new(), Some(decision), grant.map(ToString::to_string))
        }
    };
    RequestView {
        id: ask.id.to_string(),
        state: request.word().to_owned(),
        user: ask.user.to_string(),
        uid: ask.uid.0,
        service: ask.service.to_string(),
        run_as: ask.run_as.to_string(),
        reason: ask.reason.clone(),
        rule: ask.rule.to_string(),
        for_s: request.shortened().as_secs(),
        uses: ask.uses,
        start: ask.start.map(|start| moment(start.wall)),
        from: ask.asked_from.map(|from| from.to_string()),
        submitted: moment(ask.submitted),
        lapses: moment(lapses),
        stages: stages.collect(),
        approvers,
        decided,
        grant_id,
        extends: ask.extends.map(|id| id.to_string()),
    }
}

/// The newest of a grant's sessions, newest first. A service account opens thousands by one grant: how many it were is `taken`,
/// and the record has them all.
fn newest(grant: GrantId, state: &State) -> Vec<String> {
    let at_hand = state.let_in(grant).rev().filter(|id| state.session(*id).is_some());
    at_hand.take(MOST_SESSIONS).map(|id| id.to_string()).collect()
}

fn grant(grant: &Grant, at_hand: &State, now: Now) -> GrantView {
    let terms = grant.terms();
    let (state, starts, until, left_s, taken, ended) = match grant {
        Grant::Live(live) => {
            let starts = match live.validity {
                Validity::Waiting { .. } => None,
                Validity::Scheduled { begins, .. } => Some(begins.wall),
                Validity::Active { since, .. } => Some(since),
            };
            let ends = live.validity.ends();
            (live.word(), starts, ends.wall, ends.left(now).as_secs(), live.taken, None)
        }
        Grant::Ended(over) => {
            let (by, note) = match &over.ending {
                Ending::Expired | Ending::UsedUp => (None, None),
                Ending::Dropped => (Some(terms.user.to_string()), None),
                Ending::Revoked { by, note } => (Some(by.to_string()), note.clone()),
            };
            let end = EndView { at: moment(over.at), by, note };
            (over.word(), over.since, over.until, 0, over.taken, Some(end))
        }
    };
    GrantView {
        id: terms.id.to_string(),
        state: state.to_owned(),
        user: terms.user.to_string(),
        uid: terms.uid.0,
        service: terms.common.service.to_string(),
        run_as: terms.common.run_as.to_string(),
        rule: terms.common.rule.to_string(),
        kind: terms.common.kind.word().to_owned(),
        request_id: terms.request.map(|id| id.to_string()),
        by: terms.common.by.iter().map(ToString::to_string).collect(),
        reason: terms.reason.to_string(),
        issued: moment(terms.issued.wall),
        starts: starts.map(moment),
        until: moment(until),
        left_s,
        uses: UsesView { max: terms.common.max_uses, taken },
        sessions: newest(terms.id, at_hand),
        review: None,
        ended,
    }
}

/// A grant, with its review if it is an emergency's.
pub fn grant_in(shown: &Grant, state: &State, now: Now) -> GrantView {
    let review = state.emergency(shown.terms().id).map(|taken| {
        let (by, note) = match &taken.review {
            ReviewState::Reviewed { by, note, .. } => (Some(by.to_string()), note.clone()),
            ReviewState::Due(_) | ReviewState::Overdue(_) => (None, None),
        };
        ReviewView { state: taken.review.word().to_owned(), due: moment(taken.due), by, note }
    });
    GrantView { review, ..grant(shown, state, now) }
}

pub fn live(live: &LiveGrant, state: &State, now: Now) -> GrantView {
    grant_in(&Grant::Live(live.clone()), state, now)
}

pub fn may_take(rule: &EmergencyRule, service: &Service, run_as: &RunAs) -> MayView {
    MayView {
        rule: rule.name.to_string(),
        service: service.as_str().to_owned(),
        run_as: run_as.to_string(),
        default_s: rule.default.as_secs(),
        max_s: rule.max.as_secs(),
        reason_required: true,
        approvers: Vec::new(),
    }
}

pub fn session(session: &Session, state: &State) -> SessionView {
    let facts = session.facts();
    let closed = match session {
        Session::Open(_) => None,
        Session::Closed { at, .. } | Session::Ended { at, .. } => Some(moment(*at)),
    };
    let ends = match state.grant(facts.grant) {
        Some(Grant::Live(grant)) => Some(moment(grant.validity.ends().wall)),
        Some(Grant::Ended(grant)) => Some(moment(grant.at)),
        None => None,
    };
    SessionView {
        id: facts.id.to_string(),
        state: session.word().to_owned(),
        grant_id: facts.grant.to_string(),
        user: facts.user.to_string(),
        uid: facts.uid.0,
        service: facts.service.to_string(),
        run_as: facts.run_as.to_string(),
        from: facts.from.map(|from| from.to_string()),
        tty: facts.tty.as_ref().map(|tty| printable(tty, 64)),
        pid: facts.process.map(|process| process.pid),
        opened: moment(facts.opened),
        ends,
        closed,
    }
}

pub fn may(rule: &GrantRule, service: &Service, run_as: &RunAs) -> MayView {
    MayView {
        rule: rule.name.to_string(),
        service: service.as_str().to_owned(),
        run_as: run_as.to_string(),
        default_s: rule.default.as_secs(),
        max_s: rule.max.as_secs(),
        reason_required: rule.reason.required,
        approvers: rule.stages.first().map(|stage| stage.by.iter().map(Principal::to_string).collect()).unwrap_or_default(),
    }
}

/// What is asked for: `sudo as root`, `ssh`.
pub fn what(service: &Service, run_as: &RunAs) -> String {
    let spoken = printable(service.spoken(), 32);
    if service.is_as_oneself() { spoken } else { format!("{spoken} as {}", printable(&run_as.to_string(), 32)) }
}

pub fn mistake(mistake: &Mistake) -> MistakeView {
    MistakeView {
        file: mistake.place.file.clone(),
        line: mistake.place.line,
        column: mistake.place.column,
        message: mistake.message.clone(),
        help: mistake.help.clone(),
    }
}

/// All accounts of one human.
pub fn accounts_of(policy: Option<&jit_core::policy::Policy>, user: &str) -> Vec<String> {
    let name = jit_core::name::UserName::new(user);
    let others = policy.into_iter().flat_map(|policy| policy.accounts_of_same_person(&name)).map(ToString::to_string);
    others.chain([user.to_owned()]).collect()
}

/// What a viewer may see, checked for each thing.
pub fn viewer<'a>(subject: &'a Subject, policy: &'a jit_core::policy::Policy) -> Viewer<'a> {
    Viewer { subject, policy }
}

/// The most members of a group that are named: of more, nobody reads the names, and they would fill whole answers.
const MOST_MEMBERS: usize = 50;

/// The approvers as names, where they are known: the members of a group that is not too large, but for the accounts of whoever asked.
pub async fn named(directory: &Directory, approvers: &[String], but: &[String]) -> Vec<String> {
    let mut names = Vec::new();
    for approver in approvers {
        let members = match approver.split_once(':') {
            Some(("group", group)) => directory.members(GroupName::new(group)).await.iter().map(ToString::to_string).collect(),
            Some(("user", name)) => vec![name.to_owned()],
            Some(_) | None => Vec::new(),
        };
        let members: Vec<_> = members.into_iter().filter(|name| !but.contains(name)).collect();
        if members.is_empty() || members.len() > MOST_MEMBERS {
            names.push(approver.clone());
        } else {
            names.extend(members);
        }
    }
    let mut seen = std::collections::BTreeSet::new();
    names.retain(|name| seen.insert(name.clone()));
    names
}

#[cfg(test)]
mod tests {
    use super::*;
    use jit_core::event::{GrantIssued, SessionOpened};

    #[test]
    fn a_grant_by_which_many_came_in_fits_a_frame_and_names_the_newest() {
        let issued = r#"{"id":"G-00000001","user":"alice","uid":1001,"service":"sudo","as":"root","until":"2026-11-23T12:00:00Z","by":["carol"],
            "reason":"x","rule":"ops","kind":"approved","request":null,"uses":null,"from":[],"hours":null,"session":{"at_expiry":"end","warn":[],
            "require":"any"},"stages":[],"waits_for_s":null,"until_boot_ms":1,"starts":null,"starts_boot_ms":null,"extend":null,"boot_ms":1}"#;
        let issued: GrantIssued = serde_json::from_str(issued).unwrap();
        let grant = issued.id;
        let mut state = State::default();
        state.begin();
        state.apply(WallTime::from_millis(0), &issued.into());
        for number in 1..=300 {
            let opened = format!(
                r#"{{"id":"S-{number:08}","grant":"G-00000001","user":"alice","uid":1001,"service":"sudo","as":"root","from":null,"tty":null,
                "auth":null,"process":null,"bound":"tree"}}"#
            );
            let opened: SessionOpened = serde_json::from_str(&opened).unwrap();
            state.apply(WallTime::from_millis(number), &opened.into());
        }
        state.keep();
        let now = crate::clock::Clock::now(&crate::clock::SystemClock);
        let view = grant_in(state.grant(grant).unwrap(), &state, now);
        assert_eq!((view.uses.taken, view.sessions.len(), view.sessions[0].as_str()), (300, MOST_SESSIONS, "S-00000300"));
        assert!(serde_json::to_vec(&view).unwrap().len() < jit_proto::frame::MOST / 8);
    }
}
