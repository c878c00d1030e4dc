//! Two clocks. Wall time is what people read, and can be set back; boot time only runs forward, but
//! begins again at each boot. A [`Deadline`] holds both and ends at whichever comes first.

use crate::span::Span;
use chrono::{DateTime, NaiveDate, SecondsFormat, Utc};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;

/// The last moment of the year 9999, the last that RFC 3339 can write.
const LAST_MILLI: i64 = 253_402_300_799_999;

/// A moment of wall time, in milliseconds since 1970-01-01T00:00:00Z, between 1970 and 9999.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WallTime(i64);

impl WallTime {
    /// The moment that many milliseconds after 1970 began; held within the years 1970 to 9999.
    #[must_use]
    pub fn from_millis(millis: i64) -> Self {
        Self(millis.clamp(0, LAST_MILLI))
    }

    /// Milliseconds since 1970 began.
    #[must_use]
    pub fn as_millis(self) -> i64 {
        self.0
    }

    /// The first moment after that day, in UTC.
    #[must_use]
    pub fn after_day(day: NaiveDate) -> Self {
        let next = day.succ_opt().unwrap_or(day);
        Self::from_millis(next.and_time(chrono::NaiveTime::MIN).and_utc().timestamp_millis())
    }

    /// The day in UTC.
    #[must_use]
    pub fn day(self) -> NaiveDate {
        self.utc().date_naive()
    }

    /// This much later.
    #[must_use]
    pub fn plus(self, span: Span) -> Self {
        Self::from_millis(self.0.saturating_add(i64::try_from(span.as_millis()).unwrap_or(i64::MAX)))
    }

    /// This much earlier.
    #[must_use]
    pub fn minus(self, span: Span) -> Self {
        Self::from_millis(self.0.saturating_sub(i64::try_from(span.as_millis()).unwrap_or(i64::MAX)))
    }

    /// How long from here to a later moment; nothing if it is not later.
    #[must_use]
    pub fn until(self, later: Self) -> Span {
        Span::from_millis(u64::try_from(later.0.saturating_sub(self.0)).unwrap_or(0))
    }

    /// This moment, or the next whole second after it.
    #[must_use]
    pub fn up_to_second(self) -> Self {
        Self::from_millis(self.0.saturating_add(999).div_euclid(1000).saturating_mul(1000))
    }

    /// RFC 3339 in UTC with milliseconds: how an event's time is written.
    #[must_use]
    pub fn with_millis(self) -> String {
        self.utc().to_rfc3339_opts(SecondsFormat::Millis, true)
    }

    /// Reads RFC 3339 with any offset.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let moment = DateTime::parse_from_rfc3339(text).ok()?;
        Some(Self::from_millis(moment.timestamp_millis()))
    }

    fn utc(self) -> DateTime<Utc> {
        DateTime::from_timestamp_millis(self.0).unwrap_or_default()
    }
}

/// RFC 3339 in UTC, whole seconds: `2026-11-23T15:04:05Z`.
impl fmt::Display for WallTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.utc().to_rfc3339_opts(SecondsFormat::Secs, true))
    }
}

impl fmt::Debug for WallTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.with_millis())
    }
}

/// Whole seconds, as they stand in events: what is stored is rounded before, never by writing it.
impl Serialize for WallTime {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for WallTime {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| serde::de::Error::custom("not an RFC 3339 time"))
    }
}

/// Milliseconds since the machine booted, time asleep included (CLOCK_BOOTTIME).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct BootTime(u64);

impl BootTime {
    /// That many milliseconds after boot.
    #[must_use]
    pub const fn from_millis(millis: u64) -> Self {
        Self(millis)
    }

    /// Milliseconds since boot.
    #[must_use]
    pub fn as_millis(self) -> u64 {
        self.0
    }

    /// This much later.
    #[must_use]
    pub fn plus(self, span: Span) -> Self {
        Self(self.0.saturating_add(span.as_millis()))
    }

    /// How long from here to a later moment; nothing if it is not later.
    #[must_use]
    pub fn until(self, later: Self) -> Span {
        Span::from_millis(later.0.saturating_sub(self.0))
    }
}

/// Which boot of which machine: `/proc/sys/kernel/random/boot_id`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct BootId(pub String);

/// Both clocks, read together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Now {
    /// Wall time.
    pub wall: WallTime,
    /// Boot time.
    pub boot: BootTime,
}

/// How far the clocks may drift apart before it counts as a step, in milliseconds: more than a clock that is slewed
/// does between two looks.
pub const STEP_MS: i64 = 2_000;

impl Now {
    /// How far the wall clock is ahead of the boot clock, in milliseconds. It changes when somebody sets the wall clock.
    #[must_use]
    pub fn drift_ms(self) -> i64 {
        self.wall.as_millis().saturating_sub(i64::try_from(self.boot.as_millis()).unwrap_or(i64::MAX))
    }
}

/// A moment at which something ends, on both clocks; the earlier one counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Deadline {
    /// On the wall clock, a whole second: what people are told.
    pub wall: WallTime,
    /// On the boot clock of the current boot.
    pub boot: BootTime,
}

impl Deadline {
    /// That long from now.
    #[must_use]
    pub fn after(now: Now, span: Span) -> Self {
        Self { wall: now.wall.plus(span).up_to_second(), boot: now.boot.plus(span) }
    }

    /// At that moment of wall time, or what it is from now on the boot clock.
    #[must_use]
    pub fn at(now: Now, wall: WallTime) -> Self {
        Self { wall, boot: now.boot.plus(now.wall.until(wall)) }
    }

    /// That long before it.
    #[must_use]
    pub fn minus(self, span: Span) -> Self {
        Self { wall: self.wall.minus(span), boot: BootTime(self.boot.0.saturating_sub(span.as_millis())) }
    }

    /// The earlier of the two on each clock.
    #[must_use]
    pub fn or_earlier(self, other: Self) -> Self {
        Self { wall: self.wall.min(other.wall), boot: self.boot.min(other.boot) }
    }

    /// Whether either clock has reached it.
    #[must_use]
    pub fn has_passed(self, now: Now) -> bool {
        now.wall >= self.wall || now.boot >= self.boot
    }

    /// How long is left, by the clock on which less is left.
    #[must_use]
    pub fn left(self, now: Now) -> Span {
        now.wall.until(self.wall).min(now.boot.until(self.boot))
    }

    /// The same deadline after the wall clock was set: the boot clock holds what is left, and the wall
    /// deadline can only come nearer.
    #[must_use]
    pub fn after_step(self, now: Now) -> Self {
        let by_boot = now.wall.plus(now.boot.until(self.boot)).up_to_second();
        Self { wall: self.wall.min(by_boot), boot: self.boot }
    }

    /// The same deadline in a new boot, whose boot clock began again. `newest` is the wall time of the
    /// newest event: a wall clock behind it was set back or lost, and then only what was left counts.
    #[must_use]
    pub fn after_boot(self, now: Now, newest: WallTime) -> Self {
        let left = newest.max(now.wall).until(self.wall);
        Self { wall: self.wall.min(now.wall.plus(left).up_to_second()), boot: now.boot.plus(left) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now(wall_s: i64, boot_s: u64) -> Now {
        Now { wall: WallTime::from_millis(wall_s * 1000), boot: BootTime::from_millis(boot_s * 1000) }
    }

    #[test]
    fn a_deadline_ends_at_whichever_clock_comes_first() {
        let end = Deadline::after(now(1_000_000, 50), Span::from_secs(60));
        assert!(!end.has_passed(now(1_000_059, 109)));
        assert!(end.has_passed(now(1_000_060, 51)), "wall clock set forward");
        assert!(end.has_passed(now(900_000, 110)), "wall clock set back");
        assert_eq!(end.left(now(900_000, 100)), Span::from_secs(10));
    }

    #[test]
    fn a_clock_set_back_never_lengthens_a_deadline_within_a_boot_or_across() {
        let end = Deadline::after(now(1_000_000, 50), Span::from_secs(3600));
        let stepped = end.after_step(now(990_000, 1850));
        assert_eq!(stepped.wall, WallTime::from_millis(991_800_000), "half an hour is left on the new clock too");
        let next_boot = stepped.after_boot(now(990_100, 5), WallTime::from_millis(990_000_000));
        assert_eq!(next_boot.left(now(990_100, 5)), Span::from_secs(1700));
    }

    #[test]
    fn a_dead_battery_leaves_what_was_left_at_the_newest_event() {
        let end = Deadline::after(now(1_000_000, 50), Span::from_secs(3600));
        let next_boot = end.after_boot(now(0, 5), WallTime::from_millis(1_000_600_000));
        assert_eq!(next_boot.left(now(0, 5)), Span::from_secs(3000));
        assert!(next_boot.has_passed(now(3000, 6)));
    }

    #[test]
    fn a_boot_later_by_the_wall_clock_counts_the_time_off() {
        let end = Deadline::after(now(1_000_000, 50), Span::from_secs(3600));
        let next_boot = end.after_boot(now(1_003_000, 5), WallTime::from_millis(1_000_600_000));
        assert_eq!(next_boot.left(now(1_003_000, 5)), Span::from_secs(600));
    }

    #[test]
    fn times_are_written_in_utc_and_read_with_any_offset() {
        let moment = WallTime::parse("2026-11-23T16:04:05+01:00").unwrap();
        assert_eq!(moment.to_string(), "2026-11-23T15:04:05Z");
        assert_eq!(moment.with_millis(), "2026-11-23T15:04:05.000Z");
        assert_eq!(WallTime::from_millis(i64::MAX).to_string(), "9999-12-31T23:59:59Z");
    }

    #[test]
    fn a_moment_is_held_within_the_years_that_can_be_written_and_no_sum_wraps() {
        let at = WallTime::from_millis;
        let longest = Span::from_millis(u64::MAX);
        assert_eq!((at(-1), at(i64::MIN)), (at(0), at(0)));
        assert_eq!((at(LAST_MILLI).as_millis(), at(LAST_MILLI + 1)), (LAST_MILLI, at(LAST_MILLI)));
        assert_eq!((at(5).plus(longest), at(5).minus(longest)), (at(LAST_MILLI), at(0)));
        assert_eq!((at(5000).plus(Span::from_secs(2)), at(5000).minus(Span::from_secs(2))), (at(7000), at(3000)));
        assert_eq!((at(1000).until(at(4000)), at(4000).until(at(1000))), (Span::from_secs(3), Span::from_secs(0)));
        let boot = BootTime::from_millis;
        assert_eq!((boot(5).plus(longest).as_millis(), boot(5).plus(Span::from_millis(2)).as_millis()), (u64::MAX, 7));
        assert_eq!((boot(5).until(boot(7)), boot(7).until(boot(5))), (Span::from_millis(2), Span::from_millis(0)));
    }

    #[test]
    fn a_deadline_is_the_next_whole_second_and_a_whole_second_itself() {
        let at = WallTime::from_millis;
        for (millis, up) in [(0, 0), (1, 1000), (999, 1000), (1000, 1000), (1001, 2000)] {
            assert_eq!(at(millis).up_to_second(), at(up), "{millis}");
        }
        let end = Deadline::after(Now { wall: at(1_000_001), boot: BootTime::from_millis(7) }, Span::from_secs(1));
        assert_eq!((end.wall, end.boot), (at(1_002_000), BootTime::from_millis(1007)));
    }

    #[test]
    fn a_day_ends_where_the_next_one_begins_in_utc() {
        let day = NaiveDate::from_ymd_opt(2026, 12, 31).unwrap();
        let after = WallTime::after_day(day);
        assert_eq!(after.to_string(), "2027-01-01T00:00:00Z");
        assert_eq!(after.minus(Span::from_millis(1)).day(), day);
        assert_eq!(after.day(), day.succ_opt().unwrap());
    }

    #[test]
    fn a_deadline_at_a_moment_is_as_far_on_both_clocks_and_the_earlier_of_two_is_taken_on_each() {
        let end = Deadline::at(now(1_000_000, 50), WallTime::from_millis(1_000_060_000));
        assert_eq!((end.wall.as_millis(), end.boot), (1_000_060_000, BootTime::from_millis(110_000)));
        let past = Deadline::at(now(1_000_000, 50), WallTime::from_millis(999_000_000));
        assert_eq!((past.boot, past.has_passed(now(1_000_000, 50))), (BootTime::from_millis(50_000), true));
        let both = Deadline { wall: end.wall, boot: past.boot };
        assert_eq!((end.or_earlier(past), both.or_earlier(end), end.or_earlier(both)), (past, both, both));
        let before = end.minus(Span::from_secs(10));
        assert_eq!((before.wall.as_millis(), before.boot.as_millis()), (1_000_050_000, 100_000));
        assert!(!end.has_passed(now(1_000_059, 109)) && end.has_passed(now(1_000_060, 0)) && end.has_passed(now(0, 110)));
        assert_eq!(end.left(now(1_000_050, 60)), Span::from_secs(10));
        assert_eq!(end.left(now(1_000_000, 105)), Span::from_secs(5));
    }

    #[test]
    fn how_far_the_clocks_are_apart_changes_when_one_is_set() {
        assert_eq!(now(1_000_000, 50).drift_ms(), 999_950_000);
        assert_eq!(now(1_000_100, 150).drift_ms(), 999_950_000);
        assert_eq!(now(999_940, 150).drift_ms(), 999_790_000);
        let endless = Now { wall: WallTime::from_millis(7), boot: BootTime::from_millis(u64::MAX) };
        assert_eq!(endless.drift_ms(), 7 - i64::MAX);
    }

    #[test]
    fn moments_are_text_in_events_to_the_second_and_boot_time_is_a_number() {
        let moment = WallTime::from_millis(1_795_446_245_678);
        assert_eq!(serde_json::to_string(&moment).unwrap(), "\"2026-11-23T15:04:05Z\"");
        assert_eq!(moment.with_millis(), "2026-11-23T15:04:05.678Z");
        assert_eq!(serde_json::from_str::<WallTime>("\"2026-11-23T15:04:05Z\"").unwrap().as_millis(), 1_795_446_245_000);
        for wrong in ["\"yesterday\"", "7", "\"2026-11-23\""] {
            assert!(serde_json::from_str::<WallTime>(wrong).is_err(), "{wrong}");
        }
        assert_eq!(serde_json::to_string(&BootTime::from_millis(7)).unwrap(), "7");
        assert_eq!(format!("{moment:?}"), moment.with_millis());
    }
}
