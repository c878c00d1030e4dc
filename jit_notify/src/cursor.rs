//! How far a target has been told.

use crate::durable;
use crate::event::Event;
use std::path::{Path, PathBuf};

/// After how many events that a target does not want its place is written down anyway.
const PASSED: u32 = 500;

/// A place in the record: the last event that was dealt with. Its hash tells whether the record is still the same one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// Its number.
    pub seq: u64,
    /// Its hash, in hex.
    pub hash: String,
}

impl Place {
    /// The place of an event.
    pub fn of(event: &Event) -> Self {
        Self { seq: event.seq, hash: event.hash.clone() }
    }
}

/// The place of one target, on disk.
#[derive(Debug)]
pub struct Cursor {
    file: PathBuf,
    place: Option<Place>,
    /// How many events lie between what is on disk and `place`; the target did not want them.
    passed: u32,
}

impl Cursor {
    /// Reads the place of a target.
    ///
    /// # Errors
    /// What is wrong with the file, and what to do.
    pub fn read(state: &Path, target: &str) -> Result<Self, String> {
        let file = state.join(format!("{target}.cursor"));
        let text = durable::read(&file).map_err(|error| format!("{}: {error}", file.display()))?;
        let place = match text.as_deref().map(parse) {
            None => None,
            Some(Some(place)) => Some(place),
            Some(None) => return Err(format!("{} makes no sense; without it `{target}` begins at the newest event", file.display())),
        };
        Ok(Self { file, place, passed: 0 })
    }

    /// Where the target is; none: it was never told anything.
    pub fn place(&self) -> Option<&Place> {
        self.place.as_ref()
    }

    /// The target was told this event, or never will be. It is on disk when this returns.
    ///
    /// # Errors
    /// The disk: then the next event must wait, or this one would come twice and the next one too.
    pub fn settle(&mut self, place: Place) -> std::io::Result<()> {
        durable::write(&self.file, &format!("{} {}\n", place.seq, place.hash))?;
        self.place = Some(place);
        self.passed = 0;
        Ok(())
    }

    /// The target does not want this event. Whether that is on disk makes no difference but in time.
    pub fn pass(&mut self, place: Place) {
        self.passed = self.passed.saturating_add(1);
        if self.passed < PASSED || self.settle(place.clone()).is_err() {
            self.place = Some(place);
        }
    }
}

fn parse(text: &str) -> Option<Place> {
    let (seq, hash) = text.strip_suffix('\n')?.split_once(' ')?;
    let is_hash = hash.len() == 64 && hash.bytes().all(|digit| digit.is_ascii_hexdigit());
    let seq = seq.parse().ok().filter(|seq| *seq > 0)?;
    is_hash.then(|| Place { seq, hash: hash.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(seq: u64) -> Place {
        Place { seq, hash: format!("{seq:064x}") }
    }

    #[test]
    fn a_place_is_found_again_and_what_was_passed_over_is_written_down_now_and_then() {
        let state = tempfile::tempdir().unwrap();
        let read = || Cursor::read(state.path(), "chat").unwrap();
        let mut cursor = read();
        assert_eq!(cursor.place(), None);
        cursor.settle(place(7)).unwrap();
        assert_eq!(read().place(), Some(&place(7)));
        (8..7 + u64::from(PASSED)).for_each(|seq| cursor.pass(place(seq)));
        assert_eq!(read().place(), Some(&place(7)), "for that alone no disk is written to each time");
        cursor.pass(place(7 + u64::from(PASSED)));
        assert_eq!(read().place(), Some(&place(7 + u64::from(PASSED))));
    }

    #[test]
    fn a_file_that_makes_no_sense_is_not_taken_for_a_beginning() {
        let state = tempfile::tempdir().unwrap();
        for text in ["", "7", "7 abc\n", "x 0000\n", &format!("0 {:064x}\n", 1)] {
            std::fs::write(state.path().join("chat.cursor"), text).unwrap();
            assert!(Cursor::read(state.path(), "chat").unwrap_err().contains("makes no sense"), "{text}");
        }
    }
}
