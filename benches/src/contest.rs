//! Contenders that take turns, and the table of what came out.

use crate::say;
use std::time::{Duration, Instant};

/// What a contender does, and how long that took.
type Run<'a> = Box<dyn FnMut() -> Duration + 'a>;

/// How often each runs before it counts: the first warm the caches.
const WARM: usize = 100;

/// The one in the middle.
pub fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}

/// Contenders for one thing.
pub struct Contest<'a> {
    title: String,
    warm: usize,
    rest: Duration,
    contenders: Vec<(&'static str, Run<'a>)>,
}

/// What came out: the times of each, round by round.
pub struct Results {
    title: String,
    times: Vec<(&'static str, Vec<Duration>)>,
}

/// How often as long one contender took as another, run by run: both of a pair ran in the same moment of a machine that drifts.
pub struct Paired {
    ratios: Vec<f64>,
}

impl Paired {
    /// The ratio below which this part of the runs is.
    fn at(&self, part: f64) -> f64 {
        let place = (self.ratios.len() - 1) as f64 * part.clamp(0.0, 1.0);
        self.ratios[place.round() as usize]
    }

    /// The median.
    pub fn median(&self) -> f64 {
        self.at(0.5)
    }

    /// The middle half of the runs.
    pub fn middle_half(&self) -> [f64; 2] {
        [0.25, 0.75].map(|part| self.at(part))
    }

    /// Half of the range that the true median is in, 95 times of 100 (by the ranks of a binomial distribution).
    fn doubt(&self) -> f64 {
        let ranks = 0.98 / (self.ratios.len() as f64).sqrt();
        (self.at(0.5 + ranks) - self.at(0.5 - ranks)) / 2.0
    }

    /// In words.
    fn said(&self) -> String {
        let [from, to] = self.middle_half();
        format!("{:.3} times, +- {:.3}; the middle half of the runs {from:.2} to {to:.2}", self.median(), self.doubt())
    }
}

impl<'a> Contest<'a> {
    /// A contest without contenders.
    pub fn new(title: impl Into<String>) -> Self {
        Self { title: title.into(), warm: WARM, rest: Duration::ZERO, contenders: Vec::new() }
    }

    /// With so many runs before they count, where a run takes long.
    pub fn warm(mut self, rounds: usize) -> Self {
        self.warm = rounds;
        self
    }

    /// With so long a rest after each run: what it leaves to be done is not the next one's burden.
    pub fn rest(mut self, rest: Duration) -> Self {
        self.rest = rest;
        self
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

    /// Everybody runs so often, in an order that changes: nobody always follows the same one.
    pub fn run(mut self, rounds: usize) -> Results {
        let mut order: Vec<usize> = (0..self.contenders.len()).collect();
        let mut times: Vec<Vec<Duration>> = vec![Vec::with_capacity(rounds); order.len()];
        let mut luck = 1;
        for round in 0..rounds + self.warm {
            shuffle(&mut order, &mut luck);
            for &place in &order {
                let took = (self.contenders[place].1)();
                if !self.rest.is_zero() {
                    std::thread::sleep(self.rest);
                }
                if round >= self.warm {
                    times[place].push(took);
                }
            }
        }
        let times = self.contenders.iter().map(|(name, _)| *name).zip(times).collect();
        Results { title: self.title, times }
    }
}

/// Puts them in another order, the same in each run of the benchmark (Knuth's MMIX generator; its high bits are good).
fn shuffle(order: &mut [usize], luck: &mut u64) {
    for last in (1..order.len()).rev() {
        *luck = luck.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        order.swap(last, (*luck >> 33) as usize % (last + 1));
    }
}

impl Results {
    fn times(&self, name: &str) -> &[Duration] {
        &self.times.iter().find(|(known, _)| *known == name).unwrap().1
    }

    fn of(&self, name: &str) -> f64 {
        median(self.times(name).iter().map(Duration::as_secs_f64).collect())
    }

    /// This one beside that one, run by run.
    pub fn paired(&self, ours: &str, theirs: &str) -> Paired {
        let ratio = |(ours, theirs): (&Duration, &Duration)| ours.as_secs_f64() / theirs.as_secs_f64();
        let mut ratios: Vec<_> = self.times(ours).iter().zip(self.times(theirs)).map(ratio).collect();
        ratios.sort_by(f64::total_cmp);
        Paired { ratios }
    }

    /// Says what came out, and how each goal was met: this one, at most so many times that one.
    pub fn say(&self, goals: &[(&str, &str, f64)]) {
        say::title(&format!("{}, median", self.title));
        for (name, _) in &self.times {
            say::figure(name, &format!("{:.1} us", self.of(name) * 1e6), "");
        }
        self.say_goals(goals);
    }

    /// Says how each goal was met.
    pub fn say_goals(&self, goals: &[(&str, &str, f64)]) {
        for (ours, theirs, most) in goals {
            let ratio = self.of(ours) / self.of(theirs);
            say::figure(
                &format!("{ours} beside {theirs}"),
                &format!("{ratio:.2} times"),
                &say::goal(&format!("{most} times"), ratio <= *most),
            );
        }
    }

    /// Says how this one did beside that one, run by run, and how a goal was met: at most so many times.
    pub fn say_paired(&self, ours: &str, theirs: &str, goal: Option<f64>) {
        let paired = self.paired(ours, theirs);
        let about = goal.map(|most| say::goal(&format!("{most} times"), paired.median() <= most));
        say::figure(&format!("{ours} beside {theirs}, run by run"), &paired.said(), &about.unwrap_or_default());
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
