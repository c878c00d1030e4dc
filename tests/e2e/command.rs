//! jit, as people and programs meet it.

use jit_tests::Host;

#[test]
fn exit_codes_tell_programs_what_happened() {
    let host = Host::with(|host| host.people()).start();
    let alice = host.user("alice");
    alice.run("jit request --reason x --for 30").exits(2);
    alice.run("jit request --reason x --for 5h").exits(1).says("at most");
    alice.run("jit request").exits(1).says("--reason");
    alice.run("jit request --reason x").exits(0);
    alice.run("jit request --reason x").exits(1).says("R-");
    alice.run("jit show G-00000000").exits(5);
    alice.run("jit frobnicate").exits(2);
    alice.run("jit --socket /nowhere status").exits(3).says("/nowhere");
    host.jitd().stop();
    alice.run("jit status").exits(3);
    alice.run("jit version").exits(0);
    alice.run("jit policy check").exits(0);
}

#[test]
fn a_failure_is_json_too_with_its_rule() {
    let host = Host::with(|host| host.people()).start();
    let refused = host.user("alice").run("jit request --reason x --for 5h --json").exits(1);
    let error = &refused.json()["error"];
    assert_eq!((error["code"].as_str(), error["rule"].as_str()), (Some("refused"), Some("ops-root")));
    assert!(refused.stderr.contains(error["message"].as_str().unwrap()));
    let usage = host.user("alice").run("jit request --for x --json").exits(2);
    assert_eq!(usage.json()["error"]["code"], "usage");
    let gone = host.user("alice").run("jit show R-00000000 --json").exits(5);
    assert_eq!(gone.json()["error"]["code"], "not-found");
}

#[test]
fn objects_have_the_keys_of_the_contract() {
    let host = Host::with(|host| host.people()).start();
    let id = host.grant("alice", "sudo", "carol");
    let keys = |value: &serde_json::Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>().join(" ");
    let shown = host.user("alice").run(&format!("jit show {id} --json")).succeeds().json();
    assert_eq!(
        keys(&shown["request"]),
        "id state user uid service as reason rule for_s uses start from submitted lapses stages approvers decided grant_id extends"
    );
    assert_eq!(keys(&shown["request"]["stages"][0]), "by count approved");
    assert_eq!(keys(&shown["request"]["stages"][0]["approved"][0]), "by uid at note");
    assert_eq!(keys(&shown["request"]["decided"]), "by at note");
    assert_eq!(keys(&shown["events"][0]), "seq at event data prev hash");
    let status = host.user("alice").run("jit status --json").succeeds().json();
    assert_eq!(
        keys(&status["grants"][0]),
        "id state user uid service as rule kind request_id by reason issued starts until left_s uses sessions review ended"
    );
    assert_eq!(keys(&status["may_request"][0]), "rule service as default_s max_s reason_required approvers");
    assert!(keys(&status).starts_with("user uid grants requests may_request may_emergency to_approve to_review"));
    assert_eq!(keys(&host.user("alice").run("jit list --json").succeeds().json()), "requests grants sessions");
}

#[test]
fn control_characters_of_others_never_reach_a_terminal_or_the_log() {
    let host = Host::with(|host| host.people()).start();
    host.user("alice").run("jit request --reason \"$(printf 'x\\033[2J\\nrequest.approved id=R-00000000\\342\\200\\256')\"").succeeds();
    for command in ["jit status", "jit list", "jit list --json"] {
        let shown = host.user("carol").run(command).succeeds().text();
        assert!(!shown.contains('\u{1b}') && !shown.contains('\u{202e}'), "{shown}");
    }
    let line = host.wait_for_log("request.submitted");
    assert!(!line.contains('\u{1b}') && !line.contains('\n') && !line.contains('\u{202e}'), "{line}");
}

#[test]
fn a_user_sees_their_own_and_times_in_their_own_zone() {
    let host = Host::with(|host| host.people()).start();
    host.grant("alice", "sudo", "carol");
    host.user("bob").run("jit list --all").does_not_say("alice");
    host.user("bob").run("jit audit log").exits(1).says("auditors");
    let here = host.user("alice").run("date +%H").stdout;
    let there = host.user("alice").variable("TZ=Asia/Kathmandu").run("jit status").succeeds().stdout;
    assert!(!here.is_empty() && there != host.user("alice").run("jit status").succeeds().stdout, "{there}");
}

#[test]
fn thirty_one_acts_in_a_minute_are_one_too_many() {
    let host = Host::with(|host| host.people()).start();
    let output = host.user("alice").run("for i in $(seq 16); do jit request --reason x >/dev/null; jit cancel; done");
    assert!(output.text().contains("more than 30 acts in a minute"), "{}", output.text());
    host.user("bob").run("jit request --reason x").succeeds();
}

#[test]
fn the_record_is_checked_and_a_forged_export_is_found_out() {
    let host = Host::with(|host| host.people()).start();
    host.grant("alice", "sudo", "carol");
    host.root().run("timeout 1 jit audit log --follow --json > /tmp/export; jit audit verify --file /tmp/export").succeeds();
    let head = host.root().run("jit audit verify --json").succeeds().json()["head"].as_str().unwrap().to_owned();
    host.root().run(&format!("jit audit verify --head {head}")).succeeds();
    let forged = head.replace(&head[head.len() - 4..], "0000");
    host.root().run(&format!("jit audit verify --head {forged}")).fails();
    host.root().run("sed -i s/alice/mallo/ /tmp/export; jit audit verify --file /tmp/export").exits(1);
}

#[test]
fn a_closed_pipe_is_no_error() {
    let host = Host::with(|host| host.people()).start();
    host.user("alice").run("jit --help | head -1").succeeds().does_not_say("panicked");
    host.root().run("jit audit log | head -1").succeeds().does_not_say("panicked");
}

#[test]
fn a_verdict_is_the_same_exit_code_when_its_reader_has_gone() {
    let policy = "version = 1\n[[grant]]\nname = \"x\"\nwho = [\"group:ops\"]\non = [\"sudo\"]\napprove = [{ by = [\"group:leads\"] }]\n";
    let host = Host::with(|host| host.people().policy(policy)).start();
    host.write("/tmp/bad.toml", "version = 1\n[[grant]]\nname = 1\nwho = 2\n");
    host.write("/tmp/cases.toml", "[[case]]\nuser = \"alice\"\nexpect = \"grant\"\n");
    host.root().run("jit audit export | sed s/ops/opa/ > /tmp/forged.jsonl").succeeds();
    let id = host.user("bob").run("jit request --reason INC-42 --json").succeeds().json()["id"].as_str().unwrap().to_owned();
    host.user("carol").run(&format!("jit deny {id} --note no")).succeeds();
    host.root().run("rm -f /etc/pam.d/sudo-i").succeeds();
    let wait = format!("jit wait {id}");
    for (user, line, code) in [
        ("root", "jit doctor", 1),
        ("root", "jit doctor --json", 1),
        ("root", "jit policy check /tmp/bad.toml", 1),
        ("root", "jit policy test /tmp/cases.toml", 1),
        ("root", "jit audit verify --file /tmp/forged.jsonl", 1),
        ("bob", wait.as_str(), 1),
        ("bob", "jit show G-00000000 --json", 5),
        ("bob", "jit list", 0),
    ] {
        let who = if user == "root" { host.root() } else { host.user(user) };
        who.run(line).exits(code);
        let who = if user == "root" { host.root() } else { host.user(user) };
        // Once both ends are open the reader goes, before anything is written.
        who.run(&format!("f=/tmp/pipe-{user}; rm -f $f; mkfifo $f; : < $f & exec 4> $f; wait; {line} >&4")).exits(code);
    }
}
