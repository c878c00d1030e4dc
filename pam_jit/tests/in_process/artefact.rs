//! The file itself: what it exports, what it needs.

use crate::place::module;
use std::collections::BTreeSet;
use std::process::Command;

fn lines(program: &str, arguments: &[&str]) -> Vec<String> {
    let output = Command::new(program).args(arguments).arg(module()).output().unwrap();
    assert!(output.status.success(), "{program} comes with binutils");
    String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
}

/// The names of symbols, without their versions.
fn symbols(which: &str) -> BTreeSet<String> {
    let names = lines("nm", &["-D", which]).into_iter().map(|line| line.split_whitespace().last().unwrap().to_owned());
    names.map(|name| name.split('@').next().unwrap().to_owned()).collect()
}

#[test]
fn it_exports_the_six_entry_points_and_nothing_else() {
    let expected = ["acct_mgmt", "authenticate", "chauthtok", "close_session", "open_session", "setcred"];
    assert_eq!(symbols("--defined-only"), expected.map(|name| format!("pam_sm_{name}")).into());
}

#[test]
fn it_links_libpam_and_libc_alone_and_is_never_unloaded() {
    let dynamic = lines("readelf", &["-d", "-W"]);
    let needed: BTreeSet<_> =
        dynamic.iter().filter(|line| line.contains("(NEEDED)")).map(|line| line.split(['[', ']']).nth(1).unwrap()).collect();
    let expected = ["libpam.so.0", "libc.so.6"];
    // The loader itself, for thread-local storage.
    let others: Vec<_> = needed.iter().filter(|name| !expected.contains(name) && !name.starts_with("ld-linux")).collect();
    assert!(others.is_empty() && expected.iter().all(|name| needed.contains(name)), "{needed:?}");
    let flags: String = dynamic.iter().filter(|line| line.contains("(FLAGS")).cloned().collect();
    assert!(flags.contains("NODELETE") && flags.contains("NOW"), "{flags}");
}

#[test]
fn it_imports_nothing_that_starts_changes_or_prints() {
    let forbidden = [
        "fork",
        "vfork",
        "clone",
        "execve",
        "execvp",
        "posix_spawn",
        "system",
        "popen",
        "pthread_create",
        "sigaction",
        "signal",
        // pthread_sigmask is there: a wait holds signals back from its own thread, and puts the mask back (ask::seat).
        "sigprocmask",
        "setenv",
        "unsetenv",
        "putenv",
        "clearenv",
        "setlocale",
        "newlocale",
        "uselocale",
        "umask",
        "chdir",
        "fchdir",
        "chroot",
        "setuid",
        "setgid",
        "seteuid",
        "setegid",
        "setresuid",
        "setresgid",
        "setgroups",
        "setrlimit",
        "dup2",
        "dup3",
        "close_range",
        "exit",
        "_exit",
        "atexit",
        "openlog",
        "printf",
        "puts",
        "getpwent",
        "getaddrinfo",
        "gethostbyname",
        "sleep",
        "nanosleep",
        "alarm",
        "setitimer",
        "kill",
        "prctl",
        "mount",
        "ptrace",
        "tzset",
        "localtime_r",
        "localtime",
    ];
    let imported = symbols("--undefined-only");
    let found: Vec<_> = forbidden.iter().filter(|name| imported.contains(**name)).collect();
    assert!(found.is_empty(), "{found:?}");
    let of_pam: Vec<_> = imported.iter().filter(|name| name.starts_with("pam_")).map(String::as_str).collect();
    assert_eq!(of_pam, ["pam_get_data", "pam_get_item", "pam_getenv", "pam_set_data", "pam_syslog"]);
}
