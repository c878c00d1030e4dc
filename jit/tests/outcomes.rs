//! Exit codes, and what is said, against a jitd that plays a script.
#![allow(clippy::unwrap_used, reason = "a test says what went wrong by panicking")]

mod common;

use common::{Fake, Ran, Step, command, failed, is_harmless, jit, request, sample, say, shown, status};
use jit_proto::time::Moment;
use jit_proto::user::{Act, Target, UserAnswer, Which, Wish};
use jit_proto::view::{DaemonView, FailureCode, FileView, GrantView, MistakeView, RequestView, Shown, StatusView};
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

#[test]
fn a_request_that_waits_is_a_success_and_says_how_to_come_back() {
    let fake = Fake::saying(request(sample::pending()));
    let ran = fake.jit(&["request", "--for", "30m", "--uses", "2", "--reason", "INC-42 disk full"]);
    assert_eq!((ran.code, ran.stderr.as_str()), (0, ""));
    assert!(ran.stdout.starts_with("R-7F3KQ2ZD waits for carol or dave (group leads) until "), "{}", ran.stdout);
    assert!(ran.stdout.ends_with(". Leave this; later: jit wait R-7F3KQ2ZD\n"), "{}", ran.stdout);
    let reason = Some("INC-42 disk full".to_owned());
    let wish = Wish { service: "sudo".to_owned(), run_as: None, for_s: Some(1800), uses: Some(2), start: None, reason };
    assert_eq!(fake.acts(), [Act::Request(wish)]);
}

#[test]
fn a_request_that_is_granted_at_once_says_until_when_and_how_to_give_it_back() {
    let mut granted = sample::granted();
    granted.stages.clear();
    let fake = Fake::new(vec![say(request(granted)), shown(Shown::Grant(sample::grant()))]);
    let ran = fake.jit(&["request", "--reason", "x", "--wait"]);
    assert_eq!(ran.code, 0);
    assert!(ran.stdout.starts_with("Granted: you may sudo as root until "), "{}", ran.stdout);
    assert!(ran.stdout.ends_with(". Give it back: jit drop G-0123ABCD\n"), "{}", ran.stdout);
    assert_eq!(fake.acts()[1], Act::Show("G-0123ABCD".to_owned()));
}

#[test]
fn a_wait_says_once_whom_it_waits_for_and_then_who_decided() {
    let waiting = || Step::Say(UserAnswer::Waiting(Box::new(sample::pending())));
    let fake = Fake::new(vec![
        say(request(sample::pending())),
        vec![waiting(), Step::Say(request(sample::granted()))],
        shown(Shown::Grant(sample::grant())),
    ]);
    let ran = fake.jit(&["request", "--reason", "x", "--wait=1m"]);
    assert_eq!(ran.code, 0);
    assert!(ran.stderr.ends_with(". Leave this (Ctrl-C); later: jit wait R-7F3KQ2ZD\n"), "{}", ran.stderr);
    assert_eq!(ran.stderr.lines().count(), 1);
    assert!(ran.stdout.ends_with("\nApproved by carol: \"be quick\"\n"), "{}", ran.stdout);
    assert_eq!(fake.acts()[1], Act::Wait(Some("R-7F3KQ2ZD".to_owned())));
}

#[test]
fn a_wait_that_ends_in_a_denial_exits_1_and_prints_the_request_all_the_same() {
    let fake = || Fake::new(vec![vec![Step::Say(UserAnswer::Waiting(Box::new(sample::pending()))), Step::Say(request(sample::denied()))]]);
    let ran = fake().jit(&["wait"]);
    assert_eq!(ran.code, 1);
    assert!(ran.stdout.starts_with("Denied by carol: \"not during the freeze\"."), "{}", ran.stdout);
    let ran = fake().jit(&["wait", "r-7f3kq2zd", "--json"]);
    assert_eq!(ran.code, 1);
    assert!(ran.stdout.starts_with(r#"{"id":"R-7F3KQ2ZD","state":"denied""#), "{}", ran.stdout);
    assert_eq!(ran.stdout.lines().count(), 1);
    assert_eq!(Fake::saying(request(sample::lapsed())).jit(&["wait"]).code, 1);
    assert_eq!(Fake::saying(request(sample::cancelled())).jit(&["wait"]).code, 1);
}

#[test]
fn a_wait_that_takes_too_long_exits_4_and_the_request_stays() {
    for json in [false, true] {
        let waiting = vec![Step::Say(UserAnswer::Waiting(Box::new(sample::pending()))), Step::Hang];
        let fake = Fake::new(vec![say(request(sample::pending())), waiting]);
        let before = Instant::now();
        let mut arguments = vec!["request", "--reason", "x", "--wait=1s"];
        arguments.extend(json.then_some("--json"));
        let ran = fake.jit(&arguments);
        assert_eq!(ran.code, 4);
        assert!((Duration::from_millis(900)..Duration::from_secs(8)).contains(&before.elapsed()));
        assert!(ran.stderr.contains("R-7F3KQ2ZD is not decided yet; it stays pending") && ran.stderr.contains("jit wait R-7F3KQ2ZD"));
        if json {
            assert!(ran.stdout.starts_with(r#"{"error":{"code":"timeout","message":"R-7F3KQ2ZD is not decided yet"#), "{}", ran.stdout);
            assert!(ran.stdout.ends_with("\"rule\":null}}\n"), "{}", ran.stdout);
        } else {
            assert_eq!(ran.stdout, "");
        }
    }
}

#[test]
fn a_wait_outlives_a_restart_of_jitd() {
    let waiting = || Step::Say(UserAnswer::Waiting(Box::new(sample::pending())));
    let fake = Fake::new(vec![vec![waiting()], vec![waiting(), Step::Say(request(sample::denied()))]]);
    let ran = fake.jit(&["wait"]);
    assert_eq!(ran.code, 1);
    assert!(ran.stderr.contains("jitd went away; looking for it again."), "{}", ran.stderr);
    assert_eq!(ran.stderr.matches("Ctrl-C").count(), 1);
    assert_eq!(fake.acts(), [Act::Wait(None), Act::Wait(Some("R-7F3KQ2ZD".to_owned()))]);
}

#[test]
fn what_jitd_refuses_has_the_exit_code_of_its_kind_and_says_what_to_do() {
    for (code, exit) in [
        (FailureCode::Refused, 1),
        (FailureCode::Usage, 2),
        (FailureCode::Unreachable, 3),
        (FailureCode::Timeout, 4),
        (FailureCode::NotFound, 5),
    ] {
        let ran = Fake::saying(failed(code, "it is so")).jit(&["drop"]);
        assert_eq!((ran.code, ran.stdout.as_str(), ran.stderr.as_str()), (exit, "", "jit: it is so\n     Do better\n"));
    }
    let ran = Fake::saying(failed(FailureCode::Refused, "it is so")).jit(&["--json", "drop"]);
    assert_eq!(ran.stdout, "{\"error\":{\"code\":\"refused\",\"message\":\"it is so\",\"help\":\"do better\",\"rule\":\"ops-root\"}}\n");
    assert_eq!((ran.code, ran.stderr.as_str()), (1, "jit: it is so\n     Do better\n"));
}

#[test]
fn an_unreachable_jitd_is_named_with_its_socket_and_the_remedy() {
    let ran = jit(Path::new("/nonexistent/user.sock"), &["status"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (3, ""));
    assert!(
        ran.stderr.starts_with("jit: jitd cannot be reached at /nonexistent/user.sock (from JIT_SOCKET): there is no socket\n"),
        "{}",
        ran.stderr
    );
    assert!(ran.stderr.contains("systemctl status jitd"), "{}", ran.stderr);
    let ran = jit(Path::new("/nonexistent/user.sock"), &["--socket", "/nowhere", "--json", "approve", "R-7F3KQ2ZD"]);
    assert_eq!(ran.code, 3);
    assert!(ran.stdout.starts_with(r#"{"error":{"code":"unreachable","message":"jitd cannot be reached at /nowhere (from --socket): "#));
}

#[test]
fn a_daemon_that_hangs_up_or_talks_nonsense_is_unreachable() {
    let ran = Fake::new(vec![vec![]]).jit(&["status"]);
    assert_eq!(ran.code, 3);
    assert!(ran.stderr.contains("the connection was closed without an answer"), "{}", ran.stderr);
    for step in [Step::Raw(vec![9; 64]), Step::Say(request(sample::pending()))] {
        let ran = Fake::new(vec![vec![step]]).jit(&["status"]);
        assert_eq!(ran.code, 3);
        assert!(ran.stderr.contains("different versions"), "{}", ran.stderr);
    }
}

#[test]
fn what_cannot_be_understood_exits_2_and_speaks_json_where_json_is_wanted() {
    let nowhere = Path::new("/nonexistent");
    let ran = jit(nowhere, &["deny", "R-7F3KQ2ZD"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (2, ""));
    assert!(ran.stderr.contains("--note"));
    let ran = jit(nowhere, &["deny", "R-7F3KQ2ZD", "--json"]);
    assert_eq!(ran.code, 2);
    assert_eq!(
        ran.stdout,
        "{\"error\":{\"code\":\"usage\",\"message\":\"the following required arguments were not provided: --note <TEXT>\",\
         \"help\":\"see jit --help, or jit VERB --help\",\"rule\":null}}\n"
    );
    assert!(ran.stderr.starts_with("jit: the following required arguments were not provided: --note <TEXT>\n"));
    let ran = jit(nowhere, &["approve"]);
    assert_eq!(ran.code, 2, "not on a terminal, an id is needed");
    assert_eq!(jit(nowhere, &["approve", "R-7F3"]).code, 5, "an act takes the whole id");
    assert_eq!(jit(nowhere, &["--help"]).code, 0);
}

#[test]
fn approving_says_how_to_undo_it_and_each_side_of_the_decision_has_its_words() {
    let fake = Fake::new(vec![say(request(sample::granted())), shown(Shown::Grant(sample::grant()))]);
    let ran = fake.jit(&["approve", "r-7f3kq2zd", "--for", "15m", "--note", "be quick"]);
    assert_eq!(ran.code, 0);
    assert!(ran.stdout.starts_with("Granted: alice may sudo as root until "), "{}", ran.stdout);
    assert!(ran.stdout.ends_with(". Undo: jit revoke G-0123ABCD\n"), "{}", ran.stdout);
    let act = Act::Approve { id: "R-7F3KQ2ZD".to_owned(), for_s: Some(900), note: Some("be quick".to_owned()) };
    assert_eq!(fake.acts()[0], act);

    let mut partly = sample::pending();
    partly.approvers = vec!["erin".to_owned()];
    let ran = Fake::saying(request(partly)).jit(&["grant", "alice", "ssh", "--reason", "x"]);
    assert!(ran.stdout.starts_with("Your approval is on it. R-7F3KQ2ZD waits for erin (group leads) until "), "{}", ran.stdout);

    let fake = Fake::saying(request(sample::denied()));
    let ran = fake.jit(&["deny", "R-7F3KQ2ZD", "--note", "not now"]);
    assert_eq!((ran.code, ran.stdout.starts_with("Denied: alice may not sudo as root.")), (0, true), "{}", ran.stdout);
    assert_eq!(fake.acts(), [Act::Deny { id: "R-7F3KQ2ZD".to_owned(), note: Some("not now".to_owned()) }]);
}

#[test]
fn ending_grants_and_requests_says_what_is_over() {
    let fake = Fake::saying(UserAnswer::Grants(vec![sample::grant()]));
    let ran = fake.jit(&["drop"]);
    assert!(ran.stdout.starts_with("Given back: you may no longer sudo as root (G-0123ABCD)."), "{}", ran.stdout);
    assert_eq!(fake.acts(), [Act::Drop(None)]);
    let fake = Fake::saying(UserAnswer::Grants(vec![sample::grant(), sample::grant()]));
    let ran = fake.jit(&["revoke", "--user", "alice", "--note", "gone"]);
    assert_eq!(ran.stdout.lines().filter(|line| line.starts_with("Revoked: alice may no longer sudo as root")).count(), 2);
    assert_eq!(fake.acts(), [Act::Revoke { target: Target::User("alice".to_owned()), note: Some("gone".to_owned()), now: false }]);
    let ran = Fake::saying(request(sample::cancelled())).jit(&["cancel", "R-7F3KQ2ZD"]);
    assert!(ran.stdout.starts_with("R-7F3KQ2ZD (sudo as root) is taken back."), "{}", ran.stdout);
}

#[test]
fn a_command_waits_for_no_request_that_would_not_let_it_run() {
    let later = RequestView { start: Some(sample::moment("2999-01-01T09:00:00Z")), ..sample::pending() };
    let longer = RequestView { extends: Some("G-0123ABCD".to_owned()), ..sample::pending() };
    for waits in [later, longer] {
        let held = StatusView { grants: vec![], requests: vec![waits.clone()], ..sample::status() };
        let fake = Fake::new(vec![
            say(status(held)),
            say(UserAnswer::MayEnter(false)),
            say(request(sample::granted())),
            shown(Shown::Grant(sample::grant())),
        ]);
        let ran = ran_without_sudo(&fake);
        assert!(ran.code == 125 && ran.stderr.contains("Granted: you may sudo as root until"), "{ran:?}");
        let Act::Request(wish) = &fake.acts()[2] else { panic!("it waited for {waits:?}") };
        assert_eq!((wish.reason.as_deref(), wish.start), (Some("INC-2"), None));
    }
}

#[test]
fn a_command_is_not_run_before_the_time_of_its_grant() {
    let held = StatusView { grants: vec![], ..sample::status() };
    let tomorrow = GrantView { state: "waiting".to_owned(), starts: Some(sample::moment("2999-01-01T09:00:00Z")), ..sample::grant() };
    let (enter, decided) = (UserAnswer::MayEnter(false), request(sample::granted()));
    let fake = Fake::new(vec![say(status(held)), say(enter), say(decided), shown(Shown::Grant(tomorrow))]);
    let ran = ran_without_sudo(&fake);
    assert!(ran.code == 125 && ran.stderr.contains("from 2999-01-01 09:00 until"), "{ran:?}");
    assert!(ran.stderr.contains("Nothing was run: its time has not come") && !ran.stderr.contains("sudo cannot be run"), "{ran:?}");
}

/// `jit run`, where no sudo can be found.
fn ran_without_sudo(fake: &Fake) -> Ran {
    let mut command = command(&["run", "--reason", "INC-2", "--", "id"]);
    command.env("JIT_SOCKET", &fake.socket).env("PATH", "/nonexistent").output().unwrap().into()
}

#[test]
fn status_shows_notices_first_and_every_command_to_type() {
    let listing = UserAnswer::Listing { requests: vec![sample::pending()], grants: vec![], sessions: vec![], more: false };
    let fake = Fake::new(vec![say(status(sample::status())), say(listing)]);
    let ran = fake.jit(&["status"]);
    assert_eq!(ran.code, 0);
    assert!(ran.stdout.starts_with("Attention: there is no valid policy\nWhat you hold\n"), "{}", ran.stdout);
    for command in ["jit drop G-0123ABCD", "jit wait R-7F3KQ2ZD", "jit request sudo --reason \"...\"", "jit approve R-00000001"] {
        assert!(ran.stdout.contains(command), "{command} is missing in {}", ran.stdout);
    }
    assert!(!ran.stdout.contains('\x1b'), "no colour where there is no terminal");
    let fake = Fake::saying(status(sample::status()));
    let ran = fake.jit(&["status", "--json"]);
    assert!(ran.stdout.starts_with(r#"{"user":"alice","uid":1001,"grants":[{"id":"G-0123ABCD""#), "{}", ran.stdout);
    assert!(ran.stdout.ends_with("\"to_approve\":[\"R-00000001\"],\"to_review\":[]}\n"), "{}", ran.stdout);
    assert_eq!(ran.stderr, "jit: there is no valid policy\n");
}

#[test]
fn a_list_puts_all_parts_together() {
    let part = |requests, grants, more| Step::Say(UserAnswer::Listing { requests, grants, sessions: vec![], more });
    let pending = vec![part(vec![sample::pending()], vec![], true), part(vec![], vec![], false)];
    let active = vec![part(vec![], vec![sample::grant()], true), part(vec![], vec![], false)];
    let fake = Fake::new(vec![pending, active]);
    let ran = fake.jit(&["list"]);
    assert!(ran.stdout.contains("Requests\n") && ran.stdout.contains("Grants\n") && !ran.stdout.contains("Sessions"), "{}", ran.stdout);
    assert_eq!(fake.acts(), [Act::List(Which::Pending), Act::List(Which::Active)]);
    let fake = Fake::new(vec![vec![part(vec![], vec![], false)]]);
    assert_eq!(fake.jit(&["list", "--all", "--json"]).stdout, "{\"requests\":[],\"grants\":[],\"sessions\":[]}\n");
    assert_eq!(fake.acts(), [Act::List(Which::All)]);
}

#[test]
fn show_shows_one_thing_and_what_happened_to_it() {
    let fake = Fake::new(vec![shown(Shown::Grant(sample::grant()))]);
    let ran = fake.jit(&["show", "g-0123"]);
    assert!(ran.stdout.starts_with("Grant G-0123ABCD: active\n"), "{}", ran.stdout);
    assert!(ran.stdout.contains("What happened\n") && ran.stdout.contains("request.cancelled id=R-7F3KQ2ZD"), "{}", ran.stdout);
    assert_eq!(fake.acts(), [Act::Show("g-0123".to_owned())]);
    let ran = Fake::new(vec![shown(Shown::Request(sample::pending()))]).jit(&["show", "R-7", "--json"]);
    assert!(ran.stdout.starts_with(r#"{"request":{"id":"R-7F3KQ2ZD""#), "{}", ran.stdout);
    assert!(ran.stdout.contains(r#""events":[{"seq":1,"at":"#), "{}", ran.stdout);
}

#[test]
fn a_policy_that_is_not_valid_stays_out_of_force_and_reload_exits_1() {
    let mistake = || MistakeView {
        file: "/etc/jit/policy.toml".to_owned(),
        line: 7,
        column: 1,
        message: "unknown key `whom`".to_owned(),
        help: "did you mean `who`?".to_owned(),
    };
    let ran = Fake::saying(UserAnswer::Reloaded { valid: false, errors: vec![mistake()], warnings: vec![] }).jit(&["reload"]);
    assert_eq!(ran.code, 1);
    assert_eq!(
        ran.stdout,
        "/etc/jit/policy.toml:7:1: unknown key `whom` (did you mean `who`?)\nThe policy is not valid; the old policy stays in force.\n"
    );
    let ran = Fake::saying(UserAnswer::Reloaded { valid: true, errors: vec![], warnings: vec![mistake()] }).jit(&["reload"]);
    assert_eq!(ran.code, 0);
    assert!(ran.stdout.starts_with("warning: /etc/jit/policy.toml:7:1: "), "{}", ran.stdout);
    let ran = Fake::saying(UserAnswer::Reloaded { valid: true, errors: vec![], warnings: vec![] }).jit(&["reload", "--json"]);
    assert_eq!(ran.stdout, "{\"valid\":true,\"errors\":[],\"warnings\":[]}\n");
}

#[test]
fn the_policy_in_force_is_put_together_from_its_parts() {
    let part = |file: &str, text: &str, more| {
        Step::Say(UserAnswer::PolicyFile { part: FileView { file: file.to_owned(), text: text.to_owned() }, more })
    };
    let script = || {
        vec![part("/p.toml", "version = ", true), part("/p.toml", "1\n", true), part("/q.toml", "version = 1\n", true), part("", "", false)]
    };
    let ran = Fake::new(vec![script()]).jit(&["policy", "show"]);
    assert_eq!(ran.stdout, "# /p.toml\nversion = 1\n# /q.toml\nversion = 1\n");
    let ran = Fake::new(vec![script()]).jit(&["policy", "show", "--json"]);
    assert_eq!(
        ran.stdout,
        "{\"files\":[{\"file\":\"/p.toml\",\"text\":\"version = 1\\n\"},{\"file\":\"/q.toml\",\"text\":\"version = 1\\n\"}]}\n"
    );
}

#[test]
fn versions_are_told_with_or_without_a_daemon() {
    let version = env!("CARGO_PKG_VERSION");
    let daemon = DaemonView { version: "0.9.0".to_owned(), protocol: 1, since: Moment(0) };
    let ran = Fake::saying(UserAnswer::Daemon(daemon.clone())).jit(&["version", "--json"]);
    assert_eq!(ran.stdout, format!("{{\"jit\":\"{version}\",\"jitd\":\"0.9.0\",\"protocol\":1}}\n"));
    let ran = Fake::saying(UserAnswer::Daemon(daemon)).jit(&["version"]);
    assert_eq!(ran.stdout, format!("jit {version}\njitd 0.9.0, protocol 1, running since 1970-01-01 00:00\n"));
    let ran = jit(Path::new("/nonexistent"), &["version", "--json"]);
    assert_eq!((ran.code, ran.stdout), (0, format!("{{\"jit\":\"{version}\",\"jitd\":null,\"protocol\":null}}\n")));
    let ran = jit(Path::new("/nonexistent"), &["version"]);
    assert!(ran.code == 0 && ran.stdout.contains("jitd: not known: jitd cannot be reached at /nonexistent"), "{}", ran.stdout);
}

#[test]
fn nothing_that_others_wrote_reaches_a_terminal_as_they_wrote_it() {
    let evil = "x\n\x1b[2J\u{9b}31m\u{202e}y\x07";
    let mut asked = sample::pending();
    asked.reason = evil.to_owned();
    asked.user = evil.to_owned();
    asked.rule = evil.to_owned();
    asked.approvers = vec![evil.to_owned()];
    let listing = || UserAnswer::Listing { requests: vec![asked.clone()], grants: vec![], sessions: vec![], more: false };
    let mut page = sample::status();
    page.notices = vec![evil.to_owned()];
    page.requests = vec![asked.clone()];
    page.to_approve = vec![asked.id.clone()];
    let mut event = sample::events(1).remove(0);
    event.event = evil.to_owned();
    let shown = vec![
        Step::Say(UserAnswer::Shown(Box::new(Shown::Request(asked.clone())))),
        Step::Say(UserAnswer::Events { events: vec![event], more: false }),
    ];
    let daemon = DaemonView { version: evil.to_owned(), protocol: 1, since: Moment(0) };
    for (arguments, scripts) in [
        (&["status"][..], vec![say(status(page.clone())), say(listing())]),
        (&["list", "--all"], vec![say(listing())]),
        (&["show", "R-7"], vec![shown]),
        (&["drop"], vec![say(failed(FailureCode::Refused, evil))]),
        (&["--json", "drop"], vec![say(failed(FailureCode::Refused, evil))]),
        (&["--json", "list", "--all"], vec![say(listing())]),
        (&["--json", "status"], vec![say(status(page.clone()))]),
        (&["version"], vec![say(UserAnswer::Daemon(daemon))]),
        (&["request", "--reason", "x"], vec![say(request(asked.clone()))]),
    ] {
        let ran = Fake::new(scripts).jit(arguments);
        assert!(is_harmless(&ran.stdout) && is_harmless(&ran.stderr), "{arguments:?}: {ran:?}");
    }
}

#[test]
fn a_reader_that_goes_away_is_no_reason_to_complain() {
    let many = vec![sample::pending(); 40];
    let part = |more| Step::Say(UserAnswer::Listing { requests: many.clone(), grants: vec![], sessions: vec![], more });
    let script = (0..30).map(|_| part(true)).chain([part(false)]).collect();
    let fake = Fake::new(vec![script]);
    let mut child = command(&["list", "--all"]);
    let mut child = child.env("JIT_SOCKET", &fake.socket).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), String::from_utf8(output.stderr).unwrap().as_str()), (Some(0), ""));
}

#[test]
fn a_full_disk_behind_the_output_is_said() {
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let fake = Fake::saying(request(sample::pending()));
    let output = command(&["request", "--reason", "x"]).env("JIT_SOCKET", &fake.socket).stdout(full).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8(output.stderr).unwrap().starts_with("jit: the output cannot be written: "));
}

#[test]
fn a_reason_that_is_too_long_for_the_wire_is_a_matter_of_usage() {
    let reason = "x".repeat(100_000);
    let ran = Fake::new(vec![vec![]]).jit(&["request", "--reason", &reason]);
    assert_eq!(ran.code, 2);
    assert!(ran.stderr.contains("more text than jitd takes"), "{}", ran.stderr);
}
