//! Whether the record is whole: every event hashed again, and chained to the one before.

use jit_core::record::{Hash, Head, Record};
use jit_core::time::WallTime;
use jit_proto::view::EventView;
use std::fmt;
use std::str::FromStr;

/// How many digits of a hash a syslog line shows.
const SHORT: usize = 16;
const WHOLE: usize = 64;

/// A head that is known from elsewhere: `SEQ:HASH`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Known {
    seq: u64,
    /// All 64 digits, or the first 16.
    hash: String,
}

/// Why a text is no head.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoHead;

impl fmt::Display for NoHead {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not a head; write SEQ:HASH as syslog shows them, for example 4711:9f2c41d07be1a355")
    }
}

impl std::error::Error for NoHead {}

impl FromStr for Known {
    type Err = NoHead;

    fn from_str(text: &str) -> Result<Self, NoHead> {
        let (seq, hash) = text.trim().split_once(':').ok_or(NoHead)?;
        let seq = seq.parse().ok().filter(|seq| *seq > 0).ok_or(NoHead)?;
        let fits = [SHORT, WHOLE].contains(&hash.len()) && hash.bytes().all(|digit| digit.is_ascii_hexdigit());
        if fits { Ok(Self { seq, hash: hash.to_ascii_lowercase() }) } else { Err(NoHead) }
    }
}

/// The record behind a view. None where it is not written as jitd writes it: then it is not what was hashed.
pub fn record(view: &EventView) -> Option<Record> {
    let plain = |name: &str| !name.is_empty() && name.chars().all(|letter| letter.is_ascii_alphanumeric() || ".-_".contains(letter));
    let at = WallTime::parse(&view.at).filter(|at| at.with_millis() == view.at)?;
    let hash = |text: &str| Hash::parse(text).filter(|hash| hash.to_string() == text);
    let (prev, hash) = (hash(&view.prev)?, hash(&view.hash)?);
    plain(&view.event).then(|| Record { seq: view.seq, at, event: view.event.clone(), data: view.data.clone(), prev, hash })
}

/// A chain that is being followed.
#[derive(Debug)]
pub struct Chain {
    head: Head,
    known: Option<Known>,
}

impl Chain {
    /// The beginning of a chain in which this head must be.
    pub fn new(known: Option<Known>) -> Self {
        Self { head: Head::NONE, known }
    }

    /// Where it stands.
    pub fn head(&self) -> Head {
        self.head
    }

    /// Goes on to the next event. What does not fit is said in words.
    pub fn follow(&mut self, view: &EventView) -> Result<(), String> {
        let record = record(view).ok_or_else(|| format!("event {} is not written as jitd writes events: it was altered", view.seq))?;
        self.head = self.head.follow(&record).map_err(|broken| broken.to_string())?;
        let hash = record.hash.to_string();
        match &self.known {
            Some(known) if known.seq == record.seq && !hash.starts_with(&known.hash) => Err(format!(
                "event {} has the hash {}, and should have {}: it, or one before it, was rewritten",
                record.seq, hash, known.hash
            )),
            Some(_) | None => Ok(()),
        }
    }

    /// Whether the end may be one.
    pub fn end(&self) -> Result<(), String> {
        match &self.known {
            Some(known) if known.seq > self.head.seq => {
                Err(format!("event {} is missing: the record ends with {}, so its end was removed", known.seq, self.head.seq))
            }
            Some(_) | None => Ok(()),
        }
    }
}

/// `SEQ:HASH`.
pub fn written(head: Head) -> String {
    format!("{}:{}", head.seq, head.hash)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::show::sample;

    fn verdict(events: &[EventView], known: Option<&str>) -> Result<Head, String> {
        let mut chain = Chain::new(known.map(|known| known.parse().unwrap()));
        events.iter().try_for_each(|event| chain.follow(event))?;
        chain.end().map(|()| chain.head())
    }

    #[test]
    fn a_whole_chain_is_whole_and_an_altered_event_is_named() {
        let mut events = sample::events(4);
        assert_eq!(verdict(&events, None).unwrap().seq, 4);
        events[2].data = "{}".to_owned();
        assert!(verdict(&events, None).unwrap_err().contains("event 3"));
    }

    #[test]
    fn another_way_to_write_the_same_event_counts_as_altered() {
        let mut events = sample::events(2);
        events[1].at = events[1].at.replace('Z', "+00:00");
        assert!(verdict(&events, None).unwrap_err().contains("event 2"));
        let mut events = sample::events(2);
        events[0].hash = events[0].hash.to_uppercase();
        assert!(verdict(&events, None).unwrap_err().contains("event 1"));
    }

    #[test]
    fn a_known_head_must_be_there_with_its_hash_short_or_whole() {
        let events = sample::events(4);
        let whole = format!("3:{}", events[2].hash);
        assert!(verdict(&events, Some(&whole)).is_ok());
        assert!(verdict(&events, Some(&whole[..18].to_uppercase())).is_ok());
        assert!(verdict(&events, Some("3:0000000000000000")).unwrap_err().contains("rewritten"));
        assert!(verdict(&events[..2], Some(&whole)).unwrap_err().contains("end was removed"));
    }

    #[test]
    fn what_is_no_head_is_refused() {
        for text in ["", "3", "3:12", "0:0000000000000000", "x:0000000000000000", "3:000000000000000g", "-1:0000000000000000"] {
            assert_eq!(text.parse::<Known>(), Err(NoHead), "{text}");
        }
    }
}
