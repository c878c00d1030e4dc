//! What a change is news of, for people at their terminals: whoever holds those tells them, once it is stored.

use super::effect::still_open;
use crate::event::Event;
use crate::grant::Grant;
use crate::id::{GrantId, RequestId};
use crate::state::State;

/// Something that somebody is to be told of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum News {
    /// A request waits, perhaps for others than before.
    Waits(RequestId),
    /// A request is over.
    Decided(RequestId),
    /// A grant was taken away by which nobody is in; who is in is told there.
    Revoked(GrantId),
}

/// What an event is news of, in the state that it has made.
#[must_use]
pub fn news(state: &State, event: &Event) -> Option<News> {
    match event {
        Event::RequestSubmitted(event) => Some(News::Waits(event.id)),
        Event::RequestEscalated(event) => Some(News::Waits(event.id)),
        Event::RequestApproved(event) => Some(News::Waits(event.id)),
        Event::RequestGranted(event) => Some(News::Decided(event.id)),
        Event::RequestDenied(event) => Some(News::Decided(event.id)),
        Event::RequestCancelled(event) => Some(News::Decided(event.id)),
        Event::RequestLapsed(event) => Some(News::Decided(event.id)),
        Event::GrantRevoked(event) => match state.grant(event.id) {
            Some(Grant::Ended(grant)) if still_open(state, grant).is_empty() => Some(News::Revoked(event.id)),
            Some(Grant::Ended(_) | Grant::Live(_)) | None => None,
        },
        Event::GrantIssued(_)
        | Event::GrantStarted(_)
        | Event::GrantExtended(_)
        | Event::GrantExpired(_)
        | Event::GrantUsedUp(_)
        | Event::GrantDropped(_)
        | Event::OptoutTaken(_)
        | Event::OptoutLimitReached(_)
        | Event::OptoutReviewed(_)
        | Event::OptoutOverdue(_)
        | Event::OptoutStale(_)
        | Event::AccessAllowed(_)
        | Event::AccessDenied(_)
        | Event::AccessObserved(_)
        | Event::AccessBreakglass(_)
        | Event::SessionOpened(_)
        | Event::SessionUnbound(_)
        | Event::SessionWarned(_)
        | Event::SessionClosed(_)
        | Event::SessionEnded(_)
        | Event::PolicyLoaded(_)
        | Event::PolicyRejected(_)
        | Event::ClockStepped(_)
        | Event::SyslogLost(_)
        | Event::SyslogBack(_)
        | Event::StoreFailed(_)
        | Event::StoreBack(_)
        | Event::StoreUndone(_)
        | Event::AuditHead(_)
        | Event::AuditPruned(_)
        | Event::NotifyFailed(_)
        | Event::DaemonStarted(_)
        | Event::DaemonStopped(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{World, actor, entry, subject};
    use super::super::{Command, Viewer};
    use super::*;
    use crate::request::Request;

    /// What the newest events are news of.
    fn since(world: &World, from: usize) -> Vec<News> {
        world.log[from..].iter().filter_map(|(_, event)| news(&world.state, event)).collect()
    }

    /// Who is told that it waits, of everybody.
    fn asked(world: &World, id: RequestId) -> Vec<&'static str> {
        let Some(Request::Pending(pending)) = world.state.request(id) else { return Vec::new() };
        let policy = world.policy.as_ref().unwrap();
        let all = ["root", "alice", "bob", "carol", "dave", "erin", "alice-adm", "postgres"];
        all.into_iter().filter(|name| Viewer { subject: &subject(name), policy }.is_asked(pending)).collect()
    }

    #[test]
    fn those_who_could_approve_are_asked_and_not_the_subject_by_another_account_nor_everybody() {
        let mut world = World::new();
        let begin = world.log.len();
        let id = world.request("alice").unwrap();
        assert_eq!(since(&world, begin), [News::Waits(id)]);
        assert_eq!(asked(&world, id), ["carol", "dave"]);
        let id = world.request("bob").unwrap();
        assert_eq!(asked(&world, id), ["carol", "dave", "alice-adm"]);
        let anybody = super::super::fixture::POLICY.replace("by = [\"group:leads\"], count = 1", "by = [\"user:dave\", \"any\"]");
        let mut world = World::with(&anybody);
        let id = world.request("alice").unwrap();
        assert_eq!(asked(&world, id), ["dave"]);
    }

    #[test]
    fn who_has_approved_is_not_asked_again_and_the_next_stage_is() {
        let mut world = World::new();
        let mut wish = super::super::fixture::wish();
        (wish.service, wish.run_as) = (crate::name::Service::new("sshd"), crate::name::RunAs::Oneself);
        let id = world.request_of(&actor("alice"), wish).unwrap();
        assert_eq!(asked(&world, id), ["carol", "dave"]);
        let begin = world.log.len();
        world.approve("carol", id).unwrap();
        assert_eq!(since(&world, begin), [News::Waits(id)]);
        assert_eq!(asked(&world, id), ["erin"]);
        let begin = world.log.len();
        world.approve("erin", id).unwrap();
        assert_eq!(since(&world, begin), [News::Waits(id), News::Decided(id)]);
        assert!(asked(&world, id).is_empty());
    }

    #[test]
    fn a_revocation_is_news_where_no_session_says_it() {
        for is_in in [false, true] {
            let mut world = World::new();
            let id = world.request("alice").unwrap();
            world.approve("carol", id).unwrap();
            let grant = world.grant_of(id);
            if is_in {
                world.open(entry("alice", "sudo", Some("root")), 7).unwrap();
            }
            let begin = world.log.len();
            world.revoke("carol", grant).unwrap();
            assert_eq!(since(&world, begin), if is_in { Vec::new() } else { vec![News::Revoked(grant)] });
        }
    }

    #[test]
    fn that_others_may_approve_too_and_that_a_request_was_taken_back_is_news() {
        let policy = super::super::fixture::POLICY;
        let mut world =
            World::with(&policy.replace("lapse = \"1h\"", "lapse = \"1h\"\nescalate = { after = \"15m\", to = [\"group:managers\"] }"));
        let id = world.request("alice").unwrap();
        assert_eq!(asked(&world, id), ["carol", "dave"]);
        let begin = world.log.len();
        world.pass(crate::span::Span::from_secs(900));
        assert_eq!((since(&world, begin), asked(&world, id)), (vec![News::Waits(id)], vec!["carol", "dave", "erin"]));
        let begin = world.log.len();
        world.command(Command::Cancel(actor("alice"), None)).map(drop).unwrap();
        assert_eq!(since(&world, begin), [News::Decided(id)]);
    }

    #[test]
    fn every_end_of_a_request_is_news() {
        let mut world = World::new();
        let (bobs, alices) = (world.request("bob").unwrap(), world.request("alice").unwrap());
        let begin = world.log.len();
        world.command(Command::Deny { actor: actor("carol"), id: bobs, note: Some("no".to_owned()) }).map(drop).unwrap();
        world.pass(crate::span::Span::from_secs(3601));
        assert_eq!(since(&world, begin), [News::Decided(bobs), News::Decided(alices)]);
    }
}
