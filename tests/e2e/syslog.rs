//! A syslog that is missing, stalls, restarts, or is none at all: nobody waits for it, and nothing is lost by it.

use jit_tests::{Host, wait_until};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixDatagram;
use std::time::{Duration, Instant};

const SOCKET: &str = "/run/log.test";

fn host() -> Host {
    let host = Host::with(|host| host.people().settings(&format!("[syslog]\nsocket = \"{SOCKET}\"\n")).without_daemon());
    host.start()
}

/// A syslogd begins.
fn listen(host: &Host) -> UnixDatagram {
    let path = host.path(SOCKET);
    let _ = std::fs::remove_file(&path);
    let socket = UnixDatagram::bind(&path).unwrap();
    std::fs::set_permissions(&path, PermissionsExt::from_mode(0o666)).unwrap();
    socket.set_nonblocking(true).unwrap();
    socket
}

/// Reads what there is into these lines.
fn read(syslog: &UnixDatagram, lines: &mut Vec<String>) {
    let mut buffer = [0; 16_384];
    while let Ok(length) = syslog.recv(&mut buffer) {
        lines.push(String::from_utf8_lossy(&buffer[..length]).into_owned());
    }
}

/// Waits for a line that holds this.
fn expect(syslog: &UnixDatagram, lines: &mut Vec<String>, text: &str) -> String {
    wait_until(&format!("\"{text}\" among {lines:#?}"), || {
        read(syslog, lines);
        lines.iter().find(|line| line.contains(text)).cloned()
    })
}

/// The numbers of these lines: they come in order, and of all up to the last so many are missing.
fn are_all_but(missing: u64, lines: &[String]) {
    let number = |line: &String| line.split(" seq=").nth(1).map(|rest| rest.split(' ').next().unwrap().parse::<u64>().unwrap());
    let numbers: Vec<_> = lines.iter().filter_map(number).collect();
    assert!(numbers.is_sorted_by(|one, next| one < next), "{numbers:?}");
    assert_eq!(numbers.last().unwrap() - numbers.len() as u64, missing, "{numbers:?}");
}

/// Each event is there once, in order.
fn are_all_there(lines: &[String]) {
    are_all_but(0, lines);
}

/// What the record says about syslog.
fn said(host: &Host) -> Vec<String> {
    let events = host.root().run("jit audit log --kind syslog --json").succeeds().json()["events"].clone();
    events.as_array().unwrap().iter().map(|event| format!("{} {}", event["event"], event["data"])).collect()
}

/// An hour's work of everybody, none of which waits for syslog.
fn work(host: &Host) {
    let began = Instant::now();
    host.grant("alice", "sudo", "carol");
    host.user("alice").run("sudo -n id -un").succeeds().says("root");
    host.user("carol").run("jit revoke --user alice").succeeds();
    host.user("alice").run("sudo -n true").fails().says("no grant");
    assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
}

#[test]
fn a_syslog_that_is_missing_at_the_start_gets_all_of_it_when_it_comes() {
    let host = host();
    host.jitd().start();
    work(&host);
    let (syslog, mut lines) = (listen(&host), Vec::new());
    let back = expect(&syslog, &mut lines, "syslog.back");
    assert!(back.contains("undelivered=0"), "{back}");
    are_all_there(&lines);
    assert!(lines[0].contains("daemon.started") && lines.iter().any(|line| line.contains("grant.revoked")));
    assert!(matches!(said(&host).as_slice(), [lost, back] if lost.contains("syslog.lost") && back.contains("syslog.back")));
    host.root().run("jit audit verify").succeeds().says("whole");
}

#[test]
fn a_syslog_that_restarts_misses_nothing() {
    let host = host();
    let (syslog, mut lines) = (listen(&host), Vec::new());
    host.jitd().start();
    work(&host);
    expect(&syslog, &mut lines, "grant.revoked");
    read(&syslog, &mut lines);
    drop(syslog);
    host.grant("bob", "sudo", "carol");
    let syslog = listen(&host);
    host.user("bob").run("jit drop").succeeds();
    expect(&syslog, &mut lines, "grant.dropped");
    expect(&syslog, &mut lines, "syslog.back");
    are_all_there(&lines);
}

#[test]
fn a_syslog_that_stalls_keeps_nobody_waiting_and_gets_all_of_it_later() {
    let host = host();
    let (syslog, mut lines) = (listen(&host), Vec::new());
    host.jitd().start();
    // Its queue in the kernel holds some ten lines.
    for _ in 0..4 {
        work(&host);
    }
    host.user("bob").run("jit request sudo --reason last").succeeds();
    expect(&syslog, &mut lines, "reason=last");
    are_all_there(&lines);
    assert!(lines.len() > 20 && said(&host).is_empty());
}

#[test]
fn a_plain_file_in_syslogs_place_is_left_as_it_is_and_what_waited_for_it_too_long_is_counted() {
    let host = host();
    host.root().run(&format!("echo mine > {SOCKET}; chmod 0666 {SOCKET}")).succeeds();
    host.jitd().start();
    work(&host);
    // In a full run more than the queue holds.
    let knocks = if jit_tests::is_full_run() { 11_000 } else { 500 };
    host.root().run(&format!("jit-hostile /run/jit/pam.sock knock {knocks}")).succeeds();
    assert_eq!(host.read(SOCKET), "mine\n");
    let (syslog, mut lines) = (listen(&host), Vec::new());
    let back = expect(&syslog, &mut lines, "syslog.back");
    let undelivered: u64 = back.split("undelivered=").nth(1).unwrap().split(' ').next().unwrap().parse().unwrap();
    let stored = host.root().run("jit audit log --json").succeeds().json()["events"].as_array().unwrap().len() as u64;
    assert!(stored >= knocks && (undelivered > 0) == (stored > 10_000), "{undelivered} of {stored}");
    are_all_but(undelivered, &lines[..=lines.iter().position(|line| *line == back).unwrap()]);
    host.root().run("jit audit verify").succeeds().says("whole");
}
