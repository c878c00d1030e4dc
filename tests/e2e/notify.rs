//! jit-notify: what jitd records is told to programs and web hooks, all of it, in order, over crashes of either.

use jit_tests::{Host, Plan, wait_until};
use serde_json::Value;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// A program that keeps what it gets.
const COLLECT: &str = "#!/bin/sh\nexec cat >> \"$1\"\n";
/// A web hook on port 8080.
pub const HOOK: &str =
    "[[post]]\nname = \"hook\"\nurl = \"http://127.0.0.1:8080/\"\nevents = [\"access.denied\", \"request.*\", \"notify.*\"]\n";
/// A program that keeps what it gets in /tmp/got.
pub const PROGRAM: &str =
    "[[program]]\nname = \"collect\"\nrun = [\"/etc/jit/collect\", \"/tmp/got\"]\nevents = [\"access.denied\", \"request.*\"]\n";

/// A host with a jit-notify that is to tell these targets.
pub fn plan(targets: &str) -> Plan {
    let auditors = jit_tests::POLICY.replace("[\"user:erin\"]", "[\"user:erin\", \"user:jit-notify\"]");
    let settings = format!("version = 1\n[paths]\nstate = \"/tmp/notify\"\n{targets}");
    Host::with(|host| host.people().user("jit-notify", &[]).policy(&auditors)).file("jit/collect", 0o755, COLLECT).file(
        "jit/notify.toml",
        0o644,
        &settings,
    )
}

/// Starts it, and waits until each target is at the record's end.
pub fn start(host: &Host) {
    run(host);
    for target in host.read("/etc/jit/notify.toml").lines().filter_map(|line| line.strip_prefix("name = \"")?.strip_suffix('"')) {
        let place = host.path(&format!("/tmp/notify/{target}.cursor"));
        wait_until("jit-notify to have found its place", || place.exists().then_some(()));
    }
}

pub fn run(host: &Host) {
    host.user("jit-notify").run("touch /tmp/said; jit-notify </dev/null >>/tmp/said 2>&1 &").succeeds();
    // Until then it is a shell, which nobody finds by its name.
    wait_until("it to run", || (host.root().run("pgrep -x jit-notify").code == 0).then_some(()));
}

pub fn signal(host: &Host, name: &str) {
    host.root().run(&format!("pkill -{name} -x jit-notify")).succeeds();
    if name == "KILL" {
        // Another one may not begin before it has gone: the state is one jit-notify's. The program that it had begun goes too, as
        // systemd sees to it: it would tell what it was given at some later time.
        wait_until("all of it to have gone", || (host.root().run("pkill -KILL -u jit-notify").code != 0).then_some(()));
    }
}

/// What the program got.
pub fn collected(host: &Host) -> Vec<u64> {
    let text = std::fs::read_to_string(host.path("/tmp/got")).unwrap_or_default();
    // The last line may be half there.
    text.split_inclusive('\n').filter(|line| line.ends_with('\n')).map(|line| seq(&serde_json::from_str(line).unwrap())).collect()
}

fn seq(event: &Value) -> u64 {
    event["seq"].as_u64().unwrap()
}

/// What should be told, by number.
pub fn recorded(host: &Host, kind: &str) -> Vec<u64> {
    let events = host.user("erin").run(&format!("jit audit log --kind {kind} --json")).succeeds().json();
    events["events"].as_array().unwrap().iter().map(seq).collect()
}

/// A web hook: it keeps what it gets, and answers with a status that the test sets; 0: it closes without an answer.
pub struct Hook {
    pub got: Arc<Mutex<Vec<Value>>>,
    pub status: Arc<AtomicU16>,
}

impl Hook {
    pub fn serve(listener: TcpListener) -> Self {
        let hook = Self { got: Arc::default(), status: Arc::new(AtomicU16::new(200)) };
        let (got, status) = (hook.got.clone(), hook.status.clone());
        std::thread::spawn(move || listener.incoming().flatten().for_each(|stream| answer(stream, &got, &status)));
        hook
    }

    pub fn told(&self) -> Vec<u64> {
        self.got.lock().unwrap().iter().map(seq).collect()
    }
}

fn answer(mut stream: TcpStream, got: &Mutex<Vec<Value>>, status: &AtomicU16) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut length = 0;
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).unwrap_or(0) == 0 {
            return;
        }
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
        if line == "\r\n" {
            break;
        }
    }
    let mut body = vec![0; length];
    if reader.read_exact(&mut body).is_err() {
        return;
    }
    let status = status.load(Ordering::Relaxed);
    if status == 200 {
        got.lock().unwrap().push(serde_json::from_slice(&body).unwrap());
    }
    if status != 0 {
        // Whoever asked may be dead.
        let _ = stream.write_all(format!("HTTP/1.1 {status} Said\r\nContent-Length: 0\r\nConnection: close\r\n\r\n").as_bytes());
    }
}

/// How long ten checks take, in the middle.
fn decisions(host: &Host) -> Duration {
    let mut times: Vec<_> = (0..10)
        .map(|_| {
            let began = Instant::now();
            host.user("bob").run("sudo -n true").fails();
            began.elapsed()
        })
        .collect();
    times.sort();
    times[5]
}

#[test]
fn a_thousand_events_at_once_reach_each_target_once_and_in_order_and_decisions_are_as_fast_as_ever() {
    let host = plan(&[HOOK, PROGRAM].concat()).start();
    let hook = Hook::serve(host.listen(8080));
    let without = decisions(&host);
    start(&host);
    let before = recorded(&host, "access.denied").len();
    let began = Instant::now();
    host.root().run("jit-hostile /run/jit/pam.sock knock 1000").succeeds();
    let with = decisions(&host);
    let all = recorded(&host, "access.denied").split_off(before);
    assert!(all.len() >= 1000, "{}", all.len());
    wait_until("the hook to be told all", || (hook.told().len() >= all.len()).then_some(()));
    let hooked = began.elapsed();
    wait_until("the program to be told all", || (collected(&host).len() >= all.len()).then_some(()));
    eprintln!(
        "a check: {without:?}, while they are told: {with:?}; {} told by post in {hooked:?}, by a program in {:?}",
        all.len(),
        began.elapsed()
    );
    assert_eq!(hook.told(), all);
    assert_eq!(collected(&host), all);
    assert!(with < without * 2 + Duration::from_millis(250), "{with:?} {without:?}");
}

#[test]
fn nothing_is_lost_and_nothing_comes_twice_beyond_the_promise_over_kills_of_jit_notify_and_of_jitd() {
    let host = plan(&[HOOK, PROGRAM].concat()).start();
    let hook = Hook::serve(host.listen(8080));
    start(&host);
    let before = recorded(&host, "access.denied").len();
    let kills = if jit_tests::is_full_run() { 40 } else { 6 };
    for round in 0..kills {
        // Looked at before: all of them may have been told when the knocking is over.
        let seen = collected(&host).len();
        host.root().run(&format!("jit-hostile /run/jit/pam.sock knock 60 {}", round * 60)).succeeds();
        wait_until("it to be at work", || (collected(&host).len() > seen).then_some(()));
        signal(&host, "KILL");
        if round % 2 == 0 {
            host.jitd().kill();
            host.jitd().start();
        }
        run(&host);
    }
    let all = recorded(&host, "access.denied").split_off(before);
    // A jitd that is killed may not have written the newest ones.
    assert!(all.len() > kills * 50, "{}", all.len());
    for (name, told) in [("hook", &(|| hook.told()) as &dyn Fn() -> Vec<u64>), ("program", &|| collected(&host))] {
        wait_until("all to be told", || (told().last() == all.last()).then_some(()));
        let told = told();
        let mut once = told.clone();
        once.dedup();
        assert_eq!(once, all, "{name}: each is told, in order, and only the one that was on its way comes again");
        eprintln!("{name}: {} events over {kills} kills, {} told twice", all.len(), told.len() - once.len());
        assert!(told.len() - once.len() <= kills, "{name}: {} came twice in {kills} kills", told.len() - once.len());
    }
}

#[test]
fn a_stopped_jit_notify_costs_jitd_nothing_and_is_hung_up_on_until_it_goes_on() {
    let host = plan(HOOK).start();
    let hook = Hook::serve(host.listen(8080));
    let open = || host.root().run("ls -l /proc/$(pgrep -x jitd)/fd | grep -c socket").succeeds().stdout.trim().parse::<u32>().unwrap();
    let without = decisions(&host);
    start(&host);
    let followed = open();
    let before = recorded(&host, "access.denied").len();
    signal(&host, "STOP");
    host.root().run("jit-hostile /run/jit/pam.sock knock 2000").succeeds();
    let with = decisions(&host);
    wait_until("jitd to have hung up", || (open() < followed).then_some(()));
    eprintln!("a check: {without:?}, with jit-notify stopped: {with:?}");
    assert!(with < without * 2 + Duration::from_millis(250), "{with:?} {without:?}");
    let all = recorded(&host, "access.denied").split_off(before);
    signal(&host, "CONT");
    wait_until("all to be told", || (hook.told().len() >= all.len()).then_some(()));
    assert_eq!(hook.told(), all);
}
