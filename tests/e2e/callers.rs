//! Other programs at the same doors: su in all its forms, runuser, cron, somebody without a name, a container.

use jit_tests::{Host, PASSWORD, wait_until};

fn people() -> Host {
    Host::with(|host| host.people().movable_clock()).start()
}

#[test]
fn su_in_each_form_is_refused_let_in_and_refused_again() {
    let host = people();
    let forms = ["su carol -c 'id -un'", "su - carol -c 'id -un'", "su -l carol -c 'id -un'", "su -s /bin/sh carol -c 'id -un'"];
    let su = |form: &str| {
        // su asks on its terminal, or reads from standard input where it has none.
        let mut terminal = host.user("alice").terminal(form);
        terminal.expect("Password:");
        terminal.type_line(PASSWORD);
        terminal.finish()
    };
    for form in forms {
        su(form).fails().says("jit: no grant for su as carol");
    }
    host.grant("alice", "su --as carol", "dave");
    for form in forms {
        su(form).succeeds().says("carol");
    }
    host.clock().advance(1801);
    for form in forms {
        su(form).fails().says("jit: no grant for su as carol");
    }
}

#[test]
fn su_to_root_is_a_grant_for_root_and_a_wrong_password_stays_one() {
    let host = people();
    host.root().run(&format!("echo root:{PASSWORD} | chpasswd")).succeeds();
    let su = |password: &str| host.user("alice").input(&format!("{password}\n")).run("su -c 'id -un'");
    su(PASSWORD).fails().says("jit: no grant for su. Ask: jit request su");
    host.grant("alice", "su", "carol");
    su("wrong").fails().says("Authentication failure");
    su(PASSWORD).succeeds().says("root");
    assert!(host.wait_for_log("session.opened").contains("service=su as=root"));
}

#[test]
fn a_grant_for_sudo_is_none_for_su_and_the_reverse() {
    let host = people();
    host.grant("alice", "su --as carol", "dave");
    host.user("alice").run("sudo -n -u carol id").fails().says("no grant for sudo");
    host.grant("bob", "sudo --as carol", "dave");
    host.user("bob").input(&format!("{PASSWORD}\n")).run("su carol -c id").fails().says("no grant for su as carol");
}

#[test]
fn roots_own_su_and_runuser_are_not_ours_even_with_our_lines_in_their_stacks() {
    let host = people();
    let module = host.read("/etc/pam.d/su").lines().next().unwrap().split_whitespace().nth(2).unwrap().to_owned();
    for service in ["runuser", "runuser-l"] {
        let stock = host.read(&format!("/etc/pam.d/{service}"));
        host.write(
            &format!("/etc/pam.d/{service}"),
            &format!("account required {module}\nsession required {module}\n{stock}\nsession required {module} enter\n"),
        );
    }
    host.jitd().stop();
    for command in [
        "su alice -c 'id -un'",
        "su - alice -c 'id -un'",
        "runuser alice -c 'id -un'",
        "runuser -l alice -c 'id -un'",
        "runuser -u alice id -- -un",
    ] {
        host.root().run(command).succeeds().says("alice");
    }
}

#[test]
fn sudo_from_cron_is_gated_like_any_other() {
    let host = people();
    host.root().run("mkdir -p /var/spool/cron/crontabs").succeeds();
    host.user("alice").run("true").succeeds();
    host.write("/etc/cron.d/test", "* * * * * alice sudo -n id -un >> /tmp/cron.out 2>&1\n");
    // A minute of cron's passes in a second.
    let library = host.root().run("ls /usr/lib/*/faketime/libfaketime.so.1").succeeds().stdout;
    host.root().run(&format!("LD_PRELOAD={} FAKETIME='+0 x60' setsid cron -f </dev/null >/dev/null 2>&1 &", library.trim())).succeeds();
    let wait_for = |text: &str| wait_until(text, || host.root().run("cat /tmp/cron.out").text().contains(text).then_some(()));
    wait_for("jit: no grant for sudo");
    host.grant("alice", "sudo", "carol");
    wait_for("root");
    let opened = host.wait_for_log("session.opened");
    assert!(opened.contains("user=alice") && opened.contains("as=root"), "{opened}");
}

#[test]
fn somebody_without_a_name_is_turned_away_at_both_doors() {
    let host = people();
    let nobody = "setpriv --reuid 4242 --regid 4242 --clear-groups";
    host.root().run(&format!("{nobody} sudo -n id -un")).fails().does_not_say("root\n");
    host.root().run(&format!("{nobody} jit status")).fails().says("no account on this host");
    // A sudo that does not mind would still meet the gate: it asks for the uid, and there is no account.
    host.root().run(&format!("{nobody} jit request --reason x")).fails().says("no account on this host");
}

#[test]
fn root_of_a_user_namespace_is_still_who_they_are_outside() {
    let host = people();
    let inside = |line: &str| host.user("alice").run(&format!("unshare -Ur sh -c '{line}'"));
    inside("id -u").succeeds().says("0");
    inside("jit status --json").succeeds().says("\"uid\":1001");
    inside("jit reload").exits(1);
    inside("jit --socket /run/jit/pam.sock status").exits(3);
    inside("sudo -n id -un").fails().does_not_say("root\n");
    // In a pid namespace of its own its processes have other numbers inside; jitd sees its own.
    host.user("alice").run("unshare -Urpf --mount-proc jit status --json").succeeds().says("\"uid\":1001");
    host.user("alice").run("jit request --reason INC-42 --json").succeeds();
    inside("jit approve $(jit list --json | grep -o R-........ | head -n 1)").exits(1).says("your own");
}

#[test]
fn a_container_with_mapped_uids_is_nobody_with_an_account_here() {
    let host = people();
    // Its root is uid 200000 outside, as a container engine would map it.
    let container = "setpriv --reuid 200000 --regid 200000 --clear-groups unshare -Ur";
    host.root().run(&format!("{container} jit status")).fails().says("no account on this host");
    host.root().run(&format!("{container} sudo -n id -un")).fails().does_not_say("root\n");
}
