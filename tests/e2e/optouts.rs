//! The three opt-outs on real sudo, each from the first act to the review; and what else a policy can say.

use jit_tests::{Host, wait_until};

const POLICY: &str = r#"version = 1
auditors = ["user:erin"]

[[person]]
accounts = ["alice", "alice-adm"]

[[grant]]
name = "ops-root"
who = ["group:ops"]
on = ["sudo"]
for = { default = "30m", max = "4h" }
approve = [ { by = ["group:leads"] } ]
extend = { times = 1, max = "1h" }

[[emergency]]
name = "oncall"
who = ["group:ops"]
on = ["sudo"]
for = { default = "30m", max = "1h" }
limit = { times = 3, per = "7d" }
review = { by = ["group:leads"], within = "24h" }
alert = ["group:leads"]

[[deny]]
name = "frank-rests"
who = ["user:frank"]
on = ["sudo"]
"#;

const REPETITIVE: &str = r#"
[[repetitive]]
name = "again"
who = ["group:ops"]
on = ["sudo"]
after = { within = "8h", times = 2 }
for = { default = "10m" }
"#;

fn host_with(more: &str) -> Host {
    Host::with(|host| host.people().movable_clock().policy(&format!("{POLICY}{more}"))).start()
}

fn host() -> Host {
    host_with("")
}

#[test]
fn an_emergency_lets_in_at_once_tells_others_and_holds_the_next_one_until_it_was_reviewed() {
    let host = host();
    let mut carol = host.user("carol").terminal("echo at the terminal; sleep 30");
    carol.expect("at the terminal");
    host.user("alice").run("sudo -n id -un").fails();
    host.user("alice").run("jit emergency").exits(2).says("--reason");
    let said = host.user("alice").run("jit emergency --reason 'INC-42 database down'").succeeds();
    let said = said.says("You are in until").says("carol was told").says("group leads must review by tomorrow ").says("Left: 2 of 3 in 7d");
    let id = said.stdout[said.stdout.find("G-").unwrap()..][..10].to_owned();
    carol.expect("jit: alice took the emergency oncall for sudo: INC-42 database down");
    host.user("alice").run("sudo -n id -un").succeeds().says("root");
    let alert = host.wait_for_log("optout.taken");
    assert!(alert.starts_with("<81>") && alert.contains("kind=emergency") && alert.contains("rule=oncall"), "authpriv.alert: {alert}");
    host.clock().advance(1801);
    host.user("alice").run("sudo -n id -un").fails();
    host.user("alice").run("jit emergency --reason again").exits(1).says(&format!("your last emergency, {id}, has not been reviewed"));
    for own in ["alice", "alice-adm"] {
        host.user(own).run(&format!("jit review {id} --verdict fine")).exits(1);
    }
    let typed = format!("jit review {id} --verdict fine");
    host.user("dave").run("jit review").succeeds().says("INC-42 database down").says(&typed).does_not_say("(or misuse)");
    let seen = host.user("dave").run(&format!("jit review {}", id.to_lowercase())).succeeds();
    seen.says(&format!("Grant {id}")).says("INC-42 database down").says(&typed);
    let seen = host.user("dave").run(&format!("jit review {id} --json")).succeeds().json();
    assert_eq!((&seen["grants"][0]["id"], &seen["grants"][0]["review"]["state"]), (&id.as_str().into(), &"due".into()));
    host.user("alice").run(&format!("jit review {id}")).succeeds().says("It does not wait for your review.");
    host.user("bob").run(&format!("jit review {id}")).exits(5);
    host.user("dave").run("jit review G-00000000").exits(5);
    host.user("dave").run(&format!("jit review {id} --note x")).exits(2).says("--verdict");
    host.user("dave").run("jit status").succeeds().says(&typed).does_not_say("(or misuse)");
    host.user("erin").run("jit optouts").succeeds().says("oncall");
    host.user("dave").run(&format!("jit review {id} --verdict fine --note 'it was down'")).succeeds().says("fine");
    let shown = host.user("alice").run(&format!("jit show {id} --json")).succeeds().json();
    assert_eq!(shown["grant"]["kind"], "emergency");
    assert_eq!((&shown["grant"]["review"]["state"], &shown["grant"]["review"]["by"]), (&"fine".into(), &"dave".into()));
    host.user("carol").run(&format!("jit review {id} --verdict misuse")).exits(1).says("was reviewed already: fine, by dave");
    host.user("alice").run("jit emergency --reason again").succeeds().says("Left: 1 of 3");
    assert!(host.wait_for_log("optout.reviewed").contains("verdict=fine"));
}

#[test]
fn a_review_that_nobody_does_is_overdue_and_said_and_an_exit_code() {
    let host = host();
    host.user("alice").run("jit emergency --reason INC-42").succeeds();
    host.clock().advance(24 * 3600 + 1);
    assert!(host.wait_for_log("optout.overdue").contains("user=alice"));
    host.user("erin").run("jit optouts").exits(1).says("1 overdue");
    let optouts = host.root().run("jit optouts --json").exits(1).json();
    assert_eq!(optouts["optouts"][0]["reviews_due"], 1);
    host.user("bob").run("jit optouts").exits(1).says("only auditors and root");
    // It waits for its review also where no policy is in force.
    host.write("/etc/jit/policy.toml", "nonsense\n");
    host.jitd().restart();
    host.root().run("jit optouts").exits(1).says("1 overdue");
}

#[test]
fn without_a_policy_nobody_is_told_that_there_is_no_opt_out() {
    let host = host();
    host.write("/etc/jit/policy.toml", "nonsense\n");
    host.jitd().restart();
    host.root().run("jit optouts").exits(1).says("there is no valid policy").does_not_say("has no opt-out");
}

#[test]
fn whoever_approves_is_told_that_it_can_be_had_again_and_nobody_else_is() {
    let host = host_with(REPETITIVE);
    let told =
        "once approved, alice may have the same again without asking: 2 times within 8h, for 10m each, by again. jit revoke ends that too";
    let request = |line: &str| {
        let made = host.user("alice").run(&format!("jit request sudo --reason INC-42 --json {line}")).succeeds().does_not_say(told).json();
        made["id"].as_str().unwrap().to_owned()
    };
    let id = request("");
    host.user("carol").run(&format!("jit show {id}")).succeeds().says(told);
    host.user("alice").run(&format!("jit show {id}")).succeeds().does_not_say(told);
    let approved = host.user("carol").run(&format!("jit approve {id} --json")).succeeds().says(told);
    assert_eq!(approved.json()["state"], "granted");
    host.user("carol").run(&format!("jit show {id}")).succeeds().says(told);
    host.user("carol").run("jit revoke --user alice").succeeds();
    host.user("carol").run(&format!("jit show {id}")).succeeds().does_not_say(told);
    // What is for a number of sessions is not repeated.
    let id = request("--uses 1");
    host.user("carol").run(&format!("jit approve {id}")).succeeds().does_not_say(told);
}

#[test]
fn the_same_again_within_its_time_needs_nobody_and_names_the_approval() {
    let host = host_with(REPETITIVE);
    let request = host.grant("alice", "sudo", "carol");
    let shown = host.user("carol").run(&format!("jit show {request} --json")).succeeds().json();
    host.user("carol").run(&format!("jit review {}", shown["request"]["grant_id"].as_str().unwrap())).exits(5).says("is no emergency");
    host.clock().advance(3600);
    for _ in 0..2 {
        host.user("alice").run("sudo -n id -un").succeeds().says("root");
        host.clock().advance(700);
    }
    host.user("alice").run("sudo -n id -un").fails().says("jit: no grant for sudo");
    let log = host.root().run("jit audit log --kind optout.taken --json").succeeds().json();
    let events = log["events"].as_array().unwrap();
    assert_eq!(events.len(), 2);
    assert_eq!((&events[0]["data"]["kind"], &events[0]["data"]["request"]), (&"repetitive".into(), &request.as_str().into()));
    host.user("bob").run("sudo -n id -un").fails();
}

#[test]
fn a_revocation_ends_what_could_be_repeated() {
    let host = host_with(REPETITIVE);
    host.grant("alice", "sudo", "carol");
    host.user("carol").run("jit revoke --user alice").succeeds();
    host.user("alice").run("sudo -n id -un").fails().says("jit: no grant for sudo");
}

#[test]
fn a_standing_exemption_that_ends_soon_is_said_each_day_and_is_an_exit_code() {
    let date = |days: &str| {
        String::from_utf8(std::process::Command::new("date").args(["-u", "-d", days, "+%F"]).output().unwrap().stdout).unwrap()
    };
    let legacy = |until: &str| {
        format!(
            "\n[[legacy]]\nname = \"backup\"\nwho = [\"user:bob\"]\non = [\"sshd\"]\nfrom = [\"127.0.0.1\"]\nowner = \"group:leads\"\nreason = \"cron\"\nuntil = {until}"
        )
    };
    let last = date("+10 days");
    let host = host_with(&legacy(&last));
    host.ssh("bob").run("id -un").succeeds().says("bob");
    assert!(host.wait_for_log("optout.taken").contains("kind=legacy"));
    let stale = host.wait_for_log("optout.stale");
    assert!(stale.contains("rule=backup") && stale.contains("owner=group:leads"), "{stale}");
    // Its last day is the one that the policy names, wherever it is said.
    let last = last.trim();
    assert!(stale.contains(&format!("until={last}T23:59:59Z")), "{stale}");
    host.root().run("jit optouts").exits(1).says(&format!("{last}, in 10 days, soon"));
    host.root().run("jit optouts --json").exits(1).says(&format!("\"until\":\"{last}T23:59:59Z\""));
    host.root().run("jit audit log --kind policy.loaded").succeeds().says(&format!("without asking by backup, until {last},"));
    host.clock().advance(86_400);
    wait_until("it to be said again", || (host.syslog().iter().filter(|line| line.contains("optout.stale")).count() == 2).then_some(()));
    host.write("/etc/jit/policy.toml", &format!("{POLICY}{}", legacy(&date("+200 days"))));
    host.root().run("jit reload").succeeds();
    host.root().run("jit optouts").succeeds();
}

#[test]
fn a_deny_beats_a_grant_that_lives_and_says_its_name() {
    let host = host();
    host.user("frank").run("jit request --reason INC-42").exits(1).says("rule frank-rests forbids it");
    host.user("frank").run("jit emergency --reason INC-42").exits(1).says("rule frank-rests forbids it");
    let free = POLICY.replace("user:frank", "user:nobody");
    host.write("/etc/jit/policy.toml", &free);
    host.root().run("jit reload; sed -i 's/^frank.*/frank ALL=(ALL) NOPASSWD: ALL/' /etc/sudoers.d/test").succeeds();
    host.grant("frank", "sudo", "carol");
    host.user("frank").run("sudo -n id -un").succeeds().says("root");
    host.write("/etc/jit/policy.toml", POLICY);
    host.root().run("jit reload").succeeds();
    host.user("frank").run("sudo -n id -un").fails().says("jit: rule frank-rests forbids sudo to frank");
}

#[test]
fn a_grant_is_made_longer_once_and_one_for_later_begins_by_itself() {
    let host = host();
    host.grant("alice", "sudo", "carol");
    let longer = host.user("alice").run("jit extend --for 1h --reason 'INC-42 takes longer' --json").succeeds().json();
    assert!(longer["extends"].as_str().unwrap().starts_with("G-"));
    host.user("carol").run(&format!("jit approve {}", longer["id"].as_str().unwrap())).succeeds();
    host.clock().advance(3600);
    host.user("alice").run("sudo -n id -un").succeeds().says("root");
    host.user("alice").run("jit extend --for 1h --reason again").exits(1).says("was made longer once");
    host.clock().advance(1801);
    host.user("alice").run("sudo -n id -un").fails();
    let later = host.user("bob").run("jit request --reason INC-42 --start 3h --json").succeeds().json();
    host.user("carol").run(&format!("jit approve {}", later["id"].as_str().unwrap())).succeeds();
    host.user("bob").run("sudo -n id -un").fails();
    host.clock().advance(5700);
    host.user("bob").run("sudo -n id -un").succeeds().says("root");
    assert!(host.wait_for_log("grant.started").contains("user=bob"));
}

#[test]
fn a_policy_that_widens_access_is_an_alert_and_one_that_would_not_give_a_live_grant_says_so_before() {
    let host = host();
    host.grant("alice", "sudo", "carol");
    host.write("/tmp/new.toml", &POLICY.replace("[\"group:ops\"]", "[\"user:bob\"]"));
    host.root().run("jit policy check /tmp/new.toml").succeeds().says("this policy would not give it: alice sudo as root");
    host.user("alice").run("sudo -n id -un").succeeds();
    host.write("/etc/jit/policy.toml", &POLICY.replace("max = \"4h\"", "max = \"2h\""));
    host.root().run("jit reload").succeeds();
    host.write("/etc/jit/policy.toml", &POLICY.replace("[\"group:ops\"]", "[\"group:ops\", \"any\"]"));
    host.root().run("jit reload").succeeds();
    let log = host.root().run("jit audit log --kind policy.loaded --json").succeeds().json();
    let became = log["events"][2]["data"]["became"].as_array().unwrap();
    assert!(became.iter().any(|sentence| sentence.as_str().unwrap().starts_with("any may sudo as root by ops-root")), "{became:?}");
    let alerts = host.syslog().into_iter().filter(|line| line.starts_with("<81>") && line.contains("policy.loaded"));
    assert_eq!(alerts.count(), 3, "the first, from nothing; the second, whose text is another; the third, for anybody");
    host.jitd().restart();
    let again = host.wait_for_log("daemon.started");
    assert!(!again.is_empty());
    assert_eq!(
        host.syslog().iter().filter(|line| line.starts_with("<81>") && line.contains("policy.loaded")).count(),
        3,
        "the same again widens nothing"
    );
}

#[test]
fn cases_guard_a_policy_without_jitd() {
    let cases = r#"
[[case]]
user = "alice"
groups = ["ops"]
expect = "request"
rule = "ops-root"
[[case]]
user = "frank"
groups = ["ops"]
expect = "deny"
[[case]]
user = "zoe"
expect = "none"
[[case]]
user = "zoe"
groups = ["ops"]
service = "ssh"
expect = "grant"
"#;
    let host = host();
    host.jitd().stop();
    host.write("/tmp/cases.toml", cases);
    host.user("alice")
        .run("jit policy test /tmp/cases.toml")
        .exits(1)
        .says("case 4: zoe sshd as self: expected grant, got none")
        .says("3 of 4");
    host.write("/tmp/cases.toml", &cases.replace("expect = \"grant\"", "expect = \"none\""));
    host.user("alice").run("jit policy test /tmp/cases.toml").succeeds().says("4 of 4");
    host.user("alice").run("jit policy explain frank").says("rule frank-rests forbids it");
    // Hours without a zone are in the one that the cases name, and not in that of the machine that tries them.
    let hours =
        "version = 1\n[[grant]]\nname = \"day\"\nwho = [\"any\"]\non = [\"sudo\"]\nhours = [\"mon-fri 08:00-19:00\"]\napprove = []\n";
    host.write("/tmp/hours.toml", hours);
    let cases = "[[case]]\nuser = \"zoe\"\nat = \"2026-12-01T18:30:00Z\"\nexpect = ";
    let tried = |cases: String| {
        host.write("/tmp/cases.toml", &cases);
        host.user("alice").run("jit policy test /tmp/cases.toml --policy /tmp/hours.toml")
    };
    tried(format!("zone = \"Europe/Berlin\"\n{cases}\"none\"\n")).succeeds();
    tried(format!("zone = \"America/New_York\"\n{cases}\"request\"\n")).succeeds();
    tried(format!("zone = \"Mars/Base\"\n{cases}\"none\"\n")).exits(1).says("no time zone");
    host.write("/tmp/cases.toml", "[[case]]\nusr = \"x\"\n");
    host.user("alice").run("jit policy test /tmp/cases.toml").exits(1).says("usr");
}

#[test]
fn an_approver_ends_what_repeats_an_approval_whose_own_time_is_over() {
    let host = host_with(REPETITIVE);
    host.grant("alice", "sudo", "carol");
    host.clock().advance(3600);
    host.user("alice").run("sudo -n id -un").succeeds().says("root");
    let grants = host.user("carol").run("jit list --active --json").succeeds().json();
    let again = grants["grants"][0]["id"].as_str().unwrap().to_owned();
    assert_eq!(grants["grants"][0]["kind"], "repetitive");
    host.user("bob").run(&format!("jit revoke {again}")).exits(5);
    host.user("dave").run(&format!("jit revoke {again}")).succeeds();
    host.user("alice").run("sudo -n id -un").fails().says("jit: no grant for sudo");
    host.grant("bob", "sudo", "carol");
    host.clock().advance(3600);
    host.user("carol").run("jit revoke --user bob --note 'enough'").succeeds();
    host.user("bob").run("sudo -n id -un").fails().says("jit: no grant for sudo");
    host.user("carol").run("jit revoke --user bob").exits(1).says("bob holds nothing that you may revoke");
}

#[test]
fn what_cannot_ask_is_let_into_sudo_written_down_each_day_and_ends_with_its_rule() {
    let day = |days: i64| {
        let asked = std::process::Command::new("date").args(["-u", "-d", &format!("{days} days"), "+%F"]).output().unwrap();
        String::from_utf8(asked.stdout).unwrap().trim().to_owned()
    };
    let legacy = format!(
        "[[legacy]]\nname = \"scanner\"\nwho = [\"user:bob\"]\non = [\"sudo\"]\nowner = \"group:leads\"\nreason = \"runs by cron\"\nuntil = {}\n",
        day(2)
    );
    let host = host_with(&legacy);
    host.user("bob").run("sudo -n id -un && sudo -n id -un").succeeds().says("root");
    let taken = || host.root().run("jit audit log --kind optout.taken --json").succeeds().json()["events"].as_array().unwrap().clone();
    assert_eq!(taken().len(), 1, "once a day");
    assert_eq!((&taken()[0]["data"]["kind"], &taken()[0]["data"]["rule"]), (&"legacy".into(), &"scanner".into()));
    let listed = host.root().run("jit optouts").exits(1);
    listed.says("scanner").says("leads");
    host.clock().advance(86_400 + 60);
    host.user("bob").run("sudo -n id -un").succeeds().says("root");
    assert_eq!(taken().len(), 2);
    host.clock().advance(2 * 86_400);
    host.user("bob").run("sudo -n id -un").fails().does_not_say("root\n");
}
