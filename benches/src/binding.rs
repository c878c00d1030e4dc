//! What it costs that a session is bound, beside a module of twenty lines of C that makes such a cgroup and moves into it.
//!
//! Moving a process waits for an RCU grace period of the kernel, unless the hierarchy is mounted with `favordynmods`.

use crate::check::pin_to_one_core;
use crate::contest::Contest;
use crate::daemon::{Daemon, built};
use crate::stacks;
use nix::mount::{MntFlags, MsFlags, umount2};
use nix::sched::{CloneFlags, unshare};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// How often each contender runs.
const ROUNDS: usize = 200;

/// The other module: below the cgroup of its first argument it makes one and moves into it; with a second argument it also
/// writes 256 bytes to that file, and waits until they are on disk. At the close it moves back and removes the cgroup.
const C: &str = r#"
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>
#include <security/pam_modules.h>
static int put(const char *path, const char *text, size_t size, int more) {
    int file = open(path, O_WRONLY | more, 0600);
    int done = file >= 0 && write(file, text, size) == (ssize_t)size && (!more || fdatasync(file) == 0);
    if (file >= 0) close(file);
    return done;
}
static int move(const char *cgroup) {
    char procs[4096];
    snprintf(procs, sizeof procs, "%s/cgroup.procs", cgroup);
    return put(procs, "0", 1, 0);
}
int pam_sm_open_session(pam_handle_t *handle, int flags, int argc, const char **argv) {
    char own[4000], line[256] = "session.opened";
    snprintf(own, sizeof own, "%s/c-%d", argv[0], getpid());
    int written = argc < 2 || put(argv[1], line, sizeof line, O_CREAT | O_APPEND);
    return written && mkdir(own, 0755) == 0 && move(own) ? PAM_SUCCESS : PAM_SESSION_ERR;
}
int pam_sm_close_session(pam_handle_t *handle, int flags, int argc, const char **argv) {
    char own[4000];
    snprintf(own, sizeof own, "%s/c-%d", argv[0], getpid());
    return move(argv[0]) && rmdir(own) == 0 ? PAM_SUCCESS : PAM_SESSION_ERR;
}
"#;

fn compiled(place: &Path) -> PathBuf {
    let (source, module) = (place.join("pam_c.c"), place.join("pam_c.so"));
    std::fs::write(&source, C).unwrap();
    assert!(Command::new("cc").args(["-O2", "-shared", "-fPIC", "-o"]).arg(&module).arg(&source).status().unwrap().success());
    module
}

/// Where cgroup v2 is mounted.
fn mount() -> PathBuf {
    let mounts = std::fs::read_to_string("/proc/self/mountinfo").unwrap();
    let mounted = mounts.lines().find(|line| line.contains(" - cgroup2 ")).and_then(|line| line.split(' ').nth(4));
    PathBuf::from(mounted.expect("cgroup v2 is mounted somewhere"))
}

/// A cgroup of the benchmark's own, in which it is; it goes back with this.
struct Own {
    before: PathBuf,
    cgroup: PathBuf,
}

impl Own {
    fn enter() -> Self {
        let (mount, cgroups) = (mount(), std::fs::read_to_string("/proc/self/cgroup").unwrap());
        let path = cgroups.lines().find_map(|line| line.strip_prefix("0::/")).unwrap();
        let (before, cgroup) = (mount.join(path), mount.join(format!("jit-bench-{}", std::process::id())));
        std::fs::create_dir(&cgroup).unwrap();
        std::fs::write(cgroup.join("cgroup.procs"), "0").unwrap();
        Self { before, cgroup }
    }
}

impl Drop for Own {
    fn drop(&mut self) {
        std::fs::write(self.before.join("cgroup.procs"), "0").unwrap();
        // jitd has ended, and everything else below it.
        let removed = Command::new("find").arg(&self.cgroup).args(["-depth", "-type", "d", "-exec", "rmdir", "{}", ";"]).status();
        assert!(removed.is_ok_and(|status| status.success()));
    }
}

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
        unshare(CloneFlags::CLONE_NEWNS).unwrap();
        nix::mount::mount(None::<&str>, "/", None::<&str>, MsFlags::MS_REC | MsFlags::MS_PRIVATE, None::<&str>).unwrap();
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
