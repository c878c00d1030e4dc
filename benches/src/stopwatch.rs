//! Times whole programs in a test host, without what it takes to get into the host.

use jit_tests::{Host, Person};
use std::io::{BufRead, BufReader, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

/// A process in the host that runs one program again and again; it ends with this.
pub struct Stopwatch {
    child: Child,
    tell: Option<ChildStdin>,
    said: BufReader<ChildStdout>,
}

impl Stopwatch {
    /// Somebody's, for this command line, which has no word of the shell's in it.
    pub fn start(host: &Host, who: &Person<'_>, line: &str) -> Self {
        let mut command = who.talk(&format!("exec {} stopwatch {line}", host.built("jit_benches").display()));
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let (tell, said) = (child.stdin.take(), BufReader::new(child.stdout.take().unwrap()));
        Self { child, tell, said }
    }

    /// Runs it once.
    pub fn run(&mut self) -> Duration {
        self.tell.as_mut().unwrap().write_all(b"\n").unwrap();
        let mut line = String::new();
        self.said.read_line(&mut line).unwrap();
        Duration::from_nanos(line.trim().parse().expect("the program succeeds"))
    }
}

impl Drop for Stopwatch {
    fn drop(&mut self) {
        // The end of its input ends it.
        drop(self.tell.take());
        let _ = self.child.wait();
    }
}

/// What the process does: for each line, the program once, and how long that took, in nanoseconds.
pub fn serve(program: &[&str]) {
    for line in std::io::stdin().lines() {
        line.unwrap();
        let mut command = Command::new(program[0]);
        command.args(&program[1..]).stdin(Stdio::null()).stdout(Stdio::null());
        let began = Instant::now();
        let status = command.status().unwrap();
        let took = began.elapsed();
        assert!(status.success(), "{program:?}: {status}");
        println!("{}", took.as_nanos());
    }
}
