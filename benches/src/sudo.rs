//! Whole `sudo -n true`: real sudo with Debian's own stack, and what our lines add to it.

use crate::c_module::compiled;
use crate::cgroup::Own;
use crate::check::pin_to_one_core;
use crate::contest::Contest;
use crate::favoured::with_and_without;
use crate::host::{Stacks, start};
use crate::stopwatch::Stopwatch;
use std::cell::RefCell;
use std::path::Path;
use std::time::Duration;

/// How often each contender runs: alice may open 2,000 sessions at once.
const ROUNDS: usize = 700;
/// And how often before that.
const WARM: usize = 50;
/// How long a rest after each: jitd notes that a session ended when its sudo is gone.
const REST: Duration = Duration::from_millis(3);
/// And where a process is moved into a cgroup: a move that soon follows another one waits for no grace period, and people are slower.
const LONG_REST: Duration = Duration::from_millis(60);
const FEWER: usize = 250;

/// The contenders.
const STOCK: &str = "the stock stack";
const AGAIN: &str = "the stock stack again";
const ACCOUNT: &str = "with our account line";
const ALL: &str = "with our account and session lines";
const C: &str = "with C: mkdir, move, fdatasync";

/// Measures.
pub fn run(place: &Path) {
    pin_to_one_core();
    let own = Own::enter();
    let host = start(place, |host| host.services(&[]));
    host.grant("alice", "sudo --for 4h", "carol");
    let stacks = Stacks::of(&host, "sudo");
    let c = format!("{} {} {}", compiled(place).display(), own.cgroup.display(), place.join("log-of-c").display());
    let watch = RefCell::new(Stopwatch::start(&host, &host.user("alice"), "sudo -n true"));
    let without = [(STOCK, stacks.stock()), (ACCOUNT, stacks.account()), (AGAIN, stacks.stock())];
    let results = contest("Whole `sudo -n true`", &without, &stacks, &watch).rest(REST).run(ROUNDS);
    results.say(&[]);
    results.say_paired(AGAIN, STOCK, None);
    results.say_paired(ACCOUNT, STOCK, Some(1.06));
    with_and_without(|mounted| {
        let with = [(STOCK, stacks.stock()), (C, stacks.session(&c)), (ALL, stacks.all())];
        let results =
            contest(&format!("Whole `sudo -n true`, with a session, cgroups {mounted}"), &with, &stacks, &watch).rest(LONG_REST).run(FEWER);
        results.say(&[]);
        results.say_paired(ALL, C, Some(1.1));
        results.say_paired(ALL, STOCK, None);
    });
}

fn contest<'a>(
    about: &str,
    contenders: &'a [(&'static str, String)],
    stacks: &'a Stacks<'_>,
    watch: &'a RefCell<Stopwatch>,
) -> Contest<'a> {
    let mut contest = Contest::new(about).warm(WARM);
    for (name, stack) in contenders {
        contest.enter_timed(name, move || {
            stacks.put(stack);
            watch.borrow_mut().run()
        });
    }
    contest
}
