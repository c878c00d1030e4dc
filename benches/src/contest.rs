//! Contenders that take turns, and the table of what came out.

use crate::say;
use std::time::{Duration, Instant};

/// What a contender does, and how long that took.
type Run<'a> = Box<dyn FnMut() -> Duration + 'a>;

/// How often each runs before it counts: the first warm the caches.
const WARM: usize = 100;

/// Contenders for one thing.
pub struct Contest<'a> {
    title: String,
    contenders: Vec<(&'static str, Run<'a>)>,
}

/// What came out: the median of each.
pub struct Results {
    title: String,
    medians: Vec<(&'static str, Duration)>,
}

impl<'a> Contest<'a> {
    /// A contest without contenders.
    pub fn new(title: impl Into<String>) -> Self {
        Self { title: title.into(), contenders: Vec::new() }
    }

    /// One more contender.
    pub fn enter(&mut self, name: &'static str, mut run: impl FnMut() + 'a) {
        self.enter_timed(name, move || {
            let began = Instant::now();
            run();
            began.elapsed()
        });
    }

    /// One that measures itself: not all that it does counts.
    pub fn enter_timed(&mut self, name: &'static str, run: impl FnMut() -> Duration + 'a) {
        self.contenders.push((name, Box::new(run)));
    }

    /// Everybody runs so often, in an order that rotates.
    pub fn run(mut self, rounds: usize) -> Results {
        let count = self.contenders.len();
        let mut times: Vec<Vec<Duration>> = vec![Vec::with_capacity(rounds); count];
        for round in 0..rounds + WARM {
            for turn in 0..count {
                let place = (round + turn) % count;
                let took = (self.contenders[place].1)();
                if round >= WARM {
                    times[place].push(took);
                }
            }
        }
        let median = |mut times: Vec<Duration>| {
            times.sort();
            times[times.len() / 2]
        };
        let medians = self.contenders.iter().zip(times).map(|((name, _), times)| (*name, median(times))).collect();
        Results { title: self.title, medians }
    }
}

impl Results {
    fn of(&self, name: &str) -> f64 {
        self.medians.iter().find(|(known, _)| *known == name).unwrap().1.as_secs_f64()
    }

    /// Says what came out, and how each goal was met: this one, at most so many times that one.
    pub fn say(&self, goals: &[(&str, &str, f64)]) {
        say::title(&format!("{}, median", self.title));
        for (name, median) in &self.medians {
            say::figure(name, &format!("{:.1} us", median.as_secs_f64() * 1e6), "");
        }
        for (ours, theirs, most) in goals {
            let ratio = self.of(ours) / self.of(theirs);
            say::figure(
                &format!("{ours} beside {theirs}"),
                &format!("{ratio:.2} times"),
                &say::goal(&format!("{most} times"), ratio <= *most),
            );
        }
    }

    /// This one beside that one, without a goal.
    pub fn say_beside(&self, pairs: &[(&str, &str)]) {
        for (ours, theirs) in pairs {
            say::figure(&format!("{ours} beside {theirs}"), &format!("{:.2} times", self.of(ours) / self.of(theirs)), "");
        }
    }

    /// What one takes more than another, beside a third that does that alone.
    pub fn say_more(&self, with: &str, without: &str, alone: &str) {
        let more = self.of(with) - self.of(without);
        let measured = format!("{:.1} us, {:.2} times", more * 1e6, more / self.of(alone));
        say::figure(&format!("{with} more than {without}, beside {alone}"), &measured, "");
    }
}
