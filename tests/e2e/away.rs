//! jitd away, stopped, slow: nobody comes in but by the break-glass file.

use jit_tests::{Host, wait_until};
use std::time::{Duration, Instant};

/// The control of a line that lets people in while jitd is proved away, as the documents have it.
pub const OPEN_WHILE_AWAY: &str = "[success=ok ignore=ignore authinfo_unavail=ignore default=die]";
const AWAY: &str = "jit: the access daemon does not answer; nobody is let in. Tell your administrator.";

#[test]
fn without_jitd_nobody_is_let_in_and_the_log_says_why() {
    let host = Host::with(|host| host.people()).start();
    host.grant("alice", "sudo", "carol");
    host.jitd().kill();
    host.user("alice").run("sudo -n true").fails().says(AWAY);
    assert!(host.wait_for_log("jitd is away").contains("pam_jit(sudo:account)"));
    host.ssh("carol").run("true").fails().says(AWAY);
    host.root().run("rm -rf /run/jit").succeeds();
    host.user("alice").run("sudo -n true").fails().says(AWAY);
}

#[test]
fn a_stopped_jitd_is_away_within_the_timeout() {
    let host = Host::with(|host| host.people().arguments("timeout=1s")).start();
    host.grant("alice", "sudo", "carol");
    host.jitd().signal("STOP");
    let began = Instant::now();
    host.user("alice").run("sudo -n true").fails().says(AWAY);
    let took = began.elapsed();
    assert!(took >= Duration::from_secs(1) && took < Duration::from_millis(1600), "{took:?}");
    host.jitd().signal("CONT");
    host.user("alice").run("sudo -n id -un").succeeds().says("root");
}

#[test]
fn an_administrator_can_choose_to_let_people_in_when_jitd_is_proved_away() {
    let host = Host::with(|host| host.people().control(OPEN_WHILE_AWAY)).start();
    host.user("alice").run("sudo -n true").fails().says("no grant");
    // Not ours: what the module ignores, the line must ignore too.
    host.root().run("sudo -n id -un").succeeds().says("root");
    host.jitd().kill();
    host.root().run("sudo -n id -un").succeeds().says("root");
    host.user("alice").run("sudo -n id -un").succeeds().says("root");
}

#[test]
fn a_user_without_descriptors_is_not_let_in_by_such_a_choice() {
    let host = Host::with(|host| host.people().control(OPEN_WHILE_AWAY)).start();
    for limit in 4..24 {
        host.user("alice").run(&format!("ulimit -n {limit}; sudo -n id -un")).fails().does_not_say("root\n");
    }
}

#[test]
fn breakglass_opens_a_dead_gate_for_whom_it_names_and_it_is_recorded_afterwards() {
    let host = Host::with(|host| host.people().file("jit/breakglass", 0o600, "# the disk is being replaced\nalice sudo\n")).start();
    host.user("alice").run("sudo -n true").fails().says("no grant");
    host.jitd().stop();
    host.user("alice").run("sudo -n id -un").succeeds().says("root").says("break-glass");
    host.user("bob").run("sudo -n id -un").fails().says(AWAY);
    let alert = host.wait_for_log("access.breakglass user=alice uid=1001 service=sudo");
    assert!(alert.starts_with("<81>"), "authpriv.alert: {alert}");
    host.jitd().start();
    host.user("alice").run("sudo -n true").fails().says("no grant");
    // Account and session, once each.
    let first = entries(&host, 2);
    let (account, session) = (&first[0]["data"], &first[1]["data"]);
    assert_eq!((&account["user"], &account["uid"], &account["as"]), (&"alice".into(), &1001.into(), &serde_json::Value::Null));
    assert_eq!((&session["user"], &session["uid"], &session["as"]), (&"alice".into(), &1001.into(), &"root".into()));
    host.jitd().stop();
    host.user("alice").run("sudo -n id -un").succeeds().says("root");
    host.jitd().start();
    assert_eq!(entries(&host, 4).len(), 4, "each entry is recorded once");
}

#[test]
fn an_entry_by_the_breakglass_file_is_found_by_the_name_of_its_account_whatever_is_in_it() {
    let ann = "ann@example.com";
    let host = Host::with(|host| {
        let host = host.people().user(ann, &["ops"]).sudoers("#1008 ALL=(ALL:ALL) NOPASSWD: ALL\n");
        host.file("jit/breakglass", 0o600, "ann@example.com sudo\nalice sshd\n")
    })
    .start();
    host.jitd().stop();
    host.root().run("setpriv --reuid 1008 --regid 1008 --init-groups sudo -n id -un").succeeds().says("root");
    host.ssh("alice").run("true").succeeds();
    host.jitd().start();
    assert_eq!(entries(&host, 4).len(), 4);
    let of = |user: &str| {
        let log = host.root().run(&format!("jit audit log --kind access.breakglass --user {user} --json")).succeeds().json();
        log["events"].as_array().unwrap().iter().map(|event| event["data"].clone()).collect::<Vec<_>>()
    };
    assert_eq!(of(ann).iter().map(|data| data["uid"].clone()).collect::<Vec<_>>(), [1008, 1008]);
    assert!(of("alice").iter().all(|data| data["from"] == "127.0.0.1" && data["as"] == "self"), "{:?}", of("alice"));
    let line = host.wait_for_log("access.breakglass user=ann");
    assert!(line.contains("access.breakglass user=ann@example.com uid=1008 service=sudo"), "{line}");
}

/// The entries by the break-glass file that are on record, once there are so many.
fn entries(host: &Host, least: usize) -> Vec<serde_json::Value> {
    wait_until("the entries to be on record", || {
        let log = host.root().run("jit audit log --kind access.breakglass --json").succeeds().json();
        let entries = log["events"].as_array().unwrap().clone();
        (entries.len() >= least).then_some(entries)
    })
}

#[test]
fn an_entry_by_the_breakglass_file_is_on_record_although_jitd_was_never_started_anew() {
    let host = Host::with(|host| host.people().file("jit/breakglass", 0o600, "alice sudo\n")).start();
    // The module believes no socket in such a directory: to it, jitd is away.
    host.root().run("chmod 0777 /run/jit").succeeds();
    for most in [2, 4] {
        host.user("alice").run("sudo -n id -un").succeeds().says("root").says("break-glass");
        assert_eq!(entries(&host, most).len(), most);
    }
    host.root().run("stat -c '%U %G %a' /var/log/jit-breakglass").says("root jitd 640");
}

#[test]
fn a_breakglass_file_that_others_can_read_lets_nobody_in() {
    let host = Host::with(|host| host.people().file("jit/breakglass", 0o644, "alice sudo\n")).start();
    host.jitd().stop();
    host.user("alice").run("sudo -n true").fails().says(AWAY);
    let _ = host.wait_for_log("the break-glass file lets nobody in");
}

#[test]
fn a_socket_of_somebody_elses_is_not_believed() {
    let host = Host::with(|host| host.people()).start();
    host.root().run("chmod 0777 /run/jit").succeeds();
    host.user("alice").run("sudo -n true").fails().says(AWAY);
    let _ = host.wait_for_log("others can write to its directory");
    host.root().run("chmod 0755 /run/jit; chown bob /run/jit/pam.sock").succeeds();
    host.user("alice").run("sudo -n true").fails().says(AWAY);
    let _ = host.wait_for_log("the socket belongs to uid 1002");
}
