//! The way back from the gate: neither somebody else nor an accident takes it away.

use crate::enable::{files, installed, is_as_before};
use jit_tests::Host;

/// sshd as `jit enable ssh` wants it.
fn with_sshd() -> Host {
    let host = installed();
    host.root().run("echo 'UsePAM yes' > /etc/ssh/sshd_config; mkdir -p /run/sshd; ssh-keygen -A").succeeds();
    host
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
        .does_not_say("tried");
    host.root().run("jit disable ssh && jit enable sudo").succeeds().says("Done, and tried.");
}
