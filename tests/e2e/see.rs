//! What approvers, auditors and administrators look at: `jit watch`, `jit report`, `jit metrics`.

use jit_tests::{Host, Plan, Screen, is_full_run};
use std::os::unix::fs::PermissionsExt;

/// The usual policy, with emergencies that carol and dave review.
fn plan(host: Plan) -> Plan {
    let emergency = r#"
[[emergency]]
name = "oncall"
who = ["group:ops"]
on = ["sudo"]
for = { default = "30m", max = "1h" }
limit = { times = 3, per = "7d" }
review = { by = ["group:leads"], within = "24h" }
alert = []

[[legacy]]
name = "backup-agent"
who = ["user:frank"]
on = ["sshd"]
owner = "group:leads"
reason = "the appliance cannot ask"
until = 2026-12-01
"#;
    host.people().policy(&format!("{}{emergency}", jit_tests::POLICY))
}

fn asked(host: &Host, user: &str, what: &str, reason: &str) -> String {
    let made = host.user(user).run(&format!("jit request {what} --reason '{reason}' --json")).succeeds().json();
    made["id"].as_str().unwrap().to_owned()
}

#[test]
fn an_approver_watches_and_approves_by_key_and_sudo_lets_in() {
    let host = Host::with(plan).start();
    let carol = host.user("carol").screen(80, 24, "jit watch");
    carol.shows("Nothing waits. A request comes here when somebody types: jit request sudo");
    carol.shows("live");
    let bob = host.user("bob").screen(80, 24, "jit watch");
    bob.shows("Nothing waits.");
    let id = asked(&host, "alice", "sudo", "INC-42 disk full");
    carol.shows(&format!("> {id} for you alice"));
    host.user("alice").run("sudo -n true").fails();
    carol.press(&["a", "Enter", "Enter"]);
    carol.shows(&format!("{id} is granted: alice may sudo as root for 30m."));
    host.user("alice").run("sudo -n true").fails();
    carol.press(&["y"]);
    carol.shows("Granted: alice may sudo as root until");
    host.user("alice").run("sudo -n true").succeeds();
    carol.shows("session.opened");
    carol.shows("█");
    assert!(!bob.now().contains("alice"), "bob sees nothing of what is not his:\n{}", bob.now());
}

#[test]
fn deny_revoke_and_review_by_key() {
    let host = Host::with(plan).start();
    let carol = host.user("carol").screen(80, 24, "jit watch");
    let id = asked(&host, "alice", "sudo", "please");
    // As a row that can be chosen, not only as an event.
    carol.shows(&format!("> {id}"));
    carol.press(&["d"]);
    carol.type_text("use the staging host");
    carol.press(&["Enter"]);
    carol.shows("is denied: alice may not sudo as root, and reads \"use the staging");
    carol.press(&["y"]);
    host.user("alice").run("jit wait").exits(1).says("use the staging host");

    host.user("frank").run("jit emergency sudo --reason 'db down'").succeeds();
    carol.shows("REVIEW  frank");
    carol.press(&["v", "m", "Enter"]);
    carol.type_text("no ticket");
    carol.press(&["Enter"]);
    carol.shows("is MISUSE: it was none");
    carol.press(&["y"]);
    carol.shows("misuse. It is on record");
    carol.shows("Nothing waits.");

    host.grant("alice", "sudo", "dave");
    // The row, and not only the event.
    carol.shows("Grants (2)");
    carol.press(&["Tab", "Down", "r", "Enter"]);
    carol.shows("alice may no longer sudo as root");
    carol.press(&["y"]);
    carol.shows("Revoked: alice");
    host.user("alice").run("sudo -n true").fails();
}

#[test]
fn the_screen_outlives_jitd_fits_any_size_and_leaves_the_terminal_as_it_was() {
    let host = Host::with(plan).start();
    let carol = host.user("carol").screen(80, 24, "jit watch");
    carol.shows("live");
    host.jitd().kill();
    carol.shows("jitd is AWAY; looking again");
    host.jitd().start();
    carol.shows("live");
    let id = asked(&host, "alice", "sudo", "INC-42");
    carol.shows(&id);
    carol.resize(40, 10);
    carol.shows(&id);
    carol.resize(30, 5);
    carol.shows("too small");
    carol.resize(200, 50);
    let wide = carol.shows(&id);
    assert!(wide.lines().any(|line| line.contains("Waiting for an answer") && line.contains("What happens")), "{wide}");
    carol.press(&["a", "C-c"]);
    let left = carol.shows("ended with 0");
    assert!(!left.contains("Waiting for an answer"), "{left}");
    host.user("carol").run("jit watch").exits(2).says("no terminal");
    host.jitd().stop();
    host.user("carol").screen(80, 24, "jit watch").shows("ended with 3");
}

#[test]
fn what_others_write_on_the_screen_goes_with_ctrl_l_and_when_jitd_is_there_again() {
    let host = Host::with(plan).start();
    let carol = host.user("carol").screen(80, 24, "jit watch");
    carol.shows("live");
    let scribble = || {
        host.root().run(&format!("printf '\\r\\nscribbled\\r\\n' > {}", carol.terminal())).succeeds();
        carol.shows("scribbled");
    };
    scribble();
    carol.press(&["C-l"]);
    carol.shows_no("scribbled");
    assert!(carol.now().starts_with("jit watch"), "{}", carol.now());
    host.jitd().kill();
    carol.shows("jitd is AWAY; looking again");
    scribble();
    host.jitd().start();
    carol.shows("live");
    carol.shows_no("scribbled");
}

#[test]
fn a_signal_ends_the_screen_and_leaves_the_terminal_as_it_was() {
    let host = Host::with(plan).start();
    for signal in ["TERM", "HUP", "INT", "QUIT"] {
        let carol = host.user("carol").screen(80, 24, "echo before; jit watch; stty -a");
        carol.shows("live");
        host.root().run(&format!("pkill -{signal} -x -u carol jit")).succeeds();
        let left = carol.shows("ended with 0");
        assert!(left.contains("before") && !left.contains("live"), "{left}");
        assert!(left.contains(" icanon ") && left.contains(" echo "), "lines and echo again: {left}");
    }
}

#[test]
fn without_colour_the_screen_has_none_and_says_the_same_in_words() {
    let host = Host::with(plan).start();
    let id = asked(&host, "alice", "sudo", "INC-42");
    let usual = host.user("carol").screen(80, 24, "jit watch");
    let plain = host.user("carol").variable("NO_COLOR=1").screen(80, 24, "jit watch");
    let has_colour = |screen: &Screen<'_>| screen.attributes().iter().any(|code| matches!(code, 30..=38 | 40..=48 | 90..=107));
    for screen in [&usual, &plain] {
        screen.shows(&format!("> {id} for you alice"));
    }
    assert!(has_colour(&usual) && !has_colour(&plain), "{:?} {:?}", usual.attributes(), plain.attributes());
}

#[test]
fn a_review_shows_who_held_what_and_is_for_auditors_alone() {
    let host = Host::with(plan).start();
    let evil = asked(&host, "alice", "sudo", "<script>alert(1)</script> =1+1");
    host.user("carol").run(&format!("jit approve {evil}")).succeeds();
    host.user("alice").run("sudo -n true").succeeds();
    host.user("bob").run("sudo -n true").fails();
    let id = asked(&host, "bob", "sudo", "=cmd");
    host.user("carol").run(&format!("jit deny {id} --note no")).succeeds();
    host.user("frank").run("jit emergency sudo --reason 'db down'").succeeds();

    let report = "jit report --since 1d --html review.html --csv review.csv";
    host.user("alice").run(report).exits(1).says("auditors and root");
    host.user("alice").run("ls review.html review.csv .review*").fails();
    let said = host.user("erin").run(&format!("{report} --json")).succeeds().json();
    assert_eq!((said["grants"].as_u64(), said["overdue"].as_u64()), (Some(2), Some(0)));
    let mode = std::fs::metadata(host.path("/home/erin/review.html")).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode, 0o600);
    let page = host.read("/home/erin/review.html");
    for words in ["Access review", ">alice<", "&lt;script&gt;", "db down", "backup-agent", "stale", "no grant"] {
        assert!(page.contains(words), "{words}\n{page}");
    }
    assert!(!page.contains("<script"));
    let table = host.read("/home/erin/review.csv");
    assert!(table.contains(",'=cmd,") && table.contains("denied-check,D-") && table.contains("emergency-review,G-"), "{table}");
    host.root().run("jit report --since 1d --html /tmp/r.html").succeeds().says("No review is overdue.");
    let mut terminal = host.user("erin").terminal("jit report --since 1d --html r.html");
    terminal.expect(" % ");
    terminal.finish().succeeds();
    host.root().run("jit report --since 1d --html /nowhere/r.html").exits(1).says("/nowhere/r.html");
    // The table alone needs no page, and what is no file is not replaced by one.
    let said = host.user("erin").run("jit report --since 1d --csv alone.csv --json").succeeds().json();
    assert_eq!((said["html"].is_null(), said["csv"].as_str()), (true, Some("alone.csv")));
    host.user("erin").run("jit report --since 1d --csv alone.csv").succeeds().says("alone.csv: ");
    assert!(host.read("/home/erin/alone.csv").contains("emergency-review,G-"));
    host.user("erin").run("jit report --since 1d").exits(2).says("--html");
    host.root().run("mkfifo /tmp/pipe; jit report --since 1d --html /tmp/pipe").exits(1).says("/tmp/pipe: it is no plain file");
    host.root().run("jit metrics --textfile /tmp/pipe").exits(1).says("/tmp/pipe: it is no plain file");
    host.root().run("test -p /tmp/pipe").succeeds();
}

#[test]
fn metrics_count_what_happens_and_say_when_jitd_is_away() {
    let host = Host::with(plan).start();
    host.grant("alice", "sudo", "carol");
    host.user("alice").run("sudo -n true").succeeds();
    host.user("bob").run("sudo -n true").fails();
    host.user("frank").run("jit emergency sudo --reason 'db down'").succeeds();
    let said = host.user("erin").run("jit metrics").succeeds();
    for line in [
        "jit_up 1",
        "jit_requests_total{event=\"granted\"} 1",
        "jit_grants{state=\"active\",kind=\"approved\"} 1",
        "jit_grants_issued_total{kind=\"emergency\"} 1",
        "jit_checks_total{phase=\"account\",answer=\"allowed\"} 1",
        "jit_checks_total{phase=\"account\",answer=\"denied\"} 1",
        "jit_check_duration_seconds_count 3",
        "jit_sessions_opened_total 1",
        "jit_reviews{state=\"due\"} 1",
        "jit_optouts_stale 1",
        "jit_policy_valid 1",
        "jit_store_failing 0",
        "jit_syslog_lost 0",
    ] {
        assert!(said.stdout.lines().any(|said| said == line), "{line}\n{}", said.stdout);
    }
    assert!(said.stdout.ends_with("# EOF\n"));
    host.user("alice").run("jit metrics").exits(1).says("auditors and root");
    let file = "jit metrics --textfile /tmp/jit.prom";
    host.root().run(file).succeeds();
    host.user("bob").run("cat /tmp/jit.prom").says("jit_up 1");
    host.write("/etc/jit/policy.toml", "version = 2\n");
    host.root().run("jit reload").exits(1);
    host.root().run("jit metrics").says("jit_policy_valid 0\n").says("jit_policy_in_force 1\n");
    host.jitd().stop();
    host.root().run(file).exits(3);
    host.user("bob").run("cat /tmp/jit.prom").says("jit_up 0\n# EOF\n").does_not_say("jit_up 1");
}

/// The screens that `docs/screens` shows are made like this: in a full run they are made again, into `target/screens`.
#[test]
fn the_screens_of_the_documents() {
    if !is_full_run() {
        return;
    }
    let host = Host::with(|host| plan(host).user("heidi", &["ops"])).start();
    let directory = concat!(env!("CARGO_MANIFEST_DIR"), "/../target/screens");
    std::fs::create_dir_all(directory).unwrap();
    for (width, height) in [(80, 24), (200, 50)] {
        let keep = |screen: &Screen<'_>, name: &str| {
            let text: String = screen.now().lines().map(|line| format!("{}\n", line.trim_end())).collect();
            std::fs::write(format!("{directory}/{name}-{width}x{height}.txt"), text).unwrap();
        };
        let carol = host.user("carol").screen(width, height, "jit watch");
        if width == 80 {
            carol.shows("Nothing waits");
            keep(&carol, "empty");
            host.grant("alice", "sudo --for 2h", "dave");
            host.grant("heidi", "ssh --for 4m", "dave");
            host.user("frank").run("jit emergency sudo --reason 'INC-77 database does not come up'").succeeds();
            asked(&host, "bob", "sudo --for 45m", "INC-42 /var is full, remove old cores");
            asked(&host, "heidi", "sudo --as carol", "CHG-1204 rotate the keys of the build host");
            host.user("alice").run("sudo -n sh -c 'setsid -f sleep 3000 >/dev/null 2>&1'");
            host.user("bob").run("sudo -n true").fails();
        }
        let mut alice = host.user("alice").terminal("sudo -n cat");
        carol.shows("pts/");
        keep(&carol, "busy");
        carol.press(&["a"]);
        carol.type_text("30m");
        carol.press(&["Enter"]);
        carol.type_text("cores only");
        carol.press(&["Enter"]);
        carol.shows("cores only");
        carol.shows("yes, do that");
        keep(&carol, "approve");
        carol.press(&["n"]);
        carol.shows("empty it");
        carol.press(&["Escape"]);
        carol.shows("Nothing was done.");
        carol.press(&["Enter"]);
        carol.shows("What happened");
        keep(&carol, "detail");
        carol.press(&["q"]);
        carol.shows("q quit");
        carol.press(&["?"]);
        carol.shows("What you can do");
        keep(&carol, "help");
        carol.press(&["q"]);
        alice.press_ctrl_c();
        let _ = alice.finish();
    }
}
