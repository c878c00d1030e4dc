//! What archiving leaves, and what is made of it: each file is whole, and none is that only seems to have been archived.
#![allow(clippy::unwrap_used, clippy::arithmetic_side_effects, reason = "a test says what went wrong by panicking")]

mod common;

use common::{Fake, Step, directory, jit};
use jit_core::name::UserName;
use jit_core::record::Record;
use jit_core::record::chain::{Checkpoint, KeptDigest};
use jit_core::time::WallTime;
use jit_proto::user::UserAnswer;
use jit_proto::view::{CheckpointView, EventView};
use jit_store::{Archived, Filter, Fresh, Store, copy, events, open_to_read, pick, read};
use std::path::{Path, PathBuf};

/// A store that grows and is archived.
struct Kept {
    folder: PathBuf,
    store: Store,
}

impl Kept {
    fn new() -> Self {
        let folder = directory();
        let (store, ..) = Store::open(&folder.join("events.db")).unwrap();
        Self { folder, store }
    }

    fn file(&self) -> PathBuf {
        self.folder.join("events.db")
    }

    /// Four requests that were taken back.
    fn grows(&mut self) {
        let number = self.store.head().seq;
        let fresh = |place: u64| Fresh {
            at: WallTime::from_millis(1000),
            event: "request.cancelled",
            data: format!(r#"{{"id":"R-{:08}","user":"alice"}}"#, number + place),
        };
        self.store.append(&(0..4).map(fresh).collect::<Vec<_>>(), 0).unwrap();
    }

    fn all(&self) -> (Option<Checkpoint>, Vec<Record>) {
        let reader = open_to_read(&self.file()).unwrap();
        (read::checkpoint(&reader).unwrap(), events(&reader, &Filter::default(), 1000).unwrap())
    }

    /// An export, up to an event.
    fn lines(&self, name: &str, upto: u64) -> PathBuf {
        let (checkpoint, mut records) = self.all();
        records.retain(|record| record.seq <= upto);
        lines(&self.folder.join(name), checkpoint.as_ref(), &records)
    }

    fn export(&self) -> PathBuf {
        self.lines("export.jsonl", u64::MAX)
    }

    fn backup(&self) -> PathBuf {
        let to = self.folder.join("backup.db");
        let _ = std::fs::remove_file(&to);
        copy(&self.file(), &to).unwrap();
        to
    }

    /// Archives all up to an event, and gives the archive.
    fn archive(&mut self, upto: u64) -> PathBuf {
        let archive = self.lines(&format!("archive-{upto}.jsonl"), upto);
        let (_, state, _) = Store::open(&self.file()).unwrap();
        self.store.put_base(&pick(&self.file(), state.picker(), self.store.head().seq).unwrap()).unwrap();
        let head = self.all().1.into_iter().find(|record| record.seq == upto).unwrap().head();
        let at = WallTime::from_millis(1000);
        let by = UserName::new("root");
        self.store.prune(Archived { upto: head, before: at, by, humans: None, at }).unwrap().unwrap();
        archive
    }
}

fn lines(file: &Path, checkpoint: Option<&Checkpoint>, records: &[Record]) -> PathBuf {
    let begins = checkpoint.map(|Checkpoint { upto, kept, kept_digest }| {
        format!(r#"{{"checkpoint":{{"upto":{},"hash":"{}","kept":{kept},"kept_digest":"{kept_digest}"}}}}"#, upto.seq, upto.hash) + "\n"
    });
    let line = |record: &Record| format!("{},\"hash\":\"{}\"}}\n", record.canonical().strip_suffix('}').unwrap(), record.hash);
    std::fs::write(file, begins.into_iter().chain(records.iter().map(line)).collect::<String>()).unwrap();
    file.to_owned()
}

fn verify(file: &Path, more: &[&str]) -> (i32, String) {
    let ran = jit(Path::new("/nonexistent"), &[&["audit", "verify", "--file", file.to_str().unwrap()], more].concat());
    (ran.code, ran.stdout)
}

/// What only the record says of where it begins, or a later archive.
const UNSAID: &str = "Only the first line of the file says";

#[test]
fn whatever_was_archived_each_file_says_where_it_begins_and_who_says_so() {
    let mut kept = Kept::new();
    let whole = |kept: &Kept, said: &str| {
        for file in [kept.file(), kept.backup(), kept.export()] {
            let (code, words) = verify(&file, &[]);
            assert!(code == 0 && words.contains("events, chain whole, head ") && words.contains(said), "{file:?}: {words}");
            assert!(!words.contains(UNSAID), "{file:?}: {words}");
        }
    };
    kept.grows();
    kept.grows();
    whole(&kept, "");
    assert!(!verify(&kept.export(), &[]).1.contains("archived"));
    let first = kept.archive(4);
    let (code, words) = verify(&first, &[]);
    assert!(code == 0 && words.starts_with("4 events, chain whole, head 4:") && !words.contains("archived"), "{words}");
    kept.grows();
    whole(&kept, "Events up to 4 were archived, and 0 of them kept here, as event 9 says.");
    // It ends before event 9.
    let second = kept.archive(7);
    let (code, words) = verify(&second, &[]);
    assert!(code == 0 && words.starts_with("3 events, whole behind event 4, head 7:") && words.contains(UNSAID), "{words}");
    kept.grows();
    whole(&kept, "Events up to 7 were archived, and 0 of them kept here, as event 14 says.");
    let said = std::fs::read_to_string(kept.export()).unwrap();
    let wanted = words.lines().last().unwrap().strip_prefix("audit.pruned with ").unwrap();
    let (_, digest) = wanted.rsplit_once("kept_digest=").unwrap();
    assert!(wanted.starts_with("upto=4 upto_hash=") && said.contains(digest), "{wanted}");
    // It holds event 9, which speaks of the archiving before the one where it begins, as that of a monthly cron job does.
    let third = kept.archive(11);
    let (code, words) = verify(&third, &[]);
    assert!(code == 0 && words.starts_with("4 events, whole behind event 7, head 11:") && words.contains(UNSAID), "{words}");
    let (code, words) = verify(&third, &["--json"]);
    assert!(code == 0 && words.contains(r#""valid":true"#) && words.contains(r#""said_by":null}"#), "{words}");
    kept.grows();
    whole(&kept, "Events up to 11 were archived");
    // It holds event 19, which speaks of where it begins.
    let fourth = kept.archive(20);
    let (code, words) = verify(&fourth, &[]);
    assert!(code == 0 && words.contains("chain whole") && words.contains("as event 19 says"), "{words}");
    let (_, words) = verify(&fourth, &["--json"]);
    assert!(words.contains(r#""begins":{"behind":"11:"#) && words.contains(r#""said_by":19}"#), "{words}");
    whole(&kept, "Events up to 20 were archived");
}

#[test]
fn a_store_of_which_no_event_says_that_it_was_archived_is_not_whole_and_lines_say_that_none_does() {
    let mut kept = Kept::new();
    kept.grows();
    kept.grows();
    let (_, mut records) = kept.all();
    records[2].data = records[2].data.replace("alice", "mallo");
    records[2].hash = records[2].digest();
    records.remove(3);
    let mut digest = KeptDigest::default();
    records[..6].iter().for_each(|record| digest.add(record.hash));
    let (count, kept_digest) = digest.finish();
    let checkpoint = Checkpoint { upto: records[5].head(), kept: count, kept_digest };
    let newest = format!("8:{}", records[6].hash);
    let forged = lines(&kept.folder.join("forged.jsonl"), Some(&checkpoint), &records);
    let (code, words) = verify(&forged, &["--head", &newest]);
    assert!(code == 0 && words.starts_with("7 events, whole behind event 7, head 8:") && words.contains(UNSAID), "{words}");
    // The same in a store.
    let file = kept.backup();
    let sql = format!(
        "UPDATE events SET data = '{}', hash = x'{}' WHERE seq = 3; DELETE FROM events WHERE seq = 4;
         INSERT INTO checkpoint VALUES (1, 7, x'{}', 6, '{}')",
        records[2].data, records[2].hash, checkpoint.upto.hash, checkpoint.kept_digest
    );
    rusqlite::Connection::open(&file).unwrap().execute_batch(&sql).unwrap();
    let (code, words) = verify(&file, &["--head", &newest]);
    assert!(code == 1 && words.contains("no event says that all up to 7 was archived"), "{words}");
    assert!(Store::open(&file).is_err());
    // And as what jitd answers.
    let view = |record: &Record| EventView {
        seq: record.seq,
        at: record.at.with_millis(),
        event: record.event.clone(),
        data: record.data.clone(),
        prev: record.prev.to_string(),
        hash: record.hash.to_string(),
    };
    let Checkpoint { upto, kept, kept_digest } = checkpoint;
    let answers = Fake::new(vec![vec![
        Step::Say(UserAnswer::Checkpoint(CheckpointView { upto: upto.seq, hash: upto.hash.to_string(), kept, kept_digest })),
        Step::Say(UserAnswer::Events { events: records.iter().map(view).collect(), more: false }),
    ]]);
    let ran = answers.jit(&["audit", "verify", "--head", &newest]);
    assert!(ran.code == 1 && ran.stdout.contains("no event says that all up to 7 was archived"), "{ran:?}");
}

#[test]
fn an_event_of_some_megabytes_is_a_line_like_any_other() {
    let mut kept = Kept::new();
    let data = format!(r#"{{"id":"R-00000001","user":"{}"}}"#, "x".repeat(3_000_000));
    kept.store.append(&[Fresh { at: WallTime::from_millis(1000), event: "request.cancelled", data }], 0).unwrap();
    kept.grows();
    let (code, words) = verify(&kept.export(), &[]);
    assert!(code == 0 && words.starts_with("5 events, chain whole"), "{words}");
    let (code, words) = verify(&kept.archive(2), &[]);
    assert!(code == 0 && words.starts_with("2 events, chain whole"), "{words}");
}

#[test]
fn a_store_in_which_an_event_is_not_found_by_what_it_is_about_or_another_is_says_which() {
    let mut kept = Kept::new();
    kept.grows();
    for (trick, said) in [
        ("DELETE FROM about WHERE seq = 3", "event 3 is not found by R-00000002, which it is about\n4 events, head 4:"),
        ("INSERT INTO about VALUES ('R-00000009', 3)", "by 1 ids an event is found that is not about them"),
        ("UPDATE about SET seq = 4 WHERE seq = 3", "event 3 is not found by R-00000002"),
    ] {
        let file = kept.backup();
        assert_eq!(verify(&file, &[]).0, 0);
        rusqlite::Connection::open(&file).unwrap().execute_batch(trick).unwrap();
        let (code, words) = verify(&file, &[]);
        assert!(code == 1 && words.starts_with("The events are whole, but") && words.contains(said), "{words}");
    }
}
