//! The steps of a run, and how long each took.

use std::time::{Duration, Instant};

/// Runs steps and records their times.
#[derive(Debug)]
pub(crate) struct Steps {
    started: Instant,
    done: Vec<(&'static str, Duration)>,
}

impl Steps {
    #[expect(clippy::disallowed_methods, reason = "measures the steps of this program")]
    pub(crate) fn start() -> Self {
        Self { started: Instant::now(), done: Vec::new() }
    }

    /// Runs a step and records its time, also if it fails.
    pub(crate) fn time<T>(&mut self, name: &'static str, step: impl FnOnce() -> T) -> T {
        let started = self.started.elapsed();
        let done = step();
        self.done.push((name, self.started.elapsed().saturating_sub(started)));
        done
    }

    /// The minutes of each step and of the whole run.
    pub(crate) fn table(&self) -> String {
        table(&self.done, self.started.elapsed())
    }
}

fn table(steps: &[(&str, Duration)], total: Duration) -> String {
    let row = |name: &str, time: Duration| format!("{name:<28}{:>8.1}\n", time.as_secs_f64() / 60.0);
    let rows: String = steps.iter().map(|(name, time)| row(name, *time)).collect();
    format!("\n{:<28}{:>8}\n{rows}{}", "step", "minutes", row("total", total))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_lists_each_step_and_the_total_in_minutes() {
        let steps = [("lints", Duration::from_secs(90)), ("tests", Duration::from_secs(303))];
        let table = table(&steps, Duration::from_secs(400));
        let lines: Vec<Vec<&str>> =
            table.trim().lines().map(|line| line.split_whitespace().collect()).collect();
        assert_eq!(lines, [["step", "minutes"], ["lints", "1.5"], ["tests", "5.0"], ["total", "6.7"]]);
    }

    #[test]
    fn a_failed_step_is_listed() {
        let mut steps = Steps::start();
        let failed: Result<(), String> = steps.time("lints", || Err("failed".to_owned()));
        assert!(failed.is_err() && steps.table().contains("lints"));
    }
}
