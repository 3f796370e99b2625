//! The text form of a session in Redis: a head of fixed width for the scripts, then JSON.
//!
//! ```text
//! 00000000000000000007  00001700003600123457  fffffffffffffffe  {"seed":"…","current":"…",…}
//! seq: order of         end of the session    epoch
//! creation per user     (microseconds)
//! ```
//!
//! The user id is in the key, the session id in the hash field. Numbers have leading zeros, so that
//! Lua, which has no 64-bit integers, can compare them as text.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use gatewright_core::store::{RotationState, SessionSeed, TokenDigest};
use gatewright_core::{Amr, ClientInfo, Epoch, Scopes, Session, SessionId, Timestamp, UserAgent, UserId};
use serde::{Deserialize, Serialize};

use crate::failure::Result;

const NUMBER: usize = 20;
const EPOCH: usize = 16;

/// The JSON after the head. An unknown member is an error: a later version wrote it, and this
/// version would ignore what it means.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Body {
    seed: String,
    current: String,
    used: String,
    scopes: String,
    created_at: u64,
    auth_time: u64,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    amr: String,
    last_used_at: u64,
    pending_used_at: u64,
    earlier_used_at: u64,
    rotated_at: u64,
    idle_expires_at: u64,
    expires_at: u64,
    client: Client,
    rotated_by: Client,
    foreign_graces: u8,
    foreign_grace_seen: bool,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Client {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    address: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    user_agent: Option<String>,
}

/// A session and the state of its refresh tokens.
pub(crate) struct Record {
    /// The position in the order in which the user's sessions were created. The script that creates
    /// a session assigns it.
    pub(crate) seq: u64,
    pub(crate) session: Session,
    pub(crate) rotation: RotationState,
}

impl Record {
    pub(crate) fn new(session: &Session, current: TokenDigest) -> Self {
        Self { seq: 0, session: session.clone(), rotation: session.rotation(current) }
    }

    /// Parses the value of a hash field. A malformed record is an error, never an absent session.
    pub(crate) fn parse(user: &UserId, id: SessionId, text: &str) -> Result<Self> {
        let (seq, rest) = text.split_at_checked(NUMBER).ok_or(TOO_SHORT)?;
        let (ends_at, rest) = rest.split_at_checked(NUMBER).ok_or(TOO_SHORT)?;
        let (epoch, body) = rest.split_at_checked(EPOCH).ok_or(TOO_SHORT)?;
        let body: Body = serde_json::from_str(body)?;
        let created_at = time(body.created_at)?;
        let seed = SessionSeed::from_bytes(decode(&body.seed)?);
        let epoch: Epoch = epoch.parse()?;
        let mut session = Session::new(id, user.clone(), epoch, seed, created_at)
            .with_scopes(Scopes::parse(&body.scopes)?)
            .with_client(body.client.parse()?)
            .with_auth_time(time(body.auth_time)?)
            .with_amr(Amr::parse(&body.amr)?)
            .with_expiry(time(body.idle_expires_at)?, time(body.expires_at)?);
        // The scripts delete a session at the end in its head.
        if ends_at != sortable(session.idle_expires_at) {
            return Err("malformed session record: its head and its JSON have different ends".into());
        }
        session.last_used_at = time(body.last_used_at)?;
        session.pending_used_at = time(body.pending_used_at)?;
        session.earlier_used_at = time(body.earlier_used_at)?;
        let mut rotation = session.rotation(TokenDigest::from_bytes(decode(&body.current)?));
        rotation.used = RotationState::decode_used(&STANDARD.decode(&body.used)?)?;
        rotation.rotated_at = time(body.rotated_at)?;
        rotation.rotated_by = body.rotated_by.parse()?;
        rotation.foreign_graces = body.foreign_graces;
        rotation.foreign_grace_seen = body.foreign_grace_seen;
        Ok(Self { seq: seq.parse()?, session, rotation })
    }

    pub(crate) fn to_text(&self) -> Result<String> {
        Ok(pad(self.seq) + &self.without_seq()?)
    }

    /// The text of a new session, before the script that creates it has assigned its seq.
    pub(crate) fn without_seq(&self) -> Result<String> {
        let (session, rotation) = (&self.session, &self.rotation);
        let body = Body {
            seed: STANDARD.encode(session.seed.expose()),
            current: STANDARD.encode(rotation.current.as_bytes()),
            used: STANDARD.encode(rotation.encode_used()),
            scopes: session.scopes.as_str().to_owned(),
            created_at: session.created_at.as_micros(),
            auth_time: session.auth_time.as_micros(),
            amr: session.amr.as_str().to_owned(),
            last_used_at: session.last_used_at.as_micros(),
            pending_used_at: session.pending_used_at.as_micros(),
            earlier_used_at: session.earlier_used_at.as_micros(),
            rotated_at: rotation.rotated_at.as_micros(),
            idle_expires_at: session.idle_expires_at.as_micros(),
            expires_at: session.expires_at.as_micros(),
            client: Client::new(&session.client),
            rotated_by: Client::new(&rotation.rotated_by),
            foreign_graces: rotation.foreign_graces,
            foreign_grace_seen: rotation.foreign_grace_seen,
        };
        let ends_at = sortable(session.idle_expires_at.min(session.expires_at));
        Ok(format!("{ends_at}{}{}", session.epoch, serde_json::to_string(&body)?))
    }
}

const TOO_SHORT: &str = "malformed session record: too short";

impl Client {
    fn new(client: &ClientInfo) -> Self {
        Self {
            address: client.address.map(|address| address.to_string()),
            user_agent: client.user_agent.as_ref().map(|agent| agent.as_str().to_owned()),
        }
    }

    fn parse(&self) -> Result<ClientInfo> {
        let address = self.address.as_deref().map(str::parse).transpose()?;
        let user_agent = self.user_agent.as_ref().and_then(|text| UserAgent::clean(text.as_bytes()));
        Ok(ClientInfo::new(address, user_agent))
    }
}

/// A time as text that sorts in the order of time.
pub(crate) fn sortable(time: Timestamp) -> String {
    pad(time.as_micros())
}

fn pad(number: u64) -> String {
    format!("{number:0NUMBER$}")
}

/// A time that [`Timestamp`] can have. It would cut a later one.
fn time(micros: u64) -> Result<Timestamp> {
    let time = Timestamp::from_micros(micros);
    if time.as_micros() == micros {
        Ok(time)
    } else {
        Err("malformed session record: a time is too late".into())
    }
}

fn decode(text: &str) -> Result<[u8; 32]> {
    let bytes = STANDARD.decode(text)?;
    Ok(bytes.try_into().map_err(|_| "malformed session record: a digest or a seed must have 32 bytes")?)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use gatewright_core::TokenId;
    use gatewright_core::store::UsedToken;

    use super::*;

    const NOW: Timestamp = Timestamp::from_micros(1_700_000_000_123_457);

    fn record() -> Record {
        let id = "018bcfe5-6800-7000-8000-000000000001".parse().unwrap();
        let agent = UserAgent::clean("a \"name\" {} é".as_bytes());
        let client = ClientInfo::new(Some("2001:db8::1".parse().unwrap()), agent);
        let session = Session::new(
            id,
            UserId::new("ada").unwrap(),
            Epoch::from_u64(u64::MAX - 1),
            SessionSeed::from_bytes([7; 32]),
            NOW,
        );
        let absolute = NOW.saturating_add(Duration::from_secs(10_000));
        let session = session
            .with_scopes(Scopes::parse("a b").unwrap())
            .with_client(client)
            .with_auth_time(NOW.saturating_add(Duration::from_secs(7)))
            .with_amr(Amr::new(["otp", "pwd"]).unwrap())
            .with_expiry(NOW.saturating_add(Duration::from_secs(60)), absolute);
        Record::new(&session, TokenDigest::of(&TokenId::new("t0")))
    }

    fn parse(text: &str) -> Result<Record> {
        let session = record().session;
        Record::parse(&session.user, session.id, text)
    }

    fn all(record: &Record) -> String {
        let Record { seq, session, rotation } = record;
        let digests = (rotation.current.as_bytes(), rotation.encode_used());
        format!("{seq} {session:?} {:?} {rotation:?} {digests:?}", session.seed.expose())
    }

    #[test]
    fn a_parsed_record_equals_the_one_that_was_written() {
        let mut record = record();
        record.seq = u64::MAX;
        assert_eq!(all(&parse(&record.to_text().unwrap()).unwrap()), all(&record));
        let times = [1, 2, 3, 4, 5].map(|micros| NOW.saturating_add(Duration::from_micros(micros)));
        record.rotation.used = [(8, times[0]), (9, times[1])]
            .map(|(byte, used_at)| UsedToken::new(TokenDigest::from_bytes([byte; 32]), used_at))
            .to_vec();
        record.rotation.rotated_at = times[1];
        record.rotation.rotated_by = ClientInfo::new(Some("192.0.2.1".parse().unwrap()), None);
        (record.rotation.foreign_graces, record.rotation.foreign_grace_seen) = (2, true);
        record.session.last_used_at = times[1];
        (record.session.pending_used_at, record.session.earlier_used_at) = (times[0], times[2]);
        record.session.idle_expires_at = times[3];
        record.rotation.idle_expires_at = times[3];
        assert_eq!(all(&parse(&record.to_text().unwrap()).unwrap()), all(&record));
    }

    #[test]
    fn the_head_has_the_layout_that_the_scripts_expect() {
        let text = record().to_text().unwrap();
        assert!(
            text.starts_with("0000000000000000000000001700000060123457fffffffffffffffe{\"seed\":"),
            "{text}"
        );
    }

    #[test]
    fn a_malformed_record_is_an_error() {
        let text = record().to_text().unwrap();
        for end in 0..text.len() {
            assert!(text.get(..end).is_none_or(|cut| parse(cut).is_err()), "{end}");
        }
        for (from, to) in [
            ("{\"seed\"", "{\"later\":1,\"seed\""),
            ("\"seed\":\"", "\"seed\":\"AAAA"),
            ("\"current\":\"", "\"current\":\"!"),
            ("\"used\":\"", "\"used\":\"AAAA"),
            ("\"foreign_graces\":0", "\"foreign_graces\":256"),
            ("\"rotated_by\":{", "\"rotated_by\":{\"later\":1"),
            ("2001:db8::1", "nowhere"),
            ("\"a b\"", "\"a  \\\"\""),
            ("\"otp pwd\"", "\"otp \u{e9}\""),
            ("\"auth_time\":", "\"later_time\":"),
            ("fffffffffffffffe", "FFFFFFFFFFFFFFFE"),
            ("\"expires_at\":", "\"expires_at\":-"),
            ("00000000000000000000", "x0000000000000000000"),
        ] {
            let malformed = text.replacen(from, to, 1);
            assert_ne!(malformed, text);
            assert!(parse(&malformed).is_err(), "{malformed}");
        }
    }

    /// A time after the last one of [`Timestamp`] would be read as the last one.
    #[test]
    fn a_time_that_cannot_be_written_is_an_error() {
        let text = record().to_text().unwrap();
        let (head, body) = text.split_at(2 * NUMBER + EPOCH);
        let last = Timestamp::from_micros(u64::MAX).as_micros();
        for name in [
            "created_at",
            "auth_time",
            "last_used_at",
            "pending_used_at",
            "earlier_used_at",
            "rotated_at",
            "idle_expires_at",
            "expires_at",
        ] {
            let with = |micros: u64| {
                let mut body: serde_json::Value = serde_json::from_str(body).unwrap();
                *body.get_mut(name).unwrap() = micros.into();
                // The head follows the idle end, so that the record has only one fault.
                let ends_at = if name == "idle_expires_at" {
                    pad(last.min(body.get("expires_at").unwrap().as_u64().unwrap()))
                } else {
                    head.get(NUMBER..2 * NUMBER).unwrap().to_owned()
                };
                format!("{}{ends_at}{}{body}", head.get(..NUMBER).unwrap(), head.get(2 * NUMBER..).unwrap())
            };
            assert!(parse(&with(last)).is_ok(), "{name}");
            for micros in [last + 1, u64::MAX] {
                assert!(parse(&with(micros)).is_err(), "{name}: {micros}");
            }
        }
    }

    /// The scripts would delete the session at another time.
    #[test]
    fn a_head_with_another_end_is_an_error() {
        let text = record().to_text().unwrap();
        let end = sortable(record().session.idle_expires_at);
        for other in
            ["00000000000000000000", "09223372036854775807", "            01700000", &end.replace('7', "8")]
        {
            let malformed = text.replacen(&end, other, 1);
            assert_ne!(malformed, text);
            assert!(parse(&malformed).is_err(), "{malformed}");
        }
    }
}
