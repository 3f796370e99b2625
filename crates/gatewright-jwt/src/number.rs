//! NumericDate (RFC 7519 §2): a decimal number, compared without rounding.

use std::time::Duration;

use gatewright_core::Timestamp;

/// How many decimal places of a second are kept. Of further places only one fact is kept: whether
/// any is not zero.
const FRACTION_DIGITS: i64 = 18;
const UNITS_PER_SECOND: u128 = 1_000_000_000_000_000_000;
const UNITS_PER_MICRO: u128 = 1_000_000_000_000;
/// Longer numbers of seconds are out of range of any clock. These still fit in 128 bits of units.
const MAX_SECOND_DIGITS: i64 = 20;

/// A time in a token: finite and not before 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct NumericDate {
    /// 10⁻¹⁸ seconds.
    units: u128,
    /// Whether the exact number exceeds `units`, by less than one unit.
    more: bool,
}

/// Why a value is not a NumericDate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BadNumber {
    /// Not a JSON number.
    Type,
    /// Negative, or out of range of any clock.
    Range,
}

impl NumericDate {
    /// From whole seconds.
    pub(crate) fn from_seconds(seconds: u64) -> Self {
        Self { units: u128::from(seconds) * UNITS_PER_SECOND, more: false }
    }

    /// Reads the text of a JSON value.
    pub(crate) fn parse(text: &str) -> Result<Self, BadNumber> {
        // JSON has no leading plus; leading zeros do not change the value.
        match text.parse::<u64>() {
            Ok(seconds) if !text.starts_with('+') => Ok(Self::from_seconds(seconds)),
            _ => Self::parse_decimal(text),
        }
    }

    fn parse_decimal(text: &str) -> Result<Self, BadNumber> {
        let (negative, text) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        if !text.starts_with(|c: char| c.is_ascii_digit()) {
            return Err(BadNumber::Type);
        }
        let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let significant = whole.bytes().chain(fraction.bytes()).filter(|digit| *digit != b'0').count();
        if significant == 0 {
            return Ok(Self { units: 0, more: false });
        }
        if negative {
            return Err(BadNumber::Range);
        }
        let point = count(whole.len()).saturating_add(exponent_of(exponent));
        Self::from_digits(whole.bytes().chain(fraction.bytes()), point)
    }

    /// From decimal digits, with the decimal point after the first `point` of them.
    fn from_digits(digits: impl Iterator<Item = u8>, point: i64) -> Result<Self, BadNumber> {
        let mut date = Self { units: 0, more: false };
        let mut place = point.saturating_sub(1); // the power of ten, in seconds, of the next digit
        for digit in digits {
            let digit = u128::from(digit.wrapping_sub(b'0'));
            if digit > 9 {
                return Err(BadNumber::Type);
            }
            if digit != 0 {
                if place >= MAX_SECOND_DIGITS {
                    return Err(BadNumber::Range);
                }
                match u32::try_from(place.saturating_add(FRACTION_DIGITS)) {
                    Ok(power) => {
                        date.units = date.units.saturating_add(digit.saturating_mul(power_of_ten(power)))
                    }
                    Err(_) => date.more = true,
                }
            }
            place = place.saturating_sub(1);
        }
        Ok(date)
    }

    /// Whether this time is later than `moment`.
    pub(crate) fn is_after(self, moment: Timestamp) -> bool {
        self > Self { units: units_of(moment), more: false }
    }

    /// Whether this time is earlier than `moment`.
    pub(crate) fn is_before(self, moment: Timestamp) -> bool {
        self < Self { units: units_of(moment), more: false }
    }

    /// Whether the time from `start` to this one is longer than `span`. Also true if both have more
    /// digits than are kept, so that the comparison is not exact.
    pub(crate) fn is_later_than(self, start: Self, span: Duration) -> bool {
        let limit = start.units.saturating_add(span.as_nanos().saturating_mul(1_000_000_000));
        self.units > limit || (self.units == limit && self.more)
    }

    /// This time, rounded down to the resolution of a clock.
    pub(crate) fn to_timestamp(self) -> Timestamp {
        Timestamp::from_micros(u64::try_from(self.units / UNITS_PER_MICRO).unwrap_or(u64::MAX))
    }
}

fn units_of(moment: Timestamp) -> u128 {
    u128::from(moment.as_micros()) * UNITS_PER_MICRO
}

fn count(length: usize) -> i64 {
    i64::try_from(length).unwrap_or(i64::MAX)
}

/// The exponent's value. If it overflows, a very large value of the same sign.
fn exponent_of(text: &str) -> i64 {
    let bound = if text.starts_with('-') { i64::MIN / 2 } else { i64::MAX / 2 };
    text.parse().unwrap_or(bound)
}

fn power_of_ten(power: u32) -> u128 {
    10_u128.checked_pow(power).unwrap_or(u128::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_seconds(1_700_000_000);

    fn parse(text: &str) -> NumericDate {
        NumericDate::parse(text).unwrap()
    }

    #[test]
    fn all_notations_of_a_number_are_equal() {
        let plain = parse("1700000000");
        for text in
            ["1700000000.0", "17e8", "1.7E9", "1.7e+9", "170000000000e-2", "0.17e10", "1700000000.000e0"]
        {
            assert_eq!(parse(text), plain, "{text}");
        }
        for text in ["0", "-0", "-0.0", "0e999999999999999999999", "0.000e-5"] {
            assert_eq!(parse(text).to_timestamp(), Timestamp::from_seconds(0), "{text}");
        }
    }

    #[test]
    fn fractions_too_small_for_a_double_still_count() {
        assert!(!parse("1700000000").is_after(NOW));
        assert!(parse("1700000000.0000000001").is_after(NOW));
        assert!(parse("1700000000.0000000000000000000000000001").is_after(NOW));
        assert!(!parse("1699999999.9999999999999999999999999999").is_after(NOW));
        assert!(parse("17000000000000000000000000000000000001e-28").is_after(NOW));
    }

    #[test]
    fn negative_and_huge_numbers_are_out_of_range() {
        for text in
            ["-1", "-0.1", "-1e-400", "1e400", "1e21", "1e99999999999999999999", "100000000000000000000"]
        {
            assert_eq!(NumericDate::parse(text), Err(BadNumber::Range), "{text}");
        }
        assert_eq!(parse("1e-99999999999999999999").to_timestamp(), Timestamp::from_seconds(0));
        assert!(parse("18446744073709551615").is_after(NOW));
    }

    #[test]
    fn other_values_than_numbers_have_a_wrong_type() {
        for text in ["\"1\"", "null", "true", "[1]", "{}", "", "-", "NaN", "+1"] {
            assert_eq!(NumericDate::parse(text), Err(BadNumber::Type), "{text}");
        }
    }

    #[test]
    fn spans_are_compared_without_rounding() {
        let day = Duration::from_secs(86_400);
        assert!(!parse("1700086400.5").is_later_than(parse("1700000000.5"), day));
        assert!(parse("1700086400.5000000000001").is_later_than(parse("1700000000.5"), day));
        assert!(!parse("5").is_later_than(parse("10"), day));
    }

    proptest::proptest! {
        #[test]
        fn the_parser_never_panics(text in "-?[0-9]{1,40}(\\.[0-9]{1,40})?([eE][+-]?[0-9]{1,25})?") {
            let _ = NumericDate::parse(&text).map(|date| (date.is_after(NOW), date.to_timestamp()));
        }

        #[test]
        fn whole_seconds_are_exact(seconds in 0_u64..9_000_000_000_000) {
            let date = NumericDate::parse(&seconds.to_string()).unwrap();
            proptest::prop_assert_eq!(date.to_timestamp(), Timestamp::from_seconds(seconds));
        }
    }
}
