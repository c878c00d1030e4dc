//! kill -9 at any moment under a mixed load: what was acknowledged is there afterwards.

use jit_tests::{Host, wait_until};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// How often jitd is killed.
fn kills() -> u64 {
    if jit_tests::is_full_run() { 1000 } else { 30 }
}

const POLICY: &str = r#"version = 1
auditors = ["user:erin"]

[[grant]]
name = "own"
who = ["user:alice", "user:frank"]
on = ["su"]
as = ["erin"]
approve = []

[[grant]]
name = "given"
who = ["user:dave", "user:erin"]
on = ["su", "sudo"]
as = ["root", "bob"]
approve = [ { by = ["user:carol", "user:alice-adm"] } ]

[[grant]]
name = "counted"
who = ["user:bob"]
on = ["sudo"]
uses = { max = 1000000 }
approve = []
"#;

/// Somebody who does one thing, then another, in turns; after the first there is something in the list, after the second not.
struct Client {
    does: &'static str,
    first: &'static str,
    second: &'static str,
    /// Where it stands in `jit list --json`, and whose it is.
    list: &'static str,
    of: &'static str,
}

const CLIENTS: [Client; 5] = [
    Client { does: "alice", first: "jit request su --as erin --reason x", second: "jit drop", list: "grants", of: "alice" },
    Client { does: "frank", first: "jit request su --as erin --reason x", second: "jit drop", list: "grants", of: "frank" },
    Client { does: "carol", first: "jit grant dave su --as bob --reason x", second: "jit revoke --user dave", list: "grants", of: "dave" },
    Client {
        does: "alice-adm",
        first: "jit grant erin su --as bob --reason x",
        second: "jit revoke --user erin",
        list: "grants",
        of: "erin",
    },
    Client { does: "dave", first: "jit request sudo --reason x", second: "jit cancel", list: "requests", of: "dave" },
];

/// What a client was told, last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Told {
    There,
    Gone,
    /// An act was on its way when jitd was killed: both are possible.
    Unsure,
}

/// Acts until jitd is gone, and keeps what it was told, and how often it was told something.
fn act(host: &Host, client: &Client, stop: &AtomicBool, mut told: Told) -> (Told, u32) {
    let mut times = 0;
    while !stop.load(Ordering::Relaxed) {
        let (act, then) = if told == Told::There { (client.second, Told::Gone) } else { (client.first, Told::There) };
        let answer = host.user(client.does).run(act);
        if answer.code != 0 || answer.text().contains("not on disk yet") {
            return (Told::Unsure, times);
        }
        told = then;
        times += 1;
    }
    (told, times)
}

/// What there is, as an auditor sees it after a start.
fn listed(host: &Host) -> (Vec<Told>, u64) {
    let look = |which: &str| host.user("erin").run(&format!("jit list {which} --json")).succeeds().json();
    let (active, pending) = (look("--active"), look("--pending"));
    let there = |client: &Client| {
        let list = if client.list == "grants" { &active } else { &pending };
        let there = list[client.list].as_array().unwrap().iter().any(|one| one["user"] == client.of);
        if there { Told::There } else { Told::Gone }
    };
    let counted = active["grants"].as_array().unwrap().iter().find(|grant| grant["user"] == "bob").unwrap();
    (CLIENTS.iter().map(there).collect(), counted["uses"]["taken"].as_u64().unwrap())
}

#[test]
fn everything_that_was_acknowledged_survives_kill_9() {
    let host = Host::with(|host| host.people().policy(POLICY)).start();
    host.user("bob").run("jit request sudo --for 4h --uses 1000000 --reason x").succeeds();
    let (mut before, mut taken) = listed(&host);
    let mut acknowledged = 0;
    let mut longest = Duration::ZERO;
    for round in 0..kills() {
        let stop = AtomicBool::new(false);
        let (told, sessions) = std::thread::scope(|scope| {
            let (host, stop) = (&host, &stop);
            let acting = CLIENTS.iter().zip(&before).map(|(client, before)| scope.spawn(move || act(host, client, stop, *before)));
            let acting: Vec<_> = acting.collect();
            let counted = scope.spawn(move || {
                let mut sessions = 0;
                while host.user("bob").run("sudo -n true").code == 0 && !stop.load(Ordering::Relaxed) {
                    sessions += 1;
                }
                sessions
            });
            // Others look and are refused meanwhile.
            for (other, does) in [("alice", "sudo -n true"), ("erin", "jit audit log --kind grant >/dev/null")] {
                scope.spawn(move || while !stop.load(Ordering::Relaxed) && host.user(other).run(does).code != 3 {});
            }
            // A moment that no client knows of, another each time.
            let moment = round.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40;
            std::thread::sleep(Duration::from_micros(moment % 200_000));
            host.jitd().kill();
            stop.store(true, Ordering::Relaxed);
            let told: Vec<_> = acting.into_iter().map(|client| client.join().unwrap()).collect();
            (told, counted.join().unwrap())
        });
        let began = Instant::now();
        host.jitd().start();
        // A start reads the record, which grows.
        wait_until("jitd to have read its record", || (host.user("erin").run("jit list").code == 0).then_some(()));
        longest = longest.max(began.elapsed());
        let (there, taken_now) = listed(&host);
        for ((client, there), (told, times)) in CLIENTS.iter().zip(&there).zip(told) {
            acknowledged += times;
            assert!(told == Told::Unsure || told == *there, "round {round}: {} was told {told:?}, and it is {there:?}", client.does);
        }
        assert!(taken_now >= taken + sessions, "round {round}: {sessions} came in, {taken} had before, and {taken_now} are on record");
        (before, taken) = (there, taken_now);
        if round % 100 == 99 {
            eprintln!("{} kills, {acknowledged} acts acknowledged, {taken} sessions, the longest start {longest:?}", round + 1);
        }
    }
    assert!(acknowledged > u32::try_from(kills()).unwrap(), "{acknowledged} acts were acknowledged");
    host.root().run("jit audit verify").succeeds().says("whole");
}
