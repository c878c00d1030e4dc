//! Daemons that misbehave: each is away, within the timeout and a tenth of a second, and nobody is let in.

use crate::daemon::{answer, daemon, read_ask};
use crate::libpam::{AUTHINFO_UNAVAIL, SUCCESS};
use crate::place::Place;
use jit_proto::frame;
use jit_proto::pam::{Hold, PamAnswer, Verdict};
use std::io::Write;
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

/// Faulty daemons are away, within the timeout and a tenth of a second.
fn is_away(connections: usize, serve: impl Fn(usize, UnixStream) + Send + 'static) {
    let place = Place::new("timeout=1s");
    daemon(&place.socket(), connections, serve);
    let transaction = place.transaction();
    let began = Instant::now();
    assert_eq!(transaction.account(), AUTHINFO_UNAVAIL);
    let took = began.elapsed();
    assert!(took < Duration::from_millis(1100), "{took:?}");
    assert_eq!(transaction.heard.lines, ["jit: the access daemon does not answer; nobody is let in. Tell your administrator."]);
}

#[test]
fn a_silent_daemon_is_away() {
    is_away(1, |_, _| {});
}

#[test]
fn garbage_half_a_frame_another_version_and_a_frame_too_long_are_away() {
    is_away(1, |_, mut stream| stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").unwrap());
    is_away(1, |_, mut stream| stream.write_all(&[1, 0, 0]).unwrap());
    is_away(1, |_, mut stream| stream.write_all(&[9, 0, 0, 0, 1, 0]).unwrap());
    is_away(1, |_, mut stream| stream.write_all(&[1, 255, 255, 255, 255, 0]).unwrap());
}

#[test]
fn an_answer_to_another_question_is_away() {
    is_away(1, |_, mut stream| {
        let ask = read_ask(&mut stream);
        answer(&mut stream, ask.token ^ 1, Verdict::Allowed);
    });
    is_away(1, |_, mut stream| {
        let ask = read_ask(&mut stream);
        answer(&mut stream, ask.token, Verdict::Opened { session: "S-00000001".to_owned(), hold: Hold::Tree });
    });
}

#[test]
fn one_byte_at_a_time_is_away() {
    is_away(1, |_, mut stream| {
        let ask = read_ask(&mut stream);
        let frame = frame::encode(&PamAnswer { token: ask.token, verdict: Verdict::Allowed }).unwrap();
        std::thread::spawn(move || {
            for byte in frame {
                std::thread::sleep(Duration::from_millis(200));
                if stream.write_all(&[byte]).is_err() {
                    break;
                }
            }
        });
    });
}

#[test]
fn a_daemon_that_always_closes_is_away_and_one_that_closes_once_was_restarted() {
    is_away(3, |_, stream| stream.shutdown(std::net::Shutdown::Both).unwrap());
    let place = Place::new("");
    daemon(&place.socket(), 2, |number, mut stream| {
        let ask = read_ask(&mut stream);
        match number {
            0 => stream.shutdown(std::net::Shutdown::Both).unwrap(),
            _ => answer(&mut stream, ask.token, Verdict::Allowed),
        }
    });
    assert_eq!(place.transaction().account(), SUCCESS);
}

#[test]
fn no_socket_and_a_full_backlog_are_away() {
    let place = Place::new("timeout=1s");
    assert_eq!(place.transaction().account(), AUTHINFO_UNAVAIL);
    let socket = nix::sys::socket::socket(
        nix::sys::socket::AddressFamily::Unix,
        nix::sys::socket::SockType::Stream,
        nix::sys::socket::SockFlag::empty(),
        None,
    )
    .unwrap();
    let address = nix::sys::socket::UnixAddr::new(&place.socket()).unwrap();
    nix::sys::socket::bind(std::os::fd::AsRawFd::as_raw_fd(&socket), &address).unwrap();
    nix::sys::socket::listen(&socket, nix::sys::socket::Backlog::new(0).unwrap()).unwrap();
    let _fills_it = UnixStream::connect(place.socket()).unwrap();
    let began = Instant::now();
    assert_eq!(place.transaction().account(), AUTHINFO_UNAVAIL);
    assert!(began.elapsed() < Duration::from_millis(1100));
}

#[test]
fn a_file_a_folder_and_a_socket_of_another_kind_are_away() {
    let place = Place::new("timeout=1s");
    std::fs::write(place.socket(), "").unwrap();
    assert_eq!(place.transaction().account(), AUTHINFO_UNAVAIL);
    std::fs::remove_file(place.socket()).unwrap();
    std::fs::create_dir(place.socket()).unwrap();
    assert_eq!(place.transaction().account(), AUTHINFO_UNAVAIL);
    std::fs::remove_dir(place.socket()).unwrap();
    let _datagrams = std::os::unix::net::UnixDatagram::bind(place.socket()).unwrap();
    assert_eq!(place.transaction().account(), AUTHINFO_UNAVAIL);
}

#[test]
fn a_daemon_that_closes_in_the_middle_of_its_answer_is_away_whenever_that_is() {
    for length in 0..20 {
        is_away(3, move |_, mut stream| {
            let ask = read_ask(&mut stream);
            let frame = frame::encode(&PamAnswer { token: ask.token, verdict: Verdict::Allowed }).unwrap();
            let kept = frame.len().min(length).min(frame.len() - 1);
            let _ = stream.write_all(&frame[..kept]);
            stream.shutdown(std::net::Shutdown::Both).unwrap();
        });
    }
}

#[test]
fn an_answer_with_something_behind_it_inside_the_frame_is_away() {
    is_away(1, |_, mut stream| {
        let ask = read_ask(&mut stream);
        let mut frame = frame::encode(&PamAnswer { token: ask.token, verdict: Verdict::Allowed }).unwrap();
        frame[4] += 1;
        frame.push(0);
        stream.write_all(&frame).unwrap();
    });
}

#[test]
fn a_socket_of_somebody_elses_or_in_a_folder_that_others_can_write_is_away_before_anything_is_asked() {
    use std::os::unix::fs::{PermissionsExt, chown};
    let place = Place::new("timeout=1s");
    crate::daemon::answers_all(&place.socket(), crate::daemon::welcome);
    assert_eq!(place.transaction().account(), SUCCESS);
    let mode = |mode| std::fs::set_permissions(place.socket().parent().unwrap(), PermissionsExt::from_mode(mode)).unwrap();
    for others in [0o777, 0o770, 0o720, 0o702] {
        mode(others);
        assert_eq!(place.transaction().account(), AUTHINFO_UNAVAIL, "{others:o}");
    }
    mode(0o755);
    chown(place.socket(), Some(1), None).unwrap();
    assert_eq!(place.transaction().account(), AUTHINFO_UNAVAIL);
    chown(place.socket(), Some(0), None).unwrap();
    chown(place.socket().parent().unwrap(), Some(1), None).unwrap();
    assert_eq!(place.transaction().account(), AUTHINFO_UNAVAIL);
    chown(place.socket().parent().unwrap(), Some(0), None).unwrap();
    assert_eq!(place.transaction().account(), SUCCESS);
}
