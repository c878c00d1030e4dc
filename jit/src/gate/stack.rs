//! What a PAM file says (pam.d(5)), and the same file with our lines, or without them. Byte for byte: what is taken out
//! leaves what was there before.

mod order;

pub use order::{controls, disorder, ends_the_session, need_the_module};
use std::fmt;

/// The line before what `jit enable` wrote.
const BEGIN: &str = "# >>> pam-jit: written by jit enable, taken out by jit disable";
/// The line behind it.
const END: &str = "# <<< pam-jit";
/// The module.
const MODULE: &str = "pam_jit.so";
/// The most files that one can include the other.
const DEEPEST: usize = 16;

/// Why a file is left alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotUnderstood {
    /// The file's name below pam.d.
    pub file: String,
    /// The line, from 1 on; 0 for the whole file.
    pub line: usize,
    /// What is not understood.
    pub why: &'static str,
}

impl fmt::Display for NotUnderstood {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, line, why } = self;
        if *line == 0 { write!(f, "pam.d/{file}: {why}") } else { write!(f, "pam.d/{file}:{line}: {why}") }
    }
}

/// What a line of ours is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ours {
    Account,
    Session,
    Enter,
    /// In auth or password, where the module does nothing; without the module it would let nobody in.
    Idle,
}

/// A kind of line that matters here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Account,
    Session,
    Other,
}

#[derive(Debug, PartialEq, Eq)]
enum Line<'a> {
    /// A comment, or nothing.
    Empty,
    /// A module, ours or another.
    Module(Step),
    /// Another file: for one kind, or for all.
    Include(Option<Kind>, &'a str),
    /// Another file for one kind, which can end nothing but itself.
    Substack(Kind, &'a str),
}

/// How many lines of ours a service has, whatever files they stand in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Found {
    /// Account lines.
    pub account: usize,
    /// First session lines.
    pub session: usize,
    /// Last session lines.
    pub enter: usize,
}

impl Found {
    /// Each once.
    pub const WHOLE: Self = Self { account: 1, session: 1, enter: 1 };

    fn count(&mut self, ours: Ours) {
        let place = match ours {
            Ours::Account => &mut self.account,
            Ours::Session => &mut self.session,
            Ours::Enter => &mut self.enter,
            Ours::Idle => return,
        };
        *place = place.saturating_add(1);
    }
}

fn kind(word: &str) -> Option<Kind> {
    match word.trim_start_matches('-').to_ascii_lowercase().as_str() {
        "account" => Some(Kind::Account),
        "session" => Some(Kind::Session),
        "auth" | "password" => Some(Kind::Other),
        _ => None,
    }
}

/// One line, or why it is not understood. libpam reads what stands before the first `#`, and takes blanks and tabs alone for
/// what lies between words.
fn parse(line: &str) -> Result<Line<'_>, &'static str> {
    let line = line.split('#').next().unwrap_or_default().trim_matches([' ', '\t', '\r']);
    if line.is_empty() {
        return Ok(Line::Empty);
    }
    if line.contains(|letter: char| letter.is_whitespace() && !matches!(letter, ' ' | '\t')) {
        return Err("it holds a blank that is none to libpam");
    }
    if line.ends_with('\\') {
        return Err("it goes on in the next line");
    }
    if let Some(file) = line.strip_prefix("@include") {
        return Ok(Line::Include(None, file.trim()));
    }
    let (first, rest) = line.split_once(char::is_whitespace).ok_or("it is no line of pam.d(5)")?;
    let kind = kind(first).ok_or("it is no line of pam.d(5)")?;
    let rest = rest.trim_start();
    let end = match rest.strip_prefix('[') {
        Some(inner) => inner.find(']').ok_or("its [control] does not end")?.saturating_add(2),
        None => rest.find(char::is_whitespace).ok_or("it names no module")?,
    };
    let (control, rest) = rest.split_at_checked(end).ok_or("its [control] does not end")?;
    let call = rest.trim();
    let mut words = call.split_whitespace();
    let module = words.next().ok_or("it names no module")?;
    match control {
        "include" => return Ok(Line::Include(Some(kind), module)),
        "substack" => return Ok(Line::Substack(kind, module)),
        _ => {}
    }
    let is_ours = module.rsplit('/').next() == Some(MODULE);
    let ours = match kind {
        Kind::Account if is_ours => Some(Ours::Account),
        Kind::Session if is_ours && words.any(|word| word == "enter") => Some(Ours::Enter),
        Kind::Session if is_ours => Some(Ours::Session),
        Kind::Other if is_ours => Some(Ours::Idle),
        Kind::Account | Kind::Session | Kind::Other => None,
    };
    Ok(Line::Module(Step { file: String::new(), level: 0, kind, ours, control: control.to_owned(), call: call.to_owned() }))
}

fn text<'a>(file: &str, bytes: &'a [u8]) -> Result<&'a str, NotUnderstood> {
    let not = |why| NotUnderstood { file: file.to_owned(), line: 0, why };
    let text = std::str::from_utf8(bytes).map_err(|_| not("it is not UTF-8"))?;
    if text.contains('\0') { Err(not("it holds a NUL")) } else { Ok(text) }
}

fn lines<'a>(file: &'a str, text: &'a str) -> impl Iterator<Item = Result<Line<'a>, NotUnderstood>> {
    let numbered = text.lines().zip(1..);
    numbered.map(move |(line, number)| parse(line).map_err(|why| NotUnderstood { file: file.to_owned(), line: number, why }))
}

/// One line that libpam would run for a service, includes resolved.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Step {
    /// The file that it stands in.
    file: String,
    /// How many substacks it stands in.
    level: usize,
    kind: Kind,
    ours: Option<Ours>,
    /// What becomes of the module's answers: a word, or `[...]`.
    control: String,
    /// The module and what stands behind it.
    call: String,
}

/// The lines of ours that a service has, includes resolved. `read` gives a file's bytes by its name.
///
/// # Errors
/// A file is not understood, or is missing.
pub fn find(service: &str, read: &dyn Fn(&str) -> Option<Vec<u8>>) -> Result<Found, NotUnderstood> {
    let mut found = Found::default();
    steps(service, read)?.iter().filter_map(|step| step.ours).for_each(|ours| found.count(ours));
    Ok(found)
}

/// The arguments of our lines in a service, line by line.
///
/// # Errors
/// A file is not understood, or is missing.
pub fn arguments(service: &str, read: &dyn Fn(&str) -> Option<Vec<u8>>) -> Result<Vec<Vec<String>>, NotUnderstood> {
    let steps = steps(service, read)?;
    let ours = steps.iter().filter(|step| step.ours.is_some_and(|ours| ours != Ours::Idle));
    Ok(ours.map(|step| step.call.split_whitespace().skip(1).map(str::to_owned).collect()).collect())
}

/// The files that a file includes itself.
#[must_use]
pub fn includes(file: &str, bytes: &[u8]) -> Vec<String> {
    let Ok(text) = text(file, bytes) else { return Vec::new() };
    let included = lines(file, text).filter_map(|line| match line {
        Ok(Line::Include(_, other) | Line::Substack(_, other)) => Some(other.to_owned()),
        Ok(Line::Empty | Line::Module(_)) | Err(_) => None,
    });
    included.collect()
}

/// Whether a line of the file names our module, understood or not.
#[must_use]
pub fn names_ours(bytes: &[u8]) -> bool {
    String::from_utf8_lossy(bytes).lines().any(|line| line.split('#').next().unwrap_or_default().contains(MODULE))
}

/// The files in which a service has a line of ours, of whatever kind, includes resolved.
///
/// # Errors
/// A file is not understood, or is missing.
pub fn files_of_ours(service: &str, read: &dyn Fn(&str) -> Option<Vec<u8>>) -> Result<Vec<String>, NotUnderstood> {
    let mut files: Vec<_> = steps(service, read)?.into_iter().filter(|step| step.ours.is_some()).map(|step| step.file).collect();
    files.dedup();
    Ok(files)
}

fn steps(service: &str, read: &dyn Fn(&str) -> Option<Vec<u8>>) -> Result<Vec<Step>, NotUnderstood> {
    let mut steps = Vec::new();
    walk(service, None, (DEEPEST, 0), read, &mut steps)?;
    Ok(steps)
}

/// With how many more files may include one another, and how many substacks it is in.
fn walk(
    file: &str,
    wanted: Option<Kind>,
    (depth, level): (usize, usize),
    read: &dyn Fn(&str) -> Option<Vec<u8>>,
    steps: &mut Vec<Step>,
) -> Result<(), NotUnderstood> {
    let not = |why| NotUnderstood { file: file.to_owned(), line: 0, why };
    let depth = depth.checked_sub(1).ok_or_else(|| not("files include one another without end"))?;
    let bytes = read(file).ok_or_else(|| not("it is not there"))?;
    for line in lines(file, text(file, &bytes)?) {
        match line? {
            Line::Empty => {}
            Line::Module(step) => {
                if wanted.is_none_or(|wanted| wanted == step.kind) {
                    steps.push(Step { file: file.to_owned(), level, ..step });
                }
            }
            Line::Include(kind, other) => match (wanted, kind) {
                (Some(wanted), Some(kind)) if wanted != kind => {}
                (None, kind) => walk(other, kind, (depth, level), read, steps)?,
                (Some(wanted), _) => walk(other, Some(wanted), (depth, level), read, steps)?,
            },
            Line::Substack(kind, other) => {
                if wanted.is_none_or(|wanted| wanted == kind) {
                    walk(other, Some(kind), (depth, level.saturating_add(1)), read, steps)?;
                }
            }
        }
    }
    Ok(())
}

/// What stands behind the module's name, each with a space before it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Behind {
    /// In every line.
    pub everywhere: String,
    /// In the account line alone.
    pub account: String,
}

/// What stands in a file for us: the lines, without their ends.
#[must_use]
pub fn block(found: Found, arguments: &Behind) -> (Vec<String>, Vec<String>) {
    let Behind { everywhere, account } = arguments;
    let line = |kind: &str, more: &str| format!("{kind:<9}required  {MODULE}{more}{everywhere}");
    let first = [(found.account, "account", account.as_str()), (found.session, "session", "")];
    let top = first.iter().filter(|(there, _, _)| *there == 0).map(|(_, kind, more)| line(kind, more)).collect();
    let bottom = if found.enter == 0 { vec![line("session", " enter")] } else { Vec::new() };
    (top, bottom)
}

/// The file with what is missing of ours: first of account and session, last of session.
///
/// # Errors
/// The file is not understood.
pub fn add(file: &str, bytes: &[u8], found: Found, arguments: &Behind) -> Result<Vec<u8>, NotUnderstood> {
    let text = text(file, bytes)?;
    for line in lines(file, text) {
        line?;
    }
    let without = take_out(file, bytes)?;
    let (top, bottom) = block(found, arguments);
    let mut place = 0_usize;
    for line in text.split_inclusive('\n') {
        if !line.trim().is_empty() && !line.trim_start().starts_with('#') {
            break;
        }
        place = place.saturating_add(line.len());
    }
    let (Some(before), Some(after)) = (text.get(..place), text.get(place..)) else { return Ok(bytes.to_vec()) };
    if after.is_empty() {
        return Err(NotUnderstood { file: file.to_owned(), line: 0, why: "it has no line" });
    }
    let mut made = before.to_owned();
    if !top.is_empty() {
        made.push_str(&format!("{BEGIN}\n{}\n{END}\n", top.join("\n")));
    }
    made.push_str(after);
    if !bottom.is_empty() {
        let block = format!("{BEGIN}\n{}\n{END}", bottom.join("\n"));
        // A last line without its end keeps having none: what is taken out leaves what was there.
        made.push_str(&if after.ends_with('\n') { format!("{block}\n") } else { format!("\n{block}") });
    }
    // What could not be taken out again is not put in: among the remains of an earlier time, for example.
    if take_out(file, made.as_bytes()).ok() != Some(without) {
        let why = "lines of pam-jit's stand in it already, and not as they should: jit disable takes them out";
        return Err(NotUnderstood { file: file.to_owned(), line: 0, why });
    }
    Ok(made.into_bytes())
}

/// The file without what `jit enable` wrote, and without lines of ours that somebody else wrote.
///
/// # Errors
/// The file is not understood: a mark without its other half, a line of ours that goes on in the next.
pub fn take_out(file: &str, bytes: &[u8]) -> Result<Vec<u8>, NotUnderstood> {
    let text = text(file, bytes)?;
    let mut kept = String::new();
    let mut inside = false;
    for (line, number) in text.split_inclusive('\n').zip(1..) {
        let not = |why| Err(NotUnderstood { file: file.to_owned(), line: number, why });
        match (line.trim_end(), inside) {
            (BEGIN, false) => inside = true,
            (BEGIN, true) => return not("the mark of a beginning inside another one"),
            (END, true) => {
                inside = false;
                if !line.ends_with('\n') && kept.ends_with('\n') {
                    kept.pop();
                }
            }
            (END, false) => return not("the mark of an end without its beginning"),
            (_, true) => {}
            (other, false) => match parse(other) {
                Ok(Line::Module(Step { ours: Some(_), .. })) => {}
                Err(_) if other.contains(MODULE) => return not("a line of pam-jit's that is not understood"),
                Ok(Line::Empty | Line::Module(Step { ours: None, .. }) | Line::Include(..) | Line::Substack(..)) | Err(_) => {
                    kept.push_str(line)
                }
            },
        }
    }
    if inside {
        return Err(NotUnderstood { file: file.to_owned(), line: 0, why: "the mark of a beginning without its end" });
    }
    Ok(kept.into_bytes())
}

#[cfg(test)]
mod tests;
