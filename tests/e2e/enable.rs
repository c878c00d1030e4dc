//! Putting the gate before a service, as a careful engineer changes a router: on a booted Debian, with stock PAM files.

use jit_tests::{Host, PASSWORD, Plan, wait_until};

/// A host with everything installed, and no line of ours in any PAM file.
fn installed_with(plan: impl FnOnce(Plan) -> Plan) -> Host {
    let host = Host::with(|host| plan(host.people().systemd().units().services(&[]))).start();
    let module = "cp /var/tmp/jit-world-*/built/libpam_jit.so $(dirname $(find /usr/lib -name pam_unix.so))/pam_jit.so";
    host.root().run(&format!("{module}; echo root:{PASSWORD} | chpasswd; systemctl enable -q --now jitd jit-rollback.path")).succeeds();
    host
}

pub fn installed() -> Host {
    installed_with(|host| host)
}

pub fn files(host: &Host) -> String {
    host.root().run("cd /etc/pam.d; stat -c '%n %a %u %g' *; sha256sum *").succeeds().stdout
}

/// Everybody still gets in, as before.
pub fn is_as_before(host: &Host, before: &str) {
    assert_eq!(files(host), before);
    host.user("alice").run("sudo -n id -un").succeeds().says("root");
}

#[test]
fn enabled_proved_confirmed_and_disabled_the_files_are_byte_for_byte_as_before() {
    let host = installed();
    let before = files(&host);
    is_as_before(&host, &before);
    host.root()
        .run("jit enable sudo")
        .succeeds()
        .says("/etc/pam.d/sudo-i:")
        .says("first:  account  required  pam_jit.so")
        .says("jit confirm");
    host.user("alice").run("sudo -n id -un").fails().says("jit: no grant for sudo");
    host.user("alice").run("sudo -n -i id -un").fails().says("jit: no grant for sudo");
    host.root().run("jit confirm").exits(1).says("you did not come in through the new lines");
    host.grant("alice", "sudo", "carol");
    host.user("alice").run("sudo -n jit confirm").succeeds().says("It stays. Undo: jit disable sudo");
    host.root().run("jit confirm").exits(1).says("nothing waits");
    host.root().run("jit enable sudo").succeeds().says("has our lines already");
    host.root().run("jit disable sudo").succeeds().says("out of sudo, sudo-i");
    is_as_before(&host, &before);
    host.root().run("jit disable --all").succeeds().says("No file of pam.d had our lines.");
}

#[test]
fn what_nobody_confirms_is_put_back_when_its_time_is_over() {
    let host = installed();
    let before = files(&host);
    host.root().run("jit enable sudo --confirm-within 5s").succeeds();
    host.user("alice").run("sudo -n id -un").fails().says("jit: no grant for sudo");
    wait_until("everything to be put back", || (files(&host) == before).then_some(()));
    is_as_before(&host, &before);
    host.root().run("jit confirm").exits(1).says("nothing waits");
}

#[test]
fn a_session_that_was_open_before_proves_nothing_and_one_can_insist() {
    let host = installed();
    host.root().run("jit enable sudo").succeeds();
    host.grant("alice", "sudo", "carol");
    let mut old = host.user("alice").terminal("sudo -n sh -c 'echo in; read x; jit confirm; read x; jit confirm --unproven'");
    old.expect("in");
    // As if this session had been there before the change.
    host.root().run("sed -i 's/\"made\": [0-9]*/\"made\": 99999999999999/' /var/lib/jit-enable/pending.json").succeeds();
    old.type_line("");
    old.expect("you did not come in through the new lines");
    old.type_line("");
    old.expect("It stays.");
}

#[test]
fn after_a_reboot_in_between_everything_is_put_back_at_once() {
    let host = installed();
    let before = files(&host);
    host.root().run("jit enable sudo; systemctl stop jit-rollback.path jit-rollback.service").succeeds();
    host.user("alice").run("sudo -n id -un").fails();
    // As it is after a boot: another boot's id, and the watch that finds a change.
    host.root().run("sed -i 's/\"boot_id\": \"[^\"]*\"/\"boot_id\": \"another\"/' /var/lib/jit-enable/pending.json").succeeds();
    host.root().run("systemctl start jit-rollback.path").succeeds();
    wait_until("everything to be put back", || (files(&host) == before).then_some(()));
    is_as_before(&host, &before);
}

#[test]
fn killed_at_any_moment_it_leaves_the_old_files_or_a_change_that_is_put_back() {
    let host = installed();
    let before = files(&host);
    for delay in ["0.001", "0.004", "0.01", "0.02", "0.03", "0.05", "0.08"] {
        host.root().run(&format!("timeout -s KILL {delay} jit enable sudo --confirm-within 1s"));
        wait_until("everything to be put back", || (files(&host) == before).then_some(()));
        wait_until("nothing to wait", || host.root().run("jit confirm").text().contains("nothing waits").then_some(()));
    }
    is_as_before(&host, &before);
}

#[test]
fn without_systemd_a_process_of_its_own_puts_back() {
    let host = installed();
    let before = files(&host);
    host.root()
        .run("mv /run/systemd/system /run/systemd/away; jit enable sudo --confirm-within 1s; mv /run/systemd/away /run/systemd/system")
        .succeeds();
    wait_until("everything to be put back", || (files(&host) == before).then_some(()));
}

#[test]
fn what_would_lock_out_is_refused_with_what_to_do() {
    let host = installed();
    let before = files(&host);
    let refused = |what: &str| host.root().run("jit enable sudo").exits(1).says("nothing was changed").says(what);
    let root = |line: &str| host.root().run(line).succeeds();
    let module = "$(find /usr/lib -name pam_jit.so)";
    root(&format!("cp {module} /root/; echo no > {module}"));
    refused("pam_jit.so cannot be loaded");
    root(&format!("rm {module}"));
    refused("pam_jit.so is not there");
    root("cp /root/pam_jit.so $(dirname $(find /usr/lib -name pam_unix.so))/");
    root("systemctl stop jitd jitd.socket jitd-user.socket");
    refused("jitd does not answer");
    root("systemctl start jitd; systemctl disable -q jitd jitd.socket");
    refused("not started again: jitd.socket, jitd-user.socket, jitd.service").says("systemctl enable jitd");
    root("systemctl enable -q jitd; cp /etc/jit/policy.toml /root/; echo 'version = 1' > /etc/jit/policy.toml");
    refused("no rule for sudo");
    root("sed s/group:leads/group:nobody-there/ /root/policy.toml > /etc/jit/policy.toml");
    refused("somebody can approve");
    root("echo nonsense > /etc/jit/policy.toml");
    refused("it is not valid");
    root("cp /root/policy.toml /etc/jit/policy.toml; echo '# edited' >> /etc/jit/policy.toml");
    refused("it is not the one on disk").says("jit reload");
    root("cp /root/policy.toml /etc/jit/policy.toml; mount -o remount,hidepid=2 /proc");
    refused("nobody comes in");
    root("mount -o remount,hidepid=0 /proc");
    root("passwd -l root");
    refused("root has no password").says("passwd root");
    assert_eq!(files(&host), before);
    root("install -m 0600 /dev/null /etc/jit/breakglass; echo alice sudo > /etc/jit/breakglass");
    root("jit enable sudo");
    host.user("alice").run("jit enable sudo").exits(1).says("only root");
    root("jit disable sudo");
    is_as_before(&host, &before);
}

#[test]
fn su_is_gated_once_though_its_log_in_form_includes_it() {
    let host = installed();
    let before = files(&host);
    host.root().run("jit enable su").succeeds().does_not_say("/etc/pam.d/su-l");
    let su = |form: &str| host.user("alice").input(&format!("{PASSWORD}\n")).run(&format!("su {form} carol -c 'id -un'"));
    su("-").fails().says("jit: no grant for su as carol");
    host.grant("alice", "su --as carol", "dave");
    su("").succeeds();
    su("-").succeeds();
    host.root().run("jit disable su").succeeds();
    assert_eq!(files(&host), before);
}

#[test]
fn sshd_is_gated_and_observing_lets_everybody_in_meanwhile() {
    let host = installed();
    host.root().run("echo 'UsePAM no' > /etc/ssh/sshd_config; mkdir -p /run/sshd; ssh-keygen -A").succeeds();
    host.root().run("jit enable ssh").exits(1).says("UsePAM is not yes");
    host.root()
        .run("echo 'UsePAM yes' > /etc/ssh/sshd_config; jit enable ssh --observe")
        .succeeds()
        .says("pam_jit.so observe=20")
        .says("jit confirm --unproven\n");
    // A root's shell is no session of ours, and nobody's would be.
    host.root().run("jit confirm").exits(1).says("Once a new session got in: jit confirm --unproven");
    host.ssh("bob").run("id -un").succeeds().says("bob");
    host.root().run("jit disable ssh; jit enable ssh").succeeds();
    host.ssh("bob").run("id -un").fails().says("jit: no grant for ssh");
    host.ssh("carol").run("id -un").succeeds();
}

#[test]
fn printing_changes_nothing_and_what_is_no_service_is_refused() {
    let host = installed();
    let before = files(&host);
    host.root().run("jit enable sudo --print").succeeds().says("last:   session  required  pam_jit.so enter");
    let asking = host.root().run("jit enable sudo --ask --print").succeeds().says("first:  account  required  pam_jit.so ask");
    asking.does_not_say("session  required  pam_jit.so ask");
    for odd in ["common-auth", "../passwd", "other", "''", "no-such-service"] {
        host.root().run(&format!("jit enable {odd}")).fails();
    }
    assert_eq!(files(&host), before);
    host.root().run("printf 'account required pam_unix.so \\\\\\n  quiet\\n' >> /etc/pam.d/sudo").succeeds();
    host.root().run("jit enable sudo").exits(1).says("it goes on in the next line").says("it was not changed");
}
