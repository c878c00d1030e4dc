//! PAM stacks of the benchmark's own, run in process through libpam.

use crate::daemon::built;
use std::ffi::{CString, c_char, c_int, c_void};
use std::path::{Path, PathBuf};
use std::ptr;

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
    fn pam_end(handle: *mut c_void, status: c_int) -> c_int;
}

extern "C" fn says_nothing(_: c_int, _: *mut *const c_void, _: *mut *mut c_void, _: *mut c_void) -> c_int {
    19 // PAM_CONV_ERR
}

/// Writes the stacks.
pub fn write(place: &Path, socket: &Path) -> PathBuf {
    let directory = place.join("pam.d");
    std::fs::create_dir(&directory).unwrap();
    let ours = format!("{} socket={}", built("libpam_jit.so").display(), socket.display());
    for (service, module) in [("permit", "pam_permit.so"), ("unix", "pam_unix.so"), ("bench", ours.as_str())] {
        std::fs::write(directory.join(service), format!("account required {module}\n")).unwrap();
    }
    directory
}

/// One transaction with an account phase, which must let root in.
pub fn account(directory: &Path, service: &str) {
    let text = |text: &str| CString::new(text).unwrap();
    let (service, user, directory) = (text(service), text("root"), text(directory.to_str().unwrap()));
    let conversation = PamConv { conv: Some(says_nothing), data: ptr::null_mut() };
    let mut handle = ptr::null_mut();
    // SAFETY: all pointers are live for the call, and the conversation has the form that libpam calls.
    let started =
        unsafe { pam_start_confdir(service.as_ptr(), user.as_ptr(), &raw const conversation, directory.as_ptr(), &raw mut handle) };
    assert_eq!(started, 0);
    // SAFETY: the handle was started above and not ended yet.
    let verdict = unsafe { pam_acct_mgmt(handle, 0) };
    assert_eq!(verdict, 0, "{service:?} does not let root in");
    // SAFETY: the handle was started above and is not used again.
    assert_eq!(unsafe { pam_end(handle, verdict) }, 0);
}
