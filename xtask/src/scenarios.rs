//! The refresh scenarios as a table: the result of each on each storage.

use std::collections::{BTreeMap, BTreeSet};

use crate::cases::Cases;

/// The test program of the scenarios, and the start of their paths.
pub(crate) const PROGRAM: &str = "suites";
pub(crate) const PREFIX: &str = "scenarios::";

/// Whether a scenario passed, by scenario and storage.
#[derive(Debug, Default)]
pub(crate) struct Table<'a> {
    storages: BTreeSet<&'a str>,
    scenarios: BTreeMap<&'a str, BTreeMap<&'a str, bool>>,
}

impl<'a> Table<'a> {
    /// From tests such as `scenarios::in_memory::restart`.
    pub(crate) fn new(cases: &'a Cases) -> Self {
        let mut table = Self::default();
        for (test, passed) in cases.of(PROGRAM) {
            let Some((storage, scenario)) = test.strip_prefix(PREFIX).and_then(|name| name.split_once("::"))
            else {
                continue;
            };
            table.storages.insert(storage);
            table.scenarios.entry(scenario).or_default().insert(storage, passed);
        }
        table
    }

    pub(crate) fn text(&self) -> String {
        let row = |name: &str, cells: Vec<String>| {
            let cells: String = cells.iter().map(|cell| format!("{cell:14}")).collect();
            format!("{name:24}{cells}").trim_end().to_owned() + "\n"
        };
        let mut text = "\n=== refresh scenarios\n".to_owned();
        text += &row("", self.storages.iter().map(|storage| storage.replace('_', " ")).collect());
        for (scenario, results) in &self.scenarios {
            let cell = |storage: &&str| match results.get(*storage) {
                Some(true) => "ok".to_owned(),
                Some(false) => "FAILED".to_owned(),
                None => "MISSING".to_owned(),
            };
            text += &row(&scenario.replace('_', "-"), self.storages.iter().map(cell).collect());
        }
        text + &format!("{} scenarios on {} storages\n", self.scenarios.len(), self.storages.len())
    }

    /// Fails unless every scenario passed on every storage.
    pub(crate) fn check(&self) -> Result<(), String> {
        let passed = |results: &BTreeMap<&str, bool>| {
            self.storages.iter().all(|storage| results.get(storage) == Some(&true))
        };
        if !self.scenarios.is_empty() && self.scenarios.values().all(passed) {
            return Ok(());
        }
        Err("refresh scenarios: not every scenario passed on every storage".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cases(lines: &[&str]) -> Cases {
        let mut cases = Cases::default();
        for line in lines {
            let (verdict, test) = line.split_once(' ').unwrap();
            cases.line(&format!("{verdict} [   0.005s] (1/9) package::{PROGRAM} {test}"));
        }
        cases
    }

    #[test]
    fn a_table_is_complete_if_every_scenario_passed_on_every_storage() {
        let lines = [
            "PASS scenarios::in_memory::rotate_basic",
            "PASS scenarios::on_mysql::rotate_basic",
            "PASS x::y",
        ];
        let cases = cases(&lines);
        let table = Table::new(&cases);
        assert!(table.check().is_ok());
        let lines = [
            "",
            "=== refresh scenarios",
            "                        in memory     on mysql",
            "rotate-basic            ok            ok",
            "1 scenarios on 2 storages",
        ];
        assert_eq!(table.text().lines().collect::<Vec<_>>(), lines);
    }

    #[test]
    fn failed_and_missing_scenarios_make_a_table_incomplete() {
        let incomplete = |lines: &[&str]| {
            let cases = cases(lines);
            let table = Table::new(&cases);
            assert!(table.check().is_err(), "{lines:?}");
            table.text()
        };
        incomplete(&[]);
        let both = "PASS scenarios::in_memory::restart";
        assert!(incomplete(&[both, "FAIL scenarios::x::restart"]).contains("FAILED"));
        assert!(incomplete(&[both, "PASS scenarios::x::other"]).contains("MISSING"));
    }
}
