//! Tests that need a process of their own: they count descriptors, memory or threads, change limits or signals, or run
//! under a memory checker. Each is an ignored test here, started by one that is not.

use std::path::Path;
use std::process::{Command, Output};

/// This test program, about to run one ignored test.
pub fn alone(test: &str) -> Command {
    with(Command::new(std::env::current_exe().unwrap()), test)
}

/// The same under another program, which takes it as its last arguments.
pub fn under(checker: &Path, options: &[&str], test: &str) -> Command {
    let mut command = Command::new(checker);
    command.args(options).arg(std::env::current_exe().unwrap());
    with(command, test)
}

fn with(mut command: Command, test: &str) -> Command {
    command.args([test, "--exact", "--ignored", "--test-threads=1", "--nocapture"]);
    command
}

/// Runs it; the test in it must have run and passed.
pub fn passes(mut command: Command) -> Output {
    let output = command.output().unwrap();
    let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success() && text.contains("1 passed"), "{command:?}\n{text}\n[{}]", output.status);
    output
}
