//! The way back from the gate: neither somebody else nor an accident takes it away.

use crate::enable::{files, installed, is_as_before};
use jit_tests::{Host, wait_until};

fn put_back(host: &Host, before: &str) {
    wait_until("everything to be put back", || (files(host) == before).then_some(()));
    // And whoever did that to have ended: until then the next change is refused.
    let free = "test ! -e /run/jit-enable.lock || flock -n /run/jit-enable.lock true";
    wait_until("the lock to be free", || (host.root().run(free).code == 0).then_some(()));
}

/// sshd as `jit enable ssh` wants it.
fn with_sshd() -> Host {
    let host = installed();
    host.root().run("echo 'UsePAM yes' > /etc/ssh/sshd_config; mkdir -p /run/sshd; ssh-keygen -A").succeeds();
    host
}

#[test]
fn what_somebody_else_can_lock_holds_up_nothing() {
    let host = installed();
    let before = files(&host);
    let mut held = host.user("bob").terminal("flock -s /etc/pam.d sh -c 'echo held; read x'");
    held.expect("held");
    host.root().run("jit enable sudo --confirm-within 2s").succeeds();
    put_back(&host, &before);
    host.user("bob").run("flock -s /run/jit-enable.lock true").fails();
    host.root().run("jit enable sudo && jit confirm --unproven").succeeds();
    host.root().run("flock /run/jit-enable.lock jit disable sudo").exits(1).says("another jit");
    host.root().run("jit disable --all").succeeds();
    is_as_before(&host, &before);
}

#[test]
fn a_jit_that_hangs_holds_up_its_own_way_back_for_seconds_alone() {
    let host = installed();
    let before = files(&host);
    host.root().run("echo 'sleep 15' >> /root/.profile").succeeds();
    host.root().patience(60).run("jit enable sudo --confirm-within 1s").exits(1).says("its time was over");
    is_as_before(&host, &before);
    host.root().run("jit confirm --unproven").exits(1).says("nothing waits");
}

#[test]
fn what_is_confirmed_while_its_way_back_waits_for_the_lock_stays() {
    let host = installed();
    host.root().run("jit enable sudo && systemctl stop jit-rollback.path jit-rollback.service").succeeds();
    let enabled = files(&host);
    // As jit confirm has it: the lock, and at its end nothing that waits.
    let mut confirms = host.root().terminal("flock -o /run/jit-enable.lock sh -c 'echo held; read x; rm /var/lib/jit-enable/pending.json'");
    confirms.expect("held");
    host.root().run("sed -i 's/\"until\": [0-9]*/\"until\": 0/' /var/lib/jit-enable/pending.json").succeeds();
    let rolls_back = host.root().terminal("jit roll-back --when-due");
    // 230 is clock_nanosleep: it has seen what waits, and that the lock is taken.
    let waits = "grep -q '^230 ' /proc/$(pgrep -f '^jit roll-back')/syscall";
    wait_until("it to wait for the lock", || (host.root().run(waits).code == 0).then_some(()));
    confirms.type_line("");
    rolls_back.finish().succeeds();
    assert_eq!(files(&host), enabled);
    host.user("alice").run("sudo -n id -un").fails().says("jit: no grant for sudo");
}

#[test]
fn disabling_settles_what_it_is_about_and_nothing_else() {
    let host = with_sshd();
    let before = files(&host);
    host.root().run("jit enable sudo && jit confirm --unproven && jit enable ssh --confirm-within 6s").succeeds();
    host.root().run("jit disable shsd").exits(1).says("no file for shsd");
    host.root().run("jit disable sudo").succeeds().says("The change for ssh waits on");
    put_back(&host, &before);
    host.root().run("jit enable ssh && jit disable ssh").succeeds().does_not_say("waits on");
    host.root().run("jit confirm").exits(1).says("nothing waits");
    host.root().run("jit enable ssh && echo nonsense > /var/lib/jit-enable/pending.json && jit disable --all").succeeds();
    host.root().run("jit confirm").exits(1).says("nothing waits");
    is_as_before(&host, &before);
}

#[test]
fn without_systemd_it_is_watched_once_it_is_noted_and_before_anything_is_changed() {
    let host = installed();
    let before = files(&host);
    let looks = "#!/bin/sh\ntest -e /var/lib/jit-enable/pending.json && ! grep -q pam_jit /etc/pam.d/sudo && touch /root/in-order\nexec /usr/bin/setsid.true \"$@\"\n";
    host.write("/root/looks", looks);
    host.root().run("mv /usr/bin/setsid /usr/bin/setsid.true; install -m 0755 /root/looks /usr/bin/setsid").succeeds();
    let enable = "mv /run/systemd/system /run/systemd/away; jit enable sudo --confirm-within 1s; mv /run/systemd/away /run/systemd/system";
    host.root().run(enable).succeeds().says("Done, and tried.").says("a restart of this host puts nothing back");
    host.root().run("test -e /root/in-order").succeeds();
    put_back(&host, &before);
    // What cannot be watched is not changed, and does not wait.
    host.root().run("sed -i '2s/.*/case \"$*\" in *roll-back*) exit 1;; esac/' /usr/bin/setsid").succeeds();
    host.root().run(enable).says("setsid failed");
    host.root().run("jit confirm").exits(1).says("nothing waits");
    is_as_before(&host, &before);
}

#[test]
fn without_systemd_it_is_refused_where_the_way_back_would_end_with_a_grant() {
    let host = with_sshd();
    host.root().run("jit enable sudo && jit confirm --unproven").succeeds();
    let before = files(&host);
    host.grant("alice", "sudo", "carol");
    host.root().run("mv /run/systemd/system /run/systemd/away").succeeds();
    // Whoever enters a booted host does so from outside of its cgroups, and comes in by sshd else.
    let inside =
        "mkdir /sys/fs/cgroup/people; echo $$ > /sys/fs/cgroup/people/cgroup.procs; exec setpriv --reuid alice --regid alice --init-groups";
    let enable = host.root().run(&format!("{inside} sudo -n jit enable ssh"));
    enable.exits(1).says("nothing was changed: a grant let you in");
    assert_eq!(files(&host), before);
    host.root().run("jit enable ssh --confirm-within 1s").succeeds();
    put_back(&host, &before);
}

#[test]
fn observing_until_a_day_on_which_nobody_would_come_in_or_that_is_over_is_refused() {
    let host = installed();
    let before = files(&host);
    host.root().run("jit enable sudo --observe=2099-01-01").exits(2).says("more than 90 days ahead");
    host.root().run("jit enable sudo --observe=2020-01-01 --print").exits(2).says("2020-01-01 is over");
    assert_eq!(files(&host), before);
    host.root().run("jit enable sudo --observe=$(date -u -d '+89 days' +%F) --print").succeeds().says(" observe=20");
}

#[test]
fn lines_that_are_there_and_not_as_they_are_asked_for_are_no_success() {
    let host = installed();
    let before = files(&host);
    host.root().run("jit enable sudo --observe && jit confirm --unproven").succeeds();
    host.root().run("jit enable sudo").exits(1).says("they only observe, until 20").says("jit disable, then enable again");
    host.root().run("jit enable sudo --observe").succeeds().says("has our lines already");
    host.root().run("jit disable sudo && jit enable sudo && jit confirm --unproven").succeeds();
    host.root().run("jit enable sudo --ask").exits(1).says("they do not ask inside the prompt");
    host.root().run("jit enable sudo --observe").exits(1).says("they enforce");
    for (line, why) in [
        ("1i session sufficient pam_keyinit.so", "before our session line, which is then not always run"),
        ("/ enter/i session sufficient pam_permit.so", "before our last session line, which is then not always run"),
        ("1i account required pam_permit.so", "pam_permit.so stands before our account line"),
    ] {
        host.root().run(&format!("cp /etc/pam.d/sudo /root/sudo; sed -i '{line}' /etc/pam.d/sudo")).succeeds();
        host.root().run("jit enable sudo").exits(1).says(why).does_not_say("has our lines already");
        host.root().run("cp /root/sudo /etc/pam.d/sudo").succeeds();
    }
    host.root()
        .run("sed -i 's/^account  required  pam_jit/account optional pam_jit/' /etc/pam.d/sudo && jit enable sudo")
        .exits(1)
        .says("comes in all the same");
    host.root().run("jit disable sudo").succeeds();
    is_as_before(&host, &before);
}

#[test]
fn another_way_to_root_is_one_that_the_module_would_open_and_ssh_wants_one_too() {
    let host = with_sshd();
    let before = files(&host);
    let breakglass = "/etc/jit/breakglass";
    host.root().run("passwd -l root").succeeds();
    host.root().run("jit enable ssh").exits(1).says("root has no password, and /etc/jit/breakglass names nobody for sshd");
    let refused = |made: &str, why: &str| {
        host.root().run(made).succeeds();
        host.root().run("jit enable sudo").exits(1).says("nothing was changed").says(why).says("passwd root");
    };
    refused(&format!("umask 022; printf 'alice sudo\\ncarol sshd\\n' > {breakglass}"), "its mode is 0644, and must be 0600");
    refused(&format!("chmod 0600 {breakglass}; chown alice {breakglass}"), "it belongs to uid 1001");
    refused(&format!("chown root {breakglass}; mv {breakglass} /root/; ln -s /root/breakglass {breakglass}"), "symbolic link");
    refused(&format!("rm {breakglass}; install -m 0600 /dev/null {breakglass}; echo mallory sudo > {breakglass}"), "names nobody for sudo");
    refused(&format!("echo alice sudo, for now > {breakglass}"), "names nobody for sudo");
    assert_eq!(files(&host), before);
    host.root()
        .run(&format!("cat /root/breakglass > {breakglass}; jit enable ssh"))
        .succeeds()
        .says("Done. Now come in")
        .says("and not while it is up without a valid policy or a record")
        .does_not_say("tried");
    host.root().run("jit disable ssh && jit enable sudo").succeeds().says("Done, and tried.");
}

#[test]
fn roots_last_door_is_left_alone_and_opens_without_the_module_where_lines_are_put_in_as_it_is_said() {
    let host = installed();
    let before = files(&host);
    let refused = host.root().run("jit enable login").exits(2).says("login is the last door").text();
    assert_eq!(files(&host), before);
    let control = refused.split_once("with [").and_then(|(_, rest)| rest.split_once(']')).unwrap().0;
    let shut = "cp /etc/pam.d/login /root/; sed -i '1i account required pam_jit.so' /etc/pam.d/login";
    let warned = "Warning: root's last door: with required in its lines nobody, not even root, comes in by login";
    host.root().run(&format!("{shut}; jit enable sudo")).succeeds().says(warned);
    host.root().run("jit disable sudo; cp /root/login /etc/pam.d/; cp /etc/pam.d/su /root/su").succeeds();
    // As login would ask it, once the module is gone.
    for (control, opens) in [("required".to_owned(), false), (format!("[{control}]"), true)] {
        let lines = format!("account {control} pam_jit_gone.so\\nsession {control} pam_jit_gone.so");
        let comes_in = host.root().run(&format!("cp /root/su /etc/pam.d/su; sed -i '1i {lines}' /etc/pam.d/su; su root -c 'id -un'"));
        assert_eq!(comes_in.code == 0, opens, "{control}: {}", comes_in.text());
    }
}

/// What a package does before its files go.
const PRERM: &str = include_str!("../../packaging/deb/prerm");
const PREUN: &str = include_str!("../../packaging/rpm/preun.sh");

#[test]
fn lines_of_every_kind_and_behind_every_include_go_before_the_module_does() {
    let host = installed();
    let before = files(&host);
    host.write("/root/prerm", PRERM);
    host.write("/root/preun", PREUN);
    host.root().run("cp -a /etc/pam.d/su /root/su; echo account required pam_jit.so > /etc/elsewhere").succeeds();
    let removal = [("sh /root/prerm remove", "deb"), ("sh /root/preun 0", "rpm")];
    for (removal, _) in removal {
        host.root().run("cp -a /root/su /etc/pam.d/su; echo '@include /etc/elsewhere' >> /etc/pam.d/su").succeeds();
        host.root().run(removal).exits(1).says("lines of ours are left in /etc/elsewhere").says("stays installed");
        host.root().run("cp -a /root/su /etc/pam.d/su").succeeds();
        // Root's alone, as a folder of that name is no file that anybody comes in by.
        host.root()
            .run("printf 'auth required pam_jit.so\\npassword optional pam_jit.so\\n# pam_jit.so was here\\n' >> /etc/pam.d/su")
            .succeeds();
        host.root().run(removal).succeeds().says("Our lines are out of su.");
        host.root().run("tail -n 1 /etc/pam.d/su").says("# pam_jit.so was here");
        host.root().run("grep -E '^[^#]*pam_jit' /etc/pam.d/su").fails();
        host.root().run("cp -a /root/su /etc/pam.d/su").succeeds();
    }
    assert_eq!(files(&host), before);
}

#[test]
fn a_link_among_the_files_of_pam_stays_one() {
    let host = installed();
    let document = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/install.md")).unwrap();
    let rescue = document.lines().find(|line| line.starts_with("sed -i '/^[^#]*pam_jit")).unwrap();
    host.root()
        .run("mkdir /etc/own; mv /etc/pam.d/su /etc/own/su; ln -s /etc/own/su /etc/pam.d/su; jit enable sudo && jit confirm --unproven")
        .succeeds();
    host.root().run("echo 'account required pam_unix.so # behind pam_jit.so' >> /etc/pam.d/sudo").succeeds();
    host.root().run(rescue).succeeds();
    host.root()
        .run("test -L /etc/pam.d/su; tail -n 1 /etc/pam.d/sudo; ! grep pam-jit /etc/pam.d/sudo")
        .succeeds()
        .says("# behind pam_jit.so");
    host.user("alice").run("sudo -n id -un").succeeds().says("root");
    host.root().run("echo 'account required pam_jit.so' >> /etc/own/su; jit disable --all").succeeds().says("out of su");
    host.root().run("test -L /etc/pam.d/su && ! grep pam_jit /etc/own/su").succeeds();
}

#[test]
fn one_file_that_is_not_understood_keeps_no_other_from_being_as_before() {
    let host = installed();
    let before = files(&host);
    host.root().run("jit enable sudo && jit confirm --unproven").succeeds();
    // It comes before sudo, and its line goes on in the next.
    host.root().run(r"printf 'account required pam_jit.so \\\n  debug\n' > /etc/pam.d/cockpit").succeeds();
    let disabled = host.root().run("jit disable --all").exits(1);
    // What it says to do takes both halves of the line.
    let help = disabled.says("Our lines are out of sudo, sudo-i.").says("our lines stay in: pam.d/cockpit:").text();
    let by_hand = help.split_once("by hand: ").and_then(|(_, rest)| rest.split_once(" FILE")).unwrap().0;
    // A comment goes on nowhere, whatever it ends in, and what it says of us is not ours.
    let kept = "# see \\\nauth required pam_unix.so\naccount required pam_unix.so # behind pam_jit.so \\\nsession required pam_unix.so\n";
    host.write("/root/kept", kept);
    let marks = "printf '# >>> pam-jit: x\\naccount required pam_jit.so\\n# <<< pam-jit\\n' >> /etc/pam.d/cockpit";
    host.root().run(&format!("cat /root/kept >> /etc/pam.d/cockpit; {marks}; {by_hand} /etc/pam.d/cockpit")).succeeds();
    assert_eq!(host.read("/etc/pam.d/cockpit"), kept);
    host.root().run("rm /etc/pam.d/cockpit").succeeds();
    assert_eq!(files(&host), before);
}

#[test]
fn what_was_made_by_halves_is_not_confirmed() {
    let host = installed();
    host.root().run("jit enable sudo").succeeds();
    // As an enable leaves it that is ended between its two files.
    host.root().run("cp /var/lib/jit-enable/sudo-i.before /etc/pam.d/sudo-i").succeeds();
    host.root()
        .run("jit confirm --unproven")
        .exits(1)
        .says("nothing was confirmed: pam.d/sudo-i has not the lines")
        .says("jit enable sudo");
    host.root().run("jit disable sudo; jit enable sudo && jit confirm --unproven").succeeds().says("It stays");
}

#[test]
fn the_last_way_back_needs_no_lock_and_no_note_and_says_what_it_did() {
    let host = installed();
    let before = files(&host);
    let read_only = |path: &str| format!("mount --bind {path} {path} && mount -o remount,bind,ro {path}");
    host.root().run("jit enable sudo").succeeds();
    host.root().run(&read_only("/etc/pam.d")).succeeds();
    host.root().run("jit disable --all").exits(1).says("our lines stay in: /etc/pam.d/sudo: Read-only").says("first mount -o remount,rw /");
    let no_lock = "umount /etc/pam.d; rm /run/jit-enable.lock; mkdir /run/jit-enable.lock";
    host.root().run(&format!("{no_lock}; {}", read_only("/var/lib/jit-enable"))).succeeds();
    host.root().run("jit enable su").exits(1).says("the lock of the files of PAM");
    host.root()
        .run("jit disable --all")
        .succeeds()
        .says("Our lines are out of sudo, sudo-i.")
        .says("What waits to be confirmed could not be settled: Read-only");
    assert_eq!(files(&host), before);
    // What puts back finds nothing to do.
    host.root().run("umount /var/lib/jit-enable; rmdir /run/jit-enable.lock; jit roll-back").succeeds().says("was not changed");
    is_as_before(&host, &before);
}
