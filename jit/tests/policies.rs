//! The policies in the documents are valid, and answer as they are meant to.
//!
//! Behind each policy of docs/policy.md stands a comment: `USER [in GROUP] [from IP] [as USER] [at TIME]: SERVICE ANSWER [by RULE]`.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests say what went wrong by panicking")]

use std::path::Path;
use std::process::Command;

fn word<'a>(words: &[&'a str], before: &str) -> Option<&'a str> {
    words.iter().skip_while(|word| **word != before).nth(1).copied()
}

/// A case of the comment, as `jit policy test` takes it.
fn case(text: &str) -> String {
    let (who, what) = text.rsplit_once(": ").unwrap();
    let (who, what): (Vec<_>, Vec<_>) = (who.split_whitespace().collect(), what.split_whitespace().collect());
    let mut case = format!("[[case]]\nuser = \"{}\"\nservice = \"{}\"\nexpect = \"{}\"\n", who[0], what[0], what[1]);
    for (before, key) in [("from", "from"), ("as", "as")] {
        if let Some(value) = word(&who, before) {
            case += &format!("{key} = \"{value}\"\n");
        }
    }
    case += &word(&who, "in").map(|group| format!("groups = [\"{group}\"]\n")).unwrap_or_default();
    case += &format!("at = \"{}\"\n", word(&who, "at").unwrap_or("2026-11-24T10:00:00Z"));
    case += &word(&what, "by").map(|rule| format!("rule = \"{rule}\"\n")).unwrap_or_default();
    case
}

#[test]
fn the_six_policies_of_the_document_answer_as_they_are_meant_to() {
    let document = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/policy.md")).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let parts: Vec<_> = document.split("```toml\n").skip(1).collect();
    assert_eq!(parts.len(), 6);
    for part in parts {
        let (policy, rest) = part.split_once("```").unwrap();
        let comment = rest.split_once("<!-- ").unwrap().1.split_once(" -->").unwrap().0;
        let (file, cases) = (folder.path().join("policy.toml"), folder.path().join("cases.toml"));
        // The end of an exemption must not be more than a year ahead of whenever this runs.
        let soon = String::from_utf8(Command::new("date").args(["-u", "-d", "+100 days", "+%F"]).output().unwrap().stdout).unwrap();
        std::fs::write(&file, policy.replace("2027-03-31", soon.trim())).unwrap();
        std::fs::write(&cases, comment.split("; ").map(case).collect::<String>()).unwrap();
        let output =
            Command::new(env!("CARGO_BIN_EXE_jit")).args(["policy", "test"]).arg(&cases).arg("--policy").arg(&file).output().unwrap();
        let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "{policy}\n{said}");
    }
}

/// What a verb says with this policy, and its exit code.
fn ran(policy: &str, cases: &str, verb: &[&str]) -> (Option<i32>, String) {
    let folder = tempfile::tempdir().unwrap();
    let (file, cases_file) = (folder.path().join("policy.toml"), folder.path().join("cases.toml"));
    std::fs::write(&file, format!("version = 1\n{policy}")).unwrap();
    std::fs::write(&cases_file, cases).unwrap();
    let verb = verb.iter().map(|word| if *word == "CASES" { cases_file.as_os_str() } else { word.as_ref() });
    let output = Command::new(env!("CARGO_BIN_EXE_jit")).arg("policy").args(verb).arg("--policy").arg(&file).output().unwrap();
    (output.status.code(), format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr)))
}

#[test]
fn at_a_console_and_in_a_job_of_crons_everybody_is_themselves_to_explain_and_test_too() {
    let policy = "[[grant]]\nname = \"desk\"\nwho = [\"any\"]\non = [\"login\", \"sudo\"]\nas = [\"postgres\"]\napprove = []\nstarts = \"login\"\n\
        [[grant]]\nname = \"jobs\"\nwho = [\"any\"]\non = [\"cron\"]\napprove = []\n\
        [[grant]]\nname = \"odd\"\nwho = [\"any\"]\non = [\"dovecot\"]\napprove = []\n";
    let cases = "[[case]]\nuser = \"zoe\"\nservice = \"login\"\nexpect = \"grant\"\n[[case]]\nuser = \"zoe\"\nservice = \"cron\"\nexpect = \"request\"\n\
        [[case]]\nuser = \"zoe\"\nservice = \"dovecot\"\nas = \"self\"\nexpect = \"none\"\n";
    let (code, said) = ran(policy, cases, &["test", "CASES"]);
    assert!(code == Some(0) && said.contains("3 of 3"), "{said}");
    let explained = |service: &str| ran(policy, "", &["explain", "daemon", service]).1;
    assert!(explained("login").starts_with("daemon may use login at once, without a request: rule desk.\n"), "{}", explained("login"));
    assert!(explained("cron").contains("They type: jit request cron --reason"), "{}", explained("cron"));
    let daemons = "Where dovecot is a daemon of root's, everybody comes in as themselves: ask with --as self.";
    assert!(explained("dovecot").contains("as root after a request") && explained("dovecot").contains(daemons), "{}", explained("dovecot"));
}

#[test]
fn a_file_without_a_case_tries_nothing_and_is_refused() {
    let (code, said) = ran("", "zone = \"UTC\"\n", &["test", "CASES"]);
    assert!(code == Some(1) && said.contains("there is no case in it"), "{said}");
}

#[test]
fn what_lies_in_policy_d_beside_a_file_is_tried_where_the_directory_is_named_and_else_said_to_be_left_out() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    };
    let rule =
        |kind: &str, more: &str| format!("version = 1\n[[{kind}]]\nname = \"{kind}\"\nwho = [\"user:daemon\"]\non = [\"sudo\"]\n{more}");
    write("policy.toml", &rule("grant", "approve = []\n"));
    write("policy.d/10-deny.toml", &rule("deny", ""));
    write("cases.toml", "[[case]]\nuser = \"daemon\"\nexpect = \"deny\"\n");
    let name = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (whole, alone, cases) = (name(""), name("policy.toml"), name("cases.toml"));
    let ran = |words: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_jit")).arg("policy").args(words).output().unwrap();
        (output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned())
    };
    assert_eq!(ran(&["test", &cases, "--policy", &whole]), (Some(0), "1 of 1 cases came out as expected\n".to_owned()));
    assert!(ran(&["explain", "daemon", "--policy", &whole]).1.contains("rule deny forbids it"));
    assert!(ran(&["check", &whole]).1.ends_with("valid, 2 rules\n"));
    for words in [&["test", &cases, "--policy", &alone][..], &["explain", "daemon", "--policy", &alone], &["check", &alone]] {
        let said = ran(words).1;
        assert!(said.contains(&format!("policy.d beside {alone} was not read: name the directory for both")), "{said}");
    }
}

/// What `jit policy test` says of a case at this time, of a rule for working hours.
fn tried_at(at: &str) -> (Option<i32>, String) {
    let folder = tempfile::tempdir().unwrap();
    let (policy, cases) = (folder.path().join("policy.toml"), folder.path().join("cases.toml"));
    let rule = "version = 1\n[[grant]]\nname = \"ops\"\nwho = [\"group:ops\"]\non = [\"sudo\"]\napprove = []\n\
        hours = [\"mon-fri 08:00-18:00\"]\nzone = \"UTC\"\n";
    std::fs::write(&policy, rule).unwrap();
    std::fs::write(&cases, format!("[[case]]\nuser = \"bob\"\ngroups = [\"ops\"]\nexpect = \"request\"\nat = {at}\n")).unwrap();
    let output =
        Command::new(env!("CARGO_BIN_EXE_jit")).args(["policy", "test"]).arg(&cases).arg("--policy").arg(&policy).output().unwrap();
    (output.status.code(), format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr)))
}

#[test]
fn the_time_of_a_case_is_written_bare_as_toml_has_it_or_as_a_text() {
    for at in ["2026-11-23T09:00:00Z", "2026-11-23 09:00:00Z", "\"2026-11-23T09:00:00Z\"", "2026-11-23T10:00:00+01:00"] {
        let (code, said) = tried_at(at);
        assert!(code == Some(0) && said.contains("1 of 1 cases came out as expected"), "{at}: {said}");
    }
    let (code, said) = tried_at("2026-11-22T09:00:00Z");
    assert!(code == Some(1) && said.contains("case 1: bob sudo as root: expected request, got none"), "a Sunday: {said}");
    for odd in ["09:00:00", "2026-11-23T09:00:00", "9", "\"soon\""] {
        let (code, said) = tried_at(odd);
        assert!(code == Some(1) && said.contains("line 5") && said.contains("not a time; write 2026-12-01T15:00:00Z"), "{odd}: {said}");
    }
}
