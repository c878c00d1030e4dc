//! A host with systemd as its first process: jitd as a service, logind's sessions, the journal, systemd-run.

use jit_tests::{Host, Output, wait_until};
use std::process::Command;

fn booted() -> Host {
    let host = Host::with(|host| host.people().systemd().units()).start();
    host.root().run("systemctl start jitd").succeeds();
    host
}

#[test]
fn sudo_by_systemd_run_is_gated_like_any_other() {
    let host = booted();
    let run = || host.root().run("systemd-run --quiet --wait --pipe --uid=alice sudo -n id -un");
    run().fails().says("jit: no grant for sudo").does_not_say("root\n");
    host.grant("alice", "sudo", "carol");
    run().succeeds().says("root");
    wait_until("the journal to have it", || {
        let journal = host.root().run("journalctl -t jitd -o cat").text();
        (journal.contains("session.opened") && journal.contains("user=alice")).then_some(())
    });
    // A unit that root gives sudo's own stack is root's doing, and not ours.
    host.root().run("systemd-run --quiet --wait --pipe --uid=alice -p PAMName=sudo id -un").succeeds().says("alice");
}

#[test]
fn log_ins_by_ssh_are_sessions_of_logind_and_gated() {
    let host = booted();
    host.ssh("bob").run("loginctl show-user bob").fails().says("jit: no grant for ssh");
    host.user("carol").run("jit grant bob ssh --reason INC-42").succeeds();
    host.ssh("bob").run("cat /proc/self/cgroup").succeeds().says("session-");
    host.ssh("carol").run("id -un").succeeds().says("carol");
}

#[test]
fn a_service_that_is_restarted_or_killed_comes_back_and_knows_its_grants() {
    let host = booted();
    host.grant("alice", "sudo", "carol");
    // What jitd notes for its next start stays, whatever ended it.
    host.root().run("echo x > /run/jit/own/note; systemctl restart jitd").succeeds();
    host.user("alice").run("sudo -n id -un").succeeds().says("root");
    host.root().run("systemctl kill -s KILL jitd").succeeds();
    wait_until("systemd to start it again", || host.user("alice").run("sudo -n id -un").stdout.contains("root").then_some(()));
    // Stopped by hand, it is started by whoever knocks: its sockets are still there.
    host.root().run("systemctl stop jitd").succeeds();
    host.user("alice").run("sudo -n id -un").succeeds().says("root");
    host.root().run("systemctl stop jitd.socket jitd-user.socket jitd").succeeds();
    host.user("alice").run("sudo -n id -un").fails().says("the access daemon does not answer");
    host.root().run("cat /run/jit/own/note && sudo -n systemctl start jitd").succeeds();
    host.user("alice").run("sudo -n id -un").succeeds().says("root");
    // On a disk that can only be read it is no crash loop either.
    host.root().run("mount --bind /var/lib/jit /var/lib/jit && mount -o remount,bind,ro /var/lib/jit && systemctl restart jitd").succeeds();
    host.user("alice").run("sudo -n id -un").fails().says("cannot be recorded");
    host.root().run("mount -o remount,bind,rw /var/lib/jit && systemctl restart jitd").succeeds();
    host.user("alice").run("sudo -n id -un").succeeds().says("root");
}

#[test]
fn the_service_is_confined_as_far_as_its_work_allows() {
    let unit = concat!(env!("CARGO_MANIFEST_DIR"), "/../packaging/jitd.service");
    let graded = Command::new("systemd-analyze").args(["security", "--offline=true", "--threshold=15", unit]).output().unwrap();
    assert!(graded.status.success(), "{}", String::from_utf8_lossy(&graded.stdout));
    let host = booted();
    let pid = host.root().run("systemctl show -P MainPID jitd").succeeds().stdout.trim().to_owned();
    let status = host.root().run(&format!("cat /proc/{pid}/status; cat /proc/net/unix")).succeeds();
    // CAP_KILL is bit 5, tty is group 5.
    for line in ["Uid:\t900\t900\t900\t900", "CapEff:\t0000000000000020", "CapBnd:\t0000000000000020", "NoNewPrivs:\t1", "Seccomp:\t2"] {
        let _ = status.clone().says(line);
    }
    host.root().run(&format!("grep Groups: /proc/{pid}/status")).says("Groups:\t5 900");
    host.root()
        .run("journalctl -u jitd -o cat")
        .says("it writes nowhere but to its own, starts no program, and has no network (Landlock); system calls");
    host.root()
        .run("stat -c '%n %U %a' /run/jit /run/jit/own /run/jit/*.sock /var/lib/jit")
        .succeeds()
        .says("/run/jit root 755\n/run/jit/own jitd 700\n/run/jit/pam.sock root 600\n/run/jit/user.sock root 666\n/var/lib/jit jitd 700");
}

/// Runs a line as the service of that unit is run, by the unit's own lines.
fn as_in(host: &Host, unit: &str) -> impl Fn(&str) -> Output {
    let confines = |line: &&str| {
        let key = line.split('=').next().unwrap_or_default();
        !["", "Type", "ExecStartPre", "ExecStart", "ExecReload", "Restart", "RestartSec", "WatchdogSec", "TimeoutStartSec"].contains(&key)
    };
    let lines = unit.lines().skip_while(|line| *line != "[Service]").skip(1).take_while(|line| *line != "[Install]");
    let properties: Vec<_> = lines.filter(|line| !line.starts_with('#')).filter(confines).map(|line| format!("-p '{line}'")).collect();
    move |line| host.root().run(&format!("systemd-run --quiet --wait --pipe {} sh -c '{line}'", properties.join(" ")))
}

#[test]
fn what_the_service_may_not_do_it_cannot_and_what_its_work_needs_it_can() {
    let host = booted();
    let as_service = as_in(&host, include_str!("../../packaging/jitd.service"));
    for forbidden in
        ["echo > /etc/x", "echo > /run/jit/x", "ls /home/alice", "cat /etc/shadow", "chown alice /var/lib/jit", "ip link | grep eth0"]
    {
        as_service(forbidden).fails();
    }
    as_service("echo > /var/lib/jit/x && rm /var/lib/jit/x && cat /proc/1/loginuid /proc/1/status && kill -0 1").succeeds();
    // A cgroup that root hands to it, and a terminal that belongs to somebody.
    host.root().run("mkdir /sys/fs/cgroup/given; chown jitd /sys/fs/cgroup/given/cgroup.kill").succeeds();
    as_service("echo 1 > /sys/fs/cgroup/given/cgroup.kill").succeeds();
    as_service("echo 1 > /sys/fs/cgroup/cgroup.max.depth").fails();
    host.root().run("rmdir /sys/fs/cgroup/given").succeeds();
    let mut terminal = host.user("alice").terminal("tty; read x");
    terminal.expect("/dev/pts/0");
    host.root().run("mesg y; chmod g+w /dev/pts/0; chgrp tty /dev/pts/0").succeeds();
    as_service("echo warned > /dev/pts/0").succeeds();
    terminal.expect("warned");
}

#[test]
fn a_check_that_comes_while_the_daemon_is_restarted_waits_and_is_answered() {
    let host = booted();
    host.grant("alice", "sudo", "carol");
    let inodes = || host.root().run("stat -c %i /run/jit/pam.sock /run/jit/user.sock").succeeds().stdout;
    let before = inodes();
    host.root().run("for i in 1 2 3 4 5 6 7 8; do systemctl restart jitd; sleep 0.2; done > /dev/null 2>&1 &").succeeds();
    for _ in 0..15 {
        host.user("alice").run("sudo -n id -un").succeeds().says("root");
    }
    assert_eq!(inodes(), before);
}

#[test]
fn a_daemon_that_nobody_asks_does_next_to_nothing() {
    let host = booted();
    host.grant("alice", "sudo", "carol");
    let used = || {
        let stat = host.root().run("cat /proc/$(systemctl show -P MainPID jitd)/stat").succeeds().stdout;
        let fields: Vec<_> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
        fields[11].parse::<u32>().unwrap() + fields[12].parse::<u32>().unwrap()
    };
    // What it began when it was started is done first.
    host.root().run("sleep 3").succeeds();
    let before = used();
    host.root().run("sleep 5").succeeds();
    let hundredths = used() - before;
    assert!(hundredths <= 5, "{hundredths} hundredths of a second in five");
}

/// As docs/operations.md has it.
#[test]
fn a_backup_is_put_back_though_others_go_on_asking() {
    let host = booted();
    host.grant("alice", "sudo", "carol");
    host.root().run("jit audit backup /root/backup.db").succeeds();
    host.user("carol").run("jit revoke --user alice").succeeds();
    host.user("alice").run("sudo -n true").fails();
    host.root().run("systemctl stop jitd.socket jitd-user.socket jitd").succeeds();
    // Whoever asks would start a jitd whose sockets are there, while its file is replaced.
    host.user("bob").run("jit status").exits(3);
    let put_back = "set -e
        mkdir -m 0700 /root/old && mv /var/lib/jit/events.db* /root/old/
        jit audit verify --file /root/backup.db
        install -o jitd -g jitd -m 0600 /root/backup.db /var/lib/jit/events.db
        systemctl start jitd";
    host.root().run(put_back).succeeds().says("chain whole");
    host.root().run("systemctl is-active jitd.socket jitd-user.socket jitd").succeeds();
    host.user("alice").run("sudo -n id -un").succeeds().says("root");
    host.root().run("jit audit verify").succeeds().says("chain whole");
    host.root().run("jit audit verify --file /root/old/events.db").succeeds().says("chain whole");
}

#[test]
fn a_crash_loop_closes_no_socket_and_ends_as_soon_as_its_cause_does() {
    let host = booted();
    host.grant("alice", "sudo", "carol");
    // A policy can be broken; what keeps a jitd from starting at all are its settings.
    host.root().run("echo nonsense >> /etc/jit/jitd.toml; systemctl restart jitd").fails();
    for _ in 0..4 {
        host.user("alice").run("sudo -n id -un").fails().says("the access daemon does not answer");
    }
    let restarts = || host.root().run("systemctl show -P NRestarts jitd").stdout.trim().parse::<u32>().unwrap();
    wait_until("more starts than any limit that systemd has by itself", || (restarts() > 12).then_some(()));
    host.root().run("systemctl is-active jitd.socket jitd-user.socket").succeeds();
    host.root().run("sed -i /nonsense/d /etc/jit/jitd.toml").succeeds();
    host.user("alice").run("sudo -n id -un").succeeds().says("root");
}

#[test]
fn a_daemon_that_no_longer_decides_is_started_again_by_the_watchdog() {
    let host = booted();
    host.grant("alice", "sudo", "carol");
    host.root()
        .run("mkdir /etc/systemd/system/jitd.service.d; printf '[Service]\nWatchdogSec=1s\n' > /etc/systemd/system/jitd.service.d/x.conf")
        .succeeds();
    host.root().run("systemctl daemon-reload; systemctl restart jitd").succeeds();
    let pid = || host.root().run("systemctl show -P MainPID jitd").stdout.trim().to_owned();
    let before = pid();
    host.root().run(&format!("kill -STOP {before}")).succeeds();
    wait_until("another jitd", || (!["0", before.as_str()].contains(&pid().as_str())).then_some(()));
    host.user("alice").run("sudo -n id -un").succeeds().says("root");
    host.root().run("journalctl -u jitd -o cat").says("Watchdog timeout");
    // One that decides is left alone.
    let before = pid();
    host.root().run("sleep 3").succeeds();
    assert_eq!(pid(), before);
}

#[test]
fn a_jitd_started_by_hand_takes_no_socket_from_systemd() {
    let host = booted();
    host.root().run("jitd").exits(1).says("something listens on /run/jit/pam.sock already");
    host.root().run("systemctl stop jitd; jitd").exits(1).says("systemctl start jitd");
    host.grant("alice", "sudo", "carol");
    host.user("alice").run("sudo -n id -un").succeeds();
}

#[test]
fn sockets_that_somebody_deleted_come_back_with_a_restart_of_their_units() {
    let host = booted();
    host.grant("alice", "sudo", "carol");
    host.root().run("rm -r /run/jit").succeeds();
    host.user("alice").run("sudo -n id -un").fails().says("the access daemon does not answer");
    host.root().run("systemctl restart jitd.socket jitd-user.socket").succeeds();
    host.user("alice").run("sudo -n id -un").succeeds().says("root");
    host.root().run("stat -c '%U %a' /run/jit /run/jit/pam.sock").says("root 755\nroot 600");
}

#[test]
fn what_the_module_wrote_down_while_the_daemon_was_away_reaches_the_record_of_a_daemon_that_is_never_root() {
    let host = booted();
    host.root().run("install -m 0600 /dev/null /etc/jit/breakglass; echo bob sudo > /etc/jit/breakglass").succeeds();
    host.root().run("systemctl stop jitd.socket jitd-user.socket jitd").succeeds();
    // The module makes a file that jitd cannot read yet.
    host.root().run("rm -f /var/log/jit-breakglass").succeeds();
    host.user("bob").run("sudo -n id -un").succeeds().says("root");
    host.root().run("stat -c '%U %a' /var/log/jit-breakglass").says("root 600");
    host.root().run("systemctl start jitd").succeeds();
    let told = |most: usize| {
        wait_until("the entries to be on record", || {
            let told = host.user("erin").run("jit audit log --kind access.breakglass --user bob").stdout;
            (told.matches("access.breakglass").count() >= most).then_some(told)
        })
    };
    // Account and session, once each.
    assert_eq!(told(2).matches("access.breakglass").count(), 2);
    host.root().run("systemctl stop jitd.socket jitd-user.socket jitd").succeeds();
    host.user("bob").run("sudo -n id -un").succeeds().says("root");
    host.root().run("systemctl start jitd").succeeds();
    assert_eq!(told(4).matches("access.breakglass").count(), 4);
    // And without a restart of jitd's.
    host.root().run("chmod 0777 /run/jit").succeeds();
    host.user("bob").run("sudo -n id -un").succeeds().says("root");
    assert_eq!(told(6).matches("access.breakglass").count(), 6);
}

#[test]
fn a_confined_service_ends_the_sessions_of_others() {
    let host = booted();
    host.grant("alice", "ssh", "carol");
    host.grant("alice", "sudo", "carol");
    let mut ssh = host.ssh("alice").terminal();
    ssh.type_line("setsid -f sleep 6001; sudo sh -c 'setsid -f sleep 6002; sleep 6003'");
    let runs = |time: &str| host.root().run(&format!("pgrep -f '^sleep {time}'; true")).stdout.trim() != "";
    wait_until("all of it", || ["6001", "6002", "6003"].into_iter().all(runs).then_some(()));
    host.user("carol").run("jit revoke --user alice").succeeds();
    ssh.expect("jit: your ");
    wait_until("all of it to have ended", || (!["6001", "6002", "6003"].into_iter().any(runs)).then_some(()));
    wait_until("the journal to have it", || {
        let journal = host.root().run("journalctl -t jitd -o cat").text();
        (journal.matches("session.ended").count() == 2 && journal.matches("left=0 bound=cgroup").count() == 2).then_some(())
    });
    let left = host.root().run("find /sys/fs/cgroup -type d -path '*/jit-*/S-*'");
    left.succeeds().does_not_say("S-");
}

#[test]
fn whoever_has_taken_jit_notify_over_reads_what_an_auditor_reads_and_changes_nothing() {
    let host = crate::notify::plan(crate::notify::HOOK).systemd().units().start();
    host.root().run("systemctl start jitd").succeeds();
    let request = host.user("alice").run("jit request sudo --reason INC-42 --json").succeeds().json()["id"].as_str().unwrap().to_owned();
    let as_service = as_in(&host, include_str!("../../packaging/jit-notify.service"));
    as_service("echo > /var/lib/jit-notify/x && rm /var/lib/jit-notify/x").succeeds();
    as_service("jit audit log").succeeds().says("INC-42");
    as_service(&format!("jit approve {request}")).fails();
    as_service("jit reload").fails();
    as_service("jit --socket /run/jit/pam.sock status").exits(3).says("Permission denied");
    for forbidden in [
        "echo > /etc/x",
        "echo > /etc/jit/notify.toml",
        "echo > /run/jit/x",
        "ls /var/lib/jit",
        "ls /home/alice",
        "cat /etc/shadow",
        "cat /proc/1/status",
        "unshare -U true",
        "sudo -n true",
        "su alice -c true",
    ] {
        as_service(forbidden).fails();
    }
}

#[test]
fn jit_notify_runs_programs_and_posts_from_within_its_sandbox_and_comes_back() {
    let unit = include_str!("../../packaging/jit-notify.service");
    let plan = crate::notify::plan(&[crate::notify::HOOK, crate::notify::PROGRAM].concat()).systemd().units();
    let host = plan.file("systemd/system/jit-notify.service", 0o644, unit).start();
    let settings =
        host.read("/etc/jit/notify.toml").replace("/tmp/notify", "/var/lib/jit-notify").replace("/tmp/got", "/var/lib/jit-notify/got");
    host.write("/etc/jit/notify.toml", &settings);
    let hook = crate::notify::Hook::serve(host.listen(8080));
    host.root().run("systemctl start jitd jit-notify").succeeds();
    for (user, told) in [("alice", 2), ("bob", 4)] {
        wait_until("it to have found its place", || host.path("/var/lib/jit-notify/hook.cursor").exists().then_some(()));
        wait_until("the other too", || host.path("/var/lib/jit-notify/collect.cursor").exists().then_some(()));
        host.user(user).run("jit request sudo --reason INC-42 && jit cancel").succeeds();
        wait_until("the hook to be told", || (hook.told().len() == told).then_some(()));
        let lines = || host.root().run("wc -l < /var/lib/jit-notify/got").stdout.trim().parse() == Ok(told);
        wait_until("the program to be told", || lines().then_some(()));
        host.root().run("systemctl kill -s KILL jit-notify").succeeds();
        wait_until("systemd to start it again", || {
            (host.root().run("systemctl is-active jit-notify").stdout.trim() == "active").then_some(())
        });
    }
    host.root().run("systemctl stop jit-notify").succeeds();
    host.root().run("stat -c %U:%a /var/lib/jit-notify").succeeds().says("jit-notify:700");
}
