//! Whole `ssh host true`: real sshd on loopback with a key, with its stock stack and with our lines.

use crate::c_module::compiled;
use crate::cgroup::Own;
use crate::check::pin_to_one_core;
use crate::contest::Contest;
use crate::favoured::with_and_without;
use crate::host::{Stacks, start};
use crate::say;
use crate::stopwatch::Stopwatch;
use std::cell::RefCell;
use std::path::Path;
use std::time::Duration;

/// How often each contender runs.
const ROUNDS: usize = 100;
/// And how often before that.
const WARM: usize = 5;
/// How long a rest after each: sshd and jitd go on for a moment when the client is gone.
const REST: Duration = Duration::from_millis(20);

/// The contenders.
const STOCK: &str = "the stock stack";
const AGAIN: &str = "the stock stack again";
const C: &str = "with C: mkdir, move, fdatasync";
const OURS: &str = "with our lines";

/// Measures.
pub fn run(place: &Path) {
    pin_to_one_core();
    let own = Own::enter();
    let host = start(place, |host| host.services(&[]));
    host.grant("alice", "ssh --for 4h", "carol");
    let stacks = Stacks::of(&host, "sshd");
    let c = format!("{} {} {}", compiled(place).display(), own.cgroup.display(), place.join("log-of-c").display());
    let watch = RefCell::new(Stopwatch::start(&host, &host.root(), &host.ssh("alice").options("-q").line("true")));
    with_and_without(|mounted| {
        let mut contest = Contest::new(format!("Whole `ssh host true`, cgroups {mounted}")).warm(WARM).rest(REST);
        for (name, stack) in [(STOCK, stacks.stock()), (C, stacks.session(&c)), (OURS, stacks.all()), (AGAIN, stacks.stock())] {
            let (stacks, watch) = (&stacks, &watch);
            contest.enter_timed(name, move || {
                stacks.put(&stack);
                watch.borrow_mut().run()
            });
        }
        let results = contest.run(ROUNDS);
        results.say(&[]);
        results.say_paired(AGAIN, STOCK, None);
        results.say_paired(C, STOCK, None);
        results.say_paired(OURS, STOCK, None);
        // The noise: where the middle half of the runs of the same stack is beside itself.
        let ([_, most], ours) = (results.paired(AGAIN, STOCK).middle_half(), results.paired(OURS, STOCK).median());
        let within = say::goal(&format!("{most:.3} times, as in the middle half of {AGAIN}"), ours <= most);
        say::figure("with our lines, within the noise of stock against stock", &format!("{ours:.3} times"), &within);
    });
}
