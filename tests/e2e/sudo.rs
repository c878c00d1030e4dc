//! Every way to call sudo: refused without a grant, let in with one, refused after it.

use jit_tests::{Host, PASSWORD, POLICY};

/// Runs each check without a grant, with one, and after it.
fn refused_let_in_refused(user: &str, check: impl Fn(&Host, bool)) {
    let host = Host::with(|host| host.people().movable_clock()).start();
    check(&host, false);
    host.grant(user, "sudo", "carol");
    check(&host, true);
    host.clock().advance(1801);
    check(&host, false);
}

#[test]
fn nopasswd_sudo_needs_a_grant_with_every_option() {
    refused_let_in_refused("alice", |host, granted| {
        let commands = [
            "sudo -n id -un",
            "sudo id -un",
            "sudo -l",
            "sudo -v",
            "sudo -i id -un",
            "sudo -b id -un",
            "sudo -s id -un",
            "echo x | sudo -S id -un",
        ];
        for command in commands {
            let output = host.user("alice").run(command);
            if granted {
                output.succeeds();
            } else {
                output.fails().says("jit: no grant for sudo").does_not_say("root\n");
            }
        }
    });
}

#[test]
fn sudo_with_a_password_asks_for_it_and_needs_a_grant_all_the_same() {
    refused_let_in_refused("frank", |host, granted| {
        let output = host.user("frank").input(&format!("{PASSWORD}\n")).run("sudo -k; sudo -S id -un");
        if granted {
            output.succeeds().says("root");
        } else {
            output.fails().says("jit: no grant for sudo");
        }
    });
}

#[test]
fn a_cached_ticket_does_not_outlive_the_grant() {
    let host = Host::with(|host| host.people().movable_clock()).start();
    host.grant("frank", "sudo", "carol");
    let mut shell = host.user("frank").terminal("sudo id -un; sudo -n id -un; echo ready; read x; sudo -n id -un; echo end");
    shell.expect("password for frank");
    shell.type_line(PASSWORD);
    shell.expect("root");
    shell.expect("root");
    shell.expect("ready");
    host.clock().advance(1801);
    shell.type_line("");
    shell.expect("jit: no grant for sudo");
    shell.expect("end");
    assert!(!shell.finish().stdout.ends_with("root\r\nend\r\n"));
}

#[test]
fn a_refusal_reaches_a_terminal() {
    let host = Host::with(|host| host.people()).start();
    let mut shell = host.user("alice").terminal("sudo id -un");
    shell.expect("jit: no grant for sudo. Ask: jit request sudo");
    shell.finish().fails();
}

#[test]
fn sudoedit_needs_a_grant_and_its_session_is_its_callers() {
    refused_let_in_refused("alice", |host, granted| {
        host.root().run("echo before > /etc/edited").succeeds();
        let edit = host.user("alice").variable("EDITOR=sh -c 'echo after > $0'").run(
            "printf '#!/bin/sh\\necho after > \"$1\"\\n' > /tmp/ed-$$; chmod 755 /tmp/ed-$$; EDITOR=/tmp/ed-$$ sudoedit -n /etc/edited",
        );
        if granted {
            edit.succeeds();
            assert_eq!(host.read("/etc/edited"), "after\n");
        } else {
            edit.fails().says("jit: no grant for sudo");
            assert_eq!(host.read("/etc/edited"), "before\n");
        }
    });
}

#[test]
fn a_run_as_user_outside_the_grant_is_refused_when_the_session_opens() {
    let host = Host::with(|host| host.people()).start();
    host.grant("alice", "sudo", "carol");
    let alice = host.user("alice");
    alice.run("sudo -n id -un").succeeds().says("root");
    alice
        .run("sudo -n -u carol id -un")
        .fails()
        .says("jit: no grant for sudo as carol. Ask: jit request sudo --as carol")
        .does_not_say("carol\n");
    alice.run("sudo -n -u bob id -un").fails().says("jit: no rule lets alice use sudo as bob");
    alice.run("sudo -n -g leads id -gn").fails().does_not_say("leads\n");
    host.grant("alice", "sudo --as carol", "dave");
    alice.run("sudo -n -u carol id -un").succeeds().says("carol");
}

#[test]
fn roots_own_sudo_is_not_ours_whatever_happens() {
    let host = Host::with(|host| host.people()).start();
    host.root().run("sudo -n id -un").succeeds().says("root");
    host.root().run("sudo -n -u alice id -un").succeeds().says("alice");
    host.root().run("su alice -c 'id -un'").succeeds().says("alice");
    host.jitd().stop();
    host.root().run("sudo -n id -un").succeeds().says("root");
    host.root().run("rm -rf /run/jit /etc/jit").succeeds();
    host.root().run("sudo -n id -un").succeeds().says("root");
}

#[test]
fn su_needs_a_grant_for_its_target() {
    let host = Host::with(|host| host.people()).start();
    let su = |to: &str| host.user("alice").input(&format!("{PASSWORD}\n")).run(&format!("su {to} -c 'id -un'"));
    su("carol").fails().says("jit: no grant for su as carol");
    host.grant("alice", "su --as carol", "dave");
    su("carol").succeeds().says("carol");
    su("bob").fails().says("no rule lets alice use su as bob");
    su("- carol").succeeds().says("carol");
}

#[test]
fn somebody_whom_no_rule_names_is_told_so() {
    let host = Host::with(|host| host.people()).start();
    host.user("carol").run("sudo -n true").fails().says("jit: no rule lets carol use sudo. D-");
}

#[test]
fn a_denial_can_be_looked_up_by_the_id_that_the_user_quotes() {
    let host = Host::with(|host| host.people()).start();
    let said = host.user("alice").run("sudo -n true").fails().text();
    let id = &said[said.find("D-").unwrap()..][..10];
    let _ = host.wait_for_log(&format!("access.denied id={id}"));
    let denial = host.user("alice").run(&format!("jit show {} --json", id.to_lowercase())).succeeds().json();
    assert_eq!(denial["denial"]["why"], "no grant");
    assert_eq!(denial["denial"]["rule"], "ops-root");
    host.user("carol").run(&format!("jit show {id}")).succeeds().says("alice");
    host.user("bob").run(&format!("jit show {id}")).exits(5);
    host.user("alice").run("sudo -n true").fails().says(id);
}

#[test]
fn a_typo_in_the_line_of_pam_d_denies() {
    let host = Host::with(|host| host.people().arguments("quite")).start();
    host.user("alice").run("sudo -n true").fails().says("not configured as it must be");
    assert!(host.wait_for_log("argument \"quite\"").contains("pam_jit(sudo:account)"));
    host.root().run("sudo -n id -un").succeeds().says("root");
}

#[test]
fn a_typo_in_the_last_line_alone_denies_is_named_in_the_log_and_leaves_no_session_open() {
    let host = Host::with(|host| host.people()).start();
    host.grant("alice", "sudo", "carol");
    host.root().run("sed -i 's/ enter *$/ enter qiet/' /etc/pam.d/sudo && grep -q ' enter qiet$' /etc/pam.d/sudo").succeeds();
    host.user("alice").run("sudo -n true").fails().says("not configured as it must be");
    assert!(host.wait_for_log("argument \"qiet\"").contains("pam_jit(sudo:session)"));
    assert!(host.wait_for_log("session.closed").contains("user=alice"));
    host.root().run("sudo -n id -un").succeeds().says("root");
}

#[test]
fn a_module_that_is_not_there_denies_under_required() {
    let host = Host::with(|host| host.people()).start();
    host.grant("alice", "sudo", "carol");
    host.user("alice").run("sudo -n id -un").succeeds();
    host.root().run("sed -i s/libpam_jit.so/gone.so/ /etc/pam.d/sudo").succeeds();
    host.user("alice").run("sudo -n id -un").fails().does_not_say("root\n");
}

#[test]
fn quiet_says_nothing_and_denies() {
    let host = Host::with(|host| host.people().arguments("quiet")).start();
    host.user("alice").run("sudo -n true").fails().does_not_say("jit:");
}

#[test]
fn observing_lets_everybody_in_and_writes_down_what_would_have_been() {
    let tomorrow =
        String::from_utf8(std::process::Command::new("date").args(["-u", "-d", "tomorrow", "+%F"]).output().unwrap().stdout).unwrap();
    let host = Host::with(|host| host.people().arguments(&format!("observe={}", tomorrow.trim()))).start();
    host.user("alice").run("sudo -n id -un").succeeds().says("root").does_not_say("jit:");
    let observed = host.wait_for_log("access.observed");
    assert!(observed.contains("user=alice") && observed.contains("answer=denied"), "{observed}");
    host.jitd().stop();
    host.user("alice").run("sudo -n id -un").succeeds().says("root");
}

#[test]
fn what_a_denied_sudo_is_told_can_be_typed_where_no_rule_gives_root() {
    let policy = POLICY.replace("as = [\"root\", \"carol\"]", "as = [\"carol\"]");
    let host = Host::with(|host| host.people().policy(&policy)).start();
    let said = host.user("alice").run("sudo -n -u carol id").fails().says("Approves: group leads");
    let command = said.text().split_once("Ask: ").unwrap().1.split_once(". Approves").unwrap().0.to_owned();
    assert_eq!(command, "jit request sudo --as carol --reason \"...\"");
    host.user("alice").run(&command).succeeds();
}
