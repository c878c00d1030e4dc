//! Sessions are warned and ended with their grants.

use super::denial::{Denial, Why};
use super::fixture::{World, actor, entry};
use super::{Arrival, Command, Effect, Grace, Reply, Target, effects, left_to_end};
use crate::actor::{Ancestry, Behind, Humans, Inside};
use crate::event::Event;
use crate::id::{GrantId, SessionId};
use crate::name::{Uid, UserName};
use crate::policy::Require;
use crate::session::{Bound, Process, Session, SessionFacts, Tally};
use crate::span::Span;

const POLICY: &str = r#"
version = 1
[[grant]]
name = "plain"
who = ["user:alice"]
on = ["sudo"]
for = { default = "30m", max = "4h" }
approve = [ { by = ["user:carol"] } ]
extend = { times = 1, max = "1h" }

[[grant]]
name = "goes-on"
who = ["user:alice"]
on = ["sudo"]
as = ["postgres"]
approve = [ { by = ["user:carol"] } ]
session = { at_expiry = "warn", warn = ["1m", "10m"] }

[[grant]]
name = "untold"
who = ["user:bob"]
on = ["sudo"]
approve = [ { by = ["user:carol"] } ]
session = { at_expiry = "keep" }

[[grant]]
name = "for-sure"
who = ["user:dave"]
on = ["sudo"]
approve = []
starts = "login"
session = { require = "cgroup" }

[[legacy]]
name = "backup"
who = ["user:postgres"]
on = ["sshd"]
owner = "user:carol"
reason = "cron"
until = 2026-11-24
"#;

fn minutes(minutes: u64) -> Span {
    Span::from_secs(minutes * 60)
}

/// Somebody who holds a grant and uses it.
fn in_session(world: &mut World, name: &str, run_as: &str) -> (SessionId, GrantId) {
    let wish = super::Wish { run_as: crate::name::RunAs::User(crate::name::UserName::new(run_as)), ..super::fixture::wish() };
    let id = world.request_of(&actor(name), wish).unwrap();
    world.approve("carol", id).unwrap();
    world.open(entry(name, "sudo", Some(run_as)), 77).unwrap()
}

/// What the events since then ask for.
fn asked_for(world: &World, since: usize) -> Vec<Effect> {
    world.log[since..].iter().flat_map(|(_, event)| effects(&world.state, event, world.now)).collect()
}

/// What happens while this much time passes.
fn passes(world: &mut World, span: Span) -> Vec<Effect> {
    let since = world.log.len();
    world.pass(span);
    asked_for(world, since)
}

fn ids(sessions: &[SessionFacts]) -> Vec<SessionId> {
    sessions.iter().map(|facts| facts.id).collect()
}

#[test]
fn a_session_is_warned_at_each_moment_and_ended_with_its_grant() {
    let mut world = World::with(POLICY);
    let (session, grant) = in_session(&mut world, "alice", "root");
    assert_eq!(passes(&mut world, minutes(24)), []);
    let warned = |effects: &[Effect], left: Span| matches!(effects, [Effect::Warn { session: told, left: said, extendable: true, .. }] if told.id == session && *said == left);
    assert!(warned(&passes(&mut world, minutes(1)), minutes(5)));
    assert_eq!(passes(&mut world, minutes(3)), [], "it is said once");
    assert!(warned(&passes(&mut world, minutes(1)), minutes(1)));
    let over = passes(&mut world, minutes(1));
    assert!(
        matches!(&over[..], [Effect::End { grant: ended, sessions, because: "expired", grace: Grace::Some }] if *ended == grant && ids(sessions) == [session])
    );
    assert!(world.state.has_open_session(session), "until its processes are gone");
    let _ = world.command(Command::Close(session)).unwrap();
    assert!(world.state.has_open_session(session), "what it closes by is that it is being ended");
    let _ = world.command(Command::Ended(session, Tally { processes: 3, killed: 1, left: 0 })).unwrap();
    assert_eq!(world.state.session(session).map(Session::word), Some("ended"));
    let Some((_, Event::SessionEnded(ended))) = world.log.last() else { panic!("{:?}", world.log.last()) };
    assert_eq!((ended.because.as_str(), ended.processes, ended.killed, ended.bound), ("expired", 3, 1, Bound::Cgroup));
}

#[test]
fn whoever_comes_in_late_is_told_of_what_is_yet_to_come() {
    let mut world = World::with(POLICY);
    let id = world.request("alice").unwrap();
    world.approve("carol", id).unwrap();
    world.pass(minutes(27));
    assert!(
        world.state.live().all(|grant| grant.next_warning().is_none()),
        "there is nobody to be told: no deadline passes again and again"
    );
    let _ = world.open(entry("alice", "sudo", Some("root")), 77).unwrap();
    assert_eq!(passes(&mut world, minutes(1)), []);
    assert!(matches!(passes(&mut world, minutes(1))[..], [Effect::Warn { left, .. }] if left == minutes(1)));
}

#[test]
fn a_grant_made_longer_is_warned_of_anew() {
    let mut world = World::with(POLICY);
    let (_, grant) = in_session(&mut world, "alice", "root");
    assert_eq!(passes(&mut world, minutes(26)).len(), 1);
    let longer = Command::Extend { actor: actor("alice"), id: Some(grant), by: minutes(30), reason: Some("more".to_owned()) };
    let Reply::Request(id) = world.command(longer).unwrap() else { panic!() };
    world.approve("carol", id).unwrap();
    assert_eq!(passes(&mut world, minutes(10)), []);
    assert!(matches!(passes(&mut world, minutes(19))[..], [Effect::Warn { left, extendable: false, .. }] if left == minutes(5)));
}

#[test]
fn a_clock_that_is_set_warns_and_ends_by_what_is_left() {
    let mut world = World::with(POLICY);
    let (session, _) = in_session(&mut world, "alice", "root");
    let since = world.log.len();
    world.step_wall(26 * 60);
    assert!(matches!(asked_for(&world, since)[..], [Effect::Warn { .. }]), "the wall clock says that it ends in four minutes");
    world.step_wall(-3 * 3600);
    assert_eq!(passes(&mut world, minutes(28)), [], "the boot clock holds what is left");
    let over = passes(&mut world, minutes(2));
    assert!(matches!(&over[..], [Effect::End { .. }]), "{over:?}");
    assert_eq!(ids(&left_to_end_of(&world)), [session]);
}

fn left_to_end_of(world: &World) -> Vec<SessionFacts> {
    let sessions = left_to_end(&world.state, &[]).into_iter().map(|effect| match effect {
        Effect::End { sessions, .. } => sessions,
        other => panic!("{other:?}"),
    });
    sessions.flatten().collect()
}

#[test]
fn a_clock_that_passes_two_warnings_at_once_is_warned_of_once_and_with_what_is_left() {
    let mut world = World::with(POLICY);
    let (session, _) = in_session(&mut world, "alice", "postgres");
    let since = world.log.len();
    world.step_wall(29 * 60);
    let asked = asked_for(&world, since);
    assert!(matches!(&asked[..], [Effect::Warn { session: told, left, .. }] if told.id == session && *left == minutes(1)), "{asked:?}");
    assert_eq!(passes(&mut world, Span::from_secs(30)), []);
}

#[test]
fn a_rule_can_let_sessions_go_on_with_a_word_or_without() {
    let mut world = World::with(POLICY);
    let (session, _) = in_session(&mut world, "alice", "postgres");
    assert!(matches!(passes(&mut world, minutes(20))[..], [Effect::Warn { left, .. }] if left == minutes(10)), "sorted by when they come");
    assert_eq!(passes(&mut world, minutes(9)).len(), 1);
    let over = passes(&mut world, minutes(1));
    assert!(matches!(&over[..], [Effect::Over(told)] if told.id == session), "{over:?}");
    let mut world = World::with(POLICY);
    let (session, _) = in_session(&mut world, "bob", "root");
    assert_eq!(passes(&mut world, minutes(26)), [], "no warning: nothing ends");
    assert_eq!(passes(&mut world, minutes(5)), []);
    assert!(world.state.has_open_session(session) && left_to_end(&world.state, &[]).is_empty());
    let _ = world.command(Command::Close(session)).unwrap();
    assert_eq!(world.state.session(session).map(Session::word), Some("closed"));
}

#[test]
fn a_session_that_outlives_its_grant_can_still_be_ended_by_whoever_could_approve_it() {
    for by_name in [false, true] {
        let mut world = World::with(POLICY);
        let (session, grant) = in_session(&mut world, "bob", "root");
        world.pass(minutes(31));
        let target = if by_name { Target::User(crate::name::UserName::new("bob")) } else { Target::Grant(grant) };
        let revoke = |by: &str| Command::Revoke { actor: actor(by), target: target.clone(), note: None, grace: Grace::None };
        assert!(world.command(revoke("alice")).is_err());
        let since = world.log.len();
        let _ = world.command(revoke("carol")).unwrap();
        let asked = asked_for(&world, since);
        assert!(matches!(&asked[..], [Effect::End { sessions, grace: Grace::None, .. }] if ids(sessions) == [session]), "{asked:?}");
        assert_eq!(world.grant_word(grant), "revoked");
        assert!(world.command(revoke("carol")).is_err(), "once");
    }
}

#[test]
fn a_session_that_outlives_its_grant_can_be_ended_however_many_others_are_over_since_and_whatever_the_clock_says() {
    for by_s in [0, -86_400] {
        let mut world = World::with(POLICY);
        world.step_wall(by_s);
        let (session, grant) = in_session(&mut world, "bob", "root");
        world.state.begin();
        world.pass(minutes(31));
        world.step_wall(-by_s);
        for _ in 0..20 {
            in_session(&mut world, "alice", "root");
            let _ = world.command(Command::Drop(actor("alice"), None)).unwrap();
            world.pass(minutes(1));
        }
        world.state.keep();
        assert_eq!(world.grant_word(grant), "expired");
        let since = world.log.len();
        let revoke = Command::Revoke { actor: actor("carol"), target: Target::Grant(grant), note: None, grace: Grace::None };
        let _ = world.command(revoke).unwrap();
        let asked = asked_for(&world, since);
        assert!(matches!(&asked[..], [Effect::End { sessions, .. }] if ids(sessions) == [session]), "{asked:?}");
        // Once it is over it is forgotten like any other.
        let _ = world.command(Command::Ended(session, Tally::default())).unwrap();
        for _ in 0..20 {
            let (other, _) = in_session(&mut world, "alice", "root");
            let _ = world.command(Command::Drop(actor("alice"), None)).unwrap();
            let _ = world.command(Command::Ended(other, Tally::default())).unwrap();
            world.pass(minutes(1));
        }
        world.state.begin();
        world.state.keep();
        assert!(world.state.grant(grant).is_none());
    }
}

#[test]
fn what_somebody_takes_away_ends_whatever_the_rule_says_of_expiry() {
    for grace in [Grace::Some, Grace::None] {
        let mut world = World::with(POLICY);
        let (session, grant) = in_session(&mut world, "bob", "root");
        let since = world.log.len();
        let revoke = Command::Revoke { actor: actor("carol"), target: Target::Grant(grant), note: None, grace };
        let _ = world.command(revoke).unwrap();
        let asked = asked_for(&world, since);
        assert!(
            matches!(&asked[..], [Effect::End { sessions, grace: how, .. }] if ids(sessions) == [session] && *how == grace),
            "{asked:?}"
        );
    }
    let mut world = World::with(POLICY);
    let (_, grant) = in_session(&mut world, "bob", "root");
    let since = world.log.len();
    let _ = world.command(Command::Drop(actor("bob"), Some(grant))).unwrap();
    assert!(matches!(asked_for(&world, since)[..], [Effect::End { .. }]));
}

#[test]
fn what_a_closed_session_left_running_ends_with_the_last_use() {
    let mut world = World::with(&POLICY.replacen("extend", "uses = { max = 1 }\nextend", 1));
    let (session, grant) = in_session(&mut world, "alice", "root");
    let since = world.log.len();
    let _ = world.command(Command::Close(session)).unwrap();
    let asked = asked_for(&world, since);
    let process = Some(Process { pid: 77, started: 1 });
    assert_eq!(
        asked,
        [Effect::Closed { session, process }, Effect::End { grant, sessions: Vec::new(), because: "used-up", grace: Grace::Some }]
    );
    let _ = world.command(Command::Ended(session, Tally::default())).unwrap();
    assert_eq!(world.state.session(session).map(Session::word), Some("closed"), "it left nothing");
    let _ = world.command(Command::Ended(session, Tally { processes: 1, killed: 0, left: 0 })).unwrap();
    assert_eq!(world.state.session(session).map(Session::word), Some("ended"));
}

#[test]
fn where_no_cgroup_can_be_had_nobody_comes_in_by_a_rule_that_wants_one() {
    let mut world = World::with(POLICY);
    let arrives =
        |bound| Arrival { entry: entry("dave", "sudo", Some("root")), process: None, bound, auth: None, inside: Inside::nothing() };
    let reply = world.command(Command::Open(arrives(Bound::Tree))).unwrap();
    assert!(matches!(reply, Reply::Denied(_)) && world.state.open_sessions().count() == 0);
    let Reply::Session(_, grant, require) = world.command(Command::Open(arrives(Bound::Cgroup))).unwrap() else { panic!() };
    assert_eq!(require, Require::Cgroup);
    assert!(super::must_bind(&world.state, grant));
    let (_, grant) = in_session(&mut world, "alice", "root");
    assert!(!super::must_bind(&world.state, grant), "another rule wants none");
}

#[test]
fn where_no_cgroup_can_be_had_a_grant_that_wants_none_lets_in_beside_one_that_does_and_lasts_longer() {
    let rule = |more: &str| {
        World::with(&format!("version = 1\n[[grant]]\nname = \"x\"\nwho = [\"user:alice\"]\non = [\"sudo\"]\napprove = []\n{more}"))
    };
    let arrives = |bound| {
        Command::Open(Arrival { entry: entry("alice", "sudo", Some("root")), process: None, bound, auth: None, inside: Inside::nothing() })
    };
    let mut world = rule("starts = \"login\"\nfor = { default = \"2h\" }\nsession = { require = \"cgroup\" }\n");
    let Reply::Session(_, held, _) = world.command(arrives(Bound::Cgroup)).unwrap() else { panic!() };
    world.policy = rule("").policy;
    assert!(matches!(world.command(arrives(Bound::Tree)).unwrap(), Reply::Denied(_)), "there is that one alone");
    let id = world.request("alice").unwrap();
    let Reply::Session(_, by, _) = world.command(arrives(Bound::Tree)).unwrap() else { panic!() };
    assert_eq!(by, world.grant_of(id));
    let Reply::Session(_, by, _) = world.command(arrives(Bound::Cgroup)).unwrap() else { panic!() };
    assert_eq!(by, held, "where both can be, the longer one");
}

#[test]
fn where_no_cgroup_can_be_had_a_rule_that_wants_none_lets_in_beside_a_grant_that_does() {
    let mut world = World::with(
        "version = 1\n[[grant]]\nname = \"x\"\nwho = [\"user:alice\"]\non = [\"sudo\"]\napprove = []\nsession = { require = \"cgroup\" }\n\
        [[grant]]\nname = \"y\"\nwho = [\"user:alice\"]\non = [\"sudo\"]\napprove = []\nstarts = \"login\"\n",
    );
    let id = world.request("alice").unwrap();
    let held = world.grant_of(id);
    let mut by = |bound| {
        let arrival = Arrival { entry: entry("alice", "sudo", Some("root")), process: None, bound, auth: None, inside: Inside::nothing() };
        let Reply::Session(_, grant, _) = world.command(Command::Open(arrival)).unwrap() else { panic!() };
        grant
    };
    assert_eq!(by(Bound::Cgroup), held);
    assert_ne!(by(Bound::Tree), held);
}

#[test]
fn nobody_comes_in_by_what_they_approved_as_somebody_else() {
    let text = POLICY.replace(
        "[[legacy]]",
        "[[grant]]\nname = \"as-bob\"\nwho = [\"any\"]\non = [\"sudo\"]\nas = [\"bob\"]\napprove = []\nstarts = \"login\"\n\n[[legacy]]",
    );
    let mut world = World::with(&text);
    let id = world.request("bob").unwrap();
    let mut carol = actor("carol");
    carol.worn = Behind::Known(Humans::account(Uid(1001), UserName::new("alice")));
    world.approve_of(carol, id).unwrap();
    let (hers, _) = world.open(entry("alice", "sudo", Some("bob")), 71).unwrap();
    let (his, _) = world.open(entry("dave", "sudo", Some("bob")), 72).unwrap();
    assert!(matches!(inside_of(&mut world, hers, None), Reply::Denied(Denial { why: Why::OwnApproval, .. })), "carol's yes was alice's");
    assert!(matches!(inside_of(&mut world, his, None), Reply::Session(..)));
}

/// Bob comes, inside of this session: of its cgroup, or below its process.
fn inside_of(world: &mut World, session: SessionId, tree: Option<u32>) -> Reply {
    let ancestry = tree.map(|pid| Process { pid, started: 1 }).into_iter().collect();
    let inside = Inside { ancestry: Ancestry::Known(ancestry), within: Some(if tree.is_none() { vec![session] } else { Vec::new() }) };
    let arrival = Arrival { entry: entry("bob", "sudo", Some("root")), process: None, bound: Bound::Tree, auth: None, inside };
    world.command(Command::Open(arrival)).unwrap()
}

#[test]
fn nobody_comes_in_by_a_grant_inside_of_a_session_of_whoever_approved_it() {
    // alice-adm leads; alice is the same person, and may act as bob.
    let text = POLICY.replace("[[legacy]]", "[[grant]]\nname = \"as-bob\"\nwho = [\"user:alice\", \"user:dave\"]\non = [\"sudo\"]\nas = [\"bob\"]\n\
        approve = []\nstarts = \"login\"\n[[repetitive]]\nname = \"again\"\nwho = [\"user:bob\"]\non = [\"sudo\"]\nafter = { within = \"8h\", times = 4 }\n\n[[legacy]]");
    let lead = "approve = [ { by = [\"user:carol\"] } ]\nsession = { at_expiry = \"keep\" }";
    let text = text.replace(lead, "approve = [ { by = [\"user:carol\", \"user:alice-adm\"] } ]");
    let text = text.replace("version = 1", "version = 1\n[[person]]\naccounts = [\"alice\", \"alice-adm\"]");
    let own = |reply: Reply| matches!(reply, Reply::Denied(Denial { why: Why::OwnApproval, .. }));
    let mut world = World::with(&text);
    let id = world.request("bob").unwrap();
    world.approve("alice-adm", id).unwrap();
    let grant = world.grant_of(id);
    let (hers, _) = world.open(entry("alice", "sudo", Some("bob")), 71).unwrap();
    let (his, _) = world.open(entry("dave", "sudo", Some("bob")), 72).unwrap();
    assert!(own(inside_of(&mut world, hers, None)), "in its cgroup");
    assert!(own(inside_of(&mut world, hers, Some(71))), "or below its process");
    assert!(own(inside_of(&mut world, "S-7F3KQ2ZD".parse().unwrap(), None)), "one that is not known may be anybody's");
    assert!(matches!(inside_of(&mut world, his, None), Reply::Session(_, by, _) if by == grant), "dave had no say");
    assert!(matches!(inside_of(&mut world, his, Some(72)), Reply::Session(..)));
    let unreadable = Inside { ancestry: Ancestry::Unreadable, within: Some(Vec::new()) };
    let arrival = Arrival { entry: entry("bob", "sudo", Some("root")), process: None, bound: Bound::Tree, auth: None, inside: unreadable };
    assert!(own(world.command(Command::Open(arrival)).unwrap()));

    // The same again, once it is over: by the rule, and by what the rule gave somewhere else.
    world.pass(minutes(31));
    assert!(own(inside_of(&mut world, hers, None)));
    let Reply::Session(_, again, _) = inside_of(&mut world, his, None) else { panic!() };
    assert_ne!(again, grant);
    assert!(own(inside_of(&mut world, hers, None)));

    // What somebody else approved lets in there too.
    let id = world.request("bob").unwrap();
    world.approve("carol", id).unwrap();
    let others = world.grant_of(id);
    assert!(matches!(inside_of(&mut world, hers, None), Reply::Session(_, by, _) if by == others));
}

#[test]
fn a_standing_exemption_outlives_its_days_and_ends_with_its_rule() {
    let mut world = World::with(POLICY);
    let (session, _) = world.open(entry("postgres", "sshd", Some("postgres")), 77).unwrap();
    assert_eq!(passes(&mut world, minutes(24 * 60 + 1)), [], "a day is over, the rule is not");
    assert!(world.state.has_open_session(session) && !super::has_ruleless(&world.state, world.policy.as_ref(), &[], world.now.wall));
    let (of_today, _) = world.open(entry("postgres", "sshd", Some("postgres")), 78).unwrap();
    let over = passes(&mut world, minutes(12 * 60));
    let ended = over.iter().filter_map(|effect| match effect {
        Effect::End { sessions, grace: Grace::Some, .. } => Some(ids(sessions)),
        Effect::End { .. } | Effect::Warn { .. } | Effect::Over(_) | Effect::Closed { .. } => None,
    });
    let mut ended: Vec<_> = ended.flatten().collect();
    ended.sort();
    let mut both = vec![session, of_today];
    both.sort();
    assert_eq!(ended, both, "that of yesterday too: {over:?}");
    assert_eq!(passes(&mut world, minutes(1)), [], "and that is said once");
    assert_eq!(ids(&left_to_end_of(&world)).len(), 2, "also if jitd dies before it is done");
}

#[test]
fn a_standing_exemption_that_is_renewed_keeps_its_sessions_and_one_that_is_taken_out_ends_them_after_its_day() {
    let renewed = POLICY.replace("until = 2026-11-24", "until = 2026-12-31");
    assert_ne!(renewed, POLICY);
    let without = World::with(POLICY.split_once("[[legacy]]").unwrap().0).policy;
    let mut world = World::with(POLICY);
    let (session, _) = world.open(entry("postgres", "sshd", Some("postgres")), 77).unwrap();
    world.policy = World::with(&renewed).policy;
    assert_eq!(passes(&mut world, minutes(3 * 24 * 60)), []);
    world.policy = None;
    assert_eq!(passes(&mut world, minutes(1)), [], "a slip in the policy ends nothing");
    world.policy = without;
    assert!(super::has_ruleless(&world.state, world.policy.as_ref(), &[], world.now.wall));
    let over = passes(&mut world, minutes(1));
    assert!(matches!(&over[..], [Effect::End { sessions, .. }] if ids(sessions) == [session]), "{over:?}");

    let without = std::mem::take(&mut world.policy);
    let mut world = World::with(POLICY);
    let _ = world.open(entry("postgres", "sshd", Some("postgres")), 77).unwrap();
    world.policy = without;
    assert_eq!(passes(&mut world, minutes(23 * 60)), [], "there is a day to mend it");
    assert_eq!(passes(&mut world, minutes(61)), [], "the day is over");
    assert!(matches!(&passes(&mut world, minutes(0))[..], [Effect::End { .. }]), "and with it the session, at the next look");
}

#[test]
fn what_a_session_of_a_standing_exemption_left_running_ends_with_the_rule_and_can_be_taken_away_before() {
    let mut world = World::with(POLICY);
    let enters = |world: &mut World| {
        let (session, grant) = world.open(entry("postgres", "sshd", Some("postgres")), 77).unwrap();
        let _ = world.command(Command::Close(session)).unwrap();
        grant
    };
    let (of_yesterday, of_nothing) = (enters(&mut world), passes(&mut world, minutes(24 * 60 + 1)));
    assert_eq!(of_nothing, []);
    let tick = |world: &mut World, running: &[GrantId]| {
        let since = world.log.len();
        let has = super::has_ruleless(&world.state, world.policy.as_ref(), running, world.now.wall);
        let _ = world.command(Command::Tick(running.to_vec())).unwrap();
        let ended = asked_for(world, since);
        assert_eq!(has, !ended.is_empty());
        ended
            .iter()
            .filter_map(|effect| match effect {
                Effect::End { grant, .. } => Some(*grant),
                Effect::Warn { .. } | Effect::Over(_) | Effect::Closed { .. } => None,
            })
            .collect::<Vec<_>>()
    };
    assert_eq!(tick(&mut world, &[of_yesterday]), [], "its rule goes on");
    // Who was taken out of the rule.
    let (rule, others) = (POLICY.replace("who = [\"user:postgres\"]", "who = [\"user:erin\"]"), world.policy.take());
    world.policy = World::with(&rule).policy;
    assert_eq!(tick(&mut world, &[]), [], "nothing of it runs");
    assert_eq!(tick(&mut world, &[of_yesterday]), [of_yesterday]);
    assert_eq!(tick(&mut world, &[of_yesterday]), [], "and that is said once");
    world.policy = others;

    let of_today = enters(&mut world);
    let _ = passes(&mut world, minutes(12 * 60));
    assert_eq!(tick(&mut world, &[of_today]), [of_today], "the rule has ended");

    let mut world = World::with(POLICY);
    let grant = enters(&mut world);
    assert_eq!(passes(&mut world, minutes(24 * 60 + 1)), []);
    assert_eq!(world.revoke("root", grant), Ok(()));
    assert!(world.revoke("root", grant).is_err(), "which is said once");
}

#[test]
fn whose_a_session_was_is_known_while_its_grant_is_however_many_others_have_closed_since() {
    let mut world = World::with(POLICY);
    let (first, grant) = in_session(&mut world, "alice", "root");
    let _ = world.command(Command::Close(first)).unwrap();
    for pid in 0..20 {
        world.pass(Span::from_secs(1));
        world.state.begin();
        let (session, _) = world.open(entry("dave", "sudo", Some("root")), 100 + pid).unwrap();
        let _ = world.command(Command::Close(session)).unwrap();
        world.state.keep();
    }
    assert!(world.state.session(first).is_none(), "it is forgotten");
    assert_eq!(world.state.grant_of(first), Some(grant));
    let mut within = actor("alice");
    within.within = Some(vec![first]);
    let behind = world.state.behind(&within, world.policy.as_ref().unwrap());
    assert_eq!(behind, world.state.behind(&actor("alice"), world.policy.as_ref().unwrap()), "what it left running acts for her");
    let _ = world.command(Command::Drop(actor("alice"), Some(grant))).unwrap();
    let found = left_to_end(&world.state, &[first]);
    assert!(matches!(&found[..], [Effect::End { grant: of, .. }] if *of == grant), "and ends with her grant after a restart: {found:?}");
    let unknown = "S-7F3KQ2ZD".parse().unwrap();
    within.within = Some(vec![unknown]);
    assert_eq!(world.state.behind(&within, world.policy.as_ref().unwrap()), crate::actor::Behind::Anybody);
}

#[test]
fn what_jitd_did_not_live_to_end_is_ended_when_it_starts() {
    let mut world = World::with(POLICY);
    let (session, grant) = in_session(&mut world, "alice", "root");
    let since = world.log.len();
    world.now = crate::time::Now { wall: world.now.wall.plus(minutes(60)), boot: world.now.boot.plus(minutes(60)) };
    world.start("boot-1");
    world.pass(Span::from_secs(0));
    assert!(asked_for(&world, since).iter().any(|effect| matches!(effect, Effect::End { .. })));
    assert_eq!(ids(&left_to_end_of(&world)), [session], "and so it is if it dies again");
    let _ = world.command(Command::Ended(session, Tally { processes: 1, killed: 0, left: 0 })).unwrap();
    assert!(left_to_end(&world.state, &[]).is_empty());
    let found = left_to_end(&world.state, &[session]);
    assert!(
        matches!(&found[..], [Effect::End { grant: of, sessions, .. }] if *of == grant && sessions.is_empty()),
        "something of it still runs"
    );
}
