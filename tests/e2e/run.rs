//! `jit run` and `jit wait`: waiting with the approvers in view, outside the prompt.

use crate::ask::{approve, pending, soon};
use jit_tests::{Host, wait_until};
use std::time::Duration;

#[test]
fn jit_run_asks_waits_with_the_approvers_in_view_and_passes_the_commands_code_on() {
    let host = Host::with(|host| host.people()).start();
    let mut shell = host.user("alice").variable("TERM=xterm").terminal("jit run --for 10m -- sh -c 'id -un; exit 7'");
    shell.expect("Reason for sudo as root, shown to the approver and kept; never a password: ");
    shell.type_line("INC-42");
    shell.expect("waits for carol or dave (group leads) until");
    shell.expect("carol or dave (group leads) can approve; 59m5");
    let began = approve(&host);
    shell.expect("Granted: you may sudo as root until");
    shell.expect("root\r\n");
    soon("from the approver's command to that of jit run", began);
    shell.finish().exits(7);
}

#[test]
fn jit_run_works_in_a_pipe_and_uses_what_is_held_or_asked_for_already() {
    let host = Host::with(|host| host.people()).start();
    let alice = host.user("alice");
    std::thread::scope(|scope| {
        let line = "echo data | jit run --reason INC-42 -- cat | tr a-z A-Z; jit run -- id -un";
        let ran = scope.spawn(|| host.user("alice").run(line).succeeds());
        approve(&host);
        let ran = ran.join().unwrap();
        assert_eq!(ran.stdout, "DATA\nroot\n");
        assert!(ran.stderr.contains("waits for carol or dave") && ran.stderr.contains("Approved by carol."), "{}", ran.stderr);
    });
    // One that waits already is gone on with, and as whom is asked for as sudo will be called.
    alice.run("jit request --as carol --reason INC-43").succeeds();
    std::thread::scope(|scope| {
        let ran = scope.spawn(|| host.user("alice").run("jit run -u carol -- id -un").succeeds());
        let id = pending(&host);
        host.user("dave").run(&format!("jit approve {id}")).succeeds();
        assert_eq!(ran.join().unwrap().stdout, "carol\n");
    });
    alice.run("jit run -- false").exits(1);
    alice.run("jit run --json -- id -un").succeeds().says("\"state\":\"granted\"").says("root");
}

#[test]
fn jit_run_does_not_go_on_with_a_request_for_another_time() {
    let host = Host::with(|host| host.people()).start();
    let alice = host.user("alice");
    let start = alice.run("date -u -d '+20 hours' +%FT%TZ").succeeds().stdout;
    let later = alice.run(&format!("jit request --start {} --reason INC-1 --json", start.trim())).succeeds().json();
    std::thread::scope(|scope| {
        let ran = scope.spawn(|| host.user("alice").run("jit run --reason INC-2 -- id -un"));
        let now = wait_until("a request for now", || {
            let waits = host.user("carol").run("jit list --pending --json").succeeds().json();
            let requests = waits["requests"].as_array().unwrap().clone();
            requests.into_iter().find(|request| request["reason"] == "INC-2")
        });
        assert!(now["start"].is_null() && now["id"] != later["id"], "{now}");
        host.user("carol").run(&format!("jit approve {}", now["id"].as_str().unwrap())).succeeds();
        assert_eq!(ran.join().unwrap().succeeds().stdout, "root\n");
    });
    host.user("alice").run(&format!("jit show {}", later["id"].as_str().unwrap())).succeeds().says(": pending");
}

#[test]
fn what_fails_before_the_command_runs_is_125() {
    let host = Host::with(|host| host.people()).start();
    let bob = host.user("bob");
    bob.run("jit run -- id -un").exits(125).says("reason").does_not_say("root\n");
    bob.run("jit run id -un").exits(125);
    bob.run("jit run --reason x").exits(125);
    host.user("erin").run("jit run --reason x -- id -un").exits(125).says("no rule lets erin");
    std::thread::scope(|scope| {
        let ran = scope.spawn(|| host.user("bob").run("jit run --reason INC-42 -- id -un"));
        let id = pending(&host);
        host.user("carol").run(&format!("jit deny {id} --note no")).succeeds();
        ran.join().unwrap().exits(125).says("Denied by carol: \"no\"").does_not_say("root\n");
    });
    std::thread::scope(|scope| {
        let ran = scope.spawn(|| host.user("bob").run("jit run --json --reason INC-43 -- id -un"));
        let id = pending(&host);
        host.user("carol").run(&format!("jit deny {id} --note no")).succeeds();
        // One object, and no other.
        assert_eq!(ran.join().unwrap().exits(125).json()["error"]["code"], "refused");
    });
    host.grant("bob", "sudo", "carol");
    bob.run("PATH=/nowhere /usr/local/bin/jit run -- id").exits(125).says("sudo cannot be run");
    host.jitd().stop();
    bob.run("jit run --reason x -- id -un").exits(125).says("jitd cannot be reached");
}

#[test]
fn where_sudo_would_let_somebody_in_jit_run_asks_nobody() {
    let policy = "version = 1\n\
        [[grant]]\nname = \"deploys\"\nwho = [\"user:bob\"]\non = [\"sudo\"]\napprove = []\nstarts = \"login\"\n\
        [[grant]]\nname = \"ops\"\nwho = [\"group:ops\"]\nnot = [\"user:bob\"]\non = [\"sudo\"]\napprove = [{ by = [\"group:leads\"] }]\n\
        [[repetitive]]\nname = \"again\"\nwho = [\"group:ops\"]\non = [\"sudo\"]\nafter = { within = \"8h\", times = 2 }\n";
    let host = Host::with(|host| host.people().movable_clock().policy(policy)).start();
    host.user("bob").run("jit run -- id -un").succeeds().says("root");
    host.user("bob").run("jit run -u carol -- id -un").exits(125).says("no rule lets bob");
    host.user("alice").run("jit run -- id -un").exits(125).says("reason");
    host.grant("alice", "sudo", "carol");
    host.user("alice").run("jit run -- id -un").succeeds().says("root");
    host.clock().advance(3600);
    // What carol approved is over; the rule gives the same again.
    host.user("alice").run("jit run -- id -un").succeeds().says("root");
    let asked = host.root().run("jit audit log --kind request.submitted --json").succeeds().json();
    assert_eq!(asked["events"].as_array().unwrap().len(), 1, "only what carol approved");
}

#[test]
fn jit_wait_says_each_approval_as_it_comes_and_costs_nothing_meanwhile() {
    let policy = "version = 1\n[[grant]]\nname = \"two\"\nwho = [\"group:ops\"]\non = [\"sudo\"]\napprove = [ { by = [\"group:leads\"] }, { by = [\"user:erin\"] } ]\n";
    let host = Host::with(|host| host.people().policy(policy)).start();
    host.user("bob").run("jit request --reason INC-42").succeeds();
    let id = pending(&host);
    let mut shell = host.user("bob").terminal("jit wait");
    shell.expect("waits for alice-adm, carol or dave (group leads) until");
    let switches = || -> u64 {
        let status = host.root().run("grep voluntary_ctxt_switches /proc/$(pgrep -x jit)/status | head -1 | tr -dc 0-9").succeeds().stdout;
        status.trim().parse().unwrap()
    };
    let before = switches();
    std::thread::sleep(Duration::from_millis(700));
    assert_eq!(switches(), before, "it woke up while nothing happened");
    host.user("carol").run(&format!("jit approve {id}")).succeeds();
    shell.expect(&format!("Approved by carol. {id} waits for erin until"));
    host.user("erin").run(&format!("jit approve {id}")).succeeds();
    shell.expect("Granted: you may sudo as root until");
    shell.finish().succeeds();
}
