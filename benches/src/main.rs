//! Figures, each with its floor and its peers in the same run:
//!
//! `cargo build --release --workspace && target/release/jit_benches`
//!
//! With a name of [`BENCHMARKS`] behind it that one alone; with `--markdown` as the tables of docs/performance.md.
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

mod binding;
mod c_module;
mod cgroup;
mod check;
mod clients;
mod contest;
mod crowd;
mod daemon;
mod echo;
mod ending;
mod expiries;
mod favoured;
mod floods;
mod grants;
mod host;
mod instructions;
mod mounts;
mod peers;
mod people;
mod policy;
mod record;
mod report;
mod requests;
mod say;
mod ssh;
mod sss;
mod stacks;
mod stopwatch;
mod sudo;

use std::path::Path;
use std::process::Command;

/// A benchmark: its name, where its files lie (what waits for no disk must not), and what it does there.
type Benchmark = (&'static str, &'static str, fn(&Path));

/// All of them.
const BENCHMARKS: [Benchmark; 13] = [
    ("check", "/run", check::run),
    ("clients", "/run", clients::run),
    ("policy", "/run", policy::run),
    ("binding", "/var/tmp", binding::run),
    ("sudo", "/var/tmp", sudo::run),
    ("ssh", "/var/tmp", ssh::run),
    ("ending", "/var/tmp", ending::run),
    ("floods", "/var/tmp", floods::run),
    ("requests", "/var/tmp", requests::run),
    ("crowd", "/var/tmp", crowd::run),
    ("expiries", "/var/tmp", expiries::run),
    ("record", "/var/tmp", record::run),
    ("report", "/var/tmp", report::run),
];

fn main() {
    let mut arguments: Vec<_> = std::env::args().skip(1).collect();
    if arguments.iter().any(|argument| argument == "--markdown") {
        arguments.retain(|argument| argument != "--markdown");
        say::as_markdown();
    }
    let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
    match arguments.as_slice() {
        [] => BENCHMARKS.iter().for_each(|(name, ..)| in_a_process_of_its_own(name)),
        // What benchmarks run in processes of their own.
        ["echo", socket] => echo::serve(Path::new(socket)),
        ["open", path] => record::open(Path::new(path)),
        ["peak", command @ ..] => report::peak(command),
        ["stopwatch", program @ ..] => stopwatch::serve(program),
        ["asker", socket, first, users] => requests::serve(Path::new(socket), first.parse().unwrap(), users.parse().unwrap()),
        ["revoker", socket] => ending::serve(Path::new(socket)),
        ["instructions", name] => instructions::run(name),
        ["session", stacks, service, hierarchy] => binding::session(Path::new(stacks), service, hierarchy),
        [name] => match BENCHMARKS.iter().find(|(known, ..)| known == name) {
            Some((_, directory, run)) => {
                let place = tempfile::Builder::new().prefix("jit-bench").tempdir_in(directory).expect("benchmarks run as root");
                run(place.path());
            }
            None => panic!("there is no benchmark of the name {name}; there are {:?}", BENCHMARKS.map(|(known, ..)| known)),
        },
        more => panic!("one name, or none, and not {more:?}"),
    }
}

/// One may hold itself on one core, or move itself to a cgroup: the next one shall not inherit that.
fn in_a_process_of_its_own(name: &str) {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.arg(name).args(say::is_markdown().then_some("--markdown"));
    assert!(command.status().unwrap().success(), "{name} failed");
}
