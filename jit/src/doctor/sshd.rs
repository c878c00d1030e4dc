//! Every sshd of this host that listens: each must ask PAM, by the stack that has our lines.

use super::Check;
use crate::gate::sound;
use jit_host::kernel;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// The options that sshd takes a value for.
const WITH_VALUE: &str = "bcCEfghkopu";
/// What decides, of the settings that it can be given so.
const MATTER: [&str; 2] = ["usepam=", "pamservicename="];
const NAME: &str = "another sshd";

/// Another listener than the usual one.
#[derive(Debug, PartialEq, Eq)]
struct Other {
    pid: u32,
    /// What decides whether it asks PAM: `-f FILE` and `-o OPTION`.
    settings: Vec<String>,
}

/// The usual one, and others if there are any.
pub fn checks() -> Vec<Check> {
    let mut others = others();
    others.sort_by(|one, other| one.settings.cmp(&other.settings));
    others.dedup_by(|one, other| one.settings == other.settings);
    let mut checks = vec![sound::use_pam()];
    if others.is_empty() {
        checks.push(Check::fine(NAME, "there is none"));
    }
    checks.extend(others.iter().map(|other| {
        let said = format!("sshd {} (process {})", other.settings.join(" "), other.pid);
        match sound::asks_pam(&other.settings) {
            Ok(()) => Check::fine(NAME, &format!("{said} asks PAM, as sshd")),
            Err(sound::NotAsked { found, remedy }) => Check::wrong(NAME, format!("{said}: {found}"), &remedy),
        }
    }));
    checks
}

/// Those of root's, in this root: a user's own lets in nobody but that user, and a container's lets into the container.
fn others() -> Vec<Other> {
    let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let place = |path: &str| std::fs::metadata(path).ok().map(|about| (about.dev(), about.ino()));
    let here = place("/");
    pids.filter(|pid| std::fs::metadata(format!("/proc/{pid}")).is_ok_and(|about| about.uid() == 0))
        .filter(|pid| std::fs::read_link(format!("/proc/{pid}/exe")).is_ok_and(|exe| is_sshd(&exe)))
        .filter(|pid| place(&format!("/proc/{pid}/root")) == here)
        .filter_map(|pid| Some(Other { pid, settings: settings(&kernel::read(format!("/proc/{pid}/cmdline")).ok()?)? }))
        .collect()
}

fn is_sshd(exe: &Path) -> bool {
    let name = exe.file_name().unwrap_or_default().to_string_lossy();
    // One that was replaced by an upgrade still listens.
    name.trim_end_matches(" (deleted)") == "sshd"
}

/// What a listener was started with that the usual one is not; none for the usual one, and for the process of a connection.
/// A listener writes its command line into its title, with blanks between the words.
fn settings(cmdline: &[u8]) -> Option<Vec<String>> {
    let text = String::from_utf8_lossy(cmdline).replace('\0', " ");
    let command = match text.strip_prefix("sshd: ") {
        Some(title) => title.split_once(" [listener]")?.0,
        None => text.as_str(),
    };
    let mut words = command.split_whitespace().skip(1);
    let mut settings = Vec::new();
    while let Some(word) = words.next() {
        let Some(options) = word.strip_prefix('-') else { continue };
        let Some((place, option)) = options.char_indices().find(|(_, option)| WITH_VALUE.contains(*option)) else { continue };
        let joined = options.get(place.saturating_add(option.len_utf8())..).filter(|value| !value.is_empty());
        let Some(mut value) = joined.or_else(|| words.next()).map(str::to_owned) else { continue };
        if option == 'o' && !value.contains('=') {
            value = format!("{value}={}", words.next().unwrap_or_default());
        }
        let matters = option == 'f' || option == 'o' && MATTER.iter().any(|setting| value.to_ascii_lowercase().starts_with(setting));
        if matters {
            settings.extend([format!("-{option}"), value]);
        }
    }
    (!settings.is_empty()).then_some(settings)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_second_sshd_was_started_with_is_read_from_its_command_line_or_its_title() {
        let read = |cmdline: &str| settings(cmdline.as_bytes()).map(|settings| settings.join(" "));
        for usual in [
            "/usr/sbin/sshd\0-D\0",
            "sshd: /usr/sbin/sshd -D [listener] 0 of 10-100 startups\0\0",
            "sshd: alice [priv]\0",
            "/usr/sbin/sshd\0-D\0-oCiphers=x\0",
            "",
        ] {
            assert_eq!(read(usual), None, "{usual}");
        }
        for (other, said) in [
            ("/usr/sbin/sshd\0-D\0-f\0/etc/ssh/two\0", "-f /etc/ssh/two"),
            ("sshd: /usr/sbin/sshd -De -f/etc/ssh/two -p 2222 [listener] 0 of 10-100 startups\0", "-f /etc/ssh/two"),
            ("sshd: sshd -o UsePAM no -oPort=22 -p 2222 [listener] 1 of 2 startups", "-o UsePAM=no"),
            ("/usr/sbin/sshd\0-Dp8022\0-h\0-f\0-ousepam=no\0", "-o usepam=no"),
        ] {
            assert_eq!(read(other).as_deref(), Some(said), "{other}");
        }
    }
}
