//! Who is at the other end: the kernel's word, never the message's.
//!
//! A process number can pass to another process between the moment it connects and the moment we look
//! it up in `/proc`. So the process is held by a pidfd first: the kernel's own (SO_PEERPIDFD, 6.5), or one
//! opened by number. The ask then brings back a nonce that was sent afterwards, on a message to which the
//! kernel attaches its sender: that process was alive after it was held, so its number is its own.

use crate::behind::Seen;
use crate::directory::Directory;
use crate::keeper::Keeper;
use jit_core::actor::Actor;
use jit_core::name::Uid;
use jit_host::accounts::AccountTrouble;
use jit_host::process::Pinned;
use jit_proto::frame::{self, HEADER};
use jit_proto::user::UserAsk;
use nix::errno::Errno;
use nix::sys::socket::sockopt::{PassCred, PeerCredentials, PeerPidfd};
use nix::sys::socket::{ControlMessageOwned, MsgFlags, getsockopt, recvmsg, setsockopt};
use std::fmt;
use std::io::IoSliceMut;
use std::os::fd::AsRawFd;
use tokio::io::Interest;
use tokio::net::UnixStream;

/// A process that connected, held so that its number stays its own.
pub struct Peer {
    process: Pinned,
    uid: Uid,
}

/// Why an ask is not believed.
#[derive(Debug)]
pub enum Unproved {
    /// The peer is gone.
    Gone,
    /// What it sent makes no sense.
    Wrong(frame::Wrong),
    /// Another process sent it than the one that connected.
    Another,
}

impl fmt::Display for Unproved {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Gone => f.write_str("the process is gone"),
            Self::Wrong(wrong) => write!(f, "the ask cannot be read: {wrong}"),
            Self::Another => f.write_str("the ask came from another process than the one that connected"),
        }
    }
}

/// Why nobody is known to act.
#[derive(Debug)]
pub enum Unknown {
    /// The account cannot be looked up.
    Account(AccountTrouble),
    /// The process is gone.
    Gone,
}

impl fmt::Display for Unknown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Account(AccountTrouble::NoSuch) => f.write_str("you have no account on this host"),
            Self::Account(trouble) => write!(f, "your account cannot be looked up: {trouble}"),
            Self::Gone => f.write_str("the process that asked is gone"),
        }
    }
}

impl Peer {
    /// Holds the process at the other end.
    pub fn pin(stream: &UnixStream) -> Option<Self> {
        setsockopt(stream, PassCred, &true).ok()?;
        let credentials = getsockopt(stream, PeerCredentials).ok()?;
        let pid = u32::try_from(credentials.pid()).ok().filter(|pid| *pid != 0)?;
        let process = match getsockopt(stream, PeerPidfd) {
            Ok(pidfd) => Pinned::new(pidfd, pid),
            Err(_) => Pinned::by_number(pid)?,
        };
        Some(Self { process, uid: Uid(credentials.uid()) })
    }

    /// The kernel's word of who it is.
    pub fn uid(&self) -> Uid {
        self.uid
    }

    /// Reads the ask, and proves that the process which connected sent it, and is alive.
    pub async fn read_ask(&self, stream: &mut UnixStream) -> Result<UserAsk, Unproved> {
        let mut header = [0; HEADER];
        self.fill(stream, &mut header).await?;
        let mut content = vec![0; frame::content_length(header).map_err(Unproved::Wrong)?];
        self.fill(stream, &mut content).await?;
        if !self.process.is_alive() {
            return Err(Unproved::Gone);
        }
        frame::decode(&content).map_err(Unproved::Wrong)
    }

    async fn fill(&self, stream: &UnixStream, buffer: &mut [u8]) -> Result<(), Unproved> {
        let mut filled = 0_usize;
        while let Some(rest) = buffer.get_mut(filled..).filter(|rest| !rest.is_empty()) {
            let read = stream.async_io(Interest::READABLE, || receive(stream, rest)).await.map_err(|_| Unproved::Gone)?;
            match read {
                (0, _) => return Err(Unproved::Gone),
                (_, Some(pid)) if pid != self.process.pid() => return Err(Unproved::Another),
                (_, None) => return Err(Unproved::Another),
                (count, Some(_)) => filled = filled.saturating_add(count),
            }
        }
        Ok(())
    }

    /// Everything that is known of whoever acts.
    pub async fn actor(&self, directory: &Directory, keeper: &Keeper) -> Result<Actor, Unknown> {
        let seen = Seen::of(&self.process, keeper).ok_or(Unknown::Gone)?;
        let subject = directory.acting(self.uid).await.map_err(Unknown::Account)?;
        Ok(seen.actor(directory, subject).await)
    }
}

/// Reads what is there, with the kernel's word of who sent it.
fn receive(stream: &UnixStream, buffer: &mut [u8]) -> std::io::Result<(usize, Option<u32>)> {
    let mut parts = [IoSliceMut::new(buffer)];
    let mut space = nix::cmsg_space!(nix::sys::socket::UnixCredentials);
    let received = recvmsg::<()>(stream.as_raw_fd(), &mut parts, Some(&mut space), MsgFlags::MSG_DONTWAIT | MsgFlags::MSG_CMSG_CLOEXEC);
    let received = received
        .map_err(|errno| if errno == Errno::EAGAIN { std::io::ErrorKind::WouldBlock.into() } else { std::io::Error::from(errno) })?;
    let mut sender = None;
    for message in received.cmsgs().map_err(std::io::Error::from)? {
        if let ControlMessageOwned::ScmCredentials(credentials) = message {
            sender = u32::try_from(credentials.pid()).ok();
        }
    }
    Ok((received.bytes, sender))
}
