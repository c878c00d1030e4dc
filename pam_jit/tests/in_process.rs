//! The built module, loaded by the real libpam from a stack of the test's own, asking daemons that misbehave.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "tests say what went wrong by panicking"
)]

use jit_proto::frame::{self, HEADER};
use jit_proto::pam::{PamAnswer, PamAsk, Verdict};
use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::io::{Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::ptr;
use std::time::{Duration, Instant};

const SUCCESS: c_int = 0;
const PERM_DENIED: c_int = 6;
const AUTHINFO_UNAVAIL: c_int = 9;

#[repr(C)]
struct Message {
    style: c_int,
    text: *const c_char,
}

#[repr(C)]
struct Conversation {
    talk: extern "C" fn(c_int, *const *const Message, *mut *mut c_void, *mut c_void) -> c_int,
    heard: *mut c_void,
}

#[link(name = "pam")]
unsafe extern "C" {
    fn pam_start_confdir(
        service: *const c_char,
        user: *const c_char,
        conv: *const Conversation,
        dir: *const c_char,
        handle: *mut *mut c_void,
    ) -> c_int;
    fn pam_acct_mgmt(handle: *mut c_void, flags: c_int) -> c_int;
    fn pam_open_session(handle: *mut c_void, flags: c_int) -> c_int;
    fn pam_close_session(handle: *mut c_void, flags: c_int) -> c_int;
    fn pam_setcred(handle: *mut c_void, flags: c_int) -> c_int;
    fn pam_end(handle: *mut c_void, status: c_int) -> c_int;
}

/// Keeps what it is told, and gives no reply array back: some hosts do that.
extern "C" fn hear(count: c_int, messages: *const *const Message, _: *mut *mut c_void, heard: *mut c_void) -> c_int {
    // SAFETY: libpam passes back the pointer that was given with the conversation, and as many messages as it says.
    let heard = unsafe { &mut *heard.cast::<Heard>() };
    for number in 0..usize::try_from(count).unwrap() {
        // SAFETY: as above; Linux-PAM passes an array of pointers.
        let place = unsafe { messages.add(number) };
        // SAFETY: the array holds that many pointers.
        let message = unsafe { *place };
        // SAFETY: each points to a message.
        let text = unsafe { (*message).text };
        // SAFETY: a message's text ends in NUL.
        let text = unsafe { CStr::from_ptr(text) };
        heard.lines.push(text.to_string_lossy().into_owned());
    }
    SUCCESS
}

/// A directory with a stack for the service `door`, and a socket beside it.
struct Place {
    directory: tempfile::TempDir,
}

impl Place {
    fn new(arguments: &str) -> Self {
        let directory = tempfile::Builder::new().prefix("jit-pam-").tempdir_in("/run").expect("these tests run as root");
        let module = module();
        let socket = directory.path().join("pam.sock");
        let line =
            |kind: &str, more: &str| format!("{kind} required {} socket={} {arguments} {more}\n", module.display(), socket.display());
        let stack =
            line("account", "") + &line("session", "") + &line("session", "enter") + &line("auth", "") + "auth required pam_permit.so\n";
        std::fs::write(directory.path().join("door"), stack).unwrap();
        Self { directory }
    }

    fn socket(&self) -> PathBuf {
        self.directory.path().join("pam.sock")
    }

    fn transaction(&self) -> Transaction {
        Transaction::start(self.directory.path(), "door", "root")
    }

    /// The same lines for another service, with a module behind them that lets everybody in.
    fn transaction_of(&self, service: &str, user: &str) -> Transaction {
        let line = format!("account required {} socket={}\naccount required pam_permit.so\n", module().display(), self.socket().display());
        std::fs::write(self.directory.path().join(service), line).unwrap();
        Transaction::start(self.directory.path(), service, user)
    }
}

/// The module beside this test: the same profile.
fn module() -> PathBuf {
    let here = std::env::current_exe().unwrap();
    let module = here.parent().unwrap().parent().unwrap().join("libpam_jit.so");
    assert!(module.exists(), "build first: cargo build --workspace");
    module
}

/// What a conversation was told. It must stay where it is while libpam points to it.
#[derive(Default)]
struct Heard {
    lines: Vec<String>,
}

struct Transaction {
    handle: *mut c_void,
    heard: Box<Heard>,
}

impl Transaction {
    fn start(directory: &Path, service: &str, user: &str) -> Self {
        let text = |text: &str| CString::new(text).unwrap();
        let (service, user, directory) = (text(service), text(user), text(directory.to_str().unwrap()));
        let mut heard = Box::new(Heard::default());
        let conversation = Conversation { talk: hear, heard: ptr::from_mut(heard.as_mut()).cast() };
        let mut handle = ptr::null_mut();
        // SAFETY: everything lives through the call; libpam copies the conversation, and `heard` lives as long as the handle.
        let started =
            unsafe { pam_start_confdir(service.as_ptr(), user.as_ptr(), &raw const conversation, directory.as_ptr(), &raw mut handle) };
        assert_eq!(started, SUCCESS);
        Self { handle, heard }
    }

    fn account(&self) -> c_int {
        // SAFETY: the handle is live.
        unsafe { pam_acct_mgmt(self.handle, 0) }
    }

    fn open(&self) -> c_int {
        // SAFETY: the handle is live.
        unsafe { pam_open_session(self.handle, 0) }
    }

    fn close(&self) -> c_int {
        // SAFETY: the handle is live.
        unsafe { pam_close_session(self.handle, 0) }
    }

    fn setcred(&self) -> c_int {
        // SAFETY: the handle is live.
        unsafe { pam_setcred(self.handle, 2) }
    }
}

impl Drop for Transaction {
    fn drop(&mut self) {
        // SAFETY: the handle is live, and not used again.
        unsafe { pam_end(self.handle, 0) };
    }
}

fn read_ask(stream: &mut UnixStream) -> PamAsk {
    let mut header = [0; HEADER];
    stream.read_exact(&mut header).unwrap();
    let mut content = vec![0; frame::content_length(header).unwrap()];
    stream.read_exact(&mut content).unwrap();
    frame::decode(&content).unwrap()
}

/// A daemon that serves so many connections, each in its way.
fn daemon(socket: &Path, connections: usize, serve: impl Fn(usize, UnixStream) + Send + 'static) {
    let listener = UnixListener::bind(socket).unwrap();
    std::thread::spawn(move || {
        let mut kept = Vec::new();
        for number in 0..connections {
            let (stream, _) = listener.accept().unwrap();
            // What is silent keeps its connection open.
            kept.push(stream.try_clone().unwrap());
            serve(number, stream);
        }
        // Longer than any patience here.
        std::thread::sleep(Duration::from_secs(5));
    });
}

fn answer(stream: &mut UnixStream, token: u64, verdict: Verdict) {
    // The module may have gone.
    let _ = stream.write_all(&frame::encode(&PamAnswer { token, verdict }).unwrap());
}

#[test]
fn a_whole_transaction_is_let_in_and_each_line_asks_once() {
    let place = Place::new("");
    let (asked, questions) = std::sync::mpsc::channel();
    daemon(&place.socket(), 4, move |_, mut stream| {
        let ask = read_ask(&mut stream);
        let kind = format!("{:?}", ask.question).split([' ', '(']).next().unwrap().to_owned();
        let verdict = match kind.as_str() {
            "Check" => Verdict::Allowed,
            "Open" => Verdict::Opened { session: "S-00000001".to_owned() },
            _ => Verdict::Noted,
        };
        asked.send(kind).unwrap();
        answer(&mut stream, ask.token, verdict);
    });
    let transaction = place.transaction();
    assert_eq!(transaction.account(), SUCCESS);
    assert_eq!(transaction.setcred(), SUCCESS);
    assert_eq!(transaction.open(), SUCCESS);
    assert_eq!(transaction.close(), SUCCESS);
    assert_eq!(questions.try_iter().collect::<Vec<_>>(), ["Check", "Open", "Enter", "Close"]);
    assert!(transaction.heard.lines.is_empty());
}

#[test]
fn a_denial_reaches_the_conversation_and_is_perm_denied() {
    let place = Place::new("");
    daemon(&place.socket(), 1, |_, mut stream| {
        let ask = read_ask(&mut stream);
        answer(&mut stream, ask.token, Verdict::Denied { message: "jit: no grant for door. D-00000001".to_owned() });
    });
    let transaction = place.transaction();
    assert_eq!(transaction.account(), PERM_DENIED);
    assert_eq!(transaction.heard.lines, ["jit: no grant for door. D-00000001"]);
}

#[test]
fn a_daemon_that_is_busy_before_it_reads_denies_and_is_not_away() {
    let place = Place::new("");
    daemon(&place.socket(), 1, |_, mut stream| answer(&mut stream, 0, Verdict::Denied { message: "jit: busy".to_owned() }));
    assert_eq!(place.transaction().account(), PERM_DENIED);
}

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
        answer(&mut stream, ask.token, Verdict::Opened { session: "S-00000001".to_owned() });
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
fn a_typo_denies_and_setcred_is_fine_all_the_same() {
    let place = Place::new("quite");
    let transaction = place.transaction();
    assert_eq!(transaction.account(), PERM_DENIED);
    assert_eq!(transaction.open(), PERM_DENIED);
    assert_eq!(transaction.setcred(), SUCCESS);
}

#[test]
fn root_on_the_console_and_root_calling_sudo_come_in_without_a_daemon_and_nobody_else_does() {
    let place = Place::new("");
    for service in ["login", "sudo", "sudo-i", "su", "su-l"] {
        assert_eq!(place.transaction_of(service, "root").account(), SUCCESS, "{service}");
    }
    assert_eq!(place.transaction_of("login", "daemon").account(), AUTHINFO_UNAVAIL);
    assert_eq!(place.transaction_of("sshd", "root").account(), AUTHINFO_UNAVAIL);
}

#[test]
fn two_thousand_transactions_leave_no_descriptor_behind() {
    let place = Place::new("");
    let descriptors = || std::fs::read_dir("/proc/self/fd").unwrap().count();
    assert_eq!(place.transaction().account(), AUTHINFO_UNAVAIL);
    let before = descriptors();
    for _ in 0..2000 {
        assert_eq!(place.transaction().account(), AUTHINFO_UNAVAIL);
    }
    // Other tests of this process come and go.
    assert!(descriptors() < before + 100);
}
