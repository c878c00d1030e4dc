//! Whole `sudo -n true`: real sudo with Debian's own stack, and what our lines add to it.

use crate::c_module::compiled;
use crate::cgroup::Own;
use crate::check::pin_to_one_core;
use crate::contest::Contest;
use crate::host::{Stacks, start};
use crate::stopwatch::Stopwatch;
use std::cell::RefCell;
use std::path::Path;
use std::time::Duration;

/// How often each contender runs: alice may open 2,000 sessions at once.
const ROUNDS: usize = 1_000;
/// And how often before that.
const WARM: usize = 50;
/// How long a rest after each: jitd notes that a session ended when its sudo is gone.
const REST: Duration = Duration::from_millis(3);

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
    let mut contest = Contest::new("Whole `sudo -n true`").warm(WARM).rest(REST);
    for (name, stack) in
        [(STOCK, stacks.stock()), (ACCOUNT, stacks.account()), (C, stacks.session(&c)), (ALL, stacks.all()), (AGAIN, stacks.stock())]
    {
        let (stacks, watch) = (&stacks, &watch);
        contest.enter_timed(name, move || {
            stacks.put(&stack);
            watch.borrow_mut().run()
        });
    }
    let results = contest.run(ROUNDS);
    results.say(&[]);
    results.say_paired(AGAIN, STOCK, None);
    results.say_paired(ACCOUNT, STOCK, Some(1.06));
    results.say_paired(ALL, C, Some(1.1));
    results.say_paired(ALL, STOCK, None);
}
