//! The name service, asked with a limit: it may ask the network, and a verb by which trouble is found must not wait for what makes it.

use std::io::{self, ErrorKind, Read};
use std::process::{Command, Output, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

/// How long is waited for all that a verb asks, and for each program that it starts.
const MOMENT: Duration = Duration::from_secs(3);

/// What was found in time.
#[derive(Debug, PartialEq, Eq)]
pub struct Soon<T> {
    /// One after the other.
    pub found: Vec<T>,
    /// Whether that is all; else the name service has not answered.
    pub is_all: bool,
}

/// What this tells within a moment. What it goes on with behind that ends with the process.
pub fn soon<T: Send + 'static>(ask: impl FnOnce(&dyn Fn(T)) + Send + 'static) -> Soon<T> {
    within(MOMENT, ask)
}

fn within<T: Send + 'static>(limit: Duration, ask: impl FnOnce(&dyn Fn(T)) + Send + 'static) -> Soon<T> {
    let (tell, told) = mpsc::channel();
    // Where nobody listens any more, nobody wants to know.
    thread::spawn(move || ask(&|one| drop(tell.send(one))));
    let began = Instant::now();
    let mut found = Vec::new();
    loop {
        match told.recv_timeout(limit.saturating_sub(began.elapsed())) {
            Ok(one) => found.push(one),
            Err(RecvTimeoutError::Disconnected) => return Soon { found, is_all: true },
            Err(RecvTimeoutError::Timeout) => return Soon { found, is_all: false },
        }
    }
}

/// What a program says that asks the name service itself, as `Command::output` has it. One that goes on for longer than a moment is killed.
///
/// # Errors
/// It cannot be started; or, as `TimedOut`, it was killed.
pub fn output(command: &mut Command) -> io::Result<Output> {
    output_within(MOMENT, command)
}

fn output_within(limit: Duration, command: &mut Command) -> io::Result<Output> {
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    let said = within(limit, move |tell| {
        let complaints = thread::spawn(move || all_of(stderr));
        tell((all_of(stdout), complaints.join().unwrap_or_default()));
    });
    let Some((stdout, stderr)) = said.found.into_iter().next() else {
        // It may have ended just now; its number is ours until it is waited for.
        let _ = child.kill();
        child.wait()?;
        return Err(io::Error::new(ErrorKind::TimedOut, format!("no answer in {} s", limit.as_secs())));
    };
    Ok(Output { status: child.wait()?, stdout, stderr })
}

fn all_of(stream: Option<impl Read>) -> Vec<u8> {
    let mut said = Vec::new();
    // What was read before an error is what it said.
    let _ = stream.map(|mut stream| stream.read_to_end(&mut said));
    said
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_found_before_somebody_did_not_answer_is_told_and_that_it_is_not_all() {
        let ended = soon(|tell| [1, 2].into_iter().for_each(tell));
        assert_eq!(ended, Soon { found: vec![1, 2], is_all: true });
        let (hold, held) = mpsc::channel::<()>();
        let late = within(Duration::from_millis(50), move |tell| {
            tell(1);
            let _ = held.recv();
            tell(2);
        });
        assert_eq!(late, Soon { found: vec![1], is_all: false });
        drop(hold);
    }

    #[test]
    fn a_program_that_ends_is_heard_and_one_that_does_not_is_killed_and_waited_for() {
        let heard = output(Command::new("sh").args(["-c", "echo yes; seq 20000 >&2; exit 3"])).unwrap();
        assert_eq!((heard.status.code(), heard.stdout.as_slice()), (Some(3), b"yes\n".as_slice()));
        assert!(heard.stderr.ends_with(b"20000\n"));
        let folder = tempfile::tempdir().unwrap();
        let number = folder.path().join("number");
        let mut hangs = Command::new("sh");
        hangs.args(["-c", "echo $$ > \"$0\"; exec sleep 600"]).arg(&number);
        assert_eq!(output_within(Duration::from_secs(1), &mut hangs).unwrap_err().kind(), ErrorKind::TimedOut);
        let number = std::fs::read_to_string(number).unwrap();
        assert!(!std::path::Path::new(&format!("/proc/{}", number.trim())).exists(), "{number}");
        assert_eq!(output(&mut Command::new("/nonexistent")).unwrap_err().kind(), ErrorKind::NotFound);
    }
}
