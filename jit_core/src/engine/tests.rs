use super::fixture::{POLICY, World, actor, entry, subject, wish};
use super::{Admission, Command, Grace, Target, Wish};
use crate::actor::{Actor, Ancestry, Behind, Humans, LoginUid};
use crate::event::Event;
use crate::name::{RunAs, Service, Uid, UserName};
use crate::refusal::Refusal;
use crate::session::Process;
use crate::span::Span;
use crate::subject::{Entry, Groups, Remote};
use crate::time::{BootTime, Now};

const MINUTE: Span = Span::from_secs(60);
const HOUR: Span = Span::from_secs(3600);

#[test]
fn a_user_is_refused_asks_is_approved_is_let_in_and_is_refused_again_when_it_ends() {
    let mut world = World::new();
    assert_eq!(
        world.denial("alice", "sudo", None),
        "jit: no grant for sudo. Ask: jit request sudo --reason \"...\". Approves: group leads. D-7F3KQ2ZD"
    );
    let id = world.request("alice").unwrap();
    assert!(!world.lets_in("alice", "sudo", None));
    world.approve("carol", id).unwrap();
    assert_eq!(world.outcome(id), "granted");
    assert!(world.lets_in("alice", "sudo", None));
    assert!(world.lets_in("alice", "sudo-i", Some("root")));
    world.pass(Span::from_secs(30 * 60 - 1));
    assert!(world.lets_in("alice", "sudo", None));
    world.pass(Span::from_secs(1));
    assert!(!world.lets_in("alice", "sudo", None));
    let names: Vec<_> = world.log.iter().map(|(_, event)| event.name()).collect();
    assert_eq!(names, ["daemon.started", "request.submitted", "request.approved", "request.granted", "grant.issued", "grant.expired"]);
}

#[test]
fn a_grant_is_for_one_account_one_service_and_one_run_as_user() {
    let mut world = World::new();
    let id = world.request("alice").unwrap();
    world.approve("carol", id).unwrap();
    assert!(!world.lets_in("bob", "sudo", None));
    assert!(!world.lets_in("alice", "su", Some("root")));
    assert!(!world.lets_in("alice", "sshd", Some("alice")));
    assert!(!world.lets_in("alice", "sudo", Some("postgres")));
    assert!(!world.lets_in("alice", "sudo", Some("alice")), "sudo -g is oneself, which the rule does not name");
    let mut renamed = entry("alice", "sudo", None);
    renamed.subject.name = UserName::new("alicia");
    assert!(matches!(world.check(&renamed), Admission::Denied(_)), "the same number, another name");
    let mut recycled = entry("alice", "sudo", None);
    recycled.subject.uid = Uid(2000);
    assert!(matches!(world.check(&recycled), Admission::Denied(_)), "the same name, another number");
}

#[test]
fn nobody_approves_their_own_request_in_whatever_clothes() {
    let mut world = World::new();
    let id = world.request("alice").unwrap();
    let own = Err(Refusal::Own { id: Some(id) });
    assert_eq!(world.approve("alice", id), own, "as herself");
    assert_eq!(world.approve("alice-adm", id), own, "by a second account of the same person");

    let mut by_sudo = actor("carol");
    by_sudo.login = LoginUid::Set(Uid(1001), Some(UserName::new("alice")));
    assert_eq!(world.approve_of(by_sudo, id), own, "sudo -u carol: the login uid is still hers");

    let mut unreadable = actor("carol");
    unreadable.ancestry = Ancestry::Unreadable;
    assert_eq!(world.approve_of(unreadable, id), Err(Refusal::Unreadable));
    let mut unreadable = actor("carol");
    unreadable.login = LoginUid::Unreadable;
    assert_eq!(world.approve_of(unreadable, id), Err(Refusal::Unreadable));
    assert_eq!(world.outcome(id), "pending");
}

#[test]
fn a_process_inside_a_session_acts_for_the_subject_of_the_session_too() {
    let mut world = World::new();
    let first = world.request("alice").unwrap();
    world.approve("carol", first).unwrap();
    let sudo = 4711;
    world.open(entry("alice", "sudo", Some("root")), sudo).unwrap();
    let second = world.request_of(&actor("alice"), Wish { run_as: RunAs::as_typed("postgres"), ..wish() }).unwrap();

    let mut inside = actor("carol");
    inside.login = LoginUid::Unset;
    inside.ancestry =
        Ancestry::Known(vec![Process { pid: 5000, started: 9 }, Process { pid: sudo, started: 1 }, Process { pid: 1, started: 0 }]);
    assert_eq!(world.approve_of(inside.clone(), second), Err(Refusal::Own { id: Some(second) }));

    inside.ancestry = Ancestry::Known(vec![Process { pid: 5000, started: 9 }, Process { pid: sudo, started: 2 }]);
    assert_eq!(world.approve_of(inside, second), Ok(()), "another process with the same number is somebody else");
}

#[test]
fn a_program_that_runs_as_an_approver_acts_for_its_caller_too() {
    let mut world = World::new();
    let id = world.request("alice").unwrap();
    let mut helper = actor("carol");
    helper.worn = Behind::Known(Humans::account(Uid(1001), UserName::new("alice")));
    assert_eq!(world.approve_of(helper.clone(), id), Err(Refusal::Own { id: Some(id) }));
    helper.worn = Behind::Anybody;
    assert!(world.approve_of(helper, id).is_err(), "what cannot be read may be anybody's");
    assert_eq!(world.approve("carol", id), Ok(()));
}

#[test]
fn whoever_acted_as_an_account_may_be_behind_it_until_its_own_log_in_stands_above_the_process() {
    let policy = super::fixture::POLICY.replace(r#"as = ["root", "postgres"]"#, r#"as = ["root", "dave"]"#);
    let mut world = World::with(&policy);
    let first = world.request_of(&actor("alice"), Wish { run_as: RunAs::as_typed("dave"), ..wish() }).unwrap();
    world.approve("carol", first).unwrap();
    let (session, _) = world.open(entry("alice", "sudo", Some("dave")), 4711).unwrap();
    let second = world.request("alice").unwrap();
    let own = Err(Refusal::Own { id: Some(second) });

    let mut detached = actor("dave");
    detached.ancestry = Ancestry::Known(vec![Process { pid: 6000, started: 9 }, Process { pid: 1, started: 0 }]);
    for login in [LoginUid::Unset, LoginUid::Set(Uid(1004), Some(UserName::new("dave")))] {
        detached.login = login;
        assert_eq!(world.approve_of(detached.clone(), second), own, "a login uid that is not set can be set by anybody");
    }
    let _ = world.command(Command::Close(session)).unwrap();
    assert_eq!(world.approve_of(detached.clone(), second), own, "the session is over, and what it left behind runs on");

    world.open(entry("dave", "sshd", Some("dave")), 5000).unwrap();
    detached.ancestry =
        Ancestry::Known(vec![Process { pid: 6000, started: 9 }, Process { pid: 5000, started: 1 }, Process { pid: 1, started: 0 }]);
    assert_eq!(world.approve_of(detached.clone(), second), Ok(()), "dave himself, by his own log-in, may");

    // A session of his as somebody else is no log-in of his own.
    let su = Wish { service: Service::new("su"), run_as: RunAs::as_typed("postgres"), ..wish() };
    world.request_of(&actor("dave"), su).unwrap();
    world.open(entry("dave", "su", Some("postgres")), 5001).unwrap();
    let _ = world.command(Command::Drop(actor("alice"), Some(world.grant_of(second)))).unwrap();
    let third = world.request("alice").unwrap();
    detached.ancestry = Ancestry::Known(vec![Process { pid: 5001, started: 1 }, Process { pid: 1, started: 0 }]);
    assert_eq!(world.approve_of(detached, third), Err(Refusal::Own { id: Some(third) }));
}

#[test]
fn whoever_acted_as_somebody_may_be_behind_whom_that_one_acted_as_and_no_sudo_of_ones_own_is_a_log_in() {
    let policy = super::fixture::POLICY.replace(r#"as = ["root", "postgres"]"#, r#"as = ["root", "bob", "dave", "self"]"#);
    let mut world = World::with(&policy);
    let mut acts_as = |who: &str, whom: &str, pid| {
        let id = world.request_of(&actor(who), Wish { run_as: RunAs::as_typed(whom), ..wish() }).unwrap();
        world.approve("carol", id).unwrap();
        world.open(entry(who, "sudo", Some(whom)), pid).unwrap();
    };
    acts_as("alice", "bob", 1);
    acts_as("bob", "dave", 2);
    let id = world.request("alice").unwrap();
    let mut dave = actor("dave");
    assert_eq!(world.approve_of(dave.clone(), id), Err(Refusal::Own { id: Some(id) }), "bob may be behind dave, and alice behind bob");
    // What leads from dave to dave says nothing of who began it.
    world.policy.as_mut().unwrap().grants = World::with(
        "version = 1\n[[grant]]\nname = \"x\"\nwho = [\"user:dave\"]\non = [\"sudo\", \"sshd\"]\nas = [\"self\"]\napprove = []\nstarts = \"login\"\n",
    )
    .policy
    .unwrap()
    .grants;
    let mut by = |service, pid| {
        world.open(entry("dave", service, Some("dave")), pid).unwrap();
        dave.ancestry = Ancestry::Known(vec![Process { pid, started: 1 }, Process { pid: 1, started: 0 }]);
        let Behind::Known(humans) = world.state.behind(&dave, world.policy.as_ref().unwrap()) else { panic!() };
        humans.names.contains(&UserName::new("alice"))
    };
    assert!(by("sudo", 5001));
    assert!(!by("sshd", 5002), "his own log-in does");
}

#[test]
fn whose_log_in_stands_above_a_process_is_themselves_whoever_acted_as_them_before() {
    let policy = super::fixture::POLICY.replace(r#"as = ["root", "postgres"]"#, r#"as = ["root", "alice", "dave"]"#);
    let login = "[[grant]]\nname = \"x\"\nwho = [\"user:alice\"]\non = [\"sshd\"]\napprove = []\nstarts = \"login\"\n";
    let mut world = World::with(&format!("{policy}{login}"));
    for (who, whom, pid) in [("bob", "alice", 1), ("alice", "dave", 2)] {
        let id = world.request_of(&actor(who), Wish { run_as: RunAs::as_typed(whom), ..wish() }).unwrap();
        world.approve("carol", id).unwrap();
        world.open(entry(who, "sudo", Some(whom)), pid).unwrap();
    }
    world.open(entry("alice", "sshd", Some("alice")), 3).unwrap();
    let mut dave = actor("dave");
    let mut behind = |above: &[u32]| {
        dave.ancestry = Ancestry::Known(above.iter().map(|pid| Process { pid: *pid, started: 1 }).collect());
        let Behind::Known(humans) = world.state.behind(&dave, world.policy.as_ref().unwrap()) else { panic!() };
        ["alice", "bob"].map(|name| humans.names.contains(&UserName::new(name)))
    };
    assert_eq!(behind(&[2, 1]), [true, true], "bob may be behind alice");
    assert_eq!(behind(&[2, 3]), [true, false], "alice has logged in herself");
}

#[test]
fn who_is_seen_behind_root_is_on_record_of_what_root_does_and_nobody_else_who_is_root() {
    let mut world = World::new();
    let [of_bob, of_alice] = ["bob", "alice"].map(|name| world.request(name).unwrap());
    for (pid, (id, name)) in (1..).zip([(of_bob, "bob"), (of_alice, "alice")]) {
        world.approve("carol", id).unwrap();
        world.open(entry(name, "sudo", Some("root")), pid).unwrap();
    }
    let mut root = actor("root");
    root.ancestry = Ancestry::Known(vec![Process { pid: 2, started: 1 }, Process { pid: 1000, started: 0 }]);
    let waits = world.request_of(&actor("bob"), Wish { run_as: RunAs::as_typed("postgres"), ..wish() }).unwrap();
    let deny = |actor: &Actor, id| Command::Deny { actor: actor.clone(), id, note: Some("no".to_owned()) };
    let revoke = |actor: &Actor, id| Command::Revoke { actor: actor.clone(), target: Target::Grant(id), note: None, grace: Grace::Some };
    let grants = [of_bob, of_alice].map(|id| world.grant_of(id));
    let _ = world.command(deny(&root, waits)).unwrap();
    let _ = world.command(revoke(&root, grants[0])).unwrap();
    let humans = |event: &Event| match event {
        Event::RequestDenied(event) => event.humans.clone(),
        Event::GrantRevoked(event) => event.humans.clone(),
        other => panic!("{other:?}"),
    };
    let mut alice = Humans::account(subject("root").uid, UserName::new("root"));
    alice.add(subject("alice").uid, &UserName::new("alice"));
    for (_, event) in &world.log[world.log.len() - 2..] {
        assert_eq!(humans(event), Some(alice.clone()), "{event:?}");
    }
    // What cannot be read is no reason to refuse.
    root.ancestry = Ancestry::Unreadable;
    let _ = world.command(revoke(&root, grants[1])).unwrap();
    assert_eq!(humans(&world.log.last().unwrap().1), None);
    assert_eq!(world.replayed(), world.state);
}

#[test]
fn nobody_grants_to_an_account_that_they_may_act_as_before_or_after_they_have() {
    let own = "[[grant]]\nname = \"own\"\nwho = [\"user:carol\"]\non = [\"sudo\"]\nas = [\"bob\"]\napprove = []\n";
    let grant_by = |world: &mut World, who| world.command(Command::GrantTo(actor(who), subject("bob"), wish())).map(drop);
    let mine = Err(Refusal::MayActAs { user: UserName::new("bob") });
    let mut world = World::with(&format!("{}{own}", super::fixture::POLICY));
    assert_eq!(grant_by(&mut world, "carol"), mine, "she could act as him whenever she likes");
    world.request_of(&actor("carol"), Wish { run_as: RunAs::as_typed("bob"), ..wish() }).unwrap();
    world.policy = World::new().policy;
    assert_eq!(grant_by(&mut world, "carol"), mine, "the rule is gone, and what it gave is not");
    let (session, held) = world.open(entry("carol", "sudo", Some("bob")), 1).unwrap();
    let _ = world.command(Command::Close(session)).unwrap();
    let _ = world.command(Command::Drop(actor("carol"), Some(held))).unwrap();
    assert_eq!(grant_by(&mut world, "carol"), mine, "she has been him, and may have left something running");
    assert_eq!(grant_by(&mut world, "dave"), Ok(()));
    let standing = own.replace("grant", "legacy").replace("approve = []", "owner = \"user:erin\"\nreason = \"x\"\nuntil = 2026-12-31");
    let mut world = World::with(&format!("{}{standing}", super::fixture::POLICY));
    assert_eq!(grant_by(&mut world, "carol"), mine);
}

#[test]
fn an_approval_that_turns_out_to_be_the_askers_own_makes_no_grant() {
    let stages = r#"approve = [ { by = ["group:leads"] }, { by = ["group:managers"] } ]"#;
    let text = super::fixture::POLICY.replace(r#"approve = [ { by = ["group:leads"], count = 1 } ]"#, stages);
    let mut world = World::with(&text.replace(r#"["alice", "alice-adm"]"#, r#"["bob", "alice"]"#));
    let id = world.request("alice").unwrap();
    world.approve("alice-adm", id).unwrap();
    // Now somebody tells the policy whose account that is.
    world.policy = World::with(&text).policy;
    assert_eq!(world.approve("erin", id), Err(Refusal::ApprovedByAsker { id, by: UserName::new("alice-adm") }));
    assert_eq!(world.outcome(id), "pending");
}

#[test]
fn whoever_acted_as_an_account_is_remembered_by_each_name_of_their_number() {
    let policy = super::fixture::POLICY.replace(r#"as = ["root", "postgres"]"#, r#"as = ["root", "dave"]"#);
    let mut world = World::with(&policy);
    let mut twin = entry("alice", "sudo", Some("dave"));
    twin.subject.name = UserName::new("alice-twin");
    for (pid, entry) in [(1, twin), (2, entry("alice", "sudo", Some("dave")))] {
        let mut asks = actor("alice");
        asks.subject = entry.subject.clone();
        let id = world.request_of(&asks, Wish { run_as: RunAs::as_typed("dave"), ..wish() }).unwrap();
        world.approve("carol", id).unwrap();
        world.open(entry, pid).unwrap();
    }
    let Behind::Known(humans) = world.state.behind(&actor("dave"), world.policy.as_ref().unwrap()) else { panic!() };
    for name in ["alice", "alice-twin"] {
        assert!(humans.names.contains(&UserName::new(name)), "{name}: {humans:?}");
    }
}

#[test]
fn a_request_made_in_anothers_clothes_is_not_approved_by_its_maker() {
    let mut world = World::new();
    let mut carol_as_alice = actor("alice");
    carol_as_alice.login = LoginUid::Set(Uid(1003), Some(UserName::new("carol")));
    let id = world.request_of(&carol_as_alice, wish()).unwrap();
    assert_eq!(world.approve("carol", id), Err(Refusal::Own { id: Some(id) }));
    assert_eq!(world.approve("dave", id), Ok(()));
}

#[test]
fn only_whom_the_policy_names_approves_and_root_only_where_it_is_named() {
    let mut world = World::new();
    let id = world.request("alice").unwrap();
    assert_eq!(world.approve("bob", id), Err(Refusal::NoSuch { what: id.to_string() }), "who may not see it does not learn of it");
    assert!(matches!(world.approve("root", id), Err(Refusal::NotApprover { .. })));
    assert!(matches!(world.approve("erin", id), Err(Refusal::NotApprover { .. })), "an auditor sees and does not approve");
    let mut unknown = actor("carol");
    unknown.subject.groups = Groups::unknown();
    assert!(world.approve_of(unknown, id).is_err());
    assert_eq!(world.outcome(id), "pending");
}

#[test]
fn stages_come_in_order_and_one_person_counts_once() {
    let mut world = World::new();
    let ssh = Wish { service: Service::new("sshd"), run_as: RunAs::Oneself, ..wish() };
    let id = world.request_of(&actor("bob"), ssh).unwrap();
    assert!(matches!(world.approve("erin", id), Err(Refusal::NotApprover { .. })), "not yet her turn");
    world.approve("carol", id).unwrap();
    assert!(matches!(world.approve("dave", id), Err(Refusal::NotApprover { .. })), "the first stage is complete");
    assert_eq!(world.outcome(id), "pending");
    world.approve("erin", id).unwrap();
    assert_eq!(world.outcome(id), "granted");
}

#[test]
fn two_of_one_stage_must_be_two_people() {
    let two = super::fixture::POLICY.replace(r#"by = ["group:leads"], count = 1"#, r#"by = ["group:leads"], count = 2"#);
    let mut world = World::with(&two);
    let id = world.request("bob").unwrap();
    world.approve("carol", id).unwrap();
    assert_eq!(world.approve("carol", id), Err(Refusal::ApprovedAlready { id }));
    let mut carol_again = actor("dave");
    carol_again.login = LoginUid::Set(Uid(1003), Some(UserName::new("carol")));
    assert_eq!(world.approve_of(carol_again, id), Err(Refusal::ApprovedAlready { id }), "carol in dave's clothes");
    world.approve("dave", id).unwrap();
    assert_eq!(world.outcome(id), "granted");
}

#[test]
fn deciding_twice_names_who_decided() {
    let mut world = World::new();
    let id = world.request("alice").unwrap();
    world.approve("carol", id).unwrap();
    assert_eq!(world.approve("dave", id), Err(Refusal::Decided { id, word: "granted", by: vec!["carol".to_owned()] }));
    let deny = Command::Deny { actor: actor("dave"), id, note: Some("no".to_owned()) };
    assert!(matches!(world.command(deny), Err(Refusal::Decided { .. })));
}

#[test]
fn a_denial_needs_a_note_and_ends_the_request() {
    let mut world = World::new();
    let id = world.request("alice").unwrap();
    assert_eq!(world.command(Command::Deny { actor: actor("carol"), id, note: None }).unwrap_err(), Refusal::NoteMissing);
    assert!(world.command(Command::Deny { actor: actor("bob"), id, note: Some("x".to_owned()) }).is_err());
    let _ = world.command(Command::Deny { actor: actor("carol"), id, note: Some("not today".to_owned()) }).unwrap();
    assert_eq!(world.outcome(id), "denied");
    assert!(!world.lets_in("alice", "sudo", None));
}

#[test]
fn a_second_request_while_the_same_waits_or_is_held_is_refused_with_its_id() {
    let mut world = World::new();
    let id = world.request("alice").unwrap();
    assert_eq!(world.request("alice"), Err(Refusal::AlreadyPending { id }));
    world.approve("carol", id).unwrap();
    let held = world.grant_of(id);
    assert_eq!(world.request("alice"), Err(Refusal::AlreadyHeld { id: held }));
    assert!(world.request_of(&actor("alice"), Wish { run_as: RunAs::as_typed("postgres"), ..wish() }).is_ok());
}

#[test]
fn a_duration_above_the_maximum_is_refused_with_the_longest_possible_and_an_approver_only_shortens() {
    let mut world = World::new();
    let long = Wish { wanted: Some(Span::from_secs(5 * 3600)), ..wish() };
    assert!(
        matches!(world.request_of(&actor("alice"), long), Err(Refusal::TooLong { longest, .. }) if longest == Span::from_secs(4 * 3600))
    );
    let id = world.request_of(&actor("alice"), Wish { wanted: Some(HOUR), ..wish() }).unwrap();
    let shorten = |by| Command::Approve { actor: actor("carol"), id, shorten: Some(by), note: None };
    assert!(matches!(world.command(shorten(Span::from_secs(3601))), Err(Refusal::NotLonger { .. })));
    let _ = world.command(shorten(MINUTE)).unwrap();
    assert!(world.lets_in("alice", "sudo", None));
    world.pass(MINUTE);
    assert!(!world.lets_in("alice", "sudo", None));
}

#[test]
fn a_request_without_its_reason_is_refused() {
    let mut world = World::new();
    for reason in [None, Some(String::new()), Some("  \n ".to_owned())] {
        let refused = world.request_of(&actor("alice"), Wish { reason, ..wish() });
        assert!(matches!(refused, Err(Refusal::ReasonMissing { .. })));
    }
    let endless = Wish { reason: Some("x".repeat(1001)), ..wish() };
    assert!(matches!(world.request_of(&actor("alice"), endless), Err(Refusal::ReasonLong { .. })));
    let self_service = Wish { service: Service::new("su"), run_as: RunAs::as_typed("postgres"), reason: None, ..wish() };
    let id = world.request_of(&actor("carol"), self_service).unwrap();
    assert_eq!(world.outcome(id), "granted", "nobody has to approve it, and it is on record");
}

#[test]
fn an_unanswered_request_lapses() {
    let mut world = World::new();
    let id = world.request("alice").unwrap();
    world.now = crate::time::Now { wall: world.now.wall.plus(HOUR), boot: world.now.boot.plus(HOUR) };
    assert_eq!(world.outcome(id), "pending", "nobody has looked at the clock since");
    assert!(matches!(world.approve("carol", id), Err(Refusal::Decided { word: "lapsed", .. })));
    world.pass(Span::from_secs(0));
    assert_eq!(world.outcome(id), "lapsed");
    assert!(matches!(world.approve("carol", id), Err(Refusal::Decided { word: "lapsed", .. })));
}

#[test]
fn a_grant_in_anothers_name_is_approved_by_whoever_gives_it_and_never_for_oneself() {
    let mut world = World::new();
    let give = |by: &str, to: &str| Command::GrantTo(actor(by), subject(to), wish());
    assert!(world.command(give("bob", "alice")).is_err());
    assert_eq!(world.command(give("alice-adm", "alice")).unwrap_err(), Refusal::Own { id: None });
    let _ = world.command(give("carol", "alice")).unwrap();
    assert!(world.lets_in("alice", "sudo", None));
    let ssh = Wish { service: Service::new("sshd"), run_as: RunAs::Oneself, ..wish() };
    let _ = world.command(Command::GrantTo(actor("carol"), subject("bob"), ssh)).unwrap();
    assert!(!world.lets_in("bob", "sshd", Some("bob")), "a second stage still applies");
}

#[test]
fn drop_and_revoke_end_a_grant_at_once_and_only_for_whom_they_are() {
    let mut world = World::new();
    let id = world.request("alice").unwrap();
    world.approve("carol", id).unwrap();
    let grant = world.grant_of(id);
    assert!(matches!(world.revoke("bob", grant), Err(Refusal::NoSuch { .. })));
    assert!(matches!(world.revoke("erin", grant), Err(Refusal::MayNotRevoke { .. })));
    assert!(matches!(world.revoke("alice", grant), Err(Refusal::OwnGrant { .. })));
    world.revoke("dave", grant).unwrap();
    assert_eq!(world.grant_word(grant), "revoked");
    assert!(!world.lets_in("alice", "sudo", None));
    assert!(matches!(world.revoke("dave", grant), Err(Refusal::Over { .. })));

    let id = world.request("alice").unwrap();
    world.approve("carol", id).unwrap();
    let _ = world.command(Command::Drop(actor("alice"), None)).unwrap();
    assert!(!world.lets_in("alice", "sudo", None));
    assert!(matches!(world.command(Command::Drop(actor("alice"), None)), Err(Refusal::NoneOfYours { .. })));

    let id = world.request("alice").unwrap();
    world.approve("carol", id).unwrap();
    let all = |by: &str| Command::Revoke { actor: actor(by), target: Target::User(UserName::new("alice")), note: None, grace: Grace::Some };
    assert!(matches!(world.command(all("bob")), Err(Refusal::NothingToRevoke { .. })));
    let _ = world.command(all("root")).unwrap();
    assert!(!world.lets_in("alice", "sudo", None));
}

#[test]
fn cancel_takes_back_ones_own_request_alone() {
    let mut world = World::new();
    let id = world.request("alice").unwrap();
    assert!(matches!(world.command(Command::Cancel(actor("bob"), Some(id))), Err(Refusal::NoSuch { .. })));
    let _ = world.command(Command::Cancel(actor("alice"), None)).unwrap();
    assert_eq!(world.outcome(id), "cancelled");
    assert!(matches!(world.command(Command::Cancel(actor("alice"), Some(id))), Err(Refusal::Decided { .. })));
}

#[test]
fn a_grant_that_starts_at_login_is_minted_when_the_session_opens_and_lasts_its_time() {
    let mut world = World::new();
    assert!(matches!(world.check(&entry("carol", "sshd", Some("carol"))), Admission::Rule(_)));
    let (_, first) = world.open(entry("carol", "sshd", Some("carol")), 1).unwrap();
    let (_, second) = world.open(entry("carol", "sshd", Some("carol")), 2).unwrap();
    assert_eq!(first, second, "a second log-in rides on the same grant");
    world.pass(HOUR);
    assert_eq!(world.grant_word(first), "expired");
    let (_, third) = world.open(entry("carol", "sshd", Some("carol")), 3).unwrap();
    assert_ne!(first, third, "the next log-in is a new grant, on record");
    assert!(world.open(entry("alice", "sshd", Some("alice")), 4).is_none());
    assert!(world.request_of(&actor("carol"), Wish { service: Service::new("sshd"), run_as: RunAs::Oneself, ..wish() }).is_err());
}

#[test]
fn a_grant_that_starts_with_its_first_use_waits_for_it_and_only_so_long() {
    let mut world = World::new();
    let ssh = Wish { service: Service::new("sshd"), run_as: RunAs::Oneself, ..wish() };
    let id = world.request_of(&actor("bob"), ssh.clone()).unwrap();
    world.approve("carol", id).unwrap();
    world.approve("erin", id).unwrap();
    let grant = world.grant_of(id);
    assert_eq!(world.grant_word(grant), "waiting");
    world.pass(HOUR);
    assert!(world.lets_in("bob", "sshd", Some("bob")));
    assert!(world.open(entry("bob", "sshd", Some("bob")), 1).is_some());
    assert_eq!(world.grant_word(grant), "active");
    world.pass(Span::from_secs(29 * 60));
    assert!(world.lets_in("bob", "sshd", Some("bob")));
    world.pass(MINUTE);
    assert_eq!(world.grant_word(grant), "expired");

    let id = world.request_of(&actor("bob"), ssh).unwrap();
    world.approve("carol", id).unwrap();
    world.approve("erin", id).unwrap();
    world.pass(Span::from_secs(2 * 3600));
    assert!(!world.lets_in("bob", "sshd", Some("bob")), "never used in time");
}

#[test]
fn an_address_outside_the_rule_or_unknown_is_not_let_in() {
    let mut world = World::new();
    let ssh = Wish { service: Service::new("sshd"), run_as: RunAs::Oneself, ..wish() };
    let id = world.request_of(&actor("bob"), ssh).unwrap();
    world.approve("carol", id).unwrap();
    world.approve("erin", id).unwrap();
    let from = |remote| crate::subject::Entry { remote, ..entry("bob", "sshd", Some("bob")) };
    let address = |text: &str| Remote::from_address(text.parse().ok());
    assert!(matches!(world.check(&from(address("10.9.9.9"))), Admission::Grant(_)));
    assert!(matches!(world.check(&from(address("::ffff:10.9.9.9"))), Admission::Grant(_)), "IPv4 in IPv6's clothes");
    assert!(matches!(world.check(&from(address("11.0.0.1"))), Admission::Denied(_)));
    assert!(matches!(world.check(&from(Remote::Unknown)), Admission::Denied(_)));
}

#[test]
fn a_legacy_rule_lets_in_while_it_stands_and_stops_with_the_rule() {
    let mut world = World::new();
    let backup = || entry("postgres", "sshd", Some("postgres"));
    let (_, first) = world.open(backup(), 1).unwrap();
    let (_, again) = world.open(backup(), 2).unwrap();
    assert_eq!(first, again, "a day has one grant");
    let elsewhere = crate::subject::Entry { remote: Remote::from_address("10.1.2.4".parse().ok()), ..backup() };
    assert!(matches!(world.check(&elsewhere), Admission::Denied(_)));
    let policy = world.policy.take().unwrap();
    world.policy = Some(crate::policy::Policy { legacy: crate::policy::Rules::default(), ..policy.clone() });
    assert!(!world.lets_in("postgres", "sshd", Some("postgres")), "its grant alone lets nobody in");
    world.policy = Some(policy);
    assert!(world.lets_in("postgres", "sshd", Some("postgres")));
    world.pass(Span::from_secs(40 * 86_400));
    assert!(!world.lets_in("postgres", "sshd", Some("postgres")), "it ended with the year");
}

#[test]
fn of_two_legacy_rules_each_gives_its_own_grant_of_the_day() {
    let rule = &POLICY[POLICY.find("[[legacy]]").unwrap()..];
    let mut world = World::with(&format!("{POLICY}{}", rule.replace("db-backup", "second").replace("10.1.2.3", "10.1.2.0/24")));
    let backup = |last: u8| crate::subject::Entry {
        remote: Remote::from_address(Some([10, 1, 2, last].into())),
        ..entry("postgres", "sshd", Some("postgres"))
    };
    let mut opened = |last: u8, process: u32| {
        let (_, grant) = world.open(backup(last), process).unwrap();
        (grant, world.state.grant(grant).unwrap().terms().common.rule.to_string())
    };
    let (second, first) = (opened(4, 1), opened(3, 2));
    assert_eq!((first.1.as_str(), second.1.as_str()), ("db-backup", "second"), "though the second one's grant would admit both");
    assert_eq!((opened(3, 3), opened(4, 4)), (first, second), "a day has one of each");
}

#[test]
fn uses_are_counted_when_sessions_open_and_the_grant_ends_with_the_last_of_them() {
    let mut world = World::new();
    let id = world.request_of(&actor("alice"), Wish { uses: Some(2), ..wish() }).unwrap();
    world.approve("carol", id).unwrap();
    let grant = world.grant_of(id);
    for _ in 0..50 {
        assert!(world.lets_in("alice", "sudo", None), "a check takes nothing");
    }
    let (first, _) = world.open(entry("alice", "sudo", Some("root")), 1).unwrap();
    let (second, _) = world.open(entry("alice", "sudo", Some("root")), 2).unwrap();
    assert!(!world.lets_in("alice", "sudo", None));
    assert!(world.open(entry("alice", "sudo", Some("root")), 3).is_none());
    let _ = world.command(Command::Close(second)).unwrap();
    assert_eq!(world.grant_word(grant), "active", "a session of it still runs");
    let _ = world.command(Command::Close(first)).unwrap();
    assert_eq!(world.grant_word(grant), "used-up");
}

#[test]
fn no_policy_lets_nobody_in_whatever_was_granted_before() {
    let mut world = World::new();
    let id = world.request("alice").unwrap();
    world.approve("carol", id).unwrap();
    world.policy = None;
    assert!(!world.lets_in("alice", "sudo", None));
    assert!(!world.lets_in("carol", "sshd", Some("carol")));
    assert_eq!(world.request("bob"), Err(Refusal::NoPolicy));
    assert!(world.denial("alice", "sudo", None).contains("no valid policy"));
}

#[test]
fn a_service_that_no_rule_names_is_denied_and_says_so() {
    let world = World::with("version = 1\n[[grant]]\nname = \"typo\"\nwho = [\"any\"]\non = [\"sudp\"]\napprove = []\n");
    assert!(world.denial("alice", "sudo", None).contains("no rule names the service sudo"));
}

#[test]
fn a_clock_set_back_never_lengthens_a_grant_and_a_clock_set_forward_ends_it() {
    let mut world = World::new();
    let id = world.request("alice").unwrap();
    world.approve("carol", id).unwrap();
    world.step_wall(-3600);
    world.pass(Span::from_secs(30 * 60 - 1));
    assert!(world.lets_in("alice", "sudo", None));
    world.pass(Span::from_secs(1));
    assert!(!world.lets_in("alice", "sudo", None));

    let id = world.request("alice").unwrap();
    world.approve("carol", id).unwrap();
    world.step_wall(86_400);
    assert!(!world.lets_in("alice", "sudo", None));
    let steps = world.log.iter().filter(|(_, event)| matches!(event, Event::ClockStepped(_))).count();
    assert_eq!(steps, 2);
}

#[test]
fn a_reboot_with_a_clock_that_was_set_back_gives_only_what_was_left() {
    let mut world = World::new();
    let id = world.request("alice").unwrap();
    world.approve("carol", id).unwrap();
    world.pass(Span::from_secs(20 * 60));
    world.step_wall(-7200);
    world.now = Now { wall: world.now.wall, boot: BootTime::from_millis(5000) };
    world.start("boot-2");
    world.pass(Span::from_secs(10 * 60 - 2));
    assert!(world.lets_in("alice", "sudo", None));
    world.pass(Span::from_secs(3));
    assert!(!world.lets_in("alice", "sudo", None));
}

#[test]
fn a_clock_set_back_while_jitd_was_away_lengthens_nothing_not_even_over_a_reboot() {
    let mut world = World::new();
    let id = world.request("alice").unwrap();
    world.approve("carol", id).unwrap();
    world.now.wall = crate::time::WallTime::from_millis(world.now.wall.as_millis() - 7_200_000);
    world.start("boot-1");
    assert!(matches!(world.log.last(), Some((_, Event::ClockStepped(stepped))) if stepped.by_ms == -7_200_000));
    world.now = Now { wall: world.now.wall, boot: BootTime::from_millis(5000) };
    world.start("boot-2");
    world.pass(Span::from_secs(30 * 60 + 1));
    assert!(!world.lets_in("alice", "sudo", None));
}

#[test]
fn sessions_of_another_boot_are_closed_at_the_start() {
    let mut world = World::new();
    let id = world.request("alice").unwrap();
    world.approve("carol", id).unwrap();
    world.open(entry("alice", "sudo", Some("root")), 1).unwrap();
    world.start("boot-1");
    assert_eq!(world.state.open_sessions().count(), 1, "a restart in the same boot keeps them");
    world.start("boot-2");
    assert_eq!(world.state.open_sessions().count(), 0);
}

#[test]
fn the_state_is_the_fold_of_the_stored_events() {
    let mut world = World::new();
    let id = world.request("alice").unwrap();
    world.approve("carol", id).unwrap();
    world.open(entry("alice", "sudo", Some("root")), 1).unwrap();
    world.open(entry("carol", "sshd", Some("carol")), 2).unwrap();
    let other = world.request("bob").unwrap();
    world.step_wall(-10);
    let _ = world.command(Command::Deny { actor: actor("carol"), id: other, note: Some("no".to_owned()) }).unwrap();
    world.pass(HOUR);
    let replayed = world.replayed();
    assert_eq!(format!("{:?}", world.state), format!("{replayed:?}"));
}

#[test]
fn a_batch_that_could_not_be_stored_is_taken_back_whole() {
    let mut world = World::new();
    let kept = world.request("alice").unwrap();
    world.approve("carol", kept).unwrap();
    let before = format!("{:?}", world.state);
    world.state.begin();
    let grant = world.grant_of(kept);
    world.open(entry("alice", "sudo", Some("root")), 1).unwrap();
    world.revoke("carol", grant).unwrap();
    let lost = world.request("bob").unwrap();
    world.approve("dave", lost).unwrap();
    assert_eq!(world.state.in_doubt(), [Uid(1001), Uid(1002)].into());
    world.state.take_back();
    assert_eq!(format!("{:?}", world.state), before);
    assert!(world.lets_in("alice", "sudo", None) && !world.lets_in("bob", "sudo", None));
}

#[test]
fn a_denial_says_what_can_be_done_from_there_in_under_200_bytes() {
    let world = World::new();
    assert_eq!(
        world.denial("bob", "sshd", Some("bob")),
        "jit: no grant for ssh. Ask an approver (group leads) to grant it. D-7F3KQ2ZD",
        "no command can be typed by somebody who cannot log in"
    );
    assert_eq!(world.denial("erin", "sudo", None), "jit: no rule lets erin use sudo. D-7F3KQ2ZD");
    assert_eq!(
        world.denial("alice", "sudo", Some("postgres")),
        "jit: no grant for sudo as postgres. Ask: jit request sudo --as postgres --reason \"...\". Approves: group leads. D-7F3KQ2ZD"
    );
    let mut odd = entry("alice", "sudo", None);
    odd.subject.name = UserName::new("x".repeat(300) + "\u{1b}[2J\n");
    odd.service = Service::new("sudo");
    let Admission::Denied(denial) = world.check(&odd) else { panic!("let in") };
    let line = denial.line(&odd, "D-7F3KQ2ZD".parse().unwrap());
    assert!(line.len() < 200 && !line.chars().any(crate::text::is_unsafe), "{line}");
    assert!(line.ends_with("D-7F3KQ2ZD"));
}

#[test]
fn a_request_says_from_which_address_it_was_made_where_the_door_or_a_session_around_it_does() {
    let mut world = World::new();
    let at = |from: &str| Remote::from_address(from.parse().ok());
    let process = |pid| Process { pid, started: 1 };
    let from = |world: &mut World, actor: Actor| {
        let wish = Wish { service: Service::new("su"), run_as: RunAs::as_typed("postgres"), ..wish() };
        let id = world.request_of(&actor, wish).unwrap();
        let grant = world.grant_of(id);
        world.command(Command::Drop(actor, Some(grant))).map(drop).unwrap();
        assert_eq!(world.replayed().request(id), world.state.request(id));
        world.state.request(id).unwrap().ask().asked_from.map(|from| from.to_string())
    };
    assert_eq!(from(&mut world, actor("carol")), None);
    let outer = Entry { remote: at("192.0.2.7"), ..entry("carol", "sshd", Some("carol")) };
    let (session, _) = world.open(outer, 7).unwrap();
    let _ = world.open(entry("carol", "sshd", Some("carol")), 8).unwrap();
    assert_eq!(from(&mut world, actor("carol")), None, "it was made elsewhere");
    let below = |above: &[u32]| Actor { ancestry: Ancestry::Known(above.iter().map(|pid| process(*pid)).collect()), ..actor("carol") };
    assert_eq!(from(&mut world, below(&[50, 7])).as_deref(), Some("192.0.2.7"));
    assert_eq!(from(&mut world, below(&[50, 8, 7])).as_deref(), Some("10.1.2.3"), "the nearest");
    assert_eq!(from(&mut world, Actor { within: Some(vec![session]), ..actor("carol") }).as_deref(), Some("192.0.2.7"));
    assert_eq!(from(&mut world, Actor { remote: at("2001:db8::1"), ..below(&[7]) }).as_deref(), Some("2001:db8::1"));
}
