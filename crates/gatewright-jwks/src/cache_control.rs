//! The freshness lifetime of a response by its `Cache-Control` header (RFC 9111 §5.2.2).

use std::time::Duration;

/// How long a response with these header values is fresh. `None` if they do not say. If several
/// directives give a time, the shortest one counts.
pub(crate) fn lifetime<'a>(values: impl Iterator<Item = &'a str>) -> Option<Duration> {
    values.flat_map(|value| value.split(',')).filter_map(directive).min()
}

fn directive(text: &str) -> Option<Duration> {
    let (name, value) = text.split_once('=').unwrap_or((text, ""));
    let (name, value) = (name.trim(), value.trim().trim_matches('"'));
    if name.eq_ignore_ascii_case("no-store") || name.eq_ignore_ascii_case("no-cache") {
        return Some(Duration::ZERO);
    }
    if !name.eq_ignore_ascii_case("max-age") || value.is_empty() || !value.bytes().all(|b| b.is_ascii_digit())
    {
        return None;
    }
    // A number that overflows counts as a very long time (RFC 9111 §1.2.2).
    Some(Duration::from_secs(value.parse().unwrap_or(u64::from(u32::MAX))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shortest_lifetime_counts() {
        let seconds = |values: &[&str]| lifetime(values.iter().copied()).map(|span| span.as_secs());
        assert_eq!(seconds(&[]), None);
        assert_eq!(seconds(&["public, max-age=300"]), Some(300));
        assert_eq!(seconds(&["MAX-AGE=\"300\" , must-revalidate"]), Some(300));
        assert_eq!(seconds(&["max-age=300", "max-age=60"]), Some(60));
        assert_eq!(seconds(&["max-age=300, no-cache"]), Some(0));
        assert_eq!(seconds(&["no-store"]), Some(0));
        assert_eq!(seconds(&["max-age=99999999999999999999999"]), Some(u64::from(u32::MAX)));
        for junk in
            ["max-age", "max-age=", "max-age=-1", "max-age=1.5", "s-maxage=5", "x=max-age=5", ",,,", "="]
        {
            assert_eq!(seconds(&[junk]), None, "{junk}");
        }
    }
}
