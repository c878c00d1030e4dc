//! Attempts to lock everybody out, each by an accident that happens. In each of them root gets in at the console, and a way
//! back that docs/install.md describes leads out.

use super::{another_deb, bring, files, gated, installed, stock, wait_for_jitd, works_again};
use jit_tests::{Host, is_full_run, wait_until};

const MODULE: &str = "/usr/lib/x86_64-linux-gnu/security/pam_jit.so";
const INSTALL_AGAIN: &str = "dpkg -i /root/pam-jit.deb";

/// A way back that the document describes: these words stand in it.
fn documented(way: &str) -> &str {
    let document = std::fs::read_to_string(super::project().join("docs/install.md")).unwrap();
    assert!(document.contains(way), "docs/install.md does not say: {way}");
    way
}

fn nobody_comes_in(host: &Host) {
    host.user("alice").run("sudo -n id -un").fails().does_not_say("root\n");
}

fn is_ungated(host: &Host, before: &str) {
    assert_eq!(files(host), before);
    host.user("alice").run("sudo -n id -un").succeeds().says("root");
}

#[test]
fn the_module_is_removed_by_hand() {
    let (host, before) = gated();
    host.root().run(&format!("rm {MODULE}")).succeeds();
    nobody_comes_in(&host);
    let mut console = host.console();
    let _ = console.types("jit doctor").fails("pam_jit.so is not there");
    let _ = console.types(documented("jit disable --all")).succeeds("out of sudo, sudo-i");
    is_ungated(&host, &before);
    let _ = console.types(INSTALL_AGAIN).succeeds("Unpacking");
    let _ = console.types("jit enable sudo && jit confirm --unproven").succeeds("It stays");
    works_again(&host);
}

#[test]
fn the_module_is_one_for_another_architecture() {
    if !is_full_run() {
        return;
    }
    let (host, _) = gated();
    // The machine in an ELF header is at byte 18; 183 is aarch64.
    host.root().run(&format!("printf '\\267\\000' | dd of={MODULE} bs=1 seek=18 conv=notrunc")).succeeds();
    nobody_comes_in(&host);
    let mut console = host.console();
    let _ = console.types("jit doctor").fails("cannot be loaded");
    let _ = console.types(INSTALL_AGAIN).succeeds("Setting up");
    works_again(&host);
}

#[test]
fn the_package_is_removed_by_halves() {
    if !is_full_run() {
        return;
    }
    let (host, before) = gated();
    host.root().run(&format!("rm /usr/bin/jit /usr/sbin/jitd {MODULE}")).succeeds();
    nobody_comes_in(&host);
    // It stays until the lines are out: with them and without it nobody would come in.
    host.root().run("dpkg --remove pam-jit").fails().says("pam-jit stays installed").says("/etc/pam.d/sudo-i");
    let mut console = host.console();
    let _ = console.types(documented(r"sed -i '/^[^#]*pam_jit\.so/d; /^# [<>]* pam-jit/d' $(grep -l pam_jit /etc/pam.d/*)")).succeeds("");
    is_ungated(&host, &before);
    let _ = console.types("dpkg --remove pam-jit").succeeds("Removing pam-jit");
    is_ungated(&host, &before);
}

#[test]
fn the_removal_is_cut_off_at_its_worst_moment() {
    if !is_full_run() {
        return;
    }
    let (mut host, before) = gated();
    // The files go, and the power with them, when our lines are out already.
    host.root().run("/var/lib/dpkg/info/pam-jit.prerm remove").succeeds();
    host.root().run(&format!("rm {MODULE} /usr/bin/jit; sync")).succeeds();
    host.power_cut();
    is_ungated(&host, &before);
    let mut console = host.console();
    let _ = console.types(INSTALL_AGAIN).succeeds("Setting up");
    let _ = console.types("jit enable sudo && jit confirm --unproven").succeeds("It stays");
    works_again(&host);
}

#[test]
fn the_policy_is_broken() {
    if !is_full_run() {
        return;
    }
    let (host, _) = gated();
    host.root().run("cp /etc/jit/policy.toml /root/; echo 'who = \"nonsense' >> /etc/jit/policy.toml; systemctl restart jitd").succeeds();
    nobody_comes_in(&host);
    let mut console = host.console();
    let _ = console.types(documented("jit policy check")).fails("/etc/jit/policy.toml:");
    let _ = console.types("cp /root/policy.toml /etc/jit/ && jit policy check && jit reload").succeeds("");
    works_again(&host);
}

#[test]
fn the_disk_is_full() {
    if !is_full_run() {
        return;
    }
    let host = installed();
    let before = files(&host);
    // Where the way back would be kept, and where the files of PAM are.
    for place in ["/var/lib/jit-enable", "/etc/pam.d"] {
        host.root()
            .run(&format!(
                "mkdir -p -m 0700 {place}; cp -a {place} /root/copy; mount -t tmpfs -o size=128k,mode=$(stat -c %a {place}) tmpfs {place}"
            ))
            .succeeds();
        host.root()
            .run(&format!("cp -a /root/copy/. {place}; rm -r /root/copy; dd if=/dev/zero of={place}/.full 2> /dev/null; true"))
            .succeeds();
        host.root().run("jit enable sudo").fails().says("No space left");
        assert_eq!(files(&host), before, "{place}");
        host.user("alice").run("sudo -n id -un").succeeds().says("root");
        let _ = host.console().types(&format!("umount {place}")).succeeds("");
    }
    // Enabled already, and then the record's disk is full: what is held works, and a revocation too; root gets in.
    host.root().run("jit enable sudo && jit confirm --unproven").succeeds();
    host.grant("alice", "sudo", "carol");
    host.root().run("systemctl stop jitd; cp -a /var/lib/jit /root/copy; mount -t tmpfs -o size=16m,mode=0700,uid=$(id -u jitd),gid=$(id -g jitd) tmpfs /var/lib/jit").succeeds();
    host.root()
        .run(
            "cp -a /root/copy/. /var/lib/jit; systemctl start jitd; sleep 1; dd if=/dev/zero of=/var/lib/jit/full bs=4k 2> /dev/null; true",
        )
        .succeeds();
    host.user("alice").run("sudo -n id -un").succeeds().says("root");
    host.user("bob").run("jit request sudo --reason INC-1").fails();
    let mut console = host.console();
    let _ = console.types("jit doctor").fails("MB are left under /var/lib/jit");
    let _ = console.types("rm /var/lib/jit/full").succeeds("");
    wait_until("jitd to come back by itself", || (host.user("bob").run("jit request sudo --reason INC-1").code == 0).then_some(()));
}

#[test]
fn the_directory_of_the_sockets_is_deleted() {
    if !is_full_run() {
        return;
    }
    let (host, _) = gated();
    host.root().run("rm -r /run/jit").succeeds();
    host.user("alice").run("sudo -n id -un").fails().says("the access daemon does not answer");
    let mut console = host.console();
    let _ = console.types("jit doctor").fails("/run/jit");
    let _ = console.types(documented("systemctl restart jitd.socket jitd-user.socket")).succeeds("");
    works_again(&host);
}

#[test]
fn enabling_with_the_default_policy_or_with_nobody_who_may_approve_is_refused() {
    let host = stock(|host| host);
    let before = files(&host);
    host.root().run(INSTALL_AGAIN).succeeds();
    host.root().run("jit enable sudo").exits(1).says("no rule for sudo");
    host.write(
        "/etc/jit/policy.toml",
        "version = 1\n[[grant]]\nname = \"x\"\nwho = [\"group:ops\"]\non = [\"sudo\"]\napprove = [{ by = [\"group:nobody-there\"] }]\n",
    );
    host.root().run("jit reload").succeeds();
    host.root().run("jit enable sudo").exits(1).says("somebody can approve");
    is_ungated(&host, &before);
    let _ = host.console().types("jit enable sudo").fails("nothing was changed");
}

#[test]
fn nobody_confirms() {
    if !is_full_run() {
        return;
    }
    let host = installed();
    let before = files(&host);
    host.root().run("jit enable sudo --confirm-within 5s").succeeds();
    nobody_comes_in(&host);
    drop(host.console());
    wait_until("everything to be put back", || (files(&host) == before).then_some(()));
    is_ungated(&host, &before);
}

#[test]
fn the_power_fails_in_the_middle_of_enabling() {
    let mut host = installed();
    let before = files(&host);
    // Cut at moments before, between and after its edits; the last one waits to be confirmed.
    let moments: &[&str] = if is_full_run() { &["0.01", "0.03", "0.06", "20"] } else { &["0.03", "20"] };
    for delay in moments {
        host.root().run(&format!("timeout -s KILL {delay} jit enable sudo --confirm-within 1h; sync"));
        host.power_cut();
        drop(host.console());
        wait_until("everything to be put back", || (files(&host) == before).then_some(()));
        is_ungated(&host, &before);
    }
}

#[test]
fn the_daemon_crashes_at_each_start() {
    let (host, _) = gated();
    host.root().run("echo nonsense > /etc/jit/jitd.toml; systemctl restart jitd").fails();
    let restarts = || host.root().run("systemctl show -P NRestarts jitd").stdout.trim().parse::<u32>().unwrap();
    wait_until("more starts than any limit of systemd's own", || (restarts() > 8).then_some(()));
    host.user("alice").run("sudo -n id -un").fails().says("the access daemon does not answer");
    host.root().run("systemctl is-active jitd.socket jitd-user.socket").succeeds();
    let mut console = host.console();
    let _ = console.types(documented("jitd --check")).fails("jitd.toml");
    let _ = console.types("rm /etc/jit/jitd.toml").succeeds("");
    // Nothing is to be started: the next start does it.
    wait_for_jitd(&host);
    works_again(&host);
}

#[test]
fn an_upgrade_fails_half_way() {
    if !is_full_run() {
        return;
    }
    let (host, _) = gated();
    host.grant("alice", "sudo", "carol");
    let goes_on = || host.user("alice").run("sudo -n id -un").succeeds().says("root");
    // Before its files are there; after them; and with a daemon that does not start.
    let fails_early = another_deb("0.3.0-1", "printf '#!/bin/sh\\nexit 1\\n' > DEBIAN/preinst; chmod 755 DEBIAN/preinst");
    let fails_late = another_deb("0.4.0-1", "printf '#!/bin/sh\\nexit 1\\n' > DEBIAN/postinst");
    let is_broken = another_deb("0.5.0-1", "printf '#!/bin/sh\\nexit 1\\n' > usr/sbin/jitd");
    for (deb, name) in [(&fails_early, "early"), (&fails_late, "late")] {
        bring(&host, deb, name);
        host.root().run(&format!("dpkg -i /root/{name}")).fails();
        let _ = goes_on();
    }
    bring(&host, &is_broken, "broken");
    host.root().run("dpkg -i /root/broken").fails();
    nobody_comes_in(&host);
    host.root().run("systemctl is-active jitd.socket").succeeds();
    let mut console = host.console();
    let _ = console.types("jit doctor").fails("jitd does not answer");
    let _ = console.types(INSTALL_AGAIN).succeeds("downgrading");
    let _ = goes_on();
}

#[test]
fn the_clock_is_ten_years_off_at_boot() {
    if !is_full_run() {
        return;
    }
    let (mut host, _) = gated();
    host.grant("alice", "sudo", "carol");
    let library = super::here("ls /usr/lib/*/faketime/libfaketime.so.1");
    std::fs::copy(library.trim(), host.path("/usr/lib/libfaketime.so.1")).unwrap();
    let with_clock = |host: &Host, off: &str| {
        let drop_in =
            format!("[Service]\nEnvironment=LD_PRELOAD=/usr/lib/libfaketime.so.1 FAKETIME={off} FAKETIME_DONT_FAKE_MONOTONIC=1\n");
        host.root().run("mkdir -p /etc/systemd/system/jitd.service.d").succeeds();
        host.write("/etc/systemd/system/jitd.service.d/clock.conf", &drop_in);
    };
    // A dead battery: the grant ends by the time that was left, so it is still there.
    with_clock(&host, "-3650d");
    host.power_cut();
    wait_for_jitd(&host);
    host.user("alice").run("sudo -n id -un").succeeds().says("root");
    drop(host.console());
    // Ten years ahead it is over, and a new one can be had.
    with_clock(&host, "+3650d");
    host.power_cut();
    wait_for_jitd(&host);
    works_again(&host);
    let mut console = host.console();
    let _ = console.types("rm /etc/systemd/system/jitd.service.d/clock.conf; systemctl daemon-reload; systemctl restart jitd").succeeds("");
    let _ = console.types("jit doctor").fails("events are from the future");
    wait_for_jitd(&host);
    host.user("alice").run("sudo -n id -un").succeeds().says("root");
}
