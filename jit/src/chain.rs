//! Whether the record is whole: every event hashed again, and chained to the one before.

use crate::talk::Part;
use jit_core::record::chain::{self, Begun, Checkpoint};
use jit_core::record::{Hash, Head, Record};
use jit_core::time::WallTime;
use jit_proto::view::{CheckpointView, EventView};
use std::fmt;
use std::str::FromStr;

/// How many digits of a hash a syslog line shows.
const SHORT: usize = 16;
const WHOLE: usize = 64;

/// A head that is known from elsewhere, as it is typed: `SEQ:HASH`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Known(chain::Known);

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
        if fits { Ok(Self(chain::Known { seq, hash: hash.to_ascii_lowercase() })) } else { Err(NoHead) }
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

/// Where the record begins, as it was told.
pub fn checkpoint(view: &CheckpointView) -> Option<Checkpoint> {
    let CheckpointView { upto, hash, kept, kept_digest } = view;
    Some(Checkpoint { upto: Head { seq: *upto, hash: Hash::parse(hash)? }, kept: *kept, kept_digest: kept_digest.clone() })
}

/// A chain that is being followed, part by part.
#[derive(Debug)]
pub struct Chain {
    known: Option<chain::Known>,
    chain: Option<chain::Chain>,
}

impl Chain {
    /// The beginning of a chain in which this head must be.
    pub fn new(known: Option<Known>) -> Self {
        Self { known: known.map(|known| known.0), chain: None }
    }

    fn begun(&mut self, checkpoint: Option<Checkpoint>) -> &mut chain::Chain {
        let known = &mut self.known;
        self.chain.get_or_insert_with(|| chain::Chain::new(checkpoint, known.take()))
    }

    /// Where it stands.
    pub fn head(&self) -> Head {
        self.chain.as_ref().map_or(Head::NONE, chain::Chain::head)
    }

    /// How many events it has followed.
    pub fn seen(&self) -> u64 {
        self.chain.as_ref().map_or(0, chain::Chain::seen)
    }

    /// Goes on to the next part. What does not fit is said in words.
    pub fn part(&mut self, part: &Part) -> Result<(), String> {
        match part {
            Part::Begins(view) => self.begins(view),
            Part::Events(events) => events.iter().try_for_each(|event| self.follow(event)),
        }
    }

    /// Begins where the record does.
    pub fn begins(&mut self, view: &CheckpointView) -> Result<(), String> {
        let found = checkpoint(view).filter(|_| self.chain.is_none());
        let found = found.ok_or_else(|| "where the record begins is not written as jitd writes it".to_owned())?;
        self.begun(Some(found));
        Ok(())
    }

    /// Goes on to the next event. What does not fit is said in words.
    pub fn follow(&mut self, view: &EventView) -> Result<(), String> {
        let record = record(view).ok_or_else(|| format!("event {} is not written as jitd writes events: it was altered", view.seq))?;
        self.follow_record(&record)
    }

    /// The same of an event as it is stored.
    pub fn follow_record(&mut self, record: &Record) -> Result<(), String> {
        self.begun(None).follow(record).map_err(|broken| broken.to_string())
    }

    /// Whether the end may be that of a whole record.
    pub fn end(&mut self) -> Result<(), String> {
        self.begun(None).end().map_err(|broken| broken.to_string())
    }

    /// Whether the end may be that of the first part of one: of an archive.
    pub fn end_of_part(&mut self) -> Result<(), String> {
        self.begun(None).end_of_part().map_err(|broken| broken.to_string())
    }

    /// Where it begins if older events were archived, and who says so.
    pub fn beginning(&self) -> Option<(&Checkpoint, Begun)> {
        self.chain.as_ref().and_then(chain::Chain::begins)
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
        chain.end()?;
        Ok(chain.head())
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
