//! What is wrong with a host is found, one planted thing after the other, named with its remedy, and quiet after it.

use crate::enable::installed;
use jit_tests::Host;

/// A host on which everything is as it must be.
fn healthy() -> Host {
    let host = installed();
    let keys = "mkdir -p /run/sshd; ssh-keygen -A; echo 'UsePAM yes' > /etc/ssh/sshd_config";
    host.root().run(&format!("{keys}; chmod 0755 /etc/jit; jit enable sudo; jit confirm --unproven; jit enable su; jit confirm --unproven; jit enable ssh; jit confirm --unproven")).succeeds();
    host
}

/// Plants something, sees it found, follows a remedy, and sees it gone.
fn finds(host: &Host, plant: &str, found: &str, remedy: &str) {
    let _ = said(host, plant, found);
    is_quiet_after(host, found, remedy);
}

/// The same, with the remedy that is printed, pasted into a shell as it is.
fn finds_and_is_believed(host: &Host, plant: &str, found: &str) {
    let remedy = said(host, plant, found);
    is_quiet_after(host, found, &remedy);
}

/// Plants something, sees it found, and returns the remedy that is printed with it.
fn said(host: &Host, plant: &str, found: &str) -> String {
    host.root().run(plant).succeeds();
    let said = host.root().run("jit doctor").exits(1).says(found);
    let line = said.text().lines().find(|line| line.contains(found)).unwrap_or_default().to_owned();
    assert!(line.starts_with("NOT OK"), "{line}");
    line.split_once(". To do: ").unwrap_or_else(|| panic!("no remedy: {line}")).1.to_owned()
}

fn is_quiet_after(host: &Host, found: &str, remedy: &str) {
    host.root().run(remedy).succeeds();
    host.root().run("jit doctor").succeeds().does_not_say(found).does_not_say("NOT OK");
}

#[test]
fn a_healthy_host_satisfies_it_in_words_and_as_json() {
    let host = healthy();
    host.root()
        .run("jit doctor")
        .succeeds()
        .does_not_say("NOT OK")
        .says("pam.d/sudo-i: our lines are where they must be")
        .says("another sshd: sshd -f /etc/ssh/test_sshd_config (process ")
        .says("policy's age: in force since 20")
        .says("console log-ins: root's by login are never asked; nobody's are by login");
    let said = host.root().run("jit doctor --json").succeeds().json();
    let checks = said["checks"].as_array().unwrap();
    assert!(checks.len() > 15 && checks.iter().all(|check| check["ok"] == true), "{said}");
    assert_eq!(checks[0].as_object().unwrap().keys().collect::<Vec<_>>(), ["name", "ok", "found", "remedy"]);
    host.user("alice").run("jit doctor").exits(1).says("only root");
}

#[test]
fn what_is_wrong_with_the_files_of_pam_is_found() {
    let host = healthy();
    let again = |service: &str| format!("jit disable {service}; jit enable {service}; jit confirm --unproven");
    let module = "$(dirname $(find /usr/lib -name pam_unix.so))/pam_jit.so";
    finds(&host, &format!("mv {module} /root/"), "pam_jit.so is not there", &format!("mv /root/pam_jit.so {module}"));
    finds(&host, &format!("cp {module} /root/; echo x > {module}"), "cannot be loaded", &format!("mv /root/pam_jit.so {module}"));
    finds(&host, "sed -i '/^account.*pam_jit/d' /etc/pam.d/sudo", "pam.d/sudo: the line \"account\" is missing", &again("sudo"));
    finds(
        &host,
        "sed -i '/pam_jit.so enter/d' /etc/pam.d/sudo-i",
        "pam.d/sudo-i: the line \"session ... enter\" is missing",
        &again("sudo"),
    );
    finds(&host, "jit disable sudo-i", "pam.d/sudo-i: the line \"account\" is missing", &again("sudo"));
    // As dpkg does where its question about a changed file is answered with Y: the file is the package's again.
    for (service, enable) in [("sshd", "ssh"), ("sudo", "sudo")] {
        let replaced = format!("jit disable {enable}");
        finds_and_is_believed(&host, &replaced, &format!("pam.d/{service}: it has no lines of ours, and the policy has rules for it"));
        host.root().run("jit confirm --unproven").succeeds();
    }
    finds(
        &host,
        "sed -i '1a account sufficient pam_permit.so' /etc/pam.d/sshd",
        "pam_permit.so stands before our account line",
        "sed -i /pam_permit/d /etc/pam.d/sshd",
    );
    finds(
        &host,
        "echo 'session optional pam_echo.so' >> /etc/pam.d/sshd",
        "pam_echo.so stands behind our last session line",
        "sed -i /pam_echo/d /etc/pam.d/sshd",
    );
    finds(
        &host,
        "sed -i '1i session sufficient pam_keyinit.so revoke' /etc/pam.d/sshd",
        "sufficient pam_keyinit.so revoke stands before our session line, which is then not always run",
        "sed -i '1s/sufficient/optional/' /etc/pam.d/sshd",
    );
    host.root().run("sed -i 1d /etc/pam.d/sshd").succeeds();
    finds_and_is_believed(
        &host,
        "sed -i '1i session required pam_keyinit.so revoke' /etc/pam.d/sudo",
        "required pam_keyinit.so revoke stands before our session line: where it fails, sudo goes on whatever ours says",
    );
    host.root().run("jit confirm --unproven; sed -i '/required pam_keyinit/d' /etc/pam.d/sudo").succeeds();
    finds_and_is_believed(&host, "echo 'account required pam_jit.so' >> /etc/pam.d/su", "pam.d/su: the line \"account\" is there 2 times");
    host.root().run("jit confirm --unproven").succeeds();
    finds(
        &host,
        "sed -i 's/^account  required  pam_jit/account [success=ok authinfo_unavail=ignore default=die] pam_jit/' /etc/pam.d/su",
        "has no ignore=ignore: root's own calls are denied",
        &again("su"),
    );
    finds(&host, "sed -i 's/required  pam_jit/optional pam_jit/' /etc/pam.d/su", "whoever is denied comes in all the same", &again("su"));
    finds(&host, "sed -i 's/pam_jit.so$/pam_jit.so quite/' /etc/pam.d/su", "\"quite\" is no argument of ours", &again("su"));
    finds(&host, "sed -i 's/pam_jit.so$/pam_jit.so observe=2099-01-01/' /etc/pam.d/su", "more than 90 days ahead", &again("su"));
    finds(&host, "echo 'UsePAM no' > /etc/ssh/sshd_config", "UsePAM is not yes", "echo 'UsePAM yes' > /etc/ssh/sshd_config");
    finds(
        &host,
        "sed -i \"s/pam_jit.so enter$/pam_jit.so enter observe=$(date -d +9days +%F)/\" /etc/pam.d/su",
        "not all of our lines have the same observe=",
        &again("su"),
    );
    let strict = "cp /etc/jit/policy.toml /root/; sed -i '0,/approve/s/approve/session = { require = \"cgroup\" }\\napprove/' /etc/jit/policy.toml; jit reload";
    host.root().run("jit disable su; jit enable su; jit doctor").says("ok      unconfirmed change: the one for su is put back in ");
    let due = "unconfirmed change: the time of the one for su is over, and it was not put back";
    let not_watched = "systemctl stop jit-rollback.path jit-rollback.service";
    let over = "sed -i 's/\"until\": [0-9]*/\"until\": 0/' /var/lib/jit-enable/pending.json";
    let remedy = said(&host, &format!("{not_watched}; {over}"), due);
    is_quiet_after(&host, due, &format!("{remedy}\njit enable su && jit confirm --unproven"));
    finds(
        &host,
        &format!("{strict}; sed -i '/pam_jit.so enter/d' /etc/pam.d/sudo"),
        "rule ops-root wants a cgroup (require), and without a last session line that enforces nobody's session gets one",
        &format!("cp /root/policy.toml /etc/jit/; jit reload; {}", again("sudo")),
    );
    // Whichever file has our lines.
    host.root()
        .run(r#"cp /etc/jit/policy.toml /root/; sed -i '0,/on *= \[/s/on *= \[/&"cockpit", /' /etc/jit/policy.toml; jit reload"#)
        .succeeds();
    let cockpit = "printf 'account required pam_unix.so\\nsession required pam_unix.so\\n' > /etc/pam.d/cockpit; jit enable cockpit";
    host.root().run(&format!("{cockpit}; jit confirm --unproven; jit doctor")).succeeds().says("ok      pam.d/cockpit");
    finds_and_is_believed(
        &host,
        "sed -i '/pam_jit.so enter/d' /etc/pam.d/cockpit",
        "pam.d/cockpit: the line \"session ... enter\" is missing",
    );
    host.root()
        .run("jit confirm --unproven; jit disable cockpit; rm /etc/pam.d/cockpit; cp /root/policy.toml /etc/jit/; jit reload")
        .succeeds();
    finds(
        &host,
        "printf 'UsePAM no\\nPort 2222\\nPidFile /run/two.pid\\n' > /etc/ssh/two; $(command -v sshd) -f /etc/ssh/two",
        "sshd -f /etc/ssh/two (process",
        "kill $(cat /run/two.pid); rm /etc/ssh/two; while [ -e /run/two.pid ]; do sleep 0.1; done",
    );
    finds(&host, "jit disable --all", "no service has our lines", "for s in sudo su ssh; do jit enable $s; jit confirm --unproven; done");
}

#[test]
fn what_is_wrong_with_the_daemon_and_the_host_is_found() {
    let host = healthy();
    finds(&host, "echo 'Defaults:alice !pam_session' > /etc/sudoers.d/x", "!pam_session for alice", "rm /etc/sudoers.d/x");
    finds_and_is_believed(&host, "systemctl stop jitd jitd.socket jitd-user.socket", "jitd does not answer:");
    finds_and_is_believed(
        &host,
        "systemctl disable jitd",
        "not started again: jitd.socket, jitd-user.socket, jitd.service, jit-rollback.path",
    );
    finds_and_is_believed(&host, "systemctl disable jit-rollback.path", "not started again: jit-rollback.path");
    // Debian's libc brings this source, which is of no use without a configuration.
    finds(
        &host,
        "cp /etc/nsswitch.conf /root/; sed -i 's/^group:.*/group: files hesiod/' /etc/nsswitch.conf",
        "the source hesiod does not answer",
        "mv /root/nsswitch.conf /etc/",
    );
    finds_and_is_believed(&host, "chmod 0777 /run/jit", "the mode of /run/jit is 0777");
    finds_and_is_believed(&host, "chown 1001 /run/jit/pam.sock", "/run/jit/pam.sock belongs to uid 1001");
    finds_and_is_believed(&host, "rm -r /run/jit", "/run/jit: No such file");
    finds_and_is_believed(&host, "install -m 0644 /dev/null /etc/jit/breakglass", "the mode of /etc/jit/breakglass is 0644");
    // By a group that jitd is in it reads the policy, as it would be started with it.
    let by_group = "groupadd jitpolicy; gpasswd -a jitd jitpolicy; chgrp jitpolicy /etc/jit/policy.toml; chmod 0640 /etc/jit/policy.toml";
    host.root().run(&format!("{by_group}; jit doctor")).succeeds();
    finds(
        &host,
        "gpasswd -d jitd jitpolicy",
        "it is valid for root, and not for the user jitd",
        "chgrp root /etc/jit/policy.toml; chmod 0644 /etc/jit/policy.toml",
    );
    finds_and_is_believed(&host, "chmod 0666 /etc/jit/jitd.toml", "the mode of /etc/jit/jitd.toml is 0666");
    finds_and_is_believed(&host, "cp /etc/jit/policy.toml /root/; echo '# edited' >> /etc/jit/policy.toml", "it is not the one on disk");
    finds(
        &host,
        "echo nonsense >> /etc/jit/policy.toml",
        "it is not valid: 1 to mend",
        "cp /root/policy.toml /etc/jit/policy.toml; jit reload",
    );
    finds_and_is_believed(
        &host,
        "cp -p /etc/shadow /root/; usermod -p '$6$x$y' root; jit disable su",
        "root by su: whoever knows root's password is root by su",
    );
    host.root().run("jit confirm --unproven; cp -p /root/shadow /etc/shadow").succeeds();
    finds_and_is_believed(&host, "groupadd docker; gpasswd -a bob docker", "bob in docker");
    let polkit = "/usr/share/dbus-1/system-services/org.freedesktop.PolicyKit1.service";
    let rules = "mkdir -p /etc/polkit-1/rules.d; echo 'polkit.addAdminRule(function() { return [\"unix-group:wheel\"]; });'";
    finds_and_is_believed(
        &host,
        &format!(
            "mkdir -p $(dirname {polkit}); touch {polkit}; groupadd wheel; gpasswd -a bob wheel; {rules} > /etc/polkit-1/rules.d/50-default.rules"
        ),
        "administrators of polkit: bob in wheel",
    );
    // It looks each second.
    let until = |value: u8| format!("until jit metrics | grep -q '^jit_breakglass_unread {value}'; do sleep 0.1; done");
    finds(
        &host,
        &format!("touch /var/log/jit-breakglass; chmod 0750 /var/log; {}", until(1)),
        "not on record: /var/log/jit-breakglass: Permission denied",
        &format!("chmod 0755 /var/log; {}", until(0)),
    );
    host.root().run("journalctl -t jitd -o cat").says("store.failed why=\"who comes in by the break-glass file is not on record");
    let shared = "systemctl restart jitd; stat -c %U:%G:%a /var/log/jit-breakglass";
    host.root().run(shared).succeeds().says("root:jitd:640");
    let remedy = said(&host, &format!("chmod 0600 /var/log/jit-breakglass; {}", until(1)), "Permission denied");
    is_quiet_after(&host, "Permission denied", &format!("{remedy}\n{}", until(0)));
    finds_and_is_believed(&host, "chmod 0644 /var/log/jit-breakglass", "/var/log/jit-breakglass is not root's own, 0640");
    finds_and_is_believed(&host, "mount -o remount,hidepid=2 /proc", "it is mounted with hidepid");
    finds(&host, "mount -t tmpfs -o size=1m,mode=0700,uid=900 tmpfs /var/lib/jit", "MB are left under /var/lib/jit", "umount /var/lib/jit");
    finds(&host, "mv /dev/log /dev/log.away", "/dev/log is no socket", "mv /dev/log.away /dev/log");
    let takes = |lost: u8| format!("until jit metrics | grep -q '^jit_syslog_lost {lost}'; do sleep 0.1; done");
    finds(
        &host,
        &format!("printf '[syslog]\\nsocket = \"/run/log\"\\n' > /etc/jit/jitd.toml; systemctl restart jitd; {}", takes(1)),
        "/run/log does not take them",
        &format!(": > /etc/jit/jitd.toml; systemctl restart jitd; {}", takes(0)),
    );
    let read_only = "mount --bind /var/lib/jit /var/lib/jit && mount -o remount,bind,ro /var/lib/jit && systemctl restart jitd";
    finds(&host, read_only, "there is no record that can be used, so nobody is let in", "umount /var/lib/jit; systemctl restart jitd");
}
