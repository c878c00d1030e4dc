//! How many may wait in their prompts, and what the others notice of it.

use crate::ask::{approve, asking, file, host};
use jit_tests::{Host, PASSWORD};
use std::time::Duration;

/// Approves the request of this user.
fn approve_of(host: &Host, user: &str) {
    let listed = host.root().run("jit list --pending --json").succeeds().json();
    let id =
        listed["requests"].as_array().unwrap().iter().find(|request| request["user"] == user).unwrap()["id"].as_str().unwrap().to_owned();
    host.user("carol").run(&format!("jit approve {id}")).succeeds();
}

#[test]
fn three_of_one_user_wait_and_the_fourth_is_told_and_others_are_let_in_meanwhile() {
    let host = host();
    let mut shells = Vec::new();
    for number in 0..3 {
        let mut shell = host.user("alice").terminal("sudo id -un");
        if number == 0 {
            file(&mut shell, "INC-42")
        } else {
            shell.expect(" waits for ")
        }
        shells.push(shell);
    }
    let mut fourth = host.user("alice").terminal("sudo id -un");
    fourth.expect("jit: no more prompts can wait now (3 of one user, 32 in all).");
    fourth.expect("jit: no grant for sudo. Ask: jit request");
    fourth.finish().fails();
    host.grant("bob", "sudo", "carol");
    host.user("bob").run("sudo -n id -un").succeeds().says("root");
    approve_of(&host, "alice");
    for mut shell in shells {
        shell.expect("root\r\n");
        shell.finish().succeeds();
    }
    let mut fifth = host.user("frank").terminal("sudo id -un");
    fifth.expect("password");
}

#[test]
fn thirty_two_wait_and_the_thirty_third_is_told_and_a_check_costs_what_it_did() {
    let names: Vec<_> = (0..11).map(|number| format!("user{number}")).collect();
    let host = Host::with(|host| {
        let host = names.iter().fold(asking(host), |host, name| host.user(name, &["ops"]));
        host.sudoers(&format!("{} ALL=(ALL:ALL) NOPASSWD: ALL\n", names.join(",")))
    })
    .start();
    for name in &names {
        host.user(name).run("jit request --reason INC-42").succeeds();
    }
    host.grant("bob", "sudo", "carol");
    let mut shells = Vec::new();
    for place in 0..32 {
        let mut shell = host.user(&names[place / 3]).terminal("sudo id -un");
        shell.expect(" waits for ");
        shells.push(shell);
    }
    let mut last = host.user(&names[10]).terminal("sudo id -un");
    last.expect("no more prompts can wait now");
    last.finish().fails();
    let ticks = || -> u64 {
        let stat = host.root().run("cut -d' ' -f14,15 /proc/$(pgrep -x jitd)/stat").succeeds().stdout;
        stat.split_whitespace().map(|ticks| ticks.parse::<u64>().unwrap()).sum()
    };
    let before = ticks();
    host.user("bob").run("sudo -n id -un").succeeds().says("root");
    std::thread::sleep(Duration::from_secs(1));
    assert!(ticks() - before < 20, "32 waiters cost {} hundredths of a second of jitd in a second", ticks() - before);
    drop(shells.pop());
    host.root().run("pkill -KILL -n -x sudo").succeeds();
    let mut next = host.user(&names[10]).terminal("sudo id -un");
    next.expect(" waits for ");
}

#[test]
fn a_waiters_password_ticket_is_not_held_against_their_other_terminals() {
    for kind in ["tty", "global"] {
        let host = Host::with(|host| asking(host).sudoers(&format!("Defaults timestamp_type={kind}\n"))).start();
        let mut first = host.user("frank").terminal("sudo id -un");
        first.expect("password for frank");
        first.type_line(PASSWORD);
        file(&mut first, "INC-42");
        let mut second = host.user("frank").terminal("sudo id -un");
        second.expect("password for frank");
        second.type_line(PASSWORD);
        second.expect(" waits for ");
        approve(&host);
        for mut shell in [first, second] {
            shell.expect("root\r\n");
            shell.finish().succeeds();
        }
    }
}
