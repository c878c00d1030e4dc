//! Who waits in their prompt while something goes away: jitd, their patience, their terminal.

use crate::ask::{Program, approve, asking, file, host, pending};
use crate::away::OPEN_WHILE_AWAY;
use jit_tests::{Host, wait_until};
use std::time::Duration;

#[test]
fn a_jitd_that_is_restarted_or_killed_is_waited_for_and_the_request_is_kept() {
    for program in Program::ALL {
        let host = program.host(asking);
        let mut shell = program.terminal(&host, "", "echo came in");
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
        let id = pending(&host);
        host.user("dave").run(&format!("jit approve {id}")).succeeds();
        shell.expect("came in\r\n");
        shell.finish().succeeds();
    }
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
        host.control(OPEN_WHILE_AWAY).arguments("ask wait=2s timeout=1s")
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
        // The terminal outlives the sudo: a Ctrl-C that comes after it finds somebody.
        let mut shell = host.user("alice").terminal("trap : INT; sudo id -un; sleep 0.2");
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
    for program in Program::ALL {
        // The second one's session leader, and what asks with it, ignores the hang-up.
        for before in ["", "trap '' HUP;"] {
            let host = program.host(asking);
            let mut shell = program.terminal(&host, before, "touch /tmp/came-in; sleep 1");
            file(&mut shell, "INC-42");
            let id = pending(&host);
            host.root().run("pkill -KILL -x script").succeeds();
            host.user("dave").run(&format!("jit approve {id}")).succeeds();
            let asks = format!("pgrep -x {}", program.process());
            wait_until("what asks to end", || host.root().run(&asks).stdout.is_empty().then_some(()));
            host.root().run("test -e /tmp/came-in").fails();
            assert!(!host.syslog().iter().any(|line| line.contains("session.opened")), "{program:?} {before}");
        }
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
