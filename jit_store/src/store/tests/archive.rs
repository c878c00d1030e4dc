//! Taking out what was archived, beside the work of others.

use super::*;
use crate::replay::View;
use crate::slices;

/// A store of so many requests that were taken back, and its last event.
fn grown(place: &Place, requests: u32) -> Store {
    let (mut store, _) = place.open().unwrap();
    let all: Vec<_> = (1..=requests).map(|number| fresh(&format!("R-{number:08}"), "alice")).collect();
    all.chunks(1000).for_each(|batch| drop(store.append(batch, 0).unwrap()));
    store
}

fn head(store: &Store, seq: u64) -> Head {
    read::one(store.connection.as_ref().unwrap(), seq).unwrap().unwrap().head()
}

fn put_base(store: &mut Store, place: &Place, upto: u64) -> Base {
    let (_, state, _) = Store::open(&place.file()).unwrap();
    let base = base_of(place, &state, upto);
    store.put_base(&base).unwrap();
    base
}

fn take_out(store: &mut Store, upto: Head) {
    assert!(store.prune(archived(upto)).unwrap().is_ok());
}

#[test]
fn many_events_are_taken_out_in_slices_that_each_leave_a_whole_record() {
    let place = Place::new("slices");
    let mut store = grown(&place, 12_000);
    put_base(&mut store, &place, 12_000);
    let upto = head(&store, 11_500);
    let reader = open_to_read(&place.file()).unwrap();
    let heads = slices(&reader, upto).unwrap();
    assert_eq!(heads.iter().map(|head| head.seq).collect::<Vec<_>>(), [5_000, 10_000, 11_500]);
    let mut archived = Vec::new();
    for (taken_out, slice) in (12_001..).zip(heads) {
        take_out(&mut store, slice);
        assert!(follow_to(&reader, taken_out).is_ok(), "{slice:?}");
        archived.push(store.head().seq);
    }
    assert_eq!(archived, [12_001, 12_002, 12_003]);
    let left: (i64, i64) = reader
        .query_row(
            "SELECT (SELECT count(*) FROM events), (SELECT count(*) FROM about WHERE seq NOT IN (SELECT seq FROM events))",
            [],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )
        .unwrap();
    assert!(left.0 < 1_000 && left.1 == 0, "{left:?}");
    assert_eq!(slices(&reader, head(&store, 12_000)).unwrap().len(), 1, "it goes on behind what was taken out before");
    let other = Head { seq: 11_900, hash: jit_core::record::Hash([1; 32]) };
    assert_eq!(slices(&reader, other).unwrap(), [other], "of what is not known no part is taken out");
}

#[test]
fn of_two_who_archive_at_once_the_slower_one_moves_the_beginning_of_the_record_back_to_no_event_that_was_kept() {
    let place = Place::new("two-archive");
    let mut store = grown(&place, 20);
    let mut base = put_base(&mut store, &place, 20);
    base.seqs = vec![8];
    store.put_base(&base).unwrap();
    let (slower, faster) = (head(&store, 8), head(&store, 12));
    take_out(&mut store, faster);
    for again in [slower, Head { seq: 12, ..faster }] {
        let refused = store.prune(archived(again)).unwrap();
        assert_eq!(refused, Err(format!("the events up to {} are archived already", again.seq)));
    }
    assert_eq!(follow_to(&open_to_read(&place.file()).unwrap(), 21), Ok(()));
}

#[test]
fn the_space_of_archived_events_goes_back_to_the_disk_piece_by_piece() {
    let place = Place::new("give-back");
    let mut store = grown(&place, 4_000);
    put_base(&mut store, &place, 4_000);
    let upto = head(&store, 4_000);
    take_out(&mut store, upto);
    let free =
        |store: &Store| -> i64 { store.connection.as_ref().unwrap().query_row("PRAGMA freelist_count", [], |row| row.get(0)).unwrap() };
    let mut before = free(&store);
    assert!(before > 2 * i64::from(PIECE), "{before} pages");
    while store.give_back().unwrap() {
        let now = free(&store);
        assert_eq!(before - now, i64::from(PIECE));
        before = now;
    }
    assert_eq!(free(&store), 0);
    assert!(!store.give_back().unwrap(), "nothing is left to do");
}

#[test]
fn a_record_that_is_archived_while_it_is_compared_is_compared_as_it_was() {
    let place = Place::new("one-view");
    let mut store = grown(&place, 100);
    let base = put_base(&mut store, &place, 100);
    let store_file = place.file();
    let view = View::of(&store_file).unwrap();
    let short = view.fold_base(&base).unwrap();
    let more: Vec<_> = (101..=7_000).map(|number| fresh(&format!("R-{number:08}"), "bob")).collect();
    more.chunks(1000).for_each(|batch| drop(store.append(batch, 0).unwrap()));
    put_base(&mut store, &place, 7_000);
    let upto = head(&store, 6_999);
    take_out(&mut store, upto);
    assert!(short == view.fold_all(&base).unwrap());
}

#[test]
fn what_was_looked_through_and_not_let_through_is_not_looked_through_again() {
    let place = Place::new("page");
    let mut store = grown(&place, 10);
    store.append(&[fresh("R-00000011", "bob"), fresh("R-00000012", "alice")], 0).unwrap();
    let reader = open_to_read(&place.file()).unwrap();
    let page = |after: u64, upto: u64, most: u32, user: &str| {
        let filter = Filter { after, upto: Some(upto), user: Some(user.to_owned()), ..Filter::default() };
        let read::Page { records, read_to } = read::page(&reader, &filter, most).unwrap();
        (records.iter().map(|record| record.seq).collect::<Vec<_>>(), read_to)
    };
    assert_eq!(page(0, 10, 5, "carol"), (vec![], 10));
    assert_eq!(page(0, 12, 5, "bob"), (vec![11], 12));
    assert_eq!(page(0, 12, 1, "bob"), (vec![11], 11), "there may be more");
    assert_eq!(page(0, 12, 3, "alice"), (vec![1, 2, 3], 3));
    assert_eq!(page(12, 7, 3, "alice"), (vec![], 12), "of a record that ends before, nothing is looked at again");
    let whole = read::page(&reader, &Filter { after: 4, user: Some("carol".to_owned()), ..Filter::default() }, 3).unwrap();
    assert_eq!(whole.read_to, 4, "where no end is named, none is known");
}
