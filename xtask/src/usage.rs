//! The commands, and how long each takes.

/// A command, as the usage text lists it.
struct Command {
    name: &'static str,
    options: &'static str,
    /// On two cores, on a machine that has compiled the dependencies before.
    time: &'static str,
    help: &'static str,
}

const COMMANDS: [Command; 8] = [
    Command {
        name: "test",
        options: "[--only embedded] [--full] [--repeat N] | --browser [FILE]",
        time: "6 minutes; the first run 10, with --full 12, with --browser 2",
        help: "\
Runs every test. Tests that need PostgreSQL, MariaDB or Redis use the servers that GATEWRIGHT_TEST_POSTGRES_URL,
..._MYSQL_URL and ..._REDIS_URL name; missing ones are started, and end with the run.
--only embedded   leaves out tests that need a server
--full            includes tests of the full size: whole products of cases, and more repetitions
--repeat N        repeats cases that race N times (default 5, with --full 20)
--browser [FILE]  only the examples' Swagger UI, in Chromium; FILE receives a screenshot",
    },
    Command {
        name: "scenarios",
        options: "[--only embedded]",
        time: "1 minute; the first run 5",
        help: "Runs the refresh scenarios and prints a table: the result of each on each storage.",
    },
    Command {
        name: "services up",
        options: "",
        time: "15 seconds",
        help: "\
Starts the servers and leaves them running. Prints the variables for a shell:
eval \"$(cargo xtask services up)\"",
    },
    Command { name: "services down", options: "", time: "5 seconds", help: "Ends those servers." },
    Command {
        name: "ci",
        options: "[--only embedded] [--full] [--repeat N]",
        time: "13 minutes from nothing, 8 with compiled dependencies; with --full 5 more",
        help: "\
Checks everything that a change must pass: formatting, lints, documentation, each feature alone, dependencies, every
test, the OpenAPI documents, and the browser. Prints the minutes of each step. Options as for test.",
    },
    Command {
        name: "prepare",
        options: "",
        time: "3 minutes once; then 2 seconds",
        help: "\
Installs what ci needs: tools in gatewright-tools in Cargo's home, and, as root on Debian, packages: the servers,
Chromium, Python. ci does this itself.",
    },
    Command {
        name: "fuzz",
        options: "[--seconds N]",
        time: "20 minutes with the default of 60 seconds for each target",
        help: "Runs each fuzz target for N seconds, from its seeds. Needs the nightly toolchain and a C++ compiler.",
    },
    Command { name: "help", options: "", time: "no time", help: "Prints this text." },
];

/// The text for `help` and for mistakes.
pub(crate) fn text() -> String {
    let mut text = "cargo xtask <command>\n".to_owned();
    for Command { name, options, time, help } in COMMANDS {
        let help = help.replace('\n', "\n      ");
        text += &format!("\n  {name} {options}\n      {help}\n      Takes {time}, on two cores.\n");
    }
    text
}

/// The first line of a run. `None` for unknown commands.
pub(crate) fn announcement(arguments: &[&str]) -> Option<String> {
    let call = arguments.join(" ");
    let command = COMMANDS.iter().find(|command| call.starts_with(command.name))?;
    Some(format!("cargo xtask {}: takes {}, on two cores", command.name, command.time))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_says_how_long_it_takes() {
        assert_eq!(text().matches("on two cores").count(), COMMANDS.len());
        assert!(announcement(&["services", "up"]).unwrap().contains("seconds"));
        assert_eq!(announcement(&["bench"]), None);
    }
}
