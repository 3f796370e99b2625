//! The refresh scenarios, as a table: what each came to on each storage.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

/// Runs the scenarios' tests with this command and prints the table. A storage that lacks a scenario is an error.
pub(crate) fn run(tests: &mut Command) -> Result<(), String> {
    println!("\n=== refresh scenarios");
    let output = tests.output().map_err(|error| format!("refresh scenarios: {error}"))?;
    let lines = String::from_utf8_lossy(&output.stdout).into_owned();
    let table = Table::read(&lines);
    print!("{}", table.text());
    if !output.status.success() {
        return Err(format!("refresh scenarios: failed ({})\n{lines}", output.status));
    }
    table.check()
}

/// What a test came to, by scenario and storage.
#[derive(Debug, Default)]
struct Table<'a> {
    storages: BTreeSet<&'a str>,
    verdicts: BTreeMap<&'a str, BTreeMap<&'a str, &'a str>>,
}

impl<'a> Table<'a> {
    /// Of lines such as `test scenarios::in_memory::restart ... ok`.
    fn read(lines: &'a str) -> Self {
        let mut table = Self::default();
        for line in lines.lines() {
            let Some(named) = line.strip_prefix("test scenarios::") else { continue };
            let Some((name, verdict)) = named.split_once(" ... ") else { continue };
            let Some((storage, scenario)) = name.split_once("::") else { continue };
            table.storages.insert(storage);
            table.verdicts.entry(scenario).or_default().insert(storage, verdict);
        }
        table
    }

    fn text(&self) -> String {
        let mut text = format!("{:24}", "");
        self.storages.iter().for_each(|storage| text.push_str(&format!("{:14}", storage.replace('_', " "))));
        text = text.trim_end().to_owned();
        for (scenario, verdicts) in &self.verdicts {
            text.push_str(&format!("\n{:24}", scenario.replace('_', "-")));
            for storage in &self.storages {
                text.push_str(&format!("{:14}", verdicts.get(storage).copied().unwrap_or("MISSING")));
            }
            text = text.trim_end().to_owned();
        }
        let (scenarios, storages) = (self.verdicts.len(), self.storages.len());
        text + &format!("\n{scenarios} scenarios on {storages} storages\n")
    }

    fn check(&self) -> Result<(), String> {
        let whole = |verdicts: &BTreeMap<&str, &str>| {
            self.storages.iter().all(|storage| verdicts.get(storage) == Some(&"ok"))
        };
        if !self.verdicts.is_empty() && self.verdicts.values().all(whole) {
            return Ok(());
        }
        Err("refresh scenarios: not every one held on every storage".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: &str = "running 2 tests\ntest scenarios::in_memory::rotate_basic ... ok\ntest scenarios::on_mysql::rotate_basic ... ok\n";

    #[test]
    fn a_table_is_whole_when_every_scenario_held_on_every_storage() {
        let table = Table::read(ONE);
        assert!(table.check().is_ok());
        let lines = ["", "rotate-basic            ok            ok", "1 scenarios on 2 storages"];
        assert!(table.text().trim().starts_with("in memory     on mysql"), "{}", table.text());
        assert!(table.text().ends_with(&format!("{}\n", lines.join("\n"))), "{}", table.text());
    }

    #[test]
    fn nothing_a_failure_an_ignored_case_and_one_that_is_not_there_are_no_whole_table() {
        let lines = [
            "",
            "test scenarios::in_memory::restart ... ok\n",
            "test scenarios::x::rotate_basic ... FAILED\n",
        ];
        assert!(Table::read("").check().is_err());
        for line in &lines[1..] {
            assert!(Table::read(&format!("{ONE}{line}")).check().is_err(), "{line}");
        }
        let ignored = "test scenarios::in_memory::restart ... ignored, needs a server\n";
        assert!(Table::read(ignored).check().is_err());
        assert!(Table::read(&format!("{ONE}{}", lines[1])).text().contains("MISSING"));
    }
}
