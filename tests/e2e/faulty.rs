//! Daemons that are broken, or none of ours: on real sudo each lets nobody in, and leaves one line in the log.

use jit_proto::frame;
use jit_proto::pam::{PamAnswer, PamAsk, Verdict};
use jit_tests::Host;
use std::io::{Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::time::Duration;

const AWAY: &str = "jit: the access daemon does not answer; nobody is let in.";

/// A daemon of the test's own at the host's PAM socket. It serves for as long as the test runs.
fn daemon(host: &Host, serve: impl Fn(UnixStream) + Send + 'static) {
    host.root().run("mkdir -p -m 0755 /run/jit; rm -f /run/jit/pam.sock").succeeds();
    let listener = UnixListener::bind(host.path("/run/jit/pam.sock")).unwrap();
    std::thread::spawn(move || {
        while let Ok((stream, _)) = listener.accept() {
            serve(stream);
        }
    });
}

fn read_ask(stream: &mut UnixStream) -> PamAsk {
    let mut header = [0; frame::HEADER];
    stream.read_exact(&mut header).unwrap();
    let mut content = vec![0; frame::content_length(header).unwrap()];
    stream.read_exact(&mut content).unwrap();
    frame::decode(&content).unwrap()
}

/// The frame that would let them in.
fn welcome(ask: &PamAsk) -> Vec<u8> {
    frame::encode(&PamAnswer { token: ask.token, verdict: Verdict::Allowed }).unwrap()
}

/// Nobody is let in, and the log has one line more that says why.
fn is_away(serve: impl Fn(UnixStream) + Send + 'static, why: &str) {
    let host = Host::with(|host| host.people().without_daemon().arguments("timeout=1s")).start();
    daemon(&host, serve);
    host.user("alice").run("sudo -n id -un").fails().says(AWAY).does_not_say("root\n");
    let line = host.wait_for_log("pam_jit(sudo:account)");
    assert!(line.contains("jitd is away") && line.contains(why), "{line}");
    let lines = host.syslog().into_iter().filter(|line| line.contains("pam_jit")).count();
    assert_eq!(lines, 1, "{:?}", host.syslog());
}

#[test]
fn garbage_is_away() {
    is_away(|mut stream| stream.write_all(b"SSH-2.0-OpenSSH_9.2\r\n").unwrap(), "made no sense");
}

#[test]
fn silence_is_away() {
    let kept = std::sync::Mutex::new(Vec::new());
    is_away(move |stream| kept.lock().unwrap().push(stream), "no answer came in time");
}

#[test]
fn half_a_frame_and_then_nothing_is_away() {
    let kept = std::sync::Mutex::new(Vec::new());
    let half = move |mut stream: UnixStream| {
        let frame = welcome(&read_ask(&mut stream));
        stream.write_all(&frame[..frame.len() / 2]).unwrap();
        kept.lock().unwrap().push(stream);
    };
    is_away(half, "no answer came in time");
}

#[test]
fn a_frame_too_long_and_another_version_are_away() {
    is_away(|mut stream| stream.write_all(&[1, 0, 1, 0, 1]).unwrap(), "longer than 64 KiB");
    is_away(|mut stream| stream.write_all(&[2, 0, 0, 0, 1, 0]).unwrap(), "protocol 2 is not spoken here");
}

#[test]
fn a_byte_a_second_is_away() {
    let slowly = |mut stream: UnixStream| {
        let frame = welcome(&read_ask(&mut stream));
        std::thread::spawn(move || {
            for byte in frame {
                if stream.write_all(&[byte]).is_err() {
                    return;
                }
                std::thread::sleep(Duration::from_secs(1));
            }
        });
    };
    is_away(slowly, "no answer came in time");
}

#[test]
fn a_connection_that_is_closed_before_or_after_the_question_is_away() {
    is_away(drop, "closed without an answer");
    is_away(|mut stream| drop(read_ask(&mut stream)), "closed without an answer");
}

#[test]
fn an_answer_to_anothers_question_is_away() {
    let first = std::sync::Mutex::new(None);
    let stale = move |mut stream: UnixStream| {
        let ask = read_ask(&mut stream);
        let mut answer = welcome(&ask);
        // Always the first question's: a replay.
        answer[frame::HEADER..frame::HEADER + 8].copy_from_slice(&first.lock().unwrap().get_or_insert(ask.token ^ 7).to_le_bytes());
        stream.write_all(&answer).unwrap();
    };
    is_away(stale, "answers another question");
}

#[test]
fn a_listener_who_is_not_root_is_not_believed() {
    let host = Host::with(|host| host.people().without_daemon().arguments("timeout=1s")).start();
    // bob has his own daemon, which root's hand put where jitd's belongs.
    host.root().run("mkdir -p -m 0755 /run/jit; install -d -o bob /run/bob").succeeds();
    let mut bob = host.user("bob").terminal("jit-hostile /run/bob/pam.sock serve");
    bob.expect("listening");
    host.root().run("mv /run/bob/pam.sock /run/jit/pam.sock; chown root:root /run/jit/pam.sock").succeeds();
    host.user("alice").run("sudo -n id -un").fails().says(AWAY).does_not_say("root\n");
    let line = host.wait_for_log("pam_jit(sudo:account)");
    assert!(line.contains("the listener belongs to uid 1002"), "{line}");
    bob.press_ctrl_c();
    drop(bob.finish());
}
