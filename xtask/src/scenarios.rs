//! The refresh and login scenarios and the test vectors of the rotation as tables: the result of each on each
//! storage.

use std::collections::BTreeMap;

use crate::cases::Cases;

/// The test program of the scenarios, and a part of all their paths.
pub(crate) const PROGRAM: &str = "suites";
pub(crate) const FILTER: &str = "scenarios::";

/// The storages of a complete table.
const STORAGES: [&str; 5] = ["in_memory", "in_sqlite", "on_postgres", "on_mysql", "on_redis"];
/// The storages of a run without servers.
const EMBEDDED: [&str; 2] = ["in_memory", "in_sqlite"];

/// How many scenarios the tables have.
const REFRESH: usize = 16;
const LOGIN: usize = 20;
const ROTATION: usize = 35;

/// The title of each table, the start of the paths of its tests, and how many scenarios it has.
const TABLES: [(&str, &str, usize); 3] = [
    ("refresh scenarios", "scenarios::", REFRESH),
    ("login scenarios", "login_scenarios::", LOGIN),
    ("scenarios of the rotation's test vectors", "rotation_scenarios::", ROTATION),
];

/// Every table.
#[derive(Debug)]
pub(crate) struct Tables<'a>([Table<'a>; 3]);

impl<'a> Tables<'a> {
    /// The tables of a run with the servers, or of one without.
    pub(crate) fn new(cases: &'a Cases, only_embedded: bool) -> Self {
        let storages = if only_embedded { &EMBEDDED[..] } else { &STORAGES };
        Self(TABLES.map(|(title, prefix, count)| Table::new(title, prefix, count, storages, cases)))
    }

    pub(crate) fn text(&self) -> String {
        self.0.iter().map(Table::text).collect()
    }

    /// Fails unless each table has all its scenarios and storages, and every scenario passed on every storage that it
    /// applies to.
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
    count: usize,
    storages: Vec<&'a str>,
    scenarios: BTreeMap<&'a str, BTreeMap<&'a str, Verdict>>,
}

impl<'a> Table<'a> {
    /// From tests such as `scenarios::in_memory::restart`. Each of the `storages` is a column, with or without a test.
    fn new(
        title: &'static str,
        prefix: &str,
        count: usize,
        storages: &[&'static str],
        cases: &'a Cases,
    ) -> Self {
        let mut table = Self { title, count, storages: storages.to_vec(), scenarios: BTreeMap::new() };
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
            if !table.storages.contains(&storage) {
                table.storages.push(storage);
            }
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
        let (title, count, found) = (self.title, self.count, self.scenarios.len());
        if found != count {
            return Err(format!("{title}: {found} scenarios ran, and the table has {count}"));
        }
        if self.scenarios.values().all(passed) {
            return Ok(());
        }
        Err(format!("{title}: not every scenario passed on every storage"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A table of one scenario on two storages.
    fn table(cases: &Cases) -> Table<'_> {
        let (title, prefix, _) = TABLES[0];
        Table::new(title, prefix, 1, &["in_memory", "on_mysql"], cases)
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
        let [memory, mysql] = ["PASS scenarios::in_memory::restart", "PASS scenarios::on_mysql::restart"];
        assert!(incomplete(&[memory, "FAIL scenarios::on_mysql::restart"]).contains("FAILED"));
        assert!(incomplete(&[memory]).contains("MISSING"), "a storage whose module is gone");
        assert!(incomplete(&[memory, mysql, "FAIL scenarios::x::restart"]).contains("FAILED"));
        let other = ["PASS scenarios::in_memory::other", "PASS scenarios::on_mysql::other"];
        incomplete(&[memory, mysql, other[0], other[1]]);
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

    /// Every scenario of the tables on these storages.
    fn all(storages: &[&str]) -> Vec<String> {
        let numbers =
            TABLES.into_iter().flat_map(|(_, prefix, count)| (0..count).map(move |it| (prefix, it)));
        let line = |(prefix, number)| {
            storages.iter().map(move |storage| format!("PASS {prefix}{storage}::number{number}"))
        };
        numbers.flat_map(line).collect()
    }

    #[test]
    fn each_table_needs_all_its_scenarios_on_all_storages() {
        let is_complete = |lines: &[String], only_embedded| {
            let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
            Tables::new(&cases(&lines), only_embedded).check().is_ok()
        };
        let (every, embedded) = (all(&STORAGES), all(&EMBEDDED));
        assert!(is_complete(&every, false) && is_complete(&embedded, true));
        assert!(!is_complete(&embedded, false), "the servers were not asked");
        assert!(!is_complete(&[], true));
        for left_out in 0..embedded.len() {
            let mut lines = embedded.clone();
            let line = lines.remove(left_out);
            assert!(!is_complete(&lines, true), "{line}");
        }
        let lines: Vec<&str> = every.iter().map(String::as_str).collect();
        let text = Tables::new(&cases(&lines), false).text();
        assert!(text.contains(&format!("\n{LOGIN} scenarios on 5 storages\n")), "{text}");
    }
}
