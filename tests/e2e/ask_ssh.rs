//! Asking inside sshd's keyboard-interactive, for who cannot log in yet.

use jit_tests::{Host, PASSWORD, Plan, Terminal, wait_until};
use std::time::Instant;

fn asking(plan: Plan) -> Plan {
    plan.people().arguments("ask")
}

/// Somebody's ssh at the question for the reason.
fn at_the_question(host: &Host, user: &str) -> Terminal {
    let mut client = host.ssh(user).by_keyboard_interactive().terminal();
    client.expect("Password:");
    client.type_line(PASSWORD);
    client
}

/// Types a reason and says yes, and waits until the request is filed; answers its id.
fn file(host: &Host, client: &mut Terminal) -> String {
    client.expect("Reason for ssh, shown to the approver and kept; never a password. Empty: give up.");
    client.expect("Reason: ");
    client.type_line("INC-42");
    client.expect("Ask alice-adm, carol or dave for ssh, 30m, \"INC-42\"? [Y/n]");
    client.expect("Y/n: ");
    client.type_line("");
    client.expect("waits for alice-adm, carol or dave. Enter: look again, c: leave it");
    pending(host, 0)
}

fn pending(host: &Host, number: usize) -> String {
    wait_until("a request that waits", || {
        let listed = host.root().run("jit list --pending --json").succeeds().json();
        listed["requests"][number]["id"].as_str().map(str::to_owned)
    })
}

fn approve(host: &Host, id: &str) {
    host.user("carol").run(&format!("jit approve {id}")).succeeds();
}

/// Waits until sshd has ended all connections of bob's.
fn server_is_gone(host: &Host) {
    wait_until("sshd to end", || host.root().run("pgrep -f '^sshd: bob'").stdout.is_empty().then_some(()));
}

fn comes_in(mut client: Terminal, user: &str) {
    client.type_line("echo I am $(id -un)");
    client.expect(&format!("I am {user}"));
    client.type_line("exit");
    drop(client.finish());
}

#[test]
fn who_cannot_log_in_yet_asks_in_the_log_in_and_goes_on_when_it_is_approved() {
    let host = Host::with(asking).start();
    let mut client = at_the_question(&host, "bob");
    let id = file(&host, &mut client);
    host.user("carol").run(&format!("jit show {id}")).succeeds().says("127.0.0.1");
    client.type_line("");
    client.expect(&format!("{id} waits for alice-adm, carol or dave. Enter: look again"));
    approve(&host, &id);
    let pressed = Instant::now();
    client.type_line("");
    client.expect("Approved by carol");
    println!("from Enter to the word: {} ms", pressed.elapsed().as_millis());
    comes_in(client, "bob");
    let opened = host.wait_for_log("session.opened");
    assert!(opened.contains("user=bob") && opened.contains("service=sshd"), "{opened}");
}

#[test]
fn after_a_key_too_where_sshd_asks_for_both() {
    let host = Host::with(|host| asking(host).sshd("AuthenticationMethods publickey,keyboard-interactive:pam")).start();
    let mut client = host.ssh("bob").by("publickey,keyboard-interactive").terminal();
    client.expect("Password:");
    client.type_line(PASSWORD);
    let id = file(&host, &mut client);
    approve(&host, &id);
    client.type_line("");
    comes_in(client, "bob");
}

#[test]
fn who_leaves_is_told_its_id_and_the_next_log_in_goes_on_with_it() {
    let host = Host::with(asking).start();
    let mut client = at_the_question(&host, "bob");
    let id = file(&host, &mut client);
    client.type_line("c");
    client.expect(&format!("{id} stays pending"));
    client.finish().fails();
    let mut client = at_the_question(&host, "bob");
    client.expect(&format!("{id} waits for alice-adm, carol or dave. Enter: look again, c: leave it"));
    approve(&host, &id);
    client.type_line("");
    comes_in(client, "bob");
}

#[test]
fn who_gives_no_reason_or_is_denied_is_told_so() {
    let host = Host::with(asking).start();
    let mut client = at_the_question(&host, "bob");
    client.expect("Reason: ");
    client.type_line("");
    client.expect("jit: no grant for ssh. Ask an approver (group leads) to grant it. D-");
    client.finish().fails();
    let mut client = at_the_question(&host, "bob");
    let id = file(&host, &mut client);
    host.user("carol").run(&format!("jit deny {id} --note no")).succeeds();
    client.type_line("");
    client.expect(&format!("jit: Denied by carol: \"no\". {id} is over."));
    client.finish().fails();
}

#[test]
fn a_key_or_a_password_alone_cannot_be_asked_and_is_denied_as_ever() {
    let host = Host::with(asking).start();
    for ssh in [host.ssh("bob"), host.ssh("bob").by_password(), host.ssh("bob").by_keyboard_interactive()] {
        ssh.run("id -un").fails().says("jit: no grant for ssh").does_not_say("bob\n");
    }
    host.ssh("bob").run("true").fails().does_not_say("Reason").does_not_say("can wait now");
    assert_eq!(host.root().run("jit list --all --json").succeeds().json()["requests"].as_array().unwrap().len(), 0);
}

#[test]
fn a_client_that_left_is_never_let_in() {
    let host = Host::with(asking).start();
    let mut client = at_the_question(&host, "bob");
    let id = file(&host, &mut client);
    host.root().run("pkill -KILL -x ssh").succeeds();
    approve(&host, &id);
    server_is_gone(&host);
    assert!(!host.syslog().iter().any(|line| line.contains("session.opened")));
    // The place is free again, and what was approved is good.
    host.ssh("bob").run("id -un").succeeds().says("bob");
}

#[test]
fn sshds_grace_time_is_met_with_the_request_kept() {
    let host = Host::with(|host| asking(host).sshd("LoginGraceTime 3")).start();
    let mut client = at_the_question(&host, "bob");
    let id = file(&host, &mut client);
    server_is_gone(&host);
    client.type_line("");
    client.finish().fails();
    assert_eq!(pending(&host, 0), id);
    let mut client = at_the_question(&host, "bob");
    client.expect(&format!("{id} waits for"));
    approve(&host, &id);
    client.type_line("");
    comes_in(client, "bob");
}

#[test]
fn a_jitd_that_is_restarted_is_looked_for_at_the_next_enter() {
    let host = Host::with(asking).start();
    let mut client = at_the_question(&host, "bob");
    let id = file(&host, &mut client);
    host.jitd().kill();
    client.type_line("");
    client.expect(&format!("{id} waits for"));
    host.jitd().start();
    approve(&host, &id);
    client.type_line("");
    comes_in(client, "bob");
}

#[test]
fn five_wait_and_one_of_each_user_and_the_next_are_told_and_others_log_in_meanwhile() {
    let names: Vec<_> = (0..6).map(|number| format!("user{number}")).collect();
    let host = Host::with(|host| names.iter().fold(asking(host), |host, name| host.user(name, &["ops"]))).start();
    let mut clients: Vec<_> = names[..5].iter().map(|name| at_the_question(&host, name)).collect();
    for client in &mut clients {
        client.expect("Reason: ");
    }
    for user in ["user0", "user5"] {
        let mut next = at_the_question(&host, user);
        next.expect("jit: no more log-ins can wait now (1 of one user, 5 in all).");
        next.expect("jit: no grant for ssh.");
        next.finish().fails();
    }
    host.user("carol").run("jit grant bob ssh --reason INC-42").succeeds();
    for _ in 0..5 {
        host.ssh("bob").run("id -un").succeeds().says("bob");
        host.ssh("carol").by_password().run("id -un").succeeds().says("carol");
    }
    drop(clients.pop());
    host.root().run("pkill -KILL -n -x ssh").succeeds();
    let mut next = at_the_question(&host, "user5");
    next.expect("Reason: ");
}
