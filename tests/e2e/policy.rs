//! The policy on disk: missing, broken, mended.

use jit_tests::{Host, POLICY};

#[test]
fn without_a_policy_the_gate_stays_shut_and_root_gets_by() {
    let host = Host::with(|host| host.people().without_policy()).start();
    host.user("alice").run("sudo -n true").fails().says("there is no valid policy");
    host.ssh("carol").run("true").fails().says("there is no valid policy");
    host.user("alice").run("jit request --reason x").exits(1).says("no valid policy");
    host.user("alice").run("jit status").says("no valid policy");
    host.root().run("sudo -n id -un").succeeds().says("root");
    assert!(host.jitd().stderr().contains("/etc/jit/policy.toml:1:1:"), "{}", host.jitd().stderr());
}

#[test]
fn a_broken_policy_shuts_the_gate_at_the_start_and_changes_nothing_on_reload() {
    let host = Host::with(|host| host.people()).start();
    host.grant("alice", "sudo", "carol");
    let good = host.read("/etc/jit/policy.toml");
    for (broken, place) in [
        (good.replace("approve = [ { by", "aprove = [ { by"), "did you mean `approve`?"),
        (good.replace("group:leads", "leads"), "write user:NAME, group:NAME, uid:NUMBER or any"),
        (good.replace("30m", "30"), "a unit is missing"),
        (good.replace("version = 1", "version = 7"), "/etc/jit/policy.toml:1:11:"),
        (good.replace("[[grant]]", "[[grant]"), "this is not TOML"),
    ] {
        host.write("/etc/jit/policy.toml", &broken);
        host.root().run("jit reload").exits(1).says(place).says("stays in force");
        host.user("alice").run("jit policy check").exits(1).says(place);
        host.root().run("jitd --check").exits(1).says(place);
        host.user("alice").run("sudo -n id -un").succeeds().says("root");
    }
    let _ = host.wait_for_log("policy.rejected");
    host.jitd().restart();
    host.user("alice").run("sudo -n true").fails().says("there is no valid policy");
    host.write("/etc/jit/policy.toml", &good);
    host.jitd().signal("HUP");
    let _ = host.wait_for_log("policy.loaded by=SIGHUP");
    host.user("alice").run("sudo -n id -un").succeeds().says("root");
}

#[test]
fn a_policy_that_others_can_write_is_refused() {
    let host = Host::with(|host| host.people()).start();
    host.root().run("chmod 0666 /etc/jit/policy.toml").succeeds();
    host.root().run("jit reload").exits(1).says("others can write to the file");
    host.root().run("chmod 0644 /etc/jit/policy.toml; chown alice /etc/jit/policy.toml").succeeds();
    host.root().run("jit reload").exits(1).says("belongs to uid 1001");
}

#[test]
fn a_rule_for_another_service_leaves_the_gate_shut() {
    let policy = "version = 1\n[[grant]]\nname = \"typo\"\nwho = [\"any\"]\non = [\"sudp\"]\napprove = []\n";
    let host = Host::with(|host| host.people().policy(policy)).start();
    host.user("alice").run("sudo -n true").fails().says("no rule names the service sudo");
    host.user("alice").run("jit policy check").succeeds().says("did you mean `sudo`?");
    host.root().run("sudo -n id -un").succeeds().says("root");
}

#[test]
fn explain_names_the_rule_that_decides() {
    let host = Host::with(|host| host.people()).start();
    let explained = host.user("bob").run("jit policy explain alice sudo --json").succeeds().json();
    assert_eq!((explained["answer"].as_str(), explained["rule"].as_str()), (Some("request"), Some("ops-root")));
    host.user("bob").run("jit policy explain carol sshd").succeeds().says("leads-ssh");
    host.user("bob").run("jit policy explain nobody-here").fails();
    host.user("bob").run("jit policy show").exits(1).says("only root");
    host.root().run("jit policy show").succeeds().says("ops-root");
}

#[test]
fn a_policy_that_is_checked_on_its_host_is_compared_with_who_is_there_and_what_lives() {
    let host = Host::with(|host| host.people()).start();
    let own = host.read("/etc/jit/policy.toml");
    let good = own.replace("as = [\"root\", \"carol\"]\n", "");
    let check = |policy: &str| {
        host.write("/tmp/new.toml", policy);
        host.root().run("jit policy check /tmp/new.toml").succeeds()
    };
    assert!(!check(&good).stdout.contains("warning"));
    check(&own).says("carol can be acted as, and approves as one of group:leads (take carol out of one of the two)");
    check(&own.replace("by = [\"group:leads\"]", "by = [\"uid:1003\"]")).says("carol can be acted as, and approves as one of uid:1003");
    check(&good.replace("group:leads", "group:leadz")).says("group:leadz is nobody on this host (check the spelling)");
    let id = host.user("alice").run("jit request --reason INC-42 --for 2h --json").succeeds().json();
    host.user("carol").run(&format!("jit approve {}", id["id"].as_str().unwrap())).succeeds();
    assert!(!check(&good).stdout.contains("warning"));
    check(&good.replacen("max = \"4h\"", "max = \"1h\"", 1)).says("lives, and this policy would not give it: alice sudo as root");
    host.jitd().stop();
    assert!(!check(&good.replace("group:leads", "group:leadz")).stdout.contains("warning"), "without jitd it may be another host");
}

#[test]
fn hours_without_a_zone_are_those_of_the_host_whether_its_zone_is_a_file_of_its_own_or_none_at_all() {
    let policy = POLICY.replacen("approve = [", "hours = [\"mon-fri 08:00-19:00\"]\napprove = [", 1);
    let host = Host::with(|host| host.people().policy(&policy)).start();
    let explained = |zone: &str| {
        host.root().run("jit reload").succeeds();
        host.root().run("jit policy check").succeeds();
        host.root().run("jit policy explain alice sudo --at 2026-11-22T12:00:00Z").succeeds().says(&format!("08:00-19:00 ({zone})"));
    };
    host.root().run("rm -f /etc/localtime /etc/timezone").succeeds();
    explained("UTC");
    host.root().run("cp -L /usr/share/zoneinfo/Europe/Berlin /etc/localtime").succeeds();
    explained("Europe/Berlin");
    host.root().run("ln -sf /usr/share/zoneinfo/posix/Asia/Tokyo /etc/localtime").succeeds();
    explained("Asia/Tokyo");
}
