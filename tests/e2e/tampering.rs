//! Somebody with root's rights changes the record: where it is looked at, it says so, and which event.

use jit_tests::Host;

/// A record of a few events, and a backup of it.
fn host() -> Host {
    let host = Host::with(|host| host.people()).start();
    host.grant("alice", "sudo", "carol");
    host.user("carol").run("jit revoke --user alice --note x").succeeds();
    host.root().run("jit audit backup /root/whole.db").succeeds();
    host
}

/// Copies the third event's row with another number.
const ROW: &str = "SELECT 100, at, event, data, prev, hash FROM events WHERE seq = 3";

/// What is done, and what is said of it.
fn tricks() -> [(String, &'static str); 8] {
    [
        ("UPDATE events SET data = replace(data, 'alice', 'mallo') WHERE seq = 3".to_owned(), "event 3 was altered"),
        ("UPDATE events SET at = at + 1 WHERE seq = 3".to_owned(), "event 3 was altered"),
        ("UPDATE events SET event = 'request.denied' WHERE seq = 3".to_owned(), "event 3 was altered"),
        ("UPDATE events SET hash = zeroblob(32) WHERE seq = 3".to_owned(), "event 3 was altered"),
        ("UPDATE events SET prev = zeroblob(31) WHERE seq = 3".to_owned(), "event 3 was altered"),
        ("DELETE FROM events WHERE seq = 3".to_owned(), "event 3 is missing"),
        (
            "UPDATE events SET seq = 100 WHERE seq = 3; UPDATE events SET seq = 3 WHERE seq = 4; UPDATE events SET seq = 4 WHERE seq = 100"
                .to_owned(),
            "event 3 does not follow",
        ),
        (
            format!(
                "CREATE TEMP TABLE t AS {ROW}; UPDATE events SET seq = -seq - 1 WHERE seq > 3; UPDATE events SET seq = -seq WHERE seq < 0; \
                 INSERT INTO events SELECT 4, at, event, data, prev, hash FROM t"
            ),
            "event 4 does not follow",
        ),
    ]
}

#[test]
fn the_first_event_that_was_altered_removed_swapped_or_inserted_is_named_in_a_copy() {
    let host = host();
    for (trick, said) in tricks() {
        host.root().run(&format!("cp /root/whole.db /root/t.db; sqlite3 /root/t.db \"{trick}\"")).succeeds();
        host.root().run("jit audit verify --file /root/t.db").exits(1).says(said);
    }
    // A copy of a stopped jitd's file, on a disk that cannot be written, for whoever may read it.
    host.jitd().stop();
    host.root()
        .run("mkdir /srv/evidence; mount -t tmpfs tmpfs /srv/evidence; cp /var/lib/jit/events.db '/srv/evidence/a ?%#.db'")
        .succeeds();
    host.root().run("chmod 0644 /srv/evidence/*; mount -o remount,ro /srv/evidence").succeeds();
    for who in ["root", "erin"] {
        host.user(who).run("jit audit verify --file '/srv/evidence/a ?%#.db'").succeeds().says("whole");
    }
    host.root().run("umount /srv/evidence; rmdir /srv/evidence").succeeds();
}

#[test]
fn a_removed_end_is_found_by_a_head_from_syslog_alone() {
    let host = host();
    let line = host.wait_for_log("grant.revoked");
    let field = |key: &str| line.split(&format!(" {key}=")).nth(1).unwrap().split(' ').next().unwrap().to_owned();
    let head = format!("{}:{}", field("seq"), field("hash"));
    host.root().run(&format!("jit audit verify --head {head}")).succeeds().says("whole");
    let revoked = field("seq");
    host.root().run(&format!("cp /root/whole.db /root/t.db; sqlite3 /root/t.db 'DELETE FROM events WHERE seq >= {revoked}'")).succeeds();
    host.root().run("jit audit verify --file /root/t.db").succeeds().says("whole");
    host.root().run(&format!("jit audit verify --file /root/t.db --head {head}")).exits(1).says(&format!("event {revoked} is missing"));
}

#[test]
fn a_record_that_is_changed_under_a_running_jitd_is_found_there_and_nobody_is_let_in_by_it_after_a_restart() {
    let host = host();
    host.grant("bob", "sudo", "carol");
    host.root().run("sqlite3 /var/lib/jit/events.db \"UPDATE events SET data = replace(data, 'alice', 'mallo') WHERE seq = 3\"").succeeds();
    host.user("erin").run("jit audit verify").exits(1).says("event 3 was altered");
    host.user("erin").run("jit audit verify --json").exits(1).says("\"valid\":false");
    host.root().run("jit doctor").says("event 3 was altered");
    host.user("erin").run("jit audit export > /tmp/e.jsonl; jit audit verify --file /tmp/e.jsonl").exits(1).says("event 3 was altered");
    host.root().run("jit audit backup /root/b.db").exits(1).says("event 3 was altered");
    host.jitd().stop();
    host.root().run("jit audit verify --file /var/lib/jit/events.db").exits(1).says("event 3 was altered");
    host.jitd().start();
    host.user("bob").run("sudo -n true").fails().says("cannot be recorded");
    host.user("bob").run("jit status").says("event 3 was altered");
}

#[test]
fn a_record_that_is_gone_is_missed_and_a_new_one_is_begun_only_where_that_is_asked_for() {
    let host = host();
    for trick in ["rm", "truncate -s 0"] {
        host.jitd().stop();
        host.root().run(&format!("{trick} /var/lib/jit/events.db")).succeeds();
        host.jitd().start();
        host.user("bob").run("jit request --reason x").fails();
        host.user("bob").run("jit status").says("it is gone, though there was one");
        host.root().run("install -o jitd -g jitd -m 0600 /root/whole.db /var/lib/jit/events.db").succeeds();
        jit_tests::wait_until("the backup to be used", || (host.user("erin").run("jit audit verify").code == 0).then_some(()));
    }
    host.jitd().stop();
    host.root().run("rm /var/lib/jit/*").succeeds();
    host.jitd().start();
    host.user("erin").run("jit audit verify").succeeds().says("2 events");
}

#[test]
fn the_log_shows_what_it_is_asked_for_and_then_what_comes() {
    let host = Host::with(|host| host.people().movable_clock()).start();
    let first = host.grant("alice", "sudo", "carol");
    host.clock().advance(3600);
    let when =
        host.root().run("jit audit log --kind request.submitted --json").succeeds().json()["events"][0]["at"].as_str().unwrap().to_owned();
    let second = host.grant("bob", "sudo", "carol");
    let seen = |filter: &str| {
        let events = host.user("erin").run(&format!("jit audit log --json {filter}")).succeeds().json()["events"].clone();
        events.as_array().unwrap().iter().map(|event| event["event"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let asked = ["request.submitted", "request.approved", "request.granted"];
    assert_eq!(seen("--kind request"), [asked, asked].concat());
    assert_eq!(seen("--kind request.granted --user bob"), ["request.granted"]);
    assert_eq!(seen(&format!("--kind request --id {}", first.to_lowercase())), asked);
    let begins = (3..=first.len()).map(|length| &first[..length]).find(|begins| !second.starts_with(begins)).unwrap();
    assert_eq!(seen(&format!("--kind request --id {begins}")), asked);
    host.user("erin").run("jit audit log --id R-").exits(5);
    host.user("erin").run("jit audit log --id R-00000000").exits(5);
    assert_eq!(seen(&format!("--kind request --until {when}")).len(), 1);
    assert_eq!(seen(&format!("--kind request --since {when}")).len(), 6);
    assert_eq!(seen("--kind request --since 2100-01-01").len(), 0);
    assert!(seen("").len() > 8 && seen("--kind req").is_empty() && seen("--user nobody").is_empty());
    host.user("erin").run("jit audit log --id nonsense").exits(5);
    host.user("alice").run("jit audit log").exits(1).says("only auditors");
    let mut following = host.user("erin").terminal("jit audit log --follow --kind request");
    following.expect(&second);
    let third = host.grant("alice", "su", "carol");
    following.expect(&third);
    host.jitd().restart();
    following.finish().exits(3);
}
