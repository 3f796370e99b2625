//! The same requests to several applications, and every difference between their answers: some thousand requests,
//! generated from tables of methods, paths, credentials, content types and bodies.
//!
//! Answers are compared whole: status, every header but `date` and `connection`, and body. What must differ is replaced
//! first: tokens, ids, the times in claims, and the address. Two things are exempt, by name: where two native spellings of
//! a path lead for who may pass, and whether HEAD is told that a redirection has no body. (Native 404 bodies on unguarded paths would be, but the example answers unknown paths
//! itself.)

mod actors;
mod credentials;
mod placeholders;
mod table;

use std::fmt;
use std::thread;

use super::{Request, Response, Target};
use actors::Actors;
use placeholders::replaced;

/// How often a request is sent while the answer is 503.
const ATTEMPTS: usize = 5;

/// What [`compare`] found.
#[derive(Debug)]
#[non_exhaustive]
pub struct Report {
    /// How many requests each target was sent.
    pub cases: usize,
    /// Where the answers differ.
    pub differences: Vec<Difference>,
}

/// A request whose answers differ.
#[derive(Debug)]
#[non_exhaustive]
pub struct Difference {
    /// The request's name.
    pub case: String,
    /// Every target's name and answer.
    pub answers: Vec<(String, Answer)>,
}

/// An answer, with placeholders for what must differ.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Answer {
    /// The status; 0 when there was no answer.
    pub status: u16,
    /// The headers in lower case and sorted, without `date` and `connection`.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: String,
}

/// Sends every request to every target and compares the answers. The targets must be new: some of the requests make
/// items and users, and their numbers are compared too.
///
/// # Panics
/// With fewer than two targets, and when one of them does not let users register and log in.
#[must_use]
pub fn compare(targets: &[(&str, &Target)]) -> Report {
    compare_after(targets, &|_, answer| answer)
}

/// As [`compare`], after `translate` has changed the answers of the targets, by their names.
pub(crate) fn compare_after(
    targets: &[(&str, &Target)],
    translate: &(dyn Fn(&str, Answer) -> Answer + Sync),
) -> Report {
    assert!(targets.len() > 1, "one target alone differs from nothing");
    let gathered: Vec<(&str, Vec<(String, Answer)>)> = thread::scope(|scope| {
        let running: Vec<_> =
            targets.iter().map(|(name, target)| (*name, scope.spawn(|| answers(target)))).collect();
        let done =
            running.into_iter().map(|(name, thread)| (name, thread.join().expect("every case is answered")));
        let translated = done.map(|(name, answers)| {
            (name, answers.into_iter().map(|(case, answer)| (case, translate(name, answer))).collect())
        });
        translated.collect()
    });
    let cases = gathered.first().map_or(0, |(_, answers)| answers.len());
    Report { cases, differences: (0..cases).filter_map(|at| difference(&gathered, at)).collect() }
}

fn answers(target: &Target) -> Vec<(String, Answer)> {
    let actors = Actors::of(target);
    let ask = |(name, request): (String, Request)| (name, answer(target, &request));
    table::requests(target, &actors).into_iter().map(ask).collect()
}

/// A store that has no time on a busy machine is asked again, as clients are told to: that is no difference between
/// applications. What is 503 each time is.
fn answer(target: &Target, request: &Request) -> Answer {
    let mut answer = Answer::new(target, request.try_send(&target.address));
    for _ in 1..ATTEMPTS {
        if answer.status != 503 {
            break;
        }
        answer = Answer::new(target, request.try_send(&target.address));
    }
    answer
}

fn difference(gathered: &[(&str, Vec<(String, Answer)>)], at: usize) -> Option<Difference> {
    let (_, first) = gathered.first()?;
    let (case, expected) = first.get(at)?;
    if gathered.iter().all(|(_, answers)| answers.get(at).map(|(_, answer)| answer) == Some(expected)) {
        return None;
    }
    let named = |(name, answers): &(&str, Vec<(String, Answer)>)| ((*name).to_owned(), answers[at].1.clone());
    Some(Difference { case: case.clone(), answers: gathered.iter().map(named).collect() })
}

impl Answer {
    fn new(target: &Target, response: Option<Response>) -> Self {
        let Some(response) = response else {
            return Self { status: 0, headers: Vec::new(), body: String::new() };
        };
        let replaced = |text: &str| replaced(text, &target.address);
        let headers = response.raw_headers.iter().map(|(name, value)| (name.clone(), replaced(value)));
        Self { status: response.status, headers: headers.collect(), body: replaced(&response.text()) }
    }

    /// Without this header.
    pub(crate) fn without(mut self, header: &str) -> Self {
        self.headers.retain(|(name, _)| name != header);
        self
    }

    /// With this value for a header that is there.
    pub(crate) fn with(mut self, header: &str, value: &str) -> Self {
        for (_, own) in self.headers.iter_mut().filter(|(name, _)| name == header) {
            value.clone_into(own);
        }
        self
    }

    /// With another body, and its length.
    pub(crate) fn with_body(self, body: String) -> Self {
        let length = body.len().to_string();
        Self { body, ..self.with("content-length", &length) }
    }
}

/// Every difference, one answer a line.
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} of {} cases differ", self.differences.len(), self.cases)?;
        for Difference { case, answers } in &self.differences {
            writeln!(f, "{case}")?;
            for (name, Answer { status, headers, body }) in answers {
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
    fn a_difference_in_status_headers_or_body_is_told_with_its_case() {
        let same = answer(200, "2", "ok");
        let others = [answer(201, "2", "ok"), answer(200, "3", "ok"), answer(200, "2", "no"), same.clone()];
        let named = |answers: Vec<Answer>| (0..).map(|at| format!("case {at}")).zip(answers).collect();
        let gathered = [("one", named(vec![same; 4])), ("other", named(others.to_vec()))];
        let found: Vec<Difference> = (0..4).filter_map(|at| difference(&gathered, at)).collect();
        let cases: Vec<&str> = found.iter().map(|difference| difference.case.as_str()).collect();
        assert_eq!(cases, ["case 0", "case 1", "case 2"]);
        let shown = Report { cases: 4, differences: found }.to_string();
        assert!(shown.starts_with("3 of 4 cases differ\ncase 0\n  one: 200"), "{shown}");
    }
}
