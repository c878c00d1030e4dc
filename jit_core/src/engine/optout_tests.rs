//! Opt-outs, hours, denies, and what else the whole policy can say.

use super::fixture::{World, actor, entry, subject, wish};
use super::{Command, Reply, Wish};
use crate::actor::Actor;
use crate::event::Event;
use crate::id::GrantId;
use crate::name::{RuleName, RunAs, Service, UserName};
use crate::optout::Verdict;
use crate::refusal::Refusal;
use crate::span::Span;
use crate::time::{BootTime, Now, WallTime};

const POLICY: &str = r#"
version = 1
[[person]]
accounts = ["alice", "alice-adm"]
[[grant]]
name = "ops-root"
who = ["group:ops"]
on = ["sudo"]
as = ["root", "postgres"]
for = { default = "30m", max = "4h" }
approve = [ { by = ["group:leads"] } ]
escalate = { after = "15m", to = ["group:managers"] }
reason = { min = 3, pattern = 'INC-\d+' }
hours = ["mon-fri 08:00-19:00"]
zone = "UTC"
extend = { times = 1, max = "1h" }
[[emergency]]
name = "oncall"
who = ["group:ops"]
on = ["sudo"]
for = { default = "30m", max = "1h" }
limit = { times = 2, per = "7d" }
review = { by = ["group:leads"], within = "24h" }
alert = ["group:managers"]
[[repetitive]]
name = "again"
who = ["group:ops"]
on = ["sudo"]
after = { within = "8h", times = 2 }
for = { default = "10m" }
[[deny]]
name = "not-postgres"
who = ["user:bob"]
on = ["sudo"]
as = ["postgres"]
"#;

fn world() -> World {
    World::with(POLICY)
}

fn hours(hours: u64) -> Span {
    Span::from_secs(hours * 3600)
}

fn emergency(world: &mut World, name: &str) -> Result<GrantId, Refusal> {
    match world.command(Command::Emergency(actor(name), wish()))? {
        Reply::Grants(ids) => Ok(ids[0]),
        Reply::Refused(refusal) => Err(refusal),
        other => panic!("{other:?}"),
    }
}

fn review(world: &mut World, name: &str, id: GrantId) -> Result<(), Refusal> {
    world.command(Command::Review { actor: actor(name), id, verdict: Verdict::Fine, note: None }).map(drop)
}

fn names(world: &World) -> Vec<&'static str> {
    world.log.iter().map(|(_, event)| event.name()).collect()
}

#[test]
fn an_emergency_is_given_at_once_and_the_next_one_waits_for_its_review_by_another_person() {
    let mut world = world();
    let first = emergency(&mut world, "alice").unwrap();
    assert!(world.lets_in("alice", "sudo", Some("root")));
    assert!(names(&world).ends_with(&["optout.taken", "grant.issued"]));
    world.pass(hours(2));
    assert!(!world.lets_in("alice", "sudo", Some("root")));
    assert_eq!(emergency(&mut world, "alice"), Err(Refusal::Unreviewed { id: first, by: "group leads".to_owned() }));
    assert!(emergency(&mut world, "bob").is_ok(), "another person's is another matter");
    assert_eq!(review(&mut world, "alice-adm", first), Err(Refusal::OwnReview { id: first }), "alice by another name");
    assert_eq!(review(&mut world, "bob", first), Err(Refusal::NoSuch { what: first.to_string() }));
    assert_eq!(review(&mut world, "carol", first), Ok(()));
    assert_eq!(review(&mut world, "dave", first), Err(Refusal::Reviewed { id: first, verdict: "fine", by: UserName::new("carol") }));
    assert!(emergency(&mut world, "alice").is_ok());
}

#[test]
fn an_emergency_that_was_taken_before_the_clock_was_set_forward_counts_as_long_as_any() {
    let mut world = world();
    for _ in 0..2 {
        let id = emergency(&mut world, "alice").unwrap();
        review(&mut world, "carol", id).unwrap();
        world.pass(hours(1));
    }
    // The clock of an empty battery, and then the network's.
    world.step_wall(400 * 86_400);
    let wanted = |world: &mut World| emergency(world, "alice");
    assert!(matches!(wanted(&mut world), Err(Refusal::LimitReached { times: 2, .. })));
    world.start("boot-2");
    world.pass(hours(7 * 24 - 3));
    assert!(matches!(wanted(&mut world), Err(Refusal::LimitReached { times: 2, .. })), "in the next boot as well");
    world.step_wall(-3600);
    world.step_wall(3600);
    world.pass(hours(1));
    assert!(wanted(&mut world).is_ok(), "and no longer than the rule has it");
}

#[test]
fn an_emergency_is_as_old_as_it_is_whatever_the_clock_said_in_between() {
    let reviewed = |world: &mut World, name: &str| {
        let id = emergency(world, name).unwrap();
        review(world, "carol", id).unwrap();
    };
    let mut world = world();
    for _ in 0..2 {
        reviewed(&mut world, "alice");
        world.pass(hours(1));
    }
    world.pass(hours(21 * 24));
    // Somebody types the wrong year, and puts it right.
    world.step_wall(400 * 86_400);
    world.pass(Span::from_secs(60));
    for _ in 0..2 {
        reviewed(&mut world, "bob");
        world.pass(hours(1));
    }
    world.step_wall(-400 * 86_400);
    for _ in 0..2 {
        reviewed(&mut world, "alice");
        world.pass(hours(1));
    }
    assert!(matches!(emergency(&mut world, "bob"), Err(Refusal::LimitReached { times: 2, .. })), "those of two hours ago count");
    world.pass(hours(7 * 24 - 3));
    assert!(emergency(&mut world, "bob").is_ok(), "taken while the clock was ahead, they count no longer than others");
    assert!(matches!(emergency(&mut world, "alice"), Err(Refusal::LimitReached { times: 2, .. })));
}

#[test]
fn an_emergency_needs_a_reason_and_has_a_budget_that_rolls() {
    let mut world = world();
    let silent = Wish { reason: None, ..wish() };
    assert!(matches!(world.command(Command::Emergency(actor("alice"), silent)), Err(Refusal::ReasonMissing { .. })));
    for _ in 0..2 {
        let id = emergency(&mut world, "alice").unwrap();
        review(&mut world, "carol", id).unwrap();
        world.pass(hours(1));
    }
    assert!(matches!(emergency(&mut world, "alice"), Err(Refusal::LimitReached { times: 2, .. })));
    assert_eq!(names(&world).last(), Some(&"optout.limit-reached"));
    world.pass(hours(7 * 24 - 2));
    assert!(emergency(&mut world, "alice").is_ok(), "the first of them no longer counts");
    let long = Wish { wanted: Some(hours(2)), ..wish() };
    assert!(matches!(world.command(Command::Emergency(actor("bob"), long)), Err(Refusal::TooLong { .. })));
    assert!(matches!(emergency(&mut world, "carol"), Err(Refusal::NoEmergency { .. })));
}

#[test]
fn a_review_that_nobody_does_is_said_each_day() {
    let mut world = world();
    let id = emergency(&mut world, "alice").unwrap();
    world.pass(hours(23));
    assert!(!names(&world).contains(&"optout.overdue"));
    for days in 1..=3 {
        world.pass(hours(24));
        assert_eq!(names(&world).iter().filter(|name| **name == "optout.overdue").count(), days);
    }
    assert_eq!(world.state.emergency(id).unwrap().review.word(), "overdue");
    review(&mut world, "carol", id).unwrap();
    world.pass(hours(48));
    assert_eq!(names(&world).iter().filter(|name| **name == "optout.overdue").count(), 3);
}

#[test]
fn who_reviews_an_emergency_is_also_whom_the_policy_in_force_names() {
    let with = |by: &str, rule: &str| {
        let text = POLICY.replace("review = { by = [\"group:leads\"]", &format!("review = {{ by = [\"{by}\"]"));
        World::with(&text.replace("name = \"oncall\"", &format!("name = \"{rule}\""))).policy
    };
    let mut world = world();
    world.policy = with("user:left", "oncall");
    let first = emergency(&mut world, "alice").unwrap();
    assert_eq!(review(&mut world, "dave", first), Err(Refusal::NoSuch { what: first.to_string() }));
    let sees = |world: &World| {
        let viewer = super::Viewer { subject: &subject("dave"), policy: world.policy.as_ref().unwrap() };
        (viewer.sees_grant(world.state.grant(first).unwrap().terms()), viewer.may_review_now(world.state.emergency(first).unwrap()))
    };
    assert_eq!(sees(&world), (false, false));
    world.policy = with("group:leads", "oncall");
    assert_eq!(sees(&world), (true, true), "it waits for them, so they see it");
    let by = "left or group leads".to_owned();
    world.pass(hours(25));
    assert_eq!(emergency(&mut world, "alice"), Err(Refusal::Unreviewed { id: first, by }));
    let told = world.log.iter().rev().find_map(|(_, event)| match event {
        Event::OptoutOverdue(overdue) => Some(super::approvers_in_words(&overdue.review_by)),
        _ => None,
    });
    assert_eq!(told.as_deref(), Some("left or group leads"));
    assert_eq!(review(&mut world, "alice-adm", first), Err(Refusal::OwnReview { id: first }), "still never one's own");
    assert_eq!(review(&mut world, "dave", first), Ok(()));
    // The rule has another name: whoever reviews those of today reviews it.
    let second = emergency(&mut world, "alice").unwrap();
    world.policy = with("user:erin", "on-duty");
    assert_eq!(review(&mut world, "bob", second), Err(Refusal::NoSuch { what: second.to_string() }));
    assert_eq!(review(&mut world, "erin", second), Ok(()));
    // Another rule's reviewer is nobody's while its own is there.
    let third = emergency(&mut world, "bob").unwrap();
    let other = "[[emergency]]\nname = \"dba\"\nwho = [\"user:bob\"]\non = [\"su\"]\nlimit = { times = 1, per = \"7d\" }\n\
        review = { by = [\"user:postgres\"], within = \"1d\" }\n";
    let text = POLICY.replace("name = \"oncall\"", "name = \"on-duty\"");
    world.policy = World::with(&format!("{text}{other}")).policy;
    assert_eq!(review(&mut world, "postgres", third), Err(Refusal::NoSuch { what: third.to_string() }));
    assert_eq!(review(&mut world, "erin", third), Ok(()), "nor does whom it named then lose it");
}

#[test]
fn the_same_again_needs_no_approval_within_its_time_and_number() {
    let mut world = world();
    assert!(!world.lets_in("alice", "sudo", Some("root")));
    let id = world.request("alice").unwrap();
    world.approve("carol", id).unwrap();
    world.pass(hours(1));
    for _ in 0..2 {
        assert!(world.lets_in("alice", "sudo", Some("root")) && world.lets_in("alice", "sudo", None));
        assert!(!world.lets_in("alice", "sudo", Some("postgres")), "another run-as user is not the same");
        assert!(!world.lets_in("bob", "sudo", Some("root")), "another person is not the same");
        world.open(entry("alice", "sudo", Some("root")), 7).unwrap();
        world.pass(hours(1));
    }
    assert!(!world.lets_in("alice", "sudo", Some("root")), "twice is twice");
    assert_eq!(names(&world).iter().filter(|name| **name == "optout.taken").count(), 2);
}

#[test]
fn a_revocation_a_denial_or_time_ends_what_could_be_repeated() {
    let approved = |world: &mut World| {
        let id = world.request("alice").unwrap();
        world.approve("carol", id).unwrap();
        world.grant_of(id)
    };
    let mut revoked = world();
    let grant = approved(&mut revoked);
    revoked.revoke("carol", grant).unwrap();
    assert!(!revoked.lets_in("alice", "sudo", Some("root")));

    let mut denied = world();
    approved(&mut denied);
    denied.pass(hours(1));
    assert!(denied.lets_in("alice", "sudo", Some("root")));
    let again = denied.request("alice").unwrap();
    denied.command(Command::Deny { actor: actor("carol"), id: again, note: Some("no".to_owned()) }).map(drop).unwrap();
    assert!(!denied.lets_in("alice", "sudo", Some("root")));

    let mut late = world();
    late.now.wall = WallTime::parse("2026-11-23T08:30:00Z").unwrap();
    approved(&mut late);
    late.pass(hours(7));
    assert!(late.lets_in("alice", "sudo", Some("root")));
    late.step_wall(-5 * 3600);
    late.pass(hours(1));
    assert!(!late.lets_in("alice", "sudo", Some("root")), "a clock set back makes nothing younger");

    let mut rebooted = world();
    approved(&mut rebooted);
    rebooted.pass(hours(1));
    rebooted.start("boot-2");
    assert!(!rebooted.lets_in("alice", "sudo", Some("root")));
}

#[test]
fn a_grant_ends_with_its_window_and_nothing_is_given_outside_it() {
    let mut world = world();
    world.now.wall = WallTime::parse("2026-11-23T18:50:00Z").unwrap();
    let id = world.request("alice").unwrap();
    world.approve("carol", id).unwrap();
    let ends = world.state.live().next().unwrap().validity.ends();
    assert_eq!(ends.wall, WallTime::parse("2026-11-23T19:00:00Z").unwrap());
    world.pass(Span::from_secs(601));
    assert!(!world.lets_in("alice", "sudo", Some("root")));
    assert!(matches!(world.request("alice"), Err(Refusal::NoRule { .. })));
    let tomorrow = WallTime::parse("2026-11-24T09:00:00Z").unwrap();
    assert!(world.request_of(&actor("alice"), Wish { start: Some(tomorrow), ..wish() }).is_ok());
}

#[test]
fn a_request_that_is_approved_outside_its_hours_is_refused_then() {
    let mut world = world();
    world.now.wall = WallTime::parse("2026-11-23T18:50:00Z").unwrap();
    let id = world.request("alice").unwrap();
    world.pass(Span::from_secs(1200));
    assert!(matches!(world.approve("carol", id), Err(Refusal::OutsideHours { .. })));
    assert_eq!(world.outcome(id), "pending");
}

#[test]
fn a_scheduled_grant_begins_by_itself_and_lets_nobody_in_before() {
    let mut world = world();
    let at = world.now.wall.plus(hours(2));
    let id = world.request_of(&actor("alice"), Wish { start: Some(at), ..wish() }).unwrap();
    world.approve("carol", id).unwrap();
    let grant = world.grant_of(id);
    // What was approved just now could be repeated; that is another way in, and not asked here.
    world.policy.as_mut().unwrap().repetitive = crate::policy::Rules::default();
    assert_eq!(world.grant_word(grant), "waiting");
    assert!(!world.lets_in("alice", "sudo", Some("root")));
    world.pass(hours(2));
    assert!(world.lets_in("alice", "sudo", Some("root")));
    assert_eq!(world.grant_word(grant), "active");
    world.pass(Span::from_secs(1801));
    assert!(!world.lets_in("alice", "sudo", Some("root")));
    let past = Wish { start: Some(WallTime::from_millis(0)), ..wish() };
    assert!(matches!(world.request_of(&actor("alice"), past), Err(Refusal::OddStart { .. })));
}

#[test]
fn who_has_something_for_tomorrow_can_ask_for_today_and_take_an_emergency_now() {
    let mut world = world();
    let tomorrow = || Wish { start: Some(WallTime::parse("2026-11-24T09:00:00Z").unwrap()), ..wish() };
    let first = world.request_of(&actor("alice"), tomorrow()).unwrap();
    let askable = |world: &World| {
        let entry = entry("alice", "sudo", None);
        matches!(
            crate::engine::askable(&world.state, world.policy.as_ref(), &entry, &RunAs::root(), world.now),
            crate::engine::Askable::Pending(_)
        )
    };
    assert!(!askable(&world), "in the prompt nobody waits for tomorrow");
    let second = world.request("alice").unwrap();
    assert!(askable(&world));
    assert!(matches!(world.request_of(&actor("alice"), tomorrow()), Err(Refusal::AlreadyPending { .. })));
    world.approve("carol", first).unwrap();
    let _ = world.command(Command::Cancel(actor("alice"), Some(second))).unwrap();
    world.policy.as_mut().unwrap().repetitive = crate::policy::Rules::default();
    assert!(!world.lets_in("alice", "sudo", Some("root")));
    let taken = emergency(&mut world, "alice").unwrap();
    assert!(world.lets_in("alice", "sudo", Some("root")));
    assert!(matches!(world.request("alice"), Err(Refusal::AlreadyHeld { id }) if id == taken));
    let mut world = self::world();
    let first = world.request_of(&actor("alice"), tomorrow()).unwrap();
    world.approve("carol", first).unwrap();
    let just_now = Wish { start: Some(world.now.wall.minus(Span::from_secs(1))), ..wish() };
    assert!(world.request_of(&actor("alice"), just_now).is_ok(), "and what is asked for now is not held");
    assert!(matches!(world.request_of(&actor("alice"), tomorrow()), Err(Refusal::AlreadyPending { .. } | Refusal::AlreadyHeld { .. })));
}

#[test]
fn who_waits_for_more_time_on_a_grant_without_a_use_left_can_ask_for_another() {
    let mut world = world();
    let first = world.request_of(&actor("alice"), Wish { uses: Some(1), ..wish() }).unwrap();
    world.approve("carol", first).unwrap();
    world.open(entry("alice", "sudo", Some("root")), 7).unwrap();
    let longer = Command::Extend { actor: actor("alice"), id: None, by: Span::from_secs(600), reason: Some("INC-42".to_owned()) };
    let _ = world.command(longer).unwrap();
    let waits = |world: &World| {
        let entry = entry("alice", "sudo", None);
        matches!(
            crate::engine::askable(&world.state, world.policy.as_ref(), &entry, &RunAs::root(), world.now),
            crate::engine::Askable::Pending(_)
        )
    };
    assert!(!waits(&world), "it would let nobody in, so nobody waits for it in the prompt");
    assert!(world.request("alice").is_ok());
    assert!(waits(&world));
}

#[test]
fn managers_may_approve_what_has_waited() {
    let mut world = world();
    let id = world.request("alice").unwrap();
    assert!(world.approve("erin", id).is_err());
    world.pass(Span::from_secs(900));
    assert_eq!(names(&world).last(), Some(&"request.escalated"));
    assert_eq!(world.approve("erin", id), Ok(()));
}

#[test]
fn a_grant_is_made_longer_as_often_and_as_much_as_its_rule_says_each_time_approved() {
    let mut world = world();
    let id = world.request("alice").unwrap();
    world.approve("carol", id).unwrap();
    let grant = world.grant_of(id);
    let before = world.state.live().next().unwrap().validity.ends();
    let extend = |world: &mut World, by: Span, reason: Option<&str>| {
        let command = Command::Extend { actor: actor("alice"), id: None, by, reason: reason.map(str::to_owned) };
        world.command(command).map(|reply| match reply {
            Reply::Request(id) => id,
            other => panic!("{other:?}"),
        })
    };
    assert!(matches!(extend(&mut world, hours(2), Some("INC-2")), Err(Refusal::TooLong { .. })));
    assert!(matches!(extend(&mut world, hours(1), None), Err(Refusal::ReasonMissing { .. })));
    let longer = extend(&mut world, hours(1), Some("INC-2")).unwrap();
    assert!(matches!(extend(&mut world, hours(1), Some("INC-2")), Err(Refusal::AlreadyPending { .. })));
    assert!(world.approve("alice-adm", longer).is_err(), "nobody approves their own");
    world.approve("carol", longer).unwrap();
    let after = world.state.live().next().unwrap().validity.ends();
    assert_eq!(after.wall, before.wall.plus(hours(1)));
    assert!(matches!(extend(&mut world, hours(1), Some("INC-3")), Err(Refusal::ExtendedEnough { .. })));
    assert_eq!(world.outcome(longer), "granted");
    assert_eq!(world.grant_word(grant), "active");
    // One that comes too late is said to.
    let mut late = self::world();
    let id = late.request("alice").unwrap();
    late.approve("carol", id).unwrap();
    let over = late.grant_of(id);
    let longer = extend(&mut late, hours(1), Some("INC-2")).unwrap();
    late.pass(Span::from_secs(1801));
    assert_eq!(late.outcome(longer), "lapsed", "it waits no longer than the grant lives");
    let again = |who: &str| Command::Extend { actor: actor(who), id: Some(over), by: hours(1), reason: Some("INC-3".to_owned()) };
    assert_eq!(late.command(again("alice")).err(), Some(Refusal::Over { id: over, word: "expired" }));
    assert_eq!(late.command(again("bob")).err(), Some(Refusal::NoSuch { what: over.to_string() }), "which is not bob's to know");
}

#[test]
fn a_request_to_make_a_grant_longer_lapses_with_it_however_it_ends_and_the_same_can_be_asked_for_anew() {
    type End = fn(&mut World, GrantId);
    let ends: [(&str, End); 4] = [
        ("dropped", |world, grant| world.command(Command::Drop(actor("alice"), Some(grant))).map(drop).unwrap()),
        ("revoked", |world, grant| world.revoke("carol", grant).unwrap()),
        ("used-up", |world, _| {
            let (session, _) = world.open(entry("alice", "sudo", Some("root")), 7).unwrap();
            world.command(Command::Close(session)).map(drop).unwrap();
        }),
        ("expired", |world, _| world.pass(Span::from_secs(1801))),
    ];
    for (word, end) in ends {
        let mut world = world();
        let id = world.request_of(&actor("alice"), Wish { uses: Some(1), ..wish() }).unwrap();
        world.approve("carol", id).unwrap();
        let grant = world.grant_of(id);
        let command = Command::Extend { actor: actor("alice"), id: None, by: hours(1), reason: Some("INC-2".to_owned()) };
        let Ok(Reply::Request(longer)) = world.command(command) else { panic!("it may be made longer") };
        let begin = world.log.len();
        end(&mut world, grant);
        assert_eq!((world.grant_word(grant), world.outcome(longer)), (word, "lapsed"));
        assert_eq!(names(&world)[begin..].iter().filter(|name| **name == "request.lapsed").count(), 1, "said once: {word}");
        assert!(world.request("alice").is_ok(), "nothing stands in the way of a new one: {word}");
    }
}

#[test]
fn a_deny_beats_a_live_grant_and_is_said_by_its_name() {
    let mut world = world();
    let id = world.request_of(&actor("bob"), Wish { run_as: RunAs::as_typed("postgres"), ..wish() });
    assert_eq!(id, Err(Refusal::Forbidden { rule: RuleName::new("not-postgres"), unknown: None }));
    world.policy.as_mut().unwrap().denies = crate::policy::Rules::default();
    let id = world.request_of(&actor("bob"), Wish { run_as: RunAs::as_typed("postgres"), ..wish() }).unwrap();
    world.approve("carol", id).unwrap();
    assert!(world.lets_in("bob", "sudo", Some("postgres")));
    world.policy = super::fixture::World::with(POLICY).policy;
    assert!(!world.lets_in("bob", "sudo", Some("postgres")));
    assert!(world.denial("bob", "sudo", Some("postgres")).contains("rule not-postgres forbids sudo to bob"));
}

#[test]
fn what_is_not_known_matches_a_deny_and_nothing_else() {
    let text = "version = 1\n[[grant]]\nname = \"in\"\nwho = [\"any\"]\non = [\"sshd\"]\napprove = []\nstarts = \"login\"\n\
                [[deny]]\nname = \"d\"\nwho = [\"group:contractors\"]\non = [\"sshd\"]\nfrom = [\"10.0.0.0/8\"]\n";
    let world = World::with(text);
    let mut unknown = entry("carol", "sshd", Some("carol"));
    assert!(matches!(world.check(&unknown), super::Admission::Rule(_)), "carol is no contractor");
    unknown.subject.groups = crate::subject::Groups::unknown();
    unknown.remote = crate::subject::Remote::Unknown;
    assert!(matches!(world.check(&unknown), super::Admission::Denied(_)), "she may be one, and may come from there");
    assert_eq!(subject("carol").name.as_str(), "carol");
}

#[test]
fn a_grant_that_is_no_good_from_where_they_are_is_in_the_way_of_no_other() {
    let oncall = "[[emergency]]\nname = \"oncall\"\nwho = [\"group:ops\"]\non = [\"sshd\"]\nlimit = { times = 3, per = \"7d\" }\n\
        review = { by = [\"group:leads\"], within = \"24h\" }\n";
    let ssh = || Wish { service: Service::new("sshd"), run_as: RunAs::Oneself, ..wish() };
    let from = |address: &str| Actor { remote: crate::subject::Remote::from_address(address.parse().ok()), ..actor("alice") };
    let mut world = World::with(&format!("{}{oncall}", super::fixture::POLICY));
    let id = world.request_of(&from("10.1.2.3"), ssh()).unwrap();
    world.approve("carol", id).unwrap();
    world.approve("erin", id).unwrap();
    let held = Err(Refusal::AlreadyHeld { id: world.grant_of(id) });
    assert_eq!(world.request_of(&from("10.1.2.3"), ssh()), held);
    assert_eq!(world.request_of(&actor("alice"), ssh()), held, "who knows from where she will come");
    let take = |world: &mut World, actor: Actor| world.command(Command::Emergency(actor, ssh())).map(drop);
    assert_eq!(take(&mut world, from("10.1.2.3")).map(|()| id), held);
    // At home, and on no host of ours: what she holds lets her in nowhere.
    let again = world.request_of(&from("192.0.2.1"), ssh()).unwrap();
    let _ = world.command(Command::Cancel(actor("alice"), Some(again))).unwrap();
    assert_eq!(take(&mut world, from("192.0.2.1")), Ok(()));
    assert!(matches!(take(&mut world, actor("alice")), Err(Refusal::AlreadyHeld { .. })), "one emergency is enough");
}

#[test]
fn reasons_and_uses_are_what_the_rule_asks_for() {
    let mut world = World::with(&POLICY.replacen("approve =", "uses = { max = 5 }\napprove =", 1));
    let reason = |text: &str| Wish { reason: Some(text.to_owned()), ..wish() };
    assert!(matches!(world.request_of(&actor("alice"), reason("just because")), Err(Refusal::ReasonPattern { .. })));
    assert!(matches!(world.request_of(&actor("alice"), Wish { uses: Some(6), ..wish() }), Err(Refusal::TooManyUses { most: 5, .. })));
    let id = world.request("alice").unwrap();
    world.approve("carol", id).unwrap();
    let grant = world.state.live().next().unwrap();
    assert_eq!(grant.terms.common.max_uses, Some(5), "uses are counted where the rule has a maximum");
}

#[test]
fn replayed_events_make_the_same_emergencies_and_approvals() {
    let mut world = world();
    let first = emergency(&mut world, "alice").unwrap();
    let id = world.request("bob").unwrap();
    world.approve("carol", id).unwrap();
    world.pass(hours(25));
    review(&mut world, "carol", first).unwrap();
    let replayed = world.replayed();
    assert_eq!(replayed.emergencies().collect::<Vec<_>>(), world.state.emergencies().collect::<Vec<_>>());
    assert_eq!(replayed.bases_of(&subject("bob")).collect::<Vec<_>>(), world.state.bases_of(&subject("bob")).collect::<Vec<_>>());
    assert_eq!(replayed.next_deadline_in(world.now), world.state.next_deadline_in(world.now));
}

#[test]
fn a_request_keeps_the_rule_that_it_was_made_under_and_a_live_grant_stays() {
    let mut world = world();
    let (first, second) = (world.request("alice").unwrap(), world.request("bob").unwrap());
    world.approve("carol", first).unwrap();
    let nobody = POLICY.replace("who = [\"group:ops\"]", "who = [\"user:nobody\"]").replace("group:leads\"] } ]", "user:nobody\"] } ]");
    world.policy = World::with(&nobody).policy;
    assert!(world.lets_in("alice", "sudo", Some("root")), "what was given stays");
    assert!(world.request_of(&actor("alice"), Wish { run_as: RunAs::as_typed("postgres"), ..wish() }).is_err());
    assert_eq!(world.approve("carol", second), Ok(()), "who may approve it is what its rule said then");
    assert!(world.lets_in("bob", "sudo", Some("root")));
}

#[test]
fn of_two_approvers_at_the_same_moment_one_decides_and_the_other_is_told() {
    let mut world = world();
    let id = world.request("alice").unwrap();
    assert_eq!(world.approve("carol", id), Ok(()));
    let by = vec!["carol".to_owned()];
    assert_eq!(world.approve("dave", id), Err(Refusal::Decided { id, word: "granted", by }));
}

#[test]
fn somebody_who_may_only_take_an_emergency_is_told_so() {
    let grant = POLICY.find("[[emergency]]").unwrap();
    let world = World::with(&format!("version = 1\n{}", &POLICY[grant..]));
    let said = world.denial("alice", "sudo", Some("root"));
    assert_eq!(said, "jit: no grant for sudo. In an emergency: jit emergency sudo --reason \"...\". D-7F3KQ2ZD");
}

#[test]
fn that_a_standing_exemption_ends_is_said_each_day_of_its_last_thirty_and_after_it() {
    let mut world = World::with(&format!(
        "{POLICY}[[legacy]]\nname = \"backup\"\nwho = [\"user:postgres\"]\non = [\"sshd\"]\nowner = \"user:carol\"\nreason = \"cron\"\nuntil = 2026-12-31\n"
    ));
    let said = |world: &World| {
        let days = world.log.iter().filter_map(|(_, event)| match event {
            Event::OptoutStale(stale) => Some(stale.days_left),
            _ => None,
        });
        days.collect::<Vec<_>>()
    };
    let is_due = |world: &World| super::has_stale(&world.state, world.policy.as_ref(), world.now);
    let moment = Span::from_millis(1);
    let ends = WallTime::parse("2027-01-01T00:00:00Z").unwrap();
    let is_due_at = |world: &World, at: WallTime| super::has_stale(&world.state, world.policy.as_ref(), Now { wall: at, ..world.now });
    assert!(is_due_at(&world, ends.minus(super::end::STALE)) && !is_due_at(&world, ends.minus(super::end::STALE).minus(moment)));
    world.pass(world.now.wall.until(ends.minus(super::end::STALE)));
    assert_eq!(said(&world), [30], "a month before its end");
    let mut early = World::with(POLICY);
    early.policy = world.policy.clone();
    early.pass(early.now.wall.until(ends.minus(super::end::STALE).minus(moment)));
    assert_eq!((said(&early), is_due(&early)), (vec![], false), "and not a moment earlier");
    early.pass(moment);
    assert_eq!(said(&early), [30]);
    assert!(!is_due(&world), "it was said just now");
    world.pass(Span::from_millis(86_400_000 - 1));
    assert_eq!((said(&world), is_due(&world)), (vec![30], false));
    world.pass(moment);
    assert_eq!(said(&world), [30, 29]);
    world.step_wall(-7 * 86_400);
    assert_eq!(said(&world), [30, 29], "too early again");
    world.step_wall(6 * 86_400 + 3600);
    assert_eq!(said(&world), [30, 29, 29], "a clock that was set back hides nothing");
    assert!(!is_due(&world));
    world.pass(world.now.wall.until(ends.plus(hours(36))));
    assert_eq!(said(&world).last(), Some(&-2), "nor does its end");
    world.policy = None;
    world.pass(hours(24));
    assert!(!is_due(&world), "without a policy there is none");
}

#[test]
fn a_standing_exemption_that_has_ended_is_not_opened_again_by_a_clock_that_falls_back() {
    let day = 86_400;
    let mut world = World::new();
    let backup = |world: &World| world.lets_in("postgres", "sshd", Some("postgres"));
    let ends = WallTime::parse("2027-01-01T00:00:00Z").unwrap();
    let said = |world: &World| {
        let said = world.log.iter().rev().find_map(|(_, event)| match event {
            Event::OptoutStale(stale) => Some((stale.days_left, stale.over)),
            _ => None,
        });
        said.unwrap()
    };
    // A clock that was ahead for an hour, as some are after a start.
    world.step_wall(400 * day);
    assert_eq!((backup(&world), said(&world).1), (false, 1));
    world.pass(hours(1));
    world.step_wall(-400 * day);
    assert!(backup(&world), "it was said once only that it is over");
    assert_eq!(said(&world), (38, 0), "and by a clock that is right again it is not");
    world.pass(world.now.wall.until(ends.minus(hours(1))));
    assert_eq!((backup(&world), said(&world)), (true, (0, 0)));
    for (passed, over) in [(24, (-1, 1)), (24, (-2, 2))] {
        world.pass(hours(passed));
        assert_eq!((backup(&world), said(&world)), (false, over));
    }
    world.step_wall(-60 * day);
    assert!(!backup(&world), "it was over before the clock was set");
    assert_eq!(said(&world), (-1, 3), "and that is said with each day");
    world.pass(hours(24));
    assert_eq!((backup(&world), said(&world)), (false, (-1, 4)));
    world.state = world.replayed();
    assert!(!backup(&world));
    let other = super::fixture::POLICY.replace("until = 2026-12-31", "until = 2027-01-31");
    world.policy = World::with(&other).policy;
    assert!(backup(&world), "another date opens it");
}

#[test]
fn clocks_that_are_ahead_again_and_again_close_no_standing_exemption() {
    let day = 86_400;
    let mut world = World::new();
    let backup = |world: &World| world.lets_in("postgres", "sshd", Some("postgres"));
    let over = |world: &World| {
        world.log.iter().rev().find_map(|(_, event)| if let Event::OptoutStale(stale) = event { Some(stale.over) } else { None })
    };
    // At each start the clock is where it stops without a battery, until the network's time comes.
    for boot in 2..5 {
        boots(&mut world, boot, 400 * day);
        assert_eq!((backup(&world), over(&world)), (false, Some(1)));
        world.step_wall(-day);
        assert_eq!((backup(&world), over(&world)), (false, Some(1)), "two moments in which it is wrong are no two days");
        world.step_wall(-399 * day);
        assert_eq!(
            (backup(&world), over(&world)),
            (true, Some(1)),
            "once closes nothing, and a clock that has just been set may be behind"
        );
        world.pass(hours(1));
        assert_eq!((backup(&world), over(&world)), (true, Some(0)));
        world.pass(hours(5 * 24));
    }
    assert!(backup(&world));
    world.state = world.replayed();
    assert!(backup(&world));
}

#[test]
fn clocks_that_are_behind_at_each_start_open_no_standing_exemption_for_good() {
    let day = 86_400;
    let ends = WallTime::parse("2027-01-01T00:00:00Z").unwrap();
    // Far from its end, and so near to it that this is said each day.
    for behind in [300 * day, 10 * day] {
        let mut world = World::new();
        let backup = |world: &World| world.lets_in("postgres", "sshd", Some("postgres"));
        let over = |world: &World| {
            world.log.iter().rev().find_map(|(_, event)| if let Event::OptoutStale(stale) = event { Some(stale.over) } else { None })
        };
        world.pass(world.now.wall.until(ends.plus(hours(1))));
        assert_eq!((backup(&world), over(&world)), (false, Some(1)));
        boots(&mut world, 2, -behind);
        assert!(backup(&world), "it was said once only that it is over");
        world.pass(Span::from_secs(60));
        assert_eq!(over(&world), Some(1), "and a clock that is not right yet does not take it back");
        world.step_wall(behind);
        world.pass(hours(24));
        assert_eq!((backup(&world), over(&world)), (false, Some(2)));
        boots(&mut world, 3, -behind);
        assert!(!backup(&world));
        world.pass(hours(24));
        assert!(!backup(&world), "however long it is so");
    }
}

/// The machine starts, with a clock that is so many seconds off from the one before.
fn boots(world: &mut World, boot: u32, by_s: i64) {
    let wall = WallTime::from_millis(world.now.wall.as_millis() + by_s * 1000);
    world.now = Now { wall, boot: BootTime::from_millis(10_000) };
    world.start(&format!("boot-{boot}"));
    world.pass(Span::from_secs(1));
}
