//! What benches/instructions.sh counts the instructions of: the hot path, without sockets, disks and other noise.

use crate::{grants, policy};
use jit_core::engine::{Admission, check};
use jit_core::event::Event;
use jit_core::name::{RunAs, Service};
use jit_core::policy::load::{Around, load};
use jit_core::span::Span;
use jit_core::state::State;
use jit_core::subject::{Entry, Phase, Remote};
use jit_core::time::{BootTime, Deadline, Now, WallTime};
use jit_proto::frame::{self, HEADER};
use jit_proto::pam;
use std::hint::black_box;

/// How often each is done.
const TIMES: u32 = 100;

/// What valgrind counts: all that happens in here, and nothing else.
#[inline(never)]
fn counted(mut once: impl FnMut(u32)) {
    (0..TIMES).for_each(&mut once);
    black_box(());
}

/// Does one of them, some times.
pub fn run(name: &str) {
    match name {
        "check" => decided_among_ten_thousand_grants(),
        "frame" => asked_and_answered(),
        "policy" => decided_among_a_thousand_rules(),
        other => panic!("nothing is counted under the name {other}"),
    }
    println!("{TIMES}");
}

/// May they come in? By one of 10,000 grants, of which they hold ten.
fn decided_among_ten_thousand_grants() {
    let now = Now { wall: WallTime::parse("2026-11-23T12:00:00Z").unwrap(), boot: BootTime::from_millis(1_000_000) };
    let until = Deadline::after(now, Span::from_secs(3600));
    let mut state = State::default();
    for number in 0..10_000 {
        state.apply(now.wall, &Event::from(grants::issued(number, now, until)));
    }
    let (policy, _) = load(&[policy::rules(10)], Around { now: now.wall, zone: None }).unwrap();
    let entry = |number: u32| Entry {
        subject: grants::holder(number),
        service: Service::new("sudo"),
        run_as: Some(RunAs::as_typed(&format!("service-{}", number % 10))),
        remote: Remote::Unknown,
        tty: None,
        phase: Phase::Session,
    };
    let entries: Vec<_> = (0..TIMES).map(|turn| entry(turn * 97)).collect();
    counted(|turn| {
        let admission = check(&state, Some(&policy), black_box(&entries[turn as usize]), now);
        assert!(matches!(admission, Admission::Grant(_)));
    });
}

/// What the module writes, jitd reads and answers, and the module reads.
fn asked_and_answered() {
    let entry =
        pam::Entry { service: "sudo".to_owned(), who: pam::Who::Uid(1001), run_as: None, from: None, tty: Some("/dev/pts/3".to_owned()) };
    let ask = pam::PamAsk { token: 7, observe: false, question: pam::Question::Check(entry) };
    let answer = pam::PamAnswer { token: 7, verdict: pam::Verdict::Allowed };
    counted(|_| {
        let asked = frame::encode(black_box(&ask)).unwrap();
        assert!(frame::content_length(asked[..HEADER].try_into().unwrap()).unwrap() == asked.len() - HEADER);
        black_box(frame::decode::<pam::PamAsk>(&asked[HEADER..]).unwrap());
        let answered = frame::encode(black_box(&answer)).unwrap();
        black_box(frame::decode::<pam::PamAnswer>(&answered[HEADER..]).unwrap());
    });
}

/// Which of 1,000 rules decides for somebody in 50 groups: the last.
fn decided_among_a_thousand_rules() {
    let (policy, _) = load(&[policy::rules(1_000)], policy::around()).unwrap();
    let subject = policy::somebody(1_000);
    counted(|_| policy::decide(black_box(&policy), black_box(&subject)));
}
