//! The terminal of whoever waits: whether it is still there, and a wait that ends as soon as it is not.
//!
//! In account sudo's own handlers only take note of a signal, and the poll that it falls into ends (PAM-FACTS 19); su and
//! sudo-rs have no handlers there, and end themselves. One that fell between two polls would be lost to us: while somebody
//! waits, signals to leave are held back from this thread, and come in at the next poll.

use jit_proto::client::Trouble;
use nix::errno::Errno;
use nix::fcntl::{OFlag, open};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll, ppoll};
use nix::sys::signal::{SigSet, SigmaskHow, Signal};
use nix::sys::stat::Mode;
use nix::sys::termios::tcgetsid;
use nix::sys::time::TimeSpec;
use nix::time::{ClockId, clock_gettime};
use nix::unistd::{getpgrp, getsid, tcgetpgrp};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::time::Duration;

/// The longest single poll.
const SLICE: Duration = Duration::from_millis(100);

/// Signals by which somebody leaves.
const LEAVE: [Signal; 5] = [Signal::SIGINT, Signal::SIGQUIT, Signal::SIGTSTP, Signal::SIGTERM, Signal::SIGHUP];

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

/// Signals held back from this thread: those to leave until it polls, and the end of a child of the host's (`exec sudo` in a
/// shell with jobs), which is nothing to leave for, for all the time. With this the mask is the host's again, and what still
/// waits goes to the host.
#[derive(Debug)]
struct Held {
    before: SigSet,
    polling: SigSet,
}

impl Held {
    fn begin() -> Result<Self, Errno> {
        let mut held: SigSet = LEAVE.into_iter().collect();
        held.add(Signal::SIGCHLD);
        let before = held.thread_swap_mask(SigmaskHow::SIG_BLOCK)?;
        let mut polling = before;
        polling.add(Signal::SIGCHLD);
        Ok(Self { before, polling })
    }

    /// What is held already, or from now on.
    fn at(place: &mut Option<Self>) -> Result<&Self, Trouble> {
        match place {
            Some(held) => Ok(held),
            none @ None => Ok(none.insert(Self::begin().map_err(waiting)?)),
        }
    }

    /// Polls for a slice at most, open to signals for just as long: one that came before ends it at once.
    fn poll(&self, polled: &mut [PollFd<'_>]) -> Result<(), Errno> {
        ppoll(polled, Some(TimeSpec::from_duration(SLICE)), Some(self.polling)).map(drop)
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        // It fails for no mask that was read before, and there is nobody to tell.
        let _restored = self.before.thread_set_mask();
    }
}

/// The controlling terminal of this process, in whose foreground it is.
#[derive(Debug)]
pub struct Seat {
    terminal: OwnedFd,
    /// While somebody waits.
    held: Option<Held>,
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

    /// From here on no signal to leave is lost: it ends the next wait. The host's own prompts would not hear it.
    ///
    /// # Errors
    /// Something on our side failed.
    pub fn hold(&mut self) -> Result<(), Trouble> {
        Held::at(&mut self.held).map(drop)
    }

    /// Waits a moment for something to read, a signal, or the end of the terminal. It counts for no more than its own
    /// length: a process that was stopped has not waited.
    ///
    /// # Errors
    /// Something on our side failed.
    pub fn wait(&mut self, on: Option<BorrowedFd<'_>>) -> Result<Woken, Trouble> {
        let held = Held::at(&mut self.held)?;
        let terminal = PollFd::new(self.terminal.as_fd(), PollFlags::empty());
        let mut polled: Vec<_> = [terminal].into_iter().chain(on.map(|fd| PollFd::new(fd, PollFlags::POLLIN))).collect();
        let before = now().map_err(waiting)?;
        match held.poll(&mut polled) {
            Ok(()) => {}
            Err(Errno::EINTR) => return Ok(if self.is_there() { Woken::Stopped } else { Woken::Gone }),
            Err(errno) => return Err(waiting(errno)),
        }
        let spoke = |fd: &PollFd<'_>| fd.revents().is_some_and(|events| !events.is_empty());
        match polled.as_slice() {
            [terminal, ..] if spoke(terminal) => Ok(Woken::Gone),
            [_, connection] if spoke(connection) => Ok(Woken::Readable),
            _ => Ok(Woken::Time(now().map_err(waiting)?.saturating_sub(before).min(SLICE))),
        }
    }
}

fn waiting(errno: Errno) -> Trouble {
    Trouble::Ours(format!("waiting: {}", errno.desc()))
}

fn now() -> Result<Duration, Errno> {
    clock_gettime(ClockId::CLOCK_MONOTONIC).map(Duration::from)
}

#[cfg(test)]
mod tests {
    use super::Held;
    use nix::errno::Errno;
    use nix::sys::pthread::{pthread_kill, pthread_self};
    use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, sigaction};
    use std::sync::atomic::{AtomicUsize, Ordering};

    static TAKEN: AtomicUsize = AtomicUsize::new(0);

    extern "C" fn takes_note(_: i32) {
        TAKEN.fetch_add(1, Ordering::SeqCst);
    }

    #[test]
    #[allow(unsafe_code, reason = "a handler is set by C")]
    fn a_signal_between_two_polls_ends_the_next_one_and_the_hosts_mask_comes_back() {
        let action = SigAction::new(SigHandler::Handler(takes_note), SaFlags::SA_RESTART, SigSet::empty());
        for signal in [Signal::SIGQUIT, Signal::SIGCHLD] {
            // SAFETY: the handler only adds to an atomic number; nothing else here is about these signals.
            unsafe { sigaction(signal, &action) }.unwrap();
        }
        let mask = SigSet::thread_get_mask().unwrap();
        let held = Held::begin().unwrap();
        for taken in 1..=2 {
            pthread_kill(pthread_self(), Signal::SIGQUIT).unwrap();
            assert_eq!(TAKEN.load(Ordering::SeqCst), taken - 1, "it was not held back");
            assert_eq!(held.poll(&mut []), Err(Errno::EINTR));
            assert_eq!(TAKEN.load(Ordering::SeqCst), taken);
            assert_eq!(held.poll(&mut []), Ok(()));
        }
        pthread_kill(pthread_self(), Signal::SIGCHLD).unwrap();
        assert_eq!(held.poll(&mut []), Ok(()), "a child that ends is nothing to leave for");
        drop(held);
        assert_eq!(TAKEN.load(Ordering::SeqCst), 3, "what still waited goes to the host");
        assert_eq!(SigSet::thread_get_mask().unwrap(), mask);
    }
}
