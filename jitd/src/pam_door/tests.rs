use super::*;
use crate::clock::SystemClock;
use crate::engine::{Begun, Task};
use crate::writer::Writer;
use jit_core::state::State;
use jit_proto::pam::{Entry, Who};

#[tokio::test]
async fn who_cannot_be_put_on_record_where_each_must_be_is_told_busy_and_no_id_that_is_nowhere() {
    let record = RecordChecks::BeforeAnswer;
    let begun = Begun { state: State::default(), policy: None, trouble: Vec::new(), record, based: 0, no_record: None, hanging: None };
    // A disk that takes nothing.
    let writer = Writer::none("the disk is full".to_owned(), &Arc::new(tokio::sync::watch::channel(crate::writer::Newest::default()).0));
    let (engine, task) = Task::new(SystemClock, writer, Keeper::idle(), begun);
    tokio::spawn(task.run());
    let directory = tempfile::tempdir().unwrap();
    let socket = directory.path().join("pam.sock");
    let doors = Doors { engine, directory: Directory::default(), keeper: Keeper::idle(), meter: Arc::default(), acts: Acts::default() };
    tokio::spawn(serve(UnixListener::bind(&socket).unwrap(), doors, record));
    let who = Who::Name("nobody-of-this-name".to_owned());
    let entry = Entry { service: "sshd".to_owned(), who, run_as: None, from: None, tty: None };
    let mut stream = UnixStream::connect(&socket).await.unwrap();
    wire::write(&mut stream, &PamAsk { token: 7, question: Question::Check(entry), observe: false }).await.unwrap();
    let Ok(answer) = wire::read::<PamAnswer>(&mut stream).await else { panic!("no answer") };
    assert_eq!(answer.verdict, Verdict::Denied { message: BUSY.to_owned() });
}
