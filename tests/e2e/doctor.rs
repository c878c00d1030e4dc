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
    host.root().run("jit doctor").succeeds().does_not_say("NOT OK").says("pam.d/sudo-i: our lines are where they must be");
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
    finds(&host, "jit disable --all", "no service has our lines", "for s in sudo su ssh; do jit enable $s; jit confirm --unproven; done");
}

#[test]
fn what_is_wrong_with_the_daemon_and_the_host_is_found() {
    let host = healthy();
    finds(&host, "echo 'Defaults:alice !pam_session' > /etc/sudoers.d/x", "!pam_session for alice", "rm /etc/sudoers.d/x");
    finds_and_is_believed(&host, "systemctl stop jitd jitd.socket jitd-user.socket", "jitd does not answer:");
    finds_and_is_believed(&host, "systemctl disable jitd", "not started again: jitd.socket, jitd-user.socket, jitd.service");
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
    finds_and_is_believed(&host, "chmod 0666 /etc/jit/jitd.toml", "the mode of /etc/jit/jitd.toml is 0666");
    finds_and_is_believed(&host, "cp /etc/jit/policy.toml /root/; echo '# edited' >> /etc/jit/policy.toml", "it is not the one on disk");
    finds(
        &host,
        "echo nonsense >> /etc/jit/policy.toml",
        "it is not valid: 1 to mend",
        "cp /root/policy.toml /etc/jit/policy.toml; jit reload",
    );
    finds_and_is_believed(&host, "groupadd docker; gpasswd -a bob docker", "bob in docker");
    finds_and_is_believed(&host, "mount -o remount,hidepid=2 /proc", "it is mounted with hidepid");
    finds(&host, "mount -t tmpfs -o size=1m,mode=0700,uid=900 tmpfs /var/lib/jit", "MB are left under /var/lib/jit", "umount /var/lib/jit");
    finds(&host, "mv /dev/log /dev/log.away", "/dev/log is no socket", "mv /dev/log.away /dev/log");
}
