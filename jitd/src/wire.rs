//! Frames over tokio's sockets.

use jit_proto::frame::{self, HEADER, Wrong};
use serde::{Serialize, de::DeserializeOwned};
use std::io;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;

/// Why a message could not be read.
#[derive(Debug)]
pub enum Unread {
    /// The peer is gone.
    Gone,
    /// What it sent makes no sense.
    Wrong(Wrong),
}

impl From<io::Error> for Unread {
    fn from(_: io::Error) -> Self {
        Self::Gone
    }
}

/// Reads one message.
///
/// # Errors
/// The peer is gone, or what it sent makes no sense.
pub async fn read<T: DeserializeOwned>(stream: &mut (impl AsyncRead + Unpin)) -> Result<T, Unread> {
    let first = first_byte(stream).await?;
    read_after(first, stream).await
}

/// Waits for the first byte of a message. Nothing is lost when it is given up.
///
/// # Errors
/// The peer is gone.
pub async fn first_byte(stream: &mut (impl AsyncRead + Unpin)) -> Result<u8, Unread> {
    let mut byte = [0];
    match stream.read(&mut byte).await? {
        0 => Err(Unread::Gone),
        _ => Ok(u8::from_ne_bytes(byte)),
    }
}

/// Reads the message that begins with this byte.
///
/// # Errors
/// The peer is gone, or what it sent makes no sense.
pub async fn read_after<T: DeserializeOwned>(first: u8, stream: &mut (impl AsyncRead + Unpin)) -> Result<T, Unread> {
    let mut header = [first; HEADER];
    let [_, rest @ ..] = &mut header;
    stream.read_exact(rest).await?;
    let length = frame::content_length(header).map_err(Unread::Wrong)?;
    let mut content = vec![0; length];
    stream.read_exact(&mut content).await?;
    frame::decode(&content).map_err(Unread::Wrong)
}

/// Writes one message.
///
/// # Errors
/// The peer is gone, or the message is too long.
pub async fn write<T: Serialize>(stream: &mut UnixStream, message: &T) -> io::Result<()> {
    let frame = frame::encode(message).map_err(io::Error::other)?;
    stream.write_all(&frame).await
}
