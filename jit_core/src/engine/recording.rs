//! What becomes of a command that cannot be recorded: the disk is full, read-only, or fails.
//!
//! Nothing is granted that is not on record. But whoever takes access away must not be held up by a disk, nor must time;
//! and whoever already holds a grant that needs no counting is let in by what is on record.

use super::check::{Way, way_in};
use super::session::todays;
use super::{Arrival, Command};
use crate::grant::{LiveGrant, Validity};
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
        | Command::BrokeGlass(_)
        | Command::Tick(_)
        | Command::Expire(_)
        | Command::Stepped(_) => Recording::A_FACT,
        Command::Open(arrival) => opening(state, policy, arrival, now),
    }
}

fn opening(state: &State, policy: Option<&Policy>, arrival: &Arrival, now: Now) -> Recording {
    let entry = &arrival.entry;
    match way_in(state, policy, entry, Some(arrival), now) {
        Ok(Way::Grant(grant)) if needs_no_counting(grant) => Recording::A_FACT,
        // The grant of its day is there, and says so.
        Ok(Way::Legacy(rule)) if entry.run_as.as_ref().is_some_and(|run_as| todays(state, entry, &rule.name, run_as, now).is_some()) => {
            Recording::A_FACT
        }
        Ok(Way::Grant(_) | Way::Login(_) | Way::Legacy(_) | Way::Repetitive(..)) => Recording::STRICT,
        // What is recorded of it is that it was denied.
        Err(_) => Recording::A_FACT,
    }
}

/// Whether one more session changes nothing of what the grant is good for.
fn needs_no_counting(grant: &LiveGrant) -> bool {
    match grant.validity {
        Validity::Active { .. } => grant.terms.common.max_uses.is_none(),
        // Its first use starts its time.
        Validity::Waiting { .. } | Validity::Scheduled { .. } => false,
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{POLICY, World, actor, entry, subject, wish};
    use super::*;
    use crate::actor::Inside;
    use crate::engine::{Arrival, Grace, Target, Undelivered, Wish};
    use crate::id::{GrantId, RequestId, SessionId};
    use crate::name::{RunAs, Service, UserName};
    use crate::optout::Verdict;
    use crate::session::{Bound, Tally};
    use crate::span::Span;
    use crate::subject::Entry;
    use crate::time::BootId;

    fn of(world: &World, command: &Command) -> Recording {
        recording(&world.state, world.policy.as_ref(), command, world.now)
    }

    #[test]
    fn nothing_is_given_without_the_record_and_nothing_that_takes_away_waits_for_it() {
        let world = World::new();
        let (request, grant, session): (RequestId, GrantId, SessionId) =
            ("R-7F3KQ2ZD".parse().unwrap(), "G-7F3KQ2ZD".parse().unwrap(), "S-7F3KQ2ZD".parse().unwrap());
        let note = || Some("x".to_owned());
        let undelivered = Undelivered { target: String::new(), first: 1, last: 1, count: 1, why: String::new() };
        let start = Command::Start { version: String::new(), boot: BootId(String::new()), policy: String::new(), bound: Bound::Tree };
        let (strict, needed) = ((Otherwise::Refused, false), (Otherwise::Refused, true));
        let (at_once, fact) = ((Otherwise::Done, true), (Otherwise::Done, false));
        for (command, expected) in [
            (Command::Request(actor("alice"), wish()), strict),
            (Command::GrantTo(actor("carol"), subject("alice"), wish()), strict),
            (Command::Approve { actor: actor("carol"), id: request, shorten: None, note: None }, strict),
            (Command::Extend { actor: actor("alice"), id: None, by: Span::from_secs(60), reason: note() }, strict),
            (start, strict),
            (Command::Emergency(actor("alice"), wish()), needed),
            (Command::Review { actor: actor("carol"), id: grant, verdict: Verdict::Fine, note: None }, needed),
            (
                Command::Revoke { actor: actor("carol"), target: Target::User(UserName::new("alice")), note: None, grace: Grace::Some },
                at_once,
            ),
            (Command::Drop(actor("alice"), None), at_once),
            (Command::Deny { actor: actor("carol"), id: request, note: note() }, at_once),
            (Command::Cancel(actor("alice"), None), fact),
            (Command::NotifyFailed(actor("erin"), undelivered), fact),
            (Command::BrokeGlass(Vec::new()), fact),
            (Command::Unbound(session, String::new()), fact),
            (Command::Close(session), fact),
            (Command::Ended(session, Tally::default()), fact),
            (Command::Tick(Vec::new()), fact),
            (Command::Expire(Vec::new()), fact),
            (Command::Stepped(7), fact),
        ] {
            let found = of(&world, &command);
            assert_eq!((found.otherwise, found.reserve), expected, "{command:?}");
        }
    }

    #[test]
    fn who_comes_in_by_a_grant_that_nothing_counts_comes_in_without_the_record_and_nobody_else_does() {
        let opens = |world: &World, entry: Entry| {
            of(world, &Command::Open(Arrival { entry, process: None, bound: Bound::Cgroup, auth: None, inside: Inside::nothing() }))
        };
        let by_sudo = || entry("alice", "sudo", Some("root"));
        let mut world =
            World::with(&POLICY.replace("approve = [ { by = [\"group:leads\"] }, { by = [\"group:managers\"] } ]", "approve = []"));
        assert_eq!(opens(&world, by_sudo()), Recording::A_FACT, "a denial is one");
        assert_eq!(opens(&world, entry("carol", "sshd", Some("carol"))), Recording::STRICT, "a rule gives a new grant");
        let counted = world.request_of(&actor("alice"), Wish { uses: Some(2), ..wish() }).unwrap();
        world.approve("carol", counted).unwrap();
        assert_eq!(opens(&world, by_sudo()), Recording::STRICT, "a use is taken");
        world.command(Command::Drop(actor("alice"), None)).map(drop).unwrap();
        let plain = world.request("alice").unwrap();
        world.approve("carol", plain).unwrap();
        assert_eq!(opens(&world, by_sudo()), Recording::A_FACT);
        let ssh = Wish { service: Service::new("sshd"), run_as: RunAs::Oneself, ..wish() };
        world.request_of(&actor("bob"), ssh).unwrap();
        let by_ssh = || entry("bob", "sshd", Some("bob"));
        assert_eq!(opens(&world, by_ssh()), Recording::STRICT, "its time begins with its first use");
        world.open(by_ssh(), 7).unwrap();
        assert_eq!(opens(&world, by_ssh()), Recording::A_FACT, "now it runs");
        let by_exemption = || entry("postgres", "sshd", Some("postgres"));
        assert_eq!(opens(&world, by_exemption()), Recording::STRICT, "its day begins");
        world.open(by_exemption(), 8).unwrap();
        assert_eq!(opens(&world, by_exemption()), Recording::A_FACT, "the grant of its day says so already");
    }
}
