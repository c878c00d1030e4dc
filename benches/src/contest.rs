//! Contenders that take turns, and the table of what came out.

use std::time::{Duration, Instant};

/// What a contender does.
type Run<'a> = Box<dyn FnMut() + 'a>;

/// Contenders for one thing.
pub struct Contest<'a> {
    title: &'static str,
    contenders: Vec<(&'static str, Run<'a>)>,
}

/// What came out: the median of each.
pub struct Results {
    title: &'static str,
    medians: Vec<(&'static str, Duration)>,
}

impl<'a> Contest<'a> {
    /// A contest without contenders.
    pub fn new(title: &'static str) -> Self {
        Self { title, contenders: Vec::new() }
    }

    /// One more contender.
    pub fn enter(&mut self, name: &'static str, run: impl FnMut() + 'a) {
        self.contenders.push((name, Box::new(run)));
    }

    /// Everybody runs so often, in an order that rotates.
    pub fn run(mut self, rounds: usize) -> Results {
        let count = self.contenders.len();
        let mut times: Vec<Vec<Duration>> = vec![Vec::with_capacity(rounds); count];
        for round in 0..rounds + 100 {
            for turn in 0..count {
                let place = (round + turn) % count;
                let began = Instant::now();
                (self.contenders[place].1)();
                // The first hundred warm the caches.
                if round >= 100 {
                    times[place].push(began.elapsed());
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

    /// Prints the table, and how each goal was met: this one, at most so many times that one.
    pub fn print(&self, goals: &[(&str, &str, f64)]) {
        println!("\n{}, median", self.title);
        for (name, median) in &self.medians {
            println!("  {name:<40} {:>8.1} us", median.as_secs_f64() * 1e6);
        }
        for (ours, theirs, most) in goals {
            let ratio = self.of(ours) / self.of(theirs);
            let met = if ratio <= *most { "met" } else { "missed" };
            println!("  {ours} is {ratio:.2} times {theirs} (goal: at most {most}: {met})");
        }
    }
}
