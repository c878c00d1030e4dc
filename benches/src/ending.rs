//! Revoke to session gone: how long the processes of a session live on once `jit revoke` has its answer, on real sudo.

use crate::cgroup::Own;
use crate::host::start;
use crate::people::{act, approve, request};
use crate::say;
use jit_host::process::Pinned;
use jit_proto::user::{Act, Target, UserAnswer};
use jit_tests::cgroup::mount;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// How many users and approvers there are: each may do thirty acts a minute.
const PEOPLE: u32 = 10;
/// Their first uids: two of a host's accounts come before.
const USERS: u32 = 1003;
const LEADS: u32 = USERS + PEOPLE;
/// The longest that anything is waited for.
const PATIENCE: Duration = Duration::from_secs(30);

/// A session, or what is put beside it.
struct Kind {
    name: &'static str,
    /// What its user runs; none: a bare cgroup with one process, which is killed by its `cgroup.kill`.
    line: Option<&'static str>,
    now: bool,
    rounds: usize,
}

const KINDS: [Kind; 5] = [
    Kind { name: "floor: a cgroup with one process, from before its cgroup.kill is written", line: None, now: true, rounds: 40 },
    Kind { name: "jit revoke --now", line: Some("exec sudo -n sleep 60"), now: true, rounds: 40 },
    Kind { name: "jit revoke, without a terminal: asked to end", line: Some("exec sudo -n sleep 60"), now: false, rounds: 40 },
    Kind {
        name: "jit revoke, on a terminal: a last line, asked to end 300 ms later",
        line: Some("exec script -qefc 'exec sudo -n sleep 60' /dev/null"),
        now: false,
        rounds: 10,
    },
    Kind {
        name: "jit revoke, what does not end: killed after 3 s",
        line: Some("exec sudo -n env --ignore-signal=HUP --ignore-signal=TERM sleep 60"),
        now: false,
        rounds: 5,
    },
];

/// A child that is killed, if need be, and waited for.
struct Reaped(Child);

impl Drop for Reaped {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn wait_for<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let began = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(began.elapsed() < PATIENCE, "waited in vain for {what}");
        std::thread::sleep(Duration::from_micros(50));
    }
}

fn read(path: impl AsRef<Path>) -> String {
    std::fs::read_to_string(path).unwrap_or_default()
}

/// The cgroup of a session in a process, or in one that it started.
fn session_of(pid: u32) -> Option<PathBuf> {
    let cgroups = read(format!("/proc/{pid}/cgroup"));
    let own = cgroups.lines().find_map(|line| line.strip_prefix("0::/"))?;
    if own.rsplit('/').next().is_some_and(|name| name.starts_with("S-")) {
        return Some(mount().join(own));
    }
    let children = read(format!("/proc/{pid}/task/{pid}/children"));
    children.split_whitespace().find_map(|child| session_of(child.parse().ok()?))
}

/// The processes of a cgroup once its `sleep` is among them.
fn processes(cgroup: &Path) -> Option<Vec<Pinned>> {
    let pids: Vec<u32> = read(cgroup.join("cgroup.procs")).lines().filter_map(|pid| pid.parse().ok()).collect();
    let sleeps = pids.iter().any(|pid| read(format!("/proc/{pid}/comm")).trim() == "sleep");
    if sleeps { pids.into_iter().map(Pinned::by_number).collect() } else { None }
}

/// From now until none of them is left.
fn gone(processes: &[Pinned]) -> Duration {
    let began = Instant::now();
    wait_for("the processes to be gone", || processes.iter().all(|process| !process.is_alive()).then_some(()));
    began.elapsed()
}

/// How long it took to kill a bare cgroup.
fn bare() -> [Duration; 2] {
    let cgroup = mount().join(read("/proc/self/cgroup").lines().find_map(|line| line.strip_prefix("0::/")).unwrap()).join("bare");
    std::fs::create_dir(&cgroup).unwrap();
    let mut sleep = Reaped(Command::new("sleep").arg("60").spawn().unwrap());
    std::fs::write(cgroup.join("cgroup.procs"), sleep.0.id().to_string()).unwrap();
    let processes = wait_for("the process", || processes(&cgroup));
    let began = Instant::now();
    std::fs::write(cgroup.join("cgroup.kill"), "1").unwrap();
    let asked = began.elapsed();
    let after = gone(&processes);
    let _ = sleep.0.wait();
    std::fs::remove_dir(&cgroup).unwrap();
    [asked, asked + after]
}

/// How long it took until the revocation was answered, and from there until the session was gone.
fn revoked(socket: &Path, number: u32, line: &str, now: bool) -> [Duration; 2] {
    let (user, lead) = (USERS + number % PEOPLE, LEADS + number % PEOPLE);
    let grant = approve(socket, lead, &request(socket, user, "sudo", "root"));
    let mut command = Command::new("setpriv");
    command.args([format!("--reuid={user}"), format!("--regid={user}")]).args(["--init-groups", "sh", "-c", line]);
    let sudo = Reaped(command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap());
    let cgroup = wait_for("the session", || session_of(sudo.0.id()));
    let processes = wait_for("its processes", || processes(&cgroup));
    let began = Instant::now();
    let answer = act(socket, lead, Act::Revoke { target: Target::Grant(grant), note: None, now });
    let answered = began.elapsed();
    assert!(matches!(answer, UserAnswer::Grants(_)), "{answer:?}");
    [answered, gone(&processes)]
}

/// In the host: prints for each run of each kind both times, in nanoseconds.
pub fn serve(socket: &Path) {
    let mut number = 0;
    let most = KINDS.iter().map(|kind| kind.rounds).max().unwrap_or(0);
    for round in 0..most {
        for (place, kind) in KINDS.iter().enumerate().filter(|(_, kind)| round < kind.rounds) {
            let [first, second] = match kind.line {
                None => bare(),
                Some(line) => {
                    number += 1;
                    revoked(socket, number, line, kind.now)
                }
            };
            println!("{place} {} {}", first.as_nanos(), second.as_nanos());
        }
    }
}

/// The median and the longest, in words.
fn said(mut times: Vec<f64>) -> String {
    times.sort_by(f64::total_cmp);
    format!("{:.2} / {:.2} ms", times[times.len() / 2], times[times.len() - 1])
}

/// Measures.
pub fn run(place: &Path) {
    let _own = Own::enter();
    let host = start(place, |host| {
        let host = (0..PEOPLE).fold(host, |host, number| host.user(&format!("user-{number}"), &["ops"]));
        let host = (0..PEOPLE).fold(host, |host, number| host.user(&format!("lead-{number}"), &["leads"]));
        host.sudoers("%ops ALL=(ALL:ALL) NOPASSWD: ALL\n")
    });
    let ran = host.root().patience(300).run(&format!("{} revoker /run/jit/user.sock", host.built("jit_benches").display())).succeeds();
    let mut times: Vec<[Vec<f64>; 2]> = KINDS.iter().map(|_| Default::default()).collect();
    for line in ran.stdout.lines() {
        let numbers: Vec<f64> = line.split(' ').map(|number| number.parse().unwrap()).collect();
        let of = &mut times[numbers[0] as usize];
        of[0].push(numbers[1] / 1e6);
        of[1].push(numbers[2] / 1e6);
    }
    say::title("Revoke to session gone, on real sudo: median / longest");
    for (kind, [answered, gone]) in KINDS.iter().zip(times) {
        if kind.line.is_some() {
            say::figure(&format!("{}: until it is answered", kind.name), &said(answered), "");
            say::figure(&format!("{}: from the answer until the last process is gone", kind.name), &said(gone), "");
        } else {
            say::figure(kind.name, &said(gone), "");
        }
    }
}
