//! The terminal of whoever waits: whether it is still there, and a wait that ends as soon as it is not.
//!
//! In account sudo's own handlers only take note of a signal, and the poll that it falls into ends (PAM-FACTS 19); su and
//! sudo-rs have no handlers there, and end themselves. One that falls between two polls is lost to us: some millionths of
//! a second in each tenth. Holding signals back would close that gap, and change the host.

use jit_proto::client::Trouble;
use nix::errno::Errno;
use nix::fcntl::{OFlag, open};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::stat::Mode;
use nix::sys::termios::tcgetsid;
use nix::time::{ClockId, clock_gettime};
use nix::unistd::{getpgrp, getsid, tcgetpgrp};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::time::Duration;

/// The longest single poll, in milliseconds.
const SLICE_MS: u8 = 100;

/// What a poll ended with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Woken {
    /// There is something to read.
    Readable,
    /// A signal to leave.
    Stopped,
    /// The terminal is gone.
    Gone,
    /// Time passed, so much of it.
    Time(Duration),
}

/// The controlling terminal of this process, in whose foreground it is.
#[derive(Debug)]
pub struct Seat {
    terminal: OwnedFd,
}

impl Seat {
    /// The terminal, if there is one, and this process may read from it.
    #[must_use]
    pub fn take() -> Option<Self> {
        let flags = OFlag::O_RDWR | OFlag::O_NOCTTY | OFlag::O_CLOEXEC | OFlag::O_NONBLOCK;
        let terminal = open("/dev/tty", flags, Mode::empty()).ok()?;
        // Never one of the host's standard streams, were they closed.
        let terminal = if terminal.as_raw_fd() > 2 { terminal } else { terminal.try_clone().ok()? };
        let seat = Self { terminal };
        let foreground = tcgetpgrp(&seat.terminal).is_ok_and(|group| group == getpgrp());
        (foreground && seat.is_there()).then_some(seat)
    }

    /// Whether it is there, and still this session's own.
    #[must_use]
    pub fn is_there(&self) -> bool {
        let ours = matches!((tcgetsid(&self.terminal), getsid(None)), (Ok(terminals), Ok(own)) if terminals == own);
        let mut polled = [PollFd::new(self.terminal.as_fd(), PollFlags::empty())];
        ours && poll(&mut polled, PollTimeout::ZERO) == Ok(0)
    }

    /// Waits a moment for something to read, a signal, or the end of the terminal. It counts for no more than its own
    /// length: a process that was stopped has not waited.
    ///
    /// # Errors
    /// Something on our side failed.
    pub fn wait(&self, on: Option<BorrowedFd<'_>>) -> Result<Woken, Trouble> {
        let ours = |errno: Errno| Trouble::Ours(format!("waiting: {}", errno.desc()));
        let terminal = PollFd::new(self.terminal.as_fd(), PollFlags::empty());
        let mut polled: Vec<_> = [terminal].into_iter().chain(on.map(|fd| PollFd::new(fd, PollFlags::POLLIN))).collect();
        let before = now().map_err(ours)?;
        match poll(&mut polled, PollTimeout::from(SLICE_MS)) {
            Ok(_) => {}
            Err(Errno::EINTR) => return Ok(if self.is_there() { Woken::Stopped } else { Woken::Gone }),
            Err(errno) => return Err(ours(errno)),
        }
        let spoke = |fd: &PollFd<'_>| fd.revents().is_some_and(|events| !events.is_empty());
        match polled.as_slice() {
            [terminal, ..] if spoke(terminal) => Ok(Woken::Gone),
            [_, connection] if spoke(connection) => Ok(Woken::Readable),
            _ => {
                let slice = Duration::from_millis(u64::from(SLICE_MS));
                Ok(Woken::Time(now().map_err(ours)?.saturating_sub(before).min(slice)))
            }
        }
    }
}

fn now() -> Result<Duration, Errno> {
    clock_gettime(ClockId::CLOCK_MONOTONIC).map(Duration::from)
}
