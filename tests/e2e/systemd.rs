//! A host with systemd as its first process: jitd as a service, logind's sessions, the journal, systemd-run.

use jit_tests::{Host, wait_until};

fn booted() -> Host {
    let unit = include_str!("../../packaging/jitd.service");
    let host = Host::with(|host| host.people().systemd().without_daemon().file("systemd/system/jitd.service", 0o644, unit)).start();
    host.root().run("systemctl start jitd").succeeds();
    host
}

#[test]
fn sudo_by_systemd_run_is_gated_like_any_other() {
    let host = booted();
    let run = || host.root().run("systemd-run --quiet --wait --pipe --uid=alice sudo -n id -un");
    run().fails().says("jit: no grant for sudo").does_not_say("root\n");
    host.grant("alice", "sudo", "carol");
    run().succeeds().says("root");
    wait_until("the journal to have it", || {
        let journal = host.root().run("journalctl -t jitd -o cat").text();
        (journal.contains("session.opened") && journal.contains("user=alice")).then_some(())
    });
    // A unit that root gives sudo's own stack is root's doing, and not ours.
    host.root().run("systemd-run --quiet --wait --pipe --uid=alice -p PAMName=sudo id -un").succeeds().says("alice");
}

#[test]
fn log_ins_by_ssh_are_sessions_of_logind_and_gated() {
    let host = booted();
    host.ssh("bob").run("loginctl show-user bob").fails().says("jit: no grant for ssh");
    host.user("carol").run("jit grant bob ssh --reason INC-42").succeeds();
    host.ssh("bob").run("cat /proc/self/cgroup").succeeds().says("session-");
    host.ssh("carol").run("id -un").succeeds().says("carol");
}

#[test]
fn a_service_that_is_restarted_or_killed_comes_back_and_knows_its_grants() {
    let host = booted();
    host.grant("alice", "sudo", "carol");
    host.root().run("systemctl restart jitd").succeeds();
    host.user("alice").run("sudo -n id -un").succeeds().says("root");
    host.root().run("systemctl kill -s KILL jitd").succeeds();
    wait_until("systemd to start it again", || host.user("alice").run("sudo -n id -un").stdout.contains("root").then_some(()));
    host.root().run("systemctl stop jitd").succeeds();
    host.user("alice").run("sudo -n id -un").fails().says("the access daemon does not answer");
    host.root().run("sudo -n systemctl start jitd").succeeds();
    host.user("alice").run("sudo -n id -un").succeeds().says("root");
}
