//! What holds whatever anybody does in whatever order, under policies that are made up as well.

use super::fixture::{World, actor, entry};
use super::{Admission, Command, Effect, Grace, Reply, Target, Wish, left_to_end};
use crate::event::Event;
use crate::grant::{Grant, Kind};
use crate::id::{GrantId, RequestId, SessionId};
use crate::name::{RunAs, Service, UserName};
use crate::optout::Verdict;
use crate::policy::hours::Open;
use crate::policy::judge::{Answer, Question, RequestRuling, Wanted};
use crate::session::Tally;
use crate::span::Span;
use crate::state::State;
use crate::subject::Remote;
use crate::time::{BootTime, WallTime};
use proptest::prelude::*;
use std::fmt::Write as _;

const PEOPLE: [&str; 6] = ["alice", "bob", "carol", "dave", "erin", "alice-adm"];

/// A policy of these parts.
#[derive(Debug, Clone)]
struct Parts {
    max_min: u64,
    count: u32,
    stages: u32,
    uses: Option<u32>,
    hours: bool,
    extend: Option<(u32, u64)>,
    first_use: bool,
    emergency: bool,
    repetitive: Option<u32>,
    deny: bool,
}

impl Parts {
    fn text(&self) -> String {
        let mut text = "version = 1\n[[person]]\naccounts = [\"alice\", \"alice-adm\"]\n".to_owned();
        let stage = format!("{{ by = [\"group:leads\", \"group:ops\"], count = {} }}", self.count);
        let stages = vec![stage; usize::try_from(self.stages).unwrap()].join(", ");
        let _ = writeln!(
            text,
            "[[grant]]\nname = \"g\"\nwho = [\"group:ops\", \"group:leads\"]\non = [\"sudo\"]\nfor = {{ default = \"10m\", max = \"{}m\" }}\napprove = [ {stages} ]",
            self.max_min
        );
        if let Some(uses) = self.uses {
            let _ = writeln!(text, "uses = {{ max = {uses} }}");
        }
        if self.hours {
            let _ = writeln!(text, "hours = [\"mon-fri 08:00-14:30\", \"22:00-03:00\"]\nzone = \"Europe/Berlin\"");
        }
        if let Some((times, minutes)) = self.extend {
            let _ = writeln!(text, "extend = {{ times = {times}, max = \"{minutes}m\" }}");
        }
        if self.first_use {
            let _ = writeln!(text, "starts = \"first-use\"\nuse_within = \"40m\"");
        }
        if self.emergency {
            text += "[[emergency]]\nname = \"e\"\nwho = [\"group:ops\"]\non = [\"sudo\"]\nfor = { default = \"20m\", max = \"1h\" }\n\
                     limit = { times = 2, per = \"1d\" }\nreview = { by = [\"group:leads\", \"group:ops\"], within = \"1h\" }\n";
        }
        if let Some(times) = self.repetitive {
            let _ = writeln!(
                text,
                "[[repetitive]]\nname = \"r\"\nwho = [\"group:ops\"]\non = [\"sudo\"]\nafter = {{ within = \"2h\", times = {times} }}"
            );
        }
        if self.deny {
            text += "[[deny]]\nname = \"d\"\nwho = [\"user:bob\"]\non = [\"sudo\"]\n";
        }
        text
    }
}

fn parts() -> impl Strategy<Value = Parts> {
    let first = (20..240_u64, 1..3_u32, 0..3_u32, proptest::option::of(1..3_u32), any::<bool>());
    let second = (proptest::option::of((1..3_u32, 1..60_u64)), any::<bool>(), any::<bool>(), proptest::option::of(1..3_u32), any::<bool>());
    (first, second).prop_map(|((max_min, count, stages, uses, hours), (extend, first_use, emergency, repetitive, deny))| Parts {
        max_min,
        count,
        stages,
        uses,
        hours,
        extend,
        first_use,
        emergency,
        repetitive,
        deny,
    })
}

/// Something that somebody does; numbers choose among what there is.
#[derive(Debug, Clone)]
enum Act {
    Request { who: usize, minutes: Option<u64>, uses: Option<u32>, later_min: Option<u64> },
    GrantTo { who: usize, whom: usize },
    Approve { who: usize, which: usize },
    Deny { who: usize, which: usize },
    Drop { who: usize },
    Revoke { who: usize, which: usize },
    Emergency { who: usize },
    Review { who: usize, which: usize },
    Extend { who: usize, minutes: u64 },
    Open { who: usize },
    Close { which: usize },
    Ended { which: usize },
    Pass { seconds: u64 },
    Step { seconds: i64 },
    Reload,
    Reboot,
}

fn act() -> impl Strategy<Value = Act> {
    let who = || 0..PEOPLE.len();
    prop_oneof![
        4 => (who(), proptest::option::of(1..300_u64), proptest::option::of(1..4_u32), proptest::option::weighted(0.2, 1..600_u64))
            .prop_map(|(who, minutes, uses, later_min)| Act::Request { who, minutes, uses, later_min }),
        1 => (who(), who()).prop_map(|(who, whom)| Act::GrantTo { who, whom }),
        8 => (who(), 0..4_usize).prop_map(|(who, which)| Act::Approve { who, which }),
        1 => (who(), 0..4_usize).prop_map(|(who, which)| Act::Deny { who, which }),
        1 => who().prop_map(|who| Act::Drop { who }),
        1 => (who(), 0..4_usize).prop_map(|(who, which)| Act::Revoke { who, which }),
        2 => who().prop_map(|who| Act::Emergency { who }),
        2 => (who(), 0..4_usize).prop_map(|(who, which)| Act::Review { who, which }),
        2 => (who(), 1..90_u64).prop_map(|(who, minutes)| Act::Extend { who, minutes }),
        9 => who().prop_map(|who| Act::Open { who }),
        2 => (0..4_usize).prop_map(|which| Act::Close { which }),
        2 => (0..4_usize).prop_map(|which| Act::Ended { which }),
        5 => (1..5_000_u64).prop_map(|seconds| Act::Pass { seconds }),
        1 => (-20_000..20_000_i64).prop_map(|seconds| Act::Step { seconds }),
        1 => Just(Act::Reload),
        1 => Just(Act::Reboot),
    ]
}

fn nth<T>(all: impl Iterator<Item = T>, which: usize) -> Option<T> {
    let mut all: Vec<_> = all.collect();
    if all.is_empty() { None } else { Some(all.swap_remove(which % all.len())) }
}

fn wish(minutes: Option<u64>, uses: Option<u32>, start: Option<WallTime>) -> Wish {
    let wanted = minutes.map(|minutes| Span::from_secs(minutes * 60));
    Wish { service: Service::new("sudo"), run_as: RunAs::root(), wanted, uses, start, reason: Some("INC-42".to_owned()) }
}

/// Somebody who holds a grant, most of the time; else somebody.
fn holder(world: &World, which: usize) -> (&'static str, Option<GrantId>) {
    let held = nth(world.state.live().map(|grant| (grant.terms.user.clone(), grant.terms.id)), which);
    let named = held.and_then(|(user, id)| Some((PEOPLE.into_iter().find(|name| *name == user.as_str())?, Some(id))));
    named.filter(|_| which != 0).unwrap_or((PEOPLE[which], None))
}

/// Does it; whether it is refused is not asked here.
fn perform(world: &mut World, act: Act, parts: &mut Parts, boots: &mut u32) {
    let pending = |world: &World, which| nth(world.state.pending().map(|pending| pending.ask.id), which);
    let command = match act {
        Act::Request { who, minutes, uses, later_min } => {
            let start = later_min.map(|minutes| world.now.wall.plus(Span::from_secs(minutes * 60)));
            Some(Command::Request(actor(PEOPLE[who]), wish(minutes, uses, start)))
        }
        Act::GrantTo { who, whom } => Some(Command::GrantTo(actor(PEOPLE[who]), actor(PEOPLE[whom]).subject, wish(None, None, None))),
        Act::Approve { who, which } => {
            pending(world, which).map(|id: RequestId| Command::Approve { actor: actor(PEOPLE[who]), id, shorten: None, note: None })
        }
        Act::Deny { who, which } => {
            pending(world, which).map(|id| Command::Deny { actor: actor(PEOPLE[who]), id, note: Some("no".to_owned()) })
        }
        Act::Drop { who } => Some(Command::Drop(actor(PEOPLE[who]), None)),
        Act::Revoke { who, which } => nth(world.state.live().map(|grant| grant.terms.id), which).map(|id: GrantId| Command::Revoke {
            actor: actor(PEOPLE[who]),
            target: Target::Grant(id),
            note: None,
            grace: Grace::Some,
        }),
        Act::Emergency { who } => Some(Command::Emergency(actor(PEOPLE[who]), wish(None, None, None))),
        Act::Review { who, which } => nth(world.state.emergencies().map(|taken| taken.grant), which).map(|id| Command::Review {
            actor: actor(PEOPLE[who]),
            id,
            verdict: Verdict::Fine,
            note: None,
        }),
        Act::Extend { who, minutes } => {
            let by = Span::from_secs(minutes * 60);
            let (holder, id) = holder(world, who);
            Some(Command::Extend { actor: actor(holder), id, by, reason: Some("longer".to_owned()) })
        }
        Act::Open { who } => {
            let (holder, _) = holder(world, who);
            let _ = world.open(entry(holder, "sudo", Some("root")), 4711);
            None
        }
        Act::Close { which } => nth(world.state.open_sessions().map(|session| session.id), which).map(|id: SessionId| Command::Close(id)),
        // Whoever ends sessions ends those alone whose grant is over.
        Act::Ended { which } => nth(left_to_end(&world.state, &[]).into_iter(), which).and_then(|effect| match effect {
            Effect::End { sessions, .. } => Some(Command::Ended(sessions.first()?.id, Tally { processes: 2, killed: 1, left: 0 })),
            other => panic!("{other:?}"),
        }),
        Act::Pass { seconds } => {
            // jitd wakes for each deadline; here it looks once a second of those that matter.
            let mut left = Span::from_secs(seconds);
            while let Some(next) = world.state.next_deadline_in(world.now).filter(|next| *next <= left && *next > Span::from_millis(0)) {
                world.pass(next);
                left = Span::from_millis(left.as_millis() - next.as_millis());
            }
            world.pass(left);
            None
        }
        Act::Step { seconds } => {
            // Where there are windows, a clock that is wrong makes the wrong ones.
            if !parts.hours {
                world.step_wall(seconds);
            }
            None
        }
        Act::Reload => {
            parts.deny = !parts.deny;
            world.policy = World::with(&parts.text()).policy;
            None
        }
        Act::Reboot => {
            *boots += 1;
            world.start(&format!("boot-{boots}"));
            None
        }
    };
    if let Some(command) = command {
        let _: Result<Reply, _> = world.command(command);
    }
}

fn same_human(one: &str, other: &str) -> bool {
    one.trim_end_matches("-adm") == other.trim_end_matches("-adm")
}

/// Nobody approved, granted or reviewed their own, as far as the record goes.
fn nobody_decided_their_own(world: &World) {
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
fn no_approval_is_repeated_too_often(world: &World, parts: &Parts) {
    let taken = world.log.iter().filter_map(|(_, event)| match event {
        Event::OptoutTaken(taken) if taken.kind == Kind::Repetitive => taken.grant,
        _ => None,
    });
    let mut counts = std::collections::BTreeMap::new();
    taken.for_each(|basis| *counts.entry(basis).or_insert(0) += 1);
    assert!(counts.values().all(|count| *count <= parts.repetitive.unwrap_or(0)), "{counts:?}");
}

/// No grant is made longer more often than its rule lets it.
fn no_grant_is_extended_too_often(world: &World, parts: &Parts) {
    let most = parts.extend.map_or(0, |(times, _)| times);
    assert!(world.state.live().all(|grant| grant.extended <= most));
}

/// No grant runs longer than its rule lets it, extensions included, nor past its window; no use is taken twice.
fn no_grant_outgrows_its_rule(world: &World, parts: &Parts) {
    for grant in world.state.live() {
        let terms = &grant.terms;
        let ends = grant.validity.ends().wall;
        let begins = match grant.validity {
            crate::grant::Validity::Active { since, .. } => since,
            crate::grant::Validity::Scheduled { begins, .. } => begins.wall,
            // It has to be used within 40 minutes, however long it is good for then.
            crate::grant::Validity::Waiting { .. } => {
                assert!(ends <= terms.issued.plus(Span::from_secs(40 * 60 + 1)), "{terms:?} until {ends:?}");
                continue;
            }
        };
        assert!(ends <= begins.plus(Span::from_secs(longest(terms.kind, parts) * 60 + 1)), "{terms:?} from {begins:?} until {ends:?}");
        if let Some(hours) = &terms.hours {
            let last = WallTime::from_millis(ends.as_millis() - 1000);
            assert!(!matches!(hours.at(last), Open::No), "{terms:?} until {ends:?}");
        }
        assert!(terms.max_uses.is_none_or(|most| grant.taken <= most), "{grant:?}");
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
fn no_grant_outlives_its_rule(world: &World, parts: &Parts, since: &mut std::collections::BTreeMap<GrantId, BootTime>) {
    for name in PEOPLE {
        let entry = entry(name, "sudo", Some("root"));
        for grant in world.state.live_of(&entry.subject).filter(|grant| grant.admits(&entry, world.now)) {
            if let crate::grant::Validity::Active { .. } = grant.validity {
                let first = *since.entry(grant.terms.id).or_insert(world.now.boot);
                let most = Span::from_secs(longest(grant.terms.kind, parts) * 60);
                assert!(first.until(world.now.boot) < most, "{grant:?}");
            }
        }
    }
}

/// However it ended: no grant let in more sessions than it may.
fn no_use_is_taken_twice(world: &World) {
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

/// A deny beats everything; and what explains agrees with what decides.
fn deciding_and_explaining_agree(world: &World) {
    let policy = world.policy.as_ref().unwrap();
    for name in PEOPLE {
        let entry = entry(name, "sudo", Some("root"));
        let question = Question { subject: &entry.subject, service: &entry.service, run_as: entry.run_as.as_ref(), at: world.now.wall };
        let (answer, _, tested) = policy.explain(question, Remote::Unknown);
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

/// Where nothing is left to warn of, nobody is; whoever is warned is warned before the end, and no moment twice.
fn warnings_come_once_and_in_time(world: &World) {
    for grant in world.state.live().filter(|grant| !grant.open.is_empty()) {
        assert!(grant.open.iter().all(|id| world.state.has_open_session(*id)), "{grant:?}");
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

fn replaying_makes_the_same(world: &World) {
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

fn folded<'a>(events: impl IntoIterator<Item = &'a (WallTime, Event)>) -> State {
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
    events.iter().filter(|(seq, _)| seqs.contains(seq)).copied().collect()
}

/// The events that the state rests on make the same state, also when some of them were picked before, for an earlier state.
fn the_picked_events_make_the_same(world: &World) {
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

/// What is at hand of it is its request alone, which names it.
#[test]
fn a_grant_that_was_taken_away_does_not_live_again_when_it_is_forgotten() {
    let mut world = World::new();
    let wish = Wish { service: Service::new("su"), run_as: RunAs::User(UserName::new("postgres")), ..wish(None, None, None) };
    let id = world.request_of(&actor("dave"), wish).unwrap();
    let grant = world.grant_of(id);
    let _ = world.command(Command::Drop(actor("dave"), Some(grant))).unwrap();
    for pid in 0..20 {
        let _ = world.open(entry("carol", "sshd", Some("carol")), pid).unwrap();
        world.pass(Span::from_secs(3600));
    }
    let whole = folded(&world.log);
    assert!(whole.grant(grant).is_none() && whole.request(id).is_some(), "the test is about this");
    the_picked_events_make_the_same(&world);
}

/// What was denied is another request than the one that was approved, and nothing else names it.
#[test]
fn an_approval_that_a_denial_ended_is_not_good_again_when_the_denial_is_forgotten() {
    let mut world = World::new();
    let first = world.request("bob").unwrap();
    world.approve("dave", first).unwrap();
    let _ = world.command(Command::Drop(actor("bob"), None)).unwrap();
    let denied = world.request("bob").unwrap();
    let _ = world.command(Command::Deny { actor: actor("dave"), id: denied, note: Some("no".to_owned()) }).unwrap();
    for _ in 0..20 {
        world.pass(Span::from_secs(60));
        world.request("alice").unwrap();
        let _ = world.command(Command::Cancel(actor("alice"), None)).unwrap();
    }
    assert!(folded(&world.log).request(denied).is_none(), "the test is about this");
    the_picked_events_make_the_same(&world);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_is_done_in_whatever_order(mut parts in parts(), acts in proptest::collection::vec(act(), 1..120)) {
        let mut world = World::with(&parts.text());
        let (mut boots, mut since) = (1, std::collections::BTreeMap::new());
        for act in acts {
            perform(&mut world, act, &mut parts, &mut boots);
            no_grant_outgrows_its_rule(&world, &parts);
            no_grant_outlives_its_rule(&world, &parts, &mut since);
            deciding_and_explaining_agree(&world);
            warnings_come_once_and_in_time(&world);
        }
        no_approval_is_repeated_too_often(&world, &parts);
        no_grant_is_extended_too_often(&world, &parts);
        nobody_decided_their_own(&world);
        no_use_is_taken_twice(&world);
        replaying_makes_the_same(&world);
        the_picked_events_make_the_same(&world);
        let over = world.state.grants().filter(|grant| matches!(grant, Grant::Ended(_))).count();
        prop_assert!(over <= world.log.len());
    }
}
