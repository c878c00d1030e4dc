//! How figures are said: as text for whoever waits, or with `--markdown` as the tables of docs/performance.md.

use std::sync::atomic::{AtomicBool, Ordering};

static MARKDOWN: AtomicBool = AtomicBool::new(false);

/// From now on as tables of Markdown.
pub fn as_markdown() {
    MARKDOWN.store(true, Ordering::Relaxed);
}

/// Whether that was asked for.
pub fn is_markdown() -> bool {
    MARKDOWN.load(Ordering::Relaxed)
}

/// What the next figures are about.
pub fn title(about: &str) {
    if is_markdown() {
        println!("\n### {about}\n| | measured | |\n|---|---|---|");
    } else {
        println!("\n{about}");
    }
}

/// A figure, and what is to be said about it: a goal, or nothing.
pub fn figure(what: &str, measured: &str, about: &str) {
    if is_markdown() {
        println!("| {what} | {measured} | {about} |");
    } else {
        println!("  {what:<52} {measured:>16}  {about}");
    }
}

/// A goal in words, and whether it was met.
pub fn goal(most: &str, is_met: bool) -> String {
    goal_of(&format!("at most {most}"), is_met)
}

/// The same for a goal of another kind.
pub fn goal_of(what: &str, is_met: bool) -> String {
    format!("goal: {what}: {}", if is_met { "met" } else { "**missed**" })
}
