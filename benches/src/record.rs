//! A record of a million events: how long a start takes, with how much memory, and what the rest costs.

use crate::{grants, say};
use jit_core::record::Head;
use jit_core::span::Span;
use jit_core::time::WallTime;
use jit_store::{Base, Fresh, Store, bases, compare, open_to_read, pick};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

/// How many events.
const EVENTS: u32 = 1_000_000;
/// How often an agent came in by one grant, and how often by break-glass.
const SESSIONS: u32 = 100_000;
const ENTRIES: u32 = 20_000;
/// How many of them came after the base, at most: so many that another is due.
const TAIL: u32 = 20_000;

fn session(number: u32, open: bool, grant: &str, taken: u32) -> Fresh {
    let uid = 1000 + number % 50;
    let about = format!(r#""id":"S-{:08}","grant":"{grant}","user":"user-{uid}""#, number % 100_000_000);
    let (event, data) = if open {
        let rest = r#""service":"sudo","as":"root","from":null,"tty":"pts/3","auth":null,"process":"4711@123456","alone":true"#;
        ("session.opened", format!(r#"{{{about},"uid":{uid},{rest},"taken":{taken}}}"#))
    } else {
        ("session.closed", format!(r#"{{{about},"service":"sudo"}}"#))
    };
    Fresh { at: WallTime::from_millis(i64::from(number) * 1000), event, data }
}

fn grow(store: &mut Store, sessions: std::ops::Range<u32>) {
    let grant = |number| format!("G-{:08}", number / 100);
    let all: Vec<_> =
        sessions.flat_map(|number| [true, false].map(|open| session(number, open, &grant(number), number % 100 + 1))).collect();
    all.chunks(2000).for_each(|batch| drop(store.append(batch, 0).unwrap()));
}

/// A record in which an agent came in by one grant, again and again, and by break-glass while jitd was away.
fn of_an_agent(path: &Path) {
    let _began = grants::record(path, 1, |_| Span::from_secs(86_400));
    let (mut store, _, _) = Store::open(path).unwrap();
    let grant = grants::id(0).to_string();
    let mut all: Vec<_> = (0..SESSIONS).flat_map(|number| [true, false].map(|open| session(number, open, &grant, number + 1))).collect();
    all.extend((0..ENTRIES).map(|number| {
        let about = r#""user":"root","service":"sudo","phase":"account","when":"2026-11-23T12:00:00Z""#;
        let data = format!(r#"{{{about},"line":"2026-11-23T12:00:00Z user=agent service=sudo phase=account number={number}"}}"#);
        Fresh { at: WallTime::from_millis(i64::from(SESSIONS) * 1000), event: "access.breakglass", data }
    }));
    all.chunks(2000).for_each(|batch| drop(store.append(batch, 0).unwrap()));
}

/// Opens a record and says how long that took and how much memory: run in a process of its own.
pub fn open(path: &Path) {
    let began = Instant::now();
    let (store, state, base) = Store::open(path).unwrap();
    let took = began.elapsed();
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap().trim().trim_end_matches(" kB").trim();
    let peak_mb = peak.parse::<f64>().unwrap() / 1000.0;
    println!(
        "{:.0} ms, at most {peak_mb:.1} MB, {} events, {} of them from the base, {} sessions at hand",
        took.as_secs_f64() * 1000.0,
        store.head().seq,
        base.map_or(0, |base| base.seqs.len()),
        state.sessions().count()
    );
}

fn opened(path: &Path) -> String {
    let ran = Command::new(std::env::current_exe().unwrap()).arg("open").arg(path).output().unwrap();
    String::from_utf8(ran.stdout).unwrap().trim().to_owned()
}

fn timed<T>(act: impl FnOnce() -> T) -> (T, Duration) {
    let began = Instant::now();
    let done = act();
    (done, began.elapsed())
}

/// Measures.
pub fn run(place: &Path) {
    say::title(&format!("A record of {EVENTS} events"));
    let took = |took: Duration| format!("{took:.1?}");
    let path = place.join("events.db");
    let (mut store, _, _) = Store::open(&path).unwrap();
    grow(&mut store, 0..(EVENTS - TAIL) / 2);
    drop(store);
    say::figure("start without a base", &opened(&path), "");
    let (mut store, state, _) = Store::open(&path).unwrap();
    let (base, first) = timed(|| pick(&path, state.picker(), u64::from(EVENTS - TAIL)).unwrap());
    say::figure("picking the first base", &took(first), "");
    store.put_base(&base).unwrap();
    grow(&mut store, (EVENTS - TAIL) / 2..EVENTS / 2);
    say::figure(&format!("start from the base and {TAIL} events after it"), &opened(&path), "goal: 1 s, 100 MB");
    let (_, compared) = timed(|| compare(&path, &base).unwrap());
    say::figure("comparing the base with all events, beside everything else", &took(compared), "");
    let Head { seq, .. } = store.head();
    let (next, second) = timed(|| pick(&path, state.picker(), seq).unwrap());
    store.put_base(&next).unwrap();
    say::figure("picking the next base", &took(second), "");
    let agents = place.join("agent.db");
    of_an_agent(&agents);
    say::figure(
        &format!("start where one grant let in {SESSIONS} sessions, and after {ENTRIES} break-glass entries"),
        &opened(&agents),
        "",
    );
    let kept: Option<Base> = bases(&open_to_read(&path).unwrap()).unwrap();
    assert_eq!(kept, Some(next));
}
