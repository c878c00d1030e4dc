//! Hosts on which somebody has done half of it, or something else.

use jit_tests::{Host, wait_until};

fn unstarted() -> Host {
    Host::with(|host| host.people().without_daemon()).start()
}

/// Whether alice comes in, by the grant that she holds.
fn comes_in(host: &Host) -> bool {
    host.user("alice").run("sudo -n id -un").stdout.trim() == "root"
}

#[test]
fn where_the_module_does_not_believe_the_directory_of_the_sockets_jitd_says_so() {
    for (line, why) in [
        ("install -d -o alice /run/jit", "/run/jit: it belongs to uid 1001"),
        ("install -d -m 0777 /run/jit", "others can write to it"),
        ("install -d -m 0700 /run/jit", "people cannot come to the sockets in it"),
    ] {
        let host = unstarted();
        host.root().run(line).succeeds();
        host.root().run("jitd 2> /tmp/said & sleep 0.1; until grep -q confined /tmp/said; do sleep 0.01; done; kill $!").succeeds();
        host.root().run("cat /tmp/said").succeeds().says("warning: nobody is let in").says(why);
    }
}

#[test]
fn what_a_link_beside_the_sockets_leads_to_is_not_given_away() {
    let host = unstarted();
    host.root().run("mkdir /run/jit /root/theirs; ln -s /root/theirs /run/jit/own").succeeds();
    host.jitd().start();
    host.root().run("stat -c %U /root/theirs").succeeds().says("root");
}

#[test]
fn a_record_that_somebody_else_could_write_lets_nobody_in_until_it_is_jitds_own() {
    let host = Host::with(|host| host.people()).start();
    host.grant("alice", "sudo", "carol");
    for (line, why, mend) in [
        (
            "chown alice /var/lib/jit/events.db; chmod 0666 /var/lib/jit/events.db",
            "it belongs to uid 1001",
            "chown jitd /var/lib/jit/events.db",
        ),
        ("chmod 0622 /var/lib/jit/events.db", "others can write it", "chmod 0600 /var/lib/jit/events.db"),
        ("install -o alice /dev/null /var/lib/jit/events.db-wal", "events.db-wal: it belongs to uid 1001", "rm /var/lib/jit/events.db-wal"),
    ] {
        host.jitd().stop();
        host.root().run(line).succeeds();
        host.jitd().start();
        host.user("alice").run("sudo -n id -un").fails().says("cannot be recorded");
        assert!(host.jitd().stderr().contains(why), "{}", host.jitd().stderr());
        host.root().run(&format!("{mend}; chmod 0600 /var/lib/jit/events.db")).succeeds();
        wait_until("the record to be used again", || comes_in(&host).then_some(()));
    }
}

#[test]
fn a_first_start_on_a_disk_that_can_only_be_read_shuts_the_gate_and_is_not_just_gone() {
    let host = unstarted();
    host.root().run("chown jitd /var/lib/jit; mount -o remount,ro /var/lib/jit").succeeds();
    host.jitd().start();
    host.user("alice").run("sudo -n id -un").fails().says("cannot be recorded");
    host.root().run("mount -o remount,rw /var/lib/jit").succeeds();
    wait_until("a record", || host.jitd().stderr().contains("the record can be used").then_some(()));
    host.user("alice").run("jit request --reason INC-42").succeeds();
}

#[test]
fn a_pipe_in_place_of_the_record_or_of_a_lock_is_said_and_waited_for_by_nobody() {
    let host = unstarted();
    host.root().run("mkfifo -m 0600 /var/lib/jit/events.db; chown jitd /var/lib/jit/events.db").succeeds();
    host.jitd().start();
    host.user("alice").run("sudo -n id -un").fails().says("cannot be recorded");
    host.root().run("rm /var/lib/jit/events.db").succeeds();
    wait_until("a record", || host.jitd().stderr().contains("the record can be used").then_some(()));
    host.user("alice").run("jit request --reason INC-42").succeeds();
    host.jitd().stop();
    host.root().run("rm /run/jit/jitd.lock; mkfifo /run/jit/jitd.lock").succeeds();
    host.root().run("timeout 10 jitd").exits(1).says("/run/jit/jitd.lock");
}
