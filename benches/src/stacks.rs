//! PAM stacks of the benchmark's own, run in process through libpam.

use std::ffi::{CString, c_char, c_int, c_void};
use std::path::{Path, PathBuf};
use std::ptr;
use std::time::{Duration, Instant};

type Conversation = extern "C" fn(c_int, *mut *const c_void, *mut *mut c_void, *mut c_void) -> c_int;

#[repr(C)]
struct PamConv {
    conv: Option<Conversation>,
    data: *mut c_void,
}

#[link(name = "pam")]
unsafe extern "C" {
    fn pam_start_confdir(
        service: *const c_char,
        user: *const c_char,
        conv: *const PamConv,
        confdir: *const c_char,
        handle: *mut *mut c_void,
    ) -> c_int;
    fn pam_acct_mgmt(handle: *mut c_void, flags: c_int) -> c_int;
    fn pam_open_session(handle: *mut c_void, flags: c_int) -> c_int;
    fn pam_close_session(handle: *mut c_void, flags: c_int) -> c_int;
    fn pam_end(handle: *mut c_void, status: c_int) -> c_int;
}

extern "C" fn says_nothing(_: c_int, _: *mut *const c_void, _: *mut *mut c_void, _: *mut c_void) -> c_int {
    19 // PAM_CONV_ERR
}

/// Writes the stacks of these services.
pub fn write<'a>(place: &Path, stacks: impl IntoIterator<Item = (&'a str, String)>) -> PathBuf {
    let directory = place.join("pam.d");
    std::fs::create_dir(&directory).unwrap();
    for (service, stack) in stacks {
        std::fs::write(directory.join(service), stack).unwrap();
    }
    directory
}

/// A transaction; it ends with this.
struct Transaction(*mut c_void);

/// What is called of one.
type Phase = unsafe extern "C" fn(*mut c_void, c_int) -> c_int;

impl Transaction {
    fn start(directory: &Path, service: &str, user: &str) -> Self {
        let text = |text: &str| CString::new(text).unwrap();
        let (service, user, directory) = (text(service), text(user), text(directory.to_str().unwrap()));
        let conversation = PamConv { conv: Some(says_nothing), data: ptr::null_mut() };
        let mut handle = ptr::null_mut();
        // SAFETY: all pointers are live for the call, and the conversation has the form that libpam calls; libpam copies it.
        let started =
            unsafe { pam_start_confdir(service.as_ptr(), user.as_ptr(), &raw const conversation, directory.as_ptr(), &raw mut handle) };
        assert_eq!(started, 0);
        Self(handle)
    }

    /// One phase, which must let them in.
    fn run(&self, phase: Phase) {
        // SAFETY: the handle was started above and not ended yet, and all phases are called alike.
        assert_eq!(unsafe { phase(self.0, 0) }, 0, "they are not let in");
    }
}

impl Drop for Transaction {
    fn drop(&mut self) {
        // SAFETY: the handle was started above and is not used again.
        assert_eq!(unsafe { pam_end(self.0, 0) }, 0);
    }
}

/// One transaction with an account phase, for this user.
pub fn account(directory: &Path, service: &str, user: &str) {
    Transaction::start(directory, service, user).run(pam_acct_mgmt);
}

/// One of root's with an account phase and a session, and how long it took to open and to close that.
pub fn session(directory: &Path, service: &str) -> [Duration; 2] {
    let transaction = Transaction::start(directory, service, "root");
    transaction.run(pam_acct_mgmt);
    let phases: [Phase; 2] = [pam_open_session, pam_close_session];
    phases.map(|phase| {
        let began = Instant::now();
        transaction.run(phase);
        began.elapsed()
    })
}
