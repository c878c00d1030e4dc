//! Asking inside the prompt: real sudo, sudo-rs and su, on terminals of the test's own.

use jit_tests::{Host, PASSWORD, Plan, Terminal, wait_until};
use std::time::{Duration, Instant};

/// Everybody is asked at sudo's prompt, and waits for so long.
fn asking(plan: Plan) -> Plan {
    plan.people().arguments("ask wait=60s")
}

fn host() -> Host {
    Host::with(asking).start()
}

/// The id of the only request that waits.
fn pending(host: &Host) -> String {
    wait_until("a request that waits", || {
        let listed = host.root().run("jit list --pending --json").succeeds().json();
        listed["requests"][0]["id"].as_str().map(str::to_owned)
    })
}

/// Types a reason and says yes, and waits until the request is filed.
fn file(shell: &mut Terminal, reason: &str) {
    shell.expect("never a password. Empty: give up.");
    shell.expect("Reason: ");
    shell.type_line(reason);
    shell.expect(&format!("\"{reason}\"? [Y/n]"));
    shell.expect("Y/n: ");
    shell.type_line("");
    shell.expect(" waits for ");
}

fn approve(host: &Host) -> Instant {
    let id = pending(host);
    let began = Instant::now();
    host.user("carol").run(&format!("jit approve {id}")).succeeds();
    began
}

/// What came late is said; only what is far off fails, since other tests run at the same time.
fn soon(what: &str, since: Instant) {
    let took = since.elapsed();
    println!("{what}: {} ms", took.as_millis());
    assert!(took < Duration::from_secs(2), "{what} took {took:?}");
}

#[test]
fn a_user_types_sudo_says_why_and_goes_on_when_it_is_approved() {
    let host = host();
    let mut shell = host.user("alice").terminal("sudo id -un");
    shell.expect("Reason for sudo as root, shown to the approver and kept; never a password. Empty: give up.");
    shell.expect("Reason: ");
    shell.type_line("INC-42");
    shell.expect("Ask carol or dave for sudo as root, 30m, \"INC-42\"? [Y/n]");
    shell.type_line("");
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
    shell.expect("Reason: ");
    shell.type_line("");
    shell.expect("jit: no grant for sudo. Ask: jit request sudo");
    shell.finish().fails();
    for no in ["n", "no", "hunter2"] {
        let mut shell = host.user("alice").terminal("sudo id -un");
        shell.expect("Reason: ");
        shell.type_line("INC-42");
        shell.expect("Y/n: ");
        shell.type_line(no);
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
fn when_the_wait_is_over_the_request_stays_and_its_id_is_said() {
    let host = Host::with(|host| host.people().arguments("ask wait=1s")).start();
    let mut shell = host.user("alice").terminal("sudo id -un");
    file(&mut shell, "INC-42");
    shell.expect("jit: no answer yet. R-");
    shell.finish().fails().does_not_say("root\r\n");
    pending(&host);
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
fn a_jitd_that_is_restarted_or_killed_is_waited_for_and_the_request_is_kept() {
    let host = host();
    let mut shell = host.user("alice").terminal("sudo id -un");
    file(&mut shell, "INC-42");
    for ended in ["TERM", "KILL"] {
        if ended == "TERM" {
            host.jitd().stop()
        } else {
            host.jitd().kill()
        }
        shell.expect("jitd went away; waiting for it to come back.");
        host.jitd().start();
        shell.expect("waits for carol or dave; here for");
    }
    approve(&host);
    shell.expect("root\r\n");
    shell.finish().succeeds();
}

#[test]
fn one_that_is_restarted_while_a_reason_is_typed_takes_it_all_the_same() {
    let host = host();
    let mut shell = host.user("alice").terminal("sudo id -un");
    shell.expect("Reason: ");
    host.jitd().restart();
    shell.type_line("INC-42");
    shell.expect("Y/n: ");
    host.jitd().restart();
    shell.type_line("y");
    shell.expect(" waits for ");
    approve(&host);
    shell.expect("root\r\n");
    shell.finish().succeeds();
}

#[test]
fn a_jitd_that_stays_away_lets_nobody_in_whatever_stands_in_the_line() {
    let host = Host::with(|host| {
        let host = host.people().file("jit/breakglass", 0o600, "alice sudo\n");
        host.control("[success=ok authinfo_unavail=ignore default=die]").arguments("ask wait=2s timeout=1s")
    })
    .start();
    let mut shell = host.user("alice").terminal("sudo id -un");
    file(&mut shell, "INC-42");
    host.jitd().kill();
    shell.expect("jit: no answer yet.");
    shell.finish().fails().does_not_say("root\r\n");
}

#[test]
fn approved_in_the_same_instant_as_given_up_is_one_or_the_other() {
    let host = host();
    for round in 0..4 {
        let mut shell = host.user("alice").terminal("sudo id -un");
        file(&mut shell, "INC-42");
        let id = pending(&host);
        std::thread::scope(|scope| {
            let approval = scope.spawn(|| host.user("carol").run(&format!("jit approve {id}")).succeeds());
            // The approval's own program takes about as long to start.
            std::thread::sleep(Duration::from_millis(round * 12));
            shell.press_ctrl_c();
            drop(approval.join().unwrap());
        });
        let output = shell.finish();
        let (came_in, left) = (output.stdout.contains("root\r\n"), output.stdout.contains("stays pending"));
        assert!(!(came_in && left), "{}", output.stdout);
        host.user("alice").run("sudo -n id -un").succeeds().says("root");
        host.user("alice").run("jit drop").succeeds();
    }
}

#[test]
fn a_waiter_whose_terminal_is_gone_is_never_let_in() {
    // The second one's session leader, and sudo with it, ignores the hang-up.
    for line in ["sudo touch /tmp/came-in", "trap '' HUP; sudo touch /tmp/came-in; sleep 1; exit"] {
        let host = host();
        let mut shell = host.user("alice").terminal(line);
        file(&mut shell, "INC-42");
        host.root().run("pkill -KILL -x script").succeeds();
        approve(&host);
        wait_until("sudo to end", || host.root().run("pgrep -x sudo").stdout.is_empty().then_some(()));
        host.root().run("test -e /tmp/came-in").fails();
        assert!(!host.syslog().iter().any(|line| line.contains("session.opened")), "{line}");
    }
}

#[test]
fn one_who_was_stopped_when_the_terminal_went_is_not_let_in_either() {
    let host = host();
    let mut shell = host.user("alice").terminal("trap '' HUP; sudo touch /tmp/came-in; sleep 1; exit");
    file(&mut shell, "INC-42");
    host.root().run("pkill -STOP -x sudo").succeeds();
    approve(&host);
    host.root().run("pkill -KILL -x script; pkill -CONT -x sudo").succeeds();
    wait_until("sudo to end", || host.root().run("pgrep -x sudo").stdout.is_empty().then_some(()));
    host.root().run("test -e /tmp/came-in").fails();
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
    shell.type_line("INC-42");
    shell.expect("Ask carol or dave for sudo as carol, 30m");
    shell.type_line("");
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
    shell.expect("1 or 2: ");
    shell.type_line("");
    shell.expect("It must be at least 5 letters, with INC-");
    shell.type_line("because");
    shell.expect("Y/n: ");
    shell.type_line("");
    shell.expect("INC-\\d+");
    shell.expect("Reason: ");
    shell.type_line("INC-42");
    shell.expect("10m, \"INC-42\"? [Y/n]");
    shell.type_line("");
    shell.expect(" waits for ");
    approve(&host);
    shell.expect("root\r\n");
    shell.finish().succeeds();

    let mut shell = host.user("bob").terminal("sudo id -un");
    shell.expect("1 or 2: ");
    shell.type_line("2");
    shell.expect("an emergency, shown to dave and kept; never a password");
    shell.type_line("all is down");
    shell.expect("Take the emergency oncall for sudo as root, 15m, \"all is down\"? ");
    shell.expect("will be told. [y/N]");
    shell.type_line("y");
    shell.expect("dave must review it, or your next one is refused. Left: 2 of 3.");
    shell.expect("root\r\n");
    shell.finish().succeeds();
    assert!(host.wait_for_log("optout.taken").contains("user=bob"));

    // Enter alone takes none.
    let mut shell = host.user("carol").terminal("sudo id -un");
    shell.expect("an emergency, shown to dave");
    shell.type_line("all is down");
    shell.expect("[y/N]");
    shell.type_line("");
    shell.expect("jit: no grant for sudo");
    shell.finish().fails().does_not_say("1: ask");

    // Where nobody has to approve one is in at once, without a reason where none is needed.
    let mut shell = host.user("erin").terminal("sudo id -un");
    shell.expect("It may be empty.");
    shell.type_line("");
    shell.expect("Take sudo as root, 30m, without a reason? [Y/n]");
    shell.type_line("");
    shell.expect("root\r\n");
    shell.finish().succeeds();
}

#[test]
fn three_of_one_user_wait_and_the_fourth_is_told_and_others_are_let_in_meanwhile() {
    let host = host();
    let mut shells = Vec::new();
    for number in 0..3 {
        let mut shell = host.user("alice").terminal("sudo id -un");
        if number == 0 {
            file(&mut shell, "INC-42")
        } else {
            shell.expect(" waits for ")
        }
        shells.push(shell);
    }
    let mut fourth = host.user("alice").terminal("sudo id -un");
    fourth.expect("jit: no more prompts can wait now (3 of one user, 32 in all). no grant for sudo. Ask: jit request");
    fourth.finish().fails();
    host.grant("bob", "sudo", "carol");
    host.user("bob").run("sudo -n id -un").succeeds().says("root");
    approve_of(&host, "alice");
    for mut shell in shells {
        shell.expect("root\r\n");
        shell.finish().succeeds();
    }
    let mut fifth = host.user("frank").terminal("sudo id -un");
    fifth.expect("password");
}

/// Approves the request of this user.
fn approve_of(host: &Host, user: &str) {
    let listed = host.root().run("jit list --pending --json").succeeds().json();
    let id =
        listed["requests"].as_array().unwrap().iter().find(|request| request["user"] == user).unwrap()["id"].as_str().unwrap().to_owned();
    host.user("carol").run(&format!("jit approve {id}")).succeeds();
}

#[test]
fn thirty_two_wait_and_the_thirty_third_is_told_and_a_check_costs_what_it_did() {
    let names: Vec<_> = (0..11).map(|number| format!("user{number}")).collect();
    let host = Host::with(|host| {
        let host = names.iter().fold(asking(host), |host, name| host.user(name, &["ops"]));
        host.sudoers(&format!("{} ALL=(ALL:ALL) NOPASSWD: ALL\n", names.join(",")))
    })
    .start();
    for name in &names {
        host.user(name).run("jit request --reason INC-42").succeeds();
    }
    host.grant("bob", "sudo", "carol");
    let mut shells = Vec::new();
    for place in 0..32 {
        let mut shell = host.user(&names[place / 3]).terminal("sudo id -un");
        shell.expect(" waits for ");
        shells.push(shell);
    }
    let mut last = host.user(&names[10]).terminal("sudo id -un");
    last.expect("no more prompts can wait now");
    last.finish().fails();
    let ticks = || -> u64 {
        let stat = host.root().run("cut -d' ' -f14,15 /proc/$(pgrep -x jitd)/stat").succeeds().stdout;
        stat.split_whitespace().map(|ticks| ticks.parse::<u64>().unwrap()).sum()
    };
    let before = ticks();
    host.user("bob").run("sudo -n id -un").succeeds().says("root");
    std::thread::sleep(Duration::from_secs(1));
    assert!(ticks() - before < 20, "32 waiters cost {} hundredths of a second of jitd in a second", ticks() - before);
    drop(shells.pop());
    host.root().run("pkill -KILL -n -x sudo").succeeds();
    let mut next = host.user(&names[10]).terminal("sudo id -un");
    next.expect(" waits for ");
}

#[test]
fn a_waiters_password_ticket_is_not_held_against_their_other_terminals() {
    for kind in ["tty", "global"] {
        let host = Host::with(|host| asking(host).sudoers(&format!("Defaults timestamp_type={kind}\n"))).start();
        let mut first = host.user("frank").terminal("sudo id -un");
        first.expect("password for frank");
        first.type_line(PASSWORD);
        file(&mut first, "INC-42");
        let mut second = host.user("frank").terminal("sudo id -un");
        second.expect("password for frank");
        second.type_line(PASSWORD);
        second.expect(" waits for ");
        approve(&host);
        for mut shell in [first, second] {
            shell.expect("root\r\n");
            shell.finish().succeeds();
        }
    }
}

#[test]
fn su_asks_for_its_target() {
    let host = host();
    let mut shell = host.user("alice").terminal("su carol -c 'id -un'; echo back at the shell; sleep 1");
    shell.expect("assword: ");
    shell.type_line(PASSWORD);
    shell.expect("Reason for su as carol");
    shell.type_line("INC-42");
    shell.expect("Ask carol or dave for su as carol, 30m, \"INC-42\"? [Y/n]");
    shell.type_line("");
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
fn jit_run_asks_waits_with_the_approvers_in_view_and_passes_the_commands_code_on() {
    let host = Host::with(|host| host.people()).start();
    let mut shell = host.user("alice").variable("TERM=xterm").terminal("jit run --for 10m -- sh -c 'id -un; exit 7'");
    shell.expect("Reason for sudo as root, shown to the approver and kept; never a password: ");
    shell.type_line("INC-42");
    shell.expect("waits for carol or dave (group leads) until");
    shell.expect("carol or dave (group leads) can approve; 59m5");
    let began = approve(&host);
    shell.expect("Granted: you may sudo as root until");
    shell.expect("root\r\n");
    soon("from the approver's command to that of jit run", began);
    shell.finish().exits(7);
}

#[test]
fn jit_run_works_in_a_pipe_and_uses_what_is_held_or_asked_for_already() {
    let host = Host::with(|host| host.people()).start();
    let alice = host.user("alice");
    std::thread::scope(|scope| {
        let line = "echo data | jit run --reason INC-42 -- cat | tr a-z A-Z; jit run -- id -un";
        let ran = scope.spawn(|| host.user("alice").run(line).succeeds());
        approve(&host);
        let ran = ran.join().unwrap();
        assert_eq!(ran.stdout, "DATA\nroot\n");
        assert!(ran.stderr.contains("waits for carol or dave") && ran.stderr.contains("Approved by carol."), "{}", ran.stderr);
    });
    // One that waits already is gone on with, and as whom is asked for as sudo will be called.
    alice.run("jit request --as carol --reason INC-43").succeeds();
    std::thread::scope(|scope| {
        let ran = scope.spawn(|| host.user("alice").run("jit run -u carol -- id -un").succeeds());
        let id = pending(&host);
        host.user("dave").run(&format!("jit approve {id}")).succeeds();
        assert_eq!(ran.join().unwrap().stdout, "carol\n");
    });
    alice.run("jit run -- false").exits(1);
    alice.run("jit run --json -- id -un").succeeds().says("\"state\":\"granted\"").says("root");
}

#[test]
fn what_fails_before_the_command_runs_is_125() {
    let host = Host::with(|host| host.people()).start();
    let bob = host.user("bob");
    bob.run("jit run -- id -un").exits(125).says("reason").does_not_say("root\n");
    bob.run("jit run id -un").exits(125);
    bob.run("jit run --reason x").exits(125);
    host.user("erin").run("jit run --reason x -- id -un").exits(125).says("no rule lets erin");
    std::thread::scope(|scope| {
        let ran = scope.spawn(|| host.user("bob").run("jit run --reason INC-42 -- id -un"));
        let id = pending(&host);
        host.user("carol").run(&format!("jit deny {id} --note no")).succeeds();
        ran.join().unwrap().exits(125).says("Denied by carol: \"no\"").does_not_say("root\n");
    });
    host.grant("bob", "sudo", "carol");
    bob.run("PATH=/nowhere /usr/local/bin/jit run -- id").exits(125).says("sudo cannot be run");
    host.jitd().stop();
    bob.run("jit run --reason x -- id -un").exits(125).says("jitd cannot be reached");
}

#[test]
fn jit_wait_says_each_approval_as_it_comes_and_costs_nothing_meanwhile() {
    let policy = "version = 1\n[[grant]]\nname = \"two\"\nwho = [\"group:ops\"]\non = [\"sudo\"]\napprove = [ { by = [\"group:leads\"] }, { by = [\"user:erin\"] } ]\n";
    let host = Host::with(|host| host.people().policy(policy)).start();
    host.user("bob").run("jit request --reason INC-42").succeeds();
    let id = pending(&host);
    let mut shell = host.user("bob").terminal("jit wait");
    shell.expect("waits for alice-adm, carol or dave (group leads) until");
    let switches = || -> u64 {
        let status = host.root().run("grep voluntary_ctxt_switches /proc/$(pgrep -x jit)/status | head -1 | tr -dc 0-9").succeeds().stdout;
        status.trim().parse().unwrap()
    };
    let before = switches();
    std::thread::sleep(Duration::from_millis(700));
    assert_eq!(switches(), before, "it woke up while nothing happened");
    host.user("carol").run(&format!("jit approve {id}")).succeeds();
    shell.expect(&format!("Approved by carol. {id} waits for erin until"));
    host.user("erin").run(&format!("jit approve {id}")).succeeds();
    shell.expect("Granted: you may sudo as root until");
    shell.finish().succeeds();
}

#[test]
fn a_waiter_in_sudo_is_told_of_each_approval_and_two_stages_let_in_after_the_second() {
    let policy = "version = 1\n[[grant]]\nname = \"two\"\nwho = [\"group:ops\"]\non = [\"sudo\"]\napprove = [ { by = [\"group:leads\"], count = 2 }, { by = [\"user:erin\"] } ]\n";
    let host = Host::with(|host| asking(host).policy(policy)).start();
    let mut shell = host.user("bob").terminal("sudo id -un");
    shell.expect("Reason: ");
    shell.type_line("INC-42");
    shell.expect("Ask 2 of alice-adm, carol or dave for sudo as root");
    shell.type_line("");
    let id = pending(&host);
    for (approver, then) in [("carol", "waits for alice-adm, carol or dave; here"), ("dave", "waits for erin; here"), ("erin", "root\r\n")]
    {
        host.user(approver).run(&format!("jit approve {id}")).succeeds();
        shell.expect(then);
    }
    shell.finish().succeeds();
}

#[test]
fn nobody_approves_what_they_asked_for_in_anothers_name() {
    let policy = "version = 1\n[[grant]]\nname = \"ops\"\nwho = [\"group:ops\"]\non = [\"sudo\"]\napprove = [ { by = [\"group:leads\"] } ]\n\
                  [[grant]]\nname = \"as-bob\"\nwho = [\"user:carol\"]\non = [\"sudo\"]\nas = [\"bob\"]\napprove = []\n";
    let host = Host::with(|host| asking(host).policy(policy)).start();
    host.user("carol").run("jit request --as bob --reason x").succeeds();
    let mut shell = host.user("carol").terminal("sudo -u bob sh -c 'sudo id -un'");
    file(&mut shell, "INC-42");
    let id = pending(&host);
    host.user("carol").run(&format!("jit approve {id}")).exits(1).says("nobody approves their own");
    host.user("dave").run(&format!("jit approve {id}")).succeeds();
    shell.expect("root\r\n");
    shell.finish().succeeds();
}
