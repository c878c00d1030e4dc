//! A daemon of somebody's own.

use jit_proto::frame;
use jit_proto::pam::{PamAnswer, PamAsk, Verdict};
use std::io::{Read, Write};
use std::path::Path;

/// Lets everybody in, for ever.
pub fn serve(socket: &Path) {
    let listener = std::os::unix::net::UnixListener::bind(socket).unwrap();
    println!("listening");
    loop {
        let (mut stream, _) = listener.accept().unwrap();
        let mut header = [0; frame::HEADER];
        if stream.read_exact(&mut header).is_err() {
            continue;
        }
        let mut content = vec![0; frame::content_length(header).unwrap()];
        stream.read_exact(&mut content).unwrap();
        let ask: PamAsk = frame::decode(&content).unwrap();
        stream.write_all(&frame::encode(&PamAnswer { token: ask.token, verdict: Verdict::Allowed }).unwrap()).unwrap();
    }
}
