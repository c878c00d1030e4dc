//! Moments on the wire: milliseconds there, RFC 3339 in JSON.

use chrono::{DateTime, SecondsFormat};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A moment of wall time, in milliseconds since 1970-01-01T00:00:00Z.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment(pub i64);

impl Moment {
    /// RFC 3339 in UTC, whole seconds.
    #[must_use]
    pub fn rfc3339(self) -> String {
        self.format(SecondsFormat::Secs)
    }

    /// RFC 3339 in UTC, with milliseconds: an event's time.
    #[must_use]
    pub fn rfc3339_millis(self) -> String {
        self.format(SecondsFormat::Millis)
    }

    fn format(self, seconds: SecondsFormat) -> String {
        DateTime::from_timestamp_millis(self.0).unwrap_or_default().to_rfc3339_opts(seconds, true)
    }
}

impl Serialize for Moment {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() { serializer.serialize_str(&self.rfc3339()) } else { serializer.serialize_i64(self.0) }
    }
}

impl<'de> Deserialize<'de> for Moment {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        i64::deserialize(deserializer).map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::{HEADER, decode, encode};

    #[test]
    fn a_moment_is_a_number_on_the_wire_and_a_date_in_json() {
        let moment = Moment(1_795_446_245_678);
        assert_eq!((moment.rfc3339().as_str(), moment.rfc3339_millis().as_str()), ("2026-11-23T15:04:05Z", "2026-11-23T15:04:05.678Z"));
        assert_eq!(serde_json::to_string(&moment).unwrap(), "\"2026-11-23T15:04:05Z\"");
        let frame = encode(&moment).unwrap();
        assert_eq!(frame[HEADER..], 1_795_446_245_678_i64.to_le_bytes());
        assert_eq!(decode(&frame[HEADER..]), Ok(moment));
        assert_eq!(Moment(i64::MAX).rfc3339(), "1970-01-01T00:00:00Z", "what no calendar has is shown as none");
    }
}
