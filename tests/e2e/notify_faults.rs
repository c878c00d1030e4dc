//! Targets that fail, are not there, lie, or print without end: they hold up nobody else, and what they miss is on record.

use crate::notify::{HOOK, Hook, PROGRAM, collected, plan, recorded, run, signal, start};
use jit_tests::{Host, wait_until};
use std::sync::atomic::Ordering;
use std::time::Instant;

const SOON: &str = "retry = { first = \"1s\", most = \"1s\", give_up = \"4s\" }\n";

fn ask(host: &Host, user: &str) {
    host.user(user).run("jit request sudo --reason INC-42 && jit cancel").succeeds();
}

fn said(host: &Host) -> String {
    host.read("/tmp/said")
}

#[test]
fn an_endpoint_that_is_absent_then_fails_then_closes_in_the_middle_is_told_all_of_it_when_it_is_well_again() {
    let host = plan(&[HOOK, "retry = { first = \"1s\", most = \"1s\" }\n", PROGRAM].concat()).start();
    start(&host);
    ask(&host, "alice");
    wait_until("the other target to be told", || (collected(&host).len() == 2).then_some(()));
    let hook = Hook::serve(host.listen(8080));
    for status in [500, 0] {
        hook.status.store(status, Ordering::Relaxed);
        let failed = if status == 500 { "it answers 500" } else { "hook: event" };
        wait_until("it to fail", || said(&host).contains(failed).then_some(()));
        ask(&host, "bob");
    }
    wait_until("the other target to be told", || (collected(&host).len() == 6).then_some(()));
    assert!(hook.told().is_empty());
    hook.status.store(200, Ordering::Relaxed);
    wait_until("all to be told", || (hook.told().len() >= 6).then_some(()));
    assert_eq!(hook.told(), recorded(&host, "request"));
    assert!(said(&host).contains("hook: it can be told again, after"), "{}", said(&host));
}

#[test]
fn what_is_given_up_is_on_record_in_syslog_and_told_to_the_others() {
    let absent = "[[post]]\nname = \"absent\"\nurl = \"http://127.0.0.1:9/\"\nevents = [\"request.*\", \"notify.*\"]\n";
    let host = plan(&[HOOK, absent, SOON].concat()).start();
    let hook = Hook::serve(host.listen(8080));
    start(&host);
    ask(&host, "alice");
    let line = host.wait_for_log("notify.failed");
    assert!(line.contains("target=absent first=") && line.contains("count=") && line.contains(" why="), "{line}");
    wait_until("the others to be told", || {
        hook.got.lock().unwrap().iter().any(|event| event["event"] == "notify.failed" && event["data"]["target"] == "absent").then_some(())
    });
    // Nobody else may say so, and it is no loop.
    host.user("erin").run("jit audit log --kind notify.failed").succeeds().says("absent");
    assert!(recorded(&host, "notify.failed").len() <= 2);
}

#[test]
fn a_program_that_prints_a_gigabyte_hurts_nobody_and_one_that_hangs_is_ended() {
    let flood = "#!/bin/sh\ncat >> /tmp/flooded\nhead -c 1000000000 /dev/zero\nhead -c 1000000000 /dev/zero >&2\n";
    let hang = "#!/bin/sh\ncat > /tmp/hung\nsleep 1000\n";
    let program = |name: &str| format!("[[program]]\nname = \"{name}\"\nrun = [\"/etc/jit/{name}\"]\nevents = [\"request.submitted\"]\n");
    let targets = [PROGRAM, &program("flood"), "timeout = \"2m\"\n", &program("hang"), "timeout = \"1s\"\n"].concat();
    let host = plan(&targets).file("jit/flood", 0o755, flood).file("jit/hang", 0o755, hang).start();
    start(&host);
    let began = Instant::now();
    ask(&host, "alice");
    wait_until("the others to be told", || (collected(&host).len() == 2).then_some(()));
    wait_until("the one that hangs to be ended", || said(&host).contains("hang: event").then_some(()));
    assert!(said(&host).contains("it ran longer than 1s"));
    let place = |name: &str| std::fs::read_to_string(host.path(&format!("/tmp/notify/{name}.cursor"))).unwrap_or_default();
    let told = recorded(&host, "request.submitted")[0];
    wait_until("the flood to be over", || place("flood").starts_with(&format!("{told} ")).then_some(()));
    let most = host.root().run("grep VmHWM /proc/$(pgrep -x jit-notify)/status").succeeds().stdout;
    let most: u32 = most.split_whitespace().nth(1).unwrap().parse().unwrap();
    eprintln!("2 GB of output in {:?}, {most} kB of memory at most", began.elapsed());
    assert!(most < 60_000, "{most} kB");
    assert!(!said(&host).contains("flood: event"), "{}", said(&host));
}

#[test]
fn it_says_what_is_missing_and_goes_on_when_it_is_there() {
    let host = plan(HOOK).policy(jit_tests::POLICY).start();
    let hook = Hook::serve(host.listen(8080));
    run(&host);
    wait_until("it to say so", || said(&host).contains("jitd refuses: only auditors and root may read the record").then_some(()));
    host.write("/etc/jit/policy.toml", &jit_tests::POLICY.replace("\"user:erin\"", "\"user:erin\", \"user:jit-notify\""));
    host.root().run("jit reload").succeeds();
    wait_until("it to go on", || host.path("/tmp/notify/hook.cursor").exists().then_some(()));
    ask(&host, "alice");
    wait_until("the hook to be told", || (hook.told().len() == 2).then_some(()));
    // A second one on the same state would tell all of it twice; and a stop in good order leaves nothing to be told again.
    host.user("jit-notify").run("jit-notify").exits(1).says("another jit-notify uses /tmp/notify");
    signal(&host, "TERM");
    wait_until("it to be gone", || (host.root().run("pgrep -x jit-notify").code != 0).then_some(()));
    run(&host);
    ask(&host, "bob");
    wait_until("the hook to be told", || (hook.told().len() >= 4).then_some(()));
    assert_eq!(hook.told(), recorded(&host, "request"));
}

#[test]
fn a_record_that_is_another_one_is_noticed_and_not_told_again() {
    let host = plan(HOOK).start();
    let hook = Hook::serve(host.listen(8080));
    start(&host);
    ask(&host, "alice");
    wait_until("the hook to be told", || (hook.told().len() == 2).then_some(()));
    host.jitd().stop();
    host.root().run("rm /var/lib/jit/*").succeeds();
    host.jitd().start();
    wait_until("it to notice", || said(&host).contains("hook: the record is another one than before").then_some(()));
    ask(&host, "bob");
    wait_until("the hook to be told", || (hook.told().len() == 4).then_some(()));
    assert_eq!(hook.told()[2..], recorded(&host, "request"));
}

#[test]
fn what_was_archived_before_a_target_was_told_is_said_wherever_it_was_and_the_rest_is_told() {
    let host = plan(&[HOOK, PROGRAM].concat()).start();
    let hook = Hook::serve(host.listen(8080));
    start(&host);
    // It waits for an answer, so it stays in the record: the hook's own place, with nothing behind it.
    host.user("alice").run("jit request sudo --reason INC-42").succeeds();
    wait_until("both to be told", || (hook.told().len() == 1 && collected(&host).len() == 1).then_some(()));
    signal(&host, "KILL");
    host.user("bob").run("sudo -n true").fails();
    let lost = wait_until("it to be recorded", || recorded(&host, "access.denied").pop());
    host.root().run("jit reload && jit audit prune --before 2036-01-01 --to /root/archive.jsonl").succeeds();
    run(&host);
    for name in ["hook", "collect"] {
        let line =
            wait_until("it to be said", || said(&host).lines().find(|line| line.contains(&format!("{name}: events "))).map(str::to_owned));
        let numbers: Vec<u64> = line.split_whitespace().filter_map(|word| word.parse().ok()).collect();
        assert!(line.ends_with("were archived before it was told of them") && (numbers[0]..=numbers[1]).contains(&lost), "{line}");
    }
    ask(&host, "frank");
    wait_until("both to be told", || (hook.told().len() == 3 && collected(&host).len() == 3).then_some(()));
    assert_eq!(hook.told(), recorded(&host, "request"));
}

#[test]
fn on_a_full_disk_it_tells_nothing_twice_but_the_one_of_a_crash_says_so_once_and_goes_on_when_there_is_room() {
    let host = plan(HOOK).start();
    host.root().run("mkdir /tmp/notify && mount -t tmpfs -o size=64k,uid=$(id -u jit-notify),mode=0700 tmpfs /tmp/notify").succeeds();
    let hook = Hook::serve(host.listen(8080));
    start(&host);
    host.root().run("cat /dev/zero > /tmp/notify/filler").fails();
    ask(&host, "alice");
    let full = "hook: its place cannot be written down, and until it is nothing more is told: No space left on device";
    wait_until("it to say so", || said(&host).contains(full).then_some(()));
    let first = recorded(&host, "request")[0];
    assert_eq!(hook.told(), [first], "the next one waits, or both would come twice");
    signal(&host, "KILL");
    run(&host);
    wait_until("it to be told again after a crash", || (hook.told() == [first, first]).then_some(()));
    wait_until("it to say so again", || (said(&host).matches(full).count() == 2).then_some(()));
    let tried = || std::fs::metadata(host.path("/tmp/notify/hook.new")).unwrap().modified().unwrap();
    let before = tried();
    wait_until("it to try again", || (tried() != before).then_some(()));
    assert_eq!((hook.told().len(), said(&host).matches(full).count()), (2, 2), "{}", said(&host));
    host.root().run("rm /tmp/notify/filler").succeeds();
    wait_until("the rest to be told", || (hook.told().len() == 3).then_some(()));
    assert_eq!(hook.told()[1..], recorded(&host, "request"));
    assert!(said(&host).contains("hook: its place can be written down again"), "{}", said(&host));
}

#[test]
fn a_target_is_told_about_the_users_and_the_rules_that_it_names() {
    let host = plan(&[HOOK, "users = [\"bob\"]\n", PROGRAM, "rules = [\"ops-ssh\"]\n"].concat()).start();
    let hook = Hook::serve(host.listen(8080));
    start(&host);
    ask(&host, "alice");
    host.user("alice").run("jit request ssh --reason INC-43").succeeds();
    ask(&host, "bob");
    host.user("bob").run("jit request ssh --reason INC-43").succeeds();
    wait_until("both to be told", || (hook.told().len() == 3 && collected(&host).len() == 2).then_some(()));
    let all = recorded(&host, "request");
    assert_eq!(hook.told(), all[3..], "bob's: two of sudo, one of ssh");
    // Only what names the rule: not that a request was taken back.
    assert_eq!(collected(&host), [all[2], all[5]]);
}

#[test]
fn check_and_test_say_whether_it_would_work() {
    let host = plan(&[HOOK, PROGRAM].concat()).without_daemon().start();
    let somebody = host.user("jit-notify");
    somebody.run("jit-notify --check").succeeds().says("/etc/jit/notify.toml: valid, 2 targets").says("everybody can read this file");
    somebody.run("jit-notify --test hook").exits(1).says("jit-notify: hook: ");
    let hook = Hook::serve(host.listen(8080));
    somebody.run("jit-notify --test hook").succeeds();
    assert_eq!(hook.got.lock().unwrap()[0]["data"]["user"], "sample");
    somebody.run("jit-notify --test hok").exits(1).says("did you mean `hook`?");
    host.write("/tmp/bad.toml", "version = 1\n[[post]]\nname = \"x\"\nevnets = [\"*\"]\nurl = \"https://example.com\"\n");
    somebody.run("jit-notify --check /tmp/bad.toml").exits(1).says("/tmp/bad.toml:4:1:").says("did you mean `events`?");
    somebody.run("jit-notify man /tmp/man && grep -q notify.toml /tmp/man/jit-notify.1").succeeds();
}
