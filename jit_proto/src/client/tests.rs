use super::*;
use crate::pam::{PamAnswer, Verdict};
use std::io::{Read, Write};
use std::os::unix::net::{UnixDatagram, UnixListener, UnixStream};
use std::path::PathBuf;
use std::time::Instant;

/// A folder of the test's own, which goes with it.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("jit-client-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        Self(folder)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(&self.0));
    }
}

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
fn an_answer_of_the_user_socket_is_received_in_its_parts_or_is_none() {
    let receive = |frames: &[Vec<u8>]| {
        let (connection, mut daemon) = pair();
        frames.iter().for_each(|frame| daemon.write_all(frame).unwrap());
        connection.answer(&mut short())
    };
    let whole = UserAnswer::Remark("x".repeat(70_000));
    let frames = whole.frames().unwrap();
    assert_eq!((frames.len(), receive(&frames)), (2, Ok(whole)));
    let noted = frame::encode(&UserAnswer::Noted).unwrap();
    assert_eq!(receive(std::slice::from_ref(&noted)), Ok(UserAnswer::Noted));
    let torn = receive(&[frames[0].clone(), noted]);
    assert!(matches!(torn, Err(Trouble::Away(Away::Nonsense(_)))), "{torn:?}");
    assert!(matches!(receive(&frames[..1]), Err(Trouble::Away(_))), "the rest does not come");
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

    let (cut, mut daemon) = pair();
    daemon.write_all(&frame::encode(&answer()).unwrap()[..HEADER]).unwrap();
    drop(daemon);
    assert_eq!(receive(&cut), Err(Trouble::Away(Away::Closed)), "in the middle of a frame");
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
    let folder = Folder::new("told-apart");
    let directory = &folder.0;
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
    std::fs::set_permissions(directory, std::os::unix::fs::PermissionsExt::from_mode(0o777)).unwrap();
    assert!(matches!(open(&live), Trouble::Away(Away::Impostor(_))));
    drop(listener);
}

#[test]
fn what_is_wrong_with_the_way_to_a_socket_is_ours_and_what_is_wrong_with_its_other_end_is_its_own() {
    let folder = Folder::new("way");
    let open = |path: &Path, trust| Connection::open(path, trust, &mut short()).map(|_| ()).unwrap_err();
    let endless = folder.0.join("endless");
    std::os::unix::fs::symlink(&endless, &endless).unwrap();
    let ours = |what: &str| Trouble::Ours(format!("{what}: Too many symbolic links encountered"));
    assert_eq!(open(&endless, Trust::Anyone), ours("connect"));
    assert_eq!(open(&endless.join("socket"), Trust::RootOnly), ours("stat of the socket"));
    let too_long = folder.0.join("x".repeat(200));
    assert!(matches!(open(&too_long, Trust::RootOnly), Trouble::Ours(why) if why.starts_with("the path of the socket: ")));

    assert_eq!(open(&folder.0.join("none"), Trust::Anyone), Trouble::Away(Away::NoSocket));
    assert_eq!(open(Path::new("/"), Trust::RootOnly), Trouble::Away(Away::Impostor("it has no directory".to_owned())));
    let other = folder.0.join("other");
    let _other = UnixDatagram::bind(&other).unwrap();
    assert_eq!(open(&other, Trust::RootOnly), Trouble::Away(Away::Impostor("it is of another type".to_owned())));
}

/// As SELinux does it to a host whose domain may not connect (himmelblau 1312): it is there, and whoever asks is not let near it.
#[test]
fn a_socket_that_one_may_not_connect_to_or_see_proves_nothing_about_the_daemon() {
    let folder = Folder::new("forbidden");
    let allow = |path: &Path, mode| std::fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(mode)).unwrap();
    let (path, within) = (folder.0.join("socket"), folder.0.join("within"));
    std::fs::create_dir(&within).unwrap();
    let _listeners = [&path, &within.join("socket")].map(|path| UnixListener::bind(path).unwrap());
    allow(&path, 0o000);
    allow(&within, 0o000);
    let open = |path: PathBuf, trust| {
        let opens = move || {
            // No permission stands in root's way: this thread, and it alone, asks as somebody else.
            if geteuid().is_root() {
                nix::unistd::setfsuid(nix::unistd::Uid::from_raw(4711));
            }
            Connection::open(&path, trust, &mut short()).map(drop)
        };
        std::thread::spawn(opens).join().unwrap()
    };
    let ours = |what: &str| Err(Trouble::Ours(format!("{what}: Permission denied")));
    for trust in [Trust::RootOnly, Trust::Anyone] {
        assert_eq!(open(path.clone(), trust), ours("connect"), "{trust:?}");
    }
    assert_eq!(open(within.join("socket"), Trust::RootOnly), ours("stat of the socket"));
    assert_eq!(open(within.join("socket"), Trust::Anyone), ours("connect"));
    allow(&within, 0o700);
}

#[test]
fn a_socket_of_somebody_elses_is_not_trusted() {
    let own = geteuid().as_raw();
    assert_eq!(check_owner(0, "the socket"), Ok(()));
    assert_eq!(check_owner(own, "the socket"), Ok(()));
    let folder = Folder::new("others");
    // Root alone can give a folder away.
    if std::os::unix::fs::chown(&folder.0, Some(4711), None).is_ok() {
        let _listener = UnixListener::bind(folder.0.join("socket")).unwrap();
        let opened = Connection::open(&folder.0.join("socket"), Trust::RootOnly, &mut short()).map(drop);
        assert_eq!(opened, Err(Trouble::Away(Away::Impostor("its directory belongs to uid 4711".to_owned()))));
    }
    let others = own + 4711;
    assert_eq!(check_owner(others, "the socket"), Err(Trouble::Away(Away::Impostor(format!("the socket belongs to uid {others}")))));
}

#[test]
fn a_daemon_that_does_not_come_round_to_us_or_takes_nothing_is_silent() {
    let folder = Folder::new("full");
    let path = folder.0.join("full");
    let listener = socket::socket(AddressFamily::Unix, SockType::Stream, SockFlag::empty(), None).unwrap();
    socket::bind(listener.as_raw_fd(), &UnixAddr::new(&path).unwrap()).unwrap();
    socket::listen(&listener, socket::Backlog::new(0).unwrap()).unwrap();
    let mut waiting = Vec::new();
    let refused = loop {
        match Connection::open(&path, Trust::RootOnly, &mut Patience::of(Duration::from_millis(20))) {
            Ok(connection) => waiting.push(connection),
            Err(trouble) => break trouble,
        }
        assert!(waiting.len() < 10, "nobody accepts");
    };
    assert_eq!((refused, waiting.len()), (Trouble::Away(Away::Silence), 1));

    let (connection, _daemon) = pair();
    let message = vec![7_u8; 60_000];
    let sent = (0..1000).find_map(|_| connection.send(&message, &mut Patience::of(Duration::from_millis(20))).err());
    assert_eq!(sent, Some(Trouble::Away(Away::Silence)), "it reads nothing");
    assert_eq!(connection.send(&vec![7_u8; 70_000], &mut short()), Err(Trouble::Ours("the message is longer than 64 KiB".to_owned())));
}

#[test]
fn patience_is_used_up_by_waiting_alone_and_a_person_has_no_end_of_it() {
    let mut patience = Patience::of(Duration::from_millis(120));
    let began = Instant::now();
    while patience.rest().unwrap() {
        assert!(began.elapsed() < Duration::from_secs(10));
    }
    assert!(began.elapsed() >= Duration::from_millis(120), "no sooner than its time");
    assert_eq!(patience.rest(), Ok(false));
    let mut endless = Patience::endless();
    assert_eq!((endless.rest(), endless.rest()), (Ok(true), Ok(true)));
}

#[test]
fn whether_the_daemon_speaks_is_known_at_once_if_it_does_and_within_the_time_if_not() {
    let (connection, mut daemon) = pair();
    let within = |time| connection.speaks_within(time);
    assert_eq!(within(Some(Duration::ZERO)), Ok(false));
    let began = Instant::now();
    assert_eq!(within(Some(Duration::from_millis(30))), Ok(false));
    assert!(began.elapsed() >= Duration::from_millis(30));
    daemon.write_all(&frame::encode(&answer()).unwrap()).unwrap();
    for time in [Some(Duration::ZERO), Some(Duration::from_secs(3600)), Some(Duration::MAX), None] {
        assert_eq!(within(time), Ok(true), "{time:?}");
    }
    assert_eq!(receive(&connection), Ok(answer()));
    drop(daemon);
    assert_eq!(within(None), Ok(true), "that it has closed is something to receive");
    assert_eq!(connection.as_fd().as_raw_fd(), connection.socket.as_raw_fd());
}

#[test]
fn each_trouble_says_what_it_is() {
    for (trouble, said) in [
        (Trouble::Away(Away::NoSocket), "there is no socket"),
        (Trouble::Away(Away::Refused), "nobody listens on the socket"),
        (Trouble::Away(Away::Impostor("it is not a socket".to_owned())), "the socket is not to be trusted: it is not a socket"),
        (Trouble::Away(Away::Silence), "no answer came in time"),
        (Trouble::Away(Away::Closed), "the connection was closed without an answer"),
        (Trouble::Away(Away::Nonsense(frame::Wrong::Content.to_string())), "the answer made no sense: content that makes no sense"),
        (Trouble::Ours("poll: no memory".to_owned()), "poll: no memory"),
    ] {
        assert_eq!(trouble.to_string(), said);
    }
}

#[test]
fn a_sent_message_arrives() {
    let (connection, mut daemon) = pair();
    connection.send(&answer(), &mut short()).unwrap();
    let mut received = vec![0; frame::encode(&answer()).unwrap().len()];
    daemon.read_exact(&mut received).unwrap();
    assert_eq!(received, frame::encode(&answer()).unwrap());
}

#[test]
fn what_fails_on_our_side_proves_nothing_about_the_daemon() {
    let unconnected = Connection { socket: new_socket().unwrap() };
    assert_eq!(unconnected.send(&answer(), &mut short()), Err(Trouble::Ours("send: Transport endpoint is not connected".to_owned())));
    assert_eq!(receive(&unconnected), Err(Trouble::Ours("recv: Invalid argument".to_owned())));
}

/// Set in a process of this test's own, whose descriptors are nobody else's.
const ALONE: &str = "JIT_CLIENT_TEST_ALONE";

#[test]
fn in_a_host_without_standard_streams_or_descriptors_the_socket_is_none_of_the_streams_and_the_trouble_ours() {
    if std::env::var_os(ALONE).is_none() {
        let name = "in_a_host_without_standard_streams_or_descriptors_the_socket_is_none_of_the_streams_and_the_trouble_ours";
        let again = format!("ulimit -n 40; exec \"$0\" --exact client::tests::{name} --nocapture");
        let ran =
            std::process::Command::new("sh").args(["-c", &again]).arg(std::env::current_exe().unwrap()).env(ALONE, "1").output().unwrap();
        let said = format!("{}{}", String::from_utf8_lossy(&ran.stdout), String::from_utf8_lossy(&ran.stderr));
        assert!(ran.status.success() && said.contains("1 passed"), "{said}");
        return;
    }
    nix::unistd::close(0).unwrap();
    let socket = new_socket().unwrap();
    assert!(socket.as_raw_fd() > 2);
    drop(socket);
    // The lowest number alone is free: a socket that must not have it has none.
    let mut all: Vec<_> = std::iter::from_fn(|| std::fs::File::open("/dev/null").ok()).collect();
    assert_eq!(all[0].as_raw_fd(), 0);
    drop(all.remove(0));
    let open = || Connection::open(Path::new("/nowhere"), Trust::Anyone, &mut short()).map(drop);
    assert!(matches!(open(), Err(Trouble::Ours(why)) if why.starts_with("dup: ")));
    all.extend(std::fs::File::open("/dev/null"));
    assert_eq!(open(), Err(Trouble::Ours("socket: Too many open files".to_owned())));
}
