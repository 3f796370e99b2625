//! The measurements of requests over a socket: each framework makes the same ones.

use std::collections::BTreeMap;

use gatewright_testkit::auth_routes::Request;
use gatewright_testkit::block_on;
use metrics_util::CompositeKey;
use metrics_util::debugging::{DebugValue, Snapshotter};

use super::{Desk, EMAIL, PASSWORD};

/// What was measured since the last snapshot: reading the counters sets them to zero.
pub(crate) struct Measured(Vec<(CompositeKey, DebugValue)>);

impl Measured {
    pub(crate) fn since_the_last(recorded: &Snapshotter) -> Self {
        let values = recorded.snapshot().into_vec().into_iter();
        Self(values.map(|(key, _, _, value)| (key, value)).collect())
    }

    /// The counters of a metric that are not zero, by the values of their labels.
    pub(crate) fn counts(&self, metric: &str) -> BTreeMap<String, u64> {
        let of_metric = self.0.iter().filter(|(key, _)| key.key().name() == metric);
        let counts = of_metric.filter_map(|(key, value)| {
            let DebugValue::Counter(count @ 1..) = value else { return None };
            let labels: Vec<&str> = key.key().labels().map(|label| label.value()).collect();
            Some((labels.join(" "), *count))
        });
        counts.collect()
    }

    /// The value of a gauge, or the values of a histogram.
    pub(crate) fn values(&self, metric: &str) -> Vec<f64> {
        match &self.0.iter().find(|(key, _)| key.key().name() == metric).unwrap().1 {
            DebugValue::Gauge(value) => vec![value.into_inner()],
            DebugValue::Histogram(values) => values.iter().map(|value| value.into_inner()).collect(),
            DebugValue::Counter(_) => panic!("{metric} is a counter"),
        }
    }

    pub(crate) fn expect(&self, metric: &str, expected: &[(&str, u64)]) {
        let expected = expected.iter().map(|(labels, count)| ((*labels).to_owned(), *count)).collect();
        assert_eq!(self.counts(metric), expected, "{metric}");
    }
}

pub(super) fn guards_are_measured_with_their_outcome_and_the_cache(desk: &Desk) {
    let token = block_on(desk.world.login(EMAIL)).access_token;
    let token = Some(token.expose());
    for (path, token, status) in [
        ("/items/5", token, 200),
        ("/items/5", token, 200),
        ("/items/5", None, 401),
        ("/items/5", Some("x"), 401),
        ("/items/5", Some("x y"), 400),
        ("/maybe", token, 200),
        ("/maybe", None, 200),
        ("/claims", token, 200),
        ("/admin", token, 403),
        ("/office/stats", token, 403),
        ("/office/none", None, 401),
        ("/key", None, 401),
    ] {
        let request = token.iter().fold(Request::get(path), |request, token| request.bearer(token));
        let _ = desk.send(&request, status);
    }
    let _ = desk.send(&Request::get("/key").api_key("another key"), 403);
    let measured = Measured::since_the_last(&desk.recorded);
    measured.expect(
        "gatewright_guard_decisions_total",
        &[("accepted", 4), ("anonymous", 1), ("forbidden", 2), ("rejected", 3), ("unauthenticated", 3)],
    );
    // `/claims` reads no session.
    measured.expect("gatewright_session_cache_lookups_total", &[("hit", 4), ("miss", 1)]);
}

/// Claims that do not fit are a decision of their own, after that of the token.
pub(super) fn claims_that_do_not_fit_are_measured_as_a_second_decision(desk: &Desk) {
    let token = block_on(desk.world.login(EMAIL)).access_token;
    let _ = desk.send(&Request::get("/numbers").bearer(token.expose()), 401);
    let measured = Measured::since_the_last(&desk.recorded);
    measured.expect("gatewright_guard_decisions_total", &[("accepted", 1), ("rejected", 1)]);
}

pub(super) fn attempts_and_refreshes_are_measured_with_their_outcome(desk: &Desk) {
    let pair = block_on(desk.world.login(EMAIL));
    let login = |name, password| vec![("username", name), ("password", password)];
    let refresh = |token| vec![("refresh_token", token)];
    for (endpoint, fields, status) in [
        ("/login", login(EMAIL, PASSWORD), 200),
        ("/login", login(EMAIL, "x"), 401),
        ("/login", login("nobody@example.com", PASSWORD), 401),
        ("/login", vec![("username", EMAIL)], 400),
        ("/refresh", refresh(pair.refresh_token.expose()), 200),
        ("/refresh", refresh(pair.refresh_token.expose()), 401),
        ("/refresh", refresh("x"), 401),
    ] {
        let _ = desk.send(&Request::post(&desk.target.path(endpoint)).form(&fields), status);
    }
    let bob = format!(r#"{{"email":"bob@example.com","password":"{PASSWORD}"}}"#);
    for (body, status) in
        [(bob.as_str(), 201), (&bob, 201), (r#"{"email":"eve@example.com","password":"x"}"#, 422)]
    {
        let _ = desk.send(&Request::post("/auth/register").json(body), status);
    }
    let caller = block_on(desk.world.login(EMAIL)).access_token;
    let change = format!(r#"{{"current_password":"wrong","new_password":"another {PASSWORD}"}}"#);
    let _ = desk.send(&Request::post("/auth/password").bearer(caller.expose()).json(&change), 403);
    desk.outage.fail_users();
    let _ = desk.send(&Request::post("/auth/login").form(&login(EMAIL, PASSWORD)), 503);
    let measured = Measured::since_the_last(&desk.recorded);
    measured.expect(
        "gatewright_attempts_total",
        &[
            ("login accepted", 3),
            ("login refused", 2),
            ("login failed", 1),
            // A taken address is answered as a new one.
            ("register accepted", 2),
            ("register invalid", 1),
            ("change_password refused", 1),
        ],
    );
    measured.expect("gatewright_refreshes_total", &[("rotated", 1), ("reused", 1), ("refused", 1)]);
    measured.expect("gatewright_guard_decisions_total", &[]);
}
