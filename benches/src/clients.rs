//! Checks a second from many clients at once: jitd on one core, the clients on the other.

use crate::check::{check, pin_to};
use crate::contest::median;
use crate::daemon::Daemon;
use crate::echo::Echo;
use crate::say;
use std::path::Path;
use std::time::{Duration, Instant};

/// How many clients there are, in turn.
const CLIENTS: [usize; 3] = [1, 8, 64];
/// How long each contender is asked in one turn, and how often it has one.
const TURN: Duration = Duration::from_millis(400);
const TURNS: usize = 11;
/// The goal, where there are clients enough.
const LEAST: f64 = 15_000.0;

/// How often a second so many clients get through, each one after the other.
fn rate(clients: usize, ask: &(impl Fn() + Sync)) -> f64 {
    let began = Instant::now();
    let client = || {
        let mut answered = 0_u32;
        while began.elapsed() < TURN {
            ask();
            answered += 1;
        }
        answered
    };
    let answered: u32 = std::thread::scope(|scope| {
        let clients: Vec<_> = (0..clients).map(|_| scope.spawn(client)).collect();
        clients.into_iter().map(|client| client.join().unwrap()).sum()
    });
    f64::from(answered) / began.elapsed().as_secs_f64()
}

/// Measures.
pub fn run(place: &Path) {
    pin_to(0);
    let (daemon, echo) = (Daemon::start(place), Echo::start(&place.join("echo.sock")));
    pin_to(1);
    let socket = place.join("run/pam.sock");
    say::title("Checks a second, jitd on one core and the clients on the other, median");
    for clients in CLIENTS {
        let (mut floor, mut ours, mut busy) = (Vec::new(), Vec::new(), Duration::ZERO);
        let _ = rate(clients, &|| check(&socket));
        for _ in 0..TURNS {
            floor.push(rate(clients, &|| echo.round_trip()));
            let before = daemon.busy();
            ours.push(rate(clients, &|| check(&socket)));
            busy += daemon.busy() - before;
        }
        let (floor, ours) = (median(floor), median(ours));
        let who = if clients == 1 { "1 client".to_owned() } else { format!("{clients} clients") };
        say::figure(&format!("{who}, bare tokio echo of the same frames"), &format!("{floor:.0}"), "");
        let goal = if clients == 1 { String::new() } else { say::goal_of(&format!("at least {LEAST}"), ours >= LEAST) };
        say::figure(&format!("{who}, jitd"), &format!("{ours:.0}, {:.2} times the echo", ours / floor), &goal);
        let own = busy.as_secs_f64() * 1e6 / (ours * (TURN * TURNS as u32).as_secs_f64());
        say::figure(&format!("{who}: jitd's own time for each"), &format!("{own:.0} us"), "");
    }
}
