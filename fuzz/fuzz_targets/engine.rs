//! The engine: whatever anybody does in whatever order, under policies that are made up as well, nobody comes in who may not.
#![no_main]

use arbitrary::{Result, Unstructured};
use jit_core::engine::fixture::World;
use jit_core::engine::invariants::{
    Book, deciding_and_explaining_agree, every_emergency_is_as_old_as_it_is, no_approval_is_repeated_too_often,
    no_grant_is_extended_too_often, no_grant_outgrows_its_rule, no_grant_outlives_its_rule, no_repetition_is_more_than_what_was_approved,
    no_use_is_taken_twice, nobody_decided_their_own, replaying_makes_the_same, the_events_make_a_chain, the_picked_events_make_the_same,
    warnings_come_once_and_in_time, what_can_be_repeated_can_be_taken_away, what_is_taken_back_leaves_nothing,
    what_is_to_be_longer_is_live,
};
use jit_core::engine::scenario::{Act, DOORS, PEOPLE, Parts, perform};
use libfuzzer_sys::fuzz_target;
use std::collections::BTreeMap;

/// More acts than this find nothing that fewer do not, and take longer than linear time.
const MOST_ACTS: usize = 100;

fuzz_target!(|data: &[u8]| {
    let mut input = Unstructured::new(data);
    let Ok(mut parts) = parts(&mut input) else { return };
    let mut world = World::with(&parts.text());
    let (mut boots, mut since, mut book) = (1, BTreeMap::new(), Book::default());
    for _ in 0..MOST_ACTS {
        if input.is_empty() {
            break;
        }
        let Ok(act) = act(&mut input) else { break };
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
});

/// One in so many times a number of a range.
fn sometimes<T>(input: &mut Unstructured<'_>, value: impl FnOnce(&mut Unstructured<'_>) -> Result<T>) -> Result<Option<T>> {
    if input.ratio(1, 3)? { value(input).map(Some) } else { Ok(None) }
}

fn parts(input: &mut Unstructured<'_>) -> Result<Parts> {
    Ok(Parts {
        max_min: input.int_in_range(20..=240)?,
        count: input.int_in_range(1..=2)?,
        stages: input.int_in_range(0..=2)?,
        uses: sometimes(input, |input| input.int_in_range(1..=2))?,
        hours: input.arbitrary()?,
        extend: sometimes(input, |input| Ok((input.int_in_range(1..=2)?, input.int_in_range(1..=59)?)))?,
        first_use: input.arbitrary()?,
        emergency: input.arbitrary()?,
        repetitive: sometimes(input, |input| input.int_in_range(1..=2))?,
        deny: input.ratio(1, 4)?,
        elsewhere: input.arbitrary()?,
    })
}

fn act(input: &mut Unstructured<'_>) -> Result<Act> {
    let who = input.choose_index(PEOPLE.len())?;
    let which = input.choose_index(4)?;
    Ok(match input.int_in_range(0..=23)? {
        0 | 1 => Act::Request {
            who,
            minutes: sometimes(input, |input| input.int_in_range(1..=300))?,
            uses: sometimes(input, |input| input.int_in_range(1..=3))?,
            later_min: sometimes(input, |input| input.int_in_range(1..=600))?,
        },
        2 => Act::RequestElsewhere { who, door: input.choose_index(DOORS.len())? },
        3 => Act::GrantTo { who, whom: input.choose_index(PEOPLE.len())? },
        4 | 5 => Act::Approve { who, which },
        6 => Act::ApproveWithin { who, session: input.choose_index(4)?, which },
        7 => Act::Shorten { who, which, minutes: input.int_in_range(0..=60)? },
        8 => Act::Cancel { who, which },
        9 => Act::Deny { who, which },
        10 => Act::Drop { who },
        11 => Act::Revoke { who, which },
        12 => Act::RevokeAll { who, whom: input.choose_index(PEOPLE.len())? },
        13 => Act::Emergency { who },
        14 => Act::Review { who, which },
        15 => Act::Extend { who, minutes: input.int_in_range(1..=90)? },
        16 => Act::Open { who },
        17 => Act::OpenElsewhere { who, door: input.choose_index(2 * DOORS.len())? },
        18 => Act::Unbound { which },
        19 => Act::Close { which },
        20 => Act::Ended { which },
        21 => Act::Pass { seconds: input.int_in_range(1..=5_000)? },
        22 => Act::Step { seconds: input.int_in_range(-20_000..=20_000)? },
        _ if which < 3 => Act::Reload,
        _ => Act::Reboot,
    })
}
