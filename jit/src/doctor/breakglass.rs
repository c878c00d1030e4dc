//! The log of who came in by the break-glass file: the module must take it for its own, and jitd must be able to read it.

use super::Check;
use jit_host::settings::Settings;
use jit_proto::breakglass::LOG;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// The most that its mode may give: the module writes into no other.
const MODE: u32 = 0o640;

/// By what jitd says of it, and by what it looks like.
pub fn check(unread: Option<&str>) -> Check {
    const NAME: &str = "break-glass log";
    let about = std::fs::symlink_metadata(LOG).ok();
    let is_wrong = about.as_ref().is_some_and(|about| !about.is_file() || about.uid() != 0 || about.mode() & 0o7777 & !MODE != 0);
    if unread.is_none() && !is_wrong {
        return Check::fine(NAME, "whoever comes in by the break-glass file gets into the record");
    }
    let user = Settings::read(None).unwrap_or_default().user;
    let mut remedies: Vec<_> =
        closed_to_others(Path::new(LOG)).map(|folder| format!("setfacl -m u:{user}:x {folder}")).into_iter().collect();
    if about.is_some() {
        remedies.push(format!("chown root:{user} {LOG}; chmod {MODE:04o} {LOG}"));
    }
    let (found, look) = match unread {
        Some(why) => {
            (format!("jitd cannot read it, so who comes in by the break-glass file is not on record: {why}"), "jitd looks each second")
        }
        None => (format!("{LOG} is not root's own, {MODE:04o}: the module writes nothing into it"), "see first what others wrote into it"),
    };
    let remedy = if remedies.is_empty() { "journalctl -u jitd".to_owned() } else { format!("{} # {look}", remedies.join("; ")) };
    Check::wrong(NAME, found, &remedy)
}

/// The first folder on the way there that only its owner and its group can pass.
fn closed_to_others(path: &Path) -> Option<String> {
    let mut folders: Vec<_> = path.ancestors().skip(1).collect();
    folders.reverse();
    let closed = folders.into_iter().find(|folder| std::fs::metadata(folder).is_ok_and(|about| about.mode() & 0o001 == 0));
    closed.map(|folder| folder.display().to_string())
}
