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
    assert!(submitted.contains("user=alice") && submitted.contains("reason=\"INC-42\""), "{submitted}");
}
