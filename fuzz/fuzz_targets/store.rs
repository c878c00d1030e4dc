//! A file of somebody else's in place of the database: it is opened, verified and read, or refused, and takes no time.
#![no_main]

use jit::fuzzing::Chain;
use jit_store::{Filter, Store, StoreTrouble, check_index, events, ids_beginning, layout, open_copy, read};
use libfuzzer_sys::{Corpus, fuzz_target};
use std::path::Path;
use std::sync::OnceLock;
use tempfile::TempDir;

/// Larger files than this only take longer.
const MOST: usize = 256 * 1024;

fuzz_target!(|data: &[u8]| -> Corpus {
    static PLACE: OnceLock<TempDir> = OnceLock::new();
    if data.len() > MOST {
        return Corpus::Reject;
    }
    let memory = Path::new("/dev/shm");
    let place = PLACE.get_or_init(|| if memory.is_dir() { TempDir::new_in(memory) } else { TempDir::new() }.unwrap()).path();
    let path = place.join("events.db");
    for name in ["events.db-wal", "events.db-shm", "events.db-journal"] {
        let _ = std::fs::remove_file(place.join(name));
    }
    std::fs::write(&path, data).unwrap();
    is_read(&path);
    is_opened(&path, data);
    Corpus::Keep
});

/// As `jit audit verify --file` does.
fn is_read(path: &Path) {
    let Ok(connection) = open_copy(path) else { return };
    if layout::recognise(&connection, path).is_err() {
        return;
    }
    let _ = read::check_pages(&connection);
    let _ = read::checkpoint(&connection);
    let mut chain = Chain::new(None);
    let _ = read::each_after(&connection, 0, |record| chain.follow_record(record).map(|()| true));
    let _ = check_index(&connection);
    let about =
        Filter { user: Some("alice".to_owned()), kind: Some("grant".to_owned()), id: Some("G-7F3KQ2ZD".to_owned()), ..Filter::default() };
    for filter in [Filter::default(), about] {
        if let Ok(found) = events(&connection, &filter, 100) {
            assert!(found.len() <= 100);
        }
    }
    let _ = ids_beginning(&connection, "G-");
}

/// As jitd does when it starts; then one event more is stored, and the store opens again with it.
fn is_opened(path: &Path, data: &[u8]) {
    let (mut store, _, base) = match Store::open(path) {
        Ok(opened) => opened,
        Err(trouble) => {
            assert!(!trouble.to_string().contains('\n'), "{trouble:?}");
            // What is not ours is left as it is.
            if let StoreTrouble::Foreign { .. } = trouble {
                assert!(std::fs::read(path).unwrap() == data, "a file of somebody else's was changed: {trouble}");
            }
            return;
        }
    };
    let before = store.head();
    let fresh =
        jit_store::Fresh { at: jit_core::time::WallTime::from_millis(1_000_000_000_000), event: "daemon.stopped", data: "{}".to_owned() };
    let Ok(stored) = store.append(&[fresh], 0) else { return };
    assert_eq!((stored.len(), store.head().seq), (1, before.seq + 1));
    if let Some(base) = base {
        let _ = jit_store::compare(path, &base);
    }
}
