//! Rules, files and accounts by the thousand: every answer is whole, and the record is read past what is long.

use jit_tests::{Host, POLICY};

/// A policy in which alice has three thousand other accounts, and fifteen hundred appliances need not ask until that day.
fn long_policy(until: &str) -> String {
    let accounts: String = (0..3000).map(|number| format!(", \"alice-on-appliance-{number}\"")).collect();
    let policy = POLICY.replace("\"alice-adm\"]", &format!("\"alice-adm\"{accounts}]"));
    let legacy = (0..1500).map(|number| {
        format!(
            "\n[[legacy]]\nname = \"appliance-{number}\"\nwho = [\"user:appliance-{number}\"]\non = [\"sshd\"]\nowner = \"group:storage\"\nreason = \"logs in by cron\"\nuntil = {until}\n"
        )
    });
    let legacy: String = legacy.collect();
    policy + &legacy
}

#[test]
fn thousands_of_files_exemptions_and_accounts_are_on_record_and_all_of_it_can_be_read() {
    let host = Host::with(|host| host.people().policy(POLICY)).start();
    let until = host.root().run("date -d '+300 days' +%Y-%m-%d").succeeds().stdout;
    host.write("/etc/jit/policy.toml", &long_policy(until.trim()));
    host.root()
        .run("mkdir -p /etc/jit/policy.d && cd /etc/jit/policy.d && for n in $(seq 1000); do echo 'version = 1' > team-$n.toml; done")
        .succeeds();
    host.root().run("jit reload").succeeds();
    let id = host.grant("alice", "sudo", "carol");
    host.user("alice").run("sudo -n id -un").succeeds().says("root");
    host.user("alice").run("jit status").succeeds();
    host.user("erin").run("jit optouts --json").succeeds().says("\"appliance-0\"").says("\"appliance-1499\"");
    host.user("erin").run("jit audit log").succeeds().says("policy.loaded").says(&id);
    host.user("erin").run("jit audit export --format jsonl > /tmp/record && jit audit verify --file /tmp/record").succeeds();
    host.user("carol").run(&format!("jit show {id}")).succeeds().says("request.submitted");
    host.user("erin").run("jit report --since 1d --html /tmp/report.html").succeeds();
}
