//! What holds whatever was done: for the property tests, and for fuzz/.

use super::fixture::{World, actor, entry};
use super::scenario::{DOORS, PEOPLE, Parts, same_human};
use super::{Admission, Command, Context, Grace, Target, handle};
use crate::event::{self, Event};
use crate::grant::{Grant, Kind, LiveGrant, Validity};
use crate::id::{Entropy, GrantId};
use crate::name::{Service, UserName};
use crate::policy::hours::Open;
use crate::policy::judge::{Answer, Question, RequestRuling, Wanted};
use crate::record::chain::Chain;
use crate::record::{Head, Record};
use crate::span::Span;
use crate::state::State;
use crate::subject::Remote;
use crate::time::{BootTime, Deadline, WallTime};
use std::collections::{BTreeMap, BTreeSet};

/// What the record alone says of the grants, read with as little understanding as possible.
#[derive(Debug, Default)]
pub struct Book {
    read: usize,
    live: BTreeMap<GrantId, Told>,
    ends: BTreeMap<GrantId, Deadline>,
}

/// A grant, as people were told of it.
#[derive(Debug)]
struct Told {
    user: UserName,
    service: Service,
    until: WallTime,
}

impl Book {
    /// Reads on, and compares with what is true now: nobody comes in by a grant that is over, or after the moment that was told;
    /// and none ends later than it did, but where its first use or an approved extension says so.
    pub fn compare(&mut self, world: &World, rebooted: bool) {
        let moved = self.read_on(world);
        for name in PEOPLE {
            for (door, run_as) in DOORS {
                let entry = entry(name, door, Some(run_as.unwrap_or(name)));
                if let Admission::Grant(id) = world.check(&entry) {
                    let told = self.live.get(&id).unwrap_or_else(|| panic!("{name} is let in by {id}, which is over"));
                    assert!(told.user.as_str() == name && told.service.covers(&entry.service), "{name} at {door} by {told:?}");
                    assert!(world.now.wall < told.until, "{name} by {told:?} at {:?}", world.now);
                }
            }
        }
        let ends: BTreeMap<_, _> = world.state.live().map(|grant| (grant.terms.id, grant.validity.ends())).collect();
        for (id, end) in &ends {
            assert!(self.live.contains_key(id), "{id} is live, and the record does not say so");
            if let Some(before) = self.ends.get(id).filter(|_| !moved.contains(id)) {
                assert!(end.wall <= before.wall, "{id} ended {before:?}, now {end:?}");
                // What is for later is for a time by the clock on the wall, however far that is now.
                let is_for_later =
                    matches!(world.state.grant(*id), Some(Grant::Live(LiveGrant { validity: Validity::Scheduled { .. }, .. })));
                assert!(rebooted || is_for_later || end.boot <= before.boot, "{id} ended {before:?}, now {end:?}");
            }
        }
        self.ends = ends;
    }

    fn read_on(&mut self, world: &World) -> BTreeSet<GrantId> {
        let mut moved = BTreeSet::new();
        for (_, event) in &world.log[self.read..] {
            match event {
                Event::GrantIssued(issued) => {
                    let told = Told { user: issued.user.clone(), service: issued.service.clone(), until: issued.until };
                    assert!(self.live.insert(issued.id, told).is_none(), "{} was issued twice", issued.id);
                }
                Event::GrantStarted(event::GrantStarted { id, until, .. })
                | Event::GrantExtended(event::GrantExtended { id, until, .. }) => {
                    self.live.get_mut(id).unwrap_or_else(|| panic!("{id} was over")).until = *until;
                    moved.insert(*id);
                }
                Event::GrantExpired(event::GrantExpired { id, .. })
                | Event::GrantUsedUp(event::GrantUsedUp { id, .. })
                | Event::GrantDropped(event::GrantDropped { id, .. }) => {
                    assert!(self.live.remove(id).is_some(), "{id} ended twice");
                }
                // Of one that is over, it ends what goes on by it.
                Event::GrantRevoked(event::GrantRevoked { id, .. }) => drop(self.live.remove(id)),
                _ => {}
            }
        }
        self.read = world.log.len();
        moved
    }
}

/// The events make a chain, and each is read back from it as what it was.
pub fn the_events_make_a_chain(world: &World) {
    let (mut head, mut chain) = (Head::NONE, Chain::new(None, None));
    for (at, event) in &world.log {
        let record = Record::chained(head, *at, event.name(), event.data().unwrap());
        head = record.head();
        chain.follow(&record).unwrap();
        assert_eq!(&Event::read(&record.event, &record.data).unwrap(), event);
    }
    chain.end().unwrap();
    assert_eq!(chain.head(), head);
}

/// Events that could not be stored, all of the second half of them, leave nothing behind when they are taken back.
pub fn what_is_taken_back_leaves_nothing(world: &World) {
    let (first, second) = world.log.split_at(world.log.len() / 2);
    let mut state = folded(first);
    state.begin();
    second.iter().for_each(|(at, event)| state.apply(*at, event));
    state.take_back();
    assert_eq!(state, folded(first));
}

/// Nobody approved, granted or reviewed their own, as far as the record goes.
pub fn nobody_decided_their_own(world: &World) {
    for (_, event) in &world.log {
        match event {
            Event::RequestApproved(approved) => assert!(!same_human(approved.by.as_str(), approved.user.as_str()), "{approved:?}"),
            Event::OptoutReviewed(reviewed) => assert!(!same_human(reviewed.by.as_str(), reviewed.user.as_str()), "{reviewed:?}"),
            Event::GrantIssued(issued) if issued.kind == Kind::Approved => {
                let own = issued.by.iter().any(|by| same_human(by.as_str(), issued.user.as_str()));
                let twice = issued
                    .by
                    .iter()
                    .enumerate()
                    .any(|(place, by)| issued.by[..place].iter().any(|other| same_human(by.as_str(), other.as_str())));
                assert!(!own && !twice, "{issued:?}");
            }
            _ => {}
        }
    }
}

/// No approval is repeated more often than its rule lets it.
pub fn no_approval_is_repeated_too_often(world: &World, parts: &Parts) {
    let taken = world.log.iter().filter_map(|(_, event)| match event {
        Event::OptoutTaken(taken) if taken.kind == Kind::Repetitive => taken.grant,
        _ => None,
    });
    let mut counts = std::collections::BTreeMap::new();
    taken.for_each(|basis| *counts.entry(basis).or_insert(0) += 1);
    assert!(counts.values().all(|count| *count <= parts.repetitive.unwrap_or(0)), "{counts:?}");
}

/// By a clock that nobody can set, an emergency of this boot was taken when the state says.
pub fn every_emergency_is_as_old_as_it_is(world: &World) {
    for taken in world.state.emergencies() {
        let age = taken.at_boot.map(|boot| boot.until(world.now.boot));
        assert!(age.is_none_or(|age| taken.at == world.now.wall.minus(age)), "{taken:?} at {:?}", world.now);
    }
}

/// What repeats an approval lets nobody in whom that did not: as nobody else, from nowhere else, bound no less, and never more
/// often than was said.
pub fn no_repetition_is_more_than_what_was_approved(world: &World) {
    let issued: BTreeMap<_, _> = world.log.iter().filter_map(|(_, event)| issued(event)).map(|issued| (issued.id, issued)).collect();
    for (_, event) in &world.log {
        let Event::OptoutTaken(taken) = event else { continue };
        let Some(basis) = taken.grant else { continue };
        let (again, basis) = (issued[&taken.id], issued[&basis]);
        assert_eq!((&again.user, &again.service, &again.run_as), (&basis.user, &basis.service, &basis.run_as), "{again:?}");
        let lies_within = |network: &ipnet::IpNet| basis.from.iter().any(|approved| approved.contains(network));
        let is_within = !again.from.is_empty() && again.from.iter().all(lies_within);
        assert!(basis.from.is_empty() || is_within, "{again:?} repeats {basis:?}");
        assert!(basis.uses.is_none() && again.session.require >= basis.session.require, "{again:?} repeats {basis:?}");
    }
}

fn issued(event: &Event) -> Option<&event::GrantIssued> {
    if let Event::GrantIssued(issued) = event { Some(issued) } else { None }
}

/// No grant is made longer more often than its rule lets it.
pub fn no_grant_is_extended_too_often(world: &World, parts: &Parts) {
    let most = parts.extend.map_or(0, |(times, _)| times);
    assert!(world.state.live().all(|grant| grant.extended <= most));
}

/// No grant runs longer than its rule lets it, extensions included, nor past its window; no use is taken twice.
pub fn no_grant_outgrows_its_rule(world: &World, parts: &Parts) {
    for grant in world.state.live() {
        let terms = &grant.terms;
        let ends = grant.validity.ends().wall;
        let begins = match grant.validity {
            Validity::Active { since, .. } => since,
            crate::grant::Validity::Scheduled { begins, .. } => begins.wall,
            // It has to be used within 40 minutes, however long it is good for then.
            crate::grant::Validity::Waiting { .. } => {
                assert!(ends <= terms.issued.wall.plus(Span::from_secs(40 * 60 + 1)), "{terms:?} until {ends:?}");
                continue;
            }
        };
        assert!(
            ends <= begins.plus(Span::from_secs(longest(terms.common.kind, parts) * 60 + 1)),
            "{terms:?} from {begins:?} until {ends:?}"
        );
        if let Some(hours) = &terms.common.hours {
            let last = WallTime::from_millis(ends.as_millis() - 1000);
            assert!(!matches!(hours.at(last), Open::No), "{terms:?} until {ends:?}");
        }
        assert!(terms.common.max_uses.is_none_or(|most| grant.taken <= most), "{grant:?}");
    }
}

/// The longest time of a grant, extensions included, in minutes.
fn longest(kind: Kind, parts: &Parts) -> u64 {
    match kind {
        Kind::Approved | Kind::SelfService => parts.max_min + parts.extend.map_or(0, |(times, minutes)| u64::from(times) * minutes),
        Kind::Emergency => 60,
        Kind::Repetitive => 30,
        Kind::Login | Kind::Legacy => 24 * 60,
    }
}

/// Whatever the wall clock says: since a grant was first seen to let somebody in, no more time has passed than it may last.
pub fn no_grant_outlives_its_rule(world: &World, parts: &Parts, since: &mut std::collections::BTreeMap<GrantId, BootTime>) {
    for name in PEOPLE {
        let entry = entry(name, "sudo", Some("root"));
        for grant in world.state.live_of(&entry.subject).filter(|grant| grant.admits(&entry, world.now)) {
            if let Validity::Active { .. } = grant.validity {
                let first = *since.entry(grant.terms.id).or_insert(world.now.boot);
                let most = Span::from_secs(longest(grant.terms.common.kind, parts) * 60);
                assert!(first.until(world.now.boot) < most, "{grant:?}");
            }
        }
    }
}

/// However it ended: no grant let in more sessions than it may.
pub fn no_use_is_taken_twice(world: &World) {
    let mut most = std::collections::BTreeMap::new();
    for (_, event) in &world.log {
        match event {
            Event::GrantIssued(issued) => _ = issued.uses.map(|uses| most.insert(issued.id, uses)),
            Event::SessionOpened(opened) => {
                if let Some(left) = most.get_mut(&opened.grant) {
                    *left = left.checked_sub(1).unwrap_or_else(|| panic!("{} was used too often", opened.grant));
                }
            }
            _ => {}
        }
    }
}

/// Nothing waits to be made longer that is over.
pub fn what_is_to_be_longer_is_live(world: &World) {
    for grant in world.state.pending().filter_map(|request| request.ask.extends) {
        assert!(matches!(world.state.grant(grant), Some(Grant::Live(_))), "{grant} is over");
    }
}

/// A deny beats everything; and what explains agrees with what decides.
pub fn deciding_and_explaining_agree(world: &World) {
    let policy = world.policy.as_ref().unwrap();
    for name in PEOPLE {
        let entry = entry(name, "sudo", Some("root"));
        let question = Question { subject: &entry.subject, service: &entry.service, run_as: entry.run_as.as_ref(), at: world.now.wall };
        let (answer, _, tested) = policy.explain(question, Some(Remote::Unknown));
        let let_in = !matches!(world.check(&entry), Admission::Denied(_));
        let holds = world.state.live_of(&entry.subject).any(|grant| grant.admits(&entry, world.now));
        let repeats = world.state.bases_of(&entry.subject).next().is_some();
        match answer {
            Answer::Deny => assert!(!let_in, "{name} is let in in spite of a deny"),
            Answer::Grant => assert!(let_in, "{name}"),
            Answer::Request | Answer::Emergency | Answer::None => assert!(let_in == holds || repeats, "{name}"),
        }
        assert!(holds || repeats || answer == Answer::Grant || !let_in, "{name} is let in by nothing");
        let by = matches!(policy.rule_for_request(question, Wanted::default()), RequestRuling::By(_));
        assert_eq!(by && answer != Answer::Deny && answer != Answer::Grant, answer == Answer::Request, "{name}");
        assert!(tested.iter().filter(|rule| rule.matched).count() <= 1);
    }
}

/// What takes something away needs no id.
struct NoIds;

impl Entropy for NoIds {
    fn bits(&mut self) -> u64 {
        unreachable!("an id was asked for")
    }
}

/// What somebody might do once more can be taken away from them, whatever became of what it repeats.
pub fn what_can_be_repeated_can_be_taken_away(world: &World) {
    let policy = world.policy.as_ref().unwrap();
    let rules = || policy.repetitive.iter();
    for basis in world.state.bases().filter(|basis| rules().any(|rule| basis.is_left(rule.after, world.now))) {
        let target = Target::Grant(basis.terms.id);
        let revoke = Command::Revoke { actor: actor("root"), target, note: None, grace: Grace::Some };
        let mut context = Context { now: world.now, policy: Some(policy), entropy: &mut NoIds };
        assert!(handle(&world.state, revoke, &mut context).is_ok(), "{basis:?}");
    }
}

/// Where nothing is left to warn of, nobody is; whoever is warned is warned before the end, and no moment twice.
pub fn warnings_come_once_and_in_time(world: &World) {
    for grant in world.state.live() {
        let open: Vec<_> = world.state.open_of(grant.terms.id).collect();
        assert_eq!(open.len(), usize::try_from(grant.open).unwrap(), "{grant:?}");
        assert!(open.iter().all(|id| world.state.has_open_session(*id)), "{grant:?}");
        assert!(grant.next_warning().is_none_or(|(moment, _)| !moment.has_passed(world.now)), "{grant:?}");
    }
    let warned = world.log.iter().filter_map(|(at, event)| match event {
        Event::SessionWarned(warned) => Some((warned.id, warned.left_s, *at)),
        _ => None,
    });
    let mut said = std::collections::BTreeSet::new();
    for (id, left, at) in warned {
        let extended = world.log.iter().filter(|(when, event)| *when <= at && matches!(event, Event::GrantExtended(_))).count();
        assert!(said.insert((id, left, extended)), "{id} was told twice of {left}");
    }
}

pub fn replaying_makes_the_same(world: &World) {
    let replayed = world.replayed();
    assert!(replayed.requests().eq(world.state.requests()));
    assert!(replayed.grants().eq(world.state.grants()));
    assert!(replayed.sessions().eq(world.state.sessions()));
    assert!(replayed.emergencies().eq(world.state.emergencies()));
    for name in PEOPLE {
        let subject = actor(name).subject;
        assert!(replayed.bases_of(&subject).eq(world.state.bases_of(&subject)));
    }
    assert_eq!(replayed.next_deadline_in(world.now), world.state.next_deadline_in(world.now));
}

type Numbered<'a> = Vec<(u64, &'a (WallTime, Event))>;

pub fn folded<'a>(events: impl IntoIterator<Item = &'a (WallTime, Event)>) -> State {
    let mut state = State::default();
    for (at, event) in events {
        state.apply(*at, event);
        state.keep();
    }
    state
}

fn picked<'a>(state: &State, events: &Numbered<'a>) -> Numbered<'a> {
    let mut picker = state.picker();
    events.iter().for_each(|(seq, (_, event))| picker.look(*seq, event.name(), &event.data().unwrap()));
    let seqs = picker.picked();
    events.iter().filter(|(seq, _)| seqs.binary_search(seq).is_ok()).copied().collect()
}

/// The events that the state rests on make the same state, also when some of them were picked before, for an earlier state.
pub fn the_picked_events_make_the_same(world: &World) {
    let all: Numbered<'_> = (1_u64..).zip(&world.log).collect();
    let whole = folded(&world.log);
    let (first, rest) = all.split_at(all.len() / 2);
    let mut twice = picked(&folded(first.iter().map(|(_, event)| *event)), &first.to_vec());
    twice.extend(rest);
    for events in [all, twice] {
        let picked = picked(&whole, &events);
        assert_eq!(folded(picked.into_iter().map(|(_, event)| event)), whole);
    }
}
