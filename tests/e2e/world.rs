//! What the test host must keep to itself.

use jit_tests::{Host, wait_until};
use std::fs;
use std::time::{Duration, Instant};

/// The children of this process that nobody has waited for, and that run these programs.
fn zombies(programs: &[&str]) -> Vec<String> {
    let stats = fs::read_dir("/proc").unwrap().flatten().filter_map(|entry| fs::read_to_string(entry.path().join("stat")).ok());
    let ours = format!(") Z {} ", std::process::id());
    stats.filter(|stat| stat.contains(&ours) && programs.iter().any(|name| stat.contains(&format!("({name})")))).collect()
}

#[test]
fn a_host_goes_at_once_and_leaves_no_process_and_no_directory() {
    let host = Host::with(|host| host.people()).start();
    let mut abandoned = host.user("alice").terminal("cat");
    abandoned.type_line("x");
    host.user("alice").run("nohup setsid sleep 4242 >/dev/null 2>&1 &").succeeds();
    let directory = host.root().run("grep -o '/var/tmp/jit-world-[A-Za-z0-9]*' /proc/mounts | head -n 1").succeeds().stdout;
    let began = Instant::now();
    drop(host);
    assert!(began.elapsed() < Duration::from_secs(1), "it took {:?}", began.elapsed());
    drop(abandoned);
    assert!(!directory.trim().is_empty() && !fs::exists(directory.trim()).unwrap(), "{directory}");
    // Others' hosts, in this same process, may just be ending.
    wait_until("no zombies", || zombies(&["nsenter", "unshare"]).is_empty().then_some(()));
    let sleeps = |entry: fs::DirEntry| fs::read_to_string(entry.path().join("cmdline")).is_ok_and(|line| line.contains("sleep\x004242"));
    assert!(!fs::read_dir("/proc").unwrap().flatten().any(sleeps));
}

#[test]
fn a_host_whose_daemon_is_stopped_goes_at_once_too() {
    let host = Host::with(|host| host.people()).start();
    host.jitd().signal("STOP");
    let began = Instant::now();
    drop(host);
    assert!(began.elapsed() < Duration::from_secs(1), "it took {:?}", began.elapsed());
}

#[test]
fn orphans_are_reaped_inside() {
    let host = Host::with(|host| host.people().without_daemon()).start();
    host.root().run("(sleep 0.01 & echo $! > /tmp/orphan)").succeeds();
    wait_until("the orphan to be gone", || (host.root().run("test -e /proc/$(cat /tmp/orphan)").code != 0).then_some(()));
}

#[test]
fn a_command_that_leaves_something_running_keeps_nobody_waiting() {
    let host = Host::with(|host| host.people().without_daemon()).start();
    let began = Instant::now();
    host.user("alice").run("sleep 100 & echo started").succeeds().says("started");
    assert!(began.elapsed() < Duration::from_secs(50));
}

#[test]
fn sshd_sets_the_login_uid_as_debians_stack_requires() {
    let host = Host::with(|host| host.people()).start();
    host.root().run("grep -E '^session +required +pam_loginuid' /etc/pam.d/sshd").succeeds();
    host.ssh("carol").run("cat /proc/self/loginuid").succeeds().says("1003");
    host.user("carol").run("cat /proc/self/loginuid").succeeds().says("4294967295");
}

#[test]
fn two_hosts_do_not_see_one_another() {
    let (one, two) =
        (Host::with(|host| host.people().without_daemon()).start(), Host::with(|host| host.user("zoe", &[]).without_daemon()).start());
    one.root().run("echo here > /etc/only-here; echo here > /run/only-here; logger only here").succeeds();
    let _ = one.wait_for_log("only here");
    two.root().run("ls /etc/only-here /run/only-here").fails();
    two.user("zoe").run("id alice").fails().says("no such user");
    assert!(!two.syslog().iter().any(|line| line.contains("only here")));
    assert!(!fs::exists("/etc/only-here").unwrap());
}
