//! Following a chain from its beginning, or from where older events were archived.

use super::{Broken, Hash, Head, Record, hex};
use crate::event::Event;
use sha2::{Digest, Sha256};
use std::fmt;

/// Where the record begins when older events were archived: all up to this one, but for those that the state rests on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// The last of the archived part.
    pub upto: Head,
    /// How many events of that part were kept.
    pub kept: u64,
    /// The SHA-256 of their hashes, one after the other, in hexadecimal digits.
    pub kept_digest: String,
}

/// What the kept events come to.
#[derive(Debug, Clone, Default)]
pub struct KeptDigest {
    hasher: Sha256,
    count: u64,
}

impl KeptDigest {
    /// One more kept event.
    pub fn add(&mut self, hash: Hash) {
        self.hasher.update(hash.0);
        self.count = self.count.saturating_add(1);
    }

    /// How many, and what they come to.
    #[must_use]
    pub fn finish(self) -> (u64, String) {
        (self.count, hex(&self.hasher.finalize()))
    }
}

/// A head that is known from elsewhere, for example from a log host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Known {
    /// Its number.
    pub seq: u64,
    /// Its hash: all digits, or the first ones.
    pub hash: String,
}

/// Why a record is not whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NotWhole {
    /// The chain breaks.
    Broken(Broken),
    /// What is known from elsewhere stands there with another hash.
    Rewritten {
        /// Its number.
        seq: u64,
        /// The hash that it has.
        has: String,
        /// The hash that it should have.
        known: String,
    },
    /// The record ends before what is known from elsewhere.
    EndRemoved {
        /// The number that is known.
        known: u64,
        /// The number of the last event.
        last: u64,
    },
    /// What is known from elsewhere was archived.
    Archived {
        /// Its number.
        seq: u64,
        /// The last number of the archived part.
        upto: u64,
    },
    /// Of the archived part other events were kept than these.
    Kept {
        /// The last number of the archived part.
        upto: u64,
    },
    /// The record says that another part of it was archived.
    Checkpoint {
        /// The last number, by the checkpoint.
        upto: u64,
        /// The event that says otherwise.
        seq: u64,
    },
}

impl fmt::Display for NotWhole {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Broken(broken) => broken.fmt(f),
            Self::Rewritten { seq, has, known } => {
                write!(f, "event {seq} has the hash {has}, and should have {known}: it, or one before it, was rewritten")
            }
            Self::EndRemoved { known, last } => {
                write!(f, "event {known} is missing: the record ends with {last}, so its end was removed")
            }
            Self::Archived { seq, upto } => {
                write!(f, "event {seq} was archived with all up to {upto}: look for it in the archive (jit audit verify --file)")
            }
            Self::Kept { upto } => {
                write!(f, "an event before {upto} was altered, inserted or removed: those that were kept when it was archived are others")
            }
            Self::Checkpoint { upto, seq } => {
                write!(f, "event {seq} does not say that all up to {upto} was archived: events were removed")
            }
        }
    }
}

impl std::error::Error for NotWhole {}

/// A chain that is being followed.
#[derive(Debug)]
pub struct Chain {
    head: Head,
    checkpoint: Option<Checkpoint>,
    /// While events of the archived part come: what they come to, and the number of the last.
    kept: Option<(KeptDigest, u64)>,
    known: Option<Known>,
    seen: u64,
    /// The last event that says what was archived, if it says something else than the checkpoint.
    disagrees: Option<u64>,
}

impl Chain {
    /// The beginning of a chain, in which a known head must be.
    #[must_use]
    pub fn new(checkpoint: Option<Checkpoint>, known: Option<Known>) -> Self {
        let kept = checkpoint.as_ref().map(|_| (KeptDigest::default(), 0));
        Self { head: Head::NONE, checkpoint, kept, known, seen: 0, disagrees: None }
    }

    /// A chain that goes on from a head that is trusted.
    #[must_use]
    pub fn from(head: Head) -> Self {
        Self { head, checkpoint: None, kept: None, known: None, seen: 0, disagrees: None }
    }

    /// Where it stands.
    #[must_use]
    pub fn head(&self) -> Head {
        self.head
    }

    /// How many events it has followed.
    #[must_use]
    pub fn seen(&self) -> u64 {
        self.seen
    }

    /// Goes on to the next event.
    ///
    /// # Errors
    /// What does not fit.
    pub fn follow(&mut self, record: &Record) -> Result<(), NotWhole> {
        let archived = self.checkpoint.as_ref().filter(|checkpoint| record.seq <= checkpoint.upto.seq && self.kept.is_some());
        if let (Some(checkpoint), Some((digest, last))) = (archived, &mut self.kept) {
            if record.digest() != record.hash {
                return Err(NotWhole::Broken(Broken::Altered { seq: record.seq }));
            }
            if record.seq <= *last {
                return Err(NotWhole::Kept { upto: checkpoint.upto.seq });
            }
            digest.add(record.hash);
            *last = record.seq;
        } else {
            self.leave_archived_part()?;
            self.head = self.head.follow(record).map_err(NotWhole::Broken)?;
        }
        self.seen = self.seen.saturating_add(1);
        self.note_archived(record);
        self.compare(record.head())
    }

    /// Whether the end may be one.
    ///
    /// # Errors
    /// It is too early.
    pub fn end(&mut self) -> Result<(), NotWhole> {
        self.leave_archived_part()?;
        if let Some(seq) = self.disagrees {
            let upto = self.checkpoint.as_ref().map_or(0, |checkpoint| checkpoint.upto.seq);
            return Err(NotWhole::Checkpoint { upto, seq });
        }
        match &self.known {
            Some(known) => Err(NotWhole::EndRemoved { known: known.seq, last: self.head.seq }),
            None => Ok(()),
        }
    }

    fn leave_archived_part(&mut self) -> Result<(), NotWhole> {
        let (Some(checkpoint), Some((digest, _))) = (self.checkpoint.clone(), self.kept.take()) else { return Ok(()) };
        if digest.finish() != (checkpoint.kept, checkpoint.kept_digest) {
            return Err(NotWhole::Kept { upto: checkpoint.upto.seq });
        }
        self.head = checkpoint.upto;
        match &self.known {
            Some(known) if known.seq < checkpoint.upto.seq => Err(NotWhole::Archived { seq: known.seq, upto: checkpoint.upto.seq }),
            Some(_) | None => self.compare(checkpoint.upto),
        }
    }

    fn compare(&mut self, head: Head) -> Result<(), NotWhole> {
        let hash = head.hash.to_string();
        match self.known.take_if(|known| known.seq == head.seq) {
            Some(known) if !hash.starts_with(&known.hash) => Err(NotWhole::Rewritten { seq: head.seq, has: hash, known: known.hash }),
            Some(_) | None => Ok(()),
        }
    }

    /// Notes what the record itself says of what was archived.
    fn note_archived(&mut self, record: &Record) {
        if record.event != "audit.pruned" || self.kept.is_some() {
            return;
        }
        let said = Event::read(&record.event, &record.data);
        let agrees = match (&said, &self.checkpoint) {
            (Ok(Event::AuditPruned(said)), Some(checkpoint)) => {
                said.upto == checkpoint.upto.seq
                    && said.upto_hash == checkpoint.upto.hash.to_string()
                    && (said.kept, said.kept_digest.as_str()) == (checkpoint.kept, checkpoint.kept_digest.as_str())
            }
            (_, _) => false,
        };
        self.disagrees = (!agrees).then_some(record.seq);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::AuditPruned;
    use crate::name::UserName;
    use crate::time::WallTime;

    /// Events 1 to 9, then the archiving of 1 to 6 with 2 and 5 kept, then one more.
    fn pruned() -> (Vec<Record>, Checkpoint) {
        let mut head = Head::NONE;
        let mut records: Vec<Record> = Vec::new();
        let mut add = |event: &str, data: String, records: &mut Vec<Record>| {
            let record = Record::chained(head, WallTime::from_millis(1000), event, data);
            head = record.head();
            records.push(record);
        };
        (0..9).for_each(|number| add("access.allowed", format!("{{\"count\":{number}}}"), &mut records));
        let mut digest = KeptDigest::default();
        digest.add(records[1].hash);
        digest.add(records[4].hash);
        let (kept, kept_digest) = digest.finish();
        let upto = records[5].head();
        let event = AuditPruned {
            by: UserName::new("root"),
            upto: upto.seq,
            upto_hash: upto.hash.to_string(),
            before: WallTime::from_millis(1000),
            archived: 4,
            kept,
            kept_digest: kept_digest.clone(),
        };
        add("audit.pruned", Event::from(event).data().unwrap(), &mut records);
        add("access.allowed", "{}".to_owned(), &mut records);
        let left = records.into_iter().filter(|record| record.seq > 6 || [2, 5].contains(&record.seq)).collect();
        (left, Checkpoint { upto, kept, kept_digest })
    }

    fn verify(records: &[Record], checkpoint: &Checkpoint, known: Option<Known>) -> Result<Head, NotWhole> {
        let mut chain = Chain::new(Some(checkpoint.clone()), known);
        records.iter().try_for_each(|record| chain.follow(record))?;
        chain.end().map(|()| chain.head())
    }

    #[test]
    fn what_is_left_after_archiving_is_whole() {
        let (records, checkpoint) = pruned();
        assert_eq!(verify(&records, &checkpoint, None).unwrap().seq, 11);
        let known = |seq, hash: &Hash| Some(Known { seq, hash: hash.short() });
        assert!(verify(&records, &checkpoint, known(6, &checkpoint.upto.hash)).is_ok());
        assert!(verify(&records, &checkpoint, known(8, &records[3].hash)).is_ok());
        assert!(verify(&records, &checkpoint, known(5, &records[1].hash)).is_ok());
        assert!(matches!(verify(&records, &checkpoint, known(3, &records[1].hash)), Err(NotWhole::Archived { seq: 3, upto: 6 })));
        assert!(matches!(verify(&records, &checkpoint, known(8, &records[0].hash)), Err(NotWhole::Rewritten { seq: 8, .. })));
        assert!(matches!(verify(&records, &checkpoint, known(12, &records[0].hash)), Err(NotWhole::EndRemoved { known: 12, last: 11 })));
    }

    #[test]
    fn what_was_kept_and_where_it_begins_cannot_be_changed() {
        let (records, checkpoint) = pruned();
        for place in 0..2 {
            let mut removed = records.clone();
            removed.remove(place);
            assert_eq!(verify(&removed, &checkpoint, None), Err(NotWhole::Kept { upto: 6 }));
            let mut altered = records.clone();
            altered[place].data = "{}".to_owned();
            assert!(verify(&altered, &checkpoint, None).is_err());
            // Rewritten with a hash of its own.
            altered[place].hash = altered[place].digest();
            assert_eq!(verify(&altered, &checkpoint, None), Err(NotWhole::Kept { upto: 6 }));
        }
        // More is removed, and the checkpoint moved to match.
        let (mut later, mut moved) = (records.clone(), checkpoint.clone());
        moved.upto = later.remove(2).head();
        assert_eq!(verify(&later, &moved, None), Err(NotWhole::Checkpoint { upto: 7, seq: 10 }));
        // The checkpoint is one thing alone beside what the record says.
        let said = |change: &dyn Fn(&mut AuditPruned)| {
            let (mut records, checkpoint) = pruned();
            let Ok(Event::AuditPruned(mut said)) = Event::read(&records[5].event, &records[5].data) else { panic!("{:?}", records[5]) };
            change(&mut said);
            let (event, before) = (Event::from(said), records[4].head());
            records.truncate(5);
            records.push(Record::chained(before, WallTime::from_millis(1000), "audit.pruned", event.data().unwrap()));
            verify(&records, &checkpoint, None)
        };
        let disagrees = Err(NotWhole::Checkpoint { upto: 6, seq: 10 });
        assert_eq!(said(&|_| ()).map(|head| head.seq), Ok(10));
        assert_eq!(said(&|said| said.upto = 7), disagrees);
        assert_eq!(said(&|said| said.upto_hash = "0".repeat(64)), disagrees);
        assert_eq!(said(&|said| said.kept = 3), disagrees);
        assert_eq!(said(&|said| said.kept_digest = "0".repeat(64)), disagrees);
        let mut chain = Chain::new(None, None);
        assert!(records.iter().try_for_each(|record| chain.follow(record)).is_err(), "without its checkpoint");
        let mut forgotten = Chain::new(None, None);
        forgotten.head = checkpoint.upto;
        assert!(records[2..].iter().try_for_each(|record| forgotten.follow(record)).is_ok() && forgotten.end().is_err());
    }

    #[test]
    fn a_kept_event_that_comes_twice_or_out_of_order_is_no_kept_event() {
        let (records, checkpoint) = pruned();
        let kept = Err(NotWhole::Kept { upto: 6 });
        let mut twice = records.clone();
        twice.insert(1, records[0].clone());
        assert_eq!(verify(&twice, &checkpoint, None), kept);
        let mut swapped = records.clone();
        swapped.swap(0, 1);
        assert_eq!(verify(&swapped, &checkpoint, None), kept);
        let none = Chain::new(Some(checkpoint), None).end();
        assert_eq!(none, kept.map(drop), "an empty record is not what was kept");
    }

    #[test]
    fn a_chain_goes_on_from_a_head_that_is_trusted_and_counts_what_it_has_followed() {
        let (records, checkpoint) = pruned();
        let mut chain = Chain::from(checkpoint.upto);
        assert_eq!((chain.seen(), chain.head()), (0, checkpoint.upto));
        records[2..5].iter().try_for_each(|record| chain.follow(record)).unwrap();
        assert_eq!((chain.seen(), chain.head(), chain.end()), (3, records[4].head(), Ok(())));
        let mut wrong = Chain::from(records[2].head());
        assert_eq!(wrong.follow(&records[2]), Err(NotWhole::Broken(Broken::Gap { wanted: 8, found: 7 })));
        let mut whole = Chain::new(Some(checkpoint), None);
        records.iter().try_for_each(|record| whole.follow(record)).unwrap();
        assert_eq!(whole.seen(), 7, "the kept ones too");
    }

    #[test]
    fn a_record_that_is_not_whole_says_what_is_wrong_and_where() {
        let (has, known) = ("9f2c".to_owned(), "41d0".to_owned());
        for (wrong, said) in [
            (NotWhole::Broken(Broken::Altered { seq: 3 }), "event 3 was altered: its hash is not that of its contents"),
            (
                NotWhole::Rewritten { seq: 3, has, known },
                "event 3 has the hash 9f2c, and should have 41d0: it, or one before it, was rewritten",
            ),
            (NotWhole::EndRemoved { known: 9, last: 7 }, "event 9 is missing: the record ends with 7, so its end was removed"),
            (
                NotWhole::Archived { seq: 3, upto: 6 },
                "event 3 was archived with all up to 6: look for it in the archive (jit audit verify --file)",
            ),
            (
                NotWhole::Kept { upto: 6 },
                "an event before 6 was altered, inserted or removed: those that were kept when it was archived are others",
            ),
            (NotWhole::Checkpoint { upto: 6, seq: 9 }, "event 9 does not say that all up to 6 was archived: events were removed"),
        ] {
            assert_eq!(wrong.to_string(), said);
        }
    }
}
