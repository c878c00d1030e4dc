use super::*;
use crate::pam::{PamAnswer, Verdict};
use std::io::{Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::time::Instant;

fn pair() -> (Connection, UnixStream) {
    let (ours, theirs) = UnixStream::pair().unwrap();
    ours.set_nonblocking(true).unwrap();
    (Connection { socket: ours.into() }, theirs)
}

fn short() -> Patience {
    Patience::of(Duration::from_millis(150))
}

fn answer() -> PamAnswer {
    PamAnswer { token: 1, verdict: Verdict::Allowed }
}

fn receive(connection: &Connection) -> Result<PamAnswer, Trouble> {
    connection.receive(&mut short())
}

#[test]
fn a_message_is_received_whole_even_in_pieces() {
    let (connection, mut daemon) = pair();
    let frame = frame::encode(&answer()).unwrap();
    daemon.write_all(&frame[..3]).unwrap();
    let writer = std::thread::spawn(move || {
        daemon.write_all(&frame[3..]).unwrap();
        daemon
    });
    assert_eq!(receive(&connection), Ok(answer()));
    drop(writer.join());
}

#[test]
fn silence_half_a_frame_garbage_and_an_early_end_each_prove_the_daemon_away() {
    let (silent, _daemon) = pair();
    assert_eq!(receive(&silent), Err(Trouble::Away(Away::Silence)));

    let (half, mut daemon) = pair();
    daemon.write_all(&[1, 0, 0]).unwrap();
    assert_eq!(receive(&half), Err(Trouble::Away(Away::Silence)));

    let (garbage, mut daemon) = pair();
    daemon.write_all(b"HTTP/1.1 400 Bad Request").unwrap();
    assert!(matches!(receive(&garbage), Err(Trouble::Away(Away::Nonsense(_)))));

    let (closed, daemon) = pair();
    drop(daemon);
    assert_eq!(receive(&closed), Err(Trouble::Away(Away::Closed)));
}

#[test]
fn an_answer_that_is_there_is_read_even_with_no_patience_left() {
    let (connection, mut daemon) = pair();
    daemon.write_all(&frame::encode(&answer()).unwrap()).unwrap();
    assert_eq!(connection.receive(&mut Patience::of(Duration::ZERO)), Ok(answer()));
}

#[test]
fn an_answer_sent_before_the_daemon_closed_is_read_after_a_send_that_failed() {
    let (connection, mut daemon) = pair();
    daemon.write_all(&frame::encode(&answer()).unwrap()).unwrap();
    drop(daemon);
    connection.send(&answer(), &mut short()).unwrap();
    assert_eq!(receive(&connection), Ok(answer()));
}

#[test]
fn one_byte_at_a_time_does_not_stretch_the_wait() {
    let (connection, mut daemon) = pair();
    let writer = std::thread::spawn(move || {
        for byte in frame::encode(&answer()).unwrap() {
            std::thread::sleep(Duration::from_millis(60));
            if daemon.write_all(&[byte]).is_err() {
                break;
            }
        }
    });
    let began = Instant::now();
    assert_eq!(receive(&connection), Err(Trouble::Away(Away::Silence)));
    assert!(began.elapsed() < Duration::from_secs(1));
    drop(connection);
    drop(writer.join());
}

#[test]
fn a_missing_a_dead_and_a_false_socket_are_told_apart() {
    let directory = std::env::temp_dir().join(format!("jit-client-{}", std::process::id()));
    std::fs::create_dir_all(&directory).unwrap();
    let open = |path: &Path| Connection::open(path, Trust::RootOnly, &mut short()).map(|_| ()).unwrap_err();

    assert_eq!(open(&directory.join("none")), Trouble::Away(Away::NoSocket));

    let dead = directory.join("dead");
    drop(UnixListener::bind(&dead).unwrap());
    assert_eq!(open(&dead), Trouble::Away(Away::Refused));

    let file = directory.join("file");
    std::fs::write(&file, "").unwrap();
    assert!(matches!(open(&file), Trouble::Away(Away::Impostor(_))));

    let live = directory.join("live");
    let listener = UnixListener::bind(&live).unwrap();
    Connection::open(&live, Trust::RootOnly, &mut short()).unwrap();
    std::fs::set_permissions(&directory, std::os::unix::fs::PermissionsExt::from_mode(0o777)).unwrap();
    assert!(matches!(open(&live), Trouble::Away(Away::Impostor(_))));
    drop(listener);
    std::fs::remove_dir_all(&directory).unwrap();
}

#[test]
fn a_sent_message_arrives() {
    let (connection, mut daemon) = pair();
    connection.send(&answer(), &mut short()).unwrap();
    let mut received = vec![0; frame::encode(&answer()).unwrap().len()];
    daemon.read_exact(&mut received).unwrap();
    assert_eq!(received, frame::encode(&answer()).unwrap());
}
