//! What it costs that a session is bound, beside a module of twenty lines of C that makes such a cgroup and moves into it.
//!
//! Moving a process waits for an RCU grace period of the kernel, unless the hierarchy is mounted with `favordynmods`.

use crate::c_module::compiled;
use crate::cgroup::Own;
use crate::check::pin_to_one_core;
use crate::contest::Contest;
use crate::daemon::{Daemon, built};
use crate::{mounts, stacks};
use jit_tests::cgroup::mount;
use nix::mount::{MntFlags, MsFlags, umount2};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// How often each contender runs.
const ROUNDS: usize = 200;

/// The hierarchy mounted with `favordynmods`. It is one for all mounts, so it goes back with this.
struct Favoured {
    mount: PathBuf,
    before: String,
}

/// The options of the hierarchy's own.
fn options() -> String {
    let mounts = std::fs::read_to_string("/proc/self/mountinfo").unwrap();
    let of_all = mounts.lines().find_map(|line| line.split_once(" - cgroup2 ")).and_then(|(_, rest)| rest.split(' ').nth(1));
    let options = of_all.unwrap().split(',').filter(|option| !["rw", "ro"].contains(option));
    options.collect::<Vec<_>>().join(",")
}

/// The system call and not mount(8), which keeps what is not named.
fn remount(mount: &Path, options: &str) -> bool {
    let flags = MsFlags::MS_REMOUNT | MsFlags::MS_RELATIME;
    nix::mount::mount(Some("none"), mount, None::<&str>, flags, Some(options)).is_ok()
}

impl Favoured {
    fn begin() -> Option<Self> {
        let favoured = Self { mount: mount(), before: options() };
        let with = format!("{},favordynmods", favoured.before);
        (!favoured.before.contains("favordynmods") && remount(&favoured.mount, with.trim_start_matches(','))).then_some(favoured)
    }
}

impl Drop for Favoured {
    fn drop(&mut self) {
        assert!(remount(&self.mount, &self.before) && options() == self.before, "the hierarchy stays mounted with favordynmods");
    }
}

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
    contest(&stacks, "as it is mounted here");
    match Favoured::begin() {
        Some(favoured) => {
            contest(&stacks, "mounted with favordynmods");
            drop(favoured);
        }
        None => eprintln!("the hierarchy cannot be mounted with favordynmods here"),
    }
    drop(daemon);
}
