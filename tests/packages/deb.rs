//! The .deb on a booted Debian.

use super::{another_deb, bring, files, here, installed, package, stock, units, works_again};
use jit_tests::{POLICY, wait_until};

#[test]
fn installed_used_upgraded_disabled_removed_and_purged_the_files_of_pam_are_byte_for_byte_as_before() {
    let host = stock(|host| host);
    let before = files(&host);
    host.root().run("dpkg -i /root/pam-jit.deb").succeeds();
    assert_eq!(files(&host), before, "installing touches no PAM file");
    // It starts, and lets nobody in; so nothing can be put behind it yet.
    host.root().run("systemctl is-active jitd.service jitd.socket jitd-user.socket jit-rollback.path").succeeds();
    host.root().run("systemctl is-enabled jitd.service jitd.socket jitd-user.socket jit-rollback.path").succeeds();
    host.root().run("stat -c '%U %G %a' /var/log/jit-breakglass").says("root jitd 640");
    host.root().run("jit enable sudo").exits(1).says("no rule for sudo");
    host.user("alice").run("sudo -n id -un").succeeds().says("root");

    host.write("/etc/jit/policy.toml", POLICY);
    // As docs/install.md rolls out: it observes first, which nobody can prove; then it enforces.
    host.root().run("jit reload && jit enable sudo --observe").succeeds();
    host.user("alice").run("sudo -n jit confirm").exits(1).says("you did not come in through the new lines");
    host.root().run("jit confirm --unproven").succeeds().says("It stays");
    host.user("alice").run("sudo -n id -un").succeeds().says("root");
    host.root().run("jit disable sudo && jit enable sudo").succeeds();
    works_again(&host);
    host.user("alice").run("sudo -n jit confirm").succeeds().says("It stays");
    let gated = files(&host);

    // Open sessions and pending requests live through an upgrade, and so do the sockets.
    let mut open = host.user("alice").terminal("sudo -n sh -c 'echo in; read x; id -un'");
    open.expect("in");
    let pending = host.user("bob").run("jit request sudo --reason INC-43 --json").succeeds().json()["id"].as_str().unwrap().to_owned();
    let sockets = || host.root().run("stat -c '%n %i' /run/jit/*.sock").succeeds().stdout;
    let (sockets_before, session) = (sockets(), host.root().run("jit list --active --json").json()["sessions"].clone());
    assert_eq!(session.as_array().unwrap().len(), 1, "{session}");
    let newer = another_deb("0.2.0-1", "true");
    bring(&host, &newer, "newer.deb");
    let pid = || host.root().run("systemctl show -P MainPID jitd").stdout;
    let old = pid();
    host.root().run("dpkg -i /root/newer.deb").succeeds();
    assert_ne!(pid(), old, "the new daemon runs");
    host.root().run("dpkg-query -W -f '${Version} ${Status}' pam-jit").says("0.2.0-1 install ok installed");
    assert_eq!(sockets(), sockets_before);
    assert_eq!(files(&host), gated);
    assert_eq!(host.root().run("jit list --active --json").json()["sessions"], session);
    host.user("carol").run(&format!("jit approve {pending}")).succeeds();
    host.user("bob").run("sudo -n id -un").succeeds().says("root");
    open.type_line("");
    open.expect("root");
    assert_eq!(open.finish().code, 0);

    // Removal takes the lines out by itself; the record stays until the purge, and then a copy of it.
    host.root().run("dpkg --remove pam-jit").succeeds().says("Our lines are out of sudo, sudo-i.");
    assert_eq!(files(&host), before);
    host.user("frank").run("sudo -n id -un").fails().does_not_say("jit");
    host.user("alice").run("sudo -n id -un").succeeds().says("root");
    host.root().run("ls /var/lib/jit/events.db /etc/jit/policy.toml").succeeds();
    host.root().run("ls /usr/bin/jit /usr/sbin/jitd /run/jit/pam.sock; systemctl is-active jitd.socket").fails();
    host.root().run("dpkg --purge pam-jit").succeeds().says("The record of pam-jit is in /var/backups/pam-jit-");
    host.root().run("ls -d /var/lib/jit /etc/jit /run/jit").fails().does_not_say("/var/lib/jit\n");
    assert_eq!(files(&host), before);
    host.root().run("stat -c '%a %U' /var/backups/pam-jit-*.tar.gz").says("600 root");
    host.root().run("mkdir /root/r && tar -C /root/r -xzf /var/backups/pam-jit-*.tar.gz").succeeds();
    let jit = "$(echo /var/tmp/jit-world-*/built/jit)";
    host.root().run(&format!("{jit} audit verify --file /root/r/var/lib/jit/events.db")).succeeds();
    assert_eq!(host.read("/root/r/etc/jit/policy.toml"), POLICY, "what the rules were");
    host.root().run("systemctl --failed --no-legend").does_not_say("jit");
}

#[test]
fn where_no_copy_of_the_record_can_be_made_a_purge_removes_nothing_of_it_and_says_so() {
    let host = installed();
    host.grant("alice", "sudo", "carol");
    host.root().run("mkdir -p /var/backups && mount -t tmpfs -o size=4k tmpfs /var/backups").succeeds();
    host.root().run("dpkg --purge pam-jit").fails().says("/var/lib/jit stays");
    host.root().run("ls /var/lib/jit/events.db /etc/jit/policy.toml").succeeds();
    host.root().run("umount /var/backups; dpkg --purge pam-jit").succeeds();
    host.root().run("ls /var/lib/jit").fails();
    host.root().run("ls /etc/jit").fails();
    // Installed again it begins anew, as on the first day.
    host.root().run("dpkg -i /root/pam-jit.deb && jit status && jit policy check").succeeds().says("it has no rule and lets nobody in");
    // A policy that somebody took away stays away.
    host.root().run("rm /etc/jit/policy.toml && dpkg -i /root/pam-jit.deb && ls /etc/jit/policy.toml").fails();
}

#[test]
fn a_purge_copies_a_record_that_lies_elsewhere_by_a_link_and_leaves_what_is_there() {
    let host = installed();
    host.root()
        .run(
            "systemctl stop jitd jitd.socket jitd-user.socket && mkdir '/srv/a disk' && mount -t tmpfs -o size=8m tmpfs '/srv/a disk' && \
              mv /var/lib/jit/* '/srv/a disk/' && rmdir /var/lib/jit && ln -s '/srv/a disk' /var/lib/jit",
        )
        .succeeds();
    let purged = host.root().run("dpkg --purge pam-jit").succeeds();
    purged
        .says("The record of pam-jit is in /var/backups/pam-jit-")
        .says("what it led to stays, in /srv/a disk")
        .does_not_say("it is empty");
    host.root().run("tar -tzf /var/backups/pam-jit-*.tar.gz").says("srv/a disk/events.db");
    host.root().run("ls '/srv/a disk/events.db'").succeeds();
    host.root().run("ls -d /var/lib/jit").fails();
}

#[test]
fn a_purge_empties_a_file_system_of_the_records_own() {
    let host = installed();
    let own =
        "mv /var/lib/jit /srv/jit && mkdir /var/lib/jit && mount -t tmpfs -o size=8m tmpfs /var/lib/jit && cp -a /srv/jit/. /var/lib/jit/";
    host.root().run(&format!("systemctl stop jitd jitd.socket jitd-user.socket && {own}")).succeeds();
    let purged = host.root().run("dpkg --purge pam-jit").succeeds();
    purged.says("The record of pam-jit is in /var/backups/pam-jit-").says("/var/lib/jit is a file system of its own, and stays");
    host.root().run("mountpoint /var/lib/jit && [ -z \"$(ls -A /var/lib/jit)\" ] && dpkg -i /root/pam-jit.deb && jit status").succeeds();
}

#[test]
fn an_upgrade_over_a_policy_that_is_not_valid_leaves_the_jitd_that_runs_and_says_so() {
    let host = installed();
    host.root().run("jit enable sudo && jit confirm --unproven").succeeds();
    host.grant("alice", "sudo", "carol");
    host.root().run("cp /etc/jit/policy.toml /root/ && echo 'who = \"nonsense' >> /etc/jit/policy.toml").succeeds();
    let newer = another_deb("0.2.0-1", "true");
    bring(&host, &newer, "newer.deb");
    let pid = || host.root().run("systemctl show -P MainPID jitd").stdout;
    let old = pid();
    host.root().run("dpkg -i /root/newer.deb").succeeds().says("is not valid for jitd, so it was not restarted");
    assert_eq!(pid(), old);
    host.user("alice").run("sudo -n id -un").succeeds().says("root");
    // Valid, and root's alone to read.
    host.root().run("cp /root/policy.toml /etc/jit/ && chmod 0600 /etc/jit/policy.toml && jit policy check").succeeds();
    host.root().run("dpkg -i /root/newer.deb").succeeds().says("is not valid for jitd, so it was not restarted");
    assert_eq!(pid(), old);
    host.root().run("jit doctor").exits(1).says("it is valid for root, and not for the user jitd");
    host.root().run("chmod 0644 /etc/jit/policy.toml && dpkg -i /root/newer.deb").succeeds();
    assert_ne!(pid(), old);
    host.user("alice").run("sudo -n id -un").succeeds().says("root");
}

#[test]
fn a_record_and_a_policy_outlive_a_removal_and_serve_again_after_it() {
    let host = installed();
    host.root().run("jit enable sudo && jit confirm --unproven").succeeds();
    host.grant("alice", "sudo", "carol");
    host.root().run("dpkg --remove pam-jit && dpkg -i /root/pam-jit.deb").succeeds();
    host.root().run("jit enable sudo && jit confirm --unproven").succeeds();
    host.user("alice").run("sudo -n id -un").succeeds().says("root");
    host.user("bob").run("sudo -n id -un").fails().says("jit: no grant for sudo");
}

#[test]
fn after_a_boot_the_sockets_are_there_before_anybody_can_be_asked() {
    let mut host = installed();
    host.root().run("jit enable sudo && jit confirm --unproven").succeeds();
    host.grant("alice", "sudo", "carol");
    host.power_cut();
    host.user("alice").run("sudo -n id -un").succeeds().says("root");
    let order = host.root().run("systemctl show -P Before jitd.service jitd.socket").stdout;
    assert!(order.contains("ssh.service") && order.contains("display-manager.service"), "{order}");
    wait_until("the boot to be over", || host.root().run("systemctl is-system-running").stdout.contains("running").then_some(()));
}

#[test]
fn lintian_finds_nothing_that_an_override_does_not_explain() {
    let said = here(&format!("lintian --allow-root --fail-on error,warning --no-tag-display-limit {}", package(".deb").display()));
    assert_eq!(said.lines().filter(|line| line.starts_with(['E', 'W'])).count(), 0, "{said}");
    let overrides = std::fs::read_to_string(super::project().join("packaging/deb/lintian-overrides")).unwrap();
    let mut explained = false;
    for line in overrides.lines() {
        assert!(line.starts_with('#') || line.is_empty() || explained, "no comment says why: {line}");
        explained = line.starts_with('#');
    }
}

#[test]
fn what_the_package_holds_is_root_s_in_the_right_place_stripped_and_compressed() {
    let listed = here(&format!("dpkg-deb -c {}", package(".deb").display()));
    for (mode, path) in [
        ("-rw-r--r--", "./usr/lib/x86_64-linux-gnu/security/pam_jit.so"),
        ("-rwxr-xr-x", "./usr/sbin/jitd"),
        ("-rwxr-xr-x", "./usr/bin/jit"),
        ("-rw-r--r--", "./usr/share/man/man1/jit-enable.1.gz"),
        ("-rw-r--r--", "./usr/share/man/man8/jitd.8.gz"),
        ("-rw-r--r--", "./usr/share/man/man8/pam_jit.8.gz"),
        ("-rw-r--r--", "./usr/share/bash-completion/completions/jit"),
        ("-rw-r--r--", "./usr/share/zsh/vendor-completions/_jit"),
        ("-rw-r--r--", "./usr/share/fish/vendor_completions.d/jit.fish"),
        ("-rw-r--r--", "./usr/lib/systemd/system/jitd.service"),
        ("-rw-r--r--", "./usr/lib/systemd/system/jitd-user.socket"),
        ("-rw-r--r--", "./usr/lib/sysusers.d/jit.conf"),
        ("-rw-r--r--", "./usr/lib/tmpfiles.d/jit.conf"),
        ("-rw-r--r--", "./usr/share/pam-jit/policy.default.toml"),
        ("-rw-r--r--", "./usr/share/doc/pam-jit/examples/policy.example.toml"),
        ("-rw-r--r--", "./usr/share/doc/pam-jit/copyright"),
        ("-rw-r--r--", "./usr/share/doc/pam-jit/changelog.gz"),
        ("-rw-r--r--", "./usr/share/doc/pam-jit/install.md"),
    ] {
        let line = listed.lines().find(|line| line.ends_with(path)).unwrap_or_else(|| panic!("{path} is not in\n{listed}"));
        assert!(line.starts_with(mode) && line.contains(" 0/0 "), "{line}");
    }
    assert!(!listed.contains("pam.d") && !listed.contains("pam-configs"), "{listed}");
    for unit in units() {
        assert!(listed.contains(&format!("./usr/lib/systemd/system/{unit}\n")), "{unit} is not in\n{listed}");
    }
    // Without libgcc's unwinder the programs do not run; cargo-deb leaves it to what libc6 depends on.
    let depends = here(&format!("dpkg-deb -f {} Depends", package(".deb").display()));
    for wanted in ["libc6 (>= ", "libpam0g (>= ", "libgcc-s1"] {
        assert!(depends.contains(wanted), "{depends}");
    }
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path().display();
    let sections = here(&format!(
        "dpkg-deb -x {} {at} && for f in usr/bin/jit usr/sbin/jitd usr/lib/*/security/pam_jit.so; do readelf -SW {at}/$f; done",
        package(".deb").display()
    ));
    assert!(sections.contains(".text") && !sections.contains(".symtab") && !sections.contains(".debug_"), "{sections}");
}
