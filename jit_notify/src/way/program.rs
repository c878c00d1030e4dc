//! Running a program: the event as a line of JSON on its standard input, never a shell.

use super::Failed;
use crate::event::Event;
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::memfd::{MFdFlags, memfd_create};
use nix::sys::signal::{Signal, killpg};
use nix::sys::wait::{Id, WaitPidFlag, WaitStatus, waitid};
use nix::unistd::Pid;
use std::fs::File;
use std::io::{self, Seek, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStderr, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// How much of what it says on standard error is kept; the rest is read and dropped.
const KEPT: usize = 1000;
/// `EX_DATAERR` of `sysexits.h`: the program will never take this event.
const NEVER: i32 = 65;

/// A program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Program {
    /// Its absolute path, and its arguments.
    pub run: Vec<String>,
    /// How long it may run.
    pub timeout: Duration,
}

impl Program {
    /// Runs it for an event, and waits for it. When this returns, it and all that it left in its process group are gone.
    ///
    /// # Errors
    /// It could not be run, took too long, or did not exit with 0.
    pub fn run(&self, event: &Event) -> Result<(), Failed> {
        let [program, arguments @ ..] = self.run.as_slice() else { return Err(Failed::not_now("no program is named")) };
        let ours = |error: io::Error| Failed::not_now(format!("{program} cannot be run: {error}"));
        let mut command = Command::new(program);
        command.args(arguments).env_clear().env("PATH", "/usr/local/bin:/usr/bin:/bin").env("LANG", "C.UTF-8").current_dir("/");
        command.stdin(input(&event.line).map_err(ours)?).stdout(Stdio::null()).stderr(Stdio::piped()).process_group(0);
        let mut child = command.spawn().map_err(ours)?;
        let mut said = Said::default();
        let waited = self.attend(&child, child.stderr.as_ref(), &mut said);
        end_group(&child);
        let status = child.wait().map_err(ours)?;
        match waited {
            Ok(true) => judge(status, &said),
            Ok(false) => Err(Failed::not_now(format!("it ran longer than {:?}{}", self.timeout, said.behind()))),
            Err(errno) => Err(ours(errno.into())),
        }
    }

    /// Reads what it says until it exits. False: its time was over first.
    fn attend(&self, child: &Child, mut stderr: Option<&ChildStderr>, said: &mut Said) -> Result<bool, Errno> {
        let exit = pidfd(child)?;
        let deadline = Instant::now().checked_add(self.timeout);
        while !has_exited(child)? {
            let left = deadline.map_or(Duration::ZERO, |deadline| deadline.saturating_duration_since(Instant::now()));
            if left.is_zero() {
                return Ok(false);
            }
            let wait = PollTimeout::try_from(left.min(Duration::from_secs(60))).unwrap_or(PollTimeout::ZERO);
            let mut wanted = vec![PollFd::new(exit.as_fd(), PollFlags::POLLIN)];
            wanted.extend(stderr.map(|stderr| PollFd::new(stderr.as_fd(), PollFlags::POLLIN)));
            match poll(&mut wanted, wait) {
                Ok(_) | Err(Errno::EINTR) => {}
                Err(errno) => return Err(errno),
            }
            let speaks = wanted.get(1).is_some_and(|stderr| stderr.any() == Some(true));
            if speaks && stderr.is_some_and(|stderr| said.hear(stderr) == 0) {
                stderr = None;
            }
        }
        // What it said last may still be in the pipe. Whoever else holds the other end is not waited for.
        let mut more = 0_usize;
        while let Some(pipe) = stderr.filter(|_| more < KEPT) {
            let mut wanted = [PollFd::new(pipe.as_fd(), PollFlags::POLLIN)];
            if poll(&mut wanted, PollTimeout::ZERO).unwrap_or(0) == 0 {
                break;
            }
            match said.hear(pipe) {
                0 => break,
                read => more = more.saturating_add(read),
            }
        }
        Ok(true)
    }
}

/// A nameless file with the event in it: unlike a pipe it never waits for its reader.
fn input(line: &str) -> io::Result<File> {
    let mut file = File::from(memfd_create(c"event", MFdFlags::MFD_CLOEXEC)?);
    file.write_all(line.as_bytes())?;
    file.write_all(b"\n")?;
    file.rewind()?;
    Ok(file)
}

fn pid(child: &Child) -> Pid {
    Pid::from_raw(i32::try_from(child.id()).unwrap_or(i32::MAX))
}

fn pidfd(child: &Child) -> Result<OwnedFd, Errno> {
    let number = rustix::process::Pid::from_child(child);
    rustix::process::pidfd_open(number, rustix::process::PidfdFlags::empty()).map_err(|errno| Errno::from_raw(errno.raw_os_error()))
}

/// Whether it has exited. It stays to be waited for, so that its number stays its own.
fn has_exited(child: &Child) -> Result<bool, Errno> {
    let flags = WaitPidFlag::WEXITED | WaitPidFlag::WNOHANG | WaitPidFlag::WNOWAIT;
    match waitid(Id::Pid(pid(child)), flags) {
        Ok(status) => Ok(status != WaitStatus::StillAlive),
        Err(Errno::EINTR) => Ok(false),
        Err(errno) => Err(errno),
    }
}

/// Ends it and all that it started and left in its group. To be called before it is waited for.
fn end_group(child: &Child) {
    // There may be nobody left.
    let _ = killpg(pid(child), Signal::SIGKILL);
}

fn judge(status: ExitStatus, said: &Said) -> Result<(), Failed> {
    match status.code() {
        Some(0) => Ok(()),
        Some(NEVER) => Err(Failed::Refused(format!("it exited with {NEVER}{}", said.behind()))),
        Some(code) => Err(Failed::not_now(format!("it exited with {code}{}", said.behind()))),
        None => Err(Failed::not_now(format!("it was ended ({status}){}", said.behind()))),
    }
}

/// The beginning of what it said.
#[derive(Debug, Default)]
struct Said {
    kept: Vec<u8>,
}

impl Said {
    /// Reads some of it; how much, 0 at its end.
    fn hear(&mut self, pipe: &ChildStderr) -> usize {
        let mut buffer = [0; 65_536];
        let read = nix::unistd::read(pipe, &mut buffer).unwrap_or(0);
        let room = KEPT.saturating_sub(self.kept.len());
        self.kept.extend(buffer.iter().take(read.min(room)));
        read
    }

    fn behind(&self) -> String {
        let text = String::from_utf8_lossy(&self.kept);
        if text.trim().is_empty() { String::new() } else { format!(": {}", text.trim()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jit_core::time::WallTime;

    fn run(script: &str, timeout_ms: u64) -> Result<(), Failed> {
        // The shell is the test's: what is run is any program.
        let run = ["/bin/sh", "-c", script].map(str::to_owned).to_vec();
        Program { run, timeout: Duration::from_millis(timeout_ms) }.run(&Event::sample(WallTime::from_millis(0)).unwrap())
    }

    #[test]
    fn it_gets_the_event_as_a_line_of_json_and_nothing_of_our_environment() {
        let seen = tempfile::NamedTempFile::new().unwrap();
        let path = seen.path().display();
        run(&format!("cat > {path}; env >> {path}; pwd >> {path}"), 20_000).unwrap();
        let seen = std::fs::read_to_string(path.to_string()).unwrap();
        assert!(
            seen.starts_with("{\"seq\":0,\"at\":\"1970-01-01T00:00:00.000Z\",\"event\":\"request.submitted\",\"data\":{\"id\":"),
            "{seen}"
        );
        let mut lines: Vec<_> = seen.lines().skip(1).filter(|line| !line.starts_with("PWD=") && !line.starts_with("_=")).collect();
        lines.sort_unstable();
        assert_eq!(lines, ["/", "LANG=C.UTF-8", "PATH=/usr/local/bin:/usr/bin:/bin"]);
    }

    #[test]
    fn one_that_never_reads_or_fails_or_is_not_there_is_a_failure_with_its_words() {
        assert_eq!(run("exec <&-; exit 0", 20_000), Ok(()));
        assert_eq!(run("echo no such room >&2; exit 3", 20_000), Err(Failed::not_now("it exited with 3: no such room")));
        assert_eq!(run("exit 65", 20_000), Err(Failed::Refused("it exited with 65".to_owned())));
        assert!(run("kill -SEGV $$", 20_000).unwrap_err().to_string().contains("it was ended"));
        let absent = Program { run: vec!["/nonexistent".to_owned()], timeout: Duration::from_secs(1) };
        let event = Event::sample(WallTime::from_millis(0)).unwrap();
        assert!(absent.run(&event).unwrap_err().to_string().contains("/nonexistent cannot be run"));
    }

    #[test]
    fn one_that_takes_too_long_is_ended_with_all_that_it_started() {
        let began = Instant::now();
        let left = tempfile::NamedTempFile::new().unwrap();
        let failed = run(&format!("sleep 1000 & echo $! > {}; echo waiting >&2; wait", left.path().display()), 500).unwrap_err();
        assert!(failed.to_string().starts_with("it ran longer than 500ms: waiting"), "{failed}");
        assert!(began.elapsed() < Duration::from_secs(20));
        let pid = std::fs::read_to_string(left.path()).unwrap();
        let state = || std::fs::read_to_string(format!("/proc/{}/stat", pid.trim())).unwrap_or_default();
        let gone = (0..1000).any(|_| {
            std::thread::sleep(Duration::from_millis(5));
            let state = state();
            state.is_empty() || state.contains(") Z")
        });
        assert!(gone, "{}", state());
    }

    #[test]
    fn what_it_leaves_running_in_its_group_ends_with_it_and_is_not_waited_for() {
        let began = Instant::now();
        assert_eq!(run("sleep 1000 & exit 0", 60_000), Ok(()));
        assert_eq!(run("setsid sleep 5 & exit 0", 60_000), Ok(()));
        assert!(began.elapsed() < Duration::from_secs(4), "{:?}", began.elapsed());
    }
}
