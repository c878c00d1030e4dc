//! Times: shown in the zone of whoever reads, as short as they can be; typed in several ways.

use chrono::{DateTime, Datelike, FixedOffset, Local, NaiveDate, NaiveTime, TimeDelta, TimeZone, Utc};
use jit_core::span::Span;
use jit_core::time::WallTime;
use jit_proto::time::Moment;
use std::fmt;
use std::str::FromStr;

/// What time it is, and in which zone.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    now: DateTime<Utc>,
    /// The offset differs from moment to moment, so the zone is a function.
    zone: fn(DateTime<Utc>) -> DateTime<FixedOffset>,
}

impl Clock {
    /// The clock and the zone of this process.
    pub fn local() -> Self {
        Self { now: Utc::now(), zone: |moment| moment.with_timezone(&Local).fixed_offset() }
    }

    /// A clock that stands, in UTC.
    #[cfg(test)]
    pub fn standing(at: &str) -> Self {
        Self { now: at.parse().unwrap_or_default(), zone: |moment| moment.fixed_offset() }
    }

    /// Now.
    pub fn now(self) -> WallTime {
        WallTime::from_millis(self.now.timestamp_millis())
    }

    fn at(self, moment: Moment) -> DateTime<FixedOffset> {
        (self.zone)(DateTime::from_timestamp_millis(moment.0).unwrap_or_default())
    }

    /// `15:34` today, `Tue 15:34` within a week, else `2026-12-01 15:34`.
    pub fn short(self, moment: Moment) -> String {
        let (then, today) = (self.at(moment), (self.zone)(self.now).date_naive());
        let days = then.date_naive().signed_duration_since(today).num_days();
        let form = match days {
            0 => "%H:%M",
            -6..=6 => "%a %H:%M",
            _ => "%Y-%m-%d %H:%M",
        };
        then.format(form).to_string()
    }

    /// The same in a sentence, behind "until", "by" or "before": `tomorrow 15:34`.
    pub fn spoken(self, moment: Moment) -> String {
        let then = self.at(moment);
        let is_tomorrow = (self.zone)(self.now).date_naive().succ_opt() == Some(then.date_naive());
        if is_tomorrow { then.format("tomorrow %H:%M").to_string() } else { self.short(moment) }
    }

    /// The second, and the day too if it is not today.
    pub fn second(self, moment: Moment) -> String {
        let then = self.at(moment);
        let today = (self.zone)(self.now).date_naive();
        then.format(if then.date_naive() == today { "%H:%M:%S" } else { "%Y-%m-%d %H:%M:%S" }).to_string()
    }

    /// The day and the minute.
    pub fn minute(self, moment: Moment) -> String {
        self.at(moment).format("%Y-%m-%d %H:%M").to_string()
    }

    /// The day, without its year.
    pub fn day(self, moment: Moment) -> String {
        self.at(moment).format("%-d %b").to_string()
    }

    /// The zone, as it is now.
    pub fn zone_name(self) -> String {
        let offset = (self.zone)(self.now).format("%:z").to_string();
        if offset == "+00:00" { "UTC".to_owned() } else { format!("UTC{offset}") }
    }

    /// The time of day.
    #[cfg(feature = "watch")]
    pub fn time_of_day(self) -> String {
        (self.zone)(self.now).format("%H:%M:%S").to_string()
    }

    /// The day and the second.
    pub fn full(self, moment: Moment) -> String {
        self.at(moment).format("%Y-%m-%d %H:%M:%S").to_string()
    }
}

/// A length of time as people say it: its two largest units, but no seconds beside hours.
pub fn about(secs: u64) -> String {
    let round = |unit: u64| secs.checked_div(unit).unwrap_or(0).saturating_mul(unit);
    let rounded = match secs {
        0..60 => secs,
        60..86_400 => round(60),
        _ => round(3600),
    };
    Span::from_secs(rounded).to_string()
}

/// The day in UTC, in which a policy names its days.
pub fn day_in_utc(moment: Moment) -> String {
    moment.rfc3339().chars().take(10).collect()
}

/// A time as somebody typed it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// RFC 3339.
    Moment(Moment),
    /// A day, in the zone of whoever typed it.
    Day(NaiveDate),
    /// That long ago.
    Ago(Span),
}

/// Why a text is no time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoTime;

impl fmt::Display for NoTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not a time; write 2026-12-01T15:00:00Z, 2026-12-01, or how long ago: 2h")
    }
}

impl std::error::Error for NoTime {}

impl FromStr for When {
    type Err = NoTime;

    fn from_str(text: &str) -> Result<Self, NoTime> {
        let text = text.trim();
        if let Ok(moment) = DateTime::parse_from_rfc3339(text) {
            return Ok(Self::Moment(Moment(moment.timestamp_millis())));
        }
        if let Ok(day) = NaiveDate::parse_from_str(text, "%Y-%m-%d") {
            // chrono also takes 26-1-1, which is more likely a slip.
            let whole = text.len() == 10 && day.year() > 0;
            return if whole { Ok(Self::Day(day)) } else { Err(NoTime) };
        }
        text.parse().map(Self::Ago).map_err(|_| NoTime)
    }
}

impl When {
    /// Its first moment.
    pub fn begins(self, clock: Clock) -> Moment {
        self.begins_in(clock, &Local)
    }

    /// Its last moment: a day's is its end.
    pub fn ends(self, clock: Clock) -> Moment {
        self.ends_in(clock, &Local)
    }

    fn begins_in<Z: TimeZone>(self, clock: Clock, zone: &Z) -> Moment {
        match self {
            Self::Moment(moment) => moment,
            Self::Day(day) => midnight(day, zone),
            Self::Ago(span) => {
                let back = i64::try_from(span.as_millis()).unwrap_or(i64::MAX);
                Moment(clock.now.timestamp_millis().saturating_sub(back))
            }
        }
    }

    fn ends_in<Z: TimeZone>(self, clock: Clock, zone: &Z) -> Moment {
        match self {
            Self::Day(day) => Moment(midnight(day.succ_opt().unwrap_or(day), zone).0.saturating_sub(1)),
            Self::Moment(_) | Self::Ago(_) => self.begins_in(clock, zone),
        }
    }
}

/// When something is to begin, as somebody typed it: as other times, but a length of time is one from now on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Start(When);

/// Why a text is no beginning.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoStart;

impl fmt::Display for NoStart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not a time; write 2026-12-01T15:00:00Z, 2026-12-01, or in how long: 2h")
    }
}

impl std::error::Error for NoStart {}

impl FromStr for Start {
    type Err = NoStart;

    fn from_str(text: &str) -> Result<Self, NoStart> {
        text.parse().map(Self).map_err(|NoTime| NoStart)
    }
}

impl Start {
    /// Its moment.
    pub fn moment(self, clock: Clock) -> Moment {
        match self.0 {
            When::Ago(ahead) => Moment(clock.now().plus(ahead).as_millis()),
            when @ (When::Moment(_) | When::Day(_)) => when.begins(clock),
        }
    }
}

/// The first moment of a day; where the clocks are put forward at midnight, an hour later.
fn midnight<Z: TimeZone>(day: NaiveDate, zone: &Z) -> Moment {
    let midnight = day.and_time(NaiveTime::MIN);
    let first = zone.from_local_datetime(&midnight).earliest();
    let later = || midnight.checked_add_signed(TimeDelta::hours(1)).and_then(|later| zone.from_local_datetime(&later).earliest());
    first.or_else(later).map_or_else(|| Moment(midnight.and_utc().timestamp_millis()), |moment| Moment(moment.timestamp_millis()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moment(text: &str) -> Moment {
        Moment(DateTime::parse_from_rfc3339(text).unwrap().timestamp_millis())
    }

    #[test]
    fn a_time_is_as_short_as_it_can_be() {
        let clock = Clock::standing("2026-11-23T15:04:05Z");
        for (time, shown) in [
            ("2026-11-23T15:34:00Z", "15:34"),
            ("2026-11-23T00:00:00Z", "00:00"),
            ("2026-11-24T15:34:00Z", "Tue 15:34"),
            ("2026-11-29T23:59:59Z", "Sun 23:59"),
            ("2026-11-30T00:00:00Z", "2026-11-30 00:00"),
            ("2026-11-22T15:34:00Z", "Sun 15:34"),
            ("2026-12-01T15:34:00Z", "2026-12-01 15:34"),
        ] {
            assert_eq!(clock.short(moment(time)), shown);
        }
        for (time, said) in [
            ("2026-11-23T23:59:00Z", "23:59"),
            ("2026-11-24T00:00:00Z", "tomorrow 00:00"),
            ("2026-11-24T23:59:00Z", "tomorrow 23:59"),
            ("2026-11-25T00:00:00Z", "Wed 00:00"),
        ] {
            assert_eq!(clock.spoken(moment(time)), said);
        }
        assert_eq!(clock.second(moment("2026-11-23T15:04:05Z")), "15:04:05");
        assert_eq!(clock.second(moment("2026-11-22T15:04:05Z")), "2026-11-22 15:04:05");
    }

    #[test]
    fn today_is_the_day_of_the_readers_zone() {
        let mut clock = Clock::standing("2026-11-23T23:30:00Z");
        clock.zone = |moment| moment.with_timezone(&FixedOffset::east_opt(3600).unwrap());
        assert_eq!(clock.short(moment("2026-11-24T00:10:00Z")), "01:10");
        assert_eq!(clock.short(moment("2026-11-23T22:10:00Z")), "Mon 23:10");
    }

    #[test]
    fn a_length_is_said_without_its_small_change() {
        for (secs, said) in [(0, "0s"), (45, "45s"), (1719, "28m"), (7500, "2h5m"), (3599, "59m"), (90_061, "1d1h"), (604_800, "7d")] {
            assert_eq!(about(secs), said);
        }
    }

    #[test]
    fn a_beginning_is_typed_as_a_moment_or_in_how_long() {
        let clock = Clock::standing("2026-11-23T15:04:05Z");
        let begins = |text: &str| text.parse::<Start>().unwrap().moment(clock).rfc3339();
        assert_eq!(begins("2h"), "2026-11-23T17:04:05Z");
        assert_eq!(begins("2026-11-23T16:30:00+01:00"), "2026-11-23T15:30:00Z");
        assert!("tomorrow".parse::<Start>().is_err_and(|why| why.to_string().ends_with("or in how long: 2h")));
    }

    #[test]
    fn a_day_of_the_policy_is_the_same_day_wherever_it_is_read() {
        assert_eq!(day_in_utc(moment("2027-03-31T23:59:59Z")), "2027-03-31");
    }

    #[test]
    fn a_time_is_typed_as_a_moment_a_day_or_how_long_ago() {
        let clock = Clock::standing("2026-11-23T15:04:05Z");
        let begins = |text: &str| text.parse::<When>().unwrap().begins_in(clock, &Utc).rfc3339();
        let ends = |text: &str| text.parse::<When>().unwrap().ends_in(clock, &Utc).rfc3339_millis();
        assert_eq!(begins("2026-11-23T16:00:00+01:00"), "2026-11-23T15:00:00Z");
        assert_eq!(begins("2026-11-23"), "2026-11-23T00:00:00Z");
        assert_eq!(begins("2h"), "2026-11-23T13:04:05Z");
        assert_eq!(ends("2026-11-23"), "2026-11-23T23:59:59.999Z");
        assert_eq!(ends("2h"), "2026-11-23T13:04:05.000Z");
        for wrong in ["", "yesterday", "26-11-23", "2026-13-01", "2026-11-23 15:00", "2M"] {
            assert_eq!(wrong.parse::<When>(), Err(NoTime), "{wrong}");
        }
    }
}
