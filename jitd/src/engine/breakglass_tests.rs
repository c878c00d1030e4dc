//! What the module wrote down reaches the record, each line once.

use super::tests::Bench;
use super::{Begun, Task};
use crate::breakglass::Log;
use crate::keeper::Keeper;
use crate::meter::Meter;
use crate::settings::RecordChecks;
use crate::writer::{Newest, Writer};
use jit_store::{Filter, events, file_in, open_to_read};
use std::fs::{OpenOptions, metadata};
use std::io::Write;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

fn write(log: &Path, text: &str) {
    OpenOptions::new().append(true).create(true).open(log).unwrap().write_all(text.as_bytes()).unwrap();
}

fn line(nonce: u32) -> String {
    format!("2026-11-23T12:00:00Z user=alice service=sudo phase=account nonce={nonce}\n")
}

fn count(bench: &Bench) -> usize {
    let all = events(&open_to_read(&file_in(&bench.directory)).unwrap(), &Filter::default(), 1000).unwrap();
    all.iter().filter(|record| record.event == "access.breakglass").count()
}

fn recorded(bench: &Bench) -> Vec<String> {
    let all = events(&open_to_read(&file_in(&bench.directory)).unwrap(), &Filter::default(), 1000).unwrap();
    let mine = all.iter().filter(|record| record.event == "access.breakglass");
    mine.map(|record| record.data.split("nonce=").nth(1).unwrap().trim_end_matches("\"}").to_owned()).collect()
}

#[tokio::test]
async fn each_line_is_recorded_once_and_what_comes_later_without_a_restart() {
    let bench = Bench::new("breakglass");
    let path = bench.directory.join("breakglass");
    let owner = metadata(&bench.directory).unwrap().uid();
    let mut log = Log::new(&path, owner, Arc::default());
    log.hand_over(&bench.engine).await;
    assert_eq!(recorded(&bench), [""; 0], "there is no such file");
    write(&path, &(line(1) + &line(2) + "\n\n\n\n" + &line(3) + &line(4) + &line(4) + "2026-11-23T12:00:01Z us"));
    log.hand_over(&bench.engine).await;
    assert_eq!(recorded(&bench), ["1", "2", "3", "4"]);
    write(&path, &("\n".to_owned() + &line(5)));
    log.hand_over(&bench.engine).await;
    log.hand_over(&bench.engine).await;
    assert_eq!(count(&bench), 6, "with what had been cut off");
    // Another jitd, at its start.
    Log::new(&path, owner, Arc::default()).hand_over(&bench.engine).await;
    assert_eq!(count(&bench), 6);
    // One that was begun anew.
    std::fs::remove_file(&path).unwrap();
    write(&path, &line(7));
    log.hand_over(&bench.engine).await;
    assert_eq!(count(&bench), 7);
}

#[tokio::test]
async fn a_record_that_is_put_in_the_place_of_another_gets_what_it_does_not_have() {
    let (bench, older) = (Bench::new("breakglass-newer"), Bench::new("breakglass-older"));
    let path = bench.directory.join("breakglass");
    let mut log = Log::new(&path, metadata(&bench.directory).unwrap().uid(), Arc::default());
    write(&path, &(line(1) + &line(2)));
    log.hand_over(&bench.engine).await;
    log.hand_over(&older.engine).await;
    assert_eq!((recorded(&bench), recorded(&older)), (vec!["1".to_owned(), "2".to_owned()], vec!["1".to_owned(), "2".to_owned()]));
}

#[tokio::test]
async fn a_log_that_cannot_be_read_is_said_once_and_again_when_the_reason_changes() {
    let bench = Bench::new("breakglass-unread");
    let syslog = UnixDatagram::bind(bench.directory.join("log")).unwrap();
    syslog.set_nonblocking(true).unwrap();
    let path = bench.directory.join("breakglass");
    let meter = Arc::new(Meter::default());
    let mut log = Log::new(&path, metadata(&bench.directory).unwrap().uid(), meter.clone());
    log.hand_over(&bench.engine).await;
    assert_eq!(meter.breakglass_unread(), None, "there is no such file");
    write(&path, &line(1));
    let mode = |mode| std::fs::set_permissions(&path, PermissionsExt::from_mode(mode)).unwrap();
    let alert = async || {
        let (mut said, began) = ([0; 4096], std::time::Instant::now());
        loop {
            let length = syslog.recv(&mut said).unwrap_or(0);
            let said = String::from_utf8_lossy(&said[..length]).into_owned();
            if said.contains("store.failed") {
                assert!(said.contains(" seq="), "it is on record: {said}");
                return said;
            }
            assert!(began.elapsed().as_secs() < 20, "there is no alert");
            bench.hand.pass_millis(50);
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    mode(0o666);
    log.hand_over(&bench.engine).await;
    assert!(alert().await.contains("others could have written it"));
    log.hand_over(&bench.engine).await;
    let unread = meter.breakglass_unread().unwrap();
    assert!(unread.starts_with(path.to_str().unwrap()) && unread.ends_with("others could have written it"), "{unread}");
    std::fs::remove_file(&path).unwrap();
    std::os::unix::fs::symlink("elsewhere", &path).unwrap();
    log.hand_over(&bench.engine).await;
    assert!(alert().await.contains("symbolic links"), "the next alert is of another reason");
    assert_eq!(recorded(&bench), [""; 0]);
    std::fs::remove_file(&path).unwrap();
    write(&path, &line(2));
    mode(0o640);
    log.hand_over(&bench.engine).await;
    assert_eq!((meter.breakglass_unread(), recorded(&bench)), (None, vec!["2".to_owned()]));
    while bench.of_the_store().len() < 3 {
        bench.hand.pass_millis(50);
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let [(_, _, shared), (_, _, link), (_, back, _)] = bench.of_the_store().try_into().unwrap();
    assert!(shared.contains("others could have written it") && link.contains("symbolic links"), "{shared} {link}");
    assert_eq!(back, "store.back");
}

#[tokio::test]
async fn what_cannot_be_read_before_there_is_a_record_is_said_as_soon_as_there_is_one() {
    let bench = Bench::new("breakglass-early");
    let (path, meter) = (bench.directory.join("breakglass"), Arc::new(Meter::default()));
    write(&path, &line(1));
    std::fs::set_permissions(&path, PermissionsExt::from_mode(0o666)).unwrap();
    let mut log = Log::new(&path, metadata(&bench.directory).unwrap().uid(), meter.clone());
    let why = "it is still being read".to_owned();
    let writer = Writer::none(why.clone(), &Arc::new(tokio::sync::watch::channel(Newest::default()).0));
    let state = jit_core::state::State::default();
    let record = RecordChecks::Grouped;
    let begun = Begun { state, policy: None, trouble: Vec::new(), record, based: 0, no_record: Some(why), hanging: None };
    let (engine, task) = Task::new(bench.hand.clone(), writer, Keeper::idle(), begun);
    tokio::spawn(task.run());
    log.hand_over(&engine).await;
    log.hand_over(&bench.engine).await;
    assert!(meter.breakglass_unread().is_some());
    let began = std::time::Instant::now();
    while bench.of_the_store().is_empty() {
        assert!(began.elapsed().as_secs() < 20, "it is in no record");
        bench.hand.pass_millis(50);
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(bench.of_the_store().first().map(|(_, event, _)| event.as_str()), Some("store.failed"));
}
