//! `jit report` over a million events: how long it takes, and with how much memory.

use crate::check::await_record;
use crate::daemon::{Daemon, built};
use crate::say;
use jit_core::time::WallTime;
use jit_store::{Fresh, Store};
use nix::sys::resource::{UsageWho, getrusage};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// How many grants, most with ten events: a million and a few thousand events in all.
const GRANTS: i64 = 105_000;
/// Over how many days.
const DAYS: i64 = 90;

fn text(at: i64) -> String {
    WallTime::from_millis(at).to_string()
}

/// One grant from its request to its end. Most are approved; a few are emergencies, a few requests are denied.
fn grant(number: i64, at: i64) -> Vec<Fresh> {
    let (user, uid) = (format!("user-{}", number % 50), 1000 + number % 50);
    let (request, grant) = (format!("R-{number:08}"), format!("G-{number:08}"));
    let what = r#""service":"sudo","as":"root""#;
    let who = format!(r#""user":"{user}","uid":{uid}"#);
    let terms = r#""session":{"at_expiry":"end","warn":[300,60],"require":"any"},"stages":[{"by":["group:leads"],"count":1}]"#;
    let (hour, end) = (text(at + 3_600_000), text(at + 1_800_000));
    let emergency = number % 500 == 0;
    let mut events = vec![(
        0,
        "request.submitted",
        format!(
            r#"{{"id":"{request}",{who},{what},"for_s":1800,"uses":null,"start":null,"rule":"ops","extends":null,"lapses":"{hour}","filed_by":null,"reason":"INC-{number} disk full","stages":[{{"by":["group:leads"],"count":1}}],"from":[],"hours":null,"session":{{"at_expiry":"end","warn":[300,60],"require":"any"}},"use_within_s":null,"humans":["uid:{uid}","user:{user}"],"lapses_boot_ms":1,"extend":null,"escalate":null,"start_boot_ms":null}}"#
        ),
    )];
    if number % 20 == 7 {
        events.push((30, "request.denied", format!(r#"{{"id":"{request}","user":"{user}","by":"carol","note":"not during the freeze"}}"#)));
        events.push((40, "access.denied", format!(r#"{{"id":"D-{number:08}",{who},"service":"sudo","as":null,"from":null,"phase":"account","why":"no grant","rule":"ops","ask":null,"count":3}}"#)));
        return fresh(at, events);
    }
    let (kind, rule, by, request_id) =
        if emergency { ("emergency", "oncall", "", "null".to_owned()) } else { ("approved", "ops", "\"carol\"", format!("\"{request}\"")) };
    if emergency {
        events.push((60, "optout.taken", format!(r#"{{"id":"{grant}",{who},{what},"rule":"oncall","kind":"emergency","until":"{end}","reason":"INC-{number}","grant":null,"request":null,"alert":[],"review_by":["group:leads"],"review_due":"{hour}","humans":["uid:{uid}","user:{user}"],"review_due_boot_ms":1}}"#)));
        events.push((61, "request.cancelled", format!(r#"{{"id":"{request}","user":"{user}"}}"#)));
    } else {
        events.push((60, "request.approved", format!(r#"{{"id":"{request}","user":"{user}","by":"carol","by_uid":900,"stage":0,"for_s":null,"note":null,"humans":["uid:900","user:carol"]}}"#)));
        events.push((60, "request.granted", format!(r#"{{"id":"{request}","user":"{user}","grant":"{grant}","by":["carol"]}}"#)));
    }
    events.push((60, "grant.issued", format!(r#"{{"id":"{grant}",{who},{what},"until":"{end}","by":[{by}],"reason":"INC-{number} disk full","rule":"{rule}","kind":"{kind}","request":{request_id},"uses":null,"from":[],"hours":null,{terms},"waits_for_s":null,"until_boot_ms":1,"starts":null,"starts_boot_ms":null,"extend":null,"boot_ms":1}}"#)));
    events.push((
        70,
        "access.allowed",
        format!(r#"{{{who},"service":"sudo","as":null,"from":null,"phase":"account","grant":"{grant}","rule":null,"count":1}}"#),
    ));
    for session in 0..2 {
        let id = format!("S-{:08}", number * 2 + session);
        events.push((
            80 + session,
            "session.opened",
            format!(r#"{{"id":"{id}","grant":"{grant}",{who},{what},"from":null,"tty":"pts/3","auth":null,"process":"4711@123456"}}"#),
        ));
        events.push((81 + session, "session.closed", format!(r#"{{"id":"{id}","grant":"{grant}","user":"{user}","service":"sudo"}}"#)));
    }
    if emergency {
        events.push((
            100,
            "optout.reviewed",
            format!(r#"{{"id":"{grant}","user":"{user}","by":"carol","by_uid":900,"verdict":"fine","note":null}}"#),
        ));
    }
    events.push((1800, "grant.expired", format!(r#"{{"id":"{grant}","user":"{user}",{what}}}"#)));
    fresh(at, events)
}

fn fresh(at: i64, events: Vec<(i64, &'static str, String)>) -> Vec<Fresh> {
    events.into_iter().map(|(second, event, data)| Fresh { at: WallTime::from_millis(at + second * 1000), event, data }).collect()
}

fn grow(path: &Path) {
    let now = i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis()).unwrap();
    let begin = now - DAYS * 86_400_000;
    let (mut store, _, _) = Store::open(path).unwrap();
    let mut batch = Vec::new();
    for number in 0..GRANTS {
        batch.extend(grant(number, begin + number * (DAYS * 86_400_000 - 7_200_000) / GRANTS));
        if batch.len() > 5000 {
            // In the order of their times, as they would have come.
            batch.sort_by_key(|fresh| fresh.at);
            drop(store.append(&batch, 0).unwrap());
            batch.clear();
        }
    }
    drop(store.append(&batch, 0).unwrap());
}

/// Runs a command and says how long it took and how much memory it held: in a process of its own.
pub fn peak(command: &[&str]) {
    let began = Instant::now();
    let status = Command::new(command[0]).args(&command[1..]).stdout(Stdio::null()).status().unwrap();
    assert!(status.success());
    let took = began.elapsed();
    let peak_mb = getrusage(UsageWho::RUSAGE_CHILDREN).unwrap().max_rss() as f64 / 1000.0;
    println!("{:.1} s, at most {peak_mb:.1} MB", took.as_secs_f64());
}

fn said(arguments: &[&str]) -> String {
    let ran = Command::new(std::env::current_exe().unwrap()).arg("peak").args(arguments).output().unwrap();
    String::from_utf8(ran.stdout).unwrap().trim().to_owned()
}

/// Measures.
pub fn run(place: &Path) {
    say::title("An access review over a million events");
    std::fs::create_dir_all(place.join("state")).unwrap();
    grow(&place.join("state/events.db"));
    let daemon = Daemon::start(place);
    let (jit, socket) = (built("jit").display().to_string(), place.join("run/user.sock").display().to_string());
    await_record(&place.join("run/pam.sock"));
    let (page, table) = (place.join("review.html").display().to_string(), place.join("review.csv").display().to_string());
    let report = [jit.as_str(), "--socket", &socket, "report", "--since", "91d", "--html", &page];
    say::figure("jit report --html", &said(&report), "goal: 10 s");
    say::figure("jit report --html --csv", &said(&[report.as_slice(), &["--csv", &table]].concat()), "");
    let size = |path: &str| std::fs::metadata(path).unwrap().len() / 1000;
    say::figure("the page; the table", &format!("{} KB; {} KB", size(&page), size(&table)), "");
    say::figure("jitd holds meanwhile", &format!("{} MB", daemon.resident_kb() / 1000), "");
}
