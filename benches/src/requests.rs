//! Requests and approvals a second, each on disk before it is answered, from many users: the limits of each are in force.

use crate::contest::median;
use crate::daemon::Daemon;
use crate::people::{act, approve, request};
use crate::{mounts, say};
use jit_proto::user::{Act, UserAnswer};
use std::fmt::Write as _;
use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, Write as _};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Instant;

/// How many processes ask at the same time, in turn, and how many requests each of them makes in one turn, and then approves.
const CLIENTS: [(usize, usize); 2] = [(1, 100), (32, 20)];
/// How often they do.
const TURNS: usize = 7;
/// How often the floor is tried in one turn.
const FLOOR: usize = 200;

/// How many requests each user makes, and each approver approves: so many may be pending, and fewer than may be done in a minute.
const EACH: usize = 10;
/// The first uids of both, and their groups.
const ASKERS: usize = 40_000;
const LEADS: usize = 50_000;

/// How many users a process is that makes so many requests in a turn.
fn users(requests: usize) -> usize {
    (requests * TURNS).div_ceil(EACH)
}

/// The uid of a user, or of an approver.
fn uid(first: usize, number: usize) -> u32 {
    u32::try_from(first + number).unwrap()
}

/// The users in the machine's own files, for this process and its children.
fn make_users(place: &Path) {
    let read = |file: &str| std::fs::read_to_string(file).unwrap();
    let (mut passwd, mut group) = (read("/etc/passwd"), read("/etc/group"));
    let most: usize = CLIENTS.iter().map(|(clients, requests)| clients * users(*requests)).sum();
    for (name, first) in [("asker", ASKERS), ("lead", LEADS)] {
        let _ = writeln!(group, "bench-{name}s:x:{first}:");
        for uid in first..first + most {
            let _ = writeln!(passwd, "{name}{uid}:x:{uid}:{first}::/nonexistent:/bin/false");
        }
    }
    mounts::cover(place, "/etc/passwd", &passwd);
    mounts::cover(place, "/etc/group", &group);
    for file in ["/etc/passwd", "/etc/group"] {
        std::fs::set_permissions(file, PermissionsExt::from_mode(0o644)).unwrap();
    }
}

fn policy() -> String {
    let run_as: Vec<_> = (0..EACH).map(|number| format!("\"service-{number}\"")).collect();
    format!(
        "version = 1\n[[grant]]\nname = \"bench\"\nwho = [\"group:bench-askers\"]\non = [\"bench\"]\nas = [{}]\napprove = [ {{ by = [\"group:bench-leads\"] }} ]\n",
        run_as.join(", ")
    )
}

/// A process that is some of the users; it ends with this.
struct Asker {
    child: Child,
    tell: ChildStdin,
    said: BufReader<ChildStdout>,
}

impl Asker {
    /// The users from this one on.
    fn start(socket: &Path, first: usize, users: usize) -> Self {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.arg("asker").arg(socket).args([first, users].map(|number| number.to_string()));
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let (tell, said) = (child.stdin.take().unwrap(), BufReader::new(child.stdout.take().unwrap()));
        Self { child, tell, said }
    }

    fn tell(&mut self, what: &str) {
        writeln!(self.tell, "{what}").unwrap();
    }

    fn wait(&mut self) {
        let mut line = String::new();
        self.said.read_line(&mut line).unwrap();
        assert_eq!(line, "done\n", "a client ended");
    }
}

impl Drop for Asker {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What such a process does: `request N`, and `approve` for all that it requested and did not approve yet.
pub fn serve(socket: &Path, first: usize, users: usize) {
    // jitd looks an account up once a minute; that is no part of what is measured.
    for number in first..first + users {
        for all in [ASKERS, LEADS] {
            let status = act(socket, uid(all, number), Act::Status);
            assert!(matches!(status, UserAnswer::Status(_)), "{status:?}");
        }
    }
    println!("done");
    let (mut requested, mut approved, mut pending) = (0, 0, Vec::new());
    for line in std::io::stdin().lines() {
        match line.unwrap().split_once(' ') {
            Some((_, count)) => {
                for _ in 0..count.parse::<usize>().unwrap() {
                    let (user, run_as) = (uid(ASKERS, first + requested / EACH), format!("service-{}", requested % EACH));
                    pending.push(request(socket, user, "bench", &run_as));
                    requested += 1;
                }
            }
            None => {
                for id in pending.drain(..) {
                    let _ = approve(socket, uid(LEADS, first + approved / EACH), &id);
                    approved += 1;
                }
            }
        }
        println!("done");
    }
}

/// How many a second these clients get done.
fn rate(clients: &mut [Asker], what: &str, count: usize) -> f64 {
    let began = Instant::now();
    clients.iter_mut().for_each(|client| client.tell(what));
    clients.iter_mut().for_each(Asker::wait);
    count as f64 / began.elapsed().as_secs_f64()
}

/// How often a second 256 bytes more are on disk.
fn floor(file: &mut File) -> f64 {
    let began = Instant::now();
    for _ in 0..FLOOR {
        file.write_all(&[b'x'; 256]).unwrap();
        file.sync_data().unwrap();
    }
    FLOOR as f64 / began.elapsed().as_secs_f64()
}

/// Measures.
pub fn run(place: &Path) {
    std::fs::set_permissions(place, PermissionsExt::from_mode(0o755)).unwrap();
    mounts::begin();
    make_users(place);
    let _daemon = Daemon::start_with(place, &policy());
    let socket: PathBuf = place.join("run/user.sock");
    let mut file = OpenOptions::new().create(true).append(true).open(place.join("floor")).unwrap();
    say::title("Requests and approvals a second, each on disk before it is answered, median");
    let mut next = 0;
    for (clients, requests) in CLIENTS {
        let (first, users) = (next, users(requests));
        next += clients * users;
        let mut askers: Vec<_> = (0..clients).map(|client| Asker::start(&socket, first + client * users, users)).collect();
        askers.iter_mut().for_each(Asker::wait);
        let (mut floors, mut requested, mut approved) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..TURNS {
            floors.push(floor(&mut file));
            requested.push(rate(&mut askers, &format!("request {requests}"), clients * requests));
            approved.push(rate(&mut askers, "approve", clients * requests));
        }
        let floor = median(floors);
        let who = if clients == 1 { "1 client".to_owned() } else { format!("{clients} clients") };
        say::figure(&format!("{who}; floor: 256 bytes and fdatasync, one after the other"), &format!("{floor:.0}"), "");
        for (what, rates) in [("requests", requested), ("approvals", approved)] {
            let rate = median(rates);
            say::figure(&format!("{who}, {what}"), &format!("{rate:.0}, {:.2} times the floor", rate / floor), "");
        }
    }
}
