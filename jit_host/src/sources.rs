//! Whether every source of groups has answered.
//!
//! `getgrouplist(3)` succeeds with the groups that it found when a source of `nsswitch.conf` could not be asked: with
//! the directory down, its groups look as if the user were in none of them, and a rule that forbids something to one
//! of them would be void. So each source is asked again by itself, through the interface that libc asks it by ("The GNU
//! C Library manual", "NSS Module Function Internals"), and what it could not tell is unknown.

use nix::libc::{self, c_char, c_int, c_long, c_void, gid_t};
use nix::sys::socket::{AddressFamily, SockFlag, SockType, UnixAddr, connect, socket};
use std::ffi::{CStr, CString};
use std::fs;
use std::io;
use std::mem;
use std::os::fd::AsRawFd;
use std::path::Path;

/// The file that names the sources.
const SOURCES: &str = "/etc/nsswitch.conf";
/// Sources that read local files and live in libc itself: they cannot be away.
const LOCAL: [&str; 3] = ["files", "compat", "db"];

/// `NSS_STATUS_TRYAGAIN`, `NSS_STATUS_UNAVAIL` and `NSS_STATUS_NOTFOUND` of `nss.h`.
const TRY_AGAIN: c_int = -2;
const UNAVAILABLE: c_int = -1;
const NOT_FOUND: c_int = 0;

/// systemd's source says that it is away, with this number, where it is installed and no service offers it accounts, as in most
/// containers: `/run/systemd/userdb` is not there, and so there is nobody whom it could know (systemd's `userdb_start_query`, and what
/// `_nss_systemd_initgroups_dyn` makes of it). A service that does not answer is another number.
const EMPTY: (&str, c_int) = ("systemd", libc::ESRCH);

/// sssd's source. As RHEL and Fedora build it (`--enable-sss-default-nss-plugin`), it finds nobody while sssd is down, as if there were
/// nobody (`sss_nss_make_request_timeout` in sssd's `sss_client/common.c`).
const SSS: &str = "sss";

/// Where sssd listens, and what it keeps for its source once it has run.
const SSSD: Sssd<'static> = Sssd { pipe: "/var/lib/sss/pipes/nss", cache: "/var/lib/sss/mc" };

/// What there is of sssd.
struct Sssd<'a> {
    pipe: &'a str,
    cache: &'a str,
}

impl Sssd<'_> {
    /// Whether it is down. RHEL names its source from the installation on, and where sssd was never configured it never ran: there is
    /// nobody whom it could know.
    fn is_down(&self) -> bool {
        !listens(Path::new(self.pipe)) && (is_there(fs::symlink_metadata(self.pipe)) || is_there(fs::read_dir(self.cache).and_then(first)))
    }
}

fn first(entries: fs::ReadDir) -> io::Result<()> {
    entries.into_iter().next().map_or(Err(io::ErrorKind::NotFound.into()), |_| Ok(()))
}

/// What cannot be looked at may be there.
fn is_there<T>(found: io::Result<T>) -> bool {
    found.map_or_else(|error| error.kind() != io::ErrorKind::NotFound, |_| true)
}

/// `_nss_*_initgroups_dyn`.
type InitGroups = unsafe extern "C" fn(*const c_char, gid_t, *mut c_long, *mut c_long, *mut *mut gid_t, c_long, *mut c_int) -> c_int;

/// The sources of groups that cannot say which groups this user is in. One that is named but not installed is none.
pub fn silent(user: &CStr, gid: gid_t) -> Vec<String> {
    let named = fs::read_to_string(SOURCES).unwrap_or_default();
    group_sources(&named).filter(|source| !LOCAL.contains(source)).filter(|source| !answers(source, user, gid)).map(str::to_owned).collect()
}

/// Whether a group that is not found by its number may have a name all the same: more than the local files name groups here, and a
/// name may be with a source that is away and does not say so.
pub fn may_name_more_groups() -> bool {
    names_more_groups(&fs::read_to_string(SOURCES).unwrap_or_default())
}

fn names_more_groups(text: &str) -> bool {
    line(text, "group").is_some_and(|line| sources(line).any(|source| !LOCAL.contains(&source) && !matches!(load(source), Loaded::Nowhere)))
}

/// A source that may know an account that is not found, as it finds nobody while it is down; none: what is not found is not there.
pub fn silent_about_accounts() -> Option<&'static str> {
    let text = fs::read_to_string(SOURCES).unwrap_or_default();
    let named = line(&text, "passwd").is_some_and(|line| sources(line).any(|named| named == SSS));
    (named && !matches!(load(SSS), Loaded::Nowhere) && SSSD.is_down()).then_some(SSS)
}

/// The sources of which groups somebody is in: those in the line for `initgroups`, or else for `group`.
fn group_sources(text: &str) -> impl Iterator<Item = &str> {
    sources(line(text, "initgroups").or_else(|| line(text, "group")).unwrap_or_default())
}

fn line<'a>(text: &'a str, database: &str) -> Option<&'a str> {
    text.lines().find_map(|line| line.split('#').next()?.trim().strip_prefix(database)?.trim_start().strip_prefix(':'))
}

/// The sources in a line, without the actions in brackets.
fn sources(line: &str) -> impl Iterator<Item = &str> {
    line.split_inclusive(']').flat_map(|part| part.split('[').next()).flat_map(str::split_whitespace)
}

/// A source's library, while it is in use.
struct Library(*mut c_void);

impl Drop for Library {
    fn drop(&mut self) {
        // SAFETY: a handle that dlopen gave, once.
        unsafe { libc::dlclose(self.0) };
    }
}

/// What became of loading one.
enum Loaded {
    /// It is there.
    Library(Library),
    /// It is not installed.
    Nowhere,
    /// It cannot be loaded.
    Broken,
}

fn load(source: &str) -> Loaded {
    let Ok(library) = CString::new(format!("libnss_{source}.so.2")) else { return Loaded::Broken };
    // SAFETY: a C string; the library is one that libc itself loads to look up groups, and it is never unloaded.
    let handle = unsafe { libc::dlopen(library.as_ptr(), libc::RTLD_NOW | libc::RTLD_NODELETE) };
    match handle.is_null() {
        false => Loaded::Library(Library(handle)),
        true if is_not_installed() => Loaded::Nowhere,
        true => Loaded::Broken,
    }
}

fn answers(source: &str, user: &CStr, gid: gid_t) -> bool {
    let Ok(function) = CString::new(format!("_nss_{source}_initgroups_dyn")) else { return false };
    let library = match load(source) {
        Loaded::Library(library) => library,
        Loaded::Nowhere => return true,
        Loaded::Broken => return false,
    };
    // SAFETY: a handle that dlopen gave, and a C string.
    let found = unsafe { libc::dlsym(library.0, function.as_ptr()) };
    // A source without this function lists all its groups, as files do.
    found.is_null() || ask(found, user, gid).is_some_and(|(status, errno)| is_answer(source, status, errno, &SSSD))
}

/// Whether a source has said all that it knows.
fn is_answer(source: &str, status: c_int, errno: c_int, sssd: &Sssd<'_>) -> bool {
    match status {
        UNAVAILABLE => (source, errno) == EMPTY,
        TRY_AGAIN => false,
        NOT_FOUND => source != SSS || !sssd.is_down(),
        _ => true,
    }
}

/// Whether somebody takes connections there now. One that has too many of them does not.
fn listens(pipe: &Path) -> bool {
    let Ok(address) = UnixAddr::new(pipe) else { return false };
    let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
    let Ok(ours) = socket(AddressFamily::Unix, SockType::Stream, flags, None) else { return false };
    connect(ours.as_raw_fd(), &address).is_ok()
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

    fn named(text: &str) -> Vec<&str> {
        group_sources(text).collect()
    }

    #[test]
    fn sources_are_read_without_actions_and_comments() {
        assert_eq!(
            named("passwd: files sss\ngroup:  files [!NOTFOUND=return] sss [NOTFOUND=continue UNAVAIL=return] ldap # x\n"),
            ["files", "sss", "ldap"]
        );
        assert_eq!(named("group : files\n initgroups: sss files\n"), ["sss", "files"]);
        assert_eq!(named("# group: sss\ngroups: x\n"), [""; 0]);
    }

    #[test]
    fn only_systemds_source_and_only_without_services_is_away_and_has_answered() {
        let nowhere = &Sssd { pipe: "/nonexistent/pipe", cache: "/nonexistent/cache" };
        let found = 1;
        for status in [NOT_FOUND, found] {
            assert!(is_answer("ldap", status, 0, nowhere) && is_answer("systemd", status, 0, nowhere));
        }
        assert!(is_answer("systemd", UNAVAILABLE, libc::ESRCH, nowhere));
        for (source, status, errno) in [
            ("systemd", UNAVAILABLE, libc::ECONNREFUSED),
            ("systemd", UNAVAILABLE, libc::EHOSTDOWN),
            ("systemd", UNAVAILABLE, libc::ETIMEDOUT),
            ("systemd", TRY_AGAIN, libc::ESRCH),
            ("sss", UNAVAILABLE, libc::ESRCH),
            ("ldap", UNAVAILABLE, libc::ENOENT),
        ] {
            assert!(!is_answer(source, status, errno, nowhere), "{source} {status} {errno}");
        }
    }

    #[test]
    fn that_sssds_source_finds_nobody_is_an_answer_while_sssd_listens_and_where_it_never_ran() {
        let directory = std::env::temp_dir().join(format!("jit-sources-{}", std::process::id()));
        let place = |name: &str| directory.join(name).to_str().unwrap().to_owned();
        let (pipe, cache) = (place("nss"), place("mc"));
        let (found, answered) = (1, |status| is_answer("sss", status, 0, &Sssd { pipe: &pipe, cache: &cache }));
        assert!(answered(NOT_FOUND), "it was never installed whole");
        fs::create_dir_all(&cache).unwrap();
        assert!(answered(NOT_FOUND), "it was never started");
        fs::write(place("mc/passwd"), "").unwrap();
        assert!(!answered(NOT_FOUND), "it has run, and took its pipe along");
        assert!(answered(found), "sssd's cache answers without sssd");
        let sssd = std::os::unix::net::UnixListener::bind(&pipe).unwrap();
        assert!(answered(NOT_FOUND));
        drop(sssd);
        fs::remove_dir_all(&cache).unwrap();
        assert!(!answered(NOT_FOUND), "a pipe that an sssd has left behind");
        fs::remove_dir_all(&directory).unwrap();
    }

    #[test]
    fn a_group_without_a_name_may_have_one_where_more_than_files_name_groups() {
        // This one is libc's own.
        assert!(names_more_groups("group: files [SUCCESS=merge] hesiod\n"));
        for text in
            ["", "group: files\n", "group: compat db\n", "group: files jit-nosuch\n", "passwd: hesiod\ngroup: files\ninitgroups: hesiod\n"]
        {
            assert!(!names_more_groups(text), "{text}");
        }
    }

    #[test]
    fn a_source_that_is_not_installed_is_none() {
        assert!(answers("jit-nosuch", c"root", 0));
    }
}
