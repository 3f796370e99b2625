//! The same requests to several applications, and every difference between their answers: some thousand requests,
//! generated from tables of methods, paths, credentials, content types and bodies.
//!
//! Answers are compared whole: status, every header but `date` and `connection`, and body. What must differ is replaced
//! first: tokens, ids, the times in claims, and the address. One thing is exempt, by name: where two native spellings of a
//! path lead for who may pass. (Native 404 bodies on unguarded paths would be, but the example answers unknown paths
//! itself.)

mod actors;
mod placeholders;
mod table;

use std::fmt;
use std::thread;

use super::{Response, Target};
use actors::Actors;
use placeholders::replaced;

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
    /// The status.
    pub status: u16,
    /// The headers in lower case and sorted, without `date` and `connection`.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: String,
}

/// Sends every request to every target and compares the answers. The targets must be new: some of the requests make
/// items and users, and their numbers are compared too.
#[must_use]
pub fn compare(targets: &[(&str, &Target)]) -> Report {
    compare_after(targets, &|_, answer| answer)
}

/// As [`compare`], after `translate` has changed the answers of the targets, by their names.
pub(crate) fn compare_after(
    targets: &[(&str, &Target)],
    translate: &(dyn Fn(&str, Answer) -> Answer + Sync),
) -> Report {
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
    let ask = |(name, request)| (name, Answer::new(target, &target.send(&request)));
    table::requests(target, &actors).into_iter().map(ask).collect()
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
    fn new(target: &Target, response: &Response) -> Self {
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
