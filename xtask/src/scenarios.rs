//! The refresh and login scenarios and the test vectors of the rotation as tables: the result of each on each
//! storage.

use std::collections::{BTreeMap, BTreeSet};

use crate::cases::Cases;

/// The test program of the scenarios, and a part of all their paths.
pub(crate) const PROGRAM: &str = "suites";
pub(crate) const FILTER: &str = "scenarios::";

/// The title of each table, and the start of the paths of its tests.
const TABLES: [(&str, &str); 3] = [
    ("refresh scenarios", "scenarios::"),
    ("login scenarios", "login_scenarios::"),
    ("scenarios of the rotation's test vectors", "rotation_scenarios::"),
];

/// Every table.
#[derive(Debug)]
pub(crate) struct Tables<'a>([Table<'a>; 3]);

impl<'a> Tables<'a> {
    pub(crate) fn new(cases: &'a Cases) -> Self {
        Self(TABLES.map(|(title, prefix)| Table::new(title, prefix, cases)))
    }

    pub(crate) fn text(&self) -> String {
        self.0.iter().map(Table::text).collect()
    }

    /// Fails unless every scenario passed on every storage that it applies to.
    pub(crate) fn check(&self) -> Result<(), String> {
        self.0.iter().try_for_each(Table::check)
    }
}

/// The module of the cases that say why a scenario does not apply to their storage.
const NOT_APPLICABLE: &str = "not_applicable::";

/// The result of a scenario on a storage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Passed,
    Failed,
    NotApplicable,
}

/// The results by scenario and storage.
#[derive(Debug)]
struct Table<'a> {
    title: &'static str,
    storages: BTreeSet<&'a str>,
    scenarios: BTreeMap<&'a str, BTreeMap<&'a str, Verdict>>,
}

impl<'a> Table<'a> {
    /// From tests such as `scenarios::in_memory::restart`.
    fn new(title: &'static str, prefix: &str, cases: &'a Cases) -> Self {
        let mut table = Self { title, storages: BTreeSet::new(), scenarios: BTreeMap::new() };
        for (test, passed) in cases.of(PROGRAM) {
            let Some((storage, scenario)) = test.strip_prefix(prefix).and_then(|name| name.split_once("::"))
            else {
                continue;
            };
            let applicable = scenario.strip_prefix(NOT_APPLICABLE);
            let verdict = match (passed, applicable) {
                (false, _) => Verdict::Failed,
                (true, None) => Verdict::Passed,
                (true, Some(_)) => Verdict::NotApplicable,
            };
            table.storages.insert(storage);
            table.scenarios.entry(applicable.unwrap_or(scenario)).or_default().insert(storage, verdict);
        }
        table
    }

    fn text(&self) -> String {
        let width = self.scenarios.keys().map(|name| name.len() + 2).max().unwrap_or_default().max(24);
        let row = |name: &str, cells: Vec<String>| {
            let cells: String = cells.iter().map(|cell| format!("{cell:14}")).collect();
            format!("{name:width$}{cells}").trim_end().to_owned() + "\n"
        };
        let mut text = format!("\n=== {}\n", self.title);
        text += &row("", self.storages.iter().map(|storage| storage.replace('_', " ")).collect());
        for (scenario, results) in &self.scenarios {
            let cell = |storage: &&str| match results.get(*storage) {
                Some(Verdict::Passed) => "ok".to_owned(),
                Some(Verdict::NotApplicable) => "n/a".to_owned(),
                Some(Verdict::Failed) => "FAILED".to_owned(),
                None => "MISSING".to_owned(),
            };
            text += &row(&scenario.replace('_', "-"), self.storages.iter().map(cell).collect());
        }
        text + &format!("{} scenarios on {} storages\n", self.scenarios.len(), self.storages.len())
    }

    fn check(&self) -> Result<(), String> {
        let passed = |results: &BTreeMap<&str, Verdict>| {
            let is_right = |storage| results.get(storage).is_some_and(|verdict| *verdict != Verdict::Failed);
            results.values().any(|verdict| *verdict == Verdict::Passed) && self.storages.iter().all(is_right)
        };
        if !self.scenarios.is_empty() && self.scenarios.values().all(passed) {
            return Ok(());
        }
        Err(format!("{}: not every scenario passed on every storage", self.title))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(cases: &Cases) -> Table<'_> {
        let (title, prefix) = TABLES[0];
        Table::new(title, prefix, cases)
    }

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
        let table = table(&cases);
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
            let table = table(&cases);
            assert!(table.check().is_err(), "{lines:?}");
            table.text()
        };
        incomplete(&[]);
        incomplete(&["PASS rotation_scenarios::in_memory::restart"]);
        let both = "PASS scenarios::in_memory::restart";
        assert!(incomplete(&[both, "FAIL scenarios::x::restart"]).contains("FAILED"));
        assert!(incomplete(&[both, "PASS scenarios::x::other"]).contains("MISSING"));
    }

    #[test]
    fn a_scenario_may_not_apply_to_some_storages_and_the_table_says_so() {
        let memory = "PASS scenarios::in_memory::restart";
        let elsewhere = "PASS scenarios::on_mysql::not_applicable::restart";
        let both = cases(&[memory, elsewhere]);
        let table = table(&both);
        assert!(table.check().is_ok());
        assert!(table.text().contains("\nrestart                 ok            n/a\n"), "{}", table.text());
        for incomplete in [&[elsewhere][..], &[memory, "FAIL scenarios::on_mysql::not_applicable::restart"]] {
            let cases = cases(incomplete);
            assert!(self::table(&cases).check().is_err(), "{incomplete:?}");
        }
    }

    #[test]
    fn each_table_has_its_own_scenarios() {
        let login = "PASS login_scenarios::in_memory::throttle_429";
        let refresh = "PASS scenarios::in_memory::restart";
        let vectors = "PASS rotation_scenarios::in_memory::second_tab_does_not_end_the_row";
        let all = [refresh, vectors, login];
        let each = cases(&all);
        let tables = Tables::new(&each);
        assert!(tables.check().is_ok());
        let text = tables.text();
        assert_eq!(text.matches("1 scenarios on 1 storages").count(), 3, "{text}");
        assert!(text.contains("\nsecond-tab-does-not-end-the-row  ok\n"), "{text}");
        for one in all {
            let others: Vec<_> = all.into_iter().filter(|other| *other != one).collect();
            assert!(Tables::new(&cases(&others)).check().is_err(), "a table without {one} is incomplete");
        }
    }
}
