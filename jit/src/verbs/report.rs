//! `jit report`: an access review that one looks at.

use super::{Context, Ended};
use crate::cli::ReportArgs;
use crate::failing::{Exit, Failing};
use crate::out::Form;
use crate::report::csv::{Row, Sink, heading};
use crate::report::facts::{Facts, Held};
use crate::report::html::{self, About};
use crate::report::{Fold, Period};
use crate::show::words;
use crate::talk::Pace;
use crate::whole_file::WholeFile;
use jit_proto::time::Moment;
use jit_proto::user::{Act, EventFilter, UserAnswer, Which};
use jit_proto::view::{EventView, OptoutView, Shown};
use serde::Serialize;
use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// How often the progress is said.
const PROGRESS: Duration = Duration::from_millis(200);
/// The width of the bar.
const BAR: u64 = 30;
/// The most grants from before the time that are looked up one by one: each costs an ask.
const LOOK_UPS: u32 = 5000;

#[derive(Serialize)]
struct Written<'a> {
    html: Option<&'a str>,
    csv: Option<&'a str>,
    events: u64,
    grants: u64,
    overdue: usize,
}

/// Writes the review.
pub fn report(context: &Context, args: &ReportArgs) -> Ended {
    let clock = context.out.clock();
    let since = args.since.begins(clock);
    let period: Period = since.0..clock.now().as_millis();
    if period.is_empty() {
        return Err(Failing::usage("that time has not come yet", "name a time that is over: --since 90d"));
    }
    // Only whoever may read the record may make a review of it; this says so before any file is made.
    let before = context.talk.metrics()?.head;
    let mut table = Table::create(args.csv.as_deref())?;
    let page = args.html.as_deref().map(|path| create(path).map(|file| (file, path))).transpose()?;
    let facts = gather(context, period, before, &mut table)?;
    if let Some((file, path)) = page {
        let by = context.talk.status()?.user;
        let host = nix::unistd::gethostname().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let written = html::page(&facts, &About { host: &host, by: &by, clock });
        finish(file, path, written.as_bytes())?;
    }
    table.finish()?;
    say(context, args, &facts)
}

fn say(context: &Context, args: &ReportArgs, facts: &Facts) -> Ended {
    let name = |path: &Option<PathBuf>| path.as_ref().map(|path| path.to_string_lossy().into_owned());
    let (page, table) = (name(&args.html), name(&args.csv));
    let overdue = facts.overdue().count();
    match context.out.form() {
        Form::Json => context.out.json(&Written {
            html: page.as_deref(),
            csv: table.as_deref(),
            events: facts.sums.events,
            grants: facts.sums.grants,
            overdue,
        })?,
        Form::Human => {
            let files: Vec<_> = [page, table].into_iter().flatten().map(|name| words::safe(&name)).collect();
            let overdue = match overdue {
                0 => "No review is overdue.".to_owned(),
                1 => "1 review is overdue.".to_owned(),
                many => format!("{many} reviews are overdue."),
            };
            context.out.say(&format!("{}: {} events, {} grants. {overdue}", files.join(" and "), facts.sums.events, facts.sums.grants))?;
        }
    }
    Ok(Exit::Done)
}

/// Reads the events, each once.
fn gather(context: &Context, period: Period, newest: u64, table: &mut Table) -> Result<Facts, Failing> {
    let filter = EventFilter { since: Some(Moment(period.start)), until: Some(Moment(period.end)), ..EventFilter::default() };
    let mut left = LOOK_UPS;
    let mut lookup = |id: &str| {
        left = left.checked_sub(1)?;
        let (Shown::Grant(grant), events) = context.talk.show(id).ok()? else { return None };
        Some(Held::shown(grant, &events))
    };
    let mut fold = Fold::new(period, &mut lookup, table);
    let mut progress = Progress::new(newest);
    let mut head = String::new();
    let conversation = context.talk.ask(Act::Events(filter))?;
    conversation.events(Pace::Prompt, |events| {
        events.iter().try_for_each(|event| fold.event(event))?;
        if let Some(last) = events.last() {
            progress.at(last);
            let short: String = last.hash.chars().take(16).collect();
            head = format!("{}:{short}", last.seq);
        }
        Ok(())
    })?;
    progress.end();
    let live = context.talk.list(Which::Active)?.grants.into_iter().map(Held::from).collect();
    fold.finish(live, optouts(context)?, head)
}

fn optouts(context: &Context) -> Result<Vec<OptoutView>, Failing> {
    let conversation = context.talk.ask(Act::Optouts)?;
    match conversation.next() {
        Ok(UserAnswer::Optouts(optouts)) => Ok(optouts),
        Ok(_) => Err(conversation.unexpected()),
        // Without a valid policy there is none.
        Err(_) => Ok(Vec::new()),
    }
}

fn failed(path: &Path, error: impl std::fmt::Display) -> Failing {
    Failing::refused(
        format!("{}: {error}", words::safe(&path.to_string_lossy())),
        "name a plain file, or a new one, in a directory that you can write to",
    )
}

fn create(path: &Path) -> Result<WholeFile, Failing> {
    WholeFile::create(path, 0o600).map_err(|error| failed(path, error))
}

fn finish(mut file: WholeFile, path: &Path, rest: &[u8]) -> Result<(), Failing> {
    file.write_all(rest).and_then(|()| file.finish()).map_err(|error| failed(path, error))
}

/// The table, where one is wanted.
struct Table {
    file: Option<(WholeFile, PathBuf)>,
}

impl Table {
    fn create(path: Option<&Path>) -> Result<Self, Failing> {
        let Some(path) = path else { return Ok(Self { file: None }) };
        let mut table = Self { file: Some((create(path)?, path.to_owned())) };
        table.write(&heading())?;
        Ok(table)
    }

    fn write(&mut self, line: &str) -> Result<(), Failing> {
        match &mut self.file {
            Some((file, path)) => file.write_all(line.as_bytes()).map_err(|error| failed(path, error)),
            None => Ok(()),
        }
    }

    fn finish(self) -> Result<(), Failing> {
        self.file.map_or(Ok(()), |(file, path)| finish(file, &path, &[]))
    }
}

impl Sink for Table {
    fn row(&mut self, row: &Row) -> Result<(), Failing> {
        if self.file.is_some() { self.write(&row.line()) } else { Ok(()) }
    }
}

/// How far it is, on a terminal.
struct Progress {
    is_shown: bool,
    newest: u64,
    first: Option<u64>,
    said: Option<Instant>,
}

impl Progress {
    fn new(newest: u64) -> Self {
        Self { is_shown: std::io::stderr().is_terminal(), newest, first: None, said: None }
    }

    fn at(&mut self, event: &EventView) {
        let first = *self.first.get_or_insert(event.seq);
        if !self.is_shown || self.said.is_some_and(|said| said.elapsed() < PROGRESS) {
            return;
        }
        self.said = Some(Instant::now());
        // Whoever closed standard error does not want to know.
        let _ = write!(std::io::stderr().lock(), "\r{}", bar(first, event.seq, self.newest, event.at.get(..10).unwrap_or_default()));
    }

    fn end(&self) {
        if self.said.is_some() {
            let _ = write!(std::io::stderr().lock(), "\r\x1b[K");
        }
    }
}

/// The bar: `[########......] 42 %  420,000 events, 2026-10-03`.
fn bar(first: u64, at: u64, newest: u64, day: &str) -> String {
    let (done, all) = (at.saturating_sub(first).saturating_add(1), newest.saturating_sub(first).saturating_add(1).max(1));
    let done = done.min(all);
    let part = |of: u64| done.saturating_mul(of).checked_div(all).unwrap_or(0);
    let (full, empty) = (usize::try_from(part(BAR)).unwrap_or(0), usize::try_from(BAR.saturating_sub(part(BAR))).unwrap_or(0));
    format!("[{}{}] {:>3} %  {done} of {all} events, {}", "#".repeat(full), ".".repeat(empty), part(100), words::safe(day))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bar_says_how_far_it_is() {
        assert_eq!(bar(101, 150, 200, "2026-10-03"), "[###############...............]  50 %  50 of 100 events, 2026-10-03");
        assert!(bar(1, 9, 3, "").starts_with("[##############################] 100 %  3 of 3"));
    }
}
