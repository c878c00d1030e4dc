//! What it costs that a session is bound, beside a module of twenty lines of C that makes such a cgroup and moves into it.
//!
//! One move follows the other so soon here that the kernel waits for no RCU grace period: `sudo` and `ssh` show what that takes.

use crate::c_module::compiled;
use crate::cgroup::Own;
use crate::check::pin_to_one_core;
use crate::contest::Contest;
use crate::daemon::{Daemon, built};
use crate::favoured::with_and_without;
use crate::{mounts, stacks};
use jit_tests::cgroup::mount;
use nix::mount::{MntFlags, umount2};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

/// How often each contender runs.
const ROUNDS: usize = 200;

/// One session, in a process of its own: it says how long opening and closing took, in nanoseconds. Where no hierarchy is
/// mounted the process is not bound to a cgroup.
pub fn session(stacks: &Path, service: &str, hierarchy: &str) {
    if hierarchy == UNMOUNTED {
        mounts::begin();
        umount2(&mount(), MntFlags::MNT_DETACH).unwrap();
    }
    let [opened, closed] = stacks::session(stacks, service);
    println!("{} {}", opened.as_nanos(), closed.as_nanos());
}

/// What [`session`] is told.
const MOUNTED: &str = "mounted";
const UNMOUNTED: &str = "unmounted";

fn opened(stacks: &Path, service: &str, hierarchy: &str) -> Duration {
    let ran = Command::new(std::env::current_exe().unwrap()).arg("session").arg(stacks).args([service, hierarchy]).output().unwrap();
    let said = String::from_utf8(ran.stdout).unwrap();
    let nanos = said.split_whitespace().next().unwrap_or_else(|| panic!("{}", String::from_utf8_lossy(&ran.stderr)));
    Duration::from_nanos(nanos.parse().unwrap())
}

fn contest(stacks: &Path, about: &str) {
    let mut contest = Contest::new(format!("pam_open_session, {about}"));
    let [c, on_disk, unbound, bound] = ["C: mkdir, move", "C: mkdir, move, fdatasync", "pam_jit without a cgroup", "pam_jit"];
    for (name, service, hierarchy) in
        [(c, "c", MOUNTED), (on_disk, "c-disk", MOUNTED), (unbound, "bench", UNMOUNTED), (bound, "bench", MOUNTED)]
    {
        contest.enter_timed(name, move || opened(stacks, service, hierarchy));
    }
    let results = contest.run(ROUNDS);
    results.say(&[]);
    results.say_beside(&[(bound, unbound), (bound, on_disk)]);
    results.say_more(bound, unbound, c);
}

/// Measures.
pub fn run(place: &Path) {
    pin_to_one_core();
    let own = Own::enter();
    let daemon = Daemon::start(place);
    let (theirs, ours) = (compiled(place), built("libpam_jit.so"));
    let (theirs, ours, cgroup) = (theirs.display(), ours.display(), own.cgroup.display());
    let socket = place.join("run/pam.sock");
    let socket = socket.display();
    let log = place.join("log-of-c");
    let stacks = [
        ("c", format!("session required {theirs} {cgroup}\n")),
        ("c-disk", format!("session required {theirs} {cgroup} {}\n", log.display())),
        ("bench", format!("session required {ours} socket={socket}\nsession required {ours} enter socket={socket}\n")),
    ];
    // libpam loads the modules of all phases at the first: in sudo that is not the session.
    let stacks = stacks::write(place, stacks.map(|(service, stack)| (service, format!("account required pam_permit.so\n{stack}"))));
    with_and_without(|mounted| contest(&stacks, mounted));
    drop(daemon);
}
