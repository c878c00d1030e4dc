//! libpam, as a [`Host`]. The only file that calls C.

use crate::host::{Forgotten, Host, Item, Memory, Odd, Priority, Variable};
use chrono::{DateTime, NaiveDate};
use nix::time::{ClockId, clock_gettime};
use pam::constants::{PAM_ERROR_MSG, PAM_PROMPT_ECHO_ON};
use pam::conv::Conv;
use pam::items;
use pam::module::PamHandle;
use std::ffi::{CStr, CString, c_char, c_int};

/// The longest item that is looked at, in bytes.
const LONGEST_ITEM: usize = 256;
/// Under which key libpam keeps what we remember.
const MEMORY: &str = "pam_jit";
/// syslog's private facility for authorisation, and its priorities (syslog(3)).
const AUTHPRIV: c_int = 10 << 3;

unsafe extern "C" {
    // pam_ext.h: void pam_syslog(const pam_handle_t *pamh, int priority, const char *fmt, ...)
    fn pam_syslog(pamh: *const PamHandle, priority: c_int, fmt: *const c_char, ...);
    // pam_modules.h: const char *pam_getenv(pam_handle_t *pamh, const char *name)
    fn pam_getenv(pamh: *mut PamHandle, name: *const c_char) -> *const c_char;
}

/// A transaction of libpam's.
pub struct LibPam<'a> {
    handle: &'a mut PamHandle,
}

impl<'a> LibPam<'a> {
    /// This transaction.
    pub fn new(handle: &'a mut PamHandle) -> Self {
        Self { handle }
    }
}

fn text(item: Item, value: Option<&CStr>) -> Result<Option<String>, Odd> {
    let Some(value) = value else { return Ok(None) };
    if value.to_bytes().len() > LONGEST_ITEM {
        return Err(Odd(item));
    }
    let value = value.to_str().map_err(|_| Odd(item))?;
    Ok(Some(value.to_owned()).filter(|value| !value.is_empty()))
}

impl Host for LibPam<'_> {
    fn item(&self, item: Item) -> Result<Option<String>, Odd> {
        // An item that libpam cannot give is one that is not set.
        match item {
            Item::Service => text(item, self.handle.get_item::<items::Service>().ok().flatten().map(|item| item.0)),
            Item::User => text(item, self.handle.get_item::<items::User>().ok().flatten().map(|item| item.0)),
            Item::RemoteHost => text(item, self.handle.get_item::<items::RHost>().ok().flatten().map(|item| item.0)),
            Item::Terminal => text(item, self.handle.get_item::<items::Tty>().ok().flatten().map(|item| item.0)),
        }
    }

    fn variable(&self, variable: Variable) -> Option<String> {
        let name = match variable {
            Variable::SshConnection => c"SSH_CONNECTION",
            Variable::SshAuthInfo => c"SSH_AUTH_INFO_0",
        };
        let handle = std::ptr::from_ref::<PamHandle>(self.handle).cast_mut();
        // SAFETY: the handle is libpam's own and live for this call; pam_getenv only reads it, in spite of its type.
        let value = unsafe { pam_getenv(handle, name.as_ptr()) };
        if value.is_null() {
            return None;
        }
        // SAFETY: libpam answers with a string that ends in NUL and that stays until its environment changes; it is
        // copied before anything else is called.
        let value = unsafe { CStr::from_ptr(value) };
        value.to_str().ok().map(str::to_owned)
    }

    fn real_uid(&self) -> u32 {
        nix::unistd::getuid().as_raw()
    }

    fn effective_uid(&self) -> u32 {
        nix::unistd::geteuid().as_raw()
    }

    fn memory(&self) -> Memory {
        // SAFETY: under this key nothing but a Memory is ever kept, and only by this library.
        let kept = unsafe { self.handle.get_data::<Memory>(MEMORY) };
        kept.cloned().unwrap_or_default()
    }

    fn remember(&mut self, memory: Memory) -> Result<(), Forgotten> {
        self.handle.set_data(MEMORY, Box::new(memory)).map_err(|_| Forgotten)
    }

    fn tell(&mut self, line: &str) {
        if let Ok(Some(conversation)) = self.handle.get_item::<Conv<'_>>() {
            // Some hosts answer a message with an error, or with nothing: it is said all the same.
            let _ = conversation.send(PAM_ERROR_MSG, line);
        }
    }

    fn prompt(&mut self, question: &str) -> Option<String> {
        let conversation = self.handle.get_item::<Conv<'_>>().ok().flatten()?;
        // The answer may be a password that was typed into the wrong question: its buffers are wiped.
        let answer = conversation.send(PAM_PROMPT_ECHO_ON, question).ok().flatten()?;
        answer.as_str().ok().map(str::to_owned)
    }

    fn log(&mut self, priority: Priority, line: &str) {
        let level = match priority {
            Priority::Alert => 1,
            Priority::Warning => 4,
            Priority::Notice => 5,
            Priority::Debug => 7,
        };
        let line = crate::report::printable(line, 900);
        let Ok(line) = CString::new(line) else { return };
        // SAFETY: the handle is live; the format takes one string, and that is what it gets.
        unsafe { pam_syslog(self.handle, AUTHPRIV | level, c"%s".as_ptr(), line.as_ptr()) };
    }

    fn today(&self) -> NaiveDate {
        let seconds = clock_gettime(ClockId::CLOCK_REALTIME).map_or(0, |now| now.tv_sec());
        DateTime::from_timestamp(seconds, 0).unwrap_or_default().date_naive()
    }
}
