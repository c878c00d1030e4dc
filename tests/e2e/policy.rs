//! The policy on disk: missing, broken, mended.

use jit_tests::{Host, POLICY, wait_until};

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
fn a_reload_by_root_says_whose_session_that_was() {
    let host = Host::with(|host| host.people()).start();
    for who in ["alice", "bob"] {
        host.grant(who, "sudo", "carol");
        host.user(who).run("sudo -n true").succeeds();
    }
    host.user("alice").run("sudo -n jit reload").succeeds();
    let line = host.wait_for_log("policy.loaded by=root");
    assert!(line.contains("user:alice") && !line.contains("user:bob"), "{line}");
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
    check(&good.replace("\"alice-adm\"", "\"alice-amd\"")).says("new.toml:4:1: alice-amd is nobody on this host");
    check(&good.replace("user:erin", "user:erim")).says("new.toml:1:1: user:erim is nobody on this host");
    let deny = "\n[[deny]]\nname = \"not-as\"\nwho = [\"group:domain users\"]\non = [\"sudo\"]\nas = [\"root\", \"postgrse\"]\n";
    check(&format!("{good}{deny}")).says("postgrse is nobody on this host").says("group:domain users is nobody on this host");
    host.write("/etc/jit/policy.toml", &good.replace("\"alice-adm\"", "\"alice-amd\""));
    host.root().run("jit reload").succeeds().says("policy.toml:4:1: alice-amd is nobody on this host").says("is in force");
    host.write("/etc/jit/policy.toml", &own);
    assert!(!host.root().run("jit reload").succeeds().stdout.contains("warning"));
    let id = host.user("alice").run("jit request --reason INC-42 --for 2h --json").succeeds().json();
    host.user("carol").run(&format!("jit approve {}", id["id"].as_str().unwrap())).succeeds();
    assert!(!check(&good).stdout.contains("warning"));
    check(&good.replacen("max = \"4h\"", "max = \"1h\"", 1)).says("lives, and this policy would not give it: alice sudo as root");
    host.jitd().stop();
    assert!(!check(&good.replace("group:leads", "group:leadz")).stdout.contains("warning"), "without jitd it may be another host");
}

#[test]
fn a_name_whose_number_another_one_has_is_named_by_check_and_reload_as_no_rule_would_be_about_it() {
    let host = Host::with(|host| host.people()).start();
    host.root().run("groupadd -o -g $(getent group ops | cut -d: -f3) contractors; useradd -o -u 1002 -g 1002 svc-deploy").succeeds();
    let deny = "\n[[deny]]\nname = \"not-them\"\nwho = [\"group:contractors\", \"user:svc-deploy\", \"group:leads\"]\non = [\"sudo\"]\n";
    let policy = format!("{}{deny}", host.read("/etc/jit/policy.toml"));
    host.write("/etc/jit/policy.toml", &policy);
    for verb in ["jit policy check", "jit reload"] {
        let said = host.root().run(verb).succeeds();
        said.says("group:contractors has the number of group:ops, and counts as that").says("user:svc-deploy has the number of user:bob,");
    }
    assert!(!host.root().run("jit policy check").succeeds().stdout.contains("group:leads has"));
}

#[test]
fn what_nobody_had_to_approve_is_named_by_check_where_somebody_would_have_to_now() {
    let free = "\n[[grant]]\nname = \"own\"\nwho = [\"group:leads\"]\non = [\"su\"]\nas = [\"alice\"]\napprove = []\n";
    let policy = format!("{POLICY}{free}");
    let host = Host::with(|host| host.people().policy(&policy)).start();
    host.user("carol").run("jit request su --as alice --reason INC-42").succeeds();
    let check = |policy: &str| {
        host.write("/tmp/new.toml", policy);
        host.root().run("jit policy check /tmp/new.toml").succeeds()
    };
    assert!(!check(&policy).stdout.contains("would not give it"));
    let strict = policy.replace("approve = []\n", "approve = [ { by = [\"group:managers\"] } ]\n").replace("starts = \"login\"\n", "");
    check(&strict).says("lives, and this policy would not give it: carol su as alice");
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

#[test]
fn jit_finds_policy_record_and_sockets_where_the_settings_of_jitd_say() {
    let host = Host::with(|host| host.people()).start();
    host.jitd().stop();
    let settings = "[paths]\nrun = \"/home/jit/run\"\nstate = \"/home/jit/state\"\npolicy = \"/home/jit/policy/policy.toml\"\n";
    host.write("/etc/jit/jitd.toml", settings);
    // The package's own is left over, and would not be valid.
    host.root()
        .run("mkdir -p /home/jit/policy; mv /etc/jit/policy.toml /home/jit/policy; echo 'version = 7' > /etc/jit/policy.toml")
        .succeeds();
    host.root().run("setsid jitd < /dev/null > /tmp/jitd.err 2>&1 &").succeeds();
    wait_until("jitd", || host.path("/home/jit/run/user.sock").exists().then_some(()));
    host.root().run("jit policy check && jit reload").succeeds().says("/home/jit/policy/policy.toml: valid, 3 rules").says("is in force");
    host.user("alice").run("jit policy explain alice sudo").succeeds().says("ops-root");
    host.user("alice").run("jit request --reason INC-42").succeeds().says("waits for");
    host.root().run("jit audit backup /root/copy.db && jit audit verify --file /root/copy.db").succeeds();
    host.write("/etc/pam.d/mine", "account required pam_jit.so\nsession required pam_jit.so\nsession required pam_jit.so enter\n");
    let said = host.root().run("jit doctor --json").exits(1).json();
    let checks = said["checks"].as_array().unwrap();
    for name in ["daemon", "policy", "policy in force", "sockets", "files of /etc/jit", "version"] {
        let check = checks.iter().find(|check| check["name"] == name).unwrap();
        assert_eq!(check["ok"], true, "{check}");
    }
    let lines = checks.iter().find(|check| check["name"] == "pam.d/mine").unwrap();
    assert!(lines["found"].as_str().unwrap().contains("it asks at /run/jit/pam.sock, where no jitd answers"), "{lines}");
    let room = checks.iter().find(|check| check["name"] == "room for the record").unwrap();
    assert!(room["found"].as_str().unwrap().contains("/home/jit/state"), "{room}");
    let remedy = "write a rule in /home/jit/policy/policy.toml; then jit reload";
    let empty = "cd /home/jit/policy; cp policy.toml kept; echo 'version = 1' > policy.toml; jit doctor; cp kept policy.toml";
    host.root().run(empty).says(remedy).does_not_say("/etc/jit/policy.toml");
    // Lines that ask elsewhere would let nobody in.
    host.root()
        .run("jit enable cron")
        .exits(1)
        .says("socket: jitd listens at /home/jit/run/pam.sock, and the lines would have the module ask at");
}

#[test]
fn settings_with_a_mistake_are_said_and_no_other_policy_is_taken_for_that_of_jitd() {
    let host = Host::with(|host| host.people()).start();
    host.write("/etc/jit/jitd.toml", "[paths]\npolcy = \"/home/policy.toml\"\n");
    let alice = host.user("alice");
    alice
        .run("jit policy check")
        .exits(1)
        .says("/etc/jit/jitd.toml:2:1:")
        .says("did you mean `policy`?")
        .says("jitd.toml: not valid: 1 mistake");
    let checked = alice.run("jit policy check --json").exits(1).json();
    assert_eq!((checked["valid"].as_bool(), checked["errors"][0]["line"].as_u64()), (Some(false), Some(2)));
    alice.run("jit policy explain alice sudo").exits(1).says("jitd's settings are not valid: /etc/jit/jitd.toml:2:1:").says("jitd --check");
    host.root().run("jit audit backup /root/copy.db").exits(1).says("jitd's settings are not valid");
    host.root().run("jit doctor").exits(1).says("NOT OK  daemon").says("NOT OK  sockets").says("jitd's settings are not valid");
    alice.run("jit policy check /etc/jit/policy.toml").succeeds();
    alice.run("jit policy explain alice sudo --policy /etc/jit/policy.toml").succeeds();
    // A jitd that runs goes on by what it has read.
    alice.run("jit status").succeeds();
    host.root().run("chmod 0600 /etc/jit/jitd.toml").succeeds();
    alice.run("jit policy explain alice sudo").exits(1).says("/etc/jit/jitd.toml:1:1: the file cannot be read: Permission denied");
    host.jitd().stop();
    alice.run("jit status").exits(3).says("at /run/jit/user.sock (the usual place)").says("Where it listens is not known: jitd's settings");
    alice.run("jit --socket /run/jit/user.sock status").exits(3).does_not_say("settings");
}
