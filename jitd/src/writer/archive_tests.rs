//! Archiving beside what others want recorded.

use super::*;
use jit_core::name::UserName;
use jit_core::record::Head;
use jit_store::{open_to_read, read};
use rusqlite::Connection;

fn cancelled(number: u32) -> Fresh {
    let data = format!(r#"{{"id":"R-{number:08}","user":"alice"}}"#);
    Fresh { at: WallTime::from_millis(1000), event: "request.cancelled", data }
}

#[test]
fn what_must_be_recorded_does_not_wait_until_the_space_of_archived_events_is_given_back() {
    let directory = std::env::temp_dir().join(format!("jitd-archive-{}", std::process::id()));
    let _ = std::fs::remove_dir_all(&directory);
    std::fs::create_dir_all(&directory).unwrap();
    let file = jit_store::file_in(&directory);
    let (mut store, state, _) = Store::open(&file).unwrap();
    let all: Vec<_> = (1..=4_000).map(cancelled).collect();
    all.chunks(1000).for_each(|batch| drop(store.append(batch, 0).unwrap()));
    store.put_base(&pick(&file, state.picker(), 4_000).unwrap()).unwrap();
    let reader = open_to_read(&file).unwrap();
    let upto: Head = read::one(&reader, 4_000).unwrap().unwrap().head();
    let (told, syslog) = (Arc::new(watch::channel(super::Newest::default()).0), Syslog::new(directory.join("log")));
    let reserve = Reserve::beside(&file, 1 << 30);
    let (writer, desk) = Writer::with_desk(store, file.clone(), reserve, syslog, &told, Arc::default());
    let free = |connection: &Connection| connection.query_row("PRAGMA freelist_count", [], |row| row.get::<_, i64>(0)).unwrap();

    let (done, mut pruned) = oneshot::channel();
    let (before, at) = (WallTime::from_millis(0), WallTime::from_millis(2000));
    writer.send(Work::Prune(Archived { upto, before, by: UserName::new("root"), humans: None, at }, done));
    let mut stored = writer.commit(vec![cancelled(4_001)], Recording::STRICT);
    let desk = desk.work_once().unwrap();
    assert_eq!(pruned.try_recv(), Ok(Ok(())));
    let freed = free(&reader);
    let mut desk = desk.work_once().unwrap();
    assert_eq!((stored.try_recv(), free(&reader)), (Ok(Ok(Kept::Stored)), freed));
    let mut pieces = 0;
    while desk.scribe.has_freed {
        desk = desk.work_once().unwrap();
        pieces += 1;
    }
    assert!(free(&reader) == 0 && pieces > 2, "{freed} pages in {pieces} pieces");
    drop(desk);
    std::fs::remove_dir_all(&directory).unwrap();
}
