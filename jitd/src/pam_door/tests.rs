use super::*;
use crate::clock::SystemClock;
use crate::engine::{Begun, Task};
use crate::syslog::Syslog;
use crate::vital::Vital;
use crate::writer::{Newest, Writer};
use jit_core::state::State;
use jit_proto::pam::{Entry, Who};
use jit_store::{Filter, Reserve, Store, events, file_in, open_to_read};

/// What the module is told of somebody without an account, by a jitd with this way to the record, where each check must be on it.
async fn asked_of_a_stranger(writer: Writer, state: State, observe: bool, question: impl FnOnce(Entry) -> Question) -> Verdict {
    let record = RecordChecks::BeforeAnswer;
    let begun = Begun { state, policy: None, trouble: Vec::new(), record, based: 0, no_record: None, hanging: None };
    let (engine, task) = Task::new(SystemClock, writer, Keeper::idle(), begun);
    tokio::spawn(task.run());
    let directory = tempfile::tempdir().unwrap();
    let socket = directory.path().join("pam.sock");
    let doors = Doors { engine, directory: Directory::default(), keeper: Keeper::idle(), meter: Arc::default(), acts: Acts::default() };
    tokio::spawn(serve(UnixListener::bind(&socket).unwrap(), doors, record));
    let who = Who::Name("nobody-of-this-name".to_owned());
    let entry = Entry { service: "sshd".to_owned(), who, run_as: None, from: None, tty: None };
    let mut stream = UnixStream::connect(&socket).await.unwrap();
    wire::write(&mut stream, &PamAsk { token: 7, question: question(entry), observe }).await.unwrap();
    let Ok(answer) = wire::read::<PamAnswer>(&mut stream).await else { panic!("no answer") };
    answer.verdict
}

#[tokio::test]
async fn who_cannot_be_put_on_record_where_each_must_be_is_told_busy_and_no_id_that_is_nowhere() {
    // A disk that takes nothing.
    let writer = Writer::none("the disk is full".to_owned(), &Arc::new(tokio::sync::watch::channel(Newest::default()).0));
    let verdict = asked_of_a_stranger(writer, State::default(), false, Question::Check).await;
    assert_eq!(verdict, Verdict::Denied { message: BUSY.to_owned() });
}

#[tokio::test]
async fn somebody_without_an_account_is_on_record_as_denied_and_as_observed_where_they_come_in_all_the_same() {
    let open = |entry| Question::Open { entry, auth: None, cgroups: false };
    let questions: [fn(Entry) -> Question; 2] = [Question::Check, open];
    for (question, observe, expected) in
        questions.into_iter().flat_map(|question| [(question, false, "access.denied"), (question, true, "access.observed")])
    {
        let directory = tempfile::tempdir().unwrap();
        let file = file_in(directory.path());
        let (store, state, _) = Store::open(&file).unwrap();
        let told = Arc::new(tokio::sync::watch::channel(Newest::default()).0);
        let (reserve, syslog) = (Reserve::beside(&file, 0), Syslog::new(directory.path().join("log")));
        let pulse = Vital::new().0.pulse("the record");
        let (writer, _) = Writer::start(store, file.clone(), reserve, syslog, &told, Arc::default(), pulse).unwrap();
        let verdict = asked_of_a_stranger(writer, state, observe, question).await;
        assert!(matches!(verdict, Verdict::Denied { .. }) && verdict != busy(UNREAD).verdict, "{verdict:?}");
        let stored = events(&open_to_read(&file).unwrap(), &Filter::default(), 1000).unwrap();
        let access: Vec<_> = stored.into_iter().filter(|record| record.event.starts_with("access.")).collect();
        let [record] = access.as_slice() else { panic!("{access:?}") };
        assert_eq!(record.event, expected, "{}", record.data);
        assert!(record.data.contains("nobody-of-this-name") && record.data.contains("no account"), "{}", record.data);
    }
}
