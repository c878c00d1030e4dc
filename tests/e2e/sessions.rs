//! Sessions end when their grant ends, with everything that they started.

use jit_tests::{Host, Person, Plan, Terminal, wait_until};

/// What tries to outlive its session: a background job, one that ignores the hang-up, one that detached itself, one with a
/// terminal server of its own, one that ignores what it is asked.
const STAYS: &str = "sleep 9001 & nohup sleep 9002 >/dev/null 2>&1 & setsid -f sleep 9003; \
                     (trap \"\" TERM HUP; exec sleep 9004) & tmux -L $$ new-session -d \"sleep 9005\";";
const STAYING: [&str; 5] = ["9001", "9002", "9003", "9004", "9005"];

/// Those sleeps that run, of all users.
fn sleeping(host: &Host) -> String {
    host.root().run("pgrep -a -x sleep; true").stdout
}

fn all_are_there(host: &Host) {
    wait_until("everything to have started", || STAYING.iter().all(|time| sleeping(host).contains(time)).then_some(()));
}

fn all_are_gone(host: &Host) {
    wait_until("everything to have ended", || STAYING.iter().all(|time| !sleeping(host).contains(time)).then_some(()));
}

/// A shell that somebody has by sudo, with all that it started.
fn in_sudo<'a>(host: &'a Host, alice: &Person<'a>) -> Terminal {
    let terminal = alice.terminal(&format!("sudo sh -c '{STAYS} echo all started; sleep 9000'"));
    all_are_there(host);
    terminal
}

/// The id of somebody's grant for a service.
fn grant_of(host: &Host, user: &str, service: &str) -> String {
    let status = host.user(user).run("jit status --json").succeeds().json();
    let grants = status["grants"].as_array().unwrap();
    grants.iter().find(|grant| grant["service"] == service).unwrap()["id"].as_str().unwrap().to_owned()
}

fn people(host: Plan) -> Plan {
    host.people()
}

#[test]
fn a_sudo_ends_with_its_grant_with_all_that_it_started_and_nothing_else() {
    let host = Host::with(|host| host.people().movable_clock()).start();
    host.user("alice").run("jit request --for 2m --reason INC-42").succeeds();
    host.user("carol").run("jit approve $(jit list --pending --json | grep -o 'R-[0-9A-Z]*' | head -1)").succeeds();
    let mut stranger = host.user("alice").terminal("echo mine; sleep 8000");
    stranger.expect("mine");
    let alice = host.user("alice");
    let mut terminal = in_sudo(&host, &alice);
    let opened = host.wait_for_log("session.opened");
    assert!(opened.contains("bound=cgroup"), "{opened}");
    host.clock().advance(61);
    terminal.expect("\r\njit: your sudo as root ends in 5");
    terminal.expect("s, and everything in it. Save your work.\r\n");
    assert!(host.wait_for_log("session.warned").contains("left_s=60"));
    host.clock().advance(60);
    terminal.expect("jit: your sudo as root ends now: its grant G-");
    all_are_gone(&host);
    let ended = host.wait_for_log("session.ended");
    assert!(ended.contains("because=expired") && ended.contains("killed=1 left=0 bound=cgroup"), "{ended}");
    assert!(sleeping(&host).contains("8000"), "what alice runs elsewhere goes on");
    host.user("alice").run("jit list --all --json").succeeds().says("\"state\":\"ended\"");
}

#[test]
fn a_revocation_can_be_at_once_and_ends_a_log_in_with_the_sudo_inside() {
    let host = Host::with(people).start();
    host.grant("alice", "ssh", "carol");
    host.grant("alice", "sudo", "carol");
    let mut ssh = host.ssh("alice").terminal();
    ssh.type_line(&format!("sh -c '{STAYS} echo all of them started'; sudo sleep 9006"));
    all_are_there(&host);
    wait_until("the inner sudo", || sleeping(&host).contains("9006").then_some(()));
    let id = grant_of(&host, "alice", "sshd");
    host.user("carol").run(&format!("jit revoke {id} --now --note 'wrong host'")).succeeds().says("Revoked");
    all_are_gone(&host);
    wait_until("the inner sudo to have ended", || (!sleeping(&host).contains("9006")).then_some(()));
    let ended = host.wait_for_log("because=revoked");
    assert!(ended.contains("session.ended") && ended.contains("service=sshd"), "{ended}");
    let inner = host.wait_for_log("around it ended");
    assert!(inner.contains("service=sudo"), "{inner}");
}

#[test]
fn a_sudo_inside_a_log_in_ends_and_leaves_the_log_in() {
    let host = Host::with(people).start();
    host.grant("alice", "ssh", "carol");
    host.grant("alice", "sudo", "carol");
    let mut ssh = host.ssh("alice").terminal();
    ssh.type_line("sudo sleep 9007; echo still $((40 + 2)) here");
    wait_until("the sudo", || sleeping(&host).contains("9007").then_some(()));
    host.user("alice").run(&format!("jit drop {}", grant_of(&host, "alice", "sudo"))).succeeds();
    ssh.expect("still 42 here");
    assert!(!sleeping(&host).contains("9007"));
    assert!(host.wait_for_log("session.ended").contains("because=dropped"));
}

#[test]
fn a_session_by_a_standing_exemption_outlives_its_day_and_ends_with_the_rule() {
    let until = std::process::Command::new("date").args(["-u", "-d", "+2 days", "+%F"]).output().unwrap().stdout;
    let until = String::from_utf8(until).unwrap();
    let policy = "version = 1\n[[legacy]]\nname = \"backup\"\nwho = [\"user:bob\"]\non = [\"sshd\"]\nowner = \"group:leads\"\nreason = \"cron\"\nuntil = ";
    let host = Host::with(|host| host.people().policy(&format!("{policy}{until}")).movable_clock()).start();
    let mut ssh = host.ssh("bob").terminal();
    ssh.type_line("sleep 9011");
    wait_until("the log-in", || sleeping(&host).contains("9011").then_some(()));
    host.clock().advance(86_400);
    let _ = host.wait_for_log("grant.expired");
    host.ssh("bob").run("true").succeeds();
    assert!(sleeping(&host).contains("9011"), "its day is over, and it goes on");
    host.clock().advance(3 * 86_400);
    wait_until("the log-in to be ended", || (!sleeping(&host).contains("9011")).then_some(()));
    let revoked = host.wait_for_log("grant.revoked");
    assert!(revoked.contains("by=jitd") && revoked.contains("its rule has ended"), "{revoked}");
    assert!(host.wait_for_log("session.ended").contains("because=revoked"));
    host.ssh("bob").run("true").fails();
}

#[test]
fn what_a_session_left_behind_ends_with_the_last_use_of_its_grant() {
    let policy = "version = 1\n[[grant]]\nname = \"once\"\nwho = [\"user:alice\"]\non = [\"sudo\"]\nuses = { max = 1 }\napprove = []\n";
    let host = Host::with(|host| host.people().policy(policy)).start();
    host.user("alice").run("jit request --uses 1 --reason x").succeeds();
    host.user("alice").run("sudo sh -c 'setsid -f sleep 9008'; echo code $?").succeeds().says("code 0");
    host.user("alice").run("sudo sh -c true").fails();
    wait_until("what was left to have ended", || (!sleeping(&host).contains("9008")).then_some(()));
    let ended = host.wait_for_log("session.ended");
    assert!(ended.contains("because=used-up processes=1"), "{ended}");
}

#[test]
fn jitd_ends_what_should_have_ended_while_it_was_away_and_the_rest_in_time() {
    let host = Host::with(|host| host.people().movable_clock()).start();
    host.user("alice").run("jit request --for 1m --reason INC-42").succeeds();
    host.user("bob").run("jit request --for 10m --reason INC-43").succeeds();
    host.user("carol").run("for r in $(jit list --pending --json | grep -o 'R-[0-9A-Z]*' | sort -u); do jit approve $r; done").succeeds();
    let (alice, bob) = (host.user("alice"), host.user("bob"));
    let _one = alice.terminal("sudo sleep 9010");
    let _other = bob.terminal("sudo setsid sleep 9011");
    wait_until("both", || ["9010", "9011"].iter().all(|time| sleeping(&host).contains(time)).then_some(()));
    host.jitd().kill();
    host.clock().advance(120);
    host.jitd().start();
    wait_until("the one that should have ended", || (!sleeping(&host).contains("9010")).then_some(()));
    assert!(sleeping(&host).contains("9011"));
    host.root().run("jit list").succeeds().says("bob");
    host.clock().advance(480);
    wait_until("the other one", || (!sleeping(&host).contains("9011")).then_some(()));
}

#[test]
fn used_cgroups_are_removed_whoever_ends_them() {
    // So many of one user, as their pace allows at once.
    let each = if jit_tests::is_full_run() { 2_000 } else { 12 };
    let users = ["alice", "bob", "grace", "heidi", "ivan"];
    let plan = |host: Plan| users[2..].iter().fold(people(host), |host, user| host.user(user, &["ops"]));
    let host = Host::with(|host| plan(host).sudoers("%ops ALL=(ALL:ALL) NOPASSWD: ALL\n")).start();
    users.iter().for_each(|user| drop(host.grant(user, "sudo --for 4h", "carol")));
    let loops = format!("for n in $(seq {each}); do sudo -n true || exit 1; done; echo all; sudo sleep 30 & sleep 1; kill -9 $$");
    let looped = |user: &str| drop(host.user(user).patience(1800).run(&format!("sh -c '{loops}'")).says("all"));
    std::thread::scope(|scope| users.iter().for_each(|user| drop(scope.spawn(|| looped(user)))));
    host.root().run("pkill -9 -x sudo; pkill -x sleep; true").succeeds();
    let folder = host.jitd().stderr().split(' ').find(|word| word.starts_with("jit-")).unwrap().to_owned();
    let left = || host.root().run(&format!("find /sys/fs/cgroup -type d -path '*{folder}/S-*'")).stdout;
    wait_until("no cgroup to be left", || left().is_empty().then_some(()));
    wait_until("no session to be open", || {
        let listed = host.root().run("jit list --active --json").succeeds().json();
        listed["sessions"].as_array().unwrap().is_empty().then_some(())
    });
    let descriptors = host.root().run("ls /proc/$(pgrep -x jitd)/fd | wc -l").stdout.trim().parse::<usize>().unwrap();
    assert!(descriptors < 40, "{descriptors}");
}
