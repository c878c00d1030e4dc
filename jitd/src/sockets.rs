//! The two sockets: from systemd where it gives them, made here otherwise.

use crate::inherited;
use crate::settings::{pam_socket, user_socket};
use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg, OFlag};
use nix::sys::socket::{AddressFamily, SockFlag, SockType, UnixAddr, connect, socket};
use std::fmt;
use std::fs::{DirBuilder, File, OpenOptions, Permissions};
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};

/// The sockets, listening.
#[derive(Debug)]
pub struct Sockets {
    /// `pam.sock`: root alone.
    pub pam: UnixListener,
    /// `user.sock`: everybody.
    pub user: UnixListener,
    /// Their directory, where a socket was made here. Systemd's sockets are nobody else's, and a jitd that it started as
    /// its own user may write nothing there.
    _run_is_ours: Option<Held>,
}

/// Why there are none.
#[derive(Debug)]
pub enum SocketTrouble {
    /// Something cannot be made or used.
    Path(PathBuf, io::Error),
    /// Another jitd has the directory, or it cannot be known.
    NotOurs(String),
}

impl fmt::Display for SocketTrouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Path(path, error) => write!(f, "{}: {error}", path.display()),
            Self::NotOurs(why) => f.write_str(why),
        }
    }
}

impl std::error::Error for SocketTrouble {}

/// A directory that one jitd holds for itself while it lives.
#[derive(Debug)]
pub struct Held {
    _lock: Flock<File>,
}

/// Whether the disk can only be read now.
pub fn is_read_only(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::ReadOnlyFilesystem
}

/// Takes a directory for this process alone.
///
/// # Errors
/// Another jitd has it, or the lock file cannot be made.
pub fn hold(directory: &Path) -> Result<Held, String> {
    let path = directory.join("jitd.lock");
    let options = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .custom_flags((OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK).bits())
        .open(&path);
    // On a disk that can only be read one that is there can be locked too, and where there is none its directory.
    let to_read = || File::open(&path).or_else(|_| File::open(directory));
    let file = options.or_else(|error| if is_read_only(&error) { to_read() } else { Err(error) });
    let file = file.map_err(|error| format!("{}: {error}", path.display()))?;
    let lock = Flock::lock(file, FlockArg::LockExclusiveNonblock);
    lock.map(|lock| Held { _lock: lock }).map_err(|_| format!("another jitd runs on {}", directory.display()))
}

/// Opens the sockets in this directory. To be called as root, before changing user: what listens is then root's,
/// and the module can know it.
///
/// # Errors
/// A socket cannot be made.
pub fn open(run: &Path) -> Result<Sockets, SocketTrouble> {
    let pam_path = pam_socket(run);
    let user_path = user_socket(run);
    let mut given = inherited::listeners();
    let mut take = |path: &Path| {
        let is_it = |listener: &UnixListener| listener.local_addr().is_ok_and(|address| address.as_pathname() == Some(path));
        given.iter().position(is_it).map(|place| given.swap_remove(place))
    };
    let (pam, user) = (take(&pam_path), take(&user_path));
    let run_is_ours = if pam.is_some() && user.is_some() { None } else { Some(hold(run).map_err(SocketTrouble::NotOurs)?) };
    let pam = pam.map_or_else(|| bind(&pam_path, 0o600), Ok)?;
    let user = user.map_or_else(|| bind(&user_path, 0o666), Ok)?;
    for listener in [&pam, &user] {
        listener.set_nonblocking(true).map_err(|error| SocketTrouble::Path(run.to_owned(), error))?;
    }
    Ok(Sockets { pam, user, _run_is_ours: run_is_ours })
}

/// Makes the directory of the sockets, if it is not there: everybody may look in, its owner alone may write.
///
/// # Errors
/// It cannot be made.
pub fn make_directory(path: &Path, mode: u32) -> Result<(), SocketTrouble> {
    match DirBuilder::new().mode(mode).create(path) {
        Ok(()) => std::fs::set_permissions(path, Permissions::from_mode(mode)),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(error),
    }
    .map_err(|error| SocketTrouble::Path(path.to_owned(), error))
}

/// Why the module, or people, cannot come to the sockets in this directory as it is.
#[must_use]
pub fn mistrusted(run: &Path) -> Option<String> {
    let about = run.metadata().ok()?;
    let own = nix::unistd::geteuid().as_raw();
    let why = match about.mode() {
        _ if about.uid() != 0 && about.uid() != own => {
            format!("it belongs to uid {}, and the module believes root's alone: chown root", about.uid())
        }
        mode if mode & 0o022 != 0 => "others can write to it, so the module does not believe what is in it: chmod 0755".to_owned(),
        mode if mode & 0o011 != 0o011 => "people cannot come to the sockets in it: chmod 0755".to_owned(),
        _ => return None,
    };
    Some(format!("{}: {why} {}", run.display(), run.display()))
}

/// Whether somebody listens there. Taking the socket away from systemd would leave nobody at the door: systemd does not
/// look again.
fn is_alive(path: &Path) -> nix::Result<bool> {
    let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
    let probe = socket(AddressFamily::Unix, SockType::Stream, flags, None)?;
    match connect(probe.as_raw_fd(), &UnixAddr::new(path)?) {
        // Also where its queue is full.
        Ok(()) | Err(Errno::EAGAIN) => Ok(true),
        Err(Errno::ECONNREFUSED | Errno::ENOENT) => Ok(false),
        Err(errno) => Err(errno),
    }
}

/// Binds a socket in place of a dead one. Its mode is set before it gets its name, so that nobody connects in between.
fn bind(path: &Path, mode: u32) -> Result<UnixListener, SocketTrouble> {
    let trouble = |error| SocketTrouble::Path(path.to_owned(), error);
    if is_alive(path).map_err(|errno| trouble(errno.into()))? {
        let help = "another jitd, or systemd for it (then: systemctl start jitd)";
        return Err(SocketTrouble::NotOurs(format!("something listens on {} already: {help}", path.display())));
    }
    let fresh = path.with_extension("new");
    match std::fs::remove_file(&fresh) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(trouble(error)),
    }
    let listener = UnixListener::bind(&fresh).map_err(trouble)?;
    std::fs::set_permissions(&fresh, Permissions::from_mode(mode)).map_err(trouble)?;
    std::fs::rename(&fresh, path).map_err(trouble)?;
    Ok(listener)
}
