//! Time, as jitd sees it.

use jit_tests::Host;

#[test]
fn a_wall_clock_set_back_an_hour_lengthens_nothing_and_is_on_record() {
    let host = Host::with(|host| host.people().movable_wall_clock()).start();
    host.grant("alice", "sudo --for 1h", "carol");
    let left = |host: &Host| host.user("alice").run("jit status --json").succeeds().json()["grants"][0]["left_s"].as_u64().unwrap();
    assert!(left(&host) > 3590);
    host.clock().advance(-3600);
    assert!(host.wait_for_log("clock.stepped").contains("by_ms=-"));
    assert!(left(&host) <= 3600);
    host.jitd().restart();
    assert!(left(&host) <= 3600);
    host.user("alice").run("sudo -n id -un").succeeds().says("root");
}

#[test]
fn a_wall_clock_set_forward_a_day_ends_the_grant_and_is_on_record() {
    let host = Host::with(|host| host.people().movable_wall_clock()).start();
    host.grant("alice", "sudo", "carol");
    host.clock().advance(86_400);
    let _ = host.wait_for_log("clock.stepped");
    let _ = host.wait_for_log("grant.expired");
    host.user("alice").run("sudo -n true").fails().says("no grant");
}

#[test]
fn a_grant_ends_on_time_though_jitd_was_away_at_the_time() {
    let host = Host::with(|host| host.people().movable_clock()).start();
    host.grant("alice", "sudo", "carol");
    host.jitd().stop();
    host.clock().advance(1801);
    host.jitd().start();
    host.user("alice").run("sudo -n true").fails().says("no grant");
    let _ = host.wait_for_log("grant.expired");
}

#[test]
fn a_request_that_nobody_answers_lapses_while_one_waits() {
    let host = Host::with(|host| host.people().movable_clock()).start();
    let mut waiting = host.user("alice").terminal("jit request --reason INC-42 --wait");
    waiting.expect("waits for carol");
    host.clock().advance(3601);
    waiting.expect("lapsed");
    waiting.finish().exits(1);
}

#[test]
fn a_clock_that_lost_its_battery_locks_nobody_out_once_it_is_right_again() {
    let ends = |host: &Host| host.root().run("date -u -d '+200 days' +%F").succeeds().stdout.trim().to_owned();
    let legacy =
        "[[legacy]]\nname = \"backup\"\nwho = [\"user:erin\"]\non = [\"sshd\"]\nowner = \"user:carol\"\nreason = \"cron\"\nuntil = ";
    let host = Host::with(|host| host.people().movable_wall_clock()).start();
    host.write("/etc/jit/policy.toml", &format!("{}\n{legacy}\"{}\"\n", jit_tests::POLICY, ends(&host)));
    host.jitd().restart();
    host.ssh("carol").run("id -un").succeeds().says("carol");
    host.jitd().stop();
    let to_1980 = -46 * 365 * 86_400;
    host.clock().advance(to_1980);
    host.jitd().start();
    host.ssh("carol").run("id -un").fails().says("no valid policy");
    host.clock().advance(-to_1980);
    let _ = host.wait_for_log("policy.loaded by=clock");
    host.ssh("carol").run("id -un").succeeds().says("carol");
    host.ssh("erin").run("id -un").succeeds().says("erin");
}
