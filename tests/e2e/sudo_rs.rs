//! sudo-rs, which recent Ubuntu has in sudo's place: the same gate.

use crate::away::OPEN_WHILE_AWAY;
use jit_tests::{Host, PASSWORD};

fn people() -> Host {
    Host::with(|host| host.people().movable_clock().sudo_rs()).start()
}

#[test]
fn it_is_sudo_rs_that_runs_here() {
    people().user("alice").run("sudo --version").succeeds().says("sudo-rs 0.2");
}

#[test]
fn doctor_knows_that_it_has_no_setting_that_skips_the_gate() {
    let host = people();
    // As where it is the only sudo.
    let alone = "mkdir /run/alone; ln -s $(command -v sudo) /run/alone/sudo; jit=$(command -v jit); PATH=/run/alone $jit doctor";
    host.root().run(alone).says("sudo-rs 0.2.").says("has no setting that switches off a phase of PAM");
    // Debian's sudo may stand beside it, by another name, and reads them.
    host.root().run("echo 'Defaults !pam_session' >> /etc/sudoers; jit doctor").exits(1).says("!pam_session");
}

#[test]
fn every_way_to_call_it_is_refused_let_in_and_refused_again() {
    let host = people();
    let commands =
        ["sudo -n id -un", "sudo id -un", "sudo -i id -un", "sudo -s id -un", "sudo -l", "sudo -v", "sudo -n -u root -g root id -un"];
    let all = |granted: bool| {
        for command in commands {
            let output = host.user("alice").run(command);
            if granted {
                output.succeeds();
            } else {
                output.fails().does_not_say("root\n");
            }
        }
    };
    all(false);
    host.grant("alice", "sudo", "carol");
    all(true);
    host.clock().advance(1801);
    all(false);
}

#[test]
fn a_refusal_reaches_the_terminal() {
    let host = people();
    let mut shell = host.user("alice").terminal("sudo id -un");
    shell.expect("jit: no grant for sudo. Ask: jit request sudo");
    shell.finish().fails();
    let mut shell = host.user("alice").terminal("sudo -i id -un");
    shell.expect("jit: no grant for sudo. Ask: jit request sudo");
    shell.finish().fails();
}

#[test]
fn a_password_is_asked_for_and_is_not_enough() {
    let host = people();
    let frank = || host.user("frank").input(&format!("{PASSWORD}\n"));
    frank().run("sudo -S id -un").fails().does_not_say("root\n");
    assert!(host.wait_for_log("access.denied").contains("user=frank"));
    host.grant("frank", "sudo", "carol");
    frank().run("sudo -S id -un").succeeds().says("root");
}

#[test]
fn as_whom_is_decided_when_the_session_opens() {
    let host = people();
    host.grant("alice", "sudo", "carol");
    host.user("alice").run("sudo -n -u carol id -un").fails().does_not_say("carol\n");
    host.user("alice").run("sudo -n -g leads id -gn").fails().does_not_say("leads\n");
    host.grant("alice", "sudo --as carol", "dave");
    host.user("alice").run("sudo -n -u carol id -un").succeeds().says("carol");
}

#[test]
fn sudoedit_is_gated() {
    let host = people();
    host.root().run("echo before > /etc/edited; printf '#!/bin/sh\\necho after > \"$1\"\\n' > /tmp/ed; chmod 755 /tmp/ed").succeeds();
    let edit = || host.user("alice").variable("EDITOR=/tmp/ed").run("sudo -n -e /etc/edited");
    edit().fails();
    assert_eq!(host.read("/etc/edited"), "before\n");
    host.grant("alice", "sudo", "carol");
    edit().succeeds();
    assert_eq!(host.read("/etc/edited"), "after\n");
}

#[test]
fn its_su_is_gated_too() {
    let host = people();
    let su = || {
        let mut shell = host.user("alice").terminal("su carol -c 'id -un'");
        shell.expect("assword");
        shell.type_line(PASSWORD);
        shell.finish()
    };
    su().fails().does_not_say("carol\r\n");
    host.grant("alice", "su --as carol", "dave");
    su().succeeds().says("carol");
    host.root().run("su alice -c 'id -un'").succeeds().says("alice");
}

#[test]
fn without_jitd_it_lets_nobody_in_and_root_goes_on() {
    let host = people();
    host.grant("alice", "sudo", "carol");
    host.jitd().kill();
    host.user("alice").run("sudo -n id -un").fails().does_not_say("root\n");
    host.root().run("sudo -n id -un").succeeds().says("root");
    host.root().run("sudo -n -u alice id -un").succeeds().says("alice");
}

#[test]
fn one_that_is_stopped_and_continued_is_never_let_in() {
    let host = Host::with(|host| {
        let host = host.people().sudo_rs().file("jit/breakglass", 0o600, "alice sudo\n");
        host.control(OPEN_WHILE_AWAY).arguments("timeout=1s")
    })
    .start();
    let attack = "for n in $(seq 10); do (for i in 1 2 3; do sudo -n id -un & p=$!; \
                  for s in 1 2 3 4 5 6; do kill -STOP $p; sleep 0.$(( ($i * 7 + $n * 3 + $s) % 13 )); kill -CONT $p; sleep 0.00$(( ($i + $s) % 9 )); done 2>/dev/null; \
                  wait $p; done) & done; wait";
    host.user("alice").run(attack).does_not_say("root\n").does_not_say("break-glass");
    assert!(!host.syslog().iter().any(|line| line.contains("access.breakglass")));
}
