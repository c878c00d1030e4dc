//! kill -9 at any moment: what was acknowledged is there afterwards.

use jit_tests::Host;
use std::sync::atomic::{AtomicBool, Ordering};

/// How often jitd is killed.
fn kills() -> usize {
    if jit_tests::is_full_run() { 1000 } else { 50 }
}

/// What a client was told, last, about its grant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Told {
    Held,
    NotHeld,
    /// An act was on its way when jitd was killed: both are possible.
    Unsure,
}

/// One client asks for su without approval and drops it again, in turns, and keeps what it was told.
fn client(host: &Host, user: &str, stop: &AtomicBool, mut told: Told) -> Told {
    while !stop.load(Ordering::Relaxed) {
        let (act, then) = if told == Told::Held {
            ("jit drop", Told::NotHeld)
        } else {
            ("jit request su --as erin --reason x --json >/dev/null", Told::Held)
        };
        told = match host.user(user).run(act).code {
            0 => then,
            // Refused: it was done before, or is not possible; the record says which.
            1 | 5 => Told::Unsure,
            _ => return Told::Unsure,
        };
        if told == Told::Unsure {
            return told;
        }
    }
    told
}

#[test]
fn every_acknowledged_grant_and_revocation_survives_kill_9() {
    let policy = "version = 1\n[[grant]]\nname = \"own\"\nwho = [\"any\"]\non = [\"su\"]\nas = [\"erin\"]\napprove = []\n";
    let host = Host::with(|host| host.people().policy(policy)).start();
    let users = ["alice", "bob", "carol", "dave", "alice-adm", "frank"];
    for round in 0..kills() {
        let stop = AtomicBool::new(false);
        let held = |user: &str| !host.user(user).run("jit status --json").succeeds().json()["grants"].as_array().unwrap().is_empty();
        let before: Vec<_> = users.iter().map(|user| if held(user) { Told::Held } else { Told::NotHeld }).collect();
        let told: Vec<_> = std::thread::scope(|scope| {
            let clients: Vec<_> =
                users.iter().zip(&before).map(|(user, before)| scope.spawn(|| client(&host, user, &stop, *before))).collect();
            // Others look and are refused meanwhile.
            for (other, does) in [("bob", "sudo -n true"), ("erin", "jit list --all")] {
                let (host, stop) = (&host, &stop);
                scope.spawn(move || while !stop.load(Ordering::Relaxed) && host.user(other).run(does).code != 3 {});
            }
            // A moment that differs from round to round, and that no client knows of.
            let moment = std::time::Duration::from_millis((round as u64 * 37) % 150);
            std::thread::sleep(moment);
            host.jitd().kill();
            stop.store(true, Ordering::Relaxed);
            clients.into_iter().map(|client| client.join().unwrap()).collect()
        });
        host.jitd().start();
        for (user, told) in users.iter().zip(told) {
            match told {
                Told::Held => assert!(held(user), "round {round}: {user} was granted it, and it is gone"),
                Told::NotHeld => assert!(!held(user), "round {round}: {user} gave it back, and has it again"),
                Told::Unsure => {}
            }
        }
    }
    host.root().run("jit audit verify").succeeds().says("whole");
}
