//! What the log says when a verifier with a profile is built.

use std::fmt::{Debug, Write};
use std::sync::{Arc, Mutex};

use gatewright_jwt::TokenProfile;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};

use super::signing::verifier;

/// Keeps the fields of each event.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<(Level, String)>>>);

impl Subscriber for Log {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut fields = Fields(String::new());
        event.record(&mut fields);
        self.0.lock().unwrap().push((*event.metadata().level(), fields.0));
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

struct Fields(String);

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        let _ = write!(self.0, "{}={value:?} ", field.name());
    }
}

fn lines(profile: TokenProfile, issuer: &str) -> Vec<(Level, String)> {
    let log = Log::default();
    tracing::subscriber::with_default(log.clone(), || drop(verifier(profile, issuer, "")));
    let lines = log.0.lock().unwrap();
    lines.clone()
}

#[test]
fn each_deviation_is_one_line_and_names_the_clients() {
    let profile = || TokenProfile::cognito(["6q1cl", "7r2dm"]);
    let lines = lines(profile(), "https://issuer.example");
    assert_eq!(lines.len(), profile().deviations().len());
    assert!(
        lines.iter().all(|(level, line)| *level == Level::INFO && line.contains("https://issuer.example"))
    );
    let clients = "without `aud`, `client_id` may be any of 6q1cl, 7r2dm";
    assert_eq!(lines.iter().filter(|(_, line)| line.contains(clients)).count(), 1, "{lines:?}");
}

#[test]
fn tokens_that_are_as_rfc_9068_says_are_no_line() {
    assert_eq!(lines(TokenProfile::rfc9068().with_audiences(["a"]), "https://issuer.example"), []);
}
