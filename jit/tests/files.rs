//! What needs no jitd: policy files, completions, man pages.
#![allow(clippy::unwrap_used, reason = "a test says what went wrong by panicking")]

mod common;

use common::{directory, jit};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

const POLICY: &str = r#"version = 1
[[grant]]
name = "ops-root"
who = ["user:root"]
on = ["su", "sshd"]
approve = [ { by = ["group:leads"], count = 1 } ]
"#;

fn policy(text: &str) -> PathBuf {
    let file = directory().join("policy.toml");
    std::fs::write(&file, text).unwrap();
    std::fs::set_permissions(&file, PermissionsExt::from_mode(0o644)).unwrap();
    file
}

fn ran(arguments: &[&str]) -> common::Ran {
    jit(Path::new("/nonexistent"), arguments)
}

#[test]
fn a_valid_policy_is_valid_and_a_mistake_has_its_place() {
    let file = policy(POLICY);
    let name = file.to_str().unwrap();
    let checked = ran(&["policy", "check", name]);
    assert_eq!((checked.code, checked.stdout), (0, format!("{name}: valid, 1 rule\n")));
    let checked = ran(&["policy", "check", name, "--json"]);
    assert_eq!(checked.stdout, "{\"valid\":true,\"errors\":[],\"warnings\":[]}\n");
    std::fs::write(&file, POLICY.replace("who =", "whom =")).unwrap();
    let checked = ran(&["policy", "check", name]);
    assert_eq!(checked.code, 1);
    assert!(checked.stdout.contains(&format!("{name}:5:1: ")) || checked.stdout.contains(&format!("{name}:4:1: ")), "{}", checked.stdout);
    let checked = ran(&["policy", "check", name, "--json"]);
    assert_eq!(checked.code, 1);
    assert!(checked.stdout.starts_with(&format!("{{\"valid\":false,\"errors\":[{{\"file\":\"{name}\",\"line\":")), "{}", checked.stdout);
}

#[test]
fn a_policy_that_others_can_write_or_that_is_not_there_is_not_valid() {
    let file = policy(POLICY);
    std::fs::set_permissions(&file, PermissionsExt::from_mode(0o666)).unwrap();
    let checked = ran(&["policy", "check", file.to_str().unwrap()]);
    assert!(checked.code == 1 && checked.stdout.contains("others can write"), "{}", checked.stdout);
    let checked = ran(&["policy", "check", "/nonexistent/policy.toml", "--json"]);
    assert!(checked.code == 1 && checked.stdout.starts_with("{\"valid\":false,"), "{}", checked.stdout);
}

#[test]
fn an_explanation_answers_for_an_account_of_this_host() {
    let file = policy(POLICY);
    let name = file.to_str().unwrap();
    let explained = ran(&["policy", "explain", "root", "ssh", "--from", "10.1.2.3", "--policy", name, "--json"]);
    assert_eq!(explained.code, 0);
    assert_eq!(
        explained.stdout,
        format!(
            "{{\"answer\":\"request\",\"rule\":\"ops-root\",\"why\":[{{\"name\":\"ops-root\",\"kind\":\"grant\",\"file\":\"{name}\",\"line\":2,\
             \"matched\":true,\"because\":\"matches, and is the first to\"}}]}}\n"
        )
    );
    let explained = ran(&["policy", "explain", "root", "--policy", name]);
    assert!(explained.stdout.contains("it leaves root alone there"), "{}", explained.stdout);
    let explained = ran(&["policy", "explain", "no-such-user", "--policy", name]);
    assert_eq!(explained.code, 1);
    assert!(explained.stderr.contains("no-such-user: there is no such account"), "{}", explained.stderr);
    std::fs::write(&file, "nonsense").unwrap();
    let explained = ran(&["policy", "explain", "root", "--policy", name, "--json"]);
    assert!(explained.code == 1 && explained.stdout.contains("the policy is not valid"), "{}", explained.stdout);
}

#[test]
fn packages_get_completions_and_man_pages_without_the_hidden_verbs() {
    for shell in ["bash", "zsh", "fish"] {
        let script = ran(&["completions", shell]);
        assert!(script.code == 0 && script.stdout.contains("approve"), "{shell}");
    }
    let target = directory().join("man");
    assert_eq!(ran(&["man", target.to_str().unwrap()]).code, 0);
    for page in ["jit.1", "jit-request.1", "jit-policy-check.1", "jit-audit-verify.1"] {
        assert!(target.join(page).exists(), "{page} is missing");
    }
    for page in ["jit-man.1", "jit-completions.1"] {
        assert!(!target.join(page).exists(), "{page} is of no use to anybody");
    }
    assert!(!ran(&["--help"]).stdout.contains("completions"));
}
