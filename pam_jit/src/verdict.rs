//! What the module answers, and the one place where that becomes a PAM code.

use pam::constants::PamResultCode;

/// An answer to the host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Outcome {
    /// jitd said yes, or the break-glass file did while jitd was proved away.
    Allowed,
    /// jitd said no; or the question could not be put as it must be.
    Denied,
    /// jitd is proved away.
    Away,
    /// Something on our side failed: it proves nothing about jitd, so it must not open a door that an
    /// administrator has left open for when jitd is away.
    Failed,
    /// Not ours to decide: root calling sudo or su, root on the console.
    NotOurs,
    /// Told to observe only.
    Observed,
}

impl Outcome {
    /// The code that libpam gets. Never NEW_AUTHTOK_REQD (sudo runs the command on it), never SESSION_ERR (sudo takes
    /// it for harmless), and SUCCESS for a grant alone: it can turn an undecided stack positive.
    #[must_use]
    pub fn code(self) -> PamResultCode {
        match self {
            Self::Allowed => PamResultCode::PAM_SUCCESS,
            Self::Denied => PamResultCode::PAM_PERM_DENIED,
            Self::Away => PamResultCode::PAM_AUTHINFO_UNAVAIL,
            Self::Failed => PamResultCode::PAM_SYSTEM_ERR,
            Self::NotOurs | Self::Observed => PamResultCode::PAM_IGNORE,
        }
    }

    /// The word in the log.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Allowed => "allowed",
            Self::Denied => "denied",
            Self::Away => "jitd is away",
            Self::Failed => "failed",
            Self::NotOurs => "not ours",
            Self::Observed => "observed",
        }
    }
}
