//! The engine: what a command does. It reads state and policy and answers with events; only the fold of
//! those events changes anything.

mod approve;
mod ask;
mod check;
mod denial;
mod effect;
mod emergency;
mod end;
mod extend;
mod news;
mod notify;
mod recording;
mod remedy;
mod repetition;
mod request;
mod see;
mod session;

pub use ask::{Askable, askable};
pub use check::Admission;
pub use denial::{Denial, Why};
pub use effect::{Effect, Grace, effects, left_to_end};
pub use emergency::taken_within;
pub use end::{has_ruleless, has_stale, is_stale};
pub use news::{News, news};
pub use notify::{NOTIFIER, Undelivered};
pub use recording::{Otherwise, Recording, recording};
pub use remedy::Remedy;

pub use see::{Viewer, approvers_in_words, could_approve_something, reviewers_of};
pub use session::must_bind;

use crate::actor::{Actor, Humans, Inside};
use crate::event::{self, Event};
use crate::id::{Entropy, GrantId, RequestId, SessionId};
use crate::name::{RuleName, RunAs, Service, UserName};
use crate::optout::Verdict;
use crate::policy::hours::{Hours, Open};
use crate::policy::{Policy, Require};
use crate::refusal::Refusal;
use crate::session::{Bound, Process, Tally};
use crate::span::Span;
use crate::state::State;
use crate::subject::{Entry, Subject};
use crate::time::{BootId, Deadline, Now, WallTime};

/// The most requests of one user that may wait.
pub const MOST_PENDING: usize = 10;
/// The longest note, in characters.
pub const LONGEST_NOTE: u32 = 1000;

/// What somebody asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wish {
    /// For which service.
    pub service: Service,
    /// As whom.
    pub run_as: RunAs,
    /// For how long; none: the rule's default.
    pub wanted: Option<Span>,
    /// For how many sessions; none: any number.
    pub uses: Option<u32>,
    /// From when on; none: at once.
    pub start: Option<WallTime>,
    /// Why.
    pub reason: Option<String>,
}

impl Wish {
    /// Whether it is to begin only later.
    fn is_for_later(&self, now: Now) -> bool {
        self.start.is_some_and(|start| start > now.wall)
    }
}

/// A session's first line: somebody comes in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arrival {
    /// Who, by which service, as whom, from where.
    pub entry: Entry,
    /// The process that PAM runs in.
    pub process: Option<Process>,
    /// How surely it can be ended.
    pub bound: Bound,
    /// How sshd says they authenticated: method and key.
    pub auth: Option<String>,
    /// What it is inside of.
    pub inside: Inside,
}

/// What is to be revoked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// One grant.
    Grant(GrantId),
    /// All grants of one user.
    User(UserName),
}

/// Something to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// Ask for a grant.
    Request(Actor, Wish),
    /// Ask in somebody else's name, with one's own approval on it.
    GrantTo(Actor, Subject, Wish),
    /// Take an emergency.
    Emergency(Actor, Wish),
    /// Give a verdict on an emergency.
    Review {
        /// Who.
        actor: Actor,
        /// On which.
        id: GrantId,
        /// Which.
        verdict: Verdict,
        /// With which words.
        note: Option<String>,
    },
    /// Ask that a grant of one's own be made longer; without an id the only one.
    Extend {
        /// Who.
        actor: Actor,
        /// Which.
        id: Option<GrantId>,
        /// By how much.
        by: Span,
        /// Why.
        reason: Option<String>,
    },
    /// Say yes, perhaps for a shorter time.
    Approve {
        /// Who.
        actor: Actor,
        /// To which request.
        id: RequestId,
        /// For at most this long.
        shorten: Option<Span>,
        /// With which words.
        note: Option<String>,
    },
    /// Say no.
    Deny {
        /// Who.
        actor: Actor,
        /// To which request.
        id: RequestId,
        /// With which words.
        note: Option<String>,
    },
    /// Take a request of one's own back; without an id the only one.
    Cancel(Actor, Option<RequestId>),
    /// Give a grant of one's own back; without an id the only one.
    Drop(Actor, Option<GrantId>),
    /// Take somebody's grant away.
    Revoke {
        /// Who.
        actor: Actor,
        /// Which, or whose.
        target: Target,
        /// With which words.
        note: Option<String>,
        /// How much time its sessions get.
        grace: Grace,
    },
    /// Record that notices did not reach somebody.
    NotifyFailed(Actor, Undelivered),
    /// Somebody comes in.
    Open(Arrival),
    /// A session could not be put into a cgroup after all, and why.
    Unbound(SessionId, String),
    /// A session is over.
    Close(SessionId),
    /// A session was ended, and what became of its processes.
    Ended(SessionId, Tally),
    /// Somebody came in by the break-glass file, as the module wrote down. What is on record already is not recorded again.
    BrokeGlass(Vec<event::AccessBreakglass>),
    /// Time has passed: end what has ended. Of these grants something is running, whether or not a session of theirs is open.
    Tick(Vec<GrantId>),
    /// The ends that these grants had are reached; that they were moved is on no record, and nobody waits for it.
    Expire(Vec<GrantId>),
    /// The wall clock was set, by so many milliseconds.
    Stepped(i64),
    /// The daemon begins.
    Start {
        /// Its version.
        version: String,
        /// In which boot.
        boot: BootId,
        /// `valid`, or why there is none.
        policy: String,
        /// How surely sessions can be ended here.
        bound: Bound,
    },
}

/// What was done.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub enum Reply {
    /// It was not done, and that is on record.
    Refused(Refusal),
    /// This request was made or changed.
    Request(RequestId),
    /// These grants were ended.
    Grants(Vec<GrantId>),
    /// This session was opened, by this grant; its rule says how it must be bound.
    Session(SessionId, GrantId, Require),
    /// Nobody comes in.
    Denied(Denial),
    /// It was done, and there is nothing to say.
    Done,
}

/// What a command is handled with.
pub struct Context<'a> {
    /// Both clocks.
    pub now: Now,
    /// The policy in force; none: nothing is granted.
    pub policy: Option<&'a Policy>,
    /// Where new ids come from.
    pub entropy: &'a mut dyn Entropy,
}

/// The answer to a command, and the events that make it true.
pub type Handled = Result<(Reply, Vec<Event>), Refusal>;

/// Handles a command: what it answers, and what it would make true. Nothing has changed until the events
/// are applied, and nobody is told before they are stored.
///
/// # Errors
/// A refusal, in words for whoever asked.
pub fn handle(state: &State, command: Command, context: &mut Context<'_>) -> Handled {
    match command {
        Command::Request(actor, wish) => request::request(state, &actor, &wish, context),
        Command::GrantTo(actor, subject, wish) => request::grant_to(state, &actor, &subject, &wish, context),
        Command::Emergency(actor, wish) => emergency::take(state, &actor, &wish, context),
        Command::Review { actor, id, verdict, note } => emergency::review(state, &actor, id, verdict, note, context),
        Command::Extend { actor, id, by, reason } => extend::extend(state, &actor, id, by, reason, context),
        Command::Approve { actor, id, shorten, note } => approve::approve(state, &actor, id, shorten, note, context),
        Command::Deny { actor, id, note } => approve::deny(state, &actor, id, note, context),
        Command::Cancel(actor, id) => end::cancel(state, &actor, id),
        Command::Drop(actor, id) => end::drop_grant(state, &actor, id),
        Command::Revoke { actor, target, note, grace } => end::revoke(state, &actor, target, note, grace, context),
        Command::NotifyFailed(actor, undelivered) => notify::failed(&actor, undelivered, context),
        Command::Open(arrival) => session::open(state, &arrival, context),
        Command::Unbound(id, why) => Ok(session::unbound(state, id, why)),
        Command::Close(id) => Ok(session::close(state, id)),
        Command::Ended(id, tally) => Ok(session::ended(state, id, tally)),
        Command::BrokeGlass(entries) => Ok(session::broke_glass(state, entries)),
        Command::Tick(running) => Ok(end::tick(state, &running, context)),
        Command::Expire(grants) => Ok((Reply::Done, end::expire(state, &grants))),
        Command::Stepped(by_ms) => Ok((Reply::Done, vec![event::ClockStepped { by_ms, boot_ms: context.now.boot }.into()])),
        Command::Start { version, boot, policy, bound } => Ok(session::start(state, version, boot, policy, bound, context.now)),
    }
}

/// May this subject come in now? Changes nothing.
pub fn check(state: &State, policy: Option<&Policy>, entry: &Entry, now: Now) -> Admission {
    check::check(state, policy, entry, now)
}

/// The deadline, or the end of the window that is open at `from`, whichever is earlier: no grant runs past its window.
fn cut(until: Deadline, hours: Option<&Hours>, now: Now, from: WallTime, rule: &RuleName) -> Result<Deadline, Refusal> {
    let Some(hours) = hours else { return Ok(until) };
    match hours.at(from) {
        Open::Until(None) => Ok(until),
        Open::Until(Some(end)) => Ok(until.or_earlier(Deadline::at(now, end))),
        Open::No | Open::Unknown => Err(Refusal::OutsideHours { rule: rule.clone(), hours: hours.to_string() }),
    }
}

/// The words, if there are any and they are not too many.
fn note_of(note: Option<String>) -> Result<Option<String>, Refusal> {
    let note = note.filter(|note| !note.trim().is_empty());
    match &note {
        Some(words) if words.chars().count() > LONGEST_NOTE as usize => Err(Refusal::NoteLong { most: LONGEST_NOTE }),
        Some(_) | None => Ok(note),
    }
}

/// The humans behind an actor, or the refusal that nobody can tell.
fn humans_behind(state: &State, actor: &Actor, policy: &Policy) -> Result<Humans, Refusal> {
    match state.behind(actor, policy) {
        crate::actor::Behind::Known(humans) => Ok(humans),
        crate::actor::Behind::Anybody => Err(Refusal::Unreadable),
    }
}

#[cfg(test)]
mod attack_tests;
#[cfg(test)]
mod border_tests;
#[cfg(test)]
pub(crate) mod fixture;
#[cfg(all(fuzzing, not(test)))]
#[allow(missing_docs, reason = "for the tests and for fuzz/ alone")]
pub mod fixture;
#[cfg(test)]
pub(crate) mod invariants;
#[cfg(all(fuzzing, not(test)))]
#[allow(missing_docs, reason = "for the tests and for fuzz/ alone")]
pub mod invariants;
#[cfg(test)]
mod optout_tests;
#[cfg(test)]
mod property_tests;
#[cfg(test)]
mod refused_tests;
#[cfg(test)]
mod repetition_tests;
#[cfg(test)]
mod scenario;
#[cfg(all(fuzzing, not(test)))]
#[allow(missing_docs, reason = "for the tests and for fuzz/ alone")]
pub mod scenario;
#[cfg(test)]
mod session_tests;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod unknown_tests;
