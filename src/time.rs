//! Time as captures state it: nanoseconds since 1970, signed, without a wall clock.
//!
//! In: the fractions and resolutions of capture files. Out: [`Timestamp`] and [`Duration`], printed as
//! RFC 3339 UTC with nine digits. This module refuses to know the present time.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::{fmt, ops, str};

/// Nanoseconds in a second.
pub const NANOS: i64 = 1_000_000_000;

/// A moment of capture time, in nanoseconds since 1970-01-01T00:00:00Z. Years 1677 to 2262.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(pub i64);

/// A signed span of capture time, in nanoseconds.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Duration(pub i64);

impl Duration {
    /// A span of whole seconds.
    pub const fn from_secs(seconds: i64) -> Self {
        Self(seconds.saturating_mul(NANOS))
    }
    /// A span of whole milliseconds.
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis.saturating_mul(1_000_000))
    }
    /// The span in seconds, for statistics and display only.
    pub fn as_secs_f64(self) -> f64 {
        self.0 as f64 / NANOS as f64
    }
    /// The span in whole microseconds, rounded towards zero.
    pub const fn as_micros(self) -> i64 {
        self.0 / 1000
    }
}

impl Timestamp {
    /// From whole seconds and nanoseconds; a fraction above one second is carried, and what does not fit
    /// saturates.
    pub const fn new(seconds: i64, nanos: i64) -> Self {
        if let Some(whole) = seconds.checked_mul(NANOS) {
            return Self(whole.saturating_add(nanos));
        }
        // The first and last second of the range: whole seconds alone are outside, the sum may not be.
        let sum = seconds as i128 * NANOS as i128 + nanos as i128;
        if sum < i64::MIN as i128 {
            Self(i64::MIN)
        } else if sum > i64::MAX as i128 {
            Self(i64::MAX)
        } else {
            Self(sum as i64)
        }
    }
    /// How much later this moment is than `earlier`; negative where clocks went back. Saturates.
    pub const fn since(self, earlier: Self) -> Duration {
        Duration(self.0.saturating_sub(earlier.0))
    }
}

impl ops::Add<Duration> for Timestamp {
    type Output = Self;
    fn add(self, span: Duration) -> Self {
        Self(self.0.saturating_add(span.0))
    }
}

impl ops::Sub<Duration> for Timestamp {
    type Output = Self;
    fn sub(self, span: Duration) -> Self {
        Self(self.0.saturating_sub(span.0))
    }
}

/// RFC 3339 in UTC with nine digits: `2026-11-23T10:15:30.123456789Z`.
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (seconds, nanos) = (self.0.div_euclid(NANOS), self.0.rem_euclid(NANOS));
        let (days, second) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
        let (year, month, day) = civil(days);
        let (h, m, s) = (second / 3600, second / 60 % 60, second % 60);
        write!(f, "{year:04}-{month:02}-{day:02}T{h:02}:{m:02}:{s:02}.{nanos:09}Z")
    }
}

/// What makes a text no timestamp.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not an RFC 3339 UTC time: {0}")]
pub struct BadTime(String);

impl str::FromStr for Timestamp {
    type Err = BadTime;

    /// Reads what [`Timestamp`]'s `Display` prints; a shorter fraction or none is accepted.
    fn from_str(text: &str) -> Result<Self, BadTime> {
        parse(text).ok_or_else(|| BadTime(text.chars().take(40).collect()))
    }
}

fn parse(text: &str) -> Option<Timestamp> {
    let (date, clock) = text.strip_suffix('Z')?.split_once('T')?;
    // Small types: the arithmetic below holds for what fits into them.
    let mut date = date.splitn(3, '-').map(str::parse::<u16>);
    let (year, month, day) = (date.next()?.ok()?, date.next()?.ok()?, date.next()?.ok()?);
    let (clock, fraction) = clock.split_once('.').unwrap_or((clock, ""));
    let mut clock = clock.splitn(3, ':').map(str::parse::<u8>);
    let (h, m, s) = (clock.next()?.ok()?, clock.next()?.ok()?, clock.next()?.ok()?);
    let valid = (1..=12).contains(&month) && (1..=31).contains(&day) && h < 24 && m < 60 && s <= 60;
    if !valid || fraction.len() > 9 || !fraction.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let nanos = format!("{fraction:0<9}").parse::<i64>().ok()?;
    let seconds = days(year.into(), month.into(), day.into()) * 86_400
        + i64::from(h) * 3600
        + i64::from(m) * 60
        + i64::from(s);
    Some(Timestamp::new(seconds, nanos))
}

/// Days since 1970 to year, month, day in the proleptic Gregorian calendar (Hinnant's algorithm).
fn civil(days: i64) -> (i64, i64, i64) {
    let z = days + 719_468;
    let era = z.div_euclid(146_097);
    let doe = z.rem_euclid(146_097);
    let yoe = (doe - doe / 1460 + doe / 36_524 - doe / 146_096) / 365;
    let doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    let mp = (5 * doy + 2) / 153;
    let month = if mp < 10 { mp + 3 } else { mp - 9 };
    (yoe + era * 400 + i64::from(month <= 2), month, doy - (153 * mp + 2) / 5 + 1)
}

/// The inverse of [`civil`].
fn days(year: i64, month: i64, day: i64) -> i64 {
    let y = year - i64::from(month <= 2);
    let era = y.div_euclid(400);
    let yoe = y.rem_euclid(400);
    let mp = (month + 9) % 12;
    let doe = yoe * 365 + yoe / 4 - yoe / 100 + (153 * mp + 2) / 5 + day - 1;
    era * 146_097 + doe - 719_468
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(d)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

impl schemars::JsonSchema for Timestamp {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Timestamp".into()
    }
    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({"type": "string", "format": "date-time", "description": "RFC 3339, UTC, nine digits"})
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_and_reads_nine_digits() {
        let cases = [
            (0, "1970-01-01T00:00:00.000000000Z"),
            (1_600_000_000_500_000_000, "2020-09-13T12:26:40.500000000Z"),
            (951_782_400_000_000_001, "2000-02-29T00:00:00.000000001Z"),
            (-1, "1969-12-31T23:59:59.999999999Z"),
            (i64::MIN, "1677-09-21T00:12:43.145224192Z"),
            (i64::MIN + NANOS, "1677-09-21T00:12:44.145224192Z"),
            (i64::MAX, "2262-04-11T23:47:16.854775807Z"),
        ];
        for (nanos, text) in cases {
            assert_eq!(Timestamp(nanos).to_string(), text);
            assert_eq!(text.parse(), Ok(Timestamp(nanos)));
        }
        assert_eq!("2020-09-13T12:26:40Z".parse(), Ok(Timestamp(1_600_000_000 * NANOS)));
    }

    #[test]
    fn refuses_what_is_no_time() {
        let beyond = [
            "9223372036854775807-01-01T00:00:00Z",
            "2020-01-01T-9223372036854775808:00:00Z",
            "2020-01-01T00:-9223372036854775808:00Z",
        ];
        for text in ["", "2020", "2020-13-01T00:00:00Z", "2020-01-01T00:00:00", "2020-01-01T25:00:00Z"]
            .into_iter()
            .chain(beyond)
        {
            assert!(text.parse::<Timestamp>().is_err(), "{text}");
        }
        // What is no year of the range is its first or last moment.
        assert_eq!("1013-01-01T00:00:00.5Z".parse(), Ok(Timestamp(i64::MIN)));
        assert_eq!("9999-01-01T00:00:00.5Z".parse(), Ok(Timestamp(i64::MAX)));
    }

    #[test]
    fn every_day_of_four_centuries_round_trips() {
        for day in (-146_097..146_097).step_by(17) {
            let (y, m, d) = civil(day);
            assert_eq!(days(y, m, d), day);
        }
    }
}
