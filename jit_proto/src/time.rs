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
