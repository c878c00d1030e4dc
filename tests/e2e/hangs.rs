//! A disk that does not answer, or a record that takes long to read: jitd answers meanwhile, as one that is silent counts as away.

use crate::ask::asking;
use crate::faults::{HANG, POLICY, held, host, host_of, is_sound};
use jit_tests::{PASSWORD, wait_until};
use std::time::{Duration, Instant};

#[test]
fn a_start_that_reads_long_answers_that_nobody_is_let_in_yet_and_goes_on_once_it_has_read() {
    let (host, disk) = host();
    host.user("alice").run("jit request su --as erin --reason x").succeeds();
    host.jitd().kill();
    // The first one is that of the lock.
    disk.heal();
    disk.fail(2, HANG, true);
    host.jitd().start();
    let status = || host.user("alice").run("jit status").text();
    wait_until("it to answer", || status().contains("the record is being read").then_some(()));
    assert!(!status().contains("no valid policy"), "{}", status());
    host.user("alice").run("sudo -n true").fails().says("cannot be recorded");
    host.user("bob").run("jit request su --as erin --reason x").fails().says("the record is being read");
    disk.heal();
    wait_until("the record to be read", || held(&host).then_some(()));
    is_sound(&host, "after a start that read long");
    assert_eq!(host.root().run("jit audit log --kind daemon.started | grep -c daemon.started").stdout.trim(), "2");
}

#[test]
fn a_stop_that_looks_long_for_what_the_state_rests_on_answers_meanwhile() {
    let (host, disk) = host();
    disk.fail(1, HANG, true);
    host.jitd().signal("TERM");
    wait_until("it to look", || (disk.calls() > 0).then_some(()));
    host.user("alice").run("sudo -n true").fails().says("no rule names the service sudo");
    disk.heal();
    host.jitd().wait();
    host.jitd().start();
    is_sound(&host, "after a stop that looked long");
}

#[test]
fn a_stop_that_waits_for_the_disk_answers_that_jitd_is_busy() {
    let (host, disk) = host();
    host.user("alice").run("jit request su --as erin --reason x").succeeds();
    disk.fail(1, HANG, true);
    host.user("alice").run("jit drop").succeeds().says("not on disk yet");
    host.jitd().signal("TERM");
    host.user("alice").run("sudo -n true").fails().says("the access daemon is busy");
    disk.heal();
    host.jitd().wait();
    host.jitd().start();
    is_sound(&host, "after a stop on a disk that hangs");
}

#[test]
fn a_reload_that_waits_for_the_disk_keeps_nobody_from_stopping_jitd() {
    let (host, disk) = host();
    disk.fail(1, HANG, true);
    host.jitd().signal("HUP");
    wait_until("the disk to hang", || (disk.calls() > 0).then_some(()));
    let began = Instant::now();
    host.jitd().stop();
    assert!(began.elapsed() < Duration::from_secs(15), "{:?}", began.elapsed());
    disk.heal();
    host.jitd().start();
    is_sound(&host, "after a stop in a reload");
}

const EMERGENCY: &str = r#"
[[emergency]]
name = "oncall"
who = ["user:alice"]
on = ["su"]
as = ["frank"]
limit = { times = 3, per = "7d" }
review = { by = ["user:dave"], within = "24h" }
alert = ["user:carol"]
"#;

#[test]
fn whom_an_emergency_alerts_is_told_however_long_the_disk_took_and_whoever_took_it_waited() {
    let (host, disk) = host_of(|host| asking(host).policy(&format!("{POLICY}{EMERGENCY}")));
    let mut carol = host.user("carol").terminal("echo ready; exec cat");
    carol.expect("ready");
    let mut alice = host.user("alice").terminal("su frank -c 'id -un'");
    alice.expect("assword: ");
    alice.type_line(PASSWORD);
    alice.expect("an emergency, shown to dave");
    alice.answer("Reason: ", "all is down");
    alice.expect("[y/N]");
    disk.fail(1, HANG, true);
    alice.answer("y/N: ", "y");
    alice.expect("busy");
    drop(alice);
    disk.heal();
    carol.expect("alice took the emergency oncall for su: all is down");
}
