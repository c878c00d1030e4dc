//! The main job, from the first refusal to the last, and what is on record of it.

use jit_tests::Host;

#[test]
fn a_user_is_refused_requests_is_approved_is_let_in_and_refused_again_and_all_of_it_is_on_record() {
    let host = Host::with(|host| host.people().movable_clock()).start();
    let alice = host.user("alice");
    alice.run("sudo -n id -un").fails().says("jit: no grant for sudo. Ask: jit request sudo --reason \"...\". Approves: group leads. D-");

    let request = alice.run("jit request --reason 'INC-42 disk full' --json").succeeds().json();
    let id = request["id"].as_str().unwrap();
    assert_eq!((request["state"].as_str(), request["for_s"].as_u64()), (Some("pending"), Some(1800)));
    alice.run("sudo -n id -un").fails().says("no grant");

    host.user("carol").run("jit status").succeeds().says(id).says("INC-42 disk full");
    host.user("carol")
        .run(&format!("jit approve {id}"))
        .succeeds()
        .says("Granted: alice may sudo as root until")
        .says("Undo: jit revoke G-");
    alice.run("sudo -n id -un").succeeds().says("root");
    alice.run("jit status").succeeds().says("G-");

    host.clock().advance(1800);
    alice.run("sudo -n id -un").fails().says("no grant");
    let _ = host.wait_for_log("grant.expired");

    for event in [
        "daemon.started",
        "policy.loaded",
        "access.denied",
        "request.submitted",
        "request.approved",
        "request.granted",
        "session.opened",
        "session.closed",
    ] {
        let _ = host.wait_for_log(event);
    }
    let issued = host.wait_for_log("grant.issued");
    for part in
        ["jitd[", " user=alice uid=1001 service=sudo as=root until=", " by=carol ", " reason=\"INC-42 disk full\" ", " seq=", " hash="]
    {
        assert!(issued.contains(part), "{part} in {issued}");
    }
    host.root().run("jit audit verify").succeeds().says("whole");
    let log = host.user("erin").run("jit audit log --user alice --kind grant --json").succeeds().json();
    let names: Vec<_> = log["events"].as_array().unwrap().iter().map(|event| event["event"].as_str().unwrap().to_owned()).collect();
    assert_eq!(names, ["grant.issued", "grant.expired"]);
}

#[test]
fn what_was_granted_survives_a_restart_and_so_does_what_was_taken_away() {
    let host = Host::with(|host| host.people()).start();
    host.grant("alice", "sudo", "carol");
    host.grant("bob", "sudo", "carol");
    host.user("carol").run("jit revoke --user bob --note done").succeeds().says("bob");
    host.jitd().restart();
    host.user("alice").run("sudo -n id -un").succeeds().says("root");
    host.user("bob").run("sudo -n id -un").fails().says("no grant");
}
