//! Who somebody is: uid and name together, for as long as both belong to the same account.

use jit_tests::{Host, Person, wait_until};

fn people() -> Host {
    Host::with(|host| host.people().movable_clock()).start()
}

/// A request of alice's, and its id.
fn asked_by_alice(host: &Host) -> String {
    host.user("alice").run("jit request --reason INC-42 --json").succeeds().json()["id"].as_str().unwrap().to_owned()
}

/// Renames an account, in place, as usermod(8) would.
fn rename(host: &Host, from: &str, to: &str) {
    host.root().run(&format!("usermod -l {to} {from}")).succeeds();
}

fn shell<'a>(host: &'a Host, uid: u32, line: &str) -> jit_tests::Output {
    let root: Person<'a> = host.root();
    root.run(&format!("setpriv --reuid {uid} --regid {uid} --init-groups sh -c '{line}'"))
}

#[test]
fn a_uid_that_passes_to_somebody_else_brings_no_grant_along() {
    let host = people();
    host.grant("alice", "sudo", "carol");
    host.user("alice").run("sudo -n id -un").succeeds();
    host.root().run("userdel alice; useradd -u 1001 -g 1002 -G ops mallory").succeeds();
    host.root().run("sed -i s/alice,bob/alice,mallory,bob/ /etc/sudoers.d/test").succeeds();
    shell(&host, 1001, "sudo -n id -un").fails().says("jit: no grant for sudo");
    shell(&host, 1001, "jit list --json").succeeds().does_not_say("INC-42");
    // The name alone is not alice either.
    host.root().run("useradd -u 4711 -G ops alice").succeeds();
    shell(&host, 4711, "sudo -n id -un").fails().says("jit: no grant for sudo");
}

#[test]
fn a_renamed_user_asks_anew_under_the_new_name() {
    let host = people();
    host.grant("alice", "sudo", "carol");
    rename(&host, "alice", "alicia");
    host.root().run("sed -i s/alice,bob/alicia,bob/ /etc/sudoers.d/test").succeeds();
    shell(&host, 1001, "sudo -n id -un").fails().says("jit: no grant for sudo");
    rename(&host, "alicia", "alice");
    host.root().run("sed -i s/alicia,bob/alice,bob/ /etc/sudoers.d/test").succeeds();
    host.user("alice").run("sudo -n id -un").succeeds().says("root");
}

#[test]
fn a_deleted_user_gets_in_nowhere_and_approves_nothing() {
    let host = people();
    host.grant("alice", "sudo", "carol");
    host.grant("bob", "ssh", "carol");
    host.root().run("userdel alice; userdel bob; userdel carol").succeeds();
    shell(&host, 1001, "sudo -n id -un").fails().does_not_say("root\n");
    host.ssh("bob").run("id").fails();
    host.root().run("setpriv --reuid 1003 --regid 1003 --clear-groups jit list").fails().says("no account on this host");
}

#[test]
fn a_lost_group_ends_what_one_may_ask_for_and_approve_and_a_live_grant_runs_to_its_end() {
    let host = people();
    host.grant("alice", "sudo", "carol");
    host.root().run("gpasswd -d alice ops; gpasswd -d carol leads").succeeds();
    host.user("alice").run("sudo -n id -un").succeeds().says("root");
    host.user("alice").run("jit request su --reason INC-42").exits(1);
    host.ssh("carol").run("id").fails().says("jit: no rule lets carol use ssh");
    let id = host.user("bob").run("jit request --reason INC-42 --json").succeeds().json()["id"].as_str().unwrap().to_owned();
    host.user("carol").run(&format!("jit approve {id}")).fails();
    host.user("dave").run(&format!("jit approve {id}")).succeeds();
    host.clock().advance(1801);
    host.user("alice").run("sudo -n id -un").fails().says("jit: no rule lets alice use sudo");
}

#[test]
fn two_names_of_one_uid_are_two_accounts_with_one_human() {
    let host = people();
    host.root().run("useradd -o -u 1001 -g 1001 -G ops twin").succeeds();
    host.user("carol").run("jit grant alice ssh --reason INC-42").succeeds();
    host.ssh("alice").run("id -u").succeeds().says("1001");
    host.ssh("twin").run("id -u").fails();
    // The kernel knows the number alone, which leads to the first name: no second human approves here.
    let id = asked_by_alice(&host);
    host.user("twin").run(&format!("jit approve {id}")).exits(1);
    host.user("carol").run(&format!("jit approve {id}")).succeeds();
}

#[test]
fn odd_names_go_through_every_door_and_every_line_of_the_log() {
    let odd = "ann.o-neil_2$";
    let host = Host::with(|host| {
        host.people()
            .user(odd, &["ops"])
            .user("düsen", &["ops", "leads"])
            .sudoers("#1008 ALL=(ALL:ALL) NOPASSWD: ALL\n#1009 ALL=(ALL:ALL) NOPASSWD: ALL\n")
    })
    .start();
    for (uid, name) in [(1008, odd), ("1009".parse().unwrap(), "düsen")] {
        shell(&host, uid, "sudo -n id -un").fails().says("jit: no grant for sudo");
        let id = shell(&host, uid, "jit request --reason INC-42 --json").succeeds().json();
        assert_eq!(id["user"], name);
        host.user("carol").run(&format!("jit approve {}", id["id"].as_str().unwrap())).succeeds();
        shell(&host, uid, "sudo -n id -un").succeeds().says("root");
        host.user("carol").run(&format!("jit revoke --user '{name}'")).succeeds();
        shell(&host, uid, "sudo -n id -un").fails();
    }
    let line = host.wait_for_log("session.opened");
    assert!(line.contains("user=\"ann.o-neil_2$\" uid=1008"), "{line}");
}

#[test]
fn a_deny_by_group_holds_for_an_account_whose_name_is_not_utf8() {
    let open = "version = 1\n[[grant]]\nname = \"all\"\nwho = [\"any\"]\non = [\"sudo\"]\napprove = []\nstarts = \"login\"\n";
    let deny = "[[deny]]\nname = \"never\"\nwho = [\"group:closed\"]\non = [\"sudo\"]\n";
    let host = Host::with(|host| host.people().sudoers("#1050 ALL=(ALL:ALL) NOPASSWD: ALL\n").policy(open)).start();
    host.root()
        .run("printf 'caf\\351:*:1050:1050::/:/bin/sh\\n' >> /etc/passwd; printf 'closed:x:1950:caf\\351\\n' >> /etc/group")
        .succeeds();
    shell(&host, 1050, "sudo -n id -un").succeeds().says("root");
    host.write("/etc/jit/policy.toml", &(open.to_owned() + deny));
    host.root().run("jit reload").succeeds();
    shell(&host, 1050, "sudo -n id -un").fails().says("rule never forbids sudo");
}

/// Runs a line as somebody whose login uid is unset, after it has set it itself.
fn with_login_uid(host: &Host, user: &str, login: u32, line: &str) -> jit_tests::Output {
    host.user(user).run(&format!("sh -c 'echo {login} > /proc/self/loginuid && {line}'"))
}

#[test]
fn a_login_uid_that_a_process_set_itself_only_ever_refuses() {
    let host = people();
    let id = asked_by_alice(&host);
    let approve = format!("jit approve {id}");
    with_login_uid(&host, "carol", 1001, &approve).exits(1).says("your own");
    // It makes nobody somebody else.
    host.grant("bob", "sudo --as carol", "dave");
    let own = host.user("bob").run("jit request su --reason INC-42 --json").succeeds().json()["id"].as_str().unwrap().to_owned();
    host.user("bob").run(&format!("sudo -n -u carol sh -c 'echo 1003 > /proc/self/loginuid; jit approve {own}'")).exits(1).says("your own");
    with_login_uid(&host, "dave", 1004, &approve).succeeds();
}

#[test]
fn a_login_uid_that_cannot_be_read_may_be_anybodys() {
    let host = people();
    let id = asked_by_alice(&host);
    host.root().run("mount -o remount,hidepid=2 /proc").succeeds();
    host.user("carol").run(&format!("jit approve {id}")).exits(1).says("cannot be told");
    host.user("alice").run("sudo -n id").fails().says("jit: no grant for sudo");
    host.root().run("mount -o remount,hidepid=0 /proc").succeeds();
    host.user("carol").run(&format!("jit approve {id}")).succeeds();
    host.user("alice").run("sudo -n id -un").succeeds().says("root");
}

#[test]
fn a_setuid_helper_that_talks_for_somebody_acts_for_its_caller() {
    let host = people();
    let id = asked_by_alice(&host);
    host.root().run("install -o carol -g carol -m 4755 /usr/local/bin/jit /var/log/helper").succeeds();
    host.user("alice").run(&format!("/var/log/helper approve {id}")).exits(1).says("your own");
    host.user("bob").run("/var/log/helper status --json").succeeds().says("\"user\":\"carol\"");
    host.user("dave").run(&format!("/var/log/helper approve {id}")).succeeds();
}

#[test]
fn somebody_who_became_the_approver_by_su_is_still_themselves() {
    let host = people();
    // su is not ours here: the password alone made alice carol, and nothing is on record.
    host.root().run("sed -i /libpam_jit/d /etc/pam.d/su").succeeds();
    let id = asked_by_alice(&host);
    let mut su = host.user("alice").terminal(&format!("su carol -c 'jit approve {id}'"));
    su.expect("Password:");
    su.type_line(jit_tests::PASSWORD);
    su.finish().exits(1).says("your own");
    wait_until("it still waits", || host.user("alice").run("jit list --pending --json").text().contains(&id).then_some(()));
}

#[test]
fn under_hidepid_nobody_comes_in_no_use_is_taken_and_it_is_said_why() {
    let host = people();
    host.grant("alice", "sudo --uses 2", "carol");
    let terminal = host.user("alice").terminal("sudo sleep 7301");
    wait_until("it to have started", || (host.root().run("pgrep -f '^sleep 7301'").code == 0).then_some(()));
    host.root().run("mount -o remount,hidepid=2 /proc").succeeds();
    host.user("alice").run("sudo -n id -un").fails().says("hidepid");
    host.ssh("carol").run("id -un").fails().says("hidepid");
    host.root().run("mount -o remount,hidepid=0 /proc").succeeds();
    host.user("alice").run("sudo -n id -un").succeeds().says("root");
    host.root().run("pkill -f '^sleep 7301'");
    drop(terminal.finish());
}

#[test]
fn a_session_that_hidepid_hides_is_not_taken_for_one_that_is_over() {
    let host = Host::with(|host| host.people().movable_clock()).start();
    host.grant("alice", "sudo", "carol");
    let terminal = host.user("alice").terminal("sudo sleep 7302");
    wait_until("it to have started", || (host.root().run("pgrep -f '^sleep 7302'").code == 0).then_some(()));
    host.root().run("mount -o remount,hidepid=2 /proc").succeeds();
    // It is looked every ten seconds whether their processes are still there.
    host.clock().advance(11);
    host.user("bob").run("sudo -n id").fails().says("no grant");
    let _ = host.wait_for_log("access.denied");
    host.ssh("carol").run("id").fails().says("hidepid");
    let _ = host.wait_for_log("why=\"process unseen\"");
    assert!(!host.syslog().iter().any(|line| line.contains("session.closed")), "{:#?}", host.syslog());
    host.clock().advance(1800);
    let _ = host.wait_for_log("session.ended");
    drop(terminal.finish());
}
