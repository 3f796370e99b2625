//! The document `rotation.json` as types of the core.

use std::time::Duration;

use gatewright_core::store::{
    GraceClient, GracePolicy, RotationRequest, RotationState, SessionSeed, TokenDigest, UsedToken,
};
use gatewright_core::types::UserAgent;
use gatewright_core::{ClientInfo, SessionId, Timestamp, TokenId, UserId};
use serde_json::Value;

/// All test vectors.
#[derive(Debug)]
pub struct Document(Value);

impl Document {
    /// Reads the vectors of this version of the testkit.
    #[must_use]
    pub fn read() -> Self {
        Self(serde_json::from_str(include_str!("../../vectors/rotation.json")).expect("valid JSON"))
    }

    /// A constant of the rules, such as `max_used_tokens`. Spans are in microseconds.
    #[must_use]
    pub fn constant(&self, name: &str) -> u64 {
        number(&self.0["constants"][name])
    }

    /// The scenarios in order.
    pub fn scenarios(&self) -> impl Iterator<Item = Scenario<'_>> {
        list(&self.0["scenarios"]).iter().map(Scenario)
    }
}

/// Sessions and steps that belong together.
#[derive(Debug, Clone, Copy)]
pub struct Scenario<'a>(&'a Value);

impl<'a> Scenario<'a> {
    /// The name of the scenario.
    #[must_use]
    pub fn name(self) -> &'a str {
        text(&self.0["name"])
    }

    /// The steps in order.
    pub fn steps(self) -> impl Iterator<Item = Step<'a>> {
        list(&self.0["steps"]).iter().map(Step)
    }

    pub(super) fn session(self, name: &str) -> SessionOf<'a> {
        SessionOf(&self.0["sessions"][name])
    }
}

/// A step of a scenario: a use of a token, or another change.
#[derive(Debug, Clone, Copy)]
pub struct Step<'a>(&'a Value);

impl<'a> Step<'a> {
    /// What happens: `use`, `replace_all` or `delete`.
    #[must_use]
    pub fn kind(self) -> &'a str {
        text(&self.0["do"])
    }

    /// The rules that the step shows, such as `R7`.
    pub fn rules(self) -> impl Iterator<Item = &'a str> {
        list(&self.0["rules"]).iter().map(text)
    }

    pub(super) fn session(self) -> &'a str {
        text(&self.0["session"])
    }

    pub(super) fn presented(self) -> &'a str {
        text(&self.0["request"]["presented"])
    }

    pub(super) fn answer(self) -> &'a Value {
        &self.0["answer"]
    }

    pub(super) fn before(self) -> &'a Value {
        &self.0["before"]
    }

    pub(super) fn after(self) -> &'a Value {
        &self.0["after"]
    }

    pub(super) fn request(self, of: SessionOf<'_>, user: &UserId, id: SessionId) -> RotationRequest {
        let request = &self.0["request"];
        let presented = of.token(self.presented());
        let successor = TokenDigest::of(&of.seed().successor(&presented));
        let grace = Duration::from_micros(number(&request["grace"]));
        let (now, idle) = (time(&request["now"]), time(&request["idle_expires_at"]));
        let presented = TokenDigest::of(&presented);
        RotationRequest::new(user.clone(), id, presented, successor, now, grace, idle)
            .with_client(client(&request["client"]))
            .with_grace_policy(match text(&request["policy"]) {
                "end_session" => GracePolicy::EndSession,
                "report" => GracePolicy::Report,
                other => panic!("no policy: {other}"),
            })
    }
}

/// A session: its seed, its tokens by label, and its state after the login.
#[derive(Debug, Clone, Copy)]
pub(super) struct SessionOf<'a>(&'a Value);

impl<'a> SessionOf<'a> {
    pub(super) fn seed(self) -> SessionSeed {
        SessionSeed::from_bytes(bytes(&self.0["seed"]))
    }

    pub(super) fn new_state(self) -> &'a Value {
        &self.0["new"]
    }

    pub(super) fn token(self, label: &str) -> TokenId {
        TokenId::new(text(&self.0["tokens"][label]["id"]))
    }

    /// The digest in the document, which must be that of the token.
    pub(super) fn digest(self, label: &str) -> TokenDigest {
        let digest = TokenDigest::from_bytes(bytes(&self.0["tokens"][label]["digest"]));
        assert_eq!(digest, TokenDigest::of(&self.token(label)), "the digest of {label}");
        digest
    }

    pub(super) fn state(self, of: &Value) -> RotationState {
        let current = self.digest(text(&of["current"]));
        let [rotated_at, idle, end] =
            ["rotated_at", "idle_expires_at", "expires_at"].map(|name| time(&of[name]));
        let mut state = RotationState::new(current, rotated_at, idle, end);
        let used = list(&of["used"]).iter();
        state.used = used.map(|used| UsedToken::new(self.digest(text(&used[0])), time(&used[1]))).collect();
        state.rotated_by = client(&of["rotated_by"]);
        state.foreign_graces = u8::try_from(number(&of["foreign_graces"])).expect("a small number");
        state.foreign_grace_seen = of["foreign_grace_seen"].as_bool().expect("true or false");
        state
    }
}

pub(super) fn grace_client(value: &Value) -> GraceClient {
    match text(value) {
        "same" => GraceClient::Same,
        "other_user_agent" => GraceClient::OtherUserAgent,
        "other_network" => GraceClient::OtherNetwork,
        other => panic!("no comparison: {other}"),
    }
}

fn client(value: &Value) -> ClientInfo {
    let address = value["address"].as_str().map(|address| address.parse().expect("an address"));
    let user_agent = value["user_agent"].as_str().and_then(|text| UserAgent::clean(text.as_bytes()));
    ClientInfo::new(address, user_agent)
}

pub(super) fn time(value: &Value) -> Timestamp {
    Timestamp::from_micros(number(value))
}

pub(super) fn number(value: &Value) -> u64 {
    value.as_u64().expect("a number")
}

pub(super) fn text(value: &Value) -> &str {
    value.as_str().expect("a text")
}

fn list(value: &Value) -> &[Value] {
    value.as_array().expect("a list")
}

/// Decodes hexadecimal digits.
fn bytes(value: &Value) -> [u8; 32] {
    let digits = text(value);
    assert_eq!(digits.len(), 64, "32 bytes");
    std::array::from_fn(|at| u8::from_str_radix(&digits[2 * at..2 * at + 2], 16).expect("hexadecimal digits"))
}
