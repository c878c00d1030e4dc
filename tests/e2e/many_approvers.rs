//! Approvers by the thousand: who may say yes is shown in few words, and nothing grows with them.

use jit_tests::{Host, POLICY};
use std::time::{Duration, Instant};

const EMERGENCY: &str = r#"
[[emergency]]
name = "oncall"
who = ["group:ops"]
on = ["sudo"]
for = { default = "30m", max = "1h" }
limit = { times = 3, per = "7d" }
review = { by = ["group:leads"], within = "24h" }
alert = ["group:leads"]
"#;

/// A host on which so many are in the group of those who approve.
fn with(leads: usize) -> Host {
    let host = Host::with(|host| host.people().policy(&format!("{POLICY}{EMERGENCY}")).without_daemon()).start();
    let approvers: String = (0..leads).map(|number| format!(",approver-{number}")).collect();
    let grown = |line: &str| if line.starts_with("leads:") { format!("{line}{approvers}\n") } else { format!("{line}\n") };
    let groups = host.read("/etc/group").lines().map(grown).collect::<String>();
    host.write("/etc/group", &groups);
    host.jitd().start();
    host
}

#[test]
fn a_group_of_ten_thousand_approvers_is_named_as_a_group_wherever_it_is_shown() {
    let host = with(10_000);
    host.user("alice").run("jit status").succeeds().says("approves: group leads");
    host.user("bob").run("sudo -n true").fails().says("Approves: group leads");
    host.user("alice").run("jit request sudo --reason INC-42").succeeds().says("group leads");
    let id = host.user("alice").run("jit list --json").json()["requests"][0]["id"].as_str().unwrap().to_owned();
    host.user("alice").run("jit --json status").succeeds().says("\"approvers\":[\"group:leads\"]");
    host.user("alice").run("jit list").succeeds().says("for group leads");
    host.user("carol").run("jit status").succeeds().says("alice");
    host.user("carol").run(&format!("jit approve {id}")).succeeds();
    host.user("alice").run("sudo -n id -un").succeeds().says("root");
}

#[test]
fn whoever_is_in_a_group_of_more_than_a_megabyte_is_in_it() {
    let host = with(100_000);
    host.user("alice").run("jit request sudo --reason INC-42").succeeds().says("group leads");
    let id = host.user("alice").run("jit list --json").json()["requests"][0]["id"].as_str().unwrap().to_owned();
    host.user("carol").run(&format!("jit approve {id}")).succeeds();
    host.user("alice").run("sudo -n id -un").succeeds().says("root");
}

#[test]
fn an_emergency_waits_for_none_of_a_hundred_thousand_who_are_to_be_told() {
    let host = with(100_000);
    let mut carol = host.user("carol").terminal("echo at the terminal; sleep 30");
    carol.expect("at the terminal");
    let began = Instant::now();
    host.user("alice").run("jit emergency --reason INC-42").succeeds().says("carol was told");
    // With each of them looked up it took 18 s.
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
    carol.expect("jit: alice took the emergency oncall for sudo: INC-42");
}

#[test]
fn the_members_of_a_small_group_are_named() {
    let host = with(10);
    let request = host.user("alice").run("jit --json request sudo --reason INC-42");
    request.succeeds().says("\"carol\"").says("\"approver-9\"");
}
