//! What holds whatever anybody does in whatever order, under policies that are made up as well.

use super::fixture::{World, actor, entry};
use super::invariants::{
    Book, deciding_and_explaining_agree, every_emergency_is_as_old_as_it_is, folded, no_approval_is_repeated_too_often,
    no_grant_is_extended_too_often, no_grant_outgrows_its_rule, no_grant_outlives_its_rule, no_repetition_is_more_than_what_was_approved,
    no_use_is_taken_twice, nobody_decided_their_own, replaying_makes_the_same, the_events_make_a_chain, the_picked_events_make_the_same,
    warnings_come_once_and_in_time, what_can_be_repeated_can_be_taken_away, what_is_taken_back_leaves_nothing,
    what_is_to_be_longer_is_live,
};
use super::scenario::{Act, PEOPLE, Parts, perform, wish};
use super::{Command, Wish};
use crate::grant::Grant;
use crate::name::{RunAs, Service, UserName};
use crate::span::Span;
use proptest::prelude::*;

fn parts() -> impl Strategy<Value = Parts> {
    let first = (20..240_u64, 1..3_u32, 0..3_u32, proptest::option::of(1..3_u32), any::<bool>());
    let second = (
        proptest::option::of((1..3_u32, 1..60_u64)),
        any::<bool>(),
        any::<bool>(),
        proptest::option::of(1..3_u32),
        any::<bool>(),
        any::<bool>(),
    );
    (first, second).prop_map(|((max_min, count, stages, uses, hours), (extend, first_use, emergency, repetitive, deny, elsewhere))| Parts {
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
        elsewhere,
    })
}

fn act() -> impl Strategy<Value = Act> {
    let who = || 0..PEOPLE.len();
    prop_oneof![
        4 => (who(), proptest::option::of(1..300_u64), proptest::option::of(1..4_u32), proptest::option::weighted(0.2, 1..600_u64))
            .prop_map(|(who, minutes, uses, later_min)| Act::Request { who, minutes, uses, later_min }),
        2 => (who(), 0..5_usize).prop_map(|(who, door)| Act::RequestElsewhere { who, door }),
        1 => (who(), who()).prop_map(|(who, whom)| Act::GrantTo { who, whom }),
        8 => (who(), 0..4_usize).prop_map(|(who, which)| Act::Approve { who, which }),
        1 => (who(), 0..4_usize, 0..4_usize).prop_map(|(who, session, which)| Act::ApproveWithin { who, session, which }),
        1 => (who(), 0..4_usize, 1..60_u64).prop_map(|(who, which, minutes)| Act::Shorten { who, which, minutes }),
        1 => (who(), 0..4_usize).prop_map(|(who, which)| Act::Cancel { who, which }),
        1 => (who(), who()).prop_map(|(who, whom)| Act::RevokeAll { who, whom }),
        2 => (who(), 0..10_usize).prop_map(|(who, door)| Act::OpenElsewhere { who, door }),
        1 => (0..4_usize).prop_map(|which| Act::Unbound { which }),
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

/// What is at hand of it is its request alone, which names it.
#[test]
fn a_grant_that_was_taken_away_does_not_live_again_when_it_is_forgotten() {
    let mut world = World::new();
    let wish = Wish { service: Service::new("su"), run_as: RunAs::User(UserName::new("postgres")), ..wish(None, None, None) };
    let id = world.request_of(&actor("dave"), wish).unwrap();
    let grant = world.grant_of(id);
    let _ = world.command(Command::Drop(actor("dave"), Some(grant))).unwrap();
    for pid in 0..20 {
        let (session, _) = world.open(entry("carol", "sshd", Some("carol")), pid).unwrap();
        world.pass(Span::from_secs(3600));
        let _ = world.command(Command::Ended(session, crate::session::Tally::default())).unwrap();
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
        let (mut boots, mut since, mut book) = (1, std::collections::BTreeMap::new(), Book::default());
        for act in acts {
            let before = boots;
            perform(&mut world, act, &mut parts, &mut boots);
            book.compare(&world, boots > before);
            no_grant_outgrows_its_rule(&world, &parts);
            no_grant_outlives_its_rule(&world, &parts, &mut since);
            deciding_and_explaining_agree(&world);
            warnings_come_once_and_in_time(&world);
            what_can_be_repeated_can_be_taken_away(&world);
        }
        no_approval_is_repeated_too_often(&world, &parts);
        every_emergency_is_as_old_as_it_is(&world);
        no_repetition_is_more_than_what_was_approved(&world);
        no_grant_is_extended_too_often(&world, &parts);
        nobody_decided_their_own(&world);
        no_use_is_taken_twice(&world);
        replaying_makes_the_same(&world);
        the_events_make_a_chain(&world);
        what_is_taken_back_leaves_nothing(&world);
        what_is_to_be_longer_is_live(&world);
        the_picked_events_make_the_same(&world);
        let over = world.state.grants().filter(|grant| matches!(grant, Grant::Ended(_))).count();
        prop_assert!(over <= world.log.len());
    }
}
