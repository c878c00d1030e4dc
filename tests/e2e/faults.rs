//! Each write, sync, rename and open of the record fails in turn, or jitd dies there: what it answered is what is so
//! afterwards, for itself, after a crash, and by the record; and it goes on by itself when the disk does.

use jit_tests::{Host, Plan, wait_until};
use std::fs::{File, OpenOptions};
use std::os::unix::fs::{FileExt, PermissionsExt};
use std::process::Command;
use std::time::{Duration, Instant};

const ENOSPC: i32 = 28;
const EIO: i32 = 5;
const EROFS: i32 = 30;
const SHORT: i32 = -1;
const KILL: i32 = -2;
const KILL_HALFWAY: i32 = -3;
pub const HANG: i32 = -4;
/// What can become of a call; a write can also be done by half, with or without an end right there.
const FAULTS: [i32; 6] = [ENOSPC, KILL, SHORT, EIO, KILL_HALFWAY, EROFS];

/// The disk under the record, which fails as it is told: `host/disk.c`.
pub struct Disk(File);

impl Disk {
    fn put(&self, numbers: [i32; 5]) {
        let bytes: Vec<u8> = numbers.iter().flat_map(|number| number.to_ne_bytes()).collect();
        self.0.write_all_at(&bytes, 0).unwrap();
    }

    pub fn heal(&self) {
        self.put([0; 5]);
    }

    /// Whatever comes from now on at this place fails so: this call, or all from it on.
    pub fn fail(&self, at: i32, how: i32, on: bool) {
        self.put([0, at, how, i32::from(on), 0]);
    }

    fn fail_second_rename(&self) {
        self.put([0, 2, EIO, 1, 1]);
    }

    /// This sync fails so, after which a whole commit can be on the disk, and so does whatever comes after it.
    fn fail_from_sync(&self, at: i32, how: i32) {
        self.put([0, at, how, 2, 2]);
    }

    /// Each sync from now on does not end.
    pub fn hang_in_syncs(&self) {
        self.put([0, 1, HANG, 1, 2]);
    }

    /// How many calls came.
    pub fn calls(&self) -> i32 {
        let mut number = [0; 4];
        self.0.read_exact_at(&mut number, 0).unwrap();
        i32::from_ne_bytes(number)
    }
}

/// Everybody may take `su erin` for themselves.
pub const POLICY: &str = "version = 1\n[[grant]]\nname = \"own\"\nwho = [\"any\"]\non = [\"su\"]\nas = [\"erin\"]\napprove = []\n";

pub fn host() -> (Host, Disk) {
    host_of(|host| host.people().policy(POLICY))
}

/// A host of this plan, with such a disk.
pub fn host_of(plan: impl FnOnce(Plan) -> Plan) -> (Host, Disk) {
    let host = Host::with(|host| plan(host).preload("/run/libdisk.so").without_daemon()).start();
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/host/disk.c");
    let library = host.path("/run/libdisk.so");
    let built = Command::new("cc").args(["-shared", "-fPIC", "-Wall", "-Werror", "-O1", "-o"]).arg(library).arg(source).status().unwrap();
    assert!(built.success());
    let control = host.path("/run/disk");
    let disk = Disk(OpenOptions::new().read(true).write(true).create(true).truncate(true).open(&control).unwrap());
    std::fs::set_permissions(&control, PermissionsExt::from_mode(0o666)).unwrap();
    disk.heal();
    host.jitd().start();
    // All that a start does is done once somebody is answered.
    assert!(!held(&host));
    (host, disk)
}

fn runs(host: &Host) -> bool {
    !host.root().run("pgrep -x jitd").stdout.trim().is_empty()
}

/// The disk is well again, once the call that is to fail has come: a daemon that is killed by it may take its time to die.
fn heal_after(host: &Host, disk: &Disk, at: i32, how: i32) {
    let began = Instant::now();
    // Of what jitd does by itself now and then not every call comes.
    while disk.calls() < at && runs(host) && began.elapsed() < Duration::from_secs(1) {
        std::thread::sleep(Duration::from_millis(5));
    }
    if disk.calls() >= at && [KILL, KILL_HALFWAY].contains(&how) {
        wait_until("jitd to be dead", || (!runs(host)).then_some(()));
    }
    disk.heal();
}

/// Whether alice holds her grant, once jitd knows.
pub fn held(host: &Host) -> bool {
    let grants = wait_until("jitd to have read its record", || {
        let listed = host.user("alice").run("jit list --active --json");
        (listed.code == 0).then(|| listed.json()["grants"].clone())
    });
    grants.as_array().unwrap().iter().any(|grant| grant["user"] == "alice")
}

/// It takes acts again, and its record is whole.
pub fn is_sound(host: &Host, case: &str) {
    // Not by an act: only thirty a minute are taken from anybody.
    wait_until(&format!("the record to be there again, {case}"), || {
        let status = host.user("bob").run("jit status");
        (status.code == 0 && !status.text().contains("Attention")).then_some(())
    });
    let act = host.user("bob").run("jit request su --as erin --reason x && jit drop");
    assert_eq!(act.code, 0, "{case}: {}", act.text());
    host.root().run("jit audit verify").succeeds().says("whole");
}

/// The call of these that fails, how, and whether all after it do. In a short run each call fails once, each in another
/// way; in a full one each in every way.
fn cases(calls: i32) -> Vec<(i32, i32, bool)> {
    let all =
        (1..=calls).flat_map(|at| FAULTS.into_iter().enumerate().flat_map(move |(nth, how)| [(at, nth, how, false), (at, nth, how, true)]));
    let is_due = |at: i32, nth: usize, on: bool| {
        jit_tests::is_full_run() || (usize::try_from(at).unwrap() % FAULTS.len() == nth && on == (at / 6 % 2 == 0))
    };
    all.filter(|&(at, nth, _, on)| is_due(at, nth, on)).map(|(at, _, how, on)| (at, how, on)).collect()
}

#[test]
fn whichever_call_of_an_act_fails_what_was_acknowledged_is_so_and_nothing_else() {
    let (host, disk) = host();
    disk.heal();
    host.user("alice").run("jit request su --as erin --reason x").succeeds();
    let mut holds = true;
    let (mut acknowledged, mut refused, mut killed) = (0, 0, 0);
    // One and two more: those come from what jitd does beside it.
    let cases = cases(disk.calls() + 2);
    assert!((6..400).contains(&cases.len()), "{}", cases.len());
    for (at, how, on) in cases {
        // With a fresh count of acts.
        host.jitd().kill();
        host.jitd().start();
        assert_eq!(held(&host), holds, "it has begun");
        let case = format!("call {at} fails by {how}{}", if on { ", and all after it" } else { "" });
        disk.fail(at, how, on);
        let told = host.user("alice").run(if holds { "jit drop" } else { "jit request su --as erin --reason x" });
        heal_after(&host, &disk, at, how);
        let survived = runs(&host);
        if !survived {
            host.jitd().kill_if_any();
            host.jitd().start();
        }
        let (text, now) = (told.text(), held(&host));
        match told.code {
            0 => assert_eq!(now, !holds, "{case}: {text}"),
            1 => {
                refused += 1;
                assert!(text.contains("could not be recorded"), "{case}: {text}");
                assert_eq!(now, holds, "{case}: {text}");
            }
            // It was killed before it could say anything: both are possible.
            _ => {
                killed += 1;
                assert!(!survived, "{case}: {text}");
            }
        }
        // Where it did not say that a crash could undo it, none does.
        if told.code == 0 && !text.contains("not on disk yet") {
            acknowledged += 1;
            host.jitd().kill_if_any();
            host.jitd().start();
            assert_eq!(held(&host), !holds, "{case}, after a crash: {text}");
        }
        is_sound(&host, &case);
        holds = held(&host);
    }
    assert!(acknowledged >= 2 && refused >= 1 && killed >= 2, "{acknowledged} acknowledged, {refused} refused, {killed} killed");
}

/// A disk that fails from some call on, in each way in turn: whatever it is, and, in a short run too, each of the first syncs.
fn each_way_to_stay_failing(disk: &Disk, mut then: impl FnMut(&str)) {
    let (calls, ways): (i32, &[i32]) = if jit_tests::is_full_run() { (20, &[EIO, ENOSPC, EROFS, SHORT]) } else { (0, &[EIO]) };
    for how in ways {
        for at in 1..=3 {
            disk.fail_from_sync(at, *how);
            then(&format!("all from sync {at} on fail by {how}"));
        }
        for at in 1..=calls {
            disk.fail(at, *how, true);
            then(&format!("all from call {at} on fail by {how}"));
        }
    }
}

/// The numbers of the events of this kind.
fn numbers(host: &Host, kind: &str) -> Vec<u64> {
    let events = host.root().run(&format!("jit audit log --kind {kind} --json")).succeeds().json()["events"].clone();
    events.as_array().unwrap().iter().map(|event| event["seq"].as_u64().unwrap()).collect()
}

#[test]
fn what_a_disk_refused_that_goes_on_failing_does_not_count_after_kill_9() {
    let (host, disk) = host();
    let mut warned = 0;
    each_way_to_stay_failing(&disk, |case| {
        let told = host.user("alice").run("jit request su --as erin --reason x");
        host.jitd().kill();
        disk.heal();
        host.jitd().start();
        assert_eq!(held(&host), told.code == 0, "{case}: {}", told.text());
        warned += usize::from(told.text().contains("should the machine lose power"));
        host.user("alice").run("jit drop");
        is_sound(&host, case);
    });
    let undone = numbers(&host, "store.undone").len();
    assert!(undone > 0 && warned >= undone, "{undone} undone, {warned} warned");
    let line = host.wait_for_log("store.undone");
    assert!(line.contains("events=3 head="), "{line}");
    host.root().run("ls -A /run/jit/own").succeeds().does_not_say("in-doubt");
}

#[test]
fn archiving_on_a_disk_that_goes_on_failing_is_whole_or_not_at_all_and_what_is_not_known_is_said() {
    let (host, disk) = host();
    let mut late = 0;
    let mut pruned = None;
    each_way_to_stay_failing(&disk, |case| {
        let told = host.root().run("jit audit prune --before 2036-01-01 --to /root/archive.jsonl; rm -f /root/archive.jsonl");
        host.jitd().kill();
        disk.heal();
        host.jitd().start();
        is_sound(&host, case);
        // The one before is archived with the rest.
        let before = std::mem::replace(&mut pruned, numbers(&host, "audit.pruned").last().copied());
        let (done, refused) = (pruned > before, told.text().contains("could not be recorded"));
        assert!(done != refused || told.text().contains("should jitd end"), "{case}: {done}, {}", told.text());
        late += usize::from(done && refused);
    });
    assert!(late > 0, "the disk never kept what it said it had not");
}

#[test]
fn whichever_call_of_a_start_fails_nothing_is_lost_and_jitd_comes_back_by_itself() {
    let (host, disk) = host();
    host.user("alice").run("jit request su --as erin --reason x").succeeds();
    host.jitd().kill();
    disk.heal();
    host.jitd().start();
    assert!(held(&host));
    let mut killed = 0;
    for (at, how, on) in cases(disk.calls()) {
        host.jitd().kill();
        let case = format!("call {at} of a start fails by {how}{}", if on { ", and all after it" } else { "" });
        disk.fail(at, how, on);
        let started = host.jitd().try_start();
        if on && started && runs(&host) {
            // Nobody is let in while it has no record, and nobody's grant is lost.
            host.user("alice").run("jit request su --as erin --reason x").fails();
        }
        heal_after(&host, &disk, at, how);
        if !runs(&host) {
            killed += 1;
            host.jitd().kill_if_any();
            host.jitd().start();
        }
        is_sound(&host, &case);
        assert!(held(&host), "{case}");
        host.root().run("ls /var/lib/jit").does_not_say("damaged");
    }
    assert!(killed >= 2, "{killed}");
}

#[test]
fn a_disk_that_hangs_holds_nobody_up_who_takes_access_away_and_lets_nobody_in_anew() {
    let (host, disk) = host();
    for who in ["alice", "carol"] {
        host.user(who).run("jit request su --as erin --reason x").succeeds();
    }
    // bob's request is the one that hangs, and alice and carol come after it.
    disk.fail(1, HANG, true);
    host.user("bob").run("jit request su --as erin --reason x >/dev/null 2>&1 &").succeeds();
    wait_until("the disk to hang", || (disk.calls() > 0).then_some(()));
    let began = Instant::now();
    host.user("alice").run("jit drop").succeeds().says("not on disk yet").says("does not answer");
    host.root().run("jit revoke --user carol").succeeds().says("not on disk yet");
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
    assert!(!held(&host));
    host.user("alice").run("jit status").says("does not answer");
    disk.heal();
    wait_until("bob's grant", || host.user("bob").run("jit status").text().contains("su as erin").then_some(()));
    wait_until("the record to be there again", || (!host.user("bob").run("jit status").text().contains("Attention")).then_some(()));
    host.jitd().kill();
    host.jitd().start();
    assert!(!held(&host));
    for kind in ["grant.dropped", "grant.revoked"] {
        host.root().run(&format!("jit audit log --kind {kind}")).succeeds().says(kind);
    }
    host.root().run("jit audit verify").succeeds().says("whole");
}

#[test]
fn what_is_done_on_a_disk_that_hangs_is_in_syslog_at_once_and_a_stop_does_not_wait_for_it() {
    let (host, disk) = host();
    for who in ["alice", "carol"] {
        host.user(who).run("jit request su --as erin --reason x").succeeds();
    }
    disk.fail(1, HANG, true);
    host.user("alice").run("jit drop").succeeds().says("not on disk yet");
    assert!(host.wait_for_log("grant.dropped").contains("stored=no"));
    assert!(host.wait_for_log("store.failed").contains("does not answer"));
    disk.heal();
    assert!(host.wait_for_log("store.back").contains("refused=0 late=1 lost=0"));
    let lines: Vec<_> = host.syslog().into_iter().filter(|line| line.contains("grant.dropped")).collect();
    assert!(lines.len() == 2 && lines[1].contains(" seq="), "{lines:#?}");
    // A stop on such a disk leaves no more than a crash would.
    disk.fail(1, HANG, true);
    host.root().run("jit revoke --user carol").succeeds().says("not on disk yet");
    let began = Instant::now();
    host.jitd().stop();
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
    assert!(host.wait_for_log("daemon.stopped").contains("stored=no"));
    assert!(host.wait_for_log("grant.revoked").contains("stored=no"));
    disk.heal();
    host.jitd().start();
    assert!(!held(&host), "what was acknowledged stays");
    is_sound(&host, "after a stop on a disk that hangs");
}

#[test]
fn a_changed_record_that_can_only_half_be_set_aside_does_not_pass_for_the_one_of_before() {
    let (host, disk) = host();
    host.user("alice").run("jit request su --as erin --reason x").succeeds();
    host.jitd().stop();
    // What is changed lies in the WAL: without that the record is a whole one.
    let change = "PRAGMA wal_autocheckpoint=0; UPDATE events SET data = replace(data, 'alice', 'mallo');";
    host.root().input(&format!(".dbconfig no_ckpt_on_close on\n{change}\n")).run("sqlite3 /var/lib/jit/events.db").succeeds();
    host.root().run("chown jitd:jitd /var/lib/jit/events.db-*; test -s /var/lib/jit/events.db-wal").succeeds();
    disk.fail_second_rename();
    host.jitd().start();
    host.user("alice").run("jit status").says("damaged").says("was altered");
    disk.heal();
    wait_until("the rest to be set aside", || (host.root().run("ls /var/lib/jit/events.db*-wal").stdout.contains("damaged")).then_some(()));
    host.user("bob").run("jit request su --as erin --reason x").fails();
    host.jitd().restart();
    host.user("bob").run("jit request su --as erin --reason x").fails();
    host.root().run("jit audit verify --file /var/lib/jit/events.db.damaged-*[0-9]").exits(1).says("was altered");
}

#[test]
fn a_start_on_a_disk_that_hangs_answers_and_lets_in_who_holds_a_grant() {
    let (host, disk) = host();
    host.user("alice").run("jit request su --as erin --reason x").succeeds();
    host.jitd().kill();
    disk.hang_in_syncs();
    host.jitd().start();
    wait_until("the disk to hang", || (disk.calls() > 0).then_some(()));
    host.user("bob").run("sudo -n true").fails().says("no rule names the service sudo");
    let alice = host.user("alice");
    let mut su = alice.terminal("su erin -c 'echo it is $((40 + 2))'");
    su.expect("assword");
    su.type_line("pw");
    su.expect("it is 42");
    drop(su.finish());
    host.user("alice").run("jit status").says("does not answer");
    assert!(host.syslog().iter().any(|line| line.contains("daemon.started") && line.contains("stored=no")));
    disk.heal();
    is_sound(&host, "after a start on a disk that hangs");
    for kind in ["daemon.started", "session.opened"] {
        host.root().run(&format!("jit audit log --kind {kind}")).succeeds().says(kind);
    }
}

#[test]
fn while_a_record_is_opened_that_does_not_answer_everybody_is_told_that_there_is_none() {
    let (host, disk) = host();
    host.user("alice").run("jit request su --as erin --reason x").succeeds();
    host.root().run("jit audit backup /root/backup.db").succeeds();
    host.jitd().stop();
    host.root().run("printf garbage | dd of=/var/lib/jit/events.db bs=4096 seek=2 conv=notrunc status=none").succeeds();
    host.jitd().start();
    host.user("alice").run("jit status").says("damaged");
    disk.fail(1, HANG, true);
    host.root().run("install -o jitd -g jitd -m 0600 /root/backup.db /var/lib/jit/events.db").succeeds();
    wait_until("it to be opened", || (disk.calls() > 0).then_some(()));
    host.user("alice").run("sudo -n true").fails().says("cannot be recorded");
    host.user("alice").run("jit status").says("damaged");
    disk.heal();
    wait_until("the backup to be taken up", || held(&host).then_some(()));
}
