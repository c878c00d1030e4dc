//! The sockets, and the files that root alone may write.

use super::Check;
use crate::paths::{self, Paths};
use jit_host::settings::DEFAULT_FILE;
use jit_proto::breakglass;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::Path;

/// What is looked at: the path, the mode that it must have, and whether it is a socket, a file or a folder.
enum Kind {
    Socket,
    File,
    Folder,
}

/// What is wrong with one of them, and the command that mends it.
struct Wrong {
    found: String,
    remedy: String,
}

/// One check for the sockets, one for the files of `/etc/jit`.
pub fn checks() -> Vec<Check> {
    let paths = Paths::of_this_host();
    let sockets = match &paths {
        Ok(paths) => sockets(paths),
        Err(mistakes) => Check::wrong("sockets", paths::in_words(mistakes), paths::REMEDY),
    };
    vec![sockets, files(&paths.unwrap_or_default())]
}

fn sockets(paths: &Paths) -> Check {
    let sockets =
        [(paths.run.clone(), 0o755, Kind::Folder), (paths.pam_socket(), 0o600, Kind::Socket), (paths.user_socket(), 0o666, Kind::Socket)];
    let wrong: Vec<_> = sockets.iter().filter_map(|(path, mode, kind)| look(path, *mode, kind, true)).collect();
    let wrong: Vec<_> = wrong.into_iter().map(|wrong| wrong.found).collect();
    // A restart makes the sockets anew, and the folder only where it is gone.
    let remedy = format!("install -d -o root -g root -m 0755 {}; systemctl restart jitd.socket jitd-user.socket", paths.run.display());
    Check::all("sockets", "they are root's, with their modes", &wrong, &remedy)
}

fn files(paths: &Paths) -> Check {
    let files = [
        (Path::new("/etc/jit"), 0o755, Kind::Folder),
        (Path::new(breakglass::FILE), 0o600, Kind::File),
        (Path::new(DEFAULT_FILE), 0o644, Kind::File),
        (&paths.policy, 0o644, Kind::File),
    ];
    let wrong: Vec<_> = files.iter().filter_map(|(path, mode, kind)| look(path, *mode, kind, false)).collect();
    let (wrong, remedies): (Vec<_>, Vec<_>) = wrong.into_iter().map(|wrong| (wrong.found, wrong.remedy)).unzip();
    Check::all("files of /etc/jit", "they are root's, with their modes", &wrong, &remedies.join("; "))
}

/// What is wrong with it, if anything. A mode that gives less than it might is fine for files.
fn look(path: &Path, mode: u32, kind: &Kind, must_be: bool) -> Option<Wrong> {
    let shown = path.display();
    let wrong = |found| Some(Wrong { found, remedy: format!("chown root:root {shown}; chmod {mode:04o} {shown}") });
    let about = match std::fs::symlink_metadata(path) {
        Ok(about) => about,
        Err(_) if !must_be => return None,
        Err(error) => return wrong(format!("{shown}: {error}")),
    };
    let is = match kind {
        Kind::Socket => about.file_type().is_socket(),
        Kind::File => about.is_file(),
        Kind::Folder => about.is_dir(),
    };
    let found = about.mode() & 0o7777;
    let too_much = found & !mode != 0;
    let not_enough = matches!(kind, Kind::Socket | Kind::Folder) && must_be && found != mode;
    match (is, about.uid() == 0, too_much || not_enough) {
        (false, _, _) => Some(Wrong {
            found: format!("{shown} is not what it must be"),
            remedy: format!("ls -ld {shown} # see what stands in its place"),
        }),
        (true, false, _) => wrong(format!("{shown} belongs to uid {}, not to root", about.uid())),
        (true, true, true) => wrong(format!("the mode of {shown} is {found:04o}, not {mode:04o}")),
        (true, true, false) => None,
    }
}
