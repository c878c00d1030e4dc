//! The record: events in order, each chained to the one before.
//!
//! An event's canonical bytes are the JSON line that is exported for it, without its own hash:
//! `{"seq":1,"at":"...","event":"...","data":{...},"prev":"<hex>"}`. Its hash is the SHA-256 of those
//! bytes, so anybody can check an export with `sha256sum` alone. The data are hashed as they were
//! written, never as they would be written again.

pub mod chain;

use crate::time::WallTime;
use sha2::{Digest, Sha256};
use std::fmt;

/// A SHA-256 digest.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Hash(pub [u8; 32]);

impl Hash {
    /// What the first event is chained to.
    pub const NONE: Self = Self([0; 32]);

    /// Reads 64 hexadecimal digits.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        // Of a byte it would also take `+f`.
        if text.len() != 64 || !text.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            return None;
        }
        let mut bytes = [0; 32];
        for (byte, digits) in bytes.iter_mut().zip(text.as_bytes().chunks(2)) {
            *byte = u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?;
        }
        Some(Self(bytes))
    }

    /// The first eight bytes in hex: what a syslog line shows.
    #[must_use]
    pub fn short(&self) -> String {
        hex(self.0.get(..8).unwrap_or(&[]))
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex(&self.0))
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Bytes as hexadecimal digits. Digit by digit, as a start does it for each event: formatting was half of its time.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    let digit = |half: u8| char::from_digit(u32::from(half), 16).unwrap_or('0');
    let mut digits = String::with_capacity(bytes.len().saturating_mul(2));
    for byte in bytes {
        digits.extend([digit(byte >> 4), digit(byte & 15)]);
    }
    digits
}

/// One event as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Its number, from 1, without gaps.
    pub seq: u64,
    /// When it happened.
    pub at: WallTime,
    /// Its name: `grant.issued`.
    pub event: String,
    /// Its data: a JSON object, as it was written.
    pub data: String,
    /// The hash of the one before.
    pub prev: Hash,
    /// Its own hash.
    pub hash: Hash,
}

impl Record {
    /// The next record of a chain.
    #[must_use]
    pub fn chained(head: Head, at: WallTime, event: &str, data: String) -> Self {
        let seq = head.seq.saturating_add(1);
        let mut record = Self { seq, at, event: event.to_owned(), data, prev: head.hash, hash: Hash::NONE };
        record.hash = record.digest();
        record
    }

    /// What is hashed.
    #[must_use]
    pub fn canonical(&self) -> String {
        let Self { seq, at, event, data, prev, .. } = self;
        format!("{{\"seq\":{seq},\"at\":\"{}\",\"event\":\"{event}\",\"data\":{data},\"prev\":\"{prev}\"}}", at.with_millis())
    }

    /// The hash that it should have.
    #[must_use]
    pub fn digest(&self) -> Hash {
        Hash(Sha256::digest(self.canonical().as_bytes()).into())
    }

    /// Where the chain stands after it.
    #[must_use]
    pub fn head(&self) -> Head {
        Head { seq: self.seq, hash: self.hash }
    }
}

/// What the disk may hold of something that was refused because it could not be stored: a write can reach it and be reported as
/// failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Trace {
    /// Nothing.
    #[default]
    None,
    /// All of it; that is taken back when the disk works again, or at the next start of jitd within this boot.
    UnlessPowerFails,
    /// All of it, and only this jitd knows.
    UnlessJitdEnds,
}

impl fmt::Display for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => "",
            Self::UnlessPowerFails => "; should the machine lose power before the disk works again, it may count all the same",
            Self::UnlessJitdEnds => "; should jitd end before the disk works again, it may count all the same",
        })
    }
}

/// Where a chain stands: its newest event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// Its number; 0 where there is none.
    pub seq: u64,
    /// Its hash.
    pub hash: Hash,
}

impl Head {
    /// An empty chain.
    pub const NONE: Self = Self { seq: 0, hash: Hash::NONE };

    /// Goes on to the next record, if it is the one.
    ///
    /// # Errors
    /// What does not fit, which is the first sign of tampering.
    pub fn follow(self, record: &Record) -> Result<Self, Broken> {
        let wanted = self.seq.saturating_add(1);
        if record.seq != wanted {
            return Err(Broken::Gap { wanted, found: record.seq });
        }
        if record.prev != self.hash {
            return Err(Broken::Prev { seq: record.seq });
        }
        if record.digest() != record.hash {
            return Err(Broken::Altered { seq: record.seq });
        }
        Ok(record.head())
    }
}

/// Where a chain breaks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Broken {
    /// A number is missing or comes twice.
    Gap {
        /// The number that should come.
        wanted: u64,
        /// The number that came.
        found: u64,
    },
    /// An event does not hold the hash of the one before.
    Prev {
        /// Its number.
        seq: u64,
    },
    /// An event's hash is not that of its bytes.
    Altered {
        /// Its number.
        seq: u64,
    },
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Gap { wanted, found } => write!(f, "event {wanted} is missing: {found} comes in its place"),
            Self::Prev { seq } => {
                write!(f, "event {seq} does not follow the one before it: one of the two was altered, inserted or removed")
            }
            Self::Altered { seq } => write!(f, "event {seq} was altered: its hash is not that of its contents"),
        }
    }
}

impl std::error::Error for Broken {}

#[cfg(test)]
mod tests {
    use super::*;

    fn chain() -> Vec<Record> {
        let mut head = Head::NONE;
        let mut records = Vec::new();
        for number in 0..4 {
            let record = Record::chained(head, WallTime::from_millis(1000 * number), "access.allowed", format!("{{\"count\":{number}}}"));
            head = record.head();
            records.push(record);
        }
        records
    }

    fn verify(records: &[Record]) -> Result<Head, Broken> {
        records.iter().try_fold(Head::NONE, |head, record| head.follow(record))
    }

    #[test]
    fn a_whole_chain_verifies() {
        assert_eq!(verify(&chain()).unwrap().seq, 4);
    }

    #[test]
    fn an_altered_removed_swapped_or_inserted_event_is_named() {
        let mut altered = chain();
        altered[1].data = "{\"count\":9}".to_owned();
        assert_eq!(verify(&altered), Err(Broken::Altered { seq: 2 }));
        let mut removed = chain();
        removed.remove(2);
        assert_eq!(verify(&removed), Err(Broken::Gap { wanted: 3, found: 4 }));
        let mut swapped = chain();
        swapped.swap(1, 2);
        assert!(verify(&swapped).is_err());
        let mut inserted = chain();
        inserted.insert(1, Record::chained(Head { seq: 1, hash: Hash::NONE }, WallTime::from_millis(1), "x", "{}".to_owned()));
        assert_eq!(verify(&inserted), Err(Broken::Prev { seq: 2 }));
    }

    #[test]
    fn canonical_bytes_are_the_exported_line_without_its_hash() {
        let first = &chain()[0];
        let zeros = "0".repeat(64);
        assert_eq!(
            first.canonical(),
            format!(
                "{{\"seq\":1,\"at\":\"1970-01-01T00:00:00.000Z\",\"event\":\"access.allowed\",\"data\":{{\"count\":0}},\"prev\":\"{zeros}\"}}"
            )
        );
    }

    /// Found by fuzzing.
    #[test]
    fn a_hash_is_digits_alone() {
        let digits = "05".repeat(32);
        assert_eq!(Hash::parse(&digits).unwrap().to_string(), digits);
        assert_eq!(Hash::parse(&digits.replacen('0', "+", 1)), None);
    }

    #[test]
    fn a_chain_that_breaks_says_where_and_how() {
        for (broken, said) in [
            (Broken::Gap { wanted: 3, found: 5 }, "event 3 is missing: 5 comes in its place"),
            (Broken::Prev { seq: 3 }, "event 3 does not follow the one before it: one of the two was altered, inserted or removed"),
            (Broken::Altered { seq: 3 }, "event 3 was altered: its hash is not that of its contents"),
        ] {
            assert_eq!(broken.to_string(), said);
        }
    }

    #[test]
    fn a_hash_is_read_as_it_is_written_and_shown_by_its_first_eight_bytes() {
        let hash = chain()[0].hash;
        let digits = hash.to_string();
        assert_eq!((Hash::parse(&digits), Hash::parse(&digits.to_uppercase())), (Some(hash), Some(hash)));
        assert_eq!((hash.short().as_str(), format!("{hash:?}")), (&digits[..16], digits.clone()));
        assert_eq!([Hash::parse(&digits[..63]), Hash::parse(&digits.replacen(|_| true, "g", 1))], [None, None]);
    }
}
