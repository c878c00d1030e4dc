//! The gate's lines in `/etc/pam.d`: put in, proved, confirmed, put back, taken out.
//!
//! - `stack`: what a PAM file says, and the same with our lines or without them; `stack::order`: whether ours are run as they must be;
//!   `control`: what a line does with an answer; pure.
//! - `plan`: what is changed for a service.
//! - `lock`: one jit at a time.
//! - `files`: a file is replaced as a whole, or not at all.
//! - `pending`: what was changed and waits to be confirmed, and how it is put back.
//! - `sound`: what must hold before a door may depend on us.

mod control;
pub mod files;
pub mod lock;
pub mod pending;
pub mod plan;
pub mod sound;
pub mod stack;

use std::path::PathBuf;

/// The service by which root comes in at a text console, whatever state we are in.
pub const LAST_DOOR: &str = "login";
/// What our lines there must say, so that it opens where the module is gone too.
pub const OPEN_WITHOUT_THE_MODULE: &str = "[success=ok new_authtok_reqd=ok ignore=ignore module_unknown=ignore default=bad]";

/// Where things are. A test has its own.
#[derive(Debug, Clone)]
pub struct Places {
    /// The folder of PAM files.
    pub pam: PathBuf,
    /// What waits to be confirmed; root's alone: whoever can write there chooses what is put back.
    pub state: PathBuf,
    /// Held by whoever changes the files of PAM; in /run, which is there and can be written when little else can.
    pub lock: PathBuf,
}

impl Default for Places {
    fn default() -> Self {
        Self { pam: PathBuf::from("/etc/pam.d"), state: PathBuf::from("/var/lib/jit-enable"), lock: PathBuf::from("/run/jit-enable.lock") }
    }
}

/// The services that belong together: `sudo -i` and `su -` have files of their own, which include the first on some
/// systems and not on others.
#[must_use]
pub fn family(service: &str) -> Vec<&str> {
    match service {
        "sudo" => vec!["sudo", "sudo-i"],
        "su" => vec!["su", "su-l"],
        "ssh" | "sshd" => vec!["sshd"],
        other => vec![other],
    }
}
