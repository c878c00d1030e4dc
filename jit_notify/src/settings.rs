//! `/etc/jit/notify.toml`: whom to tell of what, and by which way.

mod common;
mod ways;

use crate::filter::Filter;
use crate::retry::Retry;
use crate::way::{Roots, Way};
use jit_core::policy::Place;
use jit_core::policy::load::{Mistake, PolicyFile};
use jit_core::policy::reader::{Source, Table, parse};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// Where the settings are unless one says otherwise.
pub const DEFAULT_FILE: &str = "/etc/jit/notify.toml";
/// The most targets: each holds one of jitd's sixteen connections for one user.
const MOST_TARGETS: usize = 12;

/// Somebody who is told.
#[derive(Debug)]
pub struct Target {
    /// Its name.
    pub name: String,
    /// What it wants.
    pub(crate) filter: Filter,
    /// How often it is tried.
    pub(crate) retry: Retry,
    /// How it is told.
    pub(crate) way: Way,
}

/// The settings.
#[derive(Debug)]
pub struct Settings {
    /// jitd's user socket.
    pub socket: PathBuf,
    /// Where it is kept how far each target was told.
    pub state: PathBuf,
    /// Who is told.
    pub targets: Vec<Target>,
}

/// Settings that can be used, with what is doubtful in them; or all that is wrong.
pub type Loaded = Result<(Settings, Vec<Mistake>), Vec<Mistake>>;

impl Settings {
    /// Reads the settings of a file.
    ///
    /// # Errors
    /// All that is wrong with it.
    pub fn read(file: &Path) -> Loaded {
        let read = jit_host::policy_files::read_one(file).map_err(|mistake| vec![mistake])?;
        let mut loaded = Self::parse(&read)?;
        let mode = std::fs::metadata(file).map(|about| about.mode()).unwrap_or_default();
        let posts = loaded.0.targets.iter().any(|target| matches!(target.way, Way::Post(_)));
        if posts && mode & 0o004 != 0 {
            let place = Place { file: read.file, line: 1, column: 1 };
            let help = "chgrp jit-notify and chmod 0640, if an address or a secret in it is one";
            loaded.1.push(Mistake::new(place, "everybody can read this file".to_owned(), help.to_owned()));
        }
        Ok(loaded)
    }

    /// The settings in the text of a file.
    ///
    /// # Errors
    /// All that is wrong with it.
    pub fn parse(file: &PolicyFile) -> Loaded {
        let source = Source::plain(&file.file, &file.text);
        let (document, broken) = parse(&file.text);
        if let Some((span, what)) = broken.iter().min_by_key(|(span, _)| span.start) {
            return Err(vec![Mistake::new(source.place(span.start), what.clone(), "this is not TOML".to_owned())]);
        }
        let mut top = Table::new(&source, "the settings", document.get_ref(), 0..0);
        let mut settings = Self { socket: "/run/jit/user.sock".into(), state: "/var/lib/jit-notify".into(), targets: Vec::new() };
        read_version(&mut top);
        if let Some(value) = top.take("paths") {
            top.table("paths", "[paths]", &value, |table| {
                common::path(table, "socket", &mut settings.socket);
                common::path(table, "state", &mut settings.state);
            });
        }
        let roots = read_roots(&mut top);
        settings.targets.extend(top.tables("program", "[[program]]", ways::program));
        settings.targets.extend(top.tables("post", "[[post]]", |table| ways::post(table, &roots)));
        settings.targets.extend(top.tables("mail", "[[mail]]", ways::mail));
        settings.find_doubles(&mut top);
        let mut mistakes = top.finish();
        mistakes.sort_by(|a, b| a.place.cmp(&b.place));
        if mistakes.is_empty() { Ok((settings, Vec::new())) } else { Err(mistakes) }
    }

    fn find_doubles(&self, top: &mut Table<'_>) {
        let mut names: Vec<_> = self.targets.iter().map(|target| target.name.as_str()).collect();
        names.sort_unstable();
        let mut wrong = |message: String, help: &str| top.mistakes.push(Mistake::new(top.place(), message, help.to_owned()));
        for pair in names.windows(2) {
            if let [first, second] = pair
                && first == second
            {
                wrong(
                    format!("two targets are named `{second}`"),
                    "names must differ: where each one is in the record is kept by its name",
                );
            }
        }
        if self.targets.len() > MOST_TARGETS {
            wrong(format!("{} targets; {MOST_TARGETS} are possible", self.targets.len()), "put some of them behind one program");
        }
    }

    /// The target of this name.
    #[must_use]
    pub fn target(&self, name: &str) -> Option<&Target> {
        self.targets.iter().find(|target| target.name == name)
    }
}

fn read_version(top: &mut Table<'_>) {
    let Some(value) = top.require("version", "version = 1, on the first line") else { return };
    if value.value.as_integer().is_none_or(|number| number.as_str() != "1") {
        top.wrong(&value.span, "version", "not a version that this jit-notify knows", "write version = 1, a number without quotes");
    }
}

/// The certificates that are trusted; what is wrong with them matters only to whoever posts by HTTPS.
fn read_roots(top: &mut Table<'_>) -> Result<Roots, String> {
    let mut file = None;
    if let Some(value) = top.take("tls") {
        top.table("tls", "[tls]", &value, |table| {
            let mut path = PathBuf::new();
            common::path(table, "ca", &mut path);
            file = Some(path).filter(|path| path.is_absolute());
        });
    }
    Roots::read(file.as_deref())
}

#[cfg(test)]
mod tests;
