//! Where a session's processes are put, and that nobody but root and jitd gets at them there.

use jit_tests::{Host, wait_until};

const POLICY: &str = r#"version = 1
[[grant]]
name = "ops"
who = ["group:ops"]
on = ["sudo", "su"]
as = ["root", "carol"]
approve = []

[[grant]]
name = "ops-ssh"
who = ["group:ops"]
on = ["sshd"]
approve = []

[[grant]]
name = "for-sure"
who = ["user:frank"]
on = ["sudo"]
approve = []
starts = "login"
session = { require = "cgroup" }
"#;

fn sleeping(host: &Host, time: &str) -> bool {
    host.root().run(&format!("pgrep -f '^sleep {time}'; true")).stdout.trim() != ""
}

fn starts(host: &Host, time: &str) {
    wait_until("it to have started", || sleeping(host, time).then_some(()));
}

fn ends(host: &Host, time: &str) {
    wait_until("it to have ended", || (!sleeping(host, time)).then_some(()));
}

/// Where cgroup v2 is, as the host's processes see it.
fn mount(host: &Host) -> String {
    host.root().run("awk '/ - cgroup2 / { print $5; exit }' /proc/self/mountinfo").succeeds().stdout.trim().to_owned()
}

#[test]
fn a_tree_that_the_user_owns_holds_no_session_of_theirs_nor_forbids_one() {
    let host = Host::with(|host| host.people().policy(POLICY)).start();
    host.user("alice").run("jit request --reason x").succeeds();
    let own = format!("{}/alice-{}", mount(&host), std::process::id());
    host.root().run(&format!("mkdir {own} {own}/inner && echo 0 > {own}/inner/cgroup.max.descendants && chown -R alice {own}")).succeeds();
    let in_own = |line: &str| format!("echo $$ > {own}/inner/cgroup.procs; exec setpriv --reuid alice --regid alice --init-groups {line}");
    let root = host.root();
    let terminal = root.terminal(&in_own("sudo sleep 7001"));
    starts(&host, "7001");
    assert!(host.wait_for_log("session.opened").contains("bound=cgroup"));
    let place = host.root().run("cat /proc/$(pgrep -f '^sleep 7001')/cgroup").succeeds().says("/jit-").does_not_say("alice-").stdout;
    let place = format!("{}{}", mount(&host), place.lines().find_map(|line| line.strip_prefix("0::")).unwrap());
    // Nor can they take anything out, hold it still, or let it go on.
    let pid = host.root().run("pgrep -f '^sleep 7001'").succeeds().stdout.trim().to_owned();
    host.user("alice").run(&format!("echo {pid} > {own}/inner/cgroup.procs")).fails();
    host.user("alice").run(&format!("echo {pid} > {own}/cgroup.procs")).fails();
    host.user("alice").run(&format!("echo 1 > {place}/cgroup.freeze")).fails().says("ermission denied");
    host.user("alice").run(&format!("echo 1 > {place}/cgroup.kill")).fails().says("ermission denied");
    host.user("alice").run(&format!("mkdir {place}/x; rmdir {place}; echo 0 > {place}/../cgroup.max.descendants")).fails();
    host.user("alice").run(&format!("echo 1 > {own}/cgroup.freeze")).succeeds();
    host.user("alice").run("jit drop").succeeds();
    ends(&host, "7001");
    host.user("alice").run(&format!("echo 0 > {own}/cgroup.freeze")).succeeds();
    drop(terminal.finish());
    host.root().run(&format!("rmdir {own}/inner {own}")).succeeds();
}

#[test]
fn without_cgroups_the_process_tree_ends_and_who_must_be_held_for_sure_does_not_come_in() {
    let host = Host::with(|host| host.people().policy(POLICY)).start();
    host.user("alice").run("jit request --reason x").succeeds();
    let hidden = |user: &str, line: &str| {
        format!("unshare -m sh -c 'umount {}; exec setpriv --reuid {user} --regid {user} --init-groups {line}'", mount(&host))
    };
    let root = host.root();
    let _terminal = root.terminal(&hidden("alice", "sudo sh -c \"sleep 7002 & setsid sleep 7003 & setsid -f sleep 7004; wait\""));
    ["7002", "7003", "7004"].into_iter().for_each(|time| starts(&host, time));
    assert!(host.wait_for_log("session.opened").contains("bound=tree"));
    host.user("alice").run("jit drop").succeeds();
    ["7002", "7003"].into_iter().for_each(|time| ends(&host, time));
    let ended = host.wait_for_log("session.ended");
    assert!(ended.contains("because=dropped") && ended.contains("left=0 bound=tree"), "{ended}");
    assert!(sleeping(&host, "7004"), "what has detached itself and lost its starter is not found without a cgroup");
    host.root().run("pkill -f '^sleep 7004'").succeeds();
    let denied = host.root().run(&hidden("frank", "sudo -S true < /dev/null"));
    denied.fails().does_not_say("panicked");
    let line = "printf 'pw\\n' | sudo -S true";
    host.user("frank").run(line).succeeds();
    host.root().run(&hidden("frank", "sh -c \"echo pw | sudo -S true\"")).fails().says("the rule wants a session in a cgroup");
}

#[test]
fn no_limit_of_the_callers_own_keeps_their_session_out_of_a_cgroup() {
    let host = Host::with(|host| host.people().policy(POLICY)).start();
    host.user("alice").run("jit request --reason x").succeeds();
    let limits = (6..14).map(|files| format!("-n {files}"));
    let others = ["-f 0", "-s 256", "-l 0", "-i 0", "-q 0", "-d 40000", "-v 60000", "-u 1", "-t 1"].map(str::to_owned);
    let came_in = limits.chain(others).filter(|limit| host.user("alice").run(&format!("ulimit {limit}; exec sudo -n true")).code == 0);
    let came_in = came_in.count();
    let opened = |what: &str| host.syslog().iter().filter(|line| line.contains(what)).count();
    assert!((8..17).contains(&came_in), "some limits let nobody in: {came_in}");
    wait_until("each of them to have closed", || (opened("session.closed") == opened("session.opened")).then_some(()));
    assert!(opened("bound=cgroup") >= came_in, "{came_in} came in");
    assert_eq!((opened("bound=tree"), opened("session.unbound")), (0, 0));
}

#[test]
fn where_no_cgroup_can_be_made_a_session_is_held_as_a_tree_or_kept_out_if_the_rule_says_so() {
    let host = Host::with(|host| host.people().policy(POLICY)).start();
    host.user("alice").run("jit request --reason x").succeeds();
    let (mount, full) = (mount(&host), format!("{}/full-{}", mount(&host), std::process::id()));
    host.root().run(&format!("mkdir {full} && echo 0 > {full}/cgroup.max.descendants")).succeeds();
    // All that is mounted where they are is one that may have none below it.
    let within = |user: &str, line: &str| {
        let mounted =
            format!("umount {mount}; mount -t cgroup2 cgroup2 {mount}; exec setpriv --reuid {user} --regid {user} --init-groups {line}");
        format!("echo $$ > {full}/cgroup.procs; exec unshare -C -m sh -c '{mounted}'")
    };
    let root = host.root();
    let terminal = root.terminal(&within("alice", "sudo sh -c \"sleep 7060 & setsid sleep 7061; wait\""));
    ["7060", "7061"].into_iter().for_each(|time| starts(&host, time));
    let unbound = host.wait_for_log("session.unbound");
    assert!(unbound.contains("user=alice") && unbound.contains("Resource temporarily unavailable"), "{unbound}");
    host.root().run(&within("frank", "sh -c \"echo pw | sudo -S true\"")).fails().says("the rule wants a session in a cgroup");
    host.user("alice").run("jit drop").succeeds();
    ["7060", "7061"].into_iter().for_each(|time| ends(&host, time));
    let ended = host.wait_for_log("session.ended");
    assert!(ended.contains("because=dropped") && ended.contains("left=0 bound=tree"), "{ended}");
    drop(terminal.finish());
    host.root().run(&format!("rmdir {full}")).succeeds();
}

#[test]
fn every_kind_of_session_is_held_and_ends() {
    let host = Host::with(|host| host.people().policy(POLICY)).start();
    host.user("alice").run("jit request sudo --reason x; jit request ssh --reason x; jit request su --as carol --reason x").succeeds();
    host.user("alice").run("jit request sudo --as carol --reason x").succeeds();
    let alice = host.user("alice");
    let _one = alice.terminal("sudo -i sleep 7010");
    let _two = alice.terminal("sudo -b -n sleep 7011; sleep 30");
    let _three = alice.terminal("sudo -u carol sleep 7012");
    let mut su = alice.terminal("su carol -c 'sleep 7013'");
    su.expect("assword");
    su.type_line("pw");
    let ssh = host.ssh("alice");
    let command = "ssh {} -p 2222 {user}@127.0.0.1";
    let clients = format!(
        "{command} sleep 7014 & {command} -M -S /tmp/m-%h -N & for n in 1 2 3 4 5 6 7 8 9; do test -S /tmp/m-127.0.0.1 && break; sleep 1; done; \
         {command} -S /tmp/m-%h sleep 7015 & {command} -S /tmp/m-%h sleep 7016 & {command} -N -L 7999:127.0.0.1:2222 & \
         (sleep 7017 | sftp {{}} -P 2222 {{user}}@127.0.0.1 > /dev/null) &"
    );
    ssh.client(&clients);
    ["7010", "7011", "7012", "7013", "7014", "7015", "7016", "7017"].into_iter().for_each(|time| starts(&host, time));
    let sessions = || host.root().run("jit list --active --json").succeeds().json()["sessions"].as_array().unwrap().clone();
    wait_until("all eight", || (sessions().len() == 8).then_some(()));
    wait_until("all eight to be held", || {
        let held = host.root().run("grep -l 'jit-.*/S-' /proc/[0-9]*/cgroup | wc -l").stdout.trim().parse::<usize>().unwrap();
        (held >= 16).then_some(())
    });
    assert_eq!(host.syslog().iter().filter(|line| line.contains("session.opened") && line.contains("bound=cgroup")).count(), 8);
    host.root().run("jit list").succeeds().says("sudo").says("ssh").says("127.0.0.1").says("pts/");
    host.root().run("jit revoke --user alice --now").succeeds();
    ["7010", "7011", "7012", "7013", "7014", "7015", "7016"].into_iter().for_each(|time| ends(&host, time));
    wait_until("none to be open", || sessions().is_empty().then_some(()));
    host.root().run("pkill -f '^sleep 7017'; true").succeeds();
}

#[test]
fn sessions_of_sudo_rs_are_held_and_end() {
    let host = Host::with(|host| host.people().policy(POLICY).sudo_rs()).start();
    host.user("alice").run("jit request sudo --reason x").succeeds();
    let alice = host.user("alice");
    let mut terminal = alice.terminal("sudo sh -c 'setsid -f sleep 7020; sleep 7021'; echo over");
    ["7020", "7021"].into_iter().for_each(|time| starts(&host, time));
    host.user("alice").run("jit drop").succeeds();
    terminal.expect("jit: your sudo as root ends now");
    ["7020", "7021"].into_iter().for_each(|time| ends(&host, time));
    terminal.expect("over");
}

#[test]
fn a_fork_bomb_ends_like_anything_else() {
    let host = Host::with(|host| host.people().policy(POLICY)).start();
    host.user("alice").run("jit request sudo --as carol --reason x").succeeds();
    let alice = host.user("alice");
    let bomb = "ulimit -u 200; b() { b 7030 & b 7030 & wait; }; b 7030";
    let _terminal = alice.terminal(&format!("sudo -u carol bash -c '{bomb}' 2> /dev/null"));
    let count = || host.root().run("pgrep -u carol -c bash; true").stdout.trim().parse::<usize>().unwrap();
    wait_until("a hundred of them", || (count() > 100).then_some(()));
    host.user("alice").run("jit drop").succeeds();
    wait_until("none to be left", || (count() == 0).then_some(()));
    let ended = host.wait_for_log("session.ended");
    assert!(ended.contains("left=0 bound=cgroup"), "{ended}");
}

#[test]
fn logind_knows_a_session_that_is_held_and_can_end_it() {
    let unit = "[Service]\nType=oneshot\nExecStart=/usr/bin/sudo sh -c 'cat /proc/self/cgroup > /tmp/where'\n";
    let host = Host::with(|host| host.people().policy(POLICY).systemd().file("systemd/user/by-sudo.service", 0o644, unit)).start();
    host.user("alice").run("jit request ssh --reason x").succeeds();
    let mut ssh = host.ssh("alice").terminal();
    ssh.type_line("setsid -f sleep 7040; cat /proc/self/cgroup; echo it is $((40 + 2))");
    ssh.expect("/jit-");
    ssh.expect("it is 42");
    starts(&host, "7040");
    let listed = host.root().run("loginctl list-sessions --no-legend").succeeds().says("alice").stdout;
    let number = listed.split_whitespace().next().unwrap().to_owned();
    let place = host.root().run("cat /proc/$(pgrep -f '^sleep 7040')/cgroup").succeeds().stdout;
    assert!(place.contains(&format!("session-{number}.scope/jit-")), "{place}");
    host.root().run(&format!("loginctl session-status {number}")).succeeds().says("sleep 7040");
    host.root().run("systemctl is-active user@1001.service").succeeds().says("active");
    // A sudo inside goes below the log-in's own.
    host.user("alice").run("jit request sudo --reason x").succeeds();
    ssh.type_line("sudo sleep 7041");
    starts(&host, "7041");
    let inner = host.root().run("cat /proc/$(pgrep -f '^sleep 7041')/cgroup").succeeds().stdout;
    assert_eq!(inner.matches("/S-").count(), 2, "{inner}");
    // And from the user's own manager outside of what they own.
    host.user("alice").run("XDG_RUNTIME_DIR=/run/user/1001 systemctl --user start by-sudo").succeeds();
    let outside = host.root().run("cat /tmp/where").succeeds().stdout;
    assert!(outside.contains("/jit-") && !outside.contains("user@"), "{outside}");
    host.root().run(&format!("loginctl terminate-session {number}")).succeeds();
    ends(&host, "7040");
    wait_until("no session to be open", || {
        let listed = host.root().run("jit list --active --json").succeeds().json();
        listed["sessions"].as_array().unwrap().is_empty().then_some(())
    });
    host.root().run("systemctl --failed --no-legend").succeeds().does_not_say("session-").does_not_say("user@");
}

#[test]
fn a_session_on_its_way_into_its_cgroup_when_jitd_starts_is_not_over() {
    let host = Host::with(|host| host.people().policy(POLICY)).start();
    host.user("alice").run("jit request --reason x").succeeds();
    let alice = host.user("alice");
    let terminal = alice.terminal("sudo sleep 7060");
    starts(&host, "7060");
    let own = host.root().run("sed -n s/^0:://p /proc/$(pgrep -f '^sleep 7060')/cgroup").succeeds().stdout;
    let place = format!("{}{}", mount(&host), own.trim());
    let inside = host.root().run(&format!("cat {place}/cgroup.procs")).succeeds().stdout.split_whitespace().collect::<Vec<_>>().join(" ");
    let move_to = |place: &str| host.root().run(&format!("for pid in {inside}; do echo $pid > {place}/cgroup.procs; done")).succeeds();
    host.jitd().kill();
    // As the module leaves it between making it and moving the process.
    move_to(&mount(&host));
    host.jitd().start();
    host.root().run(&format!("test -d {place} && jit list --active")).succeeds().says("S-");
    move_to(&place);
    host.user("alice").run("jit drop").succeeds();
    ends(&host, "7060");
    drop(terminal.finish());
    host.root().run(&format!("test -d {place}")).fails();
}

#[test]
fn jitd_killed_with_many_sessions_open_ends_each_of_them_in_time() {
    let each = if jit_tests::is_full_run() { 50 } else { 10 };
    let host = Host::with(|host| host.people().policy(&POLICY.replace("carol", "bob")).movable_clock()).start();
    host.user("alice").run("jit request --for 1m --reason x").succeeds();
    host.user("bob").run("jit request --for 10m --reason x").succeeds();
    // Of so many at once some are told that the daemon is busy: then sudo says 1, and they come again.
    let one = |time: &str| format!("while sudo sleep {time}; test $? = 1; do sleep 0.$((n % 9 + 1)); done");
    let many = |time: &str| format!("for n in $(seq {each}); do ({}) & done; wait", one(time));
    let (alice, bob) = (host.user("alice"), host.user("bob"));
    let _short = alice.terminal(&many("7050"));
    let _long = bob.terminal(&many("7051"));
    let count = |time: &str| host.root().run(&format!("pgrep -f -c '^sleep {time}'; true")).stdout.trim().parse::<usize>().unwrap();
    wait_until("all of them", || (count("7050") == each && count("7051") == each).then_some(()));
    host.jitd().kill();
    host.clock().advance(120);
    host.jitd().start();
    let began = std::time::Instant::now();
    wait_until("those that should have ended", || (count("7050") == 0).then_some(()));
    eprintln!("{each} sessions ended {:?} after the start", began.elapsed());
    assert_eq!(count("7051"), each);
    let began = std::time::Instant::now();
    host.clock().advance(481);
    wait_until("the others", || (count("7051") == 0).then_some(()));
    eprintln!("the other {each} sessions ended {:?} after their time", began.elapsed());
    wait_until("none to be open", || {
        let listed = host.root().run("jit list --active --json").succeeds().json();
        listed["sessions"].as_array().unwrap().is_empty().then_some(())
    });
}

#[test]
fn a_session_that_runs_while_the_record_is_put_on_another_disk_ends_with_its_grant_and_all_that_it_started() {
    let host = Host::with(|host| host.people().policy(POLICY)).start();
    host.user("alice").run("jit request --reason x").succeeds();
    let alice = host.user("alice");
    let terminal = alice.terminal("sudo sh -c 'setsid -f sleep 7070; sleep 7071'");
    ["7070", "7071"].iter().for_each(|time| starts(&host, time));
    host.jitd().stop();
    let moving = "mkdir /run/disk; mount -t tmpfs -o mode=0700 tmpfs /run/disk; cp -a /var/lib/jit/. /run/disk/; chown --reference=/var/lib/jit /run/disk";
    host.root().run(&format!("{moving}; mount --move /run/disk /var/lib/jit || mount --bind /run/disk /var/lib/jit")).succeeds();
    host.jitd().start();
    host.root().run("jit list --active").succeeds().says("S-");
    host.user("alice").run("jit drop").succeeds();
    ["7070", "7071"].iter().for_each(|time| ends(&host, time));
    drop(terminal.finish());
}
