//! pam_jit.so: asks jitd whether somebody may come in, at the doors that PAM guards.
//!
//! This file wires libpam's six entry points to what decides: [`account`], [`session`]. Whatever happens in
//! there, the host lives on: a panic ends here, and answers no.
#![deny(unsafe_code)]
#![cfg_attr(
    test,
    allow(clippy::arithmetic_side_effects, clippy::wildcard_enum_match_arm, reason = "tests say what went wrong by panicking")
)]

pub mod account;
pub mod arguments;
pub mod ask;
pub mod breakglass;
pub mod cgroup;
pub mod daemon;
#[allow(unsafe_code, reason = "the one place where C is called")]
mod ffi;
#[cfg(not(any(test, fuzzing)))]
#[allow(unsafe_code, reason = "what the loader calls is named by a section of the library")]
mod hook;
pub mod host;
mod report;
pub mod session;
pub mod subject;
pub mod verdict;

use arguments::Arguments;
use daemon::Jitd;
use ffi::LibPam;
use pam::constants::{PamFlag, PamResultCode};
use pam::module::{PamHandle, PamHooks};
use pam::pam_hooks;
use std::ffi::CStr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use verdict::Outcome;

struct PamJit;

#[allow(unsafe_code, missing_docs, reason = "the macro exports libpam's entry points")]
mod exported {
    use super::PamJit;
    super::pam_hooks!(PamJit);
}

impl PamHooks for PamJit {
    fn acct_mgmt(pamh: &mut PamHandle, args: Vec<&CStr>, _: PamFlag) -> PamResultCode {
        guarded(|| {
            let mut host = LibPam::new(pamh);
            let arguments = Arguments::read(&args);
            account::account(&mut host, &Jitd::from(&arguments), &arguments).code()
        })
    }

    fn sm_open_session(pamh: &mut PamHandle, args: Vec<&CStr>, _: PamFlag) -> PamResultCode {
        guarded(|| {
            let mut host = LibPam::new(pamh);
            let arguments = Arguments::read(&args);
            session::open(&mut host, &Jitd::from(&arguments), &cgroup::Kernels, &arguments).code()
        })
    }

    fn sm_close_session(pamh: &mut PamHandle, args: Vec<&CStr>, _: PamFlag) -> PamResultCode {
        let _ = guarded(|| {
            let mut host = LibPam::new(pamh);
            let arguments = Arguments::read(&args);
            session::close(&mut host, &Jitd::from(&arguments), &arguments);
            PamResultCode::PAM_SUCCESS
        });
        // A session that is over is over, whatever became of our note of it.
        PamResultCode::PAM_SUCCESS
    }

    /// IGNORE would fail a stack in which ours is the only module.
    fn sm_setcred(_: &mut PamHandle, _: Vec<&CStr>, _: PamFlag) -> PamResultCode {
        PamResultCode::PAM_SUCCESS
    }
}

/// Runs what decides. A panic in it answers that something failed here.
fn guarded(decide: impl FnOnce() -> PamResultCode) -> PamResultCode {
    let decide = || {
        #[cfg(feature = "forced-panic")]
        forced_panic();
        decide()
    };
    match catch_unwind(AssertUnwindSafe(decide)) {
        Ok(code) => code,
        Err(payload) => {
            // Dropping what was thrown could throw again.
            std::mem::forget(payload);
            Outcome::Failed.code()
        }
    }
}

/// What a test of panics is built with, and nothing else.
#[cfg(feature = "forced-panic")]
#[allow(clippy::panic, reason = "that is what it is for")]
fn forced_panic() {
    panic!("forced");
}

#[cfg(test)]
mod tests;
