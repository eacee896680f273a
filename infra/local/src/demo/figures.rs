//! Arithmetic and spelling of the report's numbers.

use std::time::Duration;

/// Nearest rank; zero of nothing.
pub(crate) fn percentile(sorted: &[Duration], percent: usize) -> u64 {
    let rank = (sorted.len() * percent).div_ceil(100).saturating_sub(1);
    let value = sorted.get(rank).copied().unwrap_or_default();
    u64::try_from(value.as_millis()).unwrap_or(u64::MAX)
}

/// Counts here stay far below 2^32, so nothing is lost on the way to `f64`.
pub(crate) fn ratio(count: u64, of: u64) -> f64 {
    let float = |count: u64| f64::from(u32::try_from(count).unwrap_or(u32::MAX));
    float(count) / float(of.max(1))
}

pub(crate) fn rounded(value: f64, precision: f64) -> f64 {
    (value * precision).round() / precision
}

/// `1234567` as `1,234,567`.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_what_and_as_people_expect() {
        let sorted: Vec<_> = (1..=10).map(Duration::from_millis).collect();
        for (percent, expected) in [(50, 5), (95, 10), (99, 10), (1, 1)] {
            assert_eq!(percentile(&sorted, percent), expected, "p{percent}");
        }
        assert_eq!(percentile(&[], 50), 0);
        for (number, expected) in [
            (7, "7"),
            (123, "123"),
            (1_234, "1,234"),
            (1_234_567, "1,234,567"),
        ] {
            assert_eq!(grouped(number), expected);
        }
        assert_eq!(rounded(ratio(1, 3), 1000.0), 0.333);
        assert_eq!(ratio(1, 0), 1.0);
    }
}
