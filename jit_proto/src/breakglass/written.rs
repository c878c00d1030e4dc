//! A line of the log of entries by the break-glass file: the module writes it, jitd reads it. Its words are separated by blanks:
//! `2026-11-23T15:04:05Z user=alice uid=1001 service=sudo as=root phase=session nonce=0123456789abcdef`.
//!
//! The nonce, by which two entries of one second are two, is last: what stands before a blank was written as a whole, so that a line
//! which a full disk cut off names nobody else.

use std::fmt::Write as _;
use std::net::IpAddr;

/// The longest name that is written down, in bytes; the kernel and useradd have less.
const LONGEST_NAME: usize = 256;
/// The longest name of a service.
const LONGEST_SERVICE: usize = 64;

/// One entry.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Written {
    /// When, in RFC 3339.
    pub when: String,
    /// The account that came in.
    pub user: String,
    /// Its number. An older module's lines have neither this nor the next two.
    pub uid: Option<u32>,
    /// By which service.
    pub service: String,
    /// As whom, where that is known.
    pub run_as: Option<String>,
    /// From which address, where that is known.
    pub from: Option<IpAddr>,
    /// In which phase.
    pub phase: String,
}

impl Written {
    /// The line, in less than 4096 bytes.
    #[must_use]
    pub fn line(&self, nonce: u64) -> String {
        let optional = |key: &str, value: Option<String>| value.map_or_else(String::new, |value| format!(" {key}={value}"));
        format!(
            "{} user={}{} service={}{}{} phase={} nonce={nonce:016x}",
            self.when,
            spelt(&self.user, LONGEST_NAME),
            optional("uid", self.uid.map(|uid| uid.to_string())),
            spelt(&self.service, LONGEST_SERVICE),
            optional("as", self.run_as.as_deref().map(|name| spelt(name, LONGEST_NAME))),
            optional("from", self.from.map(|from| from.to_string())),
            self.phase,
        )
    }

    /// What a line says; of one that was cut off, what of it is whole.
    #[must_use]
    pub fn read(line: &str) -> Self {
        let Some((whole, _nonce)) = line.rsplit_once(' ') else { return Self::default() };
        let field = |key: &str| whole.split(' ').find_map(|word| word.strip_prefix(key)?.strip_prefix('='));
        let name = |key: &str| field(key).map(meant);
        Self {
            when: whole.split(' ').next().unwrap_or_default().to_owned(),
            user: name("user").unwrap_or_default(),
            uid: field("uid").and_then(|uid| uid.parse().ok()),
            service: name("service").unwrap_or_default(),
            run_as: name("as").filter(|name| !name.is_empty()),
            from: field("from").and_then(|from| from.parse().ok()),
            phase: field("phase").unwrap_or_default().to_owned(),
        }
    }
}

/// A name as one word: `\x{40}` for what is neither a letter nor a digit of ASCII nor one of `_.-`; of a longer one the beginning, and `…`.
fn spelt(name: &str, most: usize) -> String {
    let mut word = String::new();
    for (at, letter) in name.char_indices() {
        match if at < most { letter } else { '…' } {
            letter if letter.is_ascii_alphanumeric() || "_.-".contains(letter) => word.push(letter),
            // Writing to a String cannot fail.
            letter => drop(write!(word, "\\x{{{:x}}}", u32::from(letter))),
        }
        if at >= most {
            break;
        }
    }
    word
}

/// The name that is spelt so. An older module wrote `\x40` with no end to it, so that `\x40example` is one of several names: such a
/// word stays as it is.
fn meant(word: &str) -> String {
    let (mut name, mut rest) = (String::new(), word);
    while let Some((before, behind)) = rest.split_once("\\x{") {
        let letter = behind.split_once('}').and_then(|(hex, after)| Some((char::from_u32(u32::from_str_radix(hex, 16).ok()?)?, after)));
        let Some((letter, after)) = letter else { return word.to_owned() };
        name.push_str(before);
        name.push(letter);
        rest = after;
    }
    name + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry() -> Written {
        let (when, user, service) = ("2026-11-23T15:04:05Z".to_owned(), "alice".to_owned(), "sudo".to_owned());
        Written { when, user, uid: Some(1001), service, run_as: Some("root".to_owned()), from: None, phase: "session".to_owned() }
    }

    #[test]
    fn whoever_came_in_is_read_as_they_are_called_whatever_letters_are_in_the_name() {
        let line = "2026-11-23T15:04:05Z user=alice uid=1001 service=sudo as=root phase=session nonce=0123456789abcdef";
        assert_eq!(entry().line(0x0123_4567_89ab_cdef), line);
        for name in ["alice@example.com", "DOM\\bob", "domain admin", "müller", "a\\x{40}b", "a\nb uid=0", "\\x40e", "x=y", "}{", "朝", ""]
        {
            let from = "2001:db8::7".parse().ok();
            let entry = Written { user: name.to_owned(), run_as: Some(name.to_owned()).filter(|name| !name.is_empty()), from, ..entry() };
            assert_eq!(Written::read(&entry.line(7)), entry, "{name}");
        }
    }

    #[test]
    fn what_an_older_module_wrote_down_is_read_and_no_name_is_made_up_for_it() {
        let line = "2026-11-23T15:04:05Z user=alice service=sudo phase=session nonce=0123456789abcdef";
        assert_eq!(Written::read(line), Written { uid: None, run_as: None, ..entry() });
        assert_eq!(Written::read(&line.replace("alice", "alice\\x40example.com")).user, "alice\\x40example.com");
        for odd in ["\\x{}", "\\x{40", "\\x{d800}", "\\x{110000}", "\\x{41}\\x{g}"] {
            assert_eq!(Written::read(&line.replace("alice", odd)).user, odd);
        }
    }

    #[test]
    fn a_line_that_was_cut_off_names_nobody_else() {
        let (whole, entry) = (entry().line(7), entry());
        for cut in 0..whole.len() {
            let read = Written::read(&whole[..cut]);
            assert!(read.user.is_empty() || read.user == entry.user, "{read:?}");
            assert!((read.uid.is_none() || read.uid == entry.uid) && (read.run_as.is_none() || read.run_as == entry.run_as), "{read:?}");
        }
    }

    #[test]
    fn a_line_has_an_end_however_long_the_names_are() {
        let endless = "@é".repeat(100_000);
        let from = "1111:2222:3333:4444:5555:6666:7777:8888".parse().ok();
        let entry =
            Written { user: endless.clone(), service: endless.clone(), run_as: Some(endless), uid: Some(u32::MAX), from, ..entry() };
        let line = entry.line(u64::MAX);
        assert!(line.len() < 4096, "{}", line.len());
        let read = Written::read(&line);
        assert!(read.user.ends_with("é…") || read.user.ends_with("@…"), "{}", read.user);
        assert_eq!((read.uid, read.from, read.phase), (entry.uid, entry.from, entry.phase));
    }
}
