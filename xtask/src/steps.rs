//! The steps of a run, and how long each took.

use std::process::Command;
use std::time::{Duration, Instant};

use xtask::tools::step;

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

    /// Runs a command as a step.
    pub(crate) fn run(&mut self, name: &'static str, command: &mut Command) -> Result<(), String> {
        self.time(name, || step(name, command))
    }

    /// The minutes of each step and of the whole run.
    pub(crate) fn table(&self) -> String {
        let row = |name: &str, time: Duration| format!("{name:<32}{:>8.1}\n", time.as_secs_f64() / 60.0);
        let rows: String = self.done.iter().map(|(name, time)| row(name, *time)).collect();
        format!("\n{:<32}{:>8}\n{rows}{}", "step", "minutes", row("total", self.started.elapsed()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_lists_each_step_and_the_total_in_minutes() {
        let mut steps = Steps::start();
        steps.done = vec![("lints", Duration::from_secs(90)), ("tests", Duration::from_secs(303))];
        let table = steps.table();
        let lines: Vec<Vec<&str>> =
            table.trim().lines().map(|line| line.split_whitespace().collect()).collect();
        assert_eq!(lines, [["step", "minutes"], ["lints", "1.5"], ["tests", "5.0"], ["total", "0.0"]]);
    }

    #[test]
    fn a_failed_step_is_listed() {
        let mut steps = Steps::start();
        let failed: Result<(), String> = steps.time("lints", || Err("failed".to_owned()));
        assert!(failed.is_err() && steps.table().contains("lints"));
    }
}
