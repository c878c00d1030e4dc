//! What is not done, for whom, and what they are told.

use super::fixture::{World, actor, entry, subject, wish};
use super::{Command, Grace, LONGEST_NOTE, MOST_PENDING, Reply, Target, Wish};
use crate::actor::{Actor, LoginUid};
use crate::id::{GrantId, RequestId};
use crate::name::{RuleName, RunAs, Service, UserName};
use crate::optout::Verdict;
use crate::refusal::Refusal;
use crate::span::Span;
use crate::subject::Groups;

pub(super) const POLICY: &str = r#"
version = 1
auditors = ["user:erin"]
[[grant]]
name = "ops-root"
who = ["group:ops"]
on = ["sudo"]
as = ["root", "postgres", "mail"]
approve = [ { by = ["group:leads"] } ]
reason = { min = 5 }
extend = { times = 2, max = "1h" }
[[grant]]
name = "ops-su"
who = ["group:ops"]
on = ["su"]
approve = []
extend = { times = 1, max = "1h" }
[[grant]]
name = "leads-later"
who = ["group:leads"]
on = ["su"]
approve = [ { by = ["group:managers"] } ]
starts = "first-use"
extend = { times = 1, max = "1h" }
[[emergency]]
name = "oncall"
who = ["group:ops"]
on = ["sudo"]
limit = { times = 3, per = "7d" }
review = { by = ["group:leads"], within = "24h" }
"#;
pub(super) const MINUTE: Span = Span::from_secs(60);

fn su() -> Wish {
    Wish { service: Service::new("su"), ..wish() }
}

pub(super) fn as_user(name: &str) -> Wish {
    Wish { run_as: RunAs::as_typed(name), ..wish() }
}

fn unreadable(name: &str) -> Actor {
    Actor { login: LoginUid::Unreadable, ..actor(name) }
}

fn of_unknown_groups(name: &str) -> Actor {
    let mut actor = actor(name);
    actor.subject.groups = Groups::unknown();
    actor
}

pub(super) fn held(world: &mut World, wish: Wish) -> GrantId {
    let id = world.request_of(&actor("alice"), wish).unwrap();
    if world.outcome(id) == "pending" {
        world.approve("carol", id).unwrap();
    }
    world.grant_of(id)
}

fn emergency(world: &mut World) -> GrantId {
    match world.command(Command::Emergency(actor("alice"), wish())).unwrap() {
        Reply::Grants(ids) => ids[0],
        other => panic!("{other:?}"),
    }
}

fn approve(who: Actor, id: RequestId, note: Option<&str>) -> Command {
    Command::Approve { actor: who, id, shorten: None, note: note.map(str::to_owned) }
}

fn deny(who: &str, id: RequestId, note: Option<&str>) -> Command {
    Command::Deny { actor: actor(who), id, note: note.map(str::to_owned) }
}

fn extend(who: Actor, id: Option<GrantId>) -> Command {
    Command::Extend { actor: who, id, by: MINUTE, reason: Some("longer".to_owned()) }
}

fn review(who: Actor, id: GrantId, note: Option<String>) -> Command {
    Command::Review { actor: who, id, verdict: Verdict::Fine, note }
}

fn revoke(who: &str, id: GrantId, note: Option<String>) -> Command {
    Command::Revoke { actor: actor(who), target: Target::Grant(id), note, grace: Grace::Some }
}

/// What a command that is refused says.
pub(super) fn refused(world: &mut World, command: Command) -> Refusal {
    let before = world.log.len();
    let refusal = world.command(command).unwrap_err();
    assert_eq!(world.log.len(), before, "nothing comes of it");
    refusal
}

#[test]
fn without_a_policy_nothing_is_asked_given_or_decided_and_everything_can_be_taken_away() {
    let mut world = World::with(POLICY);
    let grant = held(&mut world, as_user("mail"));
    let taken = emergency(&mut world);
    let id = world.request_of(&actor("bob"), wish()).unwrap();
    world.policy = None;
    for command in [
        Command::Request(actor("alice"), as_user("postgres")),
        Command::GrantTo(actor("carol"), subject("alice"), as_user("postgres")),
        Command::Emergency(actor("bob"), as_user("postgres")),
        review(actor("carol"), taken, None),
        extend(actor("alice"), Some(grant)),
        approve(actor("carol"), id, None),
        deny("carol", id, Some("no")),
    ] {
        assert_eq!(refused(&mut world, command), Refusal::NoPolicy);
    }
    assert!(world.command(Command::Cancel(actor("bob"), Some(id))).is_ok());
    assert!(world.command(revoke("carol", grant, None)).is_ok());
    assert!(world.command(Command::Drop(actor("alice"), Some(taken))).is_ok());
}

#[test]
fn of_whom_it_cannot_be_told_who_they_are_nothing_is_taken_that_rests_on_it() {
    let mut world = World::with(POLICY);
    let grant = held(&mut world, as_user("mail"));
    let taken = emergency(&mut world);
    let id = world.request_of(&actor("bob"), wish()).unwrap();
    for command in [
        Command::Request(unreadable("alice"), as_user("postgres")),
        Command::GrantTo(unreadable("carol"), subject("alice"), as_user("postgres")),
        Command::Emergency(unreadable("bob"), wish()),
        review(unreadable("carol"), taken, None),
        extend(unreadable("alice"), Some(grant)),
        approve(unreadable("carol"), id, None),
    ] {
        assert_eq!(refused(&mut world, command), Refusal::Unreadable);
    }
}

#[test]
fn whose_groups_are_not_known_gives_and_reviews_nothing() {
    let mut world = World::with(&POLICY.replace("[\"user:erin\"]", "[\"user:carol\"]"));
    let id = world.request("alice").unwrap();
    let taken = emergency(&mut world);
    let unknown = Refusal::GroupsUnknown { user: UserName::new("carol") };
    assert_eq!(refused(&mut world, approve(of_unknown_groups("carol"), id, None)), unknown);
    assert_eq!(refused(&mut world, review(of_unknown_groups("carol"), taken, None)), unknown);
    assert_eq!(refused(&mut world, Command::GrantTo(of_unknown_groups("carol"), subject("bob"), wish())), unknown);
    let unknown = Refusal::GroupsUnknown { user: UserName::new("bob") };
    assert_eq!(refused(&mut world, Command::Request(of_unknown_groups("bob"), wish())), unknown);
    assert_eq!(refused(&mut world, Command::Emergency(of_unknown_groups("bob"), wish())), unknown);
}

#[test]
fn a_note_has_a_thousand_characters_at_most_and_an_empty_one_is_none() {
    let mut world = World::with(POLICY);
    let longest = "é".repeat(1000);
    let too_long = format!("{longest}é");
    let refusal = Refusal::NoteLong { most: LONGEST_NOTE };
    let taken = emergency(&mut world);
    let id = world.request_of(&actor("bob"), wish()).unwrap();
    assert_eq!(refused(&mut world, approve(actor("carol"), id, Some(&too_long))), refusal);
    assert_eq!(refused(&mut world, deny("carol", id, Some(&too_long))), refusal);
    assert_eq!(refused(&mut world, deny("carol", id, Some(" \n "))), Refusal::NoteMissing);
    assert_eq!(refused(&mut world, revoke("carol", taken, Some(too_long.clone()))), refusal);
    assert_eq!(refused(&mut world, review(actor("carol"), taken, Some(too_long))), refusal);
    assert!(world.command(review(actor("carol"), taken, Some(longest.clone()))).is_ok());
    assert!(world.command(deny("carol", id, Some(&longest))).is_ok());
}

#[test]
fn who_sees_a_request_and_may_not_decide_it_is_told_who_may_and_root_may_always_deny() {
    let mut world = World::with(POLICY);
    let id = world.request("alice").unwrap();
    let leads = Refusal::NotApprover { id: Some(id), approvers: vec!["group:leads".to_owned()] };
    for who in ["alice", "erin"] {
        assert_eq!(refused(&mut world, deny(who, id, Some("no"))), leads, "{who} denies");
    }
    for who in ["erin", "root"] {
        assert_eq!(refused(&mut world, approve(actor(who), id, None)), leads, "{who} approves");
    }
    assert!(world.command(deny("root", id, Some("not today"))).is_ok());
    assert_eq!(world.outcome(id), "denied");
}

#[test]
fn who_comes_too_late_is_told_how_it_was_decided_and_by_whom() {
    let mut world = World::with(POLICY);
    let decided = |id, word, by: &[&str]| Refusal::Decided { id, word, by: by.iter().map(|name| (*name).to_owned()).collect() };
    let denied = world.request("alice").unwrap();
    world.command(deny("carol", denied, Some("no"))).map(drop).unwrap();
    assert_eq!(refused(&mut world, approve(actor("dave"), denied, None)), decided(denied, "denied", &["carol"]));
    let cancelled = world.request("alice").unwrap();
    world.command(Command::Cancel(actor("alice"), None)).map(drop).unwrap();
    assert_eq!(refused(&mut world, approve(actor("dave"), cancelled, None)), decided(cancelled, "cancelled", &["alice"]));
    let lapsed = world.request("alice").unwrap();
    world.pass(Span::from_secs(3600));
    assert_eq!(refused(&mut world, approve(actor("dave"), lapsed, None)), decided(lapsed, "lapsed", &[]));
    assert_eq!(refused(&mut world, Command::Cancel(actor("alice"), Some(lapsed))), decided(lapsed, "lapsed", &[]));
}

#[test]
fn an_approver_may_give_all_that_was_asked_for_and_not_a_second_more() {
    let mut world = World::with(POLICY);
    let id = world.request_of(&actor("alice"), Wish { wanted: Some(MINUTE), ..wish() }).unwrap();
    let by = |secs: u64| Command::Approve { actor: actor("carol"), id, shorten: Some(Span::from_secs(secs)), note: None };
    assert_eq!(refused(&mut world, by(61)), Refusal::NotLonger { id, longest: MINUTE });
    assert!(world.command(by(60)).is_ok());
    assert_eq!(world.outcome(id), "granted");
}

#[test]
fn who_has_several_names_one_and_who_has_none_is_told_so() {
    let mut world = World::with(POLICY);
    let none = |what| Refusal::NoneOfYours { what };
    assert_eq!(refused(&mut world, Command::Cancel(actor("alice"), None)), none("request that waits"));
    assert_eq!(refused(&mut world, Command::Drop(actor("alice"), None)), none("grant"));
    assert_eq!(refused(&mut world, extend(actor("alice"), None)), none("grant"));
    let waiting: Vec<_> = ["root", "mail"].map(|name| world.request_of(&actor("alice"), as_user(name)).unwrap()).into();
    let ids = waiting.iter().map(ToString::to_string).collect();
    assert_eq!(refused(&mut world, Command::Cancel(actor("alice"), None)), Refusal::NameOne { what: "request", ids });
    let grants: Vec<_> = waiting.into_iter().map(|id| world.approve("carol", id).map(|()| world.grant_of(id)).unwrap()).collect();
    let one = Refusal::NameOne { what: "grant", ids: grants.iter().map(ToString::to_string).collect() };
    assert_eq!(refused(&mut world, Command::Drop(actor("alice"), None)), one);
    assert_eq!(refused(&mut world, extend(actor("alice"), None)), one);
    assert!(world.command(extend(actor("alice"), Some(grants[1]))).is_ok(), "by its id");
    assert!(world.command(Command::Drop(actor("alice"), Some(grants[1]))).is_ok());
    assert_eq!([world.grant_word(grants[0]), world.grant_word(grants[1])], ["active", "dropped"]);
}

#[test]
fn nobody_drops_or_extends_what_is_anothers_and_a_stranger_does_not_learn_of_it() {
    let mut world = World::with(POLICY);
    let grant = held(&mut world, wish());
    let no_such = Refusal::NoSuch { what: grant.to_string() };
    let drops = |who: &str| Command::Drop(actor(who), Some(grant));
    assert_eq!(refused(&mut world, drops("bob")), no_such);
    for who in ["carol", "root"] {
        assert_eq!(refused(&mut world, drops(who)), Refusal::OthersGrant { id: grant }, "{who}, who may revoke it");
    }
    let mut renamed = actor("alice");
    renamed.subject.name = UserName::new("alicia");
    let mut renumbered = actor("alice");
    renumbered.subject.uid = crate::name::Uid(4711);
    let others = [renamed, renumbered, actor("bob")];
    for other in others.clone() {
        assert_eq!(refused(&mut world, Command::Drop(other.clone(), Some(grant))), no_such);
        assert_eq!(refused(&mut world, extend(other, Some(grant))), no_such);
    }
    let request = world.state.grant(grant).unwrap().terms().request.unwrap();
    world.command(drops("alice")).map(drop).unwrap();
    for other in others {
        assert_eq!(refused(&mut world, Command::Drop(other.clone(), Some(grant))), no_such);
        assert_eq!(refused(&mut world, Command::Cancel(other, Some(request))), Refusal::NoSuch { what: request.to_string() });
    }
    assert_eq!(refused(&mut world, drops("alice")), Refusal::Over { id: grant, word: "dropped" });
    assert_eq!(refused(&mut world, drops("carol")), no_such, "and of one that is over neither does anybody else");
}

#[test]
fn what_was_asked_to_be_longer_and_is_over_by_then_is_not_longer() {
    let mut world = World::with(POLICY);
    let asked = |world: &mut World| {
        let grant = held(world, wish());
        match world.command(extend(actor("alice"), None)).unwrap() {
            Reply::Request(id) => (grant, id),
            other => panic!("{other:?}"),
        }
    };
    let (grant, id) = asked(&mut world);
    let again = refused(&mut world, extend(actor("alice"), None));
    assert_eq!(again, Refusal::AlreadyPending { id });
    world.command(Command::Drop(actor("alice"), None)).map(drop).unwrap();
    assert_eq!(
        refused(&mut world, approve(actor("carol"), id, None)),
        Refusal::Decided { id, word: "lapsed", by: Vec::new() },
        "it lapsed with {grant}"
    );
    let (grant, id) = asked(&mut world);
    let ends = Span::from_secs(1800);
    world.now = crate::time::Now { wall: world.now.wall.plus(ends), boot: world.now.boot.plus(ends) };
    assert_eq!(
        refused(&mut world, approve(actor("carol"), id, None)),
        Refusal::Over { id: grant, word: "expired" },
        "in the moment of its end, of which nothing is recorded yet"
    );
}

#[test]
fn a_grant_is_made_longer_only_once_it_runs_as_its_rule_says_and_while_nothing_forbids_it() {
    let mut world = World::with(POLICY);
    let later = world.request_of(&actor("carol"), su()).unwrap();
    world.approve("erin", later).unwrap();
    let waiting = world.grant_of(later);
    assert_eq!(refused(&mut world, extend(actor("carol"), None)), Refusal::NotStarted { id: waiting });
    let taken = emergency(&mut world);
    let rule = RuleName::new("oncall");
    assert_eq!(refused(&mut world, extend(actor("alice"), None)), Refusal::NotExtensible { id: taken, rule });
    let grant = held(&mut world, su());
    let by = |by| Command::Extend { actor: actor("alice"), id: Some(grant), by, reason: Some("longer".to_owned()) };
    let hour = Span::from_secs(3600);
    let too_long = Refusal::TooLong { longest: hour, rule: RuleName::new("ops-su") };
    assert_eq!(refused(&mut world, by(Span::from_millis(3_600_001))), too_long);
    let silent = Command::Extend { actor: actor("alice"), id: Some(grant), by: hour, reason: None };
    assert!(matches!(refused(&mut world, silent), Refusal::ReasonMissing { .. }));
    let forbidden = format!("{POLICY}[[deny]]\nname = \"no-su\"\nwho = [\"user:alice\"]\non = [\"su\"]\n");
    let allowed = std::mem::replace(&mut world.policy, World::with(&forbidden).policy);
    assert_eq!(refused(&mut world, by(hour)), Refusal::Forbidden { rule: RuleName::new("no-su"), unknown: None });
    world.policy = allowed;
    assert!(world.command(by(hour)).is_ok());
    assert_eq!(refused(&mut world, by(hour)), Refusal::ExtendedEnough { id: grant, times: 1 });
}

#[test]
fn what_cannot_be_meant_is_refused_before_any_rule_is_asked() {
    let mut world = World::with(POLICY);
    let request = |wish| Command::Request(actor("alice"), wish);
    assert_eq!(refused(&mut world, request(Wish { uses: Some(0), ..wish() })), Refusal::OddUses);
    assert_eq!(refused(&mut world, Command::Emergency(actor("alice"), Wish { uses: Some(0), ..wish() })), Refusal::OddUses);
    let month = Span::from_secs(30 * 86_400);
    let odd = Refusal::OddStart { farthest: month };
    let now = world.now.wall;
    let minute = Span::from_secs(60);
    for start in [now.minus(minute).minus(Span::from_millis(1)), now.plus(month).plus(Span::from_millis(1))] {
        assert_eq!(refused(&mut world, request(Wish { start: Some(start), ..wish() })), odd, "{start}");
    }
    for start in [now.minus(minute), now.minus(Span::from_millis(1)), now, now.plus(month)] {
        assert!(world.command(request(Wish { start: Some(start), ..wish() })).is_ok(), "{start}");
        let filed = world.state.pending().next().unwrap().ask.start.map(|start| start.wall);
        assert_eq!(filed, Some(start).filter(|start| *start > now), "what is just over begins now");
        world.command(Command::Cancel(actor("alice"), None)).map(drop).unwrap();
    }
    let short = Wish { reason: Some(" oops \n".to_owned()), ..wish() };
    assert_eq!(refused(&mut world, request(short)), Refusal::ReasonShort { rule: RuleName::new("ops-root"), min: 5 });
    assert!(world.command(request(Wish { reason: Some(" fives ".to_owned()), ..wish() })).is_ok());
}

#[test]
fn ten_requests_wait_of_one_user_and_no_eleventh_whoever_files_it() {
    let names: Vec<_> = (0..=MOST_PENDING).map(|number| format!("user-{number}")).collect();
    let quoted: Vec<_> = names.iter().map(|name| format!("\"{name}\"")).collect();
    let listed = format!("[{}]", quoted.join(", "));
    let mut world = World::with(&POLICY.replace("[\"root\", \"postgres\", \"mail\"]", &listed));
    for name in &names[..MOST_PENDING] {
        assert!(world.request_of(&actor("alice"), as_user(name)).is_ok(), "{name}");
    }
    let most = Refusal::TooManyPending { most: MOST_PENDING };
    assert_eq!(refused(&mut world, Command::Request(actor("alice"), as_user(&names[MOST_PENDING]))), most);
    assert_eq!(refused(&mut world, Command::GrantTo(actor("carol"), subject("alice"), as_user(&names[MOST_PENDING]))), most);
    assert!(world.request_of(&actor("bob"), as_user(&names[0])).is_ok(), "each has ten of their own");
}

#[test]
fn who_may_not_review_is_told_who_may() {
    let mut world = World::with(POLICY);
    let taken = emergency(&mut world);
    let leads = Refusal::NotReviewer { id: taken, by: "group leads".to_owned() };
    for who in ["alice", "erin"] {
        assert_eq!(refused(&mut world, review(actor(who), taken, None)), leads, "{who}");
    }
    assert_eq!(refused(&mut world, Command::Emergency(actor("alice"), wish())), Refusal::AlreadyHeld { id: taken });
}

#[test]
fn a_session_of_somebody_who_does_not_say_as_whom_is_not_opened() {
    let mut world = World::with(POLICY);
    held(&mut world, wish());
    assert!(world.lets_in("alice", "sudo", None), "while sudo asks for the account it is not known yet");
    assert!(world.open(entry("alice", "sudo", None), 7).is_none());
    assert!(world.open(entry("alice", "sudo", Some("root")), 7).is_some());
}
