//! What a user can do with cgroups and mount points of their own: nothing that lets a session be taken for held, or for over.

use jit_tests::{Host, wait_until};

const POLICY: &str = r#"version = 1
[[grant]]
name = "ops"
who = ["group:ops"]
on = ["sudo"]
approve = []
"#;

/// A host on which alice holds a grant, where cgroup v2 is in it, and what jitd calls its folders.
fn host() -> (Host, String, String) {
    let host = Host::with(|host| host.people().policy(POLICY)).start();
    host.user("alice").run("jit request --reason x").succeeds();
    let mount = host.root().run("awk '/ - cgroup2 / { print $5; exit }' /proc/self/mountinfo").succeeds().stdout.trim().to_owned();
    let folder = host.jitd().stderr().split(' ').find(|word| word.starts_with("jit-")).unwrap().to_owned();
    (host, mount, folder)
}

fn runs(host: &Host, time: &str) -> bool {
    host.root().run(&format!("pgrep -f '^sleep {time}'; true")).stdout.trim() != ""
}

/// Starts as alice, from a cgroup that root has made hers.
fn from(own: &str, line: &str) -> String {
    format!("echo $$ > {own}/cgroup.procs; exec setpriv --reuid alice --regid alice --init-groups {line}")
}

#[test]
fn a_session_that_its_user_moved_into_a_place_of_theirs_is_moved_on_and_ends() {
    let (host, mount, folder) = host();
    let own = format!("{mount}/alice-moves-{}", std::process::id());
    host.root().run(&format!("mkdir {own} && chown -R alice {own}")).succeeds();
    // What alice does while sudo is held still between our two lines.
    let move_it = format!(
        "#!/bin/sh\nplace={own}/{folder}/$(jit list --active --json | grep -o 'S-[0-9A-Z]*' | head -n 1)\n\
         mkdir -p $place && echo $PPID > $place/cgroup.procs\n"
    );
    host.write("/etc/move", &move_it);
    host.root().run("chmod 755 /etc/move && sed -i '/ enter/i session required pam_exec.so /etc/move' /etc/pam.d/sudo").succeeds();
    let root = host.root();
    let terminal = root.terminal(&from(&own, "sudo sh -c \"setsid -f sleep 7101; sleep 7101\""));
    wait_until("it to have started", || runs(&host, "7101").then_some(()));
    host.root().run(&format!("find {own} -name 'S-*'")).succeeds().says("/S-");
    host.root().run("cat /proc/$(pgrep -f '^sleep 7101' | head -n 1)/cgroup").succeeds().says("/jit-").does_not_say("alice-");
    host.user("alice").run("jit drop").succeeds();
    wait_until("all of it to have ended", || (!runs(&host, "7101")).then_some(()));
    assert!(host.wait_for_log("session.ended").contains("left=0 bound=cgroup"));
    drop(terminal.finish());
    host.root().run(&format!("find {own} -depth -type d -delete")).succeeds();
}

#[test]
fn a_place_that_a_user_made_under_a_sessions_name_hides_no_session_from_a_jitd_that_starts() {
    let (host, mount, folder) = host();
    let alice = host.user("alice");
    let terminal = alice.terminal("sudo sh -c 'setsid -f sleep 7102; sleep 7102'");
    wait_until("it to have started", || runs(&host, "7102").then_some(()));
    let place = host.root().run("cat /proc/$(pgrep -f '^sleep 7102' | head -n 1)/cgroup").succeeds().stdout;
    let session = place.trim().rsplit('/').next().unwrap().to_owned();
    // Which of two is met last depends on their names.
    let own: Vec<_> = (0..8).map(|number| format!("{mount}/alice-{number}-{}", std::process::id())).collect();
    for own in &own {
        host.root().run(&format!("mkdir -p {own}/{folder}/{session} && chown -R alice {own}")).succeeds();
    }
    host.jitd().restart();
    host.user("alice").run("jit drop").succeeds();
    wait_until("all of it to have ended", || (!runs(&host, "7102")).then_some(()));
    assert!(!host.wait_for_log("session.ended").contains("processes=0"));
    drop(terminal.finish());
    host.root().run(&format!("find {} -depth -type d -delete", own.join(" "))).succeeds();
}

#[test]
fn no_name_of_ones_own_cgroup_keeps_a_session_out_of_one() {
    let (host, mount, _) = host();
    let own = format!("{mount}/alice-names-{}", std::process::id());
    // The last is deeper than the kernel can tell.
    let nest = format!(
        "{own}/deep; cd -P {own}/deep; n=0; while test $n != 18; do mkdir $(printf %0250d) && cd -P $(printf %0250d); n=$((n + 1)); done"
    );
    host.root().run(&format!("mkdir {own} '{own}/x (deleted)' {own}/$(printf 'a\\377') {nest}; chown -R alice {own}")).succeeds();
    let held = "sudo -n cat /proc/self/cgroup";
    let root = host.root();
    root.run(&from(&format!("'{own}/x (deleted)'"), held)).succeeds().says("/jit-").does_not_say("alice-");
    root.run(&from(&format!("{own}/$(printf 'a\\377')"), held)).succeeds().says("/jit-").does_not_say("alice-");
    let go_deep = "n=0; while test $n != 18; do cd -P $(printf %0250d); n=$((n + 1)); done";
    root.run(&format!("cd -P {own}/deep; {go_deep}; {}", from(".", held))).succeeds().says("/jit-").does_not_say("alice-");
    assert!(!host.syslog().iter().any(|line| line.contains("session.unbound") || line.contains("bound=tree")));
    root.run(&format!("find {own} -depth -type d -delete")).succeeds();
}

#[test]
fn a_mount_point_of_a_users_with_any_bytes_in_its_name_takes_cgroups_from_nobody() {
    let (host, ..) = host();
    host.root().run("cd /tmp && mkdir $(printf 'm\\377') && mount -t tmpfs none /tmp/$(printf 'm\\377')").succeeds();
    host.user("alice").run("sudo -n cat /proc/self/cgroup").succeeds().says("/jit-");
    host.jitd().restart();
    assert!(!host.jitd().stderr().contains("no cgroup v2"), "{}", host.jitd().stderr());
    host.user("alice").run("sudo -n setsid -f sleep 7103").succeeds();
    host.user("alice").run("jit drop").succeeds();
    wait_until("what detached itself to have ended", || (!runs(&host, "7103")).then_some(()));
}
