mod archive;
mod power;

use super::*;
use crate::doubt::Doubt;
use crate::read::{Filter, events, ids_beginning, open_to_read};
use crate::{Fit, Reserve};
use jit_core::name::UserName;
use rusqlite::config::DbConfig;

struct Place(PathBuf);

fn archived(upto: Head) -> Archived {
    Archived { upto, before: WallTime::from_millis(0), by: UserName::new("root"), humans: None, at: WallTime::from_millis(1) }
}

impl Place {
    fn new(name: &str) -> Self {
        let directory = std::env::temp_dir().join(format!("jit-store-{}-{name}", std::process::id()));
        let _ = std::fs::remove_dir_all(&directory);
        std::fs::create_dir_all(&directory).unwrap();
        Self(directory)
    }

    fn file(&self) -> PathBuf {
        file_in(&self.0)
    }

    fn open(&self) -> Result<(Store, Vec<Record>), StoreTrouble> {
        let (store, _, _) = Store::open(&self.file())?;
        let records = events(&open_to_read(&self.file()).unwrap(), &Filter::default(), 1000).unwrap();
        Ok((store, records))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn fresh(id: &str, user: &str) -> Fresh {
    Fresh { at: WallTime::from_millis(1000), event: "request.cancelled", data: format!(r#"{{"id":"{id}","user":"{user}"}}"#) }
}

#[test]
fn what_was_stored_is_there_in_order_and_chained_when_it_is_opened_again() {
    let place = Place::new("again");
    let (mut store, before) = place.open().unwrap();
    assert!(before.is_empty());
    let first = store.append(&[fresh("R-00000001", "alice"), fresh("R-00000002", "bob")], 0).unwrap();
    let second = store.append(&[fresh("R-00000001", "alice")], 0).unwrap();
    let head = store.head();
    drop(store);
    let (store, after) = place.open().unwrap();
    assert_eq!(after, [first, second].concat());
    assert_eq!((store.head(), head.seq), (head, 3));
}

#[test]
fn events_are_found_by_id_user_and_kind() {
    let place = Place::new("find");
    let (mut store, _) = place.open().unwrap();
    store.append(&[fresh("R-00000001", "alice"), fresh("R-00000002", "bob")], 0).unwrap();
    let reader = open_to_read(&place.file()).unwrap();
    let seqs = |filter: Filter| events(&reader, &filter, 10).unwrap().iter().map(|record| record.seq).collect::<Vec<_>>();
    assert_eq!(seqs(Filter { id: Some("R-00000002".to_owned()), ..Filter::default() }), [2]);
    assert_eq!(seqs(Filter { user: Some("alice".to_owned()), ..Filter::default() }), [1]);
    assert_eq!(seqs(Filter { kind: Some("request".to_owned()), ..Filter::default() }), [1, 2]);
    assert_eq!(seqs(Filter { kind: Some("request.cancelled".to_owned()), after: 1, ..Filter::default() }), [2]);
    assert!(seqs(Filter { kind: Some("req".to_owned()), ..Filter::default() }).is_empty());
    assert_eq!(ids_beginning(&reader, "R-0").unwrap().len(), 2);
    assert_eq!(ids_beginning(&reader, "R-00000002").unwrap(), ["R-00000002"]);
}

#[test]
fn a_changed_event_is_found_when_the_store_is_opened() {
    let place = Place::new("changed");
    let (mut store, _) = place.open().unwrap();
    store.append(&[fresh("R-00000001", "alice")], 0).unwrap();
    drop(store);
    Connection::open(place.file()).unwrap().execute("UPDATE events SET data = replace(data, 'alice', 'mallo')", []).unwrap();
    let trouble = place.open().unwrap_err().to_string();
    assert!(trouble.contains("event 1 was altered"), "{trouble}");
}

#[test]
fn a_store_of_a_newer_jitd_or_of_another_program_is_left_untouched() {
    let place = Place::new("newer");
    drop(place.open().unwrap());
    Connection::open(place.file()).unwrap().execute_batch("PRAGMA user_version=99").unwrap();
    let before = std::fs::read(place.file()).unwrap();
    assert!(place.open().unwrap_err().to_string().contains("newer jitd"));
    assert_eq!(std::fs::read(place.file()).unwrap(), before);

    // One that was not closed in good order: what lies in its WAL stays there.
    let crashed = Place::new("newer-crashed");
    drop(crashed.open().unwrap());
    let newer = Connection::open(crashed.file()).unwrap();
    newer.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true).unwrap();
    newer.execute_batch("PRAGMA journal_mode=WAL; CREATE TABLE newer (x); PRAGMA user_version=99").unwrap();
    drop(newer);
    let wal = crashed.0.join("events.db-wal");
    let both = || (std::fs::read(crashed.file()).unwrap(), std::fs::read(&wal).unwrap());
    let before = both();
    assert!(!before.1.is_empty() && crashed.open().unwrap_err().to_string().contains("newer jitd"));
    assert!(both() == before);

    let other = Place::new("other");
    Connection::open(other.file()).unwrap().execute_batch("CREATE TABLE t (x)").unwrap();
    assert!(other.open().unwrap_err().to_string().contains("not jitd's"));
}

/// A store as the first released layout had it, with what jitd wrote.
const FIRST_LAYOUT: &str = include_str!("layout-1.sql");

#[test]
fn a_store_of_the_first_layout_is_brought_up_to_date_with_every_event_as_it_was() {
    let place = Place::new("layout-1");
    Connection::open(place.file()).unwrap().execute_batch(FIRST_LAYOUT).unwrap();
    let (mut store, before) = place.open().unwrap();
    assert_eq!(before.len(), 2);
    store.append(&[fresh("R-00000003", "carol")], 0).unwrap();
    drop(store);
    let (store, after) = place.open().unwrap();
    assert_eq!((store.head().seq, &after[..2]), (3, before.as_slice()));
    let layout: i64 = Connection::open(place.file()).unwrap().query_row("PRAGMA user_version", [], |row| row.get(0)).unwrap();
    assert_eq!(layout, crate::layout::LAYOUT);
}

#[test]
fn an_event_of_a_newer_jitd_is_no_damage_and_its_store_is_left_untouched() {
    let place = Place::new("newer-event");
    let (mut store, _) = place.open().unwrap();
    store.append(&[fresh("R-00000001", "alice"), Fresh { event: "grant.teleported", ..fresh("R-00000002", "bob") }], 0).unwrap();
    drop(store);
    let before = std::fs::read(place.file()).unwrap();
    let trouble = place.open().unwrap_err();
    assert!(matches!(trouble, StoreTrouble::Foreign { .. }) && trouble.to_string().contains("grant.teleported"), "{trouble}");
    assert_eq!(std::fs::read(place.file()).unwrap(), before);
}

/// A store as the second layout has it, with archived events behind it.
const SECOND_LAYOUT: &str = include_str!("layout-2.sql");

#[test]
fn a_store_of_the_second_layout_is_read_with_its_checkpoint() {
    let place = Place::new("layout-2");
    Connection::open(place.file()).unwrap().execute_batch(SECOND_LAYOUT).unwrap();
    let (store, records) = place.open().unwrap();
    assert_eq!(records.first().unwrap().seq, 2, "the first one was archived");
    assert_eq!(store.head().seq, 4);
    assert!(follow_to(&Connection::open(place.file()).unwrap(), 4).is_ok());
}

#[test]
fn whichever_byte_of_an_event_is_flipped_it_is_found() {
    let place = Place::new("flip");
    let (mut store, _) = place.open().unwrap();
    store.append(&[fresh("R-00000001", "alice"), fresh("R-00000002", "bob"), fresh("R-00000003", "carol")], 0).unwrap();
    drop(store);
    let connection = Connection::open(place.file()).unwrap();
    let mut flipped = 0;
    for seq in 1..=3 {
        for (column, kind) in [("seq", "i"), ("at", "i"), ("event", "t"), ("data", "t"), ("prev", "b"), ("hash", "b")] {
            let of = |cast: &str| -> Vec<u8> {
                let query = format!("SELECT CAST({column} AS {cast}) FROM events WHERE seq = ?1");
                connection.query_row(&query, [seq], |row| row.get(0)).unwrap()
            };
            let bytes = match kind {
                "i" => connection
                    .query_row(&format!("SELECT {column} FROM events WHERE seq = ?1"), [seq], |row| row.get::<_, i64>(0))
                    .unwrap()
                    .to_be_bytes()
                    .to_vec(),
                _ => of("BLOB"),
            };
            for place_in in 0..bytes.len() {
                for bit in [1, 0x80] {
                    let mut changed = bytes.clone();
                    changed[place_in] ^= bit;
                    connection.execute_batch("SAVEPOINT flip").unwrap();
                    let update =
                        format!("UPDATE events SET {column} = {} WHERE seq = ?2", if kind == "t" { "CAST(?1 AS TEXT)" } else { "?1" });
                    let done = match <[u8; 8]>::try_from(changed.as_slice()) {
                        Ok(number) if kind == "i" => connection.execute(&update, params![i64::from_be_bytes(number), seq]),
                        _ => connection.execute(&update, params![changed, seq]),
                    };
                    // Another event has that number: then it cannot be written at all.
                    if done.is_ok() {
                        assert!(follow(&connection).is_err(), "byte {place_in} of {column} of event {seq}");
                        flipped += 1;
                    }
                    connection.execute_batch("ROLLBACK TO flip; RELEASE flip").unwrap();
                }
            }
        }
    }
    assert!(flipped > 700, "{flipped}");
    assert!(follow(&connection).is_ok());
}

fn follow(connection: &Connection) -> Result<(), String> {
    follow_to(connection, 3)
}

fn follow_to(connection: &Connection, last: u64) -> Result<(), String> {
    let mut chain = Chain::new(read::checkpoint(connection).map_err(|error| error.to_string())?, None);
    read::each_after(connection, 0, |record| chain.follow(record).map(|()| true).map_err(|broken| broken.to_string()))
        .map_err(|stopped| stopped.to_string())?;
    // The number of the last event is only known from elsewhere.
    if chain.head().seq == last { chain.end().map_err(|broken| broken.to_string()) } else { Err("the end is another".to_owned()) }
}

fn base_of(place: &Place, state: &State, upto: u64) -> Base {
    crate::pick(&place.file(), state.picker(), upto).unwrap()
}

#[test]
fn a_start_from_a_base_makes_the_same_state_and_a_base_that_lies_is_found() {
    let place = Place::new("base");
    let (mut store, _) = place.open().unwrap();
    let session = |number: u32, event: &'static str| {
        let uid = 1000 + number % 3;
        let data = match event {
            "session.opened" => format!(
                r#"{{"id":"S-{number:08}","grant":"G-00000001","user":"u{uid}","uid":{uid},"service":"sudo","as":"root","from":null,"tty":null,"auth":null,"process":null}}"#
            ),
            _ => format!(r#"{{"id":"S-{number:08}","grant":"G-00000001","user":"u{uid}","service":"sudo"}}"#),
        };
        Fresh { at: WallTime::from_millis(i64::from(number) * 1000), event, data }
    };
    // More than are kept at hand, so that the base is shorter than the record.
    let all: Vec<_> = (0..12_000).flat_map(|number| [session(number, "session.opened"), session(number, "session.closed")]).collect();
    all.chunks(1000).for_each(|batch| drop(store.append(batch, 0).unwrap()));
    drop(store);
    let (mut store, whole, none) = Store::open(&place.file()).unwrap();
    assert!(none.is_none());
    // What a newer jitd wrote is passed over where nothing rests on it.
    store.append(&[Fresh { event: "session.teleported", ..fresh("R-00000002", "bob") }, fresh("R-00000003", "carol")], 0).unwrap();
    let base = base_of(&place, &whole, 24_002);
    assert!(base.seqs.len() < 11_000, "{}", base.seqs.len());
    store.put_base(&base).unwrap();
    store.append(&[session(20_000, "session.opened")], 0).unwrap();
    drop(store);
    let (mut store, from_base, used) = Store::open(&place.file()).unwrap();
    assert_eq!(used.as_ref(), Some(&base));
    assert_eq!(from_base.open_sessions().count(), 1);
    assert_eq!(crate::compare(&place.file(), &base).unwrap(), Fit::Same);

    let upto = Head { seq: 20_000, hash: read::one(store.connection.as_ref().unwrap(), 20_000).unwrap().unwrap().hash };
    let prune = |store: &mut Store| store.prune(archived(upto)).unwrap();
    assert!(prune(&mut store).unwrap_err().contains("still being compared"), "by a base that lies it would take out what counts");
    store.proved();
    let pruned = prune(&mut store);
    assert!(pruned.is_ok(), "{pruned:?}");
    assert_eq!(crate::compare(&place.file(), &base).unwrap(), Fit::Same, "what is left makes the same state");
    drop(store);
    let (_, after, _) = Store::open(&place.file()).unwrap();
    assert!(after.sessions().eq(from_base.sessions()));
    let left: i64 = Connection::open(place.file()).unwrap().query_row("SELECT count(*) FROM events", [], |row| row.get(0)).unwrap();
    assert!(left < 15_000, "{left}");

    let mut lying = base;
    let place_of_one = lying.seqs.len() - 6;
    let dropped = lying.seqs.remove(place_of_one);
    assert_eq!(crate::compare(&place.file(), &lying).unwrap(), Fit::Other);
    lying.seqs.insert(place_of_one, dropped);
    lying.seqs.push(24_001);
    assert!(crate::compare(&place.file(), &lying).is_err(), "one that something rests on is not");
    crate::forget_base(&place.file()).unwrap();
    assert!(crate::bases(&open_to_read(&place.file()).unwrap()).unwrap().is_none());
}

#[test]
fn the_reserve_is_real_space_and_comes_and_goes() {
    use std::os::unix::fs::MetadataExt;
    let place = Place::new("reserve");
    let mut reserve = Reserve::beside(&place.file(), 16 * 1024 * 1024);
    let file = place.0.join("reserve");
    assert!(!reserve.is_held() && reserve.take().is_ok());
    assert!(reserve.is_held() && std::fs::metadata(&file).unwrap().blocks() * 512 >= 2 * 1024 * 1024);
    reserve.give_up();
    assert!(!reserve.is_held() && std::fs::metadata(&file).unwrap().blocks() == 0);
    assert!(reserve.take().is_ok() && reserve.is_held());
}

#[test]
fn what_a_failed_commit_left_is_gone_when_the_store_is_connected_to_again() {
    let place = Place::new("failed-commit");
    let (mut store, _) = place.open().unwrap();
    store.append(&[fresh("R-00000001", "alice")], 0).unwrap();
    let acknowledged = store.head();
    // On disk, though nobody was told so.
    append_on(store.connection.as_mut().unwrap(), acknowledged, &[fresh("R-00000002", "mallory")]).unwrap();
    store.connection = None;
    let third = store.append(&[fresh("R-00000003", "carol")], 0).unwrap();
    drop(store);
    let (store, after) = place.open().unwrap();
    assert_eq!((after.len(), &after[1..], store.head().seq), (2, third.as_slice(), 2));
    assert!(ids_beginning(&open_to_read(&place.file()).unwrap(), "R-00000002").unwrap().is_empty());
}

#[test]
fn another_record_in_the_place_of_the_open_one_is_not_gone_on_with_and_none_is_made_anew() {
    let (place, other) = (Place::new("exchanged"), Place::new("exchanged-other"));
    let (mut store, _) = place.open().unwrap();
    store.append(&[fresh("R-00000001", "alice")], 0).unwrap();
    let (mut theirs, _) = other.open().unwrap();
    theirs.append(&[fresh("R-00000002", "mallory")], 0).unwrap();
    drop(theirs);
    store.connection = None;
    std::fs::rename(place.file(), place.0.join("mine")).unwrap();
    assert!(matches!(store.append(&[fresh("R-00000003", "carol")], 0), Err(StoreTrouble::Disk { .. })));
    assert!(!place.file().exists());
    std::fs::copy(other.file(), place.file()).unwrap();
    assert!(matches!(store.append(&[fresh("R-00000003", "carol")], 0), Err(StoreTrouble::Foreign { .. })));
    std::fs::rename(place.0.join("mine"), place.file()).unwrap();
    assert_eq!(store.append(&[fresh("R-00000003", "carol")], 0).unwrap()[0].seq, 2);
}

/// A store whose last commit was refused, and is on disk all the same: what jitd knows of it.
fn refused(place: &Place, batch: &[Fresh], facts: usize) -> Doubt {
    let (mut store, _) = place.open().unwrap();
    let before = store.head();
    append_on(store.connection.as_mut().unwrap(), before, batch).unwrap();
    let Attempt::Refused(doubt) = Attempt::of(before, batch, facts) else { panic!("all of it is so") };
    doubts(place).put(&doubt).unwrap();
    doubt
}

fn doubts(place: &Place) -> crate::Doubts {
    std::fs::set_permissions(&place.0, std::os::unix::fs::PermissionsExt::from_mode(0o700)).unwrap();
    crate::Doubts::within(place.0.clone(), jit_core::time::BootId("boot".to_owned()))
}

fn reopen(place: &Place) -> Opened {
    Store::open_without_refused(&place.file(), doubts(place), WallTime::from_millis(2000)).unwrap()
}

#[test]
fn what_was_refused_and_is_on_disk_is_taken_out_at_the_start_and_what_is_so_stays() {
    let place = Place::new("refused");
    place.open().unwrap().0.append(&[fresh("R-00000001", "alice")], 0).unwrap();
    let doubt = refused(&place, &[fresh("R-00000002", "bob"), fresh("R-00000003", "mallory"), fresh("R-00000004", "mallory")], 1);
    let Opened { store, undone, unheeded, .. } = reopen(&place);
    let undone = undone.unwrap();
    assert_eq!((undone.event.as_str(), undone.seq, store.head(), unheeded), ("store.undone", 3, undone.head(), None));
    assert_eq!(undone.data, format!(r#"{{"events":2,"head":4,"head_hash":"{}"}}"#, doubt.end.hash));
    assert!(!doubts(&place).file().exists());
    drop(store);
    let (_, records) = place.open().unwrap();
    assert_eq!(records.iter().map(|record| record.seq).collect::<Vec<_>>(), [1, 2, 3]);
    assert!(records[1].data.contains("R-00000002") && follow_to(&open_to_read(&place.file()).unwrap(), 3).is_ok());
    assert!(ids_beginning(&open_to_read(&place.file()).unwrap(), "R-00000003").unwrap().is_empty());
}

#[test]
fn a_record_that_goes_on_after_what_was_refused_loses_nothing_by_what_was_written_down() {
    let place = Place::new("refused-goes-on");
    refused(&place, &[fresh("R-00000001", "alice")], 0);
    // A jitd that knows nothing of such notes.
    place.open().unwrap().0.append(&[fresh("R-00000002", "bob")], 0).unwrap();
    let Opened { store, undone, unheeded, .. } = reopen(&place);
    assert!(undone.is_none() && unheeded.unwrap().contains("does not end with"));
    assert!(store.head().seq == 2 && !doubts(&place).file().exists());
}

#[test]
fn what_was_refused_and_never_came_to_the_disk_is_no_matter_and_a_store_that_is_clean_again_says_so_first() {
    let place = Place::new("refused-not-there");
    let doubt = Attempt::of(Head::NONE, &[fresh("R-00000001", "alice")], 0);
    let Attempt::Refused(doubt) = doubt else { panic!("{doubt:?}") };
    doubts(&place).put(&doubt).unwrap();
    let Opened { mut store, undone, unheeded, .. } = reopen(&place);
    assert!(undone.is_none() && unheeded.is_none() && store.head() == Head::NONE);
    // Nor is it where something came before it in the same batch, which is so, and is not there either.
    let Attempt::Refused(behind) = Attempt::of(Head::NONE, &[fresh("R-00000002", "bob"), fresh("R-00000001", "alice")], 1) else {
        panic!()
    };
    doubts(&place).put(&behind).unwrap();
    assert_eq!(reopen(&place).unheeded, None);
    // The same batch again, acknowledged this time.
    assert_eq!(store.write_down(Attempt::Refused(doubt)), Trace::UnlessPowerFails);
    store.connection = None;
    store.append(&[fresh("R-00000001", "alice")], 0).unwrap();
    assert!(store.head() == doubt.end && !doubts(&place).file().exists());
    assert_eq!(Attempt::of(doubt.end, &[fresh("R-00000002", "bob")], 1), Attempt::Harmless);
    assert_eq!(store.write_down(Attempt::Archiving), Trace::UnlessJitdEnds);
    drop(store);
    assert_eq!(reopen(&place).store.head(), doubt.end);
}

/// Found by fuzzing: SQLite says in one line which database, and in the next one what.
#[test]
fn what_is_wrong_with_a_page_is_said_in_one_line() {
    let place = Place::new("page");
    let (mut store, _) = place.open().unwrap();
    store.append(&[fresh("R-00000001", "alice")], 0).unwrap();
    store.settle().unwrap();
    drop(store);
    let mut bytes = std::fs::read(place.file()).unwrap();
    // The header of the last page.
    let last = bytes.len() - 4096;
    bytes[last..last + 8].fill(0xff);
    std::fs::write(place.file(), bytes).unwrap();
    let trouble = place.open().unwrap_err();
    assert!(matches!(trouble, StoreTrouble::Damaged { .. }), "{trouble:?}");
    assert!(!trouble.to_string().contains(['\n', '*']), "{trouble}");
}

/// Found by fuzzing: SQLite cites the text of a table that makes no sense, which somebody may have written for a terminal.
#[test]
fn what_a_damaged_file_says_cannot_play_with_a_terminal() {
    let trouble = StoreTrouble::Damaged { path: PathBuf::from("events.db"), why: "unrecognized token: \"\u{1b}[2J\n\u{202e}\"".to_owned() };
    assert!(trouble.to_string().contains("\\u{1b}[2J\\n\\u{202e}"), "{trouble}");
}
