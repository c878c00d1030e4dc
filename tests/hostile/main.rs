//! A client that means no good, for the tests: sends what no jit and no module would, and expects to be refused each time.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a check that fails says so by panicking"
)]

mod crowd;
mod flood;
mod impostor;
mod pam;
mod recycle;
mod user;

use jit_proto::client::Patience;
use std::path::Path;
use std::time::Duration;

fn main() {
    let arguments: Vec<_> = std::env::args().collect();
    let socket = Path::new(&arguments[1]);
    let words: Vec<_> = arguments[2..].iter().map(String::as_str).collect();
    match words.as_slice() {
        ["user"] => user::all_refused(socket),
        ["caps"] => user::each_cap(socket),
        ["pam"] => pam::all_refused(socket),
        ["hold"] => crowd::hold(socket),
        ["ask", times] => crowd::ask(socket, times.parse().unwrap()),
        ["knock", times] => crowd::knock(socket, times.parse().unwrap(), 0),
        ["knock", times, first] => crowd::knock(socket, times.parse().unwrap(), first.parse().unwrap()),
        ["flood", way] => flood::flood(socket, way),
        ["checks", times] => flood::checks(socket, times.parse().unwrap()),
        ["forge"] => pam::forge(socket),
        ["serve"] => impostor::serve(socket),
        ["recycle", when, jitd, id] => recycle::recycle(socket, when, nix::unistd::Pid::from_raw(jitd.parse().unwrap()), id),
        _ => panic!("{words:?}"),
    }
}

fn patience() -> Patience {
    Patience::of(Duration::from_secs(5))
}
