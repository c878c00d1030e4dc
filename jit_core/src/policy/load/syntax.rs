//! What TOML itself finds wrong, with what is most likely meant.

use super::Mistake;
use crate::policy::reader::Source;
use std::ops::Range;

/// A mistake of the form: where, what, the text at fault, and what to do.
pub fn mistake(source: &Source<'_>, span: &Range<usize>, what: &str) -> Mistake {
    let (line, rest) = (source.line(span.start), source.rest_of_line(span.start));
    let at = if rest.trim().is_empty() { line } else { rest };
    let message = format!("{what}, at {}", crate::text::printable(at.trim(), 60));
    Mistake::new(source.place(span.start), message, help(line, rest, what).to_owned())
}

fn help(line: &str, rest: &str, what: &str) -> &'static str {
    let curly = ['\u{201c}', '\u{201d}', '\u{201e}', '\u{2018}', '\u{2019}'];
    match rest {
        _ if line.trim_start().to_ascii_lowercase().starts_with("version") => {
            "write version = 1, a number without quotes, on the first line"
        }
        _ if rest.starts_with(curly) => "write the straight quotes of the keyboard: \"...\"",
        _ if rest.starts_with(':') => "write KEY = VALUE: this is TOML",
        _ if line.contains('\\') => "write what holds a \\ in single quotes: '...'",
        _ if what.starts_with("duplicate key") => "it stands twice in the same table: keep one of the two",
        _ if line.trim_start().starts_with('[') => {
            "this is not TOML: a rule begins with its kind in double brackets, [[grant]], alone in a line"
        }
        _ if what.contains("array") => "before this a comma, a quote or a closing bracket is missing",
        _ => "this is not TOML; strings need quotes, lists brackets, tables a line [[grant]]",
    }
}
