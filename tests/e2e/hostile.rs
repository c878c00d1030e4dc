//! Peers that mean no good, on both sockets.

use jit_proto::client::{Connection, Patience, Trust};
use jit_proto::user::{Greeting, UserAnswer};
use jit_tests::{FLOODS, Host, wait_until};
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::time::Duration;

fn patience() -> Patience {
    Patience::of(Duration::from_secs(5))
}

#[test]
fn the_pam_socket_is_roots_alone() {
    let host = Host::with(|host| host.people()).start();
    host.root()
        .run("stat -c '%U %a' /run/jit /run/jit/pam.sock /run/jit/user.sock /var/lib/jit")
        .succeeds()
        .says("root 755\nroot 600\nroot 666\njitd 700\n");
    host.user("alice").run("jit --socket /run/jit/pam.sock status").exits(3).says("Permission denied");
    let pid = host.jitd().pid();
    host.root()
        .run(&format!("grep -E '^(Uid|Groups|NoNewPrivs|Seccomp|CapEff)' /proc/{pid}/status"))
        .succeeds()
        .says("900\t900\t900\t900")
        .says("CapEff:\t0000000000000020")
        .says("NoNewPrivs:\t1")
        .says("Seccomp:\t2");
}

#[test]
fn garbage_on_either_socket_harms_nobody_else() {
    let host = Host::with(|host| host.people()).start();
    for socket in ["/run/jit/user.sock", "/run/jit/pam.sock"] {
        for bytes in [&b"GET / HTTP/1.0\r\n\r\n"[..], &[1, 255, 255, 255, 255], &[1, 0, 0, 0, 3, 1, 2, 3], &[7; 4096], &[1, 0, 1, 0, 0]] {
            let mut stream = UnixStream::connect(host.path(socket)).unwrap();
            stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
            // It may have had enough before the end.
            let _ = stream.write_all(bytes);
            let _ = stream.shutdown(std::net::Shutdown::Write);
            // Whatever it says, it ends.
            let _ = stream.read_to_end(&mut Vec::new());
        }
    }
    host.user("alice").run("sudo -n true").fails().says("no grant");
    host.user("alice").run("jit status").succeeds();
}

#[test]
fn a_hostile_client_is_refused_whatever_it_sends_and_the_next_one_is_served() {
    let host = Host::with(|host| host.people()).start();
    host.user("bob").run("jit-hostile /run/jit/user.sock user").succeeds().says("hostile: all refused");
    host.user("alice").run("jit-hostile /run/jit/user.sock caps").succeeds().says("hostile: all refused");
    host.user("alice").run("jit request --reason x").succeeds();
}

#[test]
fn a_hostile_module_is_refused_whatever_it_asks_and_the_next_one_is_served() {
    let host = Host::with(|host| host.people()).start();
    host.root().run("jit-hostile /run/jit/pam.sock pam").succeeds().says("hostile: all refused");
    host.user("bob").run("jit-hostile /run/jit/pam.sock pam").fails().says("Permission denied");
    host.grant("alice", "sudo", "carol");
    host.user("alice").run("sudo -n id -un").succeeds().says("root");
    // Nothing of it forged a line, or is missing in the record.
    host.root().run("jit audit verify").succeeds();
    assert!(host.syslog().iter().all(|line| !line.chars().any(char::is_control)));
}

/// Resident memory of jitd, in kB.
fn memory(host: &Host) -> usize {
    let status = host.root().run(&format!("grep VmRSS /proc/{}/status", host.jitd().pid())).succeeds().stdout;
    status.split_whitespace().nth(1).unwrap().parse().unwrap()
}

#[test]
fn ten_thousand_requests_of_one_user_are_refused_and_cost_nothing() {
    let host = Host::with(|host| host.people()).start();
    host.user("bob").run("jit-hostile /run/jit/user.sock ask 100").succeeds();
    let before = memory(&host);
    host.user("bob").run("jit-hostile /run/jit/user.sock ask 10000").succeeds().says("refused 10000 of 10000");
    let grown = memory(&host).saturating_sub(before);
    assert!(grown < 2_000, "it grew by {grown} kB");
    host.user("alice").run("jit request --reason x").succeeds();
    let submitted = host.root().run("jit audit log --kind request.submitted --json").succeeds().json()["events"].as_array().unwrap().len();
    assert_eq!(submitted, 3, "two of bob's, for sudo and for su, and alice's");
}

#[test]
fn ten_thousand_strangers_at_ten_thousand_doors_are_denied_and_cost_little() {
    let host = Host::with(|host| host.people()).start();
    host.root().run("jit-hostile /run/jit/pam.sock knock 1000").succeeds();
    let before = memory(&host);
    host.root().run("jit-hostile /run/jit/pam.sock knock 10000").succeeds().says("denied 10000");
    let grown = memory(&host).saturating_sub(before);
    assert!(grown < 16_000, "it grew by {grown} kB");
    host.grant("alice", "sudo", "carol");
    host.user("alice").run("sudo -n id -un").succeeds().says("root");
}

#[test]
fn a_process_of_another_namespace_is_told_that_it_cannot_be_known() {
    let host = Host::with(|host| host.people()).start();
    // This test is outside the host's namespaces.
    let connection = Connection::open(&host.path("/run/jit/user.sock"), Trust::Anyone, &mut patience()).unwrap();
    let _: Greeting = connection.receive(&mut patience()).unwrap();
    let UserAnswer::Failed(failure) = connection.receive(&mut patience()).unwrap() else { panic!("it was served") };
    assert!(failure.message.contains("cannot be told"), "{failure:?}");
}

#[test]
fn a_user_who_holds_every_slot_that_they_get_keeps_nobody_out() {
    let host = Host::with(|host| host.people()).start();
    let mut bob = host.user("bob").terminal("jit-hostile /run/jit/user.sock hold");
    bob.expect("held");
    host.user("alice").run("jit status").succeeds();
    host.user("alice").run("sudo -n true").fails().says("no grant");
    host.root().run("jit list").succeeds();
    bob.type_line("");
    bob.finish().succeeds();
}

#[test]
fn the_mapped_uids_of_somebodys_user_namespace_hold_no_slot() {
    let host = Host::with(|host| host.people()).start();
    host.grant("alice", "sudo", "carol");
    // To others such a process is of a uid without an account, and there are 65,536 of them.
    let holds = "setpriv --reuid $((100000 + n)) --regid 100000 --clear-groups jit-hostile /run/jit/user.sock hold";
    let line = format!("for n in $(seq 40); do (sleep 600 | {holds} >>/tmp/held) & done");
    let _holds = host.root().terminal(&format!("touch /tmp/held; {line}; wait"));
    wait_until("all of them to hold what they get", || (host.root().run("grep -c held /tmp/held").stdout.trim() == "40").then_some(()));
    host.user("alice").run("jit status").succeeds();
    host.user("bob").run("jit request sudo --reason x").succeeds();
    let beside = host.checks(200);
    eprintln!("{beside:?}, {} kB", host.peak());
    assert_eq!(beside.failed, 0, "checks failed");
    assert!(host.peak() < 64 * 1024, "{} kB", host.peak());
    host.root().run("setpriv --reuid 100001 --regid 100000 --clear-groups jit status").fails().says("you have no account on this host");
    host.user("alice").run("sudo -n id -un").succeeds().says("root");
}

/// How long a check takes beside each is in docs/performance.md (`jit_benches floods`), and not judged here: the machine that tests run
/// on is busy.
#[test]
fn whatever_one_user_floods_the_socket_with_none_of_roots_checks_fails() {
    let host = Host::with(|host| host.people()).start();
    host.grant("alice", "sudo", "carol");
    for way in FLOODS {
        let times = match way {
            _ if !jit_tests::is_full_run() => 200,
            // For longer than jitd waits for the rest of a message.
            "half-open" | "drip" => 6_000,
            _ => 2_000,
        };
        let flood = host.flood(way, times);
        eprintln!("{way}: {flood:?}, {} kB", host.peak());
        assert_eq!([flood.quiet.failed, flood.beside.failed], [0, 0], "checks failed under {way}");
        assert!(host.peak() < 64 * 1024, "{way}: {} kB", host.peak());
        assert!(way != "connections" || flood.held == 10_000, "{flood:?}");
    }
    host.user("bob").run("jit status").succeeds();
}
