//! `/etc/jit/breakglass`: who comes in while jitd is proved away, a line `user service` each. The module reads it on that day;
//! jit asks beforehand, by the same conditions, whether it would let somebody in then.

mod written;

use crate::pam::Who;
use nix::fcntl::OFlag;
use nix::unistd::{Uid, User, geteuid};
use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;
pub use written::Written;

/// Where it is; no argument and no environment moves it.
pub const FILE: &str = "/etc/jit/breakglass";
/// Where the module writes down who came in so. It is root's, and jitd's group may read it.
pub const LOG: &str = "/var/log/jit-breakglass";
/// The longest file that is read, in bytes.
const MOST: u64 = 64 * 1024;

/// The text of the exceptions; none if there is no such file.
///
/// # Errors
/// The file is not one that root alone could have written and read.
pub fn read(path: &Path) -> Result<Option<String>, String> {
    let flags = (OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK).bits();
    let mut file = match OpenOptions::new().read(true).custom_flags(flags).open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error.to_string()),
    };
    private(&file, 0o077)?;
    // A line that is cut off could name another service.
    if file.metadata().map_err(|error| error.to_string())?.len() > MOST {
        return Err(format!("it is longer than {MOST} bytes"));
    }
    let mut text = String::new();
    Read::by_ref(&mut file).take(MOST).read_to_string(&mut text).map_err(|error| error.to_string())?;
    Ok(Some(text))
}

/// Whether a file is the host's own (root's, where the host is root), and kept from others: they have none of these bits of its
/// mode.
///
/// # Errors
/// It is not, and why.
pub fn private(file: &File, kept: u32) -> Result<(), String> {
    let about = file.metadata().map_err(|error| error.to_string())?;
    if !about.is_file() {
        return Err("it is not a file".to_owned());
    }
    if about.uid() != geteuid().as_raw() {
        return Err(format!("it belongs to uid {}", about.uid()));
    }
    if about.mode() & kept != 0 {
        return Err(format!("its mode is {:04o}, and must be {:04o}", about.mode() & 0o7777, 0o666 & !kept));
    }
    Ok(())
}

/// Whether the text of the file has a line about this user and this service.
#[must_use]
pub fn lets_in(text: &str, user: &str, service: &str) -> bool {
    pairs(text).any(|(named, door)| named == user && is_about(door, service))
}

/// Whom the text names for this service, whether or not they exist.
pub fn named<'a>(text: &'a str, service: &'a str) -> impl Iterator<Item = &'a str> {
    pairs(text).filter(move |(_, door)| is_about(door, service)).map(|(user, _)| user)
}

/// A line about a service is about its log-in form too.
fn is_about(door: &str, service: &str) -> bool {
    door == service || matches!((door, service), ("sudo", "sudo-i") | ("su", "su-l"))
}

/// The last word of a line is the service, and what stands before it the user, in whose name there may be blanks.
fn pairs(text: &str) -> impl Iterator<Item = (&str, &str)> {
    text.lines().filter_map(|line| {
        let (user, service) = line.split('#').next()?.trim_ascii().rsplit_once(|letter: char| letter.is_ascii_whitespace())?;
        Some((user.trim_ascii_end(), service))
    })
}

/// The account of somebody, by name, if they have one: the name and the number.
#[must_use]
pub fn account(who: &Who) -> Option<(String, u32)> {
    let user = match who {
        Who::Uid(uid) => User::from_uid(Uid::from_raw(*uid)),
        Who::Name(name) => User::from_name(name),
    };
    let user = user.ok().flatten()?;
    // Two accounts can share a number: then only the name that the number leads back to is meant.
    let again = User::from_name(&user.name).ok().flatten()?;
    (again.uid == user.uid).then(|| (user.name, user.uid.as_raw()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_about_one_user_and_one_service_or_its_login_form() {
        for line in ["alice sudo", "  alice\tsudo  ", "alice sudo # until the new disk is in"] {
            assert!(lets_in(line, "alice", "sudo") && lets_in(line, "alice", "sudo-i"), "{line}");
        }
        for line in ["", "# alice sudo", "alice", "alice sudo now", "bob sudo", "alice su", "* sudo", "alice *", "ALICE sudo"] {
            assert!(!lets_in(line, "alice", "sudo"), "{line}");
        }
        assert!(!lets_in("alice sudo-i", "alice", "sudo"));
        let text = "alice sudo\n# carol sudo\nbob sshd\ndave sudo # for now\nerin sudo please\nremote  admin \t sudo\n";
        assert_eq!(named(text, "sudo-i").collect::<Vec<_>>(), ["alice", "dave", "remote  admin"]);
        assert!(lets_in("domain admin sudo", "domain admin", "sudo") && !lets_in("domain admin sudo", "admin", "sudo"));
        assert!(!lets_in("alice bob sudo", "alice", "sudo") && !lets_in("alice bob sudo", "bob", "sudo"), "two users are two lines");
    }

    #[test]
    fn a_file_that_others_can_read_or_a_link_lets_nobody_in() {
        let directory = std::env::temp_dir().join(format!("jit-breakglass-{}", std::process::id()));
        std::fs::create_dir_all(&directory).unwrap();
        let path = directory.join("breakglass");
        assert_eq!(read(&path), Ok(None));
        std::fs::write(&path, "alice sudo\n").unwrap();
        std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o644)).unwrap();
        assert!(read(&path).unwrap_err().contains("0644"));
        std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
        assert_eq!(read(&path), Ok(Some("alice sudo\n".to_owned())));
        std::fs::write(&path, "alice sudo\n".repeat(6_000)).unwrap();
        assert_eq!(read(&path), Err("it is longer than 65536 bytes".to_owned()), "a line that is cut off says something else");
        std::fs::write(&path, "alice sudo\n").unwrap();
        std::os::unix::fs::chown(&path, Some(1001), None).unwrap();
        assert_eq!(read(&path), Err("it belongs to uid 1001".to_owned()));
        let link = directory.join("link");
        std::os::unix::fs::symlink(&path, &link).unwrap();
        assert!(read(&link).is_err());
        assert!(read(&directory).is_err());
        std::fs::remove_dir_all(&directory).unwrap();
    }

    #[test]
    fn an_account_is_the_one_that_its_number_leads_back_to() {
        let root = Some(("root".to_owned(), 0));
        assert_eq!((account(&Who::Uid(0)), account(&Who::Name("root".to_owned()))), (root.clone(), root));
        assert_eq!((account(&Who::Uid(4_000_000_000)), account(&Who::Name("nobody-of-that-name".to_owned()))), (None, None));
    }
}
