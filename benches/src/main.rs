//! First figures, each with its floor and its peers in the same run, both ends on one core:
//!
//! `cargo build --release --workspace && cargo run --release -p jit_benches`
//!
//! With the word `record` behind it: the record of a million events alone.
//!
//! Blocks of runs drift by 10 % on a shared machine, so the contenders take turns, run by run.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a benchmark that fails says so by panicking"
)]

mod contest;
mod daemon;
mod echo;
mod policy;
mod record;
mod report;
mod stacks;

use contest::Contest;
use daemon::Daemon;
use echo::Echo;
use jit_proto::client::{Connection, Patience, Trust};
use jit_proto::pam::{Entry, PamAnswer, PamAsk, Question, Verdict, Who};
use std::path::Path;
use std::time::Duration;

/// How often each contender runs.
const ROUNDS: usize = 2_000;

fn main() {
    let arguments: Vec<_> = std::env::args().collect();
    if let [_, echo, socket] = arguments.as_slice()
        && echo == "echo"
    {
        return echo::serve(Path::new(socket));
    }
    if let [_, open, path] = arguments.as_slice()
        && open == "open"
    {
        return record::open(Path::new(path));
    }
    if let [_, one] = arguments.as_slice()
        && one == "record"
    {
        return in_a_place_of_its_own(record::run);
    }
    match arguments.as_slice() {
        [_, peak, command @ ..] if peak == "peak" => return report::peak(command),
        [_, one] if one == "report" => return in_a_place_of_its_own(report::run),
        _ => {}
    }
    pin_to_one_core();
    if let [_, alone] = arguments.as_slice()
        && alone == "policy"
    {
        return policy::run();
    }
    let place = tempfile::Builder::new().prefix("jit-bench").tempdir_in("/run").expect("benchmarks run as root");
    let daemon = Daemon::start(place.path());
    let socket = place.path().join("run/pam.sock");
    let echo = Echo::start(&place.path().join("echo.sock"));

    let mut over_socket = Contest::new("a check over the socket");
    over_socket.enter("bare tokio echo of the same frames", || echo.round_trip());
    over_socket.enter("jitd", || check(&socket));
    over_socket.run(ROUNDS).print(&[("jitd", "bare tokio echo of the same frames", 1.3)]);

    let stacks = stacks::write(place.path(), &socket);
    let mut in_process = Contest::new("pam_start_confdir + pam_acct_mgmt + pam_end");
    for (name, service) in [("pam_permit", "permit"), ("pam_unix", "unix"), ("pam_jit", "bench")] {
        let stacks = stacks.clone();
        in_process.enter(name, move || stacks::account(&stacks, service));
    }
    in_process.run(ROUNDS).print(&[("pam_jit", "pam_permit", 2.2), ("pam_jit", "pam_unix", 0.5)]);

    policy::run();
    in_a_place_of_its_own(record::run);
    in_a_place_of_its_own(report::run);
    println!("\nidle memory of jitd: {:.1} MB resident (goal: at most 12)", daemon.resident_kb() as f64 / 1000.0);
    println!("stripped module: {} KB (goal: at most 500)", stripped_size(&daemon::built("libpam_jit.so")) / 1000);
}

fn in_a_place_of_its_own(run: impl FnOnce(&Path)) {
    let place = tempfile::Builder::new().prefix("jit-bench").tempdir_in("/var/tmp").expect("there is a disk");
    run(place.path());
}

fn pin_to_one_core() {
    let mut cores = nix::sched::CpuSet::new();
    cores.set(1).or_else(|_| cores.set(0)).unwrap();
    // On a machine with one core there is nothing to pin to.
    let _ = nix::sched::sched_setaffinity(nix::unistd::Pid::from_raw(0), &cores);
}

/// One check, as the module makes it.
fn check(socket: &Path) {
    let mut patience = Patience::of(Duration::from_secs(2));
    let connection = Connection::open(socket, Trust::RootOnly, &mut patience).unwrap();
    connection.send(&question(), &mut patience).unwrap();
    let answer: PamAnswer = connection.receive(&mut patience).unwrap();
    assert_eq!(answer.verdict, Verdict::Allowed);
}

/// The question that every contender carries.
fn question() -> PamAsk {
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
