//! `/etc/jit/jitd.toml`: where things are, and how soon checks are recorded. jitd goes by it, and `jit` finds jitd by it.

use jit_core::policy::load::Mistake;
use jit_core::policy::reader::{Source, Table, parse};
use std::path::{Path, PathBuf};

/// Where the settings are unless one says otherwise.
pub const DEFAULT_FILE: &str = "/etc/jit/jitd.toml";

/// When a check is recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RecordChecks {
    /// In groups, within 50 ms.
    Grouped,
    /// Before it is answered.
    BeforeAnswer,
}

/// The settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// The user that jitd becomes when root started it.
    pub user: String,
    /// When a check is recorded.
    pub record: RecordChecks,
    /// Whether jitd gives up by itself what its work does not need.
    pub confine: bool,
    /// Where the sockets are.
    pub run: PathBuf,
    /// Where the record is.
    pub state: PathBuf,
    /// The policy; `policy.d` lies beside it.
    pub policy: PathBuf,
    /// Where syslog listens.
    pub syslog: PathBuf,
}

/// Where the module asks.
#[must_use]
pub fn pam_socket(run: &Path) -> PathBuf {
    run.join("pam.sock")
}

/// Where people ask.
#[must_use]
pub fn user_socket(run: &Path) -> PathBuf {
    run.join("user.sock")
}

/// Where jitd itself writes what only this boot is to know, beside the sockets, whose directory may be root's.
#[must_use]
pub fn own_directory(run: &Path) -> PathBuf {
    run.join("own")
}

/// Whether there is no such file. One that may not be looked at, as in a directory that is closed to us, is not missing, and neither is
/// what a link leads to that leads nowhere: what stands in it must not be taken for the defaults.
fn is_missing(file: &Path) -> bool {
    let is_not_there = matches!(std::fs::symlink_metadata(file), Err(error) if error.kind() == std::io::ErrorKind::NotFound);
    is_not_there && file.parent().is_none_or(|above| above.is_dir() || is_missing(above))
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            user: "jitd".to_owned(),
            record: RecordChecks::Grouped,
            confine: true,
            run: PathBuf::from("/run/jit"),
            state: PathBuf::from("/var/lib/jit"),
            policy: PathBuf::from("/etc/jit/policy.toml"),
            syslog: PathBuf::from("/dev/log"),
        }
    }
}

impl Settings {
    /// The settings of a file; without one, the usual file's, or the defaults if that is not there.
    ///
    /// # Errors
    /// All that is wrong with the file.
    pub fn read(file: Option<&Path>) -> Result<Self, Vec<Mistake>> {
        let usual = Path::new(DEFAULT_FILE);
        match file {
            Some(file) => Self::of_file(file),
            None if is_missing(usual) => Ok(Self::default()),
            None => Self::of_file(usual),
        }
    }

    fn of_file(file: &Path) -> Result<Self, Vec<Mistake>> {
        let file = crate::policy_files::read_one(file).map_err(|mistake| vec![mistake])?;
        Self::parse(&file.file, &file.text)
    }

    /// The settings in the text of a file.
    ///
    /// # Errors
    /// All that is wrong with it.
    pub fn parse(file: &str, text: &str) -> Result<Self, Vec<Mistake>> {
        let source = Source::plain(file, text);
        let (document, broken) = parse(text);
        if !broken.is_empty() {
            let mistake = |(span, what): &(std::ops::Range<usize>, String)| {
                Mistake::new(source.place(span.start), what.clone(), "this is not TOML".to_owned())
            };
            return Err(broken.iter().map(mistake).collect());
        }
        let mut settings = Self::default();
        let mut top = Table::new(&source, "the settings", document.get_ref(), 0..0);
        if let Some(value) = top.take("user") {
            settings.user = top.string("user", &value).unwrap_or_default().to_owned();
        }
        if let Some(value) = top.take("record") {
            let read = |text: &str| match text {
                "grouped" => Ok(RecordChecks::Grouped),
                "before-answer" => Ok(RecordChecks::BeforeAnswer),
                _ => Err("not a way to record".to_owned()),
            };
            let record = top.parsed("record", &value, read, "write \"grouped\" or \"before-answer\"");
            settings.record = record.unwrap_or(RecordChecks::Grouped);
        }
        if let Some(value) = top.take("confine") {
            settings.confine = top.boolean("confine", &value).unwrap_or(true);
        }
        if let Some(value) = top.take("paths") {
            top.table("paths", "[paths]", &value, |table| {
                path(table, "run", &mut settings.run);
                path(table, "state", &mut settings.state);
                path(table, "policy", &mut settings.policy);
            });
        }
        if let Some(value) = top.take("syslog") {
            top.table("syslog", "[syslog]", &value, |table| path(table, "socket", &mut settings.syslog));
        }
        let mistakes = top.finish();
        if mistakes.is_empty() { Ok(settings) } else { Err(mistakes) }
    }
}

fn path(table: &mut Table<'_>, key: &'static str, into: &mut PathBuf) {
    let Some(value) = table.take(key) else { return };
    let absolute = |text: &str| if text.starts_with('/') { Ok(PathBuf::from(text)) } else { Err("not an absolute path".to_owned()) };
    if let Some(path) = table.parsed(key, &value, absolute, "begin it with /") {
        *into = path;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_file_gives_the_defaults_and_each_key_can_be_set() {
        assert_eq!(Settings::parse("f", ""), Ok(Settings::default()));
        let text = "user = \"x\"\nrecord = \"before-answer\"\nconfine = false\n[paths]\nrun = \"/r\"\nstate = \"/s\"\npolicy = \"/p\"\n[syslog]\nsocket = \"/l\"\n";
        let all = Settings {
            user: "x".to_owned(),
            record: RecordChecks::BeforeAnswer,
            confine: false,
            run: "/r".into(),
            state: "/s".into(),
            policy: "/p".into(),
            syslog: "/l".into(),
        };
        assert_eq!(Settings::parse("f", text), Ok(all));
    }

    #[test]
    fn settings_that_may_not_be_looked_at_are_not_taken_for_missing() {
        let directory = std::env::temp_dir().join(format!("jit-settings-{}", std::process::id()));
        std::fs::create_dir(&directory).unwrap();
        let link = directory.join("link");
        assert!(is_missing(&link) && is_missing(&link.join("jitd.toml")));
        std::os::unix::fs::symlink("nowhere", &link).unwrap();
        assert!(!is_missing(&link) && !is_missing(&link.join("jitd.toml")), "a link that leads nowhere");
        std::fs::write(directory.join("file"), "").unwrap();
        assert!(!is_missing(&directory.join("file/jitd.toml")), "what is above it cannot be gone through");
        std::fs::remove_dir_all(&directory).unwrap();
    }

    #[test]
    fn a_misspelt_key_a_relative_path_and_an_unknown_word_are_named_with_line_and_column() {
        let mistakes = Settings::parse("f", "recrod = \"grouped\"\nrecord = \"late\"\n[paths]\nrun = \"r\"\n").unwrap_err();
        let lines: Vec<_> = mistakes.iter().map(ToString::to_string).collect();
        assert!(lines.iter().any(|line| line.starts_with("f:1:1:") && line.contains("did you mean `record`?")), "{lines:?}");
        assert!(lines.iter().any(|line| line.starts_with("f:2:10:")), "{lines:?}");
        assert!(lines.iter().any(|line| line.starts_with("f:4:7:") && line.contains("begin it with /")), "{lines:?}");
        // Words of the policy are no more known here than others.
        let mistakes = Settings::parse("f", "limit = 3\nreason = \"x\"\n").unwrap_err();
        assert!(mistakes.iter().all(|mistake| mistake.help == "known here: user, record, confine, paths, syslog"), "{mistakes:?}");
    }
}
