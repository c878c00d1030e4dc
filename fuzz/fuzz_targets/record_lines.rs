//! An export in somebody else's hands: `jit audit verify --file` follows the lines that jitd wrote, and no others.
#![no_main]

use jit::fuzzing::{Chain, event_of, follow_lines, line_of, record};
use jit_core::event::Event;
use jit_core::record::{Head, Record};
use jit_core::time::WallTime;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let mut chain = Chain::new(None);
    if follow_lines(&mut chain, &mut &*data).unwrap().is_ok() {
        let _ = chain.end_of_part();
    }
    for line in data.split(|byte| *byte == b'\n') {
        let Some(view) = event_of(line) else { continue };
        let Some(stored) = record(&view) else { continue };
        let _ = Event::read(&stored.event, &stored.data);
        if !view.data.starts_with('{') || view.data.contains('\r') {
            // jitd writes an object on one line.
            continue;
        }
        // What is read again from what is written is the same event, with the same hash.
        assert_eq!(event_of(line_of(&view).as_bytes()).as_ref(), Some(&view));
        assert_eq!(stored.canonical().len() + 74, line_of(&view).len(), "{view:?}");
        is_followed(&stored);
    }
});

/// The same data in a place of a chain: its own line is followed, and one with another byte in it is not.
fn is_followed(stored: &Record) {
    let Record { at, event, data, .. } = stored;
    let chained = Record::chained(Head::NONE, WallTime::from_millis(at.as_millis()), event, data.clone());
    let canonical = chained.canonical();
    let line = format!("{},\"hash\":\"{}\"}}\n", canonical.strip_suffix('}').unwrap(), chained.hash);
    let followed = |line: &str| follow_lines(&mut Chain::new(None), &mut line.as_bytes()).unwrap();
    assert_eq!(followed(&line), Ok(()), "{line}");
    let other = line.replacen(&format!("\"event\":\"{event}"), &format!("\"event\":\"x{event}"), 1);
    assert!(followed(&other).is_err(), "{other}");
}
