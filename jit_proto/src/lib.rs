//! The words on jitd's two sockets, and how they are framed and sent.
//!
//! - [`pam`]: what the PAM module asks, on `/run/jit/pam.sock`.
//! - [`ask`]: what it puts for somebody who has no grant, on the same socket.
//! - [`user`]: what people ask, on `/run/jit/user.sock`; [`view`] is what they are shown.
//! - [`place`]: the cgroup of a session, which one end makes and the other ends.
//! - [`breakglass`]: who comes in while jitd is away, which the module reads then and jit beforehand.
//! - [`frame`]: one version byte, four bytes of length, at most 64 KiB of content.
//! - [`client`]: a small blocking client for both, fit for a setuid host: no thread, no signal, no
//!   environment, every wait in slices that are counted.
//!
//! What is on the wire is not what the engine thinks in: the daemon translates, and checks as it does.
#![forbid(unsafe_code)]
#![cfg_attr(
    test,
    allow(clippy::arithmetic_side_effects, clippy::wildcard_enum_match_arm, reason = "tests say what went wrong by panicking")
)]

pub mod ask;
pub mod breakglass;
pub mod client;
pub mod frame;
pub mod pam;
pub mod place;
pub mod time;
pub mod user;
pub mod view;
