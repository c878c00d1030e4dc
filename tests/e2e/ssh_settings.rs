//! What sshd can be set to, and what its clients can ask for: the gate holds for each.

use jit_tests::{Host, wait_until};

fn with(sshd: &str) -> Host {
    Host::with(|host| host.people().sshd(sshd)).start()
}

fn let_in(host: &Host, user: &str) {
    host.user("carol").run(&format!("jit grant {user} ssh --reason INC-42")).succeeds();
}

fn sessions(host: &Host) -> usize {
    host.root().run("jit audit log --kind session.opened --json").succeeds().json()["events"].as_array().unwrap().len()
}

#[test]
fn multiplexed_sessions_belong_to_the_connection_that_was_let_in() {
    let host = with("");
    let shared = "ssh -o ControlMaster=auto -o ControlPath=/tmp/cm-%r -o ControlPersist=20 -p 2222 {} {user}@127.0.0.1";
    host.ssh("bob").client(&format!("{shared} id -un")).fails().says("jit: no grant for ssh");
    let_in(&host, "bob");
    for _ in 0..3 {
        host.ssh("bob").client(&format!("{shared} id -un")).succeeds().says("bob");
    }
    assert_eq!(sessions(&host), 1, "one connection, one session");
    host.ssh("bob").client("ssh -O exit -o ControlPath=/tmp/cm-%r -p 2222 {} {user}@127.0.0.1").succeeds();
    assert!(host.wait_for_log("session.closed").contains("user=bob"));
}

#[test]
fn several_methods_one_after_the_other_are_one_log_in() {
    for methods in ["publickey,password", "publickey,keyboard-interactive:pam"] {
        let host = with(&format!("AuthenticationMethods {methods}\n"));
        let both = |host: &Host| host.ssh("bob").by("publickey,password,keyboard-interactive").run("id -un");
        both(&host).fails().says("jit: no grant for ssh").does_not_say("bob\n");
        let_in(&host, "bob");
        both(&host).succeeds().says("bob");
        assert_eq!(sessions(&host), 1, "{methods}");
        let opened = host.wait_for_log("session.opened");
        let second = if methods.ends_with("password") { ", password\"" } else { ", keyboard-interactive/pam\"" };
        assert!(opened.contains("auth=\"publickey ssh-ed25519 SHA256:") && opened.contains(second), "{opened}");
    }
}

#[test]
fn a_log_in_that_fails_after_its_account_phase_takes_nothing_and_opens_nothing() {
    let policy = "version = 1\n[[grant]]\nname = \"at-login\"\nwho = [\"any\"]\non = [\"sshd\"]\napprove = []\nstarts = \"login\"\n";
    let host = Host::with(|host| host.people().policy(policy).sshd("AuthenticationMethods keyboard-interactive:pam,publickey\n")).start();
    // The first method asks the account phase before the second one is tried; without the second it is no log-in.
    host.ssh("bob").by("keyboard-interactive").run("id -un").fails();
    let _ = host.wait_for_log("access.allowed");
    let nothing = host.root().run("jit list --all --json").succeeds().json();
    assert_eq!((nothing["grants"].as_array().unwrap().len(), sessions(&host)), (0, 0), "{nothing}");
    host.ssh("bob").by("keyboard-interactive,publickey").wrong_password().run("id -un").fails();
    host.ssh("bob").by("keyboard-interactive,publickey").run("id -un").succeeds().says("bob");
    assert_eq!(sessions(&host), 1);
}

#[test]
fn a_lying_reverse_zone_moves_nobody() {
    let policy = |from: &str| {
        format!(
            "version = 1\n[[grant]]\nname = \"x\"\nwho = [\"any\"]\non = [\"sshd\"]\nfrom = [\"{from}\"]\napprove = []\nstarts = \"login\"\n"
        )
    };
    // Both directions lie: the name leads back to the address, and is one that somebody might trust.
    let hosts = "127.0.0.1 10.9.9.9 trusted.example localhost testhost\n::1 localhost\n";
    let host = Host::with(|host| host.people().policy(&policy("10.9.9.9")).sshd("UseDNS yes\n").file("hosts", 0o644, hosts)).start();
    host.ssh("bob").run("true").fails().says("jit: rule x lets bob in by ssh from other addresses alone");
    host.write("/etc/jit/policy.toml", &policy("127.0.0.1"));
    host.write("/etc/hosts", "127.0.0.1 trusted.example localhost testhost\n");
    host.root().run("jit reload").succeeds();
    host.ssh("bob").run("true").succeeds();
    assert!(host.wait_for_log("session.opened").contains("from=127.0.0.1"));
}

#[test]
fn match_blocks_and_a_forced_command_are_behind_the_gate() {
    let host = with("Match User bob\nForceCommand echo forced\nMatch Address 127.0.0.0/8\nPasswordAuthentication no\n");
    host.ssh("bob").run("id").fails().says("jit: no grant for ssh").does_not_say("forced");
    let_in(&host, "bob");
    host.ssh("bob").run("id").succeeds().says("forced");
    host.ssh("bob").by_password().run("id").fails().says("Permission denied");
}

#[test]
fn a_chroot_and_an_external_sftp_server_are_behind_the_gate() {
    let host = with("Subsystem sftp /usr/lib/openssh/sftp-server\n");
    let list = || host.ssh("bob").client("echo 'ls /etc/hostname' | sftp -P 2222 {} -b - {user}@127.0.0.1");
    list().fails().says("jit: no grant for ssh");
    let_in(&host, "bob");
    list().succeeds().says("/etc/hostname");
    let jailed = with("Match User bob\nForceCommand internal-sftp\nChrootDirectory /var\n");
    let list = || jailed.ssh("bob").client("echo 'ls /' | sftp -P 2222 {} -b - {user}@127.0.0.1");
    list().fails().says("jit: no grant for ssh");
    let_in(&jailed, "bob");
    list().succeeds().says("/lib").does_not_say("/etc");
}

#[test]
fn forwarding_of_ports_and_agents_is_behind_the_gate() {
    let host = with("");
    let through = |host: &Host| host.ssh("bob").client("timeout 3 ssh -W 127.0.0.1:2222 -p 2222 {} {user}@127.0.0.1 < /dev/null");
    let agent = |host: &Host| {
        let keys = "eval $(ssh-agent) >/dev/null; ssh-add -q /etc/ssh/test_host_key";
        host.ssh("bob")
            .client(&format!("{keys}; ssh -A -p 2222 {{}} {{user}}@127.0.0.1 ssh-add -l; code=$?; ssh-agent -k >/dev/null; exit $code"))
    };
    through(&host).fails().says("jit: no grant for ssh").does_not_say("SSH-2.0");
    agent(&host).fails().says("jit: no grant for ssh").does_not_say("256 SHA256:");
    let_in(&host, "bob");
    through(&host).says("SSH-2.0");
    agent(&host).succeeds().says("256 SHA256:");
    let mut local = host.ssh("bob").options("-L 127.0.0.1:2223:127.0.0.1:2222").terminal();
    local.type_line("echo I am $(id -un)");
    local.expect("I am bob");
    let banner = "exec 3<>/dev/tcp/127.0.0.1/2223; head -n 1 <&3";
    wait_until("the forwarded port", || host.root().run(&format!("bash -c '{banner}'")).text().contains("SSH-2.0").then_some(()));
    local.type_line("exit");
    drop(local.finish());
}

#[test]
fn an_address_of_ip_version_6_is_one() {
    let policy = |from: &str| {
        format!(
            "version = 1\n[[grant]]\nname = \"x\"\nwho = [\"any\"]\non = [\"sshd\"]\nfrom = [\"{from}\"]\napprove = []\nstarts = \"login\"\n"
        )
    };
    let host = Host::with(|host| host.people().policy(&policy("2001:db8::/32")).sshd("ListenAddress ::1\n")).start();
    let ssh = |host: &Host| host.ssh("bob").client("ssh -p 2222 {} {user}@::1 id -un");
    ssh(&host).fails().says("jit: rule x lets bob in by ssh from other addresses alone");
    host.write("/etc/jit/policy.toml", &policy("::/64"));
    host.root().run("jit reload").succeeds();
    ssh(&host).succeeds().says("bob");
    assert!(host.wait_for_log("session.opened").contains("from=::1"));
    host.ssh("bob").run("true").fails().says("jit: rule x lets bob in by ssh from other addresses alone");
}

#[test]
fn a_forged_pam_environment_is_not_believed() {
    let host = with("");
    // Debian's pam_env reads this file of the user's own, in the session phase.
    host.root().run("grep -q user_readenv=1 /etc/pam.d/sshd").succeeds();
    let forged =
        "SSH_CONNECTION OVERRIDE=\"10.6.6.6 1 10.0.0.1 22\"\nSSH_AUTH_INFO_0 OVERRIDE=\"publickey ssh-rsa FORGED\"\nSEEN DEFAULT=yes\n";
    host.user("bob").input(forged).run("cat > .pam_environment").succeeds();
    let_in(&host, "bob");
    host.ssh("bob").run("echo $SEEN").succeeds().says("yes");
    let opened = host.wait_for_log("session.opened");
    assert!(opened.contains("from=127.0.0.1") && opened.contains("auth=\"publickey ssh-ed25519 SHA256:"), "{opened}");
    // Behind it what it has set is what PAM's environment says, and yet no address: that is an item of sshd's.
    let stock = host.read("/etc/pam.d/sshd");
    let session = stock.lines().find(|line| line.starts_with("session")).unwrap().to_owned();
    host.write(
        "/etc/pam.d/sshd",
        &format!("{}\n", stock.replacen(&session, &format!("session required pam_env.so user_readenv=1\n{session}"), 1)),
    );
    host.ssh("bob").run("true").succeeds();
    let log = host.root().run("jit audit log --kind session.opened --json").succeeds().stdout;
    assert!(log.contains("publickey ssh-rsa"), "nothing was forged: {log}");
    assert!(!log.contains("10.6.6.6") && log.matches("127.0.0.1").count() == 2, "{log}");
    // So does sshd's own setcred, which reads it before any session line does.
    host.write("/etc/pam.d/sshd", &format!("auth required pam_env.so user_readenv=1\n{stock}"));
    host.ssh("bob").run("true").succeeds();
    let log = host.root().run("jit audit log --kind session.opened --json").succeeds().stdout;
    assert!(!log.contains("10.6.6.6") && log.matches("127.0.0.1").count() == 3, "{log}");
}

#[test]
fn an_unknown_user_and_a_wrong_key_never_come_as_far_as_the_gate() {
    let host = with("");
    host.ssh("nobody-at-all").run("id").fails().says("Permission denied").does_not_say("jit:");
    host.ssh("bob").by_password().wrong_password().run("id").fails().does_not_say("jit:");
    host.root().run("jit audit log --kind access --json").succeeds().says("\"events\":[]");
}

#[test]
fn many_log_ins_at_once_are_each_decided_for_themselves() {
    let host = with("MaxStartups 100\n");
    let_in(&host, "bob");
    std::thread::scope(|scope| {
        for number in 0..12 {
            let host = &host;
            scope.spawn(move || {
                let user = if number % 2 == 0 { "bob" } else { "alice" };
                let output = host.ssh(user).run("id -un");
                if user == "bob" {
                    output.succeeds().says("bob")
                } else {
                    output.fails().says("jit: no grant for ssh")
                };
            });
        }
    });
    assert_eq!(sessions(&host), 6);
}
