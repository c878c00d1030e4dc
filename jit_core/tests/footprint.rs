//! What a grant takes up in memory, counted allocation by allocation: what jitd holds of a million grants is this, and what
//! docs/performance.md says of it.
#![allow(clippy::arithmetic_side_effects, reason = "tests say what went wrong by panicking")]

use jit_core::event::{Event, GrantExpired, GrantIssued};
use jit_core::grant::Kind;
use jit_core::id::{Entropy, GrantId, RequestId};
use jit_core::name::{GroupName, RuleName, RunAs, Service, Uid, UserName};
use jit_core::policy::{Principal, SessionRule, Stage};
use jit_core::state::State;
use jit_core::time::{BootTime, WallTime};
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

/// The most that a grant may take up.
const MOST: usize = 360;
/// How many grants are counted, and how many of them an account has.
const MANY: u32 = 20_000;
const EACH: u32 = 10;

thread_local! {
    /// From where on does not matter: what another thread made is given back here too.
    static HELD: Cell<usize> = const { Cell::new(0) };
}

fn held_since(before: usize) -> usize {
    HELD.get().wrapping_sub(before)
}

/// The system's allocator. It counts what this thread holds.
struct Counting;

/// What glibc takes for so much: eight bytes more, in steps of sixteen, and 32 at least (`request2size` in malloc.c).
fn chunk(layout: Layout) -> usize {
    (layout.size() + 8).next_multiple_of(16).max(32)
}

// SAFETY: each call goes to the system's allocator as it came; counting allocates nothing and cannot unwind.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        HELD.set(HELD.get().wrapping_add(chunk(layout)));
        // SAFETY: whoever calls this keeps the same promises.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, held: *mut u8, layout: Layout) {
        HELD.set(HELD.get().wrapping_sub(chunk(layout)));
        // SAFETY: whoever calls this keeps the same promises, and what they hold came from the system's.
        unsafe { System.dealloc(held, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Numbers that differ, spread as random ones are.
struct Spread(u32);

impl Entropy for Spread {
    fn bits(&mut self) -> u64 {
        u64::from(self.0 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 24
    }
}

fn id(number: u32) -> GrantId {
    GrantId::random(&mut Spread(number))
}

/// The grant of that number, as somebody approved it.
fn issued(number: u32, by: &str) -> Event {
    let account = number / EACH;
    let issued = GrantIssued {
        id: id(number),
        user: UserName::new(format!("user-{account}")),
        uid: Uid(10_000 + account),
        service: Service::new("sudo"),
        run_as: RunAs::User(UserName::new(format!("service-{}", number % EACH))),
        until: WallTime::from_millis(3_600_000),
        by: vec![UserName::new(by)],
        reason: format!("INC-{number:06} disk full"),
        rule: RuleName::new("ops"),
        kind: Kind::Approved,
        request: Some(RequestId::random(&mut Spread(number))),
        uses: None,
        from: Vec::new(),
        hours: None,
        session: SessionRule::default(),
        stages: vec![Stage { by: vec![Principal::Group(GroupName::new("leads"))], count: 1 }],
        waits_for_s: None,
        until_boot_ms: BootTime::from_millis(3_600_000),
        starts: None,
        starts_boot_ms: None,
        extend: None,
        boot_ms: BootTime::from_millis(0),
    };
    issued.into()
}

fn expired(number: u32) -> Event {
    let user = UserName::new(format!("user-{}", number / EACH));
    GrantExpired { id: id(number), user, service: Service::new("sudo"), run_as: RunAs::root() }.into()
}

/// Makes an event true for good, as when it is stored.
fn fold(state: &mut State, day: u32, event: &Event) {
    state.begin();
    state.apply(WallTime::from_millis(i64::from(day) * 86_400_000), event);
    state.keep();
}

#[test]
fn a_grant_takes_up_little_more_than_what_is_its_own() {
    let before = HELD.get();
    let mut state = State::default();
    (0..MANY).for_each(|number| fold(&mut state, 0, &issued(number, "carol")));
    assert_eq!(state.live().count(), MANY as usize);
    let each = held_since(before) / MANY as usize;
    assert!(each <= MOST, "{each} bytes");
}

/// Each of these has an approver of its own, and so has nothing in common with another one.
#[test]
fn what_grants_had_in_common_goes_with_them() {
    const A_YEAR: u32 = 6_000;
    let before = HELD.get();
    let mut state = State::default();
    let mut held = [0; 6];
    for (year, held) in (0..).zip(&mut held) {
        let numbers = year * A_YEAR..(year + 1) * A_YEAR;
        numbers.clone().for_each(|number| fold(&mut state, year * 365, &issued(number, &format!("approver-{number}"))));
        numbers.for_each(|number| fold(&mut state, year * 365 + 1, &expired(number)));
        *held = held_since(before);
    }
    assert!(held.iter().all(|held_then| *held_then < 2 * held[0]), "{held:?}");
}
