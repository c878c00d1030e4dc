use super::*;
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
        humans: None,
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
        (verify(&records, &checkpoint, None).map(|head| head.seq), part(&records, Some(&checkpoint)))
    };
    let other = NotWhole::Checkpoint { upto: 6, seq: 10 };
    let disagrees = (Err(other.clone()), Err(other.clone()));
    assert_eq!(said(&|_| ()), (Ok(10), Ok(Some(Begun::Said { seq: 10 }))));
    assert_eq!(said(&|said| said.upto = 7), disagrees);
    assert_eq!(said(&|said| said.upto = 5), (Err(other), Ok(Some(Begun::Unsaid))), "which an archive may, and a record may not");
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
        (NotWhole::Unsaid { upto: 6 }, "no event says that all up to 6 was archived: events up to there were altered or removed"),
    ] {
        assert_eq!(wrong.to_string(), said);
    }
}

/// What archiving up to this event leaves, that one's own event behind it, and the archive.
struct Archiving {
    left: Vec<Record>,
    checkpoint: Checkpoint,
    archive: Vec<Record>,
}

fn archive(records: &[Record], upto: u64, kept: &[u64]) -> Archiving {
    let mut digest = KeptDigest::default();
    let archive: Vec<Record> = records.iter().filter(|record| record.seq <= upto).cloned().collect();
    let mut left: Vec<Record> = records.iter().filter(|record| record.seq > upto || kept.contains(&record.seq)).cloned().collect();
    left.iter().filter(|record| record.seq <= upto).for_each(|record| digest.add(record.hash));
    let archived = u64::try_from(records.len() - left.len()).unwrap();
    let (kept, kept_digest) = digest.finish();
    let checkpoint = Checkpoint { upto: archive.last().unwrap().head(), kept, kept_digest: kept_digest.clone() };
    let (by, before) = (UserName::new("root"), WallTime::from_millis(1000));
    let upto_hash = checkpoint.upto.hash.to_string();
    let head = records.last().map_or(Head::NONE, Record::head);
    left.push(chained(head, AuditPruned { by, upto, upto_hash, before, archived, kept, kept_digest, humans: None }));
    Archiving { left, checkpoint, archive }
}

fn chained(head: Head, event: impl Into<Event>) -> Record {
    let event = event.into();
    Record::chained(head, WallTime::from_millis(1000), event.name(), event.data().unwrap())
}

fn add(records: &mut Vec<Record>, event: impl Into<Event>) {
    let head = records.last().map_or(Head::NONE, Record::head);
    records.push(chained(head, event));
}

fn events(mut records: Vec<Record>, count: usize) -> Vec<Record> {
    (0..count).for_each(|_| add(&mut records, crate::event::SyslogLost { why: "x".to_owned() }));
    records
}

/// As what a part of a record it passes.
fn part(records: &[Record], checkpoint: Option<&Checkpoint>) -> Result<Option<Begun>, NotWhole> {
    let mut chain = followed(records, checkpoint);
    chain.end_of_part().map(|()| chain.begins().map(|(_, begun)| begun))
}

fn followed(records: &[Record], checkpoint: Option<&Checkpoint>) -> Chain {
    let mut chain = Chain::new(checkpoint.cloned(), None);
    records.iter().try_for_each(|record| chain.follow(record)).unwrap();
    chain
}

#[test]
fn every_record_and_every_archive_that_archiving_leaves_is_what_it_is() {
    let never = events(Vec::new(), 9);
    assert_eq!(followed(&never, None).end(), Ok(()));
    assert_eq!(part(&never, None), Ok(None));
    // Archived once: 10 says it.
    let once = archive(&never, 6, &[2, 5]);
    assert_eq!(followed(&once.left, Some(&once.checkpoint)).end(), Ok(()));
    assert_eq!(part(&once.left, Some(&once.checkpoint)), Ok(Some(Begun::Said { seq: 10 })));
    assert_eq!(part(&once.archive, None), Ok(None), "the first archive begins with the first event");
    // A second time, up to before 10: 13 says it. The archive ends before the event that says where it begins.
    let twice = archive(&events(once.left, 2), 8, &[2]);
    assert_eq!(followed(&twice.left, Some(&twice.checkpoint)).end(), Ok(()));
    assert_eq!(part(&twice.left, Some(&twice.checkpoint)), Ok(Some(Begun::Said { seq: 13 })));
    assert_eq!(part(&twice.archive, Some(&once.checkpoint)), Ok(Some(Begun::Unsaid)));
    // A third time, up to between 10 and 13: that archive holds an event of an archiving before the one where it begins.
    let third = archive(&events(twice.left, 2), 11, &[2, 10]);
    assert_eq!(followed(&third.left, Some(&third.checkpoint)).end(), Ok(()));
    assert_eq!(part(&third.archive, Some(&twice.checkpoint)), Ok(Some(Begun::Unsaid)));
    // A fourth time, up to behind what says where it begins; and all that there is.
    let fourth = archive(&events(third.left, 2), 17, &[2]);
    assert_eq!(followed(&fourth.left, Some(&fourth.checkpoint)).end(), Ok(()));
    assert_eq!(part(&fourth.archive, Some(&third.checkpoint)), Ok(Some(Begun::Said { seq: 16 })));
    let newest = fourth.left.last().unwrap().seq;
    let all = archive(&fourth.left, newest, &[]);
    assert_eq!(followed(&all.left, Some(&all.checkpoint)).end(), Ok(()));
    // Of each of these records the first part, wherever it is cut, is a part.
    for count in 0..all.archive.len() {
        let cut = &all.archive[..count];
        let begun = part(cut, Some(&fourth.checkpoint));
        let says = cut.iter().any(|record| record.seq == newest);
        assert!(if says { begun == Ok(Some(Begun::Said { seq: newest })) } else { begun != Ok(None) }, "{count}: {begun:?}");
    }
}

/// Found by a review: nothing has to be chained anew for it, and the newest head stays the same.
#[test]
fn a_checkpoint_that_no_event_speaks_of_hides_nothing_that_was_altered_or_removed_before_it() {
    let forge = |mut records: Vec<Record>, upto: usize| {
        let head = records[upto].head();
        records[2].data = "{\"why\":\"y\"}".to_owned();
        records[2].hash = records[2].digest();
        records.remove(3);
        let mut digest = KeptDigest::default();
        records.iter().filter(|record| record.seq <= head.seq).for_each(|record| digest.add(record.hash));
        let (kept, kept_digest) = digest.finish();
        (records, Checkpoint { upto: head, kept, kept_digest })
    };
    // In a record of which nothing was archived.
    let (records, checkpoint) = forge(events(Vec::new(), 8), 6);
    assert_eq!(followed(&records, Some(&checkpoint)).end(), Err(NotWhole::Unsaid { upto: 7 }));
    assert_eq!(part(&records, Some(&checkpoint)), Ok(Some(Begun::Unsaid)), "never as if an event said so");
    // In one of which events were, whether what speaks of that comes before the checkpoint or behind it.
    for upto in [5, 6, 7, 8] {
        let once = archive(&events(Vec::new(), 9), 2, &[1, 2]);
        let (records, checkpoint) = forge(events(once.left, 3), upto);
        assert_eq!(checkpoint.upto.seq, u64::try_from(upto).unwrap() + 1);
        let wrong = NotWhole::Checkpoint { upto: checkpoint.upto.seq, seq: 10 };
        assert_eq!(followed(&records, Some(&checkpoint)).end(), Err(wrong), "{upto}");
        assert_eq!(part(&records, Some(&checkpoint)), Ok(Some(Begun::Unsaid)), "{upto}");
    }
    let once = archive(&events(Vec::new(), 9), 2, &[1, 2]);
    let (records, checkpoint) = forge(events(once.left, 3), 10);
    assert_eq!(followed(&records, Some(&checkpoint)).end(), Err(NotWhole::Unsaid { upto: 11 }));
    // One that was moved back, and one behind which less is said again.
    let (mut records, checkpoint) = pruned();
    let earlier = Checkpoint { upto: Head { seq: 5, hash: records[1].hash }, ..checkpoint.clone() };
    let mut chain = Chain::new(Some(earlier), None);
    assert!(records.iter().try_for_each(|record| chain.follow(record)).is_err());
    let Ok(Event::AuditPruned(said)) = Event::read(&records[5].event, &records[5].data) else { panic!("{:?}", records[5]) };
    add(&mut records, AuditPruned { upto: 3, ..said });
    assert_eq!(part(&records, Some(&checkpoint)), Err(NotWhole::Checkpoint { upto: 6, seq: 12 }));
}
