//! A guided demonstration: refused, requested, approved, let in, ended, refused; for sudo and for SSH.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a demonstration that fails says so by panicking"
)]

use jit_tests::{Host, Output};

fn main() {
    let host = Host::with(|host| {
        host.user("alice", &["ops"]).user("carol", &["leads"]).sudoers("alice ALL=(ALL) NOPASSWD: ALL\n").movable_clock()
    })
    .start();
    title("A host of its own: real sudo, real sshd, jitd. Nothing of this machine is touched.");
    println!("alice is in group ops, carol in group leads. The policy:\n");
    for line in host.read("/etc/jit/policy.toml").lines().skip_while(|line| !line.contains("ops-root")).take(7) {
        println!("    {line}");
    }

    title("1. sudo without a grant: refused, though sudoers says NOPASSWD");
    shown(host.user("alice").run("sudo id -un")).fails();
    title("2. alice asks, with a reason");
    let asked = shown(host.user("alice").run("jit request --reason 'INC-42 disk full'")).succeeds();
    let id = asked.stdout.split_whitespace().find(|word| word.starts_with("R-")).expect("an id").to_owned();
    title("3. She cannot approve it herself; carol can");
    shown(host.user("alice").run(&format!("jit approve {id}"))).fails();
    shown(host.user("carol").run("jit status")).succeeds();
    shown(host.user("carol").run(&format!("jit approve {id}"))).succeeds();
    title("4. alice is let in");
    shown(host.user("alice").run("sudo id -un")).succeeds();
    title("5. Half an hour later (the clock of the daemon is moved): refused again");
    host.clock().advance(1800);
    shown(host.user("alice").run("sudo id -un")).fails();

    title("6. The same for SSH: alice cannot log in, so an approver grants it");
    shown_as("alice's laptop$ ssh alice@testhost id -un", host.ssh("alice").run("id -un")).fails();
    shown(host.user("carol").run("jit grant alice ssh --for 1h --reason 'INC-42, needs the host'")).succeeds();
    shown_as("alice's laptop$ ssh alice@testhost id -un", host.ssh("alice").run("id -un")).succeeds();
    host.clock().advance(3600);
    shown_as("an hour later: alice's laptop$ ssh alice@testhost id -un", host.ssh("alice").run("id -un")).fails();

    title("7. All of it is in syslog, and in a record that cannot be changed unnoticed");
    let _ = host.wait_for_log("grant.expired");
    for line in host.syslog().iter().filter_map(|line| line.split_once("jitd[").map(|(_, rest)| rest.to_owned())) {
        let short: String = line.split_once("]: ").map_or(line.clone(), |(_, line)| line.to_owned()).chars().take(150).collect();
        println!("    jitd: {short}");
    }
    shown(host.root().run("jit audit verify")).succeeds();
    drop(host);
    println!("\nThe host is gone, with everything in it. Next: README.md, \"On a real host\".");
}

fn title(text: &str) {
    println!("\n\u{1b}[1m{text}\u{1b}[0m");
}

fn shown(output: Output) -> Output {
    let command = output.command.clone();
    shown_as(&command, output)
}

fn shown_as(command: &str, output: Output) -> Output {
    println!("  {command}");
    let hidden = ["Warning: Permanently added", "sudo: a password is required"];
    for line in output.text().lines().filter(|line| !line.trim().is_empty() && !hidden.iter().any(|hidden| line.contains(hidden))) {
        println!("      {line}");
    }
    output
}
