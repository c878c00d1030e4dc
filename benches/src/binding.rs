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
use std::path::{Path, PathBuf};
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

/// Where the time goes, without a cgroup: what a session takes more that asks more, or waits for more.
fn taken_apart(stacks: &Path, observing: &Path, in_memory: &Path) {
    let mut contest = Contest::new("pam_open_session without a cgroup, taken apart");
    let [nothing, asks, remembers, records] =
        ["pam_permit", "pam_jit that observes: one question", "pam_jit, its record in memory", "pam_jit, its record on the disk"];
    for (name, stacks, service) in
        [(nothing, stacks, "nothing"), (asks, observing, "bench"), (remembers, in_memory, "bench"), (records, stacks, "bench")]
    {
        contest.enter_timed(name, move || opened(stacks, service, UNMOUNTED));
    }
    let results = contest.run(ROUNDS);
    results.say(&[]);
    for (with, without) in [(asks, nothing), (remembers, asks), (records, remembers)] {
        results.say_more(with, without, records);
    }
}

/// Our lines, for a socket, and with something behind them.
fn lines_of(socket: &Path, more: &str) -> String {
    let (ours, socket) = (built("libpam_jit.so"), socket.display());
    let ours = ours.display();
    format!("session required {ours} socket={socket}{more}\nsession required {ours} enter socket={socket}{more}\n")
}

/// Writes stacks below a folder. libpam loads the modules of all phases at the first: in sudo that is not the session.
fn written<const MANY: usize>(place: &Path, stacks: [(&'static str, String); MANY]) -> PathBuf {
    stacks::write(place, stacks.map(|(service, stack)| (service, format!("account required pam_permit.so\n{stack}"))))
}

/// A day on which one may still observe.
fn some_day() -> String {
    let date = Command::new("date").args(["-d", "+30 days", "+%F"]).output().unwrap();
    String::from_utf8(date.stdout).unwrap().trim().to_owned()
}

/// Measures.
pub fn run(place: &Path) {
    pin_to_one_core();
    let own = Own::enter();
    let daemon = Daemon::start(place);
    let (theirs, cgroup) = (compiled(place), own.cgroup.display());
    let (theirs, log, socket) = (theirs.display(), place.join("log-of-c"), place.join("run/pam.sock"));
    let stacks = written(
        place,
        [
            ("nothing", "session required pam_permit.so\n".to_owned()),
            ("c", format!("session required {theirs} {cgroup}\n")),
            ("c-disk", format!("session required {theirs} {cgroup} {}\n", log.display())),
            ("bench", lines_of(&socket, "")),
        ],
    );
    let (observing, memory) = (place.join("observing"), tempfile::tempdir_in("/run").unwrap());
    std::fs::create_dir(&observing).unwrap();
    // Lines that only observe say neither yes nor no; somebody must.
    let lines = lines_of(&socket, &format!(" observe={}", some_day()));
    let observing = written(&observing, [("bench", format!("{lines}session required pam_permit.so\n"))]);
    let other = Daemon::start(memory.path());
    let in_memory = written(memory.path(), [("bench", lines_of(&memory.path().join("run/pam.sock"), ""))]);
    taken_apart(&stacks, &observing, &in_memory);
    drop(other);
    with_and_without(|mounted| contest(&stacks, mounted));
    drop(daemon);
}
