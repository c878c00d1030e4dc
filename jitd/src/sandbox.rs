//! What jitd gives up before it hears from anybody, by itself and for good, whoever started it: the service's unit may be
//! another one, or none.
//!
//! Landlock (kernel 5.13) leaves it to read, and to write to its record, to terminals and to cgroups; it executes nothing and has
//! no network. A seccomp filter forbids calls that no work of jitd's needs. What a kernel does not have is said.
//!
//! The filter names what is forbidden, not what is allowed: libraries of the name service run inside jitd, and what they call is
//! theirs. The service's unit has a list of what is allowed, and closes the other ways to number calls (x32) too.

use landlock::{
    ABI, Access, AccessFs, AccessNet, BitFlags, PathBeneath, PathFd, PathFdError, Ruleset, RulesetAttr, RulesetCreatedAttr, RulesetError,
    RulesetStatus, make_bitflags,
};
use nix::libc;
use seccompiler::{SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule, TargetArch};
use std::collections::BTreeMap;
use std::path::Path;

/// The newest version of Landlock whose rights are all given up; a kernel with an older one gives up what it knows.
const NEWEST: ABI = ABI::V5;

/// What is never called: other programs, other people's processes, the kernel's parts, other namespaces, keys, and ways round
/// a filter.
const FORBIDDEN: [libc::c_long; 42] = [
    libc::SYS_execve,
    libc::SYS_execveat,
    libc::SYS_ptrace,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_kcmp,
    libc::SYS_pidfd_getfd,
    libc::SYS_perf_event_open,
    libc::SYS_bpf,
    libc::SYS_userfaultfd,
    libc::SYS_io_uring_setup,
    libc::SYS_io_uring_enter,
    libc::SYS_io_uring_register,
    libc::SYS_mount,
    libc::SYS_umount2,
    libc::SYS_move_mount,
    libc::SYS_open_tree,
    libc::SYS_fsopen,
    libc::SYS_fsmount,
    libc::SYS_pivot_root,
    libc::SYS_chroot,
    libc::SYS_unshare,
    libc::SYS_setns,
    libc::SYS_open_by_handle_at,
    libc::SYS_kexec_load,
    libc::SYS_init_module,
    libc::SYS_finit_module,
    libc::SYS_delete_module,
    libc::SYS_reboot,
    libc::SYS_swapon,
    libc::SYS_swapoff,
    libc::SYS_acct,
    libc::SYS_settimeofday,
    libc::SYS_clock_settime,
    libc::SYS_adjtimex,
    libc::SYS_add_key,
    libc::SYS_request_key,
    libc::SYS_keyctl,
    libc::SYS_setuid,
    libc::SYS_setresuid,
    libc::SYS_capset,
    libc::SYS_personality,
];

/// Typing into a terminal as if somebody sat there; jitd writes on terminals of others.
const TYPES_INTO_TERMINALS: [u64; 2] = [libc::TIOCSTI, TIOCLINUX];
/// `TIOCLINUX` of `asm-generic/ioctls.h`, which pastes; libc has no name for it.
const TIOCLINUX: u64 = 0x541C;

/// Where jitd writes.
#[derive(Debug, Clone, Copy)]
pub struct Places<'a> {
    /// Where its record is, and what only this boot is to know.
    pub own: [&'a Path; 2],
    /// Where cgroup v2 is mounted, if it is.
    pub cgroups: Option<&'a Path>,
    /// Where terminals are.
    pub terminals: &'a Path,
}

/// What is in force.
#[derive(Debug, PartialEq, Eq)]
#[must_use]
pub struct Confined {
    landlock: Result<RulesetStatus, String>,
    seccomp: Result<(), String>,
}

impl Confined {
    /// In words for whoever starts jitd.
    pub fn about(&self) -> String {
        let files = match &self.landlock {
            Ok(RulesetStatus::FullyEnforced) => {
                "it writes nowhere but to its own, starts no program, and has no network (Landlock)".to_owned()
            }
            Ok(RulesetStatus::PartiallyEnforced) => "this kernel's Landlock is an older one: what it knows is in force".to_owned(),
            Ok(RulesetStatus::NotEnforced) => "NOT by Landlock, which this kernel does not have".to_owned(),
            Err(why) => format!("NOT by Landlock: {why}"),
        };
        let calls = match &self.seccomp {
            Ok(()) => "system calls are filtered".to_owned(),
            Err(why) => format!("system calls are NOT filtered: {why}"),
        };
        format!("confined by itself: {files}; {calls}")
    }
}

/// Gives it up, for this thread and those that it starts; there must be no other yet.
pub fn confine(places: Places<'_>) -> Confined {
    Confined { landlock: restrict(places).map_err(|error| error.to_string()), seccomp: filter() }
}

/// Why Landlock could not be had.
#[derive(Debug)]
enum Unrestricted {
    Ruleset(RulesetError),
    Path(PathFdError),
}

impl std::fmt::Display for Unrestricted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Ruleset(error) => error.fmt(f),
            Self::Path(error) => error.fmt(f),
        }
    }
}

impl From<RulesetError> for Unrestricted {
    fn from(error: RulesetError) -> Self {
        Self::Ruleset(error)
    }
}

impl From<PathFdError> for Unrestricted {
    fn from(error: PathFdError) -> Self {
        Self::Path(error)
    }
}

fn restrict(places: Places<'_>) -> Result<RulesetStatus, Unrestricted> {
    let read = make_bitflags!(AccessFs::{ReadFile | ReadDir});
    let record = (AccessFs::from_all(NEWEST) & !make_bitflags!(AccessFs::{Execute | MakeChar | MakeBlock | IoctlDev})) | read;
    // jitd ends sessions by these files, and removes the cgroups.
    let cgroups = make_bitflags!(AccessFs::{WriteFile | Truncate | RemoveDir});
    let terminals = BitFlags::from(AccessFs::WriteFile);
    let [state, boot] = places.own.map(Some);
    let writes = [(state, record), (boot, record), (places.cgroups, cgroups), (Some(places.terminals), terminals)];
    let mut rules = Ruleset::default()
        .handle_access(AccessFs::from_all(NEWEST))?
        .handle_access(AccessNet::from_all(NEWEST))?
        .create()?
        .add_rule(PathBeneath::new(PathFd::new("/")?, read))?;
    for (place, rights) in writes {
        // One that is not there cannot be written to either.
        if let Some(place) = place.filter(|place| place.exists()) {
            rules = rules.add_rule(PathBeneath::new(PathFd::new(place)?, rights))?;
        }
    }
    Ok(rules.restrict_self()?.ruleset)
}

fn filter() -> Result<(), String> {
    let in_words = |error: seccompiler::BackendError| error.to_string();
    let arch = TargetArch::try_from(std::env::consts::ARCH).map_err(in_words)?;
    let mut rules: BTreeMap<i64, Vec<SeccompRule>> = FORBIDDEN.into_iter().map(|call| (call, Vec::new())).collect();
    let is = |argument, operator, value| {
        SeccompCondition::new(argument, SeccompCmpArgLen::Dword, operator, value).and_then(|condition| SeccompRule::new(vec![condition]))
    };
    // Sockets of this host alone.
    let unix = u64::try_from(libc::AF_UNIX).unwrap_or_default();
    rules.insert(libc::SYS_socket, vec![is(0, SeccompCmpOp::Ne, unix).map_err(in_words)?]);
    let types: Result<Vec<_>, _> = TYPES_INTO_TERMINALS.into_iter().map(|request| is(1, SeccompCmpOp::Eq, request)).collect();
    rules.insert(libc::SYS_ioctl, types.map_err(in_words)?);
    let refused = SeccompAction::Errno(u32::try_from(libc::EPERM).unwrap_or(1));
    let program = SeccompFilter::new(rules, SeccompAction::Allow, refused, arch).and_then(TryInto::<seccompiler::BpfProgram>::try_into);
    seccompiler::apply_filter(&program.map_err(in_words)?).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::net::{TcpListener, UdpSocket};
    use std::os::unix::net::UnixStream;
    use std::process::Command;

    #[test]
    fn what_is_given_up_cannot_be_done_and_what_is_needed_can() {
        let own = tempfile::tempdir().unwrap();
        let others = tempfile::tempdir().unwrap();
        let pty = nix::pty::openpty(None, None).unwrap();
        fs::write(others.path().join("file"), "theirs").unwrap();
        let (state, elsewhere) = (own.path().to_owned(), others.path().to_owned());
        // A thread of its own: what it gives up is gone for it alone.
        let confined = std::thread::spawn(move || {
            let confined = confine(Places { own: [&state, &state], cgroups: None, terminals: Path::new("/dev/pts") });
            assert_eq!(fs::read_to_string(elsewhere.join("file")).unwrap(), "theirs");
            fs::write(state.join("a"), "ours").unwrap();
            fs::rename(state.join("a"), state.join("b")).unwrap();
            fs::remove_file(state.join("b")).unwrap();
            assert!(fs::read_to_string("/proc/self/stat").is_ok() && UnixStream::pair().is_ok());
            assert!(fs::write(elsewhere.join("new"), "").is_err() && fs::write(elsewhere.join("file"), "").is_err());
            assert!(fs::remove_file(elsewhere.join("file")).is_err() && fs::create_dir(elsewhere.join("folder")).is_err());
            assert!(Command::new("/bin/true").status().is_err());
            assert!(TcpListener::bind("127.0.0.1:0").is_err() && UdpSocket::bind("127.0.0.1:0").is_err());
            let refused = |returned| (returned, std::io::Error::last_os_error().raw_os_error()) == (-1, Some(libc::EPERM));
            // Nothing of it would do harm: no number, address or descriptor that it is given is a good one.
            for call in FORBIDDEN {
                // SAFETY: the calls are refused before they are looked at, and otherwise read nothing from an address that is none.
                assert!(refused(unsafe { libc::syscall(call, -1, -1, -1, -1, -1, -1) }), "system call {call}");
            }
            for request in TYPES_INTO_TERMINALS {
                // SAFETY: the request reads one byte, which outlives the call.
                let typed = unsafe { libc::ioctl(std::os::fd::AsRawFd::as_raw_fd(&pty.slave), request, c"x".as_ptr()) };
                assert!(refused(typed.into()), "request {request:#x}");
            }
            confined
        });
        let confined = confined.join().unwrap();
        assert_eq!(confined.seccomp, Ok(()));
        assert!(confined.about().contains("has no network (Landlock); system calls are filtered"), "{}", confined.about());
    }

    #[test]
    fn what_a_kernel_does_not_have_is_said() {
        let none = Confined { landlock: Ok(RulesetStatus::NotEnforced), seccomp: Err("no such system call".to_owned()) };
        assert_eq!(
            none.about(),
            "confined by itself: NOT by Landlock, which this kernel does not have; system calls are NOT filtered: no such system call"
        );
    }
}
