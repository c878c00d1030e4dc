//! Lengths of time, as people write them: `90s`, `30m`, `2h30m`, `7d`.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::str::FromStr;

const UNITS: [(char, u64); 5] = [('w', 604_800), ('d', 86_400), ('h', 3_600), ('m', 60), ('s', 1)];

/// The longest length that is accepted anywhere: 366 days.
pub const LONGEST: Span = Span::from_secs(366 * 86_400);

/// A length of time, in milliseconds.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span(u64);

impl Span {
    /// That many seconds.
    #[must_use]
    pub const fn from_secs(secs: u64) -> Self {
        Self(secs.saturating_mul(1000))
    }

    /// That many milliseconds.
    #[must_use]
    pub const fn from_millis(millis: u64) -> Self {
        Self(millis)
    }

    /// In milliseconds.
    #[must_use]
    pub const fn as_millis(self) -> u64 {
        self.0
    }

    /// In seconds; what is left of one is dropped.
    #[must_use]
    pub const fn as_secs(self) -> u64 {
        self.0 / 1000
    }
}

/// Why a text is not a length of time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NotASpan {
    /// Not of the form at all.
    Form,
    /// `M`: it could be minutes or months.
    CapitalM,
    /// A number without a unit.
    NoUnit,
    /// Units are repeated, or a smaller one stands before a larger one.
    Order,
    /// Shorter than a second.
    Short,
    /// Longer than 366 days.
    Long,
}

impl fmt::Display for NotASpan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Form => "not a duration; write for example 90s, 30m, 2h30m or 7d",
            Self::CapitalM => "M is not a unit; minutes are m, for example 30m",
            Self::NoUnit => "a unit is missing; write for example 90s, 30m, 2h30m or 7d",
            Self::Order => "each unit once, the larger first, for example 2h30m",
            Self::Short => "too short; a duration is at least 1s",
            Self::Long => "too long; a duration is at most 366d",
        })
    }
}

impl std::error::Error for NotASpan {}

impl FromStr for Span {
    type Err = NotASpan;

    fn from_str(text: &str) -> Result<Self, NotASpan> {
        let mut rest = text.trim();
        let mut secs = 0_u64;
        let mut last_unit = None;
        if rest.is_empty() {
            return Err(NotASpan::Form);
        }
        while !rest.is_empty() {
            let digits = rest.find(|letter: char| !letter.is_ascii_digit()).ok_or(NotASpan::NoUnit)?;
            let (number, tail) = rest.split_at(digits);
            let mut letters = tail.chars();
            let letter = letters.next().ok_or(NotASpan::NoUnit)?;
            if number.is_empty() {
                return Err(NotASpan::Form);
            }
            if letter == 'M' {
                return Err(NotASpan::CapitalM);
            }
            let place = UNITS.iter().position(|(unit, _)| *unit == letter).ok_or(NotASpan::Form)?;
            if last_unit.is_some_and(|last| place <= last) {
                return Err(NotASpan::Order);
            }
            last_unit = Some(place);
            let (_, unit_secs) = UNITS.get(place).ok_or(NotASpan::Form)?;
            let number: u64 = number.parse().map_err(|_| NotASpan::Long)?;
            secs = number.checked_mul(*unit_secs).and_then(|part| secs.checked_add(part)).ok_or(NotASpan::Long)?;
            rest = letters.as_str();
        }
        let span = Self::from_secs(secs);
        match secs {
            0 => Err(NotASpan::Short),
            _ if span > LONGEST => Err(NotASpan::Long),
            _ => Ok(span),
        }
    }
}

/// The shortest exact form, whole seconds: `2h30m`, `90s` is `1m30s`.
impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut left = self.as_secs();
        if left == 0 {
            return f.write_str("0s");
        }
        for (unit, unit_secs) in UNITS.iter().filter(|(unit, _)| *unit != 'w') {
            let number = left.checked_div(*unit_secs).unwrap_or(0);
            left = left.checked_rem(*unit_secs).unwrap_or(0);
            if number > 0 {
                write!(f, "{number}{unit}")?;
            }
        }
        Ok(())
    }
}

impl fmt::Debug for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}ms", self.0)
    }
}

/// Whole seconds: events and JSON name such keys `*_s`.
impl Serialize for Span {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u64(self.as_secs())
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        u64::deserialize(deserializer).map(Self::from_secs)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_as_people_write_them() {
        for (text, secs) in [("90s", 90), ("30m", 1800), ("2h30m", 9000), ("7d", 604_800), ("1w", 604_800), (" 1h ", 3600)] {
            assert_eq!(text.parse::<Span>(), Ok(Span::from_secs(secs)), "{text}");
        }
    }

    #[test]
    fn what_could_be_misread_is_refused_with_a_reason() {
        for (text, why) in [
            ("", NotASpan::Form),
            ("h", NotASpan::Form),
            ("30", NotASpan::NoUnit),
            ("1h30", NotASpan::NoUnit),
            ("1M", NotASpan::CapitalM),
            ("30m1h", NotASpan::Order),
            ("1h1h", NotASpan::Order),
            ("0s", NotASpan::Short),
            ("367d", NotASpan::Long),
            ("99999999999999999999h", NotASpan::Long),
            ("-5m", NotASpan::Form),
            ("1.5h", NotASpan::Form),
        ] {
            assert_eq!(text.parse::<Span>(), Err(why), "{text}");
        }
    }

    #[test]
    fn a_duration_is_written_in_its_shortest_form() {
        for (secs, text) in [(0, "0s"), (90, "1m30s"), (9000, "2h30m"), (604_800, "7d"), (86_401, "1d1s")] {
            assert_eq!(Span::from_secs(secs).to_string(), text);
        }
    }

    #[test]
    fn each_reason_says_what_to_write() {
        for (text, said) in [
            ("h", "not a duration; write for example 90s, 30m, 2h30m or 7d"),
            ("1M", "M is not a unit; minutes are m, for example 30m"),
            ("30", "a unit is missing; write for example 90s, 30m, 2h30m or 7d"),
            ("1h1h", "each unit once, the larger first, for example 2h30m"),
            ("0s", "too short; a duration is at least 1s"),
            ("367d", "too long; a duration is at most 366d"),
        ] {
            assert_eq!(text.parse::<Span>().unwrap_err().to_string(), said, "{text}");
        }
    }

    #[test]
    fn a_year_and_a_day_is_accepted_a_second_more_is_not_and_no_sum_wraps() {
        assert_eq!("366d".parse::<Span>(), Ok(LONGEST));
        assert_eq!("366d1s".parse::<Span>(), Err(NotASpan::Long));
        assert_eq!("1s".parse::<Span>(), Ok(Span::from_secs(1)));
        assert_eq!("18446744073709551615w1s".parse::<Span>(), Err(NotASpan::Long));
        assert_eq!("30500568904943w18446744073709551615s".parse::<Span>(), Err(NotASpan::Long));
        assert_eq!(Span::from_secs(u64::MAX).as_millis(), u64::MAX);
    }

    #[test]
    fn a_length_is_whole_seconds_in_events_and_milliseconds_in_itself() {
        let span = Span::from_millis(1999);
        assert_eq!((span.as_secs(), span.as_millis()), (1, 1999));
        assert_eq!((serde_json::to_string(&span).unwrap().as_str(), format!("{span:?}").as_str()), ("1", "1999ms"));
        assert_eq!(serde_json::from_str::<Span>("90").unwrap(), Span::from_secs(90));
        assert!(serde_json::from_str::<Span>("\"90s\"").is_err());
    }
}
