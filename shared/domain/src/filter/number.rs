//! JSON numbers compared by value, exactly: as whole numbers where they are, not rounded to `f64`.

use std::cmp::Ordering;

use serde_json::Number;

/// `a` against `b`.
pub(super) fn compare(a: &Number, b: &Number) -> Ordering {
    match (Exact::of(a), Exact::of(b)) {
        (Exact::Whole(a), Exact::Whole(b)) => a.cmp(&b),
        (Exact::Whole(a), Exact::Float(b)) => whole_with_float(a, b),
        (Exact::Float(a), Exact::Whole(b)) => whole_with_float(b, a).reverse(),
        // Numbers read from JSON are finite, and `-0` equals `0`.
        (Exact::Float(a), Exact::Float(b)) => a.partial_cmp(&b).unwrap_or(Ordering::Equal),
    }
}

enum Exact {
    /// Of the ranges of `u64` and `i64`.
    Whole(i128),
    Float(f64),
}

impl Exact {
    fn of(number: &Number) -> Self {
        if let Some(whole) = number.as_u64() {
            return Self::Whole(whole.into());
        }
        match number.as_i64() {
            Some(whole) => Self::Whole(whole.into()),
            None => Self::Float(number.as_f64().unwrap_or_default()),
        }
    }
}

fn whole_with_float(whole: i128, float: f64) -> Ordering {
    // `as` cuts towards zero and saturates, so it is exact for every float of the range of `whole`
    // and keeps those outside of it outside.
    let cut = float as i128;
    whole.cmp(&cut).then_with(|| {
        0.0_f64
            .partial_cmp(&float.fract())
            .unwrap_or(Ordering::Equal)
    })
}

/// What `numeric` asks for; a bound is the number and whether it is itself within.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Range {
    pub(super) lower: Option<(Number, bool)>,
    pub(super) upper: Option<(Number, bool)>,
}

impl Range {
    pub(super) fn contains(&self, number: &Number) -> bool {
        let within = |bound: &Option<(Number, bool)>, side| match bound {
            None => true,
            Some((bound, included)) => {
                let order = compare(number, bound);
                order == side || (*included && order == Ordering::Equal)
            }
        };
        within(&self.lower, Ordering::Greater) && within(&self.upper, Ordering::Less)
    }

    /// Whether no number is within.
    pub(super) fn is_empty(&self) -> bool {
        match (&self.lower, &self.upper) {
            (Some((lower, from)), Some((upper, to))) => match compare(lower, upper) {
                Ordering::Less => false,
                Ordering::Equal => !(*from && *to),
                Ordering::Greater => true,
            },
            (None, _) | (_, None) => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn number(text: &str) -> Number {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn numbers_are_compared_by_value() {
        for (a, b, expected) in [
            ("1", "1.0", Ordering::Equal),
            ("3.018e2", "301.8", Ordering::Equal),
            // Too long for a float, and rounded alike however they are written.
            (
                "4567890178901234567890",
                "4567890178901234567890.0",
                Ordering::Equal,
            ),
            (
                "4567890178901234567890",
                "4.56789017890123456789e21",
                Ordering::Equal,
            ),
            (
                "0.3000000000000000166",
                "3000000000000000166e-19",
                Ordering::Equal,
            ),
            ("-0.0", "0", Ordering::Equal),
            ("5", "4.999999", Ordering::Greater),
            ("-5", "-4.5", Ordering::Less),
            // Equal as f64, different as numbers.
            ("9007199254740993", "9007199254740992.0", Ordering::Greater),
            (
                "18446744073709551615",
                "18446744073709551616.0",
                Ordering::Less,
            ),
            ("-9223372036854775808", "1e300", Ordering::Less),
            ("18446744073709551615", "-1e300", Ordering::Greater),
        ] {
            assert_eq!(compare(&number(a), &number(b)), expected, "{a} {b}");
            assert_eq!(
                compare(&number(b), &number(a)),
                expected.reverse(),
                "{b} {a}"
            );
        }
    }

    proptest! {
        #[test]
        fn small_whole_numbers_order_the_same_however_they_are_written(a in -1_000_i32..1_000, b in -1_000_i32..1_000) {
            let (whole, float) = (Number::from(a), Number::from_f64(f64::from(b)).unwrap());
            prop_assert_eq!(compare(&whole, &float), a.cmp(&b));
            prop_assert_eq!(compare(&float, &whole), b.cmp(&a));
        }
    }
}
