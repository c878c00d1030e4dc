//! Whether every source of groups has answered.
//!
//! `getgrouplist(3)` succeeds with the groups that it found when a source of `nsswitch.conf` could not be asked: with
//! the directory down, its groups look as if the user were in none of them, and a rule that forbids something to one
//! of them would be void. So each source is asked again by itself, through the interface that libc asks it by ("The GNU
//! C Library manual", "NSS Module Function Internals"), and what it could not tell is unknown.

use nix::libc::{self, c_char, c_int, c_long, c_void, gid_t};
use std::ffi::{CStr, CString};
use std::fs;
use std::mem;

/// The file that names the sources.
const SOURCES: &str = "/etc/nsswitch.conf";
/// Sources that read local files and live in libc itself: they cannot be away.
const LOCAL: [&str; 3] = ["files", "compat", "db"];

/// `NSS_STATUS_TRYAGAIN` and `NSS_STATUS_UNAVAIL` of `nss.h`.
const TRY_AGAIN: c_int = -2;
const UNAVAILABLE: c_int = -1;

/// systemd's source says that it is away, with this number, where it is installed and no service offers it accounts, as in most
/// containers: `/run/systemd/userdb` is not there, and so there is nobody whom it could know (systemd's `userdb_start_query`, and what
/// `_nss_systemd_initgroups_dyn` makes of it). A service that does not answer is another number.
const EMPTY: (&str, c_int) = ("systemd", libc::ESRCH);

/// `_nss_*_initgroups_dyn`.
type InitGroups = unsafe extern "C" fn(*const c_char, gid_t, *mut c_long, *mut c_long, *mut *mut gid_t, c_long, *mut c_int) -> c_int;

/// The sources of groups that cannot say which groups this user is in. One that is named but not installed is none.
pub fn silent(user: &CStr, gid: gid_t) -> Vec<String> {
    let named = fs::read_to_string(SOURCES).unwrap_or_default();
    group_sources(&named).filter(|source| !LOCAL.contains(source)).filter(|source| !answers(source, user, gid)).map(str::to_owned).collect()
}

/// The sources in the line for `initgroups`, or else for `group`, without the actions in brackets.
fn group_sources(text: &str) -> impl Iterator<Item = &str> {
    let line = |database: &str| {
        text.lines().find_map(|line| line.split('#').next()?.trim().strip_prefix(database)?.trim_start().strip_prefix(':'))
    };
    let line = line("initgroups").or_else(|| line("group")).unwrap_or_default();
    line.split_inclusive(']').flat_map(|part| part.split('[').next()).flat_map(str::split_whitespace)
}

fn answers(source: &str, user: &CStr, gid: gid_t) -> bool {
    let (Ok(library), Ok(function)) =
        (CString::new(format!("libnss_{source}.so.2")), CString::new(format!("_nss_{source}_initgroups_dyn")))
    else {
        return false;
    };
    // SAFETY: a C string; the library is one that libc itself loads to look up groups, and it is never unloaded.
    let handle = unsafe { libc::dlopen(library.as_ptr(), libc::RTLD_NOW | libc::RTLD_NODELETE) };
    if handle.is_null() {
        return is_not_installed();
    }
    // SAFETY: a handle that dlopen gave, and a C string.
    let found = unsafe { libc::dlsym(handle, function.as_ptr()) };
    // A source without this function lists all its groups, as files do.
    let answered = found.is_null() || ask(found, user, gid).is_some_and(|(status, errno)| is_answer(source, status, errno));
    // SAFETY: the handle from above, once.
    unsafe { libc::dlclose(handle) };
    answered
}

/// Whether a source has said all that it knows.
fn is_answer(source: &str, status: c_int, errno: c_int) -> bool {
    match status {
        UNAVAILABLE => (source, errno) == EMPTY,
        TRY_AGAIN => false,
        _ => true,
    }
}

/// Whether dlopen failed for want of a file: libc passes such a source over each time, and so it adds no groups.
fn is_not_installed() -> bool {
    // SAFETY: it takes nothing.
    let why = unsafe { libc::dlerror() };
    if why.is_null() {
        return false;
    }
    // SAFETY: a C string that stays until this thread's next call.
    let why = unsafe { CStr::from_ptr(why) };
    why.to_string_lossy().contains("No such file")
}

/// The status and the error number that a source answers with; none: there is no memory to ask it.
fn ask(function: *mut c_void, user: &CStr, gid: gid_t) -> Option<(c_int, c_int)> {
    let room: usize = 64;
    let (mut start, mut size, mut errno) = (0, c_long::try_from(room).unwrap_or(0), 0);
    // SAFETY: the symbol has this type by the interface that its name stands for.
    let function = unsafe { mem::transmute::<*mut c_void, InitGroups>(function) };
    // SAFETY: any sizes may be asked for. The function may enlarge what it is given, with realloc: so it comes from here.
    let mut groups = unsafe { libc::calloc(room, size_of::<gid_t>()) }.cast::<gid_t>();
    if groups.is_null() {
        return None;
    }
    // SAFETY: memory of the size that `size` tells; all pointers are good during the call; a limit below one is none.
    let status = unsafe { function(user.as_ptr(), gid, &raw mut start, &raw mut size, &raw mut groups, -1, &raw mut errno) };
    // SAFETY: what calloc gave, or what the function made of it with realloc.
    unsafe { libc::free(groups.cast()) };
    Some((status, errno))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sources(text: &str) -> Vec<&str> {
        group_sources(text).collect()
    }

    #[test]
    fn sources_are_read_without_actions_and_comments() {
        assert_eq!(
            sources("passwd: files sss\ngroup:  files [!NOTFOUND=return] sss [NOTFOUND=continue UNAVAIL=return] ldap # x\n"),
            ["files", "sss", "ldap"]
        );
        assert_eq!(sources("group : files\n initgroups: sss files\n"), ["sss", "files"]);
        assert_eq!(sources("# group: sss\ngroups: x\n"), [""; 0]);
    }

    #[test]
    fn only_systemds_source_and_only_without_services_is_away_and_has_answered() {
        let (not_found, found) = (0, 1);
        for status in [not_found, found] {
            assert!(is_answer("sss", status, 0) && is_answer("systemd", status, 0));
        }
        assert!(is_answer("systemd", UNAVAILABLE, libc::ESRCH));
        for (source, status, errno) in [
            ("systemd", UNAVAILABLE, libc::ECONNREFUSED),
            ("systemd", UNAVAILABLE, libc::EHOSTDOWN),
            ("systemd", UNAVAILABLE, libc::ETIMEDOUT),
            ("systemd", TRY_AGAIN, libc::ESRCH),
            ("sss", UNAVAILABLE, libc::ESRCH),
            ("ldap", UNAVAILABLE, libc::ENOENT),
        ] {
            assert!(!is_answer(source, status, errno), "{source} {status} {errno}");
        }
    }

    #[test]
    fn a_source_that_is_not_installed_is_none() {
        assert!(answers("jit-nosuch", c"root", 0));
    }
}
