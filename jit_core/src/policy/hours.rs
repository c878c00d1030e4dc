//! `hours`: when in the week a rule matches, in a time zone of its own.
//!
//! A moment is one moment everywhere; what can be doubtful is its local time. While clocks are set back an hour runs
//! twice, and nobody can say in which of the two a window opens or closes: if one does, it is unknown whether it is open.

use crate::span::Span;
use crate::time::WallTime;
use chrono::{DateTime, Datelike, LocalResult, NaiveDateTime, NaiveTime, TimeDelta, TimeZone, Timelike, Weekday};
use chrono_tz::Tz;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::str::FromStr;

const DAY_MIN: u16 = 24 * 60;
const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
/// Windows that follow one another for longer than this have no end that matters.
const LONGEST_DAYS: i64 = 8;

/// Days of the week, and a time on them: `mon-fri 08:00-19:00`. The days are those on which it opens; one that closes
/// at or before the time at which it opens does so on the next day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Window {
    days: [bool; 7],
    from_min: u16,
    to_min: u16,
}

/// Why a text is no window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotAWindow(&'static str);

impl fmt::Display for NotAWindow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl FromStr for Window {
    type Err = NotAWindow;

    fn from_str(text: &str) -> Result<Self, NotAWindow> {
        if text.contains(['\u{2013}', '\u{2014}']) {
            return Err(NotAWindow("it holds a dash; write the - of the keyboard"));
        }
        let (days, times) = text.trim().rsplit_once(' ').map_or((None, text.trim()), |(days, times)| (Some(days.trim()), times));
        let (from, to) = times.split_once('-').ok_or(NotAWindow("the times are missing"))?;
        let (from_min, to_min) = (minute(from)?, minute(to)?);
        if from_min == to_min || from_min == DAY_MIN {
            return Err(NotAWindow("it opens when it closes"));
        }
        let days = days.map_or(Ok([true; 7]), read_days)?;
        Ok(Self { days, from_min, to_min })
    }
}

fn minute(text: &str) -> Result<u16, NotAWindow> {
    const WRONG: NotAWindow = NotAWindow("a time is written HH:MM, from 00:00 to 24:00");
    let (hour, minute) = text.split_once(':').ok_or(WRONG)?;
    let two_digits =
        |text: &str| if text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit()) { text.parse::<u16>().ok() } else { None };
    let (hour, minute) = (two_digits(hour).ok_or(WRONG)?, two_digits(minute).ok_or(WRONG)?);
    let total = hour.saturating_mul(60).saturating_add(minute);
    if minute < 60 && total <= DAY_MIN { Ok(total) } else { Err(WRONG) }
}

fn read_days(text: &str) -> Result<[bool; 7], NotAWindow> {
    let number = |name: &str| DAYS.iter().position(|day| *day == name).ok_or(NotAWindow("days are mon tue wed thu fri sat sun"));
    let mut days = [false; 7];
    for part in text.split(',').map(str::trim) {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (mut day, last) = (number(first.trim())?, number(last.trim())?);
        loop {
            if let Some(named) = days.get_mut(day) {
                *named = true;
            }
            if day == last {
                break;
            }
            // fri-mon passes the end of the week.
            day = day.saturating_add(1).checked_rem(7).unwrap_or(0);
        }
    }
    Ok(days)
}

impl fmt::Display for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let named: Vec<_> = DAYS.iter().zip(self.days).filter(|(_, open)| *open).map(|(day, _)| *day).collect();
        if named.len() < 7 {
            write!(f, "{} ", named.join(","))?;
        }
        let time = |minutes: u16| (minutes.checked_div(60).unwrap_or(0), minutes.checked_rem(60).unwrap_or(0));
        let ((from_h, from_m), (to_h, to_m)) = (time(self.from_min), time(self.to_min));
        write!(f, "{from_h:02}:{from_m:02}-{to_h:02}:{to_m:02}")
    }
}

impl Serialize for Window {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Window {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

impl Window {
    fn opens_on(&self, day: Weekday) -> bool {
        let number = usize::try_from(day.num_days_from_monday()).unwrap_or(0);
        self.days.get(number).copied().unwrap_or(false)
    }

    /// When it closes, if it is open at this local time.
    fn closes(&self, local: NaiveDateTime) -> Option<NaiveDateTime> {
        let midnight = local.date().and_time(NaiveTime::MIN);
        let yesterday = midnight.checked_sub_signed(TimeDelta::days(1));
        [Some(midnight), yesterday].into_iter().flatten().find_map(|day| {
            let after = |minutes: u16| day.checked_add_signed(TimeDelta::minutes(i64::from(minutes)));
            let length = if self.to_min > self.from_min { self.to_min } else { self.to_min.saturating_add(DAY_MIN) };
            let (opens, closes) = (after(self.from_min)?, after(length)?);
            (self.opens_on(day.weekday()) && opens <= local && local < closes).then_some(closes)
        })
    }
}

/// Windows, in a zone.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Hours {
    /// One of these must be open.
    pub windows: Vec<Window>,
    /// The zone whose local time counts.
    pub zone: Tz,
}

#[derive(Serialize, Deserialize)]
struct Written {
    windows: Vec<Window>,
    zone: String,
}

impl Serialize for Hours {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Written { windows: self.windows.clone(), zone: self.zone.name().to_owned() }.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Hours {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Written { windows, zone } = Written::deserialize(deserializer)?;
        let zone = zone.parse().map_err(|_| serde::de::Error::custom("a time zone that is not known here"))?;
        Ok(Self { windows, zone })
    }
}

/// Whether a window is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Open {
    /// Until this moment; none: windows follow one another without end.
    Until(Option<WallTime>),
    /// None is.
    No,
    /// The local time exists twice, and one opens or closes in the hour that does.
    Unknown,
}

impl Hours {
    /// Whether one of the windows is open at this moment. Windows that touch are one.
    pub fn at(&self, moment: WallTime) -> Open {
        let Some(utc) = DateTime::from_timestamp_millis(moment.as_millis()) else { return Open::Unknown };
        let local = utc.with_timezone(&self.zone).naive_local();
        let closes = |local| self.windows.iter().filter_map(|window| window.closes(local)).max();
        match self.zone.from_local_datetime(&local) {
            LocalResult::Single(_) => {}
            LocalResult::Ambiguous(one, other) => {
                if local_minutes(one.min(other), one.max(other)).any(|minute| closes(minute).is_some() != closes(local).is_some()) {
                    return Open::Unknown;
                }
            }
            LocalResult::None => return Open::Unknown,
        }
        let Some(mut end) = closes(local) else { return Open::No };
        while let Some(later) = closes(end) {
            end = later;
            if end.signed_duration_since(local) > TimeDelta::days(LONGEST_DAYS) {
                return Open::Until(None);
            }
        }
        Open::Until(Some(self.moment(end)))
    }

    /// The moment of a local time; of one that exists twice the first, of one that is skipped that at which clocks skip it.
    fn moment(&self, local: NaiveDateTime) -> WallTime {
        let mut local = local.with_nanosecond(0).unwrap_or(local);
        let mut after = Span::from_millis(0);
        for _ in 0..DAY_MIN {
            match self.zone.from_local_datetime(&local) {
                LocalResult::Single(moment) | LocalResult::Ambiguous(moment, _) => {
                    return WallTime::from_millis(moment.timestamp_millis()).plus(after);
                }
                LocalResult::None => {
                    local = local.checked_sub_signed(TimeDelta::minutes(1)).unwrap_or(local);
                    // The end of the last minute that there is.
                    after = Span::from_secs(60);
                }
            }
        }
        // No zone skips a whole day but at the date line; then the window is over.
        WallTime::from_millis(0)
    }
}

/// The local time of each minute from one moment to another. From the first to the second moment of a local time that exists twice
/// it is each that does.
fn local_minutes(first: DateTime<Tz>, last: DateTime<Tz>) -> impl Iterator<Item = NaiveDateTime> {
    let minutes = last.signed_duration_since(first).num_minutes();
    (0..=minutes).filter_map(move |minute| Some(first.checked_add_signed(TimeDelta::minutes(minute))?.naive_local()))
}

impl fmt::Display for Hours {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let windows: Vec<_> = self.windows.iter().map(ToString::to_string).collect();
        write!(f, "{} ({})", windows.join(", "), self.zone.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn hours(windows: &[&str]) -> Hours {
        Hours { windows: windows.iter().map(|text| text.parse().unwrap()).collect(), zone: "Europe/Berlin".parse().unwrap() }
    }

    fn at(hours: &Hours, utc: &str) -> Open {
        hours.at(WallTime::parse(utc).unwrap())
    }

    fn until(utc: &str) -> Open {
        Open::Until(Some(WallTime::parse(utc).unwrap()))
    }

    #[test]
    fn windows_read_and_read_back_and_what_is_none_is_said() {
        for (text, shown) in [
            ("mon-fri 08:00-19:00", "mon,tue,wed,thu,fri 08:00-19:00"),
            ("sat 10:00-14:00", "sat 10:00-14:00"),
            ("22:00-06:00", "22:00-06:00"),
            ("sat-sun 00:00-24:00", "sat,sun 00:00-24:00"),
            ("fri-mon 08:00-09:00", "mon,fri,sat,sun 08:00-09:00"),
            ("mon, wed 08:00-09:00", "mon,wed 08:00-09:00"),
        ] {
            let window: Window = text.parse().unwrap();
            assert_eq!(window.to_string(), shown);
            assert_eq!(shown.parse(), Ok(window));
        }
        for wrong in [
            "",
            "mon",
            "mon-fri",
            "08:00",
            "8:00-9:00",
            "08:00-25:00",
            "08:60-10:00",
            "08:00-08:00",
            "24:00-08:00",
            "mo 08:00-09:00",
            "Mon 08:00-09:00",
            "mon- 08:00-09:00",
            "24:01-08:00",
        ] {
            assert!(wrong.parse::<Window>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_local_time_counts_and_the_end_is_a_moment() {
        let office = hours(&["mon-fri 08:00-19:00"]);
        // A Monday in winter (UTC+1), a Monday in summer (UTC+2).
        assert_eq!(at(&office, "2026-11-23T07:00:00Z"), until("2026-11-23T18:00:00Z"));
        assert_eq!(at(&office, "2026-11-23T06:59:59Z"), Open::No);
        assert_eq!(at(&office, "2026-11-23T18:00:00Z"), Open::No);
        assert_eq!(at(&office, "2026-07-20T06:00:00Z"), until("2026-07-20T17:00:00Z"));
        assert_eq!(at(&office, "2026-11-22T10:00:00Z"), Open::No, "a Sunday");
    }

    #[test]
    fn a_night_belongs_to_the_day_on_which_it_begins() {
        let night = hours(&["fri 22:00-06:00"]);
        assert_eq!(at(&night, "2026-11-27T21:30:00Z"), until("2026-11-28T05:00:00Z"));
        assert_eq!(at(&night, "2026-11-28T04:59:00Z"), until("2026-11-28T05:00:00Z"));
        assert_eq!(at(&night, "2026-11-27T04:00:00Z"), Open::No, "the night before began on a Thursday");
    }

    #[test]
    fn windows_that_touch_are_one_and_a_whole_week_has_no_end() {
        assert_eq!(at(&hours(&["sat-sun 00:00-24:00"]), "2026-11-28T12:00:00Z"), until("2026-11-29T23:00:00Z"));
        assert_eq!(at(&hours(&["00:00-24:00"]), "2026-11-28T12:00:00Z"), Open::Until(None));
    }

    #[test]
    fn an_hour_that_runs_twice_is_unknown_and_one_that_is_skipped_ends_a_window_when_it_is() {
        let night = hours(&["00:00-02:30"]);
        // Clocks go back on 2026-10-25 at 01:00 UTC: 02:00-03:00 local runs twice.
        assert_eq!(at(&night, "2026-10-25T00:10:00Z"), Open::Unknown);
        assert_eq!(at(&night, "2026-10-25T01:10:00Z"), Open::Unknown);
        assert_eq!(at(&night, "2026-10-24T23:30:00Z"), until("2026-10-25T00:30:00Z"), "the first 02:30");
        // They go forward on 2026-03-29 at 01:00 UTC: 02:00-03:00 local is skipped.
        assert_eq!(at(&night, "2026-03-29T00:30:00Z"), until("2026-03-29T01:00:00Z"));
        assert_eq!(at(&night, "2026-03-29T00:59:59Z"), until("2026-03-29T01:00:00Z"));
        assert_eq!(at(&night, "2026-03-29T01:00:00Z"), Open::No);
    }

    #[test]
    fn an_hour_that_runs_twice_is_known_where_no_window_opens_or_closes_in_it() {
        for first_or_second in ["2026-10-25T00:10:00Z", "2026-10-25T01:10:30Z"] {
            let at = |windows: &[&str]| at(&hours(windows), first_or_second);
            assert_eq!(at(&["20:00-07:00"]), until("2026-10-25T06:00:00Z"));
            assert_eq!(at(&["sun 02:00-03:00"]), until("2026-10-25T02:00:00Z"), "both of them");
            assert_eq!(at(&["00:00-02:30", "02:30-04:00"]), until("2026-10-25T03:00:00Z"), "they are one");
            for closed in ["08:00-19:00", "01:00-02:00", "03:00-04:00", "mon-sat 02:00-03:00"] {
                assert_eq!(at(&[closed]), Open::No, "{closed}");
            }
            for unknown in ["00:00-02:59", "02:01-03:00", "02:10-02:11"] {
                assert_eq!(at(&[unknown]), Open::Unknown, "{unknown}");
            }
        }
        // Half an hour, from 01:30 to 02:00.
        let lord_howe = |window: &str, utc| {
            let zone = "Australia/Lord_Howe".parse().unwrap();
            at(&Hours { windows: vec![window.parse().unwrap()], zone }, utc)
        };
        for first_or_second in ["2026-04-04T14:40:00Z", "2026-04-04T15:10:00Z"] {
            assert_eq!(lord_howe("00:00-01:30", first_or_second), Open::No);
            assert_eq!(lord_howe("00:00-02:00", first_or_second), until("2026-04-04T15:30:00Z"));
            assert_eq!(lord_howe("00:00-01:45", first_or_second), Open::Unknown);
        }
    }

    fn window() -> impl Strategy<Value = Window> {
        let minutes = (0..96_u16).prop_map(|quarter| quarter * 15);
        (proptest::array::uniform7(any::<bool>()), minutes.clone(), minutes)
            .prop_filter("it opens when it closes", |(_, from, to)| from != to)
            .prop_map(|(days, from_min, to_min)| Window { days, from_min, to_min })
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(3000) })]

        /// Also where clocks change by half an hour, or stand a quarter beside the others.
        #[test]
        fn a_window_is_open_up_to_its_end_and_not_after_it(
            windows in proptest::collection::vec(window(), 1..4),
            zone in proptest::sample::select(vec!["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "UTC"]),
            minute in 0..2 * 366 * 24 * 60_i64,
        ) {
            let hours = Hours { windows, zone: zone.parse().unwrap() };
            let moment = WallTime::from_millis(1_767_225_600_000 + minute * 60_000);
            if let Open::Until(Some(end)) = hours.at(moment) {
                let length = end.as_millis() - moment.as_millis();
                prop_assert!(length > 0, "it is open, and not over");
                for part in 0..8.min(length) {
                    let within = WallTime::from_millis(moment.as_millis() + length * part / 8);
                    prop_assert_ne!(hours.at(within), Open::No);
                }
                let after = hours.at(end);
                prop_assert!(!matches!(after, Open::Until(Some(later)) if later > end) && after != Open::Until(None), "{:?}", after);
            }
        }
    }

    #[test]
    fn hours_read_back_from_what_was_stored() {
        let office = hours(&["mon-fri 08:00-19:00", "sat 10:00-14:00"]);
        let stored = serde_json::to_string(&office).unwrap();
        assert_eq!(serde_json::from_str::<Hours>(&stored).unwrap(), office);
        assert!(serde_json::from_str::<Hours>(&stored.replace("Europe/Berlin", "Mars/Base")).is_err());
    }
}
