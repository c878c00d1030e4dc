//! From root to the user that jitd runs as.

use nix::fcntl::OFlag;
use nix::sys::stat::Mode;
use nix::unistd::{Gid, Group, Uid, User, fchown, geteuid, setgroups, setresgid, setresuid};
use rustix::thread::{CapabilitySet, CapabilitySets, set_capabilities, set_keep_capabilities};
use std::fs::{OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;

/// The user that jitd becomes, and its groups.
#[derive(Debug, Clone)]
pub struct Identity {
    uid: Uid,
    gid: Gid,
    groups: Vec<Gid>,
}

impl Identity {
    /// The identity to take on: the user of the settings where root started us, nobody else otherwise.
    ///
    /// # Errors
    /// There is no such user.
    pub fn to_take(user: &str) -> Result<Option<Self>, String> {
        if !geteuid().is_root() || user == "root" {
            return Ok(None);
        }
        let found = User::from_name(user).map_err(|errno| format!("user {user} cannot be looked up: {}", errno.desc()))?;
        let account = found.ok_or_else(|| {
            format!("there is no user {user}; make it: useradd --system --user-group --no-create-home --shell /usr/sbin/nologin {user}")
        })?;
        // Group tty may write to terminals, to warn before a session ends.
        let tty = Group::from_name("tty").ok().flatten().map(|group| group.gid);
        let groups = [account.gid].into_iter().chain(tty).collect();
        Ok(Some(Self { uid: account.uid, gid: account.gid, groups }))
    }

    /// Gives a directory to this identity, and to nobody else. Never what a link leads to: it could be any directory.
    ///
    /// # Errors
    /// It cannot be given.
    pub fn give(&self, path: &Path) -> io::Result<()> {
        let directory = OpenOptions::new().read(true).custom_flags((OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW).bits()).open(path)?;
        directory.set_permissions(Permissions::from_mode(0o700))?;
        Ok(fchown(&directory, Some(self.uid), Some(self.gid))?)
    }

    /// Lets this identity read a file of root's, which is made where it is not there yet. Never what a link leads to.
    ///
    /// # Errors
    /// It is no file, or cannot be shared.
    pub fn let_read(&self, path: &Path) -> io::Result<()> {
        let flags = (OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK).bits();
        let file = OpenOptions::new().append(true).create(true).mode(0o600).custom_flags(flags).open(path)?;
        if !file.metadata()?.is_file() {
            return Err(io::Error::other("it is not a file"));
        }
        fchown(&file, None, Some(self.gid))?;
        file.set_permissions(Permissions::from_mode(0o640))
    }

    /// Becomes this identity, for good, with CAP_KILL and no other privilege. The process has one thread yet.
    ///
    /// # Errors
    /// The kernel does not let us, and jitd must not go on as root.
    pub fn become_it(&self) -> Result<(), String> {
        let failed = |what: &'static str| move |errno: nix::errno::Errno| format!("{what}: {}", errno.desc());
        setgroups(&self.groups).map_err(failed("setgroups"))?;
        setresgid(self.gid, self.gid, self.gid).map_err(failed("setresgid"))?;
        // What may end the processes of root's sessions must outlive the change of the user, and nothing else does.
        set_keep_capabilities(true).map_err(|error| format!("keeping capabilities: {error}"))?;
        setresuid(self.uid, self.uid, self.uid).map_err(failed("setresuid"))?;
        let only = CapabilitySets { effective: CapabilitySet::KILL, permitted: CapabilitySet::KILL, inheritable: CapabilitySet::empty() };
        set_capabilities(None, only).map_err(|error| format!("CAP_KILL: {error}"))?;
        set_keep_capabilities(false).map_err(|error| format!("giving up capabilities: {error}"))?;
        nix::sys::prctl::set_no_new_privs().map_err(failed("no_new_privs"))?;
        if geteuid() == self.uid { Ok(()) } else { Err("the kernel did not change the user".to_owned()) }
    }
}

/// What files of ours are made with: nobody else reads the record.
pub fn set_umask() {
    nix::sys::stat::umask(Mode::from_bits_truncate(0o077));
}
