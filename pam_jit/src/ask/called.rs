//! How sudo was called. PAM does not say in account as whom; the command line does, and whether a program calls.
//!
//! It is the caller's own word, and decides nothing: it only says what they would be asked about, which they are shown.
//! What they may really do is decided when the session opens, by what PAM says then.

use std::io::Read;

/// The longest command line that is looked at, in bytes; options come first.
const MOST: u64 = 16 * 1024;
/// The short options of sudo and sudo-rs that take a value.
const VALUED: &str = "aCcDghpRrTtUu";
/// The long ones.
const VALUED_WORDS: [&str; 13] = [
    "auth-type",
    "chdir",
    "chroot",
    "close-from",
    "command-timeout",
    "group",
    "host",
    "login-class",
    "other-user",
    "prompt",
    "role",
    "type",
    "user",
];

/// What a command line of sudo's says.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Called {
    /// `-u`: as whom.
    pub user: Option<String>,
    /// `-g` without `-u`: as oneself.
    pub group: bool,
    /// `-n`, `-S`, `-A`: answers come from a program, if at all.
    pub by_program: bool,
}

impl Called {
    /// How this process was called.
    #[must_use]
    pub fn now() -> Self {
        let mut line = Vec::new();
        let read = std::fs::File::open("/proc/self/cmdline").and_then(|file| file.take(MOST).read_to_end(&mut line));
        if read.is_err() {
            return Self::default();
        }
        let words: Vec<_> = line.split(|byte| *byte == 0).map(|word| String::from_utf8_lossy(word).into_owned()).collect();
        Self::read(words.get(1..).unwrap_or_default())
    }

    /// What these words say, up to the command.
    fn read(words: &[String]) -> Self {
        let mut called = Self::default();
        let mut words = words.iter();
        while let Some(word) = words.next() {
            match (word.strip_prefix("--"), word.strip_prefix('-')) {
                (Some(""), _) => break,
                (Some(long), _) => {
                    let (name, value) = long.split_once('=').map_or((long, None), |(name, value)| (name, Some(value.to_owned())));
                    let valued = VALUED_WORDS.iter().any(|known| known.starts_with(name));
                    let value = if valued { value.or_else(|| words.next().cloned()) } else { None };
                    called.long(name, value);
                }
                (None, Some(short)) if !short.is_empty() => {
                    let mut rest = short;
                    while let Some(letter) = rest.chars().next() {
                        rest = rest.get(letter.len_utf8()..).unwrap_or_default();
                        if VALUED.contains(letter) {
                            // `-h` alone is help; then nothing is asked.
                            let value = if rest.is_empty() { words.next().cloned() } else { Some(rest.to_owned()) };
                            called.short(letter, value);
                            break;
                        }
                        called.short(letter, None);
                    }
                }
                // A variable for the command; more options may follow it.
                (None, _) if word.contains('=') => {}
                (None, _) => break,
            }
        }
        called
    }

    fn short(&mut self, letter: char, value: Option<String>) {
        match letter {
            'u' => self.user = value,
            'g' => self.group = true,
            'n' | 'S' | 'A' => self.by_program = true,
            _ => {}
        }
    }

    fn long(&mut self, name: &str, value: Option<String>) {
        // getopt_long(3) takes a beginning that is no other option's too.
        let is = |whole: &str, least: usize| whole.starts_with(name) && name.len() >= least;
        if is("user", 2) {
            self.user = value;
        } else if is("group", 1) {
            self.group = true;
        } else if is("non-interactive", 3) || is("stdin", 2) || is("askpass", 1) {
            self.by_program = true;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Called {
        Called::read(&line.split(' ').map(str::to_owned).collect::<Vec<_>>())
    }

    #[test]
    fn as_whom_is_found_however_it_is_written() {
        for line in ["-u carol id", "-ucarol id", "-Hu carol id", "--user carol id", "--user=carol id", "--us=carol id", "X=1 -u carol id"]
        {
            assert_eq!(read(line).user.as_deref(), Some("carol"), "{line}");
        }
        for line in ["id -u carol", "-- id -u carol", "-p -u id", "-C 3 id -u carol", "--prompt -u carol", "-b id"] {
            assert_eq!(read(line).user, None, "{line}");
        }
        assert!(read("-g leads id").group && !read("-u carol id").group);
    }

    #[test]
    fn a_program_that_calls_is_known_by_its_options() {
        for line in ["-n id", "-kn id", "-S id", "-A id", "--non-interactive id", "--stdin id", "--askpass id", "-u carol -n id"] {
            assert!(read(line).by_program, "{line}");
        }
        for line in ["id -n", "-u -n id", "-i", "-l", "", "-p -S id"] {
            assert!(!read(line).by_program, "{line}");
        }
    }
}
