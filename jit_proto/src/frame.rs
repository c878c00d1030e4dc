//! Frames: a version byte, a length of four bytes (big-endian), then that many bytes of bincode.
//!
//! The length is checked before anything is read for it. bincode is used here and nowhere else: its crate
//! is no longer maintained (RUSTSEC-2025-0141), and its legacy encoding is one that others write too.

use serde::{Serialize, de::DeserializeOwned};
use std::fmt;

/// The protocol that this program speaks.
pub const VERSION: u8 = 1;
/// The oldest protocol that is still served.
pub const OLDEST: u8 = 1;
/// The longest content of a frame, in bytes.
pub const MOST: usize = 64 * 1024;
/// The longest content of frames that are parts of one message, together, in bytes.
pub const MOST_IN_PARTS: usize = 64 * 1024 * 1024;
/// The length of a frame's header, in bytes.
pub const HEADER: usize = 5;

const BINCODE: bincode::config::Configuration<bincode::config::LittleEndian, bincode::config::Fixint, bincode::config::Limit<MOST>> =
    bincode::config::legacy().with_limit::<MOST>();

const IN_PARTS: bincode::config::Configuration<
    bincode::config::LittleEndian,
    bincode::config::Fixint,
    bincode::config::Limit<MOST_IN_PARTS>,
> = bincode::config::legacy().with_limit::<MOST_IN_PARTS>();

/// What is wrong with a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wrong {
    /// It is of a protocol that is not spoken here.
    Version(u8),
    /// It is, or would be, longer than 64 KiB.
    TooLong,
    /// Its content is not what it should be.
    Content,
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Version(theirs) if OLDEST == VERSION => write!(f, "protocol {theirs} is not spoken here ({VERSION} is)"),
            Self::Version(theirs) => write!(f, "protocol {theirs} is not spoken here ({OLDEST} to {VERSION} are)"),
            Self::TooLong => f.write_str("longer than 64 KiB"),
            Self::Content => f.write_str("content that makes no sense"),
        }
    }
}

impl std::error::Error for Wrong {}

/// A whole frame with this content.
///
/// # Errors
/// [`Wrong::TooLong`] if the content is.
pub fn encode<T: Serialize>(content: &T) -> Result<Vec<u8>, Wrong> {
    let content = bincode::serde::encode_to_vec(content, BINCODE).map_err(|_| Wrong::TooLong)?;
    let length = u32::try_from(content.len()).map_err(|_| Wrong::TooLong)?;
    if content.len() > MOST {
        return Err(Wrong::TooLong);
    }
    let mut frame = Vec::with_capacity(content.len().saturating_add(HEADER));
    frame.push(VERSION);
    frame.extend_from_slice(&length.to_be_bytes());
    frame.extend_from_slice(&content);
    Ok(frame)
}

/// How long the content behind this header is.
///
/// # Errors
/// A protocol that is not spoken here, or too long a content.
pub fn content_length(header: [u8; HEADER]) -> Result<usize, Wrong> {
    let [version, length @ ..] = header;
    if !(OLDEST..=VERSION).contains(&version) {
        return Err(Wrong::Version(version));
    }
    let length = usize::try_from(u32::from_be_bytes(length)).map_err(|_| Wrong::TooLong)?;
    if length > MOST { Err(Wrong::TooLong) } else { Ok(length) }
}

/// Reads the content of a frame, all of it.
///
/// # Errors
/// [`Wrong::Content`] if it does not fit the type, or is longer than it.
pub fn decode<T: DeserializeOwned>(content: &[u8]) -> Result<T, Wrong> {
    let (value, read) = bincode::serde::decode_from_slice(content, BINCODE).map_err(|_| Wrong::Content)?;
    if read == content.len() { Ok(value) } else { Err(Wrong::Content) }
}

/// The content of a message that may fit no frame, to be sent in parts.
///
/// # Errors
/// [`Wrong::TooLong`] if it is longer than all parts together may be.
pub fn encode_for_parts<T: Serialize>(content: &T) -> Result<Vec<u8>, Wrong> {
    bincode::serde::encode_to_vec(content, IN_PARTS).ok().filter(|content| content.len() <= MOST_IN_PARTS).ok_or(Wrong::TooLong)
}

/// Reads the content of all parts together.
///
/// # Errors
/// [`Wrong::Content`] if it does not fit the type, or is longer than it.
pub fn decode_parts<T: DeserializeOwned>(content: &[u8]) -> Result<T, Wrong> {
    let (value, read) = bincode::serde::decode_from_slice(content, IN_PARTS).map_err(|_| Wrong::Content)?;
    if read == content.len() { Ok(value) } else { Err(Wrong::Content) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pam::{Entry, PamAsk, Question, Who};

    fn ask() -> PamAsk {
        let entry = Entry { service: "sudo".to_owned(), who: Who::Uid(1000), run_as: None, from: None, tty: Some("/dev/pts/3".to_owned()) };
        PamAsk { token: 7, observe: false, question: Question::Check(entry) }
    }

    #[test]
    fn a_frame_reads_back() {
        let frame = encode(&ask()).unwrap();
        let (header, content) = frame.split_at(HEADER);
        assert_eq!(content_length(header.try_into().unwrap()), Ok(content.len()));
        assert_eq!(decode::<PamAsk>(content), Ok(ask()));
    }

    #[test]
    fn the_bytes_of_protocol_1_stay_what_they_are() {
        let hex: String = encode(&ask()).unwrap().iter().map(|byte| format!("{byte:02x}")).collect();
        let expected = concat!(
            "01",
            "00000036",
            "0700000000000000",
            "00",
            "00000000",
            "0400000000000000",
            "7375646f",
            "00000000",
            "e8030000",
            "00",
            "00",
            "01",
            "0a00000000000000",
            "2f6465762f7074732f33"
        );
        assert_eq!(hex, expected);
    }

    #[test]
    fn what_is_too_long_too_new_or_has_something_behind_it_is_refused() {
        assert_eq!(content_length([1, 0, 1, 0, 1]), Err(Wrong::TooLong));
        assert_eq!(content_length([1, 255, 255, 255, 255]), Err(Wrong::TooLong));
        assert_eq!(content_length([2, 0, 0, 0, 1]), Err(Wrong::Version(2)));
        assert_eq!(encode(&"x".repeat(MOST)), Err(Wrong::TooLong));
        let mut content = encode(&ask()).unwrap().split_off(HEADER);
        content.push(0);
        assert_eq!(decode::<PamAsk>(&content), Err(Wrong::Content));
        content.truncate(content.len() - 2);
        assert_eq!(decode::<PamAsk>(&content), Err(Wrong::Content));
    }

    #[test]
    fn a_claimed_length_is_refused_before_it_is_allocated() {
        let mut content = 7_u64.to_le_bytes().to_vec();
        content.extend([0, 0, 0, 0, 0]);
        content.extend(u64::MAX.to_le_bytes());
        assert_eq!(decode::<PamAsk>(&content), Err(Wrong::Content));
    }

    #[test]
    fn what_is_wrong_with_a_frame_is_said() {
        assert_eq!(Wrong::Version(9).to_string(), "protocol 9 is not spoken here (1 is)");
        assert_eq!(Wrong::TooLong.to_string(), "longer than 64 KiB");
        assert_eq!(Wrong::Content.to_string(), "content that makes no sense");
    }
}
