//! Raw-answer comparison: the same requests to several applications, and every difference between
//! their answers.
//!
//! The requests are generated from tables of methods, paths, credentials, media types and bodies.
//! Answers are compared whole: status, body, and every header but `date` and `connection`. Tokens,
//! ids, times and addresses differ between any two applications; placeholders replace them first.
//! Two kinds of requests are left out, each by name in the table: those whose path a framework
//! normalizes before routing, and `HEAD` of a redirect.

mod actors;
mod credentials;
mod placeholders;
mod table;
mod translation;

use std::fmt;
use std::fs::OpenOptions;
use std::io::Write;
use std::thread;

use gatewright_testkit::auth_routes::{Response, Target};

use actors::Actors;
pub use translation::{PROBLEM_JSON, phrase, to_problem, to_rfc6749};

/// Names the file that every [`Report`] appends a line to.
const FILE: &str = "GATEWRIGHT_REPORT";

/// Which of the requests to send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Selection {
    /// All of them.
    All,
    /// A pairwise sample, the share of this number modulo [`Selection::SHARES`]. Of each table with
    /// three or more columns it has every pair of values of any two columns. Tables with two
    /// columns are divided: all shares together have every pair.
    Share(usize),
}

impl Selection {
    /// How many disjoint samples there are.
    pub const SHARES: usize = 3;

    /// Whether a row is selected, by the sum of its positions in the columns of its table.
    fn has(self, position: usize) -> bool {
        match self {
            Self::All => true,
            Self::Share(share) => (position + share).is_multiple_of(Self::SHARES),
        }
    }

    /// The number of requests.
    const fn requests(self) -> usize {
        match self {
            Self::All => 6_999,
            Self::Share(share) => [2_383, 2_379, 2_383][share],
        }
    }
}

/// The result of a comparison.
#[derive(Debug)]
#[non_exhaustive]
pub struct Report {
    /// The number of requests that each target was sent.
    pub requests: usize,
    /// The names of the targets.
    pub targets: Vec<String>,
    /// The requests whose answers differ.
    pub differences: Vec<Difference>,
}

/// A request whose answers differ.
#[derive(Debug)]
#[non_exhaustive]
pub struct Difference {
    /// The name of the request.
    pub request: String,
    /// The answers, in the order of the targets.
    pub answers: Vec<Answer>,
}

/// An answer, with placeholders.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Answer {
    /// The status; 0 if the server closed the connection without a response.
    pub status: u16,
    /// The headers, with names in lower case, sorted, without `date` and `connection`.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: String,
}

type Named = Vec<(String, Answer)>;

/// Sends the selected requests to every target and compares the answers. The targets must be new:
/// some requests add items and users, and the answers contain their numbers.
///
/// # Panics
/// When there are fewer than two targets, a target does not let users register and log in, or the
/// tables have another number of requests than they should.
#[must_use]
pub fn compare(targets: &[(String, Target)], selection: Selection) -> Report {
    compare_after(targets, selection, |_, answer| answer)
}

/// As [`compare`], after `translate` has changed each answer. It takes the position of the target.
///
/// # Panics
/// As [`compare`].
#[must_use]
pub fn compare_after(
    targets: &[(String, Target)],
    selection: Selection,
    translate: fn(usize, Answer) -> Answer,
) -> Report {
    assert!(targets.len() > 1, "a comparison needs two targets");
    let gathered: Vec<Named> = thread::scope(|scope| {
        let threads = (0..).zip(targets).map(|(at, (_, target))| {
            scope.spawn(move || answers(target, selection, |answer| translate(at, answer)))
        });
        let threads: Vec<_> = threads.collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    let requests = gathered[0].len();
    assert_eq!(requests, selection.requests(), "the number of requests in the tables");
    Report {
        requests,
        targets: targets.iter().map(|(name, _)| name.clone()).collect(),
        differences: (0..requests).filter_map(|at| difference(&gathered, at)).collect(),
    }
}

fn answers(target: &Target, selection: Selection, translate: impl Fn(Answer) -> Answer) -> Named {
    let actors = Actors::new(target);
    let requests = table::requests(target, &actors, selection).into_iter();
    requests
        .map(|(name, request)| (name, translate(Answer::new(target, target.send_unless_closed(&request)))))
        .collect()
}

fn difference(gathered: &[Named], at: usize) -> Option<Difference> {
    let answers: Vec<Answer> = gathered.iter().map(|answers| answers[at].1.clone()).collect();
    let differs = answers.iter().any(|answer| *answer != answers[0]);
    differs.then(|| Difference { request: gathered[0][at].0.clone(), answers })
}

impl Answer {
    fn new(target: &Target, response: Option<Response>) -> Self {
        let Some(response) = response else {
            return Self { status: 0, headers: Vec::new(), body: String::new() };
        };
        let replaced = |text: &str| placeholders::replaced(text, &target.address);
        let headers = response.raw_headers.iter().map(|(name, value)| (name.clone(), replaced(value)));
        Self { status: response.status, headers: headers.collect(), body: replaced(&response.text()) }
    }
}

impl Report {
    /// Writes the summary to the standard output and to the file that `GATEWRIGHT_REPORT` names,
    /// and checks that all answers are the same.
    ///
    /// # Panics
    /// When answers differ.
    pub fn expect_equal(&self) {
        let summary = self.summary();
        println!("{summary}");
        if let Some(file) = std::env::var_os(FILE) {
            let mut file = OpenOptions::new().create(true).append(true).open(file).unwrap();
            // One write, so that lines of concurrent tests are not mixed.
            file.write_all(format!("{summary}\n").as_bytes()).unwrap();
        }
        assert!(self.differences.is_empty(), "{self}");
    }

    fn summary(&self) -> String {
        let Self { requests, targets, differences } = self;
        let (count, names) = (targets.len(), targets.join(", "));
        format!("{requests} requests to {count} targets: {} differences ({names})", differences.len())
    }
}

/// The summary, and below it every difference with one answer a line.
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.summary())?;
        for Difference { request, answers } in &self.differences {
            writeln!(f, "{request}")?;
            for (name, Answer { status, headers, body }) in self.targets.iter().zip(answers) {
                writeln!(f, "  {name}: {status} {headers:?} {body}")?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, length: &str, body: &str) -> Answer {
        let headers = vec![("content-length".to_owned(), length.to_owned())];
        Answer { status, headers, body: body.to_owned() }
    }

    #[test]
    fn differences_in_status_headers_and_body_are_reported() {
        let same = answer(200, "2", "ok");
        let others = [answer(201, "2", "ok"), answer(200, "3", "ok"), answer(200, "2", "no"), same.clone()];
        let named = |answers: Vec<Answer>| (0..).map(|at| format!("request {at}")).zip(answers).collect();
        let gathered: [Named; 2] = [named(vec![same; 4]), named(others.to_vec())];
        let differences: Vec<Difference> = (0..4).filter_map(|at| difference(&gathered, at)).collect();
        let names: Vec<&str> = differences.iter().map(|difference| difference.request.as_str()).collect();
        assert_eq!(names, ["request 0", "request 1", "request 2"]);
        let targets = ["one", "other"].map(str::to_owned).into();
        let shown = Report { requests: 4, targets, differences }.to_string();
        let expected = "4 requests to 2 targets: 3 differences (one, other)\nrequest 0\n  one: 200";
        assert!(shown.starts_with(expected), "{shown}");
    }
}
