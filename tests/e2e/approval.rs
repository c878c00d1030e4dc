//! Somebody else approves: nobody gets round it.

use jit_tests::{Host, POLICY};

fn asked(host: &Host, user: &str, what: &str) -> String {
    let made = host.user(user).run(&format!("jit request {what} --reason INC-42 --json")).succeeds().json();
    made["id"].as_str().unwrap().to_owned()
}

#[test]
fn the_subject_does_not_approve_as_themselves_through_sudo_or_by_another_account_of_theirs() {
    let host = Host::with(|host| host.people()).start();
    host.grant("alice", "sudo", "carol");
    let second = asked(&host, "alice", "sudo --as carol");
    let approve = format!("jit approve {second}");
    host.user("alice").run(&approve).exits(1);
    host.user("alice-adm").run(&approve).exits(1).says("your own");
    host.user("alice").run(&format!("sudo -n {approve}")).fails().says("jit:");
    host.user("dave").run(&approve).succeeds();

    let third = asked(&host, "alice", "su --as carol");
    host.user("alice").run(&format!("sudo -n -u carol jit approve {third}")).fails().says("your own");
    host.user("alice").run(&format!("sudo -n -u carol setsid -f sh -c 'sleep 0.2; jit approve {third}; touch /tmp/tried'"));
    jit_tests::wait_until("the detached process to try", || host.root().run("test -e /tmp/tried").code.eq(&0).then_some(()));
    let request = host.user("alice").run(&format!("jit show {third} --json")).succeeds().json();
    assert_eq!(request["request"]["state"], "pending");
}

#[test]
fn an_outsider_neither_approves_nor_learns_of_a_request() {
    let host = Host::with(|host| host.people()).start();
    let id = asked(&host, "alice", "sudo");
    host.user("bob").run(&format!("jit approve {id}")).exits(5);
    host.user("bob").run(&format!("jit show {id}")).exits(5);
    host.user("bob").run("jit list --all").does_not_say(&id);
    host.user("erin").run(&format!("jit show {id}")).succeeds().says("INC-42");
    host.user("erin").run(&format!("jit approve {id}")).exits(1).says("does not let you approve");
    host.root().run(&format!("jit approve {id}")).exits(1).says("does not let you approve");
}

#[test]
fn a_name_in_the_environment_is_never_believed() {
    let host = Host::with(|host| host.people()).start();
    let id = asked(&host, "alice", "sudo");
    for name in ["USER=carol", "LOGNAME=carol", "SUDO_USER=carol", "SUDO_UID=1003"] {
        host.user("bob").variable(name).run(&format!("jit approve {id}")).exits(5);
    }
}

#[test]
fn an_id_is_read_in_any_case_and_an_act_needs_the_whole_of_it() {
    let host = Host::with(|host| host.people()).start();
    let id = asked(&host, "alice", "sudo");
    host.user("carol").run(&format!("jit show {}", id[..5].to_lowercase())).succeeds().says(&id);
    host.user("carol").run(&format!("jit approve {}", &id[..5])).fails();
    host.user("carol").run(&format!("jit approve {}", id.to_lowercase())).succeeds();
    host.user("dave").run(&format!("jit approve {id}")).exits(1).says("by carol");
}

#[test]
fn a_denial_ends_the_request_and_its_words_reach_the_subject() {
    let host = Host::with(|host| host.people()).start();
    let id = asked(&host, "alice", "sudo");
    host.user("carol").run(&format!("jit deny {id} --note 'use the staging host'")).succeeds();
    host.user("alice").run("jit wait").exits(1).says("carol").says("use the staging host");
    host.user("alice").run("sudo -n true").fails().says("no grant");
}

#[test]
fn whoever_waits_hears_at_once() {
    let host = Host::with(|host| host.people()).start();
    let mut waiting = host.user("alice").terminal("jit request --reason INC-42 --wait; sudo -n id -un");
    waiting.expect("waits for carol");
    let id = host.user("carol").run("jit status --json").succeeds().json()["to_approve"][0].as_str().unwrap().to_owned();
    host.user("carol").run(&format!("jit approve {id}")).succeeds();
    waiting.expect("Granted");
    waiting.expect("root");
    waiting.finish().succeeds();
    host.user("bob").run("jit request --reason INC-43 --wait=1s").exits(4);
    host.user("bob").run("jit status").says("waits for");
}

#[test]
fn an_approver_at_a_terminal_is_shown_the_only_request_and_asked() {
    let host = Host::with(|host| host.people()).start();
    let id = asked(&host, "alice", "sudo");
    let mut no = host.user("carol").terminal("jit approve");
    no.expect("INC-42");
    no.expect("[y/N]");
    no.type_line("");
    no.finish().fails();
    let mut yes = host.user("carol").terminal("jit approve");
    yes.expect(&id);
    yes.expect("[y/N]");
    yes.type_line("y");
    yes.expect("Granted: alice may sudo as root");
    yes.finish().succeeds();
}

#[test]
fn drop_cancel_and_revoke_end_access_at_once() {
    let host = Host::with(|host| host.people()).start();
    host.grant("alice", "sudo", "carol");
    host.user("alice").run("jit drop").succeeds();
    host.user("alice").run("sudo -n true").fails();
    let id = asked(&host, "alice", "sudo");
    host.user("alice").run("jit cancel").succeeds();
    host.user("carol").run(&format!("jit approve {id}")).exits(1);
    host.grant("alice", "sudo", "carol");
    host.user("bob").run("jit revoke --user alice").exits(1);
    host.root().run("jit revoke --user alice --note 'end of shift'").succeeds();
    host.user("alice").run("sudo -n true").fails();
}

#[test]
fn what_an_approval_made_shorter_is_shown_and_said_as_it_was_approved() {
    let policy = POLICY.replacen("approve = [", "starts = \"first-use\"\nuse_within = \"2h\"\napprove = [", 1);
    let host = Host::with(|host| host.people().policy(&policy)).start();
    let id = asked(&host, "alice", "sudo --for 30m");
    host.user("carol")
        .run(&format!("jit approve {id} --for 10m"))
        .succeeds()
        .says("for 10m, beginning with the first use")
        .does_not_say("30m");
    host.user("alice").run(&format!("jit wait {id}")).succeeds().says("for 10m").does_not_say("30m");
    let shown = host.user("alice").run(&format!("jit show {id} --json")).succeeds().json();
    assert_eq!(shown["request"]["for_s"], 600);
    host.user("alice").run("sudo -n id -un").succeeds().says("root");
    let left = host.user("alice").run("jit status --json").succeeds().json()["grants"][0]["left_s"].as_u64().unwrap();
    assert!((500..=600).contains(&left), "{left}");
}
