//! Lines on people's terminals: approvers hear of a request that waits, and its subject of what became of it.

use crate::ask::{asking, file, pending};
use jit_tests::{Host, Plan, Terminal};

/// With a second stage, an extension, and an escalation.
const POLICY: &str = r#"version = 1
[[person]]
accounts = ["alice", "alice-adm"]

[[grant]]
name = "ops-root"
who = ["group:ops"]
on = ["sudo"]
approve = [ { by = ["group:leads"] } ]
extend = { times = 1, max = "1h" }
escalate = { after = "15m", to = ["user:erin"] }
lapse = "1h"

[[grant]]
name = "ops-su"
who = ["group:ops"]
on = ["su"]
approve = [ { by = ["user:carol"] }, { by = ["user:dave"] } ]

[[grant]]
name = "leads-ssh"
who = ["group:leads"]
on = ["sshd"]
approve = []
starts = "login"
"#;

fn plan(host: Plan) -> Plan {
    host.people().movable_clock().policy(POLICY)
}

/// Somebody who sits at a terminal.
fn at_a_terminal(host: &Host, name: &str) -> Terminal {
    let mut terminal = host.user(name).terminal("echo ready; exec cat");
    terminal.expect("ready");
    terminal
}

/// All that a terminal shows, once everything that was written to it before has come.
fn all_of(terminal: &mut Terminal) -> String {
    terminal.type_line("and that is all");
    terminal.expect("and that is all");
    terminal.screen()
}

fn ask(host: &Host, user: &str, what: &str, reason: &str) -> String {
    let made = host.user(user).run(&format!("jit request {what} --reason \"{reason}\" --json")).succeeds().json();
    made["id"].as_str().unwrap().to_owned()
}

#[test]
fn approvers_hear_of_a_request_once_and_its_subject_of_the_answer_and_nobody_else_of_either() {
    let host = Host::with(plan).start();
    let mut carol = host.ssh("carol").terminal();
    carol.type_line("tty");
    carol.expect("/dev/pts/");
    let mut dave = host.user("dave").terminal("mesg n; echo ready; exec cat");
    dave.expect("ready");
    let (mut alice, mut bob) = (at_a_terminal(&host, "alice"), at_a_terminal(&host, "bob"));
    let mut own = at_a_terminal(&host, "alice-adm");
    let id = ask(&host, "alice", "sudo", "INC-42 $(printf '\\033[2J\\r\\n\\342\\200\\256')jit: root asks for sudo");
    carol.expect(&format!(
        "jit: alice asks for sudo as root, 30m (jit approve {id}): INC-42 \\u{{1b}}[2J\\u{{d}}\\n\\u{{202e}}jit: root asks for sudo\r"
    ));
    host.user("dave").run(&format!("jit approve {id} --note 'until lunch'")).succeeds();
    alice.expect(&format!("jit: dave approved {id}: sudo as root for 30m: until lunch\r"));
    host.user("dave").run("jit revoke --user alice --note 'lunch'").succeeds();
    alice.expect("jit: dave revoked G-");
    alice.expect(": sudo as root: lunch\r");
    assert_eq!(carol.screen().matches(&id).count(), 1, "{}", carol.screen());
    assert!(!carol.screen().contains("\u{1b}[2J"));
    for (name, other) in
        [("who takes no lines", &mut dave), ("who has nothing to do with it", &mut bob), ("the subject's other account", &mut own)]
    {
        let shown = all_of(other);
        assert!(!shown.contains("jit:"), "{name}: {shown}");
    }
    assert_eq!(all_of(&mut alice).matches("jit:").count(), 2);
}

#[test]
fn the_next_stage_an_escalation_an_extension_and_a_lapse_are_told_to_whom_they_are_for() {
    let host = Host::with(plan).start();
    let [mut alice, mut carol, mut dave, mut erin] = ["alice", "carol", "dave", "erin"].map(|name| at_a_terminal(&host, name));
    let staged = ask(&host, "alice", "su", "INC-1");
    carol.expect(&format!("alice asks for su as root, 30m (jit approve {staged}): INC-1"));
    host.user("carol").run(&format!("jit approve {staged}")).succeeds();
    dave.expect(&staged);
    host.user("dave").run(&format!("jit deny {staged} --note 'not today'")).succeeds();
    alice.expect(&format!("jit: dave denied {staged}: su as root: not today\r"));

    let escalated = ask(&host, "alice", "sudo", "INC-2");
    dave.expect(&escalated);
    assert!(!all_of(&mut erin).contains("jit:"));
    host.clock().advance(15 * 60 + 1);
    erin.expect(&escalated);
    host.clock().advance(46 * 60);
    alice.expect(&format!("jit: nobody answered {escalated} in time: sudo as root. It is over; you may ask again\r"));

    host.grant("alice", "sudo", "carol");
    alice.expect("jit: carol approved R-");
    host.user("alice").run("jit extend --for 20m --reason INC-3").succeeds();
    carol.expect("jit: alice asks for 20m more of sudo as root (jit approve R-");
    let more = pending(&host);
    host.user("dave").run(&format!("jit approve {more}")).succeeds();
    alice.expect(&format!("jit: dave approved {more}: sudo as root, "));
    host.user("alice").run("jit drop").succeeds();
    // Whoever decides something themselves knows it.
    let told = all_of(&mut alice);
    assert_eq!(told.matches("jit:").count(), 4, "{told}");
    for (name, approver) in [("carol", &mut carol), ("dave", &mut dave), ("erin", &mut erin)] {
        let shown = all_of(approver);
        for id in [&staged, &escalated, &more] {
            assert!(shown.matches(id.as_str()).count() <= 1, "{name}: {shown}");
        }
    }
}

#[test]
fn who_waits_for_the_answer_is_told_where_they_wait_and_approvers_of_what_is_asked_in_the_prompt() {
    let host = Host::with(asking).start();
    let (mut carol, mut elsewhere) = (at_a_terminal(&host, "carol"), at_a_terminal(&host, "alice"));
    let mut shell = host.user("alice").terminal("sudo id -un");
    file(&mut shell, "INC-42");
    let id = pending(&host);
    carol.expect(&format!("jit: alice asks for sudo as root, 30m (jit approve {id}): INC-42\r"));
    host.user("dave").run(&format!("jit approve {id}")).succeeds();
    shell.expect("Approved by dave");
    shell.expect("root\r\n");
    assert!(!shell.finish().succeeds().stdout.contains("dave approved R-"));
    assert!(!all_of(&mut elsewhere).contains("jit:"));
}

#[test]
fn two_hundred_requests_are_ten_lines_and_one_that_says_how_many_more_there_are() {
    let users: Vec<_> = (0..20).map(|number| format!("user{number}")).collect();
    let policy = "version = 1\n[[grant]]\nname = \"all\"\nwho = [\"any\"]\non = [\"sudo\", \"su\"]\n\
                  as = [\"root\", \"bob\", \"erin\", \"frank\", \"alice\"]\napprove = [ { by = [\"user:carol\", \"user:dave\"] } ]\n";
    let host = Host::with(|host| users.iter().fold(host.people().policy(policy), |host, name| host.user(name, &[]))).start();
    let mut carol = at_a_terminal(&host, "carol");
    // Full, and stopped: nobody waits for it.
    let mut dave = host.user("dave").terminal("yes");
    dave.expect("y");
    host.root().run("pkill -STOP -u dave -x script").succeeds();
    let began = std::time::Instant::now();
    let each = "for as in root bob erin frank alice; do for s in sudo su; do jit request $s --as $as --reason flood || exit 1; done; done >/dev/null";
    std::thread::scope(|scope| {
        for some in users.chunks(10) {
            scope.spawn(|| some.iter().for_each(|name| drop(host.user(name).run(each).succeeds())));
        }
    });
    eprintln!("200 requests in {:?}", began.elapsed());
    carol.expect("more requests wait for you: jit list --pending\r");
    let shown = all_of(&mut carol);
    assert_eq!(shown.matches("jit approve R-").count(), 10, "{shown}");
    let more = shown.lines().find(|line| line.contains("more requests wait")).unwrap();
    let more: u32 = more.split_whitespace().nth(1).unwrap().parse().unwrap();
    assert!((1..=190).contains(&more), "{more}");
}

#[test]
fn no_line_is_written_over_a_screen_that_shows_it_anyhow() {
    let host = Host::with(plan).start();
    let watching = host.user("carol").screen(80, 24, "jit watch");
    watching.shows("live");
    let mut carol = at_a_terminal(&host, "carol");
    let id = ask(&host, "alice", "sudo", "INC-42");
    carol.expect(&format!("(jit approve {id})"));
    let shown = watching.shows(&format!("> {id}"));
    assert!(!shown.contains("(jit approve"), "{shown}");
    watching.press(&["q"]);
    watching.shows("ended with 0");
    let id = ask(&host, "bob", "sudo", "INC-43");
    watching.shows(&format!("(jit approve {id})"));
}
