//! What is there after the power was cut.

use super::*;

/// Each event of the place's, by its number.
fn numbers(place: &Place) -> Vec<u64> {
    place.open().unwrap().1.iter().map(|record| record.seq).collect()
}

/// The disk failed while this was written to the WAL, and the kernel says so once: from then on it is there for whoever reads it, and
/// gone when the power is, unless it was written anew.
fn lost_with_power(place: &Place, store: &mut Store, batch: &[Fresh]) -> impl FnOnce() + use<> {
    let wal = beside(&place.file(), "-wal");
    let length = |wal: &Path| usize::try_from(std::fs::metadata(wal).unwrap().len()).unwrap();
    let (before, from) = (store.head(), length(&wal));
    append_on(store.connection.as_mut().unwrap(), before, batch).unwrap();
    let unwritten = std::fs::read(&wal).unwrap().split_off(from);
    move || {
        let mut bytes = std::fs::read(&wal).unwrap();
        if let Some(there) = bytes.get_mut(from..from + unwritten.len()).filter(|there| *there == unwritten) {
            there.fill(0);
            std::fs::write(&wal, bytes).unwrap();
        }
    }
}

/// A store of five events whose sixth failed on its way to the disk.
fn failing(place: &Place) -> (Store, impl FnOnce() + use<>) {
    let (mut store, _) = place.open().unwrap();
    (1..=5).for_each(|number| drop(store.append(&[fresh(&format!("R-0000000{number}"), "alice")], 0).unwrap()));
    let cut = lost_with_power(place, &mut store, &[fresh("R-00000006", "mallory")]);
    store.stay_open_on_disk();
    (store, cut)
}

fn goes_on(store: &mut Store) {
    ["R-00000007", "R-00000008"].iter().for_each(|id| drop(store.append(&[fresh(id, "carol")], 0).unwrap()));
    store.stay_open_on_disk();
}

#[test]
fn what_was_acknowledged_after_the_disk_had_failed_is_there_when_the_power_was_cut() {
    let place = Place::new("power");
    let (mut store, cut) = failing(&place);
    store.connection = None;
    goes_on(&mut store);
    drop(store);
    cut();
    assert_eq!(numbers(&place), [1, 2, 3, 4, 5, 6, 7]);
    assert!(follow_to(&open_to_read(&place.file()).unwrap(), 7).is_ok());
}

#[test]
fn nor_does_a_jitd_that_was_started_anew_write_behind_what_failed() {
    let place = Place::new("power-start");
    let (store, cut) = failing(&place);
    drop(store);
    // It finds the sixth, as nobody had refused it.
    let (mut store, found) = place.open().unwrap();
    goes_on(&mut store);
    drop(store);
    cut();
    assert_eq!((found.len(), numbers(&place)), (6, vec![1, 2, 3, 4, 5, 6, 7, 8]));
}

#[test]
fn while_somebody_reads_nothing_is_acknowledged_behind_what_failed_and_a_start_goes_on() {
    let place = Place::new("power-read");
    let (mut store, _cut) = failing(&place);
    let reader = open_to_read(&place.file()).unwrap();
    reader.execute_batch("BEGIN; SELECT count(*) FROM events").unwrap();
    store.connection = None;
    let trouble = store.append(&[fresh("R-00000007", "carol")], 0).unwrap_err();
    assert!(trouble.to_string().contains("while somebody reads it"), "{trouble}");
    drop(store);
    let (mut begun, _) = place.open().unwrap();
    assert!(begun.inherited);
    begun.append(&[fresh("R-00000007", "carol")], 0).unwrap();
    reader.execute_batch("COMMIT").unwrap();
    begun.append(&[fresh("R-00000008", "carol")], 0).unwrap();
    assert!(!begun.inherited);
}
