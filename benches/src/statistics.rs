//! Medians, and the Mann–Whitney U test: whether the values of one list tend to be larger than those of
//! another.

use std::time::Duration;

/// The median. Zero if there are no values.
#[must_use]
pub fn median(mut values: Vec<Duration>) -> Duration {
    values.sort_unstable();
    values.get(values.len() / 2).copied().unwrap_or_default()
}

/// The result of [`mann_whitney`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RankTest {
    /// How often a value of the first list is larger than one of the second, over all pairs. 0.5 if the lists
    /// do not differ.
    pub larger: f64,
    /// The distance from 0.5 in standard deviations. Beyond 3, chance is an unlikely reason.
    pub z: f64,
}

/// Compares two lists by the ranks of their values. Ties count half.
#[must_use]
pub fn mann_whitney(first: &[Duration], second: &[Duration]) -> RankTest {
    let mut pairs = 0.0;
    for a in first {
        for b in second {
            pairs += match a.cmp(b) {
                std::cmp::Ordering::Greater => 1.0,
                std::cmp::Ordering::Equal => 0.5,
                std::cmp::Ordering::Less => 0.0,
            };
        }
    }
    let (n, m) = (first.len() as f64, second.len() as f64);
    let deviation = (n * m * (n + m + 1.0) / 12.0).sqrt();
    RankTest { larger: pairs / (n * m), z: (pairs - n * m / 2.0) / deviation }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn millis(values: &[u64]) -> Vec<Duration> {
        values.iter().map(|value| Duration::from_millis(*value)).collect()
    }

    /// The example of the hares and tortoises: U is 11 of 36.
    #[test]
    fn ranks_of_the_textbook_example() {
        let (tortoises, hares) = (millis(&[1, 7, 8, 9, 10, 11]), millis(&[2, 3, 4, 5, 6, 12]));
        let test = mann_whitney(&hares, &tortoises);
        assert!((test.larger - 11.0 / 36.0).abs() < 1e-12, "{test:?}");
        assert!((test.z - (11.0 - 18.0) / 39.0_f64.sqrt()).abs() < 1e-12, "{test:?}");
        let equal = mann_whitney(&hares, &hares);
        assert!((equal.larger - 0.5).abs() < 1e-12 && equal.z.abs() < 1e-12, "{equal:?}");
        assert_eq!(median(hares), Duration::from_millis(5));
    }
}
