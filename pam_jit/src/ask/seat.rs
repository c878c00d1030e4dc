//! The terminal of whoever waits: whether it is still there, and a wait that ends as soon as it is not.
//!
//! sudo's own handlers only take note of a signal (PAM-FACTS 19), so a signal that comes between two polls would be lost
//! to us. While one waits the signals that mean "leave" are held back, but for the polls: each ends the poll that it falls
//! into, or the next one. What the host does with them is its own; its mask is as before when the wait is over.

use jit_proto::client::Trouble;
use nix::errno::Errno;
use nix::fcntl::{OFlag, open};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll, ppoll};
use nix::sys::signal::{SigSet, Signal};
use nix::sys::stat::Mode;
use nix::sys::termios::tcgetsid;
use nix::sys::time::TimeSpec;
use nix::time::{ClockId, clock_gettime};
use nix::unistd::{getpgrp, getsid, tcgetpgrp};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::time::Duration;

/// The longest single poll.
const SLICE: Duration = Duration::from_millis(100);
/// What makes somebody leave.
const LEAVE: [Signal; 5] = [Signal::SIGINT, Signal::SIGQUIT, Signal::SIGTERM, Signal::SIGHUP, Signal::SIGTSTP];
/// What does not, though the host may have a handler for it.
const OTHERS: [Signal; 6] = [Signal::SIGCHLD, Signal::SIGALRM, Signal::SIGUSR1, Signal::SIGUSR2, Signal::SIGWINCH, Signal::SIGCONT];

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
    held: Option<Held>,
}

/// Signals that are held back; the mask of before.
#[derive(Debug)]
struct Held {
    before: SigSet,
}

impl Held {
    fn back() -> Result<Self, Errno> {
        let before = SigSet::thread_get_mask()?;
        let mut held = before;
        LEAVE.into_iter().for_each(|signal| held.add(signal));
        held.thread_set_mask()?;
        Ok(Self { before })
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        // It was the host's a moment ago, so it can be set.
        let _ = self.before.thread_set_mask();
    }
}

impl Seat {
    /// The terminal, if there is one, and this process may read from it.
    #[must_use]
    pub fn take() -> Option<Self> {
        let flags = OFlag::O_RDWR | OFlag::O_NOCTTY | OFlag::O_CLOEXEC | OFlag::O_NONBLOCK;
        let terminal = open("/dev/tty", flags, Mode::empty()).ok()?;
        // Never one of the host's standard streams, were they closed.
        let terminal = if terminal.as_raw_fd() > 2 { terminal } else { terminal.try_clone().ok()? };
        let seat = Self { terminal, held: None };
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
    pub fn wait(&mut self, on: Option<BorrowedFd<'_>>) -> Result<Woken, Trouble> {
        let ours = |errno: Errno| Trouble::Ours(format!("waiting: {}", errno.desc()));
        let held = match self.held.take() {
            Some(held) => held,
            None => Held::back().map_err(ours)?,
        };
        let mut during = held.before;
        OTHERS.into_iter().for_each(|signal| during.add(signal));
        self.held = Some(held);
        let terminal = PollFd::new(self.terminal.as_fd(), PollFlags::empty());
        let mut polled: Vec<_> = [terminal].into_iter().chain(on.map(|fd| PollFd::new(fd, PollFlags::POLLIN))).collect();
        let before = now().map_err(ours)?;
        match ppoll(&mut polled, Some(TimeSpec::from_duration(SLICE)), Some(during)) {
            Ok(_) => {}
            Err(Errno::EINTR) => return Ok(if self.is_there() { Woken::Stopped } else { Woken::Gone }),
            Err(errno) => return Err(ours(errno)),
        }
        let spoke = |fd: &PollFd<'_>| fd.revents().is_some_and(|events| !events.is_empty());
        match polled.as_slice() {
            [terminal, ..] if spoke(terminal) => Ok(Woken::Gone),
            [_, connection] if spoke(connection) => Ok(Woken::Readable),
            _ => Ok(Woken::Time(now().map_err(ours)?.saturating_sub(before).min(SLICE))),
        }
    }
}

fn now() -> Result<Duration, Errno> {
    clock_gettime(ClockId::CLOCK_MONOTONIC).map(Duration::from)
}
