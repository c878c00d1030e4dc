//! The floor: a single-threaded tokio server that gives every frame back, unread.

use crate::check::question;
use jit_proto::client::{Connection, Patience, Trust};
use jit_proto::pam::PamAsk;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// The server, in a process of its own, as jitd is; it ends with this.
pub struct Echo {
    child: Child,
    socket: PathBuf,
}

impl Echo {
    /// Starts it.
    pub fn start(socket: &Path) -> Self {
        let child = Command::new(std::env::current_exe().unwrap()).arg("echo").arg(socket).spawn().unwrap();
        while !socket.exists() {
            std::thread::yield_now();
        }
        Self { child, socket: socket.to_owned() }
    }

    /// One connection, one frame there and back.
    pub fn round_trip(&self) {
        let mut patience = Patience::of(Duration::from_secs(2));
        let connection = Connection::open(&self.socket, Trust::RootOnly, &mut patience).unwrap();
        connection.send(&question(), &mut patience).unwrap();
        let back: PamAsk = connection.receive(&mut patience).unwrap();
        assert_eq!(back, question());
    }
}

impl Drop for Echo {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What the process does.
pub fn serve(socket: &Path) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let listener = tokio::net::UnixListener::bind(socket).unwrap();
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            tokio::spawn(async move {
                let mut header = [0; 5];
                stream.read_exact(&mut header).await.unwrap();
                let mut content = vec![0; u32::from_be_bytes(header[1..].try_into().unwrap()) as usize];
                stream.read_exact(&mut content).await.unwrap();
                stream.write_all(&[&header[..], &content].concat()).await.unwrap();
            });
        }
    });
}
