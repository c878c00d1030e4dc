//! Sockets that systemd made: they outlive a restart of the daemon.

use std::os::fd::{FromRawFd, OwnedFd};
use std::os::unix::net::UnixListener;

/// The listening sockets that were handed to this process; none where it was started by hand.
#[must_use]
pub fn listeners() -> Vec<UnixListener> {
    let Ok(given) = sd_notify::listen_fds() else { return Vec::new() };
    given
        .map(|number| {
            // SAFETY: systemd's protocol (sd_listen_fds(3)) hands these descriptors to this process alone, and
            // this function, called once at the start, is the only one to take them.
            let descriptor = unsafe { OwnedFd::from_raw_fd(number) };
            UnixListener::from(descriptor)
        })
        .collect()
}
