//! What syslog has not taken when jitd ends.

use super::*;
use jit_store::{Filter, events, open_to_read};
use std::os::unix::net::UnixDatagram;
use std::thread::{JoinHandle, spawn};
use std::time::Duration;

fn now() -> WallTime {
    WallTime::from_millis(1000)
}

/// A jitd without a syslog, which has recorded so many events and ends.
fn ends(directory: &Path, recorded: u32) -> JoinHandle<()> {
    let (told, syslog) = (Arc::new(watch::channel(Newest::default()).0), Syslog::new(directory.join("log")));
    let file = jit_store::file_in(directory);
    let (store, ..) = Store::open(&file).unwrap();
    let (writer, mut desk) = Writer::with_desk(store, file.clone(), Reserve::beside(&file, 0), syslog, &told, Arc::default());
    for number in 0..recorded {
        let data = format!(r#"{{"id":"R-{number:08}","user":"alice"}}"#);
        writer.note(vec![Fresh { at: now(), event: "request.cancelled", data }]);
        desk = desk.work_once().unwrap();
    }
    let (done, _) = oneshot::channel();
    writer.send(Work::Close(now(), done));
    spawn(move || assert!(desk.work_once().is_none()))
}

/// What is on record about syslog.
fn of_syslog(directory: &Path) -> Vec<String> {
    let all = events(&open_to_read(&jit_store::file_in(directory)).unwrap(), &Filter::default(), 100).unwrap();
    all.into_iter().filter(|record| record.event.starts_with("syslog")).map(|record| format!("{} {}", record.event, record.data)).collect()
}

#[test]
fn a_syslog_that_is_restarted_as_jitd_ends_gets_all_lines() {
    let directory = tempfile::tempdir().unwrap();
    let closes = ends(directory.path(), 3);
    let syslog = UnixDatagram::bind(directory.path().join("log")).unwrap();
    syslog.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    let mut said = [0; 4096];
    for event in ["request.cancelled", "syslog.lost", "request.cancelled", "request.cancelled", "syslog.back undelivered=0"] {
        let length = syslog.recv(&mut said).expect(event);
        let line = String::from_utf8_lossy(&said[..length]);
        assert!(line.contains(event), "{line}");
    }
    closes.join().unwrap();
    assert_eq!(of_syslog(directory.path()).len(), 2);
}

#[test]
fn how_many_lines_a_syslog_has_not_taken_when_jitd_ends_is_on_record() {
    let directory = tempfile::tempdir().unwrap();
    ends(directory.path(), 3).join().unwrap();
    let of_syslog = of_syslog(directory.path());
    assert_eq!(of_syslog.last().unwrap(), r#"syslog.lost {"why":"4 lines before this one were not delivered when jitd ended"}"#);
}
