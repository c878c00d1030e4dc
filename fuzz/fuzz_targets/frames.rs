//! The frame readers of both ends: whatever bytes come, in whatever pieces, each frame is read as it was sent, or refused.
#![no_main]

use jit_proto::client::{Away, Connection, Patience, Trouble, Trust};
use jit_proto::frame::{self, HEADER, MOST};
use jit_proto::pam::{PamAnswer, PamAsk};
use libfuzzer_sys::fuzz_target;
use std::io::Write;
use std::os::unix::net::UnixListener;
use std::path::PathBuf;
use std::sync::OnceLock;
use std::time::Duration;
use tokio::runtime::{Builder, Runtime};

fuzz_target!(|data: &[u8]| {
    let whole = asks_in(data);
    // The daemon's reader makes the same of it.
    let read = runtime().block_on(async {
        let mut stream = data;
        let mut asks = Vec::new();
        while let Ok(ask) = jitd::fuzzing::read::<PamAsk>(&mut stream).await {
            asks.push(ask);
        }
        asks
    });
    assert_eq!(read, whole);
    received(data);
});

fn runtime() -> &'static Runtime {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    RUNTIME.get_or_init(|| Builder::new_current_thread().build().unwrap())
}

/// The asks that stand one behind the other, up to the first that is none.
fn asks_in(mut data: &[u8]) -> Vec<PamAsk> {
    let mut asks = Vec::new();
    while let Some((header, rest)) = data.split_first_chunk::<HEADER>() {
        let Ok(length) = frame::content_length(*header) else { break };
        assert!(length <= MOST);
        let Some((content, rest)) = rest.split_at_checked(length) else { break };
        let Ok(ask) = frame::decode::<PamAsk>(content) else { break };
        assert_eq!(frame::encode(&ask).unwrap(), [header.as_slice(), content].concat(), "the version is the one that is spoken here");
        asks.push(ask);
        data = rest;
    }
    asks
}

/// The module's reader: an answer, or a reason.
fn received(data: &[u8]) {
    static LISTENER: OnceLock<(UnixListener, PathBuf)> = OnceLock::new();
    let (listener, path) = LISTENER.get_or_init(|| {
        let path = std::env::temp_dir().join(format!("jit-fuzz-{}.sock", std::process::id()));
        let _ = std::fs::remove_file(&path);
        (UnixListener::bind(&path).unwrap(), path)
    });
    let mut patience = Patience::of(Duration::from_secs(5));
    let connection = Connection::open(path, Trust::Anyone, &mut patience).unwrap();
    let (mut peer, _) = listener.accept().unwrap();
    // More than a socket holds would wait for a reader.
    peer.write_all(&data[..data.len().min(MOST)]).unwrap();
    drop(peer);
    match connection.receive::<PamAnswer>(&mut patience) {
        Ok(answer) => assert!(data.starts_with(&frame::encode(&answer).unwrap())),
        Err(Trouble::Away(Away::Closed | Away::Nonsense(_))) => {}
        Err(other) => panic!("{other:?}"),
    }
}
