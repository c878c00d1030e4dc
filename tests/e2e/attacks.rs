//! The caller as attacker: what worked on naive modules, and on real sudo.

use crate::away::OPEN_WHILE_AWAY;
use jit_tests::{Host, Plan, is_full_run, wait_until};

/// The way in that an administrator may leave open for when jitd is away, with an exception for alice.
fn left_open(host: Plan) -> Plan {
    let exception = host.people().file("jit/breakglass", 0o600, "alice sudo\n");
    exception.control(OPEN_WHILE_AWAY).arguments("timeout=1s")
}

#[test]
fn a_sudo_stopped_and_continued_by_its_own_user_is_never_let_in() {
    let host = Host::with(left_open).start();
    // In one run of all tests a few; 10,000 with --full. Many at a time: a stopped sudo costs nothing.
    let (at_once, rounds) = if is_full_run() { (100, 100) } else { (20, 4) };
    let attack = format!(
        "for n in $(seq {at_once}); do (for i in $(seq {rounds}); do sudo -n id -un & p=$!; \
         for s in 1 2 3 4 5 6; do kill -STOP $p; sleep 0.$(( ($i * 7 + $n * 3 + $s) % 13 )); kill -CONT $p; \
         sleep 0.00$(( ($i + $n + $s) % 10 )); done 2>/dev/null; wait $p; done) & done; wait; echo all of them ended"
    );
    let output = host.user("alice").patience(if is_full_run() { 1800 } else { 60 }).run(&attack);
    let refusals = output.text().matches("jit: ").count();
    output.says("all of them ended").says("jit: no grant for sudo").does_not_say("root\n").does_not_say("break-glass");
    assert!(refusals > at_once * rounds / 2, "{refusals} of them came as far as the gate");
    assert!(!host.syslog().iter().any(|line| line.contains("access.breakglass")));
    host.user("bob").run("sudo -n true").fails().says("no grant");
}

#[test]
fn five_hundred_stopped_sudos_of_one_user_are_in_nobody_elses_way() {
    let host = Host::with(|host| host.people()).start();
    host.grant("alice", "sudo", "carol");
    // Each is stopped as soon as it talks to jitd, or wherever it is by then.
    let loops = "for n in 1 2 3 4 5 6 7 8 9 10; do (for i in $(seq 50); do sudo -n true >/dev/null 2>&1 & p=$!; echo $p >> stopped; \
                 sleep 0.0$(( ($i * 3 + $n) % 4 ))$(( ($i + $n) % 10 )); kill -STOP $p; done 2>/dev/null) & done; wait %1 %2 %3 %4 %5 %6 %7 %8 %9 %10";
    let mut bob = host.user("bob").terminal(&format!("{loops}; echo all stopped; read x; kill -CONT $(cat stopped)"));
    bob.expect("all stopped");
    let many = host.root().run("ps -C sudo -o stat= | grep -c T").succeeds().stdout.trim().parse::<usize>().unwrap();
    assert!(many > 50, "{many} are stopped");
    for _ in 0..5 {
        host.user("alice").run("sudo -n id -un").succeeds().says("root");
        host.user("alice").run("jit status").succeeds();
        host.root().run("jit list").succeeds();
        host.root().run("sudo -n -u bob id -un").succeeds().says("bob");
        host.ssh("carol").run("id -un").succeeds().says("carol");
    }
    bob.type_line("");
    drop(bob.finish());
    // Until they have ended they are in bob's own way.
    wait_until("bob's crowd to end", || (host.root().run("pgrep -u bob,root -x sudo").code != 0).then_some(()));
    host.user("bob").run("sudo -n true").fails().says("no grant");
}

#[test]
fn limits_of_the_callers_own_making_let_nobody_in() {
    let host = Host::with(left_open).start();
    for limit in ["-f 0", "-c 0", "-s 256", "-l 0", "-i 0", "-q 0", "-t 1", "-x 0", "-d 40000", "-v 200000", "-v 60000", "-u 1"] {
        host.user("alice").run(&format!("ulimit {limit}; exec sudo -n id -un")).fails().does_not_say("root\n").does_not_say("break-glass");
    }
    for limit in 3..24 {
        host.user("alice")
            .run(&format!("ulimit -n {limit}; exec sudo -n id -un"))
            .fails()
            .does_not_say("root\n")
            .does_not_say("break-glass");
    }
    assert!(!host.syslog().iter().any(|line| line.contains("access.breakglass")));
}

#[test]
fn limits_of_the_callers_own_making_keep_no_breakglass_entry_off_the_record() {
    let host = Host::with(|host| host.people().file("jit/breakglass", 0o600, "alice sudo\n")).start();
    host.jitd().stop();
    host.user("alice").run("sudo -n id -un").succeeds().says("root");
    let entries = |host: &Host| host.read("/var/log/jit-breakglass").lines().count();
    assert_eq!(entries(&host), 2, "account and session");
    for trap in ["trap '' XFSZ", "true"] {
        host.user("alice").run(&format!("{trap}; ulimit -f 0; exec sudo -n id -un >/dev/null && echo let in")).fails();
        host.user("alice").run(&format!("{trap}; ulimit -f 0; exec sudo -n touch /run/let-in")).fails();
    }
    assert_eq!(entries(&host), 2);
    host.root().run("test ! -e /run/let-in").succeeds();
    assert!(host.syslog().iter().any(|line| line.contains("under limits of their own")));
}

#[test]
fn closed_streams_odd_signals_and_a_hostile_environment_let_nobody_in_and_keep_nobody_out() {
    let host = Host::with(left_open).start();
    let tricks = [
        "exec sudo -n id -un <&-",
        "exec sudo -n id -un 2>&-",
        "exec sudo -n id -un <&- 2>&-",
        "trap '' ALRM PIPE HUP TERM CHLD USR1; exec sudo -n id -un",
        "exec env -i PATH=$PATH LC_ALL=xx_XX.bad LANG=../../x LOCPATH=/tmp MALLOC_CHECK_=3 sudo -n id -un",
        "exec env JIT_SOCKET=/tmp/x RUST_BACKTRACE=full RUST_LOG=trace LD_PRELOAD=/tmp/evil.so SOCKET=/tmp/x sudo -n id -un",
        "cd /; umask 0777; exec nice -n 19 sudo -n id -un",
        "exec setsid -w sudo -n id -un",
    ];
    for trick in tricks {
        host.user("alice").run(trick).fails().does_not_say("root\n").does_not_say("break-glass").does_not_say("panicked");
    }
    host.grant("alice", "sudo", "carol");
    for trick in tricks {
        host.user("alice").run(trick).says("root").does_not_say("panicked");
    }
}

#[test]
fn a_number_that_passed_to_another_process_brings_nobodys_rights_along() {
    let host = Host::with(|host| host.people()).start();
    let id = host.user("alice").run("jit request --reason INC-42 --json").succeeds().json()["id"].as_str().unwrap().to_owned();
    let recycle = |when: &str| host.root().run(&format!("jit-hostile /run/jit/user.sock recycle {when} {} {id}", host.jitd().pid()));
    recycle("before-the-ask").succeeds().says("refused");
    recycle("after-the-ask").succeeds().says("refused");
    host.user("alice").run("jit list --pending --json").succeeds().says(&id);
    // The same approver, alive, is believed.
    host.user("carol").run(&format!("jit approve {id}")).succeeds();
}
