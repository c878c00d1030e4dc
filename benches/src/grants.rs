//! A record of many grants, as they are where somebody approves each of them.

use jit_core::event::{DaemonStarted, Event, GrantIssued};
use jit_core::grant::Kind;
use jit_core::id::{Entropy, GrantId, RequestId};
use jit_core::name::{GroupName, RuleName, RunAs, Service, Uid, UserName};
use jit_core::policy::{Principal, SessionRule, Stage};
use jit_core::session::Bound;
use jit_core::span::Span;
use jit_core::subject::Subject;
use jit_core::time::{Deadline, Now};
use jit_store::{Fresh, Store};
use jitd::clock::{Clock, SystemClock};
use jitd::writer::fresh;
use std::collections::BTreeSet;
use std::path::Path;

/// How many grants an account holds.
const EACH: u32 = 10;

/// Ids that differ, spread as random ones are.
struct Spread(u64);

impl Entropy for Spread {
    fn bits(&mut self) -> u64 {
        self.0.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 24
    }
}

/// The id of the grant of this number.
pub fn id(number: u32) -> GrantId {
    GrantId::random(&mut Spread(u64::from(number) + 1))
}

/// Who holds the grant of this number.
pub fn holder(number: u32) -> Subject {
    let account = number / EACH;
    let groups = jit_core::subject::Groups::Known(BTreeSet::from([GroupName::new("ops")]));
    Subject { uid: Uid(10_000 + account), name: UserName::new(format!("user-{account}")), groups }
}

/// The grant of this number, which ends then.
pub fn issued(number: u32, now: Now, until: Deadline) -> GrantIssued {
    let Subject { uid, name, .. } = holder(number);
    GrantIssued {
        id: id(number),
        user: name,
        uid,
        service: Service::new("sudo"),
        run_as: RunAs::User(UserName::new(format!("service-{}", number % EACH))),
        until: until.wall,
        by: vec![UserName::new("carol")],
        reason: format!("INC-{number} disk full"),
        rule: RuleName::new("ops"),
        kind: Kind::Approved,
        request: Some(RequestId::random(&mut Spread(u64::from(number) + 1))),
        uses: None,
        from: Vec::new(),
        hours: None,
        session: SessionRule::default(),
        stages: vec![Stage { by: vec![Principal::Group(GroupName::new("leads"))], count: 1 }],
        waits_for_s: None,
        until_boot_ms: until.boot,
        starts: None,
        starts_boot_ms: None,
        extend: None,
        boot_ms: now.boot,
    }
}

/// The grant that the benchmark itself comes in by.
fn own(now: Now, until: Deadline) -> GrantIssued {
    let (uid, user, service, run_as) = (Uid::ROOT, UserName::new("root"), Service::new("bench"), RunAs::Oneself);
    GrantIssued { id: id(u32::MAX), uid, user, service, run_as, ..issued(0, now, until) }
}

/// Makes a record with the benchmark's own grant and so many others. Each ends so long after the moment that is returned.
pub fn record(path: &Path, count: u32, end: impl Fn(u32) -> Span) -> Now {
    let clock = SystemClock;
    let now = clock.now();
    let write = |event: Event| fresh(now.wall, &event).unwrap();
    let started = DaemonStarted {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        boot_id: clock.boot(),
        boot_ms: now.boot,
        policy: "valid".to_owned(),
        bound: Bound::Cgroup,
    };
    let first = [write(started.into()), write(own(now, Deadline::after(now, Span::from_secs(86_400))).into())];
    let (mut store, _, _) = Store::open(path).unwrap();
    drop(store.append(&first, 0).unwrap());
    let numbers: Vec<_> = (0..count).collect();
    for some in numbers.chunks(20_000) {
        let batch: Vec<Fresh> = some.iter().map(|number| write(issued(*number, now, Deadline::after(now, end(*number))).into())).collect();
        drop(store.append(&batch, 0).unwrap());
    }
    now
}
