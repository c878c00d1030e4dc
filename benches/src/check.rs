//! A check: over the socket, and in process through libpam, beside other modules.

use crate::contest::Contest;
use crate::daemon::{Daemon, built};
use crate::echo::Echo;
use crate::{peers, say};
use jit_proto::client::{Connection, Patience, Trust};
use jit_proto::pam::{Entry, PamAnswer, PamAsk, Question, Verdict, Who};
use std::path::Path;
use std::time::{Duration, Instant};

/// How often each contender runs.
pub const ROUNDS: usize = 2_000;

/// Measures.
pub fn run(place: &Path) {
    pin_to_one_core();
    let daemon = Daemon::start(place);
    let socket = place.join("run/pam.sock");
    let echo = Echo::start(&place.join("echo.sock"));

    let mut over_socket = Contest::new("A check over the socket");
    over_socket.enter("bare tokio echo of the same frames", || echo.round_trip());
    over_socket.enter("jitd", || check(&socket));
    over_socket.run(ROUNDS).say(&[("jitd", "bare tokio echo of the same frames", 1.3)]);

    peers::run(place, &socket);

    say::title("Sizes");
    let idle = daemon.resident_kb() as f64 / 1000.0;
    say::figure("idle memory of jitd, resident", &format!("{idle:.1} MB"), &say::goal("12 MB", idle <= 12.0));
    let module = stripped_size(&built("libpam_jit.so")) / 1000;
    say::figure("stripped module", &format!("{module} KB"), &say::goal("500 KB", module <= 500));
}

/// Both ends of what follows run on one core: wake-ups across cores are slow and erratic.
pub fn pin_to_one_core() {
    pin_to(1);
}

/// From now on this thread, and what it starts, runs on this core.
pub fn pin_to(core: usize) {
    let mut cores = nix::sched::CpuSet::new();
    cores.set(core).unwrap();
    // On a machine with one core there is nothing to pin to.
    let _ = nix::sched::sched_setaffinity(nix::unistd::Pid::from_raw(0), &cores);
}

/// One check, as the module makes it.
pub fn check(socket: &Path) {
    assert_eq!(try_check(socket), Some(Verdict::Allowed));
}

/// Waits until jitd has read its record: it answers before, and lets nobody in.
pub fn await_record(socket: &Path) {
    let began = Instant::now();
    while try_check(socket) != Some(Verdict::Allowed) {
        assert!(began.elapsed() < Duration::from_secs(120), "jitd does not come up");
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// The same, where jitd may not be ready.
fn try_check(socket: &Path) -> Option<Verdict> {
    let mut patience = Patience::of(Duration::from_secs(2));
    let connection = Connection::open(socket, Trust::RootOnly, &mut patience).ok()?;
    connection.send(&question(), &mut patience).ok()?;
    let answer: PamAnswer = connection.receive(&mut patience).ok()?;
    Some(answer.verdict)
}

/// The question that every contender carries.
pub fn question() -> PamAsk {
    let who = Who::Name("root".to_owned());
    let entry = Entry { service: "bench".to_owned(), who, run_as: Some("root".to_owned()), from: None, tty: None };
    PamAsk { token: 1, observe: false, question: Question::Check(entry) }
}

fn stripped_size(module: &Path) -> u64 {
    let stripped = module.with_extension("stripped");
    let status = std::process::Command::new("strip").arg("-o").arg(&stripped).arg(module).status().unwrap();
    assert!(status.success());
    let size = std::fs::metadata(&stripped).unwrap().len();
    std::fs::remove_file(stripped).unwrap();
    size
}
