//! What is said, to the log and to the user.

use std::fmt::Write as _;

/// What the user is told when jitd is proved away.
pub const AWAY: &str = "jit: the access daemon does not answer; nobody is let in. Tell your administrator.";
/// What the user is told when something on our side failed.
pub const FAILED: &str = "jit: the access check failed; nobody is let in. Tell your administrator.";
/// What the user is told when the line in the PAM file is wrong.
pub const MISCONFIGURED: &str = "jit: the access check is not configured as it must be; nobody is let in. Tell your administrator.";
/// What the user is told when the rule wants a cgroup for the session, and there is none.
pub const UNBOUND: &str = "jit: the rule wants a session in a cgroup, and none can be made here. Tell your administrator.";
/// What is said of somebody who left while they waited.
pub const GONE: &str = "jit: the terminal that asked is gone, so nobody is let in.";
/// The longest line for a user, in bytes; libpam takes 512.
pub const LONGEST: usize = 400;

/// The text with control characters and the like written as escapes, cut at `most` bytes.
#[must_use]
pub fn printable(text: &str, most: usize) -> String {
    let mut shown = String::new();
    for letter in text.chars() {
        let before = shown.len();
        let invisible = matches!(letter,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}');
        if letter.is_control() || invisible {
            // Writing to a String cannot fail.
            let _ = write!(shown, "\\u{{{:x}}}", u32::from(letter));
        } else {
            shown.push(letter);
        }
        if shown.len() > most {
            shown.truncate(before);
            break;
        }
    }
    shown
}

/// The text as a value in a line of `key=value`, as jitd's lines have it: in quotes where something else than a plain word is in it.
/// It is cut at some 300 bytes.
#[must_use]
pub fn quoted(text: &str) -> String {
    let plain = |letter: char| letter.is_ascii_alphanumeric() || "_.:/@+-".contains(letter);
    let short = printable(text, 300);
    if !short.is_empty() && short.chars().all(plain) {
        return short;
    }
    format!("\"{}\"", short.replace('\\', "\\\\").replace('"', "\\\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The last three were found by fuzzing: marks that turn or hide text, and were let through.
    #[test]
    fn nothing_that_moves_a_cursor_or_turns_text_round_is_said() {
        for letter in ['\n', '\u{1b}', '\u{9b}', '\u{202e}', '\u{2028}', '\u{feff}', '\u{61c}', '\u{fff9}', '\u{e0041}'] {
            assert_eq!(printable(&format!("a{letter}b"), 100), format!("a\\u{{{:x}}}b", u32::from(letter)));
        }
        assert_eq!(printable("größer", 5), "grö");
    }

    #[test]
    fn a_value_stands_in_quotes_where_it_is_no_plain_word() {
        for plain in ["alice@example.com", "a_b.c-d", "2001:db8::7"] {
            assert_eq!(quoted(plain), plain);
        }
        assert_eq!((quoted("domain admin").as_str(), quoted("").as_str()), ("\"domain admin\"", "\"\""));
        assert_eq!(quoted("a\" user=root \\"), "\"a\\\" user=root \\\\\"");
        assert_eq!(quoted("a\nb"), "\"a\\\\u{a}b\"");
    }
}
