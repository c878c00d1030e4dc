//! Asking inside the prompt: real sudo, sudo-rs and su, on terminals of the test's own.

use jit_tests::{Host, PASSWORD, Plan, Terminal, wait_until};
use std::time::{Duration, Instant};

/// Everybody is asked at sudo's prompt, and waits for so long.
pub fn asking(plan: Plan) -> Plan {
    plan.people().arguments("ask wait=60s")
}

pub fn host() -> Host {
    Host::with(asking).start()
}

/// What asks at a terminal of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Program {
    Sudo,
    SudoRs,
    Su,
}

impl Program {
    pub const ALL: [Self; 3] = [Self::Sudo, Self::SudoRs, Self::Su];

    /// A host of this plan where alice may be asked by it.
    pub fn host(self, plan: impl FnOnce(Plan) -> Plan) -> Host {
        Host::with(|host| if self == Self::SudoRs { plan(host).sudo_rs() } else { plan(host) }).start()
    }

    /// The name of its process.
    pub fn process(self) -> &'static str {
        match self {
            Self::Sudo | Self::SudoRs => "sudo",
            Self::Su => "su",
        }
    }

    /// Alice's terminal, where it runs this behind what comes before it, up to the first question.
    pub fn terminal(self, host: &Host, before: &str, command: &str) -> Terminal {
        match self {
            Self::Sudo | Self::SudoRs => host.user("alice").terminal(&format!("{before} sudo {command}")),
            Self::Su => {
                let mut shell = host.user("alice").terminal(&format!("{before} su carol -c '{command}'"));
                shell.answer("assword: ", PASSWORD);
                shell
            }
        }
    }
}

/// The id of the only request that waits.
pub fn pending(host: &Host) -> String {
    wait_until("a request that waits", || {
        let listed = host.root().run("jit list --pending --json").succeeds().json();
        listed["requests"][0]["id"].as_str().map(str::to_owned)
    })
}

/// Types a reason and says yes, and waits until the request is filed.
pub fn file(shell: &mut Terminal, reason: &str) {
    shell.expect("never a password. Empty: give up.");
    shell.answer("Reason: ", reason);
    shell.expect(&format!("\"{reason}\"? [Y/n]"));
    shell.answer("Y/n: ", "");
    shell.expect(" waits for ");
}

pub fn approve(host: &Host) -> Instant {
    let id = pending(host);
    let began = Instant::now();
    host.user("carol").run(&format!("jit approve {id}")).succeeds();
    began
}

/// What came late is said; only what is far off fails, since other tests run at the same time.
pub fn soon(what: &str, since: Instant) {
    let took = since.elapsed();
    println!("{what}: {} ms", took.as_millis());
    assert!(took < Duration::from_secs(2), "{what} took {took:?}");
}

#[test]
fn a_user_types_sudo_says_why_and_goes_on_when_it_is_approved() {
    let host = host();
    let mut shell = host.user("alice").terminal("sudo id -un");
    shell.expect("Reason for sudo as root, shown to the approver and kept; never a password. Empty: give up.");
    shell.answer("Reason: ", "INC-42");
    shell.expect("Ask carol or dave for sudo as root, 30m, \"INC-42\"? [Y/n]");
    shell.answer("Y/n: ", "");
    shell.expect("waits for carol or dave; it lapses in");
    let began = approve(&host);
    shell.expect("Approved by carol");
    shell.expect("root\r\n");
    soon("from the approver's command to the user's", began);
    shell.finish().succeeds();
    let submitted = host.wait_for_log("request.submitted");
    assert!(submitted.contains("user=alice") && submitted.contains("reason=INC-42 "), "{submitted}");
}

#[test]
fn after_a_password_too() {
    let host = host();
    let mut shell = host.user("frank").terminal("sudo id -un");
    shell.expect("password for frank");
    shell.type_line(PASSWORD);
    file(&mut shell, "INC-42");
    approve(&host);
    shell.expect("root\r\n");
    shell.finish().succeeds();
}

#[test]
fn whoever_gives_no_reason_or_says_no_is_told_what_they_would_have_been_told_anyway() {
    let host = host();
    let mut shell = host.user("alice").terminal("sudo id -un");
    shell.answer("Reason: ", "");
    shell.expect("jit: no grant for sudo. Ask: jit request sudo");
    shell.finish().fails();
    for no in ["n", "no", "hunter2"] {
        let mut shell = host.user("alice").terminal("sudo id -un");
        shell.answer("Reason: ", "INC-42");
        shell.answer("Y/n: ", no);
        shell.expect("jit: no grant for sudo. Ask: jit request sudo");
        shell.finish().fails();
    }
    let mut shell = host.user("alice").terminal("sudo id -un");
    shell.expect("Reason: ");
    shell.press_ctrl_c();
    shell.finish().fails();
    assert_eq!(host.root().run("jit list --all --json").succeeds().json()["requests"].as_array().unwrap().len(), 0);
}

#[test]
fn ctrl_c_leaves_the_request_and_the_next_sudo_goes_on_with_it() {
    let host = host();
    let mut shell = host.user("alice").terminal("sudo id -un; echo back at the shell; read x");
    file(&mut shell, "INC-42");
    let id = pending(&host);
    let pressed = Instant::now();
    shell.press_ctrl_c();
    shell.expect(&format!("{id} stays pending"));
    soon("from Ctrl-C to the word", pressed);
    drop(shell);
    let mut shell = host.user("alice").terminal("sudo id -un");
    shell.expect(&format!("{id} waits for carol or dave"));
    approve(&host);
    shell.expect("root\r\n");
    assert!(!shell.finish().succeeds().stdout.contains("Reason"));
}

#[test]
fn the_shell_is_back_at_once_after_ctrl_c() {
    let host = host();
    let mut shell = host.user("alice").terminal("sh -i");
    shell.type_line("PS1='ready''> '");
    shell.expect("ready> ");
    shell.type_line("sudo id -un");
    file(&mut shell, "INC-42");
    let pressed = Instant::now();
    shell.press_ctrl_c();
    shell.expect("ready> ");
    soon("from Ctrl-C to the shell", pressed);
    shell.type_line("exit");
    drop(shell.finish());
}

#[test]
fn a_job_of_the_callers_that_ends_does_not_end_the_wait() {
    let host = host();
    let mut shell = host.user("alice").terminal("sleep 4711 & exec sudo id -un");
    file(&mut shell, "INC-42");
    host.root().run("pkill -x -f 'sleep 4711'").succeeds();
    approve(&host);
    shell.expect("root\r\n");
    shell.finish().succeeds();
}

#[test]
fn when_the_wait_is_over_the_request_stays_and_its_id_is_said() {
    for program in Program::ALL {
        let host = program.host(|host| host.people().arguments("ask wait=1s"));
        let mut shell = program.terminal(&host, "", "echo came in");
        file(&mut shell, "INC-42");
        shell.expect("jit: no answer yet. R-");
        shell.finish().fails().does_not_say("came in");
        pending(&host);
    }
}

#[test]
fn who_decides_otherwise_is_named_with_their_words() {
    let host = host();
    let mut shell = host.user("alice").terminal("sudo id -un");
    file(&mut shell, "INC-42");
    let id = pending(&host);
    host.user("dave").run(&format!("jit deny {id} --note 'not during the freeze'")).succeeds();
    shell.expect(&format!("jit: Denied by dave: \"not during the freeze\". {id} is over."));
    shell.finish().fails().does_not_say("root\r\n");

    let mut shell = host.user("alice").terminal("sudo id -un");
    file(&mut shell, "INC-43");
    let id = pending(&host);
    host.user("alice").run("jit cancel").succeeds();
    shell.expect(&format!("jit: {id} was taken back."));
    shell.finish().fails().does_not_say("root\r\n");
}

#[test]
fn a_password_typed_into_a_masked_question_is_shown_and_not_sent() {
    let host = Host::with(|host| asking(host).sudoers("Defaults passprompt_override\n")).start();
    let mut shell = host.user("frank").terminal("sudo id -un");
    shell.expect("password for frank");
    shell.type_line(PASSWORD);
    shell.expect("never a password");
    // By then sudo has forgotten what %p in its own prompt stands for.
    shell.expect("[sudo] password for ");
    shell.type_line("s3cret-of-frank");
    shell.expect("Ask alice-adm, carol or dave for sudo as root, 30m, \"s3cret-of-frank\"? [Y/n]");
    shell.expect("[sudo] password for ");
    shell.type_line("s3cret-of-frank");
    shell.expect("jit: no grant for sudo");
    shell.finish().fails();
    assert!(!host.syslog().iter().any(|line| line.contains("s3cret")));
    host.root().run("grep -rl s3cret /var/lib/jit").fails();
}

#[test]
fn without_a_terminal_or_for_a_program_nobody_is_asked() {
    let host = host();
    host.user("alice").run("sudo id -un").fails().says("jit: no grant for sudo").does_not_say("Reason");
    host.user("alice").input("x\n\n\n").run("sudo -S id -un").fails().does_not_say("Reason");
    host.root().run("printf '#!/bin/sh\\necho x\\n' > /tmp/askpass; chmod 755 /tmp/askpass").succeeds();
    let lines = ["sudo -n id -un", "echo x | sudo -S id -un", "SUDO_ASKPASS=/tmp/askpass sudo -A id -un", "sh -ic 'sudo id -un & wait'"];
    for line in lines {
        let output = host.user("alice").terminal(line).finish();
        assert!(output.stdout.contains("jit: no grant for sudo") && !output.stdout.contains("Reason"), "{line}: {}", output.stdout);
    }
    assert_eq!(host.root().run("jit list --all --json").succeeds().json()["requests"].as_array().unwrap().len(), 0);
}

#[test]
fn a_pipe_into_sudo_is_asked_at_the_terminal_and_keeps_its_data() {
    let host = host();
    let mut shell = host.user("alice").terminal("echo data | sudo cat");
    file(&mut shell, "INC-42");
    approve(&host);
    shell.expect("data\r");
    shell.finish().succeeds();
}

#[test]
fn as_whom_is_what_the_command_line_says() {
    let host = host();
    let mut shell = host.user("alice").terminal("sudo -u carol id -un");
    shell.expect("Reason for sudo as carol");
    shell.answer("Reason: ", "INC-42");
    shell.expect("Ask carol or dave for sudo as carol, 30m");
    shell.answer("Y/n: ", "");
    let id = pending(&host);
    host.user("dave").run(&format!("jit approve {id}")).succeeds();
    shell.expect("carol\r\n");
    shell.finish().succeeds();
    let mut shell = host.user("bob").terminal("sudo -u dave id -un");
    shell.expect("jit: no grant for sudo");
    shell.finish().fails().does_not_say("Reason");
}

const CHOICES: &str = r#"version = 1
[[grant]]
name = "ops-root"
who = ["group:ops"]
on = ["sudo"]
for = { default = "10m", max = "1h" }
approve = [ { by = ["group:leads"] } ]
reason = { required = true, min = 5, pattern = 'INC-\d+' }
[[grant]]
name = "own"
who = ["user:erin"]
on = ["sudo"]
approve = []
reason = { required = false }
[[emergency]]
name = "oncall"
who = ["group:ops", "user:carol"]
on = ["sudo"]
for = { default = "15m", max = "1h" }
limit = { times = 3, per = "7d" }
review = { by = ["user:dave"], within = "24h" }
alert = ["group:leads"]
"#;

#[test]
fn a_choice_is_given_only_where_there_is_one_and_a_request_is_the_usual() {
    let host = Host::with(|host| asking(host).policy(CHOICES).sudoers("erin ALL=(ALL:ALL) NOPASSWD: ALL\n")).start();
    let mut shell = host.user("alice").terminal("sudo id -un");
    shell.expect("1: ask alice-adm, carol or dave, and wait for the answer (usual)");
    shell.expect("2: take the emergency oncall at once; dave must review it");
    shell.answer("1 or 2: ", "");
    shell.expect("It must be at least 5 letters, with INC-");
    shell.answer("Reason: ", "because");
    shell.answer("Y/n: ", "");
    shell.expect("INC-\\d+");
    shell.answer("Reason: ", "INC-42");
    shell.expect("10m, \"INC-42\"? [Y/n]");
    shell.answer("Y/n: ", "");
    shell.expect(" waits for ");
    approve(&host);
    shell.expect("root\r\n");
    shell.finish().succeeds();

    let mut shell = host.user("bob").terminal("sudo id -un");
    shell.answer("1 or 2: ", "2");
    shell.expect("an emergency, shown to dave and kept; never a password");
    shell.answer("Reason: ", "all is down");
    shell.expect("Take the emergency oncall for sudo as root, 15m, \"all is down\"? ");
    shell.expect("will be told. [y/N]");
    shell.answer("y/N: ", "y");
    shell.expect("dave must review it, or your next one is refused. Left: 2 of 3.");
    shell.expect("root\r\n");
    shell.finish().succeeds();
    assert!(host.wait_for_log("optout.taken").contains("user=bob"));

    // Enter alone takes none.
    let mut shell = host.user("carol").terminal("sudo id -un");
    shell.expect("an emergency, shown to dave");
    shell.answer("Reason: ", "all is down");
    shell.expect("[y/N]");
    shell.answer("y/N: ", "");
    shell.expect("jit: no grant for sudo");
    shell.finish().fails().does_not_say("1: ask");

    // Where nobody has to approve one is in at once, without a reason where none is needed.
    let mut shell = host.user("erin").terminal("sudo id -un");
    shell.expect("It may be empty.");
    shell.answer("Reason: ", "");
    shell.expect("Take sudo as root, 30m, without a reason? [Y/n]");
    shell.answer("Y/n: ", "");
    shell.expect("root\r\n");
    shell.finish().succeeds();
}

#[test]
fn su_asks_for_its_target() {
    let host = host();
    let mut shell = host.user("alice").terminal("su carol -c 'id -un'; echo back at the shell; sleep 1");
    shell.expect("assword: ");
    shell.type_line(PASSWORD);
    shell.expect("Reason for su as carol");
    shell.answer("Reason: ", "INC-42");
    shell.expect("Ask carol or dave for su as carol, 30m, \"INC-42\"? [Y/n]");
    shell.answer("Y/n: ", "");
    shell.expect(" waits for ");
    let id = pending(&host);
    shell.press_ctrl_c();
    drop(shell.finish().does_not_say("carol\r\n"));
    let mut shell = host.user("alice").terminal("su carol -c 'id -un'");
    shell.expect("assword: ");
    shell.type_line(PASSWORD);
    shell.expect(&format!("{id} waits for"));
    host.user("dave").run(&format!("jit approve {id}")).succeeds();
    shell.expect("carol\r\n");
    shell.finish().succeeds();
    host.user("alice").input(&format!("{PASSWORD}\nx\n\n")).run("jit drop; su carol -c 'id -un'").fails().does_not_say("Reason");
}

#[test]
fn sudo_rs_asks_like_sudo() {
    let host = Host::with(|host| asking(host).sudo_rs()).start();
    let mut shell = host.user("alice").terminal("sudo id -un");
    file(&mut shell, "INC-42");
    let id = pending(&host);
    let pressed = Instant::now();
    shell.press_ctrl_c();
    drop(shell.finish().does_not_say("root\r\n"));
    soon("from Ctrl-C to the end of sudo-rs", pressed);
    let mut shell = host.user("alice").terminal("sudo id -un");
    shell.expect(&format!("{id} waits for"));
    let began = approve(&host);
    shell.expect("root\r\n");
    soon("from the approver's command to the user's, in sudo-rs", began);
    shell.finish().succeeds();
    host.user("alice").run("jit drop").succeeds();
    host.user("alice").run("sudo -n id -un").fails().does_not_say("Reason");

    let mut shell = host.user("alice").terminal("trap '' HUP; sudo touch /tmp/came-in; sleep 1; exit");
    file(&mut shell, "INC-43");
    host.root().run("pkill -KILL -x script").succeeds();
    approve(&host);
    wait_until("sudo to end", || host.root().run("pgrep -x sudo").stdout.is_empty().then_some(()));
    host.root().run("test -e /tmp/came-in").fails();
}

#[test]
fn a_waiter_in_sudo_is_told_of_each_approval_and_two_stages_let_in_after_the_second() {
    let policy = "version = 1\n[[grant]]\nname = \"two\"\nwho = [\"group:ops\"]\non = [\"sudo\"]\napprove = [ { by = [\"group:leads\"], count = 2 }, { by = [\"user:erin\"] } ]\n";
    let host = Host::with(|host| asking(host).policy(policy)).start();
    let mut shell = host.user("bob").terminal("sudo id -un");
    shell.answer("Reason: ", "INC-42");
    shell.expect("Ask 2 of alice-adm, carol or dave for sudo as root");
    shell.answer("Y/n: ", "");
    let id = pending(&host);
    for (approver, then) in [("carol", "waits for alice-adm, carol or dave; here"), ("dave", "waits for erin; here"), ("erin", "root\r\n")]
    {
        host.user(approver).run(&format!("jit approve {id}")).succeeds();
        shell.expect(then);
    }
    shell.finish().succeeds();
}

#[test]
fn nobody_comes_in_by_what_they_gave_as_another_account_of_theirs_to_one_that_they_act_as() {
    let policy = "version = 1\n[[person]]\naccounts = [\"alice\", \"alice-adm\"]\n\
                  [[grant]]\nname = \"ops\"\nwho = [\"user:bob\"]\non = [\"sudo\"]\napprove = [ { by = [\"group:leads\"] } ]\n\
                  [[grant]]\nname = \"as-bob\"\nwho = [\"user:alice\"]\non = [\"sudo\"]\nas = [\"bob\"]\napprove = []\nstarts = \"login\"\n";
    let host = Host::with(|host| host.people().policy(policy)).start();
    host.user("alice-adm").run("jit grant bob sudo --reason x").succeeds();
    let said = "the grant for sudo was approved by whoever's session this is";
    host.user("alice").run("sudo -n -u bob sudo -n id -un").fails().says(said);
    host.user("alice").run("sudo -n -u bob setsid -w sudo -n id -un").fails().says(said);
    host.user("bob").run("sudo -n id -un").succeeds().says("root");
}

#[test]
fn nobody_approves_what_they_asked_for_in_anothers_name() {
    let policy = "version = 1\n[[grant]]\nname = \"ops\"\nwho = [\"group:ops\"]\non = [\"sudo\"]\napprove = [ { by = [\"group:leads\"] } ]\n\
                  [[grant]]\nname = \"as-bob\"\nwho = [\"user:carol\"]\non = [\"sudo\"]\nas = [\"bob\"]\napprove = []\n";
    let host = Host::with(|host| asking(host).policy(policy)).start();
    let grants = || host.user("carol").run("jit grant bob sudo --reason x").exits(1).says("you may act as bob");
    grants();
    host.user("carol").run("jit request --as bob --reason x").succeeds();
    grants();
    let mut shell = host.user("carol").terminal("sudo -u bob sh -c 'sudo id -un'");
    file(&mut shell, "INC-42");
    let id = pending(&host);
    host.user("carol").run(&format!("jit approve {id}")).exits(1).says("nobody approves their own");
    host.user("dave").run(&format!("jit approve {id}")).succeeds();
    shell.expect("root\r\n");
    shell.finish().succeeds();
}
