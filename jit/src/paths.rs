//! Where jitd has its things on this host: where `[paths]` of its settings says, or else in the usual places.

use crate::failing::Failing;
use crate::show::words::safe;
use jit_core::policy::load::{Mistake, PolicyFile};
use jit_host::policy_files;
use jit_host::settings::{Settings, own_directory, pam_socket, user_socket};
use std::path::PathBuf;

/// What mends settings that have mistakes.
pub const REMEDY: &str = "jitd --check";

/// The places.
#[derive(Debug)]
pub struct Paths {
    /// The policy's main file; `policy.d` lies beside it.
    pub policy: PathBuf,
    /// Where the record is.
    pub state: PathBuf,
    /// Where the sockets are.
    pub run: PathBuf,
}

impl Default for Paths {
    fn default() -> Self {
        Settings::default().into()
    }
}

impl From<Settings> for Paths {
    fn from(Settings { run, state, policy, user: _, record: _, confine: _, syslog: _ }: Settings) -> Self {
        Self { policy, state, run }
    }
}

impl Paths {
    /// Those of this host.
    ///
    /// # Errors
    /// All that is wrong with the settings: then it is not known where jitd has its things when it starts the next time.
    pub fn of_this_host() -> Result<Self, Vec<Mistake>> {
        Settings::read(None).map(Self::from)
    }

    /// Where people ask.
    pub fn user_socket(&self) -> PathBuf {
        user_socket(&self.run)
    }

    /// Where the module asks.
    pub fn pam_socket(&self) -> PathBuf {
        pam_socket(&self.run)
    }

    /// Where jitd notes, while the record's disk fails, which of the newest events were refused and may be on it all the same.
    pub fn in_doubt(&self) -> PathBuf {
        own_directory(&self.run).join("in-doubt")
    }
}

/// The policy of this host, as it is on disk.
///
/// # Errors
/// All that is wrong with the settings, or else with the files.
pub fn policy() -> Result<Vec<PolicyFile>, Vec<Mistake>> {
    policy_files::read(&Paths::of_this_host()?.policy)
}

/// Settings with mistakes, in words.
pub fn in_words(mistakes: &[Mistake]) -> String {
    let first = mistakes.first().map(ToString::to_string).unwrap_or_default();
    format!("jitd's settings are not valid: {}", safe(&first))
}

/// A failure by settings with mistakes.
pub fn not_known(mistakes: &[Mistake]) -> Failing {
    Failing::refused(in_words(mistakes), format!("see all that is wrong: {REMEDY}"))
}
