//! libpam, as a host program calls it.

use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::path::Path;
use std::ptr;

pub const SUCCESS: c_int = 0;
pub const SYSTEM_ERR: c_int = 4;
pub const PERM_DENIED: c_int = 6;
pub const AUTHINFO_UNAVAIL: c_int = 9;

/// Items, as `_pam_types.h` numbers them.
#[derive(Debug, Clone, Copy)]
pub enum Item {
    Service = 1,
    User = 2,
    Tty = 3,
    RemoteHost = 4,
}

#[repr(C)]
struct Message {
    style: c_int,
    text: *const c_char,
}

#[repr(C)]
struct Conversation {
    talk: extern "C" fn(c_int, *const *const Message, *mut *mut c_void, *mut c_void) -> c_int,
    heard: *mut c_void,
}

#[link(name = "pam")]
unsafe extern "C" {
    fn pam_start_confdir(
        service: *const c_char,
        user: *const c_char,
        conv: *const Conversation,
        dir: *const c_char,
        handle: *mut *mut c_void,
    ) -> c_int;
    fn pam_set_item(handle: *mut c_void, item: c_int, value: *const c_void) -> c_int;
    fn pam_putenv(handle: *mut c_void, variable: *const c_char) -> c_int;
    fn pam_authenticate(handle: *mut c_void, flags: c_int) -> c_int;
    fn pam_acct_mgmt(handle: *mut c_void, flags: c_int) -> c_int;
    fn pam_open_session(handle: *mut c_void, flags: c_int) -> c_int;
    fn pam_close_session(handle: *mut c_void, flags: c_int) -> c_int;
    fn pam_setcred(handle: *mut c_void, flags: c_int) -> c_int;
    fn pam_end(handle: *mut c_void, status: c_int) -> c_int;
}

/// Keeps what it is told, and gives no reply array back: some hosts do that.
extern "C" fn hear(count: c_int, messages: *const *const Message, _: *mut *mut c_void, heard: *mut c_void) -> c_int {
    // SAFETY: libpam passes back the pointer that was given with the conversation, and as many messages as it says.
    let heard = unsafe { &mut *heard.cast::<Heard>() };
    for number in 0..usize::try_from(count).unwrap() {
        // SAFETY: as above; Linux-PAM passes an array of pointers.
        let place = unsafe { messages.add(number) };
        // SAFETY: the array holds that many pointers.
        let message = unsafe { *place };
        // SAFETY: each points to a message.
        let text = unsafe { (*message).text };
        // SAFETY: a message's text ends in NUL.
        let text = unsafe { CStr::from_ptr(text) };
        heard.lines.push(text.to_string_lossy().into_owned());
    }
    SUCCESS
}

/// What a conversation was told. It must stay where it is while libpam points to it.
#[derive(Default)]
pub struct Heard {
    pub lines: Vec<String>,
}

/// One transaction.
pub struct Transaction {
    handle: *mut c_void,
    pub heard: Box<Heard>,
}

impl Transaction {
    pub fn start(directory: &Path, service: &str, user: Option<&str>) -> Self {
        let text = |text: &str| CString::new(text).unwrap();
        let (service, user, directory) = (text(service), user.map(text), text(directory.to_str().unwrap()));
        let mut heard = Box::new(Heard::default());
        let conversation = Conversation { talk: hear, heard: ptr::from_mut(heard.as_mut()).cast() };
        let user = user.as_ref().map_or(ptr::null(), |user| user.as_ptr());
        let mut handle = ptr::null_mut();
        // SAFETY: everything lives through the call; libpam copies the conversation, and `heard` lives as long as the handle.
        let started = unsafe { pam_start_confdir(service.as_ptr(), user, &raw const conversation, directory.as_ptr(), &raw mut handle) };
        assert_eq!(started, SUCCESS);
        Self { handle, heard }
    }

    /// Sets an item to these bytes. libpam copies them.
    pub fn set(&self, item: Item, value: &[u8]) {
        let value = CString::new(value).unwrap();
        // SAFETY: the handle is live, and the value is a string that lives through the call.
        let set = unsafe { pam_set_item(self.handle, item as c_int, value.as_ptr().cast()) };
        assert_eq!(set, SUCCESS, "{item:?}");
    }

    /// Sets a variable of PAM's environment, `NAME=VALUE`.
    pub fn put(&self, variable: &[u8]) {
        let variable = CString::new(variable).unwrap();
        // SAFETY: the handle is live, and the variable is a string that lives through the call.
        assert_eq!(unsafe { pam_putenv(self.handle, variable.as_ptr()) }, SUCCESS);
    }

    pub fn authenticate(&self) -> c_int {
        // SAFETY: the handle is live.
        unsafe { pam_authenticate(self.handle, 0) }
    }

    pub fn account(&self) -> c_int {
        // SAFETY: the handle is live.
        unsafe { pam_acct_mgmt(self.handle, 0) }
    }

    pub fn open(&self) -> c_int {
        // SAFETY: the handle is live.
        unsafe { pam_open_session(self.handle, 0) }
    }

    pub fn close(&self) -> c_int {
        // SAFETY: the handle is live.
        unsafe { pam_close_session(self.handle, 0) }
    }

    pub fn setcred(&self) -> c_int {
        // SAFETY: the handle is live.
        unsafe { pam_setcred(self.handle, 2) }
    }
}

impl Drop for Transaction {
    fn drop(&mut self) {
        // SAFETY: the handle is live, and not used again.
        unsafe { pam_end(self.handle, 0) };
    }
}
