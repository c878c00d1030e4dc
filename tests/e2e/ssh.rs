//! Every way to come in by ssh.

use jit_tests::{Host, Ssh};

fn ways<'a>(host: &'a Host, user: &'a str) -> [(&'static str, Ssh<'a>); 3] {
    [
        ("a public key", host.ssh(user)),
        ("a password", host.ssh(user).by_password()),
        ("keyboard-interactive", host.ssh(user).by_keyboard_interactive()),
    ]
}

#[test]
fn every_way_to_log_in_needs_a_grant_and_the_denial_reaches_the_client() {
    let host = Host::with(|host| host.people().movable_clock()).start();
    for (_, ssh) in ways(&host, "bob") {
        ssh.run("id -un").fails().says("jit: no grant for ssh. Ask an approver (group leads) to grant it. D-").does_not_say("bob\n");
    }
    host.user("carol").run("jit grant bob ssh --reason 'INC-42, on call'").succeeds().says("Granted: bob may log in by ssh until");
    for (way, ssh) in ways(&host, "bob") {
        let output = ssh.run("id -un").succeeds();
        assert!(output.stdout.contains("bob"), "{way}");
    }
    host.clock().advance(1801);
    for (_, ssh) in ways(&host, "bob") {
        ssh.run("id -un").fails().says("jit: no grant for ssh");
    }
}

#[test]
fn commands_shells_sftp_scp_and_forwarding_alone_are_all_gated() {
    let host = Host::with(|host| host.people()).start();
    let try_all = |granted: bool| {
        let copy = host.ssh("bob").client("echo copied > /tmp/from; scp -P 2222 {} /tmp/from {user}@127.0.0.1:/tmp/to");
        let list = host.ssh("bob").client("echo 'ls /etc/hostname' | sftp -P 2222 {} -b - {user}@127.0.0.1");
        for output in [copy, list, host.ssh("bob").run("echo command")] {
            if granted {
                output.succeeds()
            } else {
                output.fails().says("jit: no grant for ssh")
            };
        }
    };
    try_all(false);
    host.user("carol").run("jit grant bob sshd --reason INC-42").succeeds();
    try_all(true);
    let mut shell = host.ssh("bob").terminal();
    shell.type_line("echo I am $(id -un)");
    shell.expect("I am bob");
    shell.type_line("exit");
    drop(shell.finish());
}

#[test]
fn forwarding_alone_without_a_session_is_refused_without_a_grant() {
    let host = Host::with(|host| host.people()).start();
    host.ssh("bob").options("-N").run("").fails().says("jit: no grant for ssh");
    host.user("carol").run("jit grant bob sshd --reason INC-42").succeeds();
    // With one it stays, until it is ended.
    std::thread::scope(|scope| {
        let stays = scope.spawn(|| host.ssh("bob").client("timeout 60 ssh -N -p 2222 {} {user}@127.0.0.1"));
        assert!(host.wait_for_log("session.opened").contains("user=bob"));
        assert!(!stays.is_finished());
        host.root().run("pkill -x ssh").succeeds();
        drop(stays.join());
    });
}

/// The fingerprint of a key, as ssh-keygen says it.
fn known(host: &Host, file: &str) -> String {
    let said = host.root().run(&format!("ssh-keygen -lf {file}")).succeeds().stdout;
    said.split(' ').find(|word| word.starts_with("SHA256:")).unwrap().to_owned()
}

#[test]
fn which_certificate_opened_a_log_in_is_on_record() {
    let host = Host::with(|host| host.people().sshd("TrustedUserCAKeys /etc/ssh/ca.pub\n")).start();
    // The longest that a module of before would have cut off.
    let line = "ssh-keygen -q -t rsa -b 4096 -N '' -f /etc/ssh/ca && ssh-keygen -q -t rsa -b 4096 -N '' -f /etc/ssh/own \
        && ssh-keygen -q -s /etc/ssh/ca -I 'carol of leads' -n carol -z 7 /etc/ssh/own.pub";
    host.root().run(line).succeeds();
    let client = "ssh -p 2222 -o IdentitiesOnly=yes -i /etc/ssh/own {} {user}@127.0.0.1 id -un";
    host.ssh("carol").client(&client.replace("-i /etc/ssh/own", "-i /etc/ssh/own -o CertificateFile=/etc/ssh/own-cert.pub")).succeeds();
    let (opened, key, ca) = (host.wait_for_log("session.opened"), known(&host, "/etc/ssh/own.pub"), known(&host, "/etc/ssh/ca.pub"));
    let auth = format!("publickey ssh-rsa-cert-v01@openssh.com {key} serial 7 by {ca} id \\\"carol of leads\\\"");
    assert!(opened.contains(&format!("auth=\"{auth}\"")), "{auth}: {opened}");
}

#[test]
fn an_approver_gets_in_by_a_rule_that_starts_at_login_and_it_is_recorded_and_ends() {
    let host = Host::with(|host| host.people().movable_clock()).start();
    host.ssh("carol").run("id -un").succeeds().says("carol");
    let issued = host.wait_for_log("grant.issued");
    for part in ["user=carol", "service=sshd", "as=self", "rule=leads-ssh", "kind=login"] {
        assert!(issued.contains(part), "{part} in {issued}");
    }
    let opened = host.wait_for_log("session.opened");
    assert!(opened.contains("from=127.0.0.1") && opened.contains("auth=\"publickey ssh-ed25519 SHA256:"), "{opened}");
    // As ssh-keygen says it.
    let key = known(&host, "/etc/ssh/test_host_key");
    assert!(opened.contains(&format!(" {key}\"")), "{key}: {opened}");
    let _ = host.wait_for_log("session.closed");
    let grants = |host: &Host| host.root().run("jit list --all --json").succeeds().json()["grants"].as_array().unwrap().len();
    host.ssh("carol").run("true").succeeds();
    assert_eq!(grants(&host), 1, "within its time it is the same grant");
    host.clock().advance(3601);
    host.ssh("carol").run("true").succeeds();
    assert_eq!(grants(&host), 2, "after it a new one, on record");
}

#[test]
fn an_address_outside_the_rule_is_refused_at_login() {
    let policy = |from: &str| {
        format!(
            "version = 1\n[[grant]]\nname = \"x\"\nwho = [\"any\"]\non = [\"sshd\"]\nfrom = [\"{from}\"]\napprove = []\nstarts = \"login\"\n"
        )
    };
    let host = Host::with(|host| host.people().policy(&policy("10.0.0.0/8"))).start();
    host.ssh("bob").run("true").fails().says("jit: rule x lets bob in by ssh from other addresses alone");
    host.write("/etc/jit/policy.toml", &policy("127.0.0.0/8"));
    host.root().run("jit reload").succeeds();
    host.ssh("bob").run("true").succeeds();
}

#[test]
fn a_legacy_rule_lets_a_service_account_in_without_asking_and_writes_it_down() {
    let legacy = "version = 1\n[[legacy]]\nname = \"backup-agent\"\nwho = [\"user:bob\"]\non = [\"sshd\"]\nfrom = [\"127.0.0.1\"]\nowner = \"group:leads\"\nreason = \"cron\"\nuntil = ";
    let until =
        String::from_utf8(std::process::Command::new("date").args(["-u", "-d", "+100 days", "+%F"]).output().unwrap().stdout).unwrap();
    let host = Host::with(|host| host.people().policy(&format!("{legacy}{until}"))).start();
    host.ssh("bob").run("id -un").succeeds().says("bob");
    assert!(host.wait_for_log("grant.issued").contains("kind=legacy"));
    host.ssh("carol").run("id -un").fails();
}

#[test]
fn root_by_ssh_is_a_subject_like_any_other() {
    let host = Host::with(|host| host.people()).start();
    host.ssh("root").run("id -un").fails().says("jit: no rule lets root use ssh");
}
