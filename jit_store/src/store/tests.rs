use super::*;
use crate::read::{Filter, events, ids_beginning, open_to_read};

struct Place(PathBuf);

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
    let first = store.append(&[fresh("R-00000001", "alice"), fresh("R-00000002", "bob")]).unwrap();
    let second = store.append(&[fresh("R-00000001", "alice")]).unwrap();
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
    store.append(&[fresh("R-00000001", "alice"), fresh("R-00000002", "bob")]).unwrap();
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
    store.append(&[fresh("R-00000001", "alice")]).unwrap();
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

    let other = Place::new("other");
    Connection::open(other.file()).unwrap().execute_batch("CREATE TABLE t (x)").unwrap();
    assert!(other.open().unwrap_err().to_string().contains("not jitd's"));
}
