//! A panic in the module: its host lives on, nobody is let in, and nothing is printed.

use crate::alone::{alone, passes};
use crate::libpam::{SUCCESS, SYSTEM_ERR};
use crate::place::Place;
use std::path::PathBuf;
use std::process::Command;

/// The folder of the project.
fn project() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// A build in which each phase panics; the feature is no part of any other build.
fn panicking_module() -> PathBuf {
    let root = project();
    let target = root.join("target/forced-panic");
    let mut build = Command::new(env!("CARGO"));
    build.args(["build", "--quiet", "--locked", "-p", "pam_jit", "--lib", "--features", "forced-panic", "--target-dir"]).arg(&target);
    assert!(build.current_dir(root).status().unwrap().success());
    target.join("debug/libpam_jit.so")
}

#[test]
fn a_panic_in_each_phase_lets_nobody_in_and_prints_nothing() {
    nobody_gets_in_and_nothing_is_printed(panicking_module());
}

fn nobody_gets_in_and_nothing_is_printed(module: PathBuf) {
    let mut command = alone("panics::each_phase_panics");
    let output = passes(std::mem::replace(command.env("JIT_TEST_MODULE", module).env("RUST_BACKTRACE", "full"), Command::new("")));
    assert_eq!(String::from_utf8_lossy(&output.stderr), "", "the host's stderr is not ours");
}

/// The module of the .rpm is linked by zig, with an unwinder that is not gcc's. It is a build of its own, of a full run.
#[test]
fn a_panic_in_the_module_that_is_built_for_rhel_lets_nobody_in_either() {
    if std::env::var_os("JIT_TEST_FULL").is_none_or(|set| set != "1") {
        return;
    }
    let root = project();
    let target = root.join("target/forced-panic");
    let mut build = Command::new("packaging/build.sh");
    build.args(["zig", "--quiet", "-p", "pam_jit", "--lib", "--features", "forced-panic", "--target-dir"]).arg(&target);
    assert!(build.current_dir(root).status().unwrap().success());
    let module = target.join("x86_64-unknown-linux-gnu/release/libpam_jit.so");
    nobody_gets_in_and_nothing_is_printed(module);
}

#[test]
#[ignore = "runs in a process of its own, with a module in which each phase panics"]
fn each_phase_panics() {
    let place = Place::new("");
    // A stack in which the opening line is another module's: closing calls ours, which panics, and lets go all the same.
    let place_of_others = Place::with_stack(&|line| format!("session required pam_permit.so\nsession optional {line}\n"));
    let closes = place_of_others.transaction();
    assert_eq!((closes.open(), closes.close()), (SUCCESS, SUCCESS));
    for _ in 0..3 {
        let transaction = place.transaction();
        assert_eq!(transaction.account(), SYSTEM_ERR);
        assert_eq!(transaction.open(), SYSTEM_ERR);
        assert_eq!(transaction.setcred(), SUCCESS);
        assert_eq!(transaction.heard.lines, [""; 0]);
    }
    // Where a stack lets everybody in without us, it does not with us.
    assert_eq!(place.transaction_of("other", "root").account(), SYSTEM_ERR);
}
