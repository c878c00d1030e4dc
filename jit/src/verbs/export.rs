//! `jit audit export`: the whole record, for other programs.

use super::{Context, Ended, verify};
use crate::cli::ExportFormat;
use crate::failing::{Exit, Failing};
use crate::show::csv::{inert, inert_json, row};
use crate::show::json;
use crate::talk::{Pace, Part};
use jit_proto::user::{Act, EventFilter};
use jit_proto::view::EventView;
use serde_json::{Map, Value};

/// The columns: where an event stands, what most events have, and all of it, as JSON.
const COLUMNS: [&str; 12] = ["seq", "at", "event", "id", "user", "service", "as", "by", "reason", "data", "prev", "hash"];

/// Prints the record.
pub fn export(context: &Context, format: ExportFormat) -> Ended {
    let conversation = context.talk.ask(Act::Events(EventFilter::default()))?;
    // With the first events, which may be none: what is refused leaves nothing that looks like an empty record.
    let mut is_headed = format != ExportFormat::Csv;
    conversation.record(Pace::Prompt, |part| {
        if !is_headed && matches!(part, Part::Events(_)) {
            context.out.raw(row(COLUMNS.iter().copied()).as_bytes())?;
            is_headed = true;
        }
        say(context, format, &part)
    })?;
    Ok(Exit::Done)
}

fn say(context: &Context, format: ExportFormat, part: &Part) -> Result<(), Failing> {
    match (part, format) {
        (Part::Begins(_), ExportFormat::Csv) => Ok(()),
        (Part::Begins(_), ExportFormat::Jsonl) => {
            verify::first_line(part).map_or(Ok(()), |line| context.out.raw(format!("{line}\n").as_bytes()))
        }
        (Part::Events(events), ExportFormat::Jsonl) => {
            events.iter().try_for_each(|event| context.out.raw(format!("{}\n", json::event(event)).as_bytes()))
        }
        (Part::Events(events), ExportFormat::Csv) => events.iter().try_for_each(|event| context.out.raw(cells(event).as_bytes())),
    }
}

fn cells(event: &EventView) -> String {
    let data: Map<String, Value> = serde_json::from_str(&event.data).unwrap_or_default();
    let named = |key: &str| match data.get(key) {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => inert(text),
        Some(Value::Array(items)) => {
            let words: Option<Vec<_>> = items.iter().map(Value::as_str).collect();
            inert(&words.map_or_else(|| Value::from(items.clone()).to_string(), |words| words.join(" ")))
        }
        Some(other @ (Value::Bool(_) | Value::Number(_) | Value::Object(_))) => other.to_string(),
    };
    let seq = event.seq.to_string();
    let names = ["id", "user", "service", "as", "by", "reason"].map(named);
    let first = [seq.as_str(), &event.at, &event.event];
    let data = inert_json(&event.data);
    let last = [data.as_str(), &event.prev, &event.hash];
    row(first.into_iter().chain(names.iter().map(String::as_str)).chain(last))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::show::sample;

    #[test]
    fn a_cell_with_quotes_and_commas_is_quoted_and_no_cell_is_a_formula() {
        let mut event = sample::events(1).remove(0);
        event.data = r#"{"user":"alice","by":["carol","dave"],"reason":"=cmd|' /C calc'!A0, \"now\"\nand"}"#.to_owned();
        let row = cells(&event);
        assert!(row.contains(",alice,,,carol dave,\"'=cmd|' /C calc'!A0, \"\"now\"\"\\nand\","), "{row}");
        assert_eq!(row.matches('\n').count(), 1);
        event.data = r#"{"reason":"x;=cmd|' /C calc'!A0;y"}"#.to_owned();
        let row = cells(&event);
        assert!(row.contains(";'=cmd") && !row.contains(";="), "{row}");
    }
}
