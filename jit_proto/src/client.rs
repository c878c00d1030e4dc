//! A small blocking client. It runs inside sudo and sshd, so it owns nothing but one descriptor, and it
//! tells a daemon that is away from a process that was made to wait.
//!
//! A setuid program can be stopped and continued by the user who started it. A deadline by the clock
//! would pass while it sleeps, and "the daemon did not answer" would be a lie that the user told. So a wait
//! is made of polls of at most 100 ms, each counted at no more than its own length, and the socket is read
//! once more before giving up.

use crate::frame::{self, HEADER};
use crate::user::{Parts, UserAnswer};
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{self, AddressFamily, MsgFlags, SockFlag, SockType, UnixAddr, sockopt::PeerCredentials};
use nix::sys::stat::{SFlag, lstat, stat};
use nix::time::{ClockId, clock_gettime};
use nix::unistd::geteuid;
use serde::{Serialize, de::DeserializeOwned};
use std::fmt;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::path::Path;
use std::time::Duration;

/// The longest single poll, in milliseconds.
const SLICE_MS: u16 = 100;

/// How a daemon was proved to be away.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Away {
    /// There is no socket.
    NoSocket,
    /// Nobody listens on it.
    Refused,
    /// It is not root's, so it is not the daemon's; what gives it away.
    Impostor(String),
    /// No answer came within the time of waiting.
    Silence,
    /// The connection was closed before the answer was whole.
    Closed,
    /// The answer made no sense.
    Nonsense(String),
}

impl fmt::Display for Away {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoSocket => f.write_str("there is no socket"),
            Self::Refused => f.write_str("nobody listens on the socket"),
            Self::Impostor(why) => write!(f, "the socket is not to be trusted: {why}"),
            Self::Silence => f.write_str("no answer came in time"),
            Self::Closed => f.write_str("the connection was closed without an answer"),
            Self::Nonsense(why) => write!(f, "the answer made no sense: {why}"),
        }
    }
}

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trouble {
    /// The daemon is away.
    Away(Away),
    /// Something on our side failed: no descriptor, no permission. It proves nothing about the daemon.
    Ours(String),
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Away(away) => away.fmt(f),
            Self::Ours(why) => f.write_str(why),
        }
    }
}

impl std::error::Error for Trouble {}

fn ours(what: &str) -> impl FnOnce(Errno) -> Trouble + '_ {
    move |errno| Trouble::Ours(format!("{what}: {}", errno.desc()))
}

/// How much longer one is willing to wait.
#[derive(Debug, Clone)]
pub struct Patience {
    left: Option<Duration>,
}

impl Patience {
    /// This much waiting in all.
    #[must_use]
    pub fn of(time: Duration) -> Self {
        Self { left: Some(time) }
    }

    /// Waiting without end, for a person who can press Ctrl-C.
    #[must_use]
    pub fn endless() -> Self {
        Self { left: None }
    }

    /// Waits a moment, at most one slice. False: there is no patience left.
    ///
    /// # Errors
    /// Something on our side failed.
    pub fn rest(&mut self) -> Result<bool, Trouble> {
        self.wait(None)
    }

    /// Waits one slice at most. False: there is no patience left.
    fn wait(&mut self, on: Option<(&OwnedFd, PollFlags)>) -> Result<bool, Trouble> {
        let left_ms = self.left.map_or(u128::from(SLICE_MS), |left| left.as_micros().div_ceil(1000));
        if left_ms == 0 {
            return Ok(false);
        }
        let slice_ms = u16::try_from(left_ms).unwrap_or(SLICE_MS).min(SLICE_MS);
        let before = now()?;
        let polled = match on {
            Some((fd, flags)) => poll(&mut [PollFd::new(fd.as_fd(), flags)], PollTimeout::from(slice_ms)),
            None => poll(&mut [], PollTimeout::from(slice_ms)),
        };
        match polled {
            Ok(_) | Err(Errno::EINTR | Errno::EAGAIN) => {}
            Err(errno) => return Err(ours("poll")(errno)),
        }
        let spent = now()?.saturating_sub(before).min(Duration::from_millis(u64::from(slice_ms)));
        self.left = self.left.map(|left| left.saturating_sub(spent));
        Ok(true)
    }
}

fn now() -> Result<Duration, Trouble> {
    clock_gettime(ClockId::CLOCK_MONOTONIC).map(Duration::from).map_err(ours("clock_gettime"))
}

/// Whether the other end must be root's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trust {
    /// Directory, socket and listener must be root's, or one's own where one is not root.
    RootOnly,
    /// The user named the socket, and answers for it.
    Anyone,
}

/// A connection to the daemon.
#[derive(Debug)]
pub struct Connection {
    socket: OwnedFd,
}

impl Connection {
    /// Connects.
    ///
    /// # Errors
    /// The daemon is away, or something on our side failed.
    pub fn open(path: &Path, trust: Trust, patience: &mut Patience) -> Result<Self, Trouble> {
        let address = UnixAddr::new(path).map_err(ours("the path of the socket"))?;
        if trust == Trust::RootOnly {
            check_place(path)?;
        }
        let socket = new_socket()?;
        loop {
            match socket::connect(socket.as_raw_fd(), &address) {
                Ok(()) => break,
                Err(Errno::EINTR) => {}
                // The backlog is full: somebody listens, and does not come round to us.
                Err(Errno::EAGAIN) if patience.wait(None)? => {}
                Err(Errno::EAGAIN) => return Err(Trouble::Away(Away::Silence)),
                Err(Errno::ENOENT | Errno::ENOTDIR) => return Err(Trouble::Away(Away::NoSocket)),
                Err(Errno::ECONNREFUSED) => return Err(Trouble::Away(Away::Refused)),
                Err(Errno::EPROTOTYPE) => return Err(Trouble::Away(Away::Impostor("it is of another type".to_owned()))),
                Err(errno) => return Err(ours("connect")(errno)),
            }
        }
        if trust == Trust::RootOnly {
            let listener = socket::getsockopt(&socket, PeerCredentials).map_err(ours("SO_PEERCRED"))?;
            check_owner(listener.uid(), "the listener")?;
        }
        Ok(Self { socket })
    }

    /// Sends one message. A peer that has closed may have answered before, so that is no error here.
    ///
    /// # Errors
    /// No patience left, or something on our side failed.
    pub fn send<T: Serialize>(&self, message: &T, patience: &mut Patience) -> Result<(), Trouble> {
        let frame = frame::encode(message).map_err(|wrong| Trouble::Ours(format!("the message is {wrong}")))?;
        let mut rest = frame.as_slice();
        while !rest.is_empty() {
            match socket::send(self.socket.as_raw_fd(), rest, MsgFlags::MSG_NOSIGNAL | MsgFlags::MSG_DONTWAIT) {
                Ok(sent) => rest = rest.get(sent..).unwrap_or(&[]),
                Err(Errno::EINTR) => {}
                Err(Errno::EAGAIN) if patience.wait(Some((&self.socket, PollFlags::POLLOUT)))? => {}
                Err(Errno::EAGAIN) => return Err(Trouble::Away(Away::Silence)),
                Err(Errno::EPIPE | Errno::ECONNRESET) => return Ok(()),
                Err(errno) => return Err(ours("send")(errno)),
            }
        }
        Ok(())
    }

    /// Receives one message.
    ///
    /// # Errors
    /// The daemon is away, or something on our side failed.
    pub fn receive<T: DeserializeOwned>(&self, patience: &mut Patience) -> Result<T, Trouble> {
        let nonsense = |wrong: frame::Wrong| Trouble::Away(Away::Nonsense(wrong.to_string()));
        let mut header = [0; HEADER];
        self.fill(&mut header, patience)?;
        let mut content = vec![0; frame::content_length(header).map_err(nonsense)?];
        self.fill(&mut content, patience)?;
        frame::decode(&content).map_err(nonsense)
    }

    /// Receives one answer of the user socket, however many parts it comes in.
    ///
    /// # Errors
    /// The daemon is away, or something on our side failed.
    pub fn answer(&self, patience: &mut Patience) -> Result<UserAnswer, Trouble> {
        let mut parts = Parts::default();
        loop {
            let came = parts.join(self.receive(patience)?).map_err(|wrong| Trouble::Away(Away::Nonsense(wrong.to_string())))?;
            if let Some(whole) = came {
                return Ok(whole);
            }
        }
    }

    /// Waits until there is something to receive, in one poll: for a program whose time nobody disputes. None: however
    /// long it takes. False: nothing came.
    ///
    /// # Errors
    /// Something on our side failed.
    pub fn speaks_within(&self, time: Option<Duration>) -> Result<bool, Trouble> {
        let ends = match time {
            Some(time) => Some(now()?.saturating_add(time)),
            None => None,
        };
        loop {
            let left = match ends {
                Some(ends) => Some(ends.saturating_sub(now()?)),
                None => None,
            };
            let timeout = left.map_or(PollTimeout::NONE, |left| {
                let ms = i32::try_from(left.as_micros().div_ceil(1000)).unwrap_or(i32::MAX);
                PollTimeout::try_from(ms).unwrap_or(PollTimeout::MAX)
            });
            match poll(&mut [PollFd::new(self.socket.as_fd(), PollFlags::POLLIN)], timeout) {
                // The time may be longer than a poll can be; the last one takes none.
                Ok(0) if left.is_none_or(|left| !left.is_zero()) => {}
                Ok(ready) => return Ok(ready > 0),
                Err(Errno::EINTR | Errno::EAGAIN) => {}
                Err(errno) => return Err(ours("poll")(errno)),
            }
        }
    }

    fn fill(&self, buffer: &mut [u8], patience: &mut Patience) -> Result<(), Trouble> {
        let mut filled = 0_usize;
        let mut last_look = false;
        while let Some(rest) = buffer.get_mut(filled..).filter(|rest| !rest.is_empty()) {
            match socket::recv(self.socket.as_raw_fd(), rest, MsgFlags::MSG_DONTWAIT) {
                Ok(0) | Err(Errno::ECONNRESET) => return Err(Trouble::Away(Away::Closed)),
                Ok(read) => filled = filled.saturating_add(read),
                Err(Errno::EINTR) => {}
                Err(Errno::EAGAIN) if last_look => return Err(Trouble::Away(Away::Silence)),
                Err(Errno::EAGAIN) => last_look = !patience.wait(Some((&self.socket, PollFlags::POLLIN)))?,
                Err(errno) => return Err(ours("recv")(errno)),
            }
        }
        Ok(())
    }
}

impl AsFd for Connection {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

/// A socket that closes on exec and is none of the host's standard streams.
fn new_socket() -> Result<OwnedFd, Trouble> {
    let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
    let socket = socket::socket(AddressFamily::Unix, SockType::Stream, flags, None).map_err(ours("socket"))?;
    if socket.as_raw_fd() > 2 {
        return Ok(socket);
    }
    // A host with a closed standard stream: the copy is 3 or more, and closes on exec too.
    socket.try_clone().map_err(|error| Trouble::Ours(format!("dup: {error}")))
}

fn check_place(path: &Path) -> Result<(), Trouble> {
    let missing = |errno: Errno| {
        if matches!(errno, Errno::ENOENT | Errno::ENOTDIR) { Trouble::Away(Away::NoSocket) } else { ours("stat of the socket")(errno) }
    };
    let impostor = |why: &str| Err(Trouble::Away(Away::Impostor(why.to_owned())));
    let Some(directory) = path.parent() else { return impostor("it has no directory") };
    let directory = stat(directory).map_err(missing)?;
    let socket = lstat(path).map_err(missing)?;
    check_owner(directory.st_uid, "its directory")?;
    if directory.st_mode & 0o022 != 0 {
        return impostor("others can write to its directory");
    }
    if SFlag::from_bits_truncate(socket.st_mode) & SFlag::S_IFMT != SFlag::S_IFSOCK {
        return impostor("it is not a socket");
    }
    check_owner(socket.st_uid, "the socket")
}

/// Root's, or one's own where one is not root: numbers alone, since a name service can hang.
fn check_owner(uid: u32, what: &str) -> Result<(), Trouble> {
    let own = geteuid();
    if uid == 0 || (!own.is_root() && uid == own.as_raw()) {
        Ok(())
    } else {
        Err(Trouble::Away(Away::Impostor(format!("{what} belongs to uid {uid}"))))
    }
}

#[cfg(test)]
mod tests;
