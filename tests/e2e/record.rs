//! The record when the disk is full, when it is damaged, when it is archived, copied and exported.

use jit_tests::{Host, POLICY, wait_until};

/// A host whose record is on a disk of its own, of so many megabytes.
fn on_a_disk_of(megabytes: u32) -> Host {
    let emergency = "\n[[emergency]]\nname = \"oncall\"\nwho = [\"group:ops\"]\non = [\"sudo\"]\nlimit = { times = 3, per = \"7d\" }\n\
                     review = { by = [\"group:leads\"], within = \"24h\" }\n";
    let host = Host::with(|host| host.people().policy(&format!("{POLICY}{emergency}")).without_daemon()).start();
    host.root().run(&format!("mkdir -p /var/lib/jit; mount -t tmpfs -o size={megabytes}m,mode=0700 tmpfs /var/lib/jit")).succeeds();
    host.jitd().start();
    host
}

fn fill_to_the_last_byte(host: &Host) {
    host.root().run(
        "cat /dev/zero >> /var/lib/jit/filler 2>/dev/null; for n in $(seq 300); do printf x >> /var/lib/jit/filler; done 2>/dev/null; true",
    );
}

fn fill(host: &Host) {
    // Until not even a byte fits: what is free in the pages of the database does not count.
    fill_to_the_last_byte(host);
    wait_until("the disk to be too full for a request", || {
        host.user("frank").run("jit cancel");
        (host.user("frank").run("jit request su --as carol --reason x").code != 0).then_some(())
    });
}

#[test]
fn on_a_full_disk_nothing_new_is_granted_what_is_held_works_and_access_can_be_taken_away() {
    let host = on_a_disk_of(6);
    host.grant("alice", "sudo", "carol");
    host.grant("frank", "sudo", "carol");
    let waits = host.user("bob").run("jit request sudo --reason x --json").succeeds().json()["id"].as_str().unwrap().to_owned();
    fill(&host);
    host.user("bob").run("jit request su --as carol --reason x").exits(1).says("could not be recorded").says("look at the disk");
    host.user("carol").run(&format!("jit approve {waits}")).exits(1).says("could not be recorded");
    host.user("alice").run("sudo -n id -un").succeeds().says("root");
    host.user("alice").run("jit status").says("record");
    host.user("carol").run("jit revoke --user alice --note x").succeeds().says("the disk is full");
    host.user("alice").run("sudo -n true").fails();
    host.user("frank").run("jit drop").succeeds().says("the disk is full");
    host.user("carol").run(&format!("jit deny {waits} --note x")).succeeds().says("the disk is full");
    let taken = host.user("bob").run("jit emergency sudo --reason 'prod is down' --json").succeeds().json();
    host.user("bob").run("sudo -n id -un").succeeds().says("root");
    let taken = taken["grants"][0]["id"].as_str().unwrap_or_else(|| panic!("{taken}")).to_owned();
    host.user("carol").run(&format!("jit review {taken} --verdict fine")).succeeds();
    // All of that is on disk: a crash loses none of it.
    host.jitd().kill();
    host.jitd().start();
    host.user("alice").run("sudo -n true").fails();
    host.user("bob").run("sudo -n id -un").succeeds().says("root");
    host.user("alice").run("jit request sudo --reason x").exits(1).says("could not be recorded");
    // Nor a stop in good order, though somebody else takes what that frees, and with it what a start needs.
    host.jitd().stop();
    fill_to_the_last_byte(&host);
    host.jitd().start();
    host.user("alice").run("sudo -n true").fails().says("no grant");
    host.user("bob").run("sudo -n id -un").succeeds().says("root");
    host.user("carol").run("jit revoke --user bob --note x").succeeds().says("disk");
    host.user("bob").run("sudo -n true").fails();
    host.root().run("rm /var/lib/jit/filler").succeeds();
    wait_until("the disk to be noticed", || (host.user("alice").run("jit request sudo --reason x").code == 0).then_some(()));
    let _ = host.wait_for_log("store.failed");
    host.root().run("jit audit verify").succeeds().says("whole");
}

/// Alice's session, which the disk did not take.
fn opens_on_a_full_disk(host: &Host, time: &str) {
    host.grant("alice", "sudo", "carol");
    fill(host);
    host.user("alice").run(&format!("sudo -n setsid -f sleep {time}")).succeeds();
    let opened = host.wait_for_log("session.opened");
    assert!(opened.contains("stored=no"), "{opened}");
}

fn runs(host: &Host, time: &str) -> bool {
    host.root().run(&format!("pgrep -f '^sleep {time}'; true")).stdout.trim() != ""
}

#[test]
fn a_stop_on_a_full_disk_stores_what_waits_and_a_session_of_it_ends_with_its_grant() {
    let host = on_a_disk_of(6);
    opens_on_a_full_disk(&host, "7201");
    host.jitd().restart();
    host.root().run("jit audit log --kind session.opened").succeeds().says("alice");
    assert!(runs(&host, "7201"));
    host.user("carol").run("jit revoke --user alice --note x").succeeds();
    wait_until("it to have ended", || (!runs(&host, "7201")).then_some(()));
    host.root().run("jit audit verify").succeeds().says("whole");
}

#[test]
fn a_session_that_no_record_knows_after_a_crash_ends_and_that_is_said() {
    let host = on_a_disk_of(6);
    opens_on_a_full_disk(&host, "7202");
    host.jitd().kill();
    host.jitd().start();
    wait_until("it to have ended", || (!runs(&host, "7202")).then_some(()));
    let is_it = |line: &String| line.contains("store.failed") && line.contains("its opening is not in the record");
    let line = wait_until("it to be said", || host.syslog().into_iter().find(is_it));
    let session = line.split_once("id=").and_then(|(_, rest)| rest.split_once(' ')).unwrap_or_else(|| panic!("{line}")).0;
    host.root().run("rm /var/lib/jit/filler").succeeds();
    let of_it = format!("jit audit log --id {session}");
    wait_until("it to be on record", || host.root().run(&of_it).stdout.contains("store.failed").then_some(()));
    host.user("alice").run("sudo -n true").succeeds();
}

#[test]
fn on_a_disk_that_cannot_be_written_at_all_a_revocation_holds_and_is_recorded_later() {
    let host = on_a_disk_of(6);
    host.grant("alice", "sudo", "carol");
    // Nothing is left of what is kept either.
    host.root().run(": > /var/lib/jit/reserve").succeeds();
    fill(&host);
    host.user("alice").run("sudo -n id -un").succeeds().says("root");
    host.user("carol").run("jit revoke --user alice --note x").succeeds().says("not on disk yet");
    host.user("alice").run("sudo -n true").fails();
    host.user("bob").run("jit emergency sudo --reason x").exits(1).says("could not be recorded");
    assert!(host.wait_for_log("grant.revoked").contains("stored=no"));
    host.root().run("rm /var/lib/jit/filler").succeeds();
    let _ = host.wait_for_log("store.back");
    let stored = || host.root().run("jit audit log --kind grant.revoked --json").succeeds().json()["events"].as_array().unwrap().len();
    wait_until("it to be stored", || (stored() > 0).then_some(()));
    assert_eq!(stored(), 1);
    host.jitd().restart();
    host.user("alice").run("sudo -n true").fails();
    host.root().run("jit audit verify").succeeds().says("whole");
}

#[test]
fn a_start_on_a_disk_that_can_only_be_read_lets_nobody_in_until_it_can_be_written() {
    let host = on_a_disk_of(6);
    host.grant("alice", "sudo", "carol");
    host.jitd().stop();
    host.root().run("mount -o remount,ro /var/lib/jit").succeeds();
    host.jitd().start();
    host.user("alice").run("sudo -n true").fails().says("cannot be recorded");
    host.root().run("sudo -n id -un").succeeds().says("root");
    host.user("alice").run("jit status").says("the record cannot be written");
    host.user("alice").run("jit request sudo --reason x").exits(1);
    let _ = host.wait_for_log("store.failed");
    host.root().run("ls /var/lib/jit").does_not_say("damaged");
    host.root().run("mount -o remount,rw /var/lib/jit").succeeds();
    wait_until("the disk to be noticed", || (host.user("alice").run("sudo -n id -un").code == 0).then_some(()));
    host.root().run("jit audit verify").succeeds().says("whole");
}

#[test]
fn a_damaged_record_is_kept_aside_nobody_is_let_in_and_a_backup_brings_everything_back() {
    let host = Host::with(|host| host.people()).start();
    host.grant("alice", "sudo", "carol");
    host.root().run("jit audit backup /root/backup.db && jit audit verify --file /root/backup.db").succeeds().says("whole");
    host.root().run("jit audit backup /root/backup.db").exits(1).says("exists");
    // As jitd notes it while the disk fails.
    host.root().run("touch /run/jit/own/in-doubt; jit audit backup /root/other.db").exits(1).says("may be ones that were refused");
    host.root().run("rm /run/jit/own/in-doubt; test -e /root/other.db").fails();
    host.jitd().stop();
    host.root().run("printf garbage | dd of=/var/lib/jit/events.db bs=4096 seek=2 conv=notrunc status=none").succeeds();
    host.jitd().start();
    host.user("alice").run("sudo -n true").fails().says("cannot be recorded");
    host.root().run("sudo -n id -un").succeeds().says("root");
    host.root().run("jit policy show").fails().says("damaged").does_not_say("no valid policy");
    // A wait that ends with 1 would be one that ended with a denial.
    for (look, code) in [("list --active", 1), ("optouts", 1), ("wait", 3), ("show G-7F3KQ2ZD", 1)] {
        host.root().run(&format!("jit {look}")).exits(code).says("there is no record to look at");
    }
    host.user("alice").run("jit status").says("damaged").says("set aside as /var/lib/jit/events.db.damaged-");
    host.user("alice").run("jit request sudo --reason x").fails();
    // The policy is as good as before, and what there is to do stands elsewhere.
    let doctor =
        host.root().run("jit doctor").exits(1).says("writing the record: there is no record that can be used, so nobody is let in: ");
    doctor.says("\"The record is damaged\" in docs/operations.md").says("ok      policy: it is valid").does_not_say("jit reload");
    let _ = host.wait_for_log("store.failed");
    host.root().run("test ! -e /var/lib/jit/events.db && ls /var/lib/jit/events.db.damaged-*").succeeds();
    host.jitd().restart();
    host.user("alice").run("sudo -n true").fails().says("cannot be recorded");
    host.root().run("install -o jitd -g jitd -m 0600 /root/backup.db /var/lib/jit/events.db").succeeds();
    wait_until("the backup to be used", || (host.user("alice").run("sudo -n id -un").code == 0).then_some(()));
    host.root().run("jit audit verify").succeeds().says("whole");
}

#[test]
fn where_the_chain_stands_is_on_record_every_quarter_of_an_hour_and_at_a_stop() {
    let host = Host::with(|host| host.people().movable_clock()).start();
    let _ = host.wait_for_log("policy.loaded");
    host.user("alice").run("jit status").succeeds();
    host.clock().advance(901);
    let line = host.wait_for_log("audit.head");
    let field = |key: &str| line.split(&format!(" {key}=")).nth(1).unwrap().split(' ').next().unwrap().to_owned();
    let head = format!("{}:{}", field("head"), field("head_hash"));
    host.root().run(&format!("jit audit verify --head {head}")).succeeds().says("whole");
    host.jitd().stop();
    let last = host.syslog().into_iter().rfind(|line| line.contains("seq=")).unwrap();
    assert!(last.contains("audit.head"), "{last}");
    host.root().run("jit audit verify --file /var/lib/jit/events.db").succeeds().says("whole");
}

#[test]
fn older_events_are_archived_and_both_parts_are_whole_and_nothing_is_forgotten() {
    let host = Host::with(|host| host.people().movable_clock()).start();
    host.grant("alice", "sudo --for 4h", "carol");
    for _ in 0..5 {
        let id = host.user("bob").run("jit request sudo --reason x --json").succeeds().json()["id"].as_str().unwrap().to_owned();
        host.user("bob").run(&format!("jit cancel {id}")).succeeds();
    }
    host.clock().advance(3600);
    host.user("bob").run("jit audit prune --before 2036-01-01 --to /tmp/x").exits(1).says("only root");
    host.root().run("jit audit prune --before 2036-01-01 --to /root/archive.jsonl").succeeds().says("no longer in the record");
    host.root().run("jit audit verify --file /root/archive.jsonl").succeeds().says("whole");
    host.root().run("jit audit verify").succeeds().says("whole");
    host.root().run("jit audit log --kind audit.pruned").says("audit.pruned");
    host.root().run("jit audit export > /root/export.jsonl && head -n 1 /root/export.jsonl").succeeds().says("{\"checkpoint\":");
    host.root().run("jit audit verify --file /root/export.jsonl").succeeds().says("whole");
    host.root().run("sed -i 2d /root/export.jsonl; jit audit verify --file /root/export.jsonl").exits(1).says("kept");
    host.root().run("jit audit prune --before 2036-01-01 --to /root/archive.jsonl").exits(1).says("exists");
    host.root().run("jit audit verify --file /root/archive.jsonl").succeeds();
    host.user("alice").run("sudo -n id -un").succeeds().says("root");
    host.jitd().restart();
    host.user("alice").run("sudo -n id -un").succeeds().says("root");
    host.root().run("jit audit verify").succeeds().says("whole");
}

#[test]
fn an_archive_outlives_every_further_prune_that_names_the_same_file() {
    let host = Host::with(|host| host.people().movable_clock()).start();
    host.grant("alice", "sudo", "carol");
    host.clock().advance(3600);
    let prune = "jit audit prune --before 2036-01-01 --to";
    host.root().run(&format!("{prune} /root/archive.jsonl")).succeeds();
    host.root().run("cp /root/archive.jsonl /root/copy.jsonl").succeeds();
    let is_as_before = || drop(host.root().run("cmp /root/archive.jsonl /root/copy.jsonl").succeeds());
    host.root().run("jit audit prune --before 2001-01-01 --to /root/archive.jsonl").exits(1).says("no event from before that");
    is_as_before();
    host.jitd().stop();
    host.root().run(&format!("{prune} /root/archive.jsonl")).exits(3);
    is_as_before();
    host.jitd().start();
    host.user("erin").run("echo mine > mine.jsonl").succeeds();
    host.user("erin").run(&format!("{prune} mine.jsonl")).exits(1).says("only root");
    host.user("erin").run("cat mine.jsonl").succeeds().says("mine");
    // An archive that cannot be finished leaves nothing, whatever its file is called.
    host.root().run("mkdir /root/exists && mount -t tmpfs -o size=4k tmpfs /root/exists").succeeds();
    let asks = "for n in $(seq 9); do jit request sudo --reason \"$(printf '%0600d' 1)\" && jit cancel || exit 1; done";
    host.user("bob").run(asks).succeeds();
    host.clock().advance(3600);
    host.root().run(&format!("{prune} /root/exists/a.jsonl")).exits(1).says("No space left");
    host.root().run("ls /root/exists").succeeds().does_not_say("a.jsonl");
}

#[test]
fn on_a_full_disk_nothing_is_archived_and_nothing_is_changed() {
    let host = on_a_disk_of(6);
    host.grant("alice", "sudo", "carol");
    fill(&host);
    let events = || host.root().run("jit audit export").succeeds().stdout.lines().count();
    let before = events();
    host.root().run("jit audit prune --before 2036-01-01 --to /root/archive.jsonl").exits(1).says("could not be recorded");
    assert!(events() >= before);
    host.root().run("jit audit verify").succeeds().says("whole");
    host.root().run("jit audit verify --file /root/archive.jsonl").succeeds().says("whole");
    host.user("alice").run("sudo -n id -un").succeeds().says("root");
    host.root().run("rm /var/lib/jit/filler").succeeds();
    wait_until("the disk to be noticed", || {
        let pruned = host.root().run("rm -f /root/archive.jsonl; jit audit prune --before 2036-01-01 --to /root/archive.jsonl");
        (pruned.code == 0).then_some(())
    });
    host.root().run("jit audit verify").succeeds().says("whole");
}

#[test]
fn where_each_check_waits_for_the_disk_each_is_on_record_and_none_is_answered_without() {
    let host = Host::with(|host| host.people().settings("record = \"before-answer\"\n")).start();
    host.grant("alice", "sudo", "carol");
    host.user("alice").run("for n in $(seq 5); do sudo -n true || exit 1; done").succeeds();
    host.user("bob").run("for n in $(seq 5); do sudo -n true; done").fails();
    // Nothing of it is still on its way.
    host.jitd().kill();
    host.jitd().start();
    let checks = |kind: &str, user: &str| {
        let events = host.root().run(&format!("jit audit log --kind {kind} --user {user} --json")).succeeds().json()["events"].clone();
        events.as_array().unwrap().iter().filter(|event| event["data"]["phase"] == "account").count()
    };
    assert_eq!((checks("access.allowed", "alice"), checks("access.denied", "bob")), (5, 5));
}

#[test]
fn the_record_is_exported_in_lines_that_prove_themselves_and_in_rows_for_a_spreadsheet() {
    let host = Host::with(|host| host.people()).start();
    host.user("alice")
        .run("jit request sudo --reason \"$(printf '=1+1, \"x\"\\nforged event\\033[2J\\302\\233\\342\\200\\256')\"")
        .succeeds();
    host.user("erin").run("jit audit export > /tmp/e.jsonl && jit audit verify --file /tmp/e.jsonl").succeeds().says("whole");
    let rows = host.user("erin").run("jit audit export --format csv").succeeds().stdout;
    let row = rows.lines().find(|row| row.contains("request.submitted")).unwrap();
    assert!(row.contains("'=1+1") && row.contains("\\u{1b}"), "{row}");
    assert!(rows.lines().all(|row| row.starts_with("seq,") || row.split(',').next().unwrap().parse::<u64>().is_ok()), "{rows}");
    assert!(rows.starts_with("seq,at,event,") && rows.matches("seq,at,event,").count() == 1, "{rows}");
    for format in ["jsonl", "csv"] {
        let refused = host.user("alice").run(&format!("jit audit export --format {format}")).exits(1).says("only auditors");
        assert_eq!(refused.stdout, "", "{format}");
    }
}
