//! The way back to whoever asked.

use super::failure_of;
use jit_core::refusal::Refusal;
use jit_proto::user::UserAnswer;
use jit_proto::view::{Failure, FailureCode};
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::net::UnixStream;

/// How long a part of an answer may take to be read.
const READ: Duration = Duration::from_secs(10);

/// The peer is gone; there is nobody to tell.
pub(crate) struct Gone;

/// A connection that answers are written to.
pub(crate) struct Line {
    pub(crate) stream: UnixStream,
}

/// In the place of an answer that is too long even in parts: it was worked out all the same, and what was to be done is done.
fn too_long() -> UserAnswer {
    let help = Some("what was asked for is done and on record: jit audit log shows it".to_owned());
    UserAnswer::Failed(Failure { code: FailureCode::Refused, message: "the answer is too long to be shown".to_owned(), help, rule: None })
}

impl Line {
    /// Sends an answer, in parts where it fits no frame.
    pub(crate) async fn send(&mut self, answer: &UserAnswer) -> Result<(), Gone> {
        for frame in answer.frames().or_else(|_| too_long().frames()).map_err(|_| Gone)? {
            self.write(&frame).await?;
        }
        Ok(())
    }

    pub(super) async fn write(&mut self, frame: &[u8]) -> Result<(), Gone> {
        match tokio::time::timeout(READ, self.stream.write_all(frame)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) | Err(_) => Err(Gone),
        }
    }

    pub(crate) async fn refuse(&mut self, refusal: &Refusal) -> Result<(), Gone> {
        self.send(&UserAnswer::Failed(failure_of(refusal))).await
    }

    pub(super) async fn fail(&mut self, code: FailureCode, message: String, help: Option<String>) -> Result<(), Gone> {
        self.send(&UserAnswer::Failed(Failure { code, message, help, rule: None })).await
    }

    /// Waits until the peer hangs up.
    pub(crate) async fn hung_up(&mut self) {
        let mut byte = [0];
        while let Ok(1..) = tokio::io::AsyncReadExt::read(&mut self.stream, &mut byte).await {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jit_proto::frame;
    use tokio::io::AsyncReadExt;

    #[tokio::test]
    async fn an_answer_that_is_too_long_even_in_parts_is_said_to_be_so() {
        let (ours, mut theirs) = UnixStream::pair().unwrap();
        let mut line = Line { stream: ours };
        line.send(&UserAnswer::Remark("x".repeat(frame::MOST_IN_PARTS))).await.unwrap_or_else(|Gone| panic!("it was closed"));
        let mut header = [0; frame::HEADER];
        theirs.read_exact(&mut header).await.unwrap();
        let mut content = vec![0; frame::content_length(header).unwrap()];
        theirs.read_exact(&mut content).await.unwrap();
        let UserAnswer::Failed(failure) = frame::decode(&content).unwrap() else { panic!("it was sent") };
        assert_eq!(failure.message, "the answer is too long to be shown");
    }
}
