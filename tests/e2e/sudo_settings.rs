//! What sudoers can set: none of it opens the gate without being found, and none of it locks anybody out.

use jit_tests::{Host, PASSWORD};

/// A host with these lines in sudoers.
fn with(defaults: &str) -> Host {
    Host::with(|host| host.people().movable_clock().sudoers(defaults)).start()
}

/// Refused, let in, refused again.
fn is_gated(host: &Host, user: &str, command: &str, password: &str) {
    let call = |what: &str| host.user(user).input(&format!("{password}\n")).run(command).says(what);
    call("jit: no grant for sudo").fails();
    host.grant(user, "sudo", "dave");
    call("root").succeeds();
    host.clock().advance(1801);
    call("jit: no grant for sudo").fails();
}

#[test]
fn another_ones_password_changes_nothing_about_who_is_at_the_door() {
    for setting in ["rootpw", "targetpw", "runaspw"] {
        let host = with(&format!("Defaults:frank {setting}, runas_default=root\n"));
        host.root().run(&format!("echo root:{PASSWORD}x | chpasswd")).succeeds();
        host.user("frank").input(&format!("{PASSWORD}\n")).run("sudo -k; sudo -S id -un").fails();
        is_gated(&host, "frank", "sudo -k; sudo -S id -un", &format!("{PASSWORD}x"));
        let opened = host.wait_for_log("session.opened");
        assert!(opened.contains("user=frank uid=1007") && opened.contains("as=root"), "{setting}: {opened}");
    }
}

#[test]
fn under_targetpw_the_target_is_still_not_whoever_calls() {
    let host = with("Defaults:frank targetpw\n");
    host.grant("frank", "sudo --as carol", "dave");
    let frank = host.user("frank").input(&format!("{PASSWORD}\n"));
    frank.run("sudo -S -u carol id -un").succeeds().says("carol");
    frank.run("sudo -S -u bob id -un").fails().says("jit: no rule lets frank use sudo as bob");
    host.user("carol").run("sudo -n -u frank id -un").fails().says("jit: no rule lets carol use sudo");
}

#[test]
fn each_kind_of_cached_ticket_ends_with_the_grant() {
    for kind in ["global", "ppid", "tty", "kernel"] {
        let host = with(&format!("Defaults timestamp_type={kind}\n"));
        host.grant("frank", "sudo", "carol");
        let mut shell = host.user("frank").terminal("sudo id -un; sudo -n id -un && echo cached; read x; sudo -n id -un; echo end");
        shell.expect("password for frank");
        shell.type_line(PASSWORD);
        shell.expect("cached");
        host.clock().advance(1801);
        shell.type_line("");
        shell.expect("jit: no grant for sudo");
        shell.expect("end");
    }
}

#[test]
fn without_pam_ruser_the_caller_is_known_all_the_same() {
    let host = with("Defaults !pam_ruser, !pam_rhost\n");
    is_gated(&host, "alice", "sudo -n id -un", "");
    host.grant("alice", "sudo --as carol", "dave");
    host.user("alice").run("sudo -n -u carol id -un").succeeds().says("carol");
}

#[test]
fn with_and_without_a_pty_and_in_the_background() {
    for setting in ["use_pty", "!use_pty", "log_output", "!use_pty, !pam_setcred"] {
        let host = with(&format!("Defaults {setting}\n"));
        let mut refused = host.user("alice").terminal("sudo id -un");
        refused.expect("jit: no grant for sudo");
        refused.finish().fails();
        host.grant("alice", "sudo", "carol");
        host.user("alice").terminal("sudo id -un").finish().succeeds().says("root");
        let _ = host.wait_for_log("session.closed");
        host.clock().advance(1801);
        host.user("alice").terminal("sudo id -un").finish().fails().says("jit: no grant for sudo");
    }
}

#[test]
fn a_session_phase_that_is_switched_off_takes_no_use_and_is_named_by_doctor() {
    let host = with("Defaults:alice !pam_session\n");
    host.grant("alice", "sudo --uses 1", "carol");
    // sudo skips the phase, so nobody takes the use: this is what doctor warns of.
    for _ in 0..2 {
        host.user("alice").run("sudo -n id -un").succeeds();
    }
    let grants = host.root().run("jit list --active --json").succeeds().json();
    assert_eq!(grants["grants"][0]["uses"]["taken"], 0);
    host.root().run("jit doctor").exits(1).says("!pam_session for alice");
}

#[test]
fn an_account_phase_that_is_switched_off_lets_nobody_in_and_is_named_by_doctor() {
    let host = with("Defaults:alice !pam_acct_mgmt\n");
    host.user("alice").run("sudo -n id -un").fails().says("not configured as it must be").does_not_say("root\n");
    assert!(host.wait_for_log("the account phase did not run").contains("pam_acct_mgmt"));
    host.grant("alice", "sudo", "carol");
    host.user("alice").run("sudo -n id -un").fails().says("not configured as it must be").does_not_say("root\n");
    host.root().run("jit doctor").exits(1).says("!pam_acct_mgmt for alice");
}

#[test]
fn another_pam_service_skips_the_gate_and_is_named_by_doctor() {
    let host = with("Defaults:alice pam_service=other-door\nDefaults!/usr/bin/id pam_login_service=other-login\n");
    host.root().run("jit doctor").exits(1).says("pam_service=other-door for alice").says("pam_login_service=other-login for /usr/bin/id");
}

#[test]
fn an_unknown_uid_and_group_zero_has_no_session_and_is_named_by_doctor() {
    let host = with("Defaults runas_allow_unknown_id\n");
    // Without a grant the account phase holds.
    host.user("alice").run("sudo -n -u '#4242' -g '#0' id").fails().says("jit: no grant for sudo");
    host.root().run("jit doctor").exits(1).says("runas_allow_unknown_id");
}

#[test]
fn without_that_setting_an_unknown_uid_is_refused_with_a_grant_too() {
    let host = with("");
    host.grant("alice", "sudo", "carol");
    for target in ["-u '#4242' -g '#0'", "-u '#4242'", "-u '#-1'", "-u '#4294967295'", "-g '#0'", "-u '#1003'"] {
        host.user("alice").run(&format!("sudo -n {target} id -u")).fails();
    }
    host.user("alice").run("sudo -n -u '#0' id -un").succeeds().says("root");
}

#[test]
fn a_healthy_sudoers_satisfies_doctor() {
    let host = with("Defaults use_pty, timestamp_type=tty\n");
    host.root().run("jit doctor").says("sudoers").does_not_say("pam_session").does_not_say("pam_acct_mgmt");
}

#[test]
fn nested_sudo_is_each_callers_own_affair() {
    let host = with("");
    host.grant("alice", "sudo", "carol");
    // Root's own sudo is not ours; it goes on from a session that was let in.
    host.user("alice").run("sudo -n sudo -n -u bob id -un").succeeds().says("bob");
    // carol, though alice stands behind her, holds nothing.
    host.user("alice").run("sudo -n sudo -n -u carol sudo -n id -un").fails().says("jit: no rule lets carol use sudo");
    host.user("alice").run("sudo -n su bob -c 'sudo -n id -un'").fails().says("jit: no grant for sudo");
}

#[test]
fn sudos_own_prompt_does_not_replace_ours() {
    let host = with("Defaults passprompt_override\n");
    for prompt in ["-p ''", "-p 'jit: let in'", "-p '%u@%h '"] {
        let text = host.user("alice").run(&format!("sudo -n {prompt} id -un")).fails().says("jit: no grant for sudo").text();
        assert!(!text.contains("root\n"));
    }
}
