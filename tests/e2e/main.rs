//! What users see, on real sudo and real sshd.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "tests say what went wrong by panicking"
)]

mod approval;
mod ask;
mod ask_ends;
mod ask_limits;
mod ask_ssh;
mod attacks;
mod away;
mod callers;
mod clock;
mod command;
mod crash;
mod directory;
mod doctor;
mod documents;
mod enable;
mod false_places;
mod faults;
mod faulty;
mod floods;
mod forging;
mod half_configured;
mod hangs;
mod host;
mod hostile;
mod identity;
mod many_approvers;
mod many_rules;
mod notify;
mod notify_faults;
mod optouts;
mod policy;
mod record;
mod run;
mod see;
mod session_places;
mod sessions;
mod ssh;
mod ssh_settings;
mod story;
mod sudo;
mod sudo_rs;
mod sudo_settings;
mod syslog;
mod systemd;
mod tampering;
mod told;
mod way_back;
mod world;
