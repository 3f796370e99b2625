//! A session as Redis keeps it: what the scripts judge by, at fixed places, and the rest as JSON.
//!
//! ```text
//! 00000000000000000007  00001700003600123457  fffffffffffffffe  {"seed":"…","current":"…",…}
//! when it began         when it is over       epoch
//! among the user's      (microseconds)
//! ```
//!
//! The user and the id stand in the key and the field. Numbers have leading zeros, so that Lua, which knows no integers of
//! 64 bits, compares them as text.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use gatewright_core::rotation::{RotationState, SessionSeed, TokenDigest};
use gatewright_core::{ClientInfo, Epoch, Scopes, Session, SessionId, Timestamp, UserAgent, UserId};
use serde::{Deserialize, Serialize};

use crate::Parsed;

const NUMBER: usize = 20;
const EPOCH: usize = 16;

/// What stands behind the head. A name that is not among these is of a later version, which may mean what this one does
/// not know: a broken record, and no session of fewer properties.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Body {
    seed: String,
    current: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    previous: Option<String>,
    scopes: String,
    created_at: u64,
    last_used_at: u64,
    rotated_at: u64,
    idle_expires_at: u64,
    expires_at: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    address: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    user_agent: Option<String>,
}

/// A session with what is known of its tokens.
pub(crate) struct Record {
    /// The place in the order of beginning; the script that begins a session writes it.
    pub(crate) place: u64,
    pub(crate) session: Session,
    pub(crate) rotation: RotationState,
}

impl Record {
    pub(crate) fn begin(session: &Session, current: TokenDigest) -> Self {
        Self { place: 0, session: session.clone(), rotation: session.rotation(current) }
    }

    /// Reads what is kept under a user's key and a session's field. What is none is a broken store, never an absent session.
    pub(crate) fn read(user: &UserId, id: SessionId, text: &str) -> Parsed<Self> {
        let (place, rest) = text.split_at_checked(NUMBER).ok_or(SHORT)?;
        let (_over_at, rest) = rest.split_at_checked(NUMBER).ok_or(SHORT)?;
        let (epoch, body) = rest.split_at_checked(EPOCH).ok_or(SHORT)?;
        let body: Body = serde_json::from_str(body)?;
        let created_at = Timestamp::from_micros(body.created_at);
        let seed = SessionSeed::from_bytes(bytes(&body.seed)?);
        let epoch: Epoch = epoch.parse()?;
        let mut session = Session::begin(id, user.clone(), epoch, seed, created_at)
            .with_scopes(Scopes::parse(&body.scopes)?)
            .with_client(body.client()?)
            .with_expiry(
                Timestamp::from_micros(body.idle_expires_at),
                Timestamp::from_micros(body.expires_at),
            );
        session.last_used_at = Timestamp::from_micros(body.last_used_at);
        let mut rotation = session.rotation(TokenDigest::from_bytes(bytes(&body.current)?));
        rotation.previous = body.previous.as_deref().map(bytes).transpose()?.map(TokenDigest::from_bytes);
        rotation.rotated_at = Timestamp::from_micros(body.rotated_at);
        Ok(Self { place: place.parse()?, session, rotation })
    }

    /// The session after a rotation that this record's state made.
    pub(crate) fn rotated(mut self) -> Self {
        self.session.last_used_at = self.rotation.rotated_at;
        self.session.idle_expires_at = self.rotation.idle_expires_at;
        self
    }

    /// When the session is over.
    pub(crate) fn over_at(&self) -> Timestamp {
        self.session.idle_expires_at.min(self.session.expires_at)
    }

    pub(crate) fn write(&self) -> Parsed<String> {
        let (session, rotation) = (&self.session, &self.rotation);
        let body = Body {
            seed: STANDARD.encode(session.seed.expose()),
            current: STANDARD.encode(rotation.current.as_bytes()),
            previous: rotation.previous.map(|digest| STANDARD.encode(digest.as_bytes())),
            scopes: session.scopes.as_str().to_owned(),
            created_at: session.created_at.as_micros(),
            last_used_at: session.last_used_at.as_micros(),
            rotated_at: rotation.rotated_at.as_micros(),
            idle_expires_at: session.idle_expires_at.as_micros(),
            expires_at: session.expires_at.as_micros(),
            address: session.client.address.map(|address| address.to_string()),
            user_agent: session.client.user_agent.as_ref().map(|agent| agent.as_str().to_owned()),
        };
        let (place, over_at) = (number(self.place), moment(self.over_at()));
        Ok(format!("{place}{over_at}{}{}", session.epoch, serde_json::to_string(&body)?))
    }
}

const SHORT: &str = "a session's record is too short";

impl Body {
    fn client(&self) -> Parsed<ClientInfo> {
        let address = self.address.as_deref().map(str::parse).transpose()?;
        let user_agent = self.user_agent.as_ref().and_then(|text| UserAgent::clean(text.as_bytes()));
        Ok(ClientInfo::new(address, user_agent))
    }
}

/// A moment as the scripts compare it.
pub(crate) fn moment(moment: Timestamp) -> String {
    number(moment.as_micros())
}

fn number(number: u64) -> String {
    format!("{number:0NUMBER$}")
}

fn bytes(text: &str) -> Parsed<[u8; 32]> {
    let bytes = STANDARD.decode(text)?;
    Ok(bytes.try_into().map_err(|_| "a digest or a seed has not 32 bytes")?)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use gatewright_core::TokenId;

    use super::*;

    const NOW: Timestamp = Timestamp::from_micros(1_700_000_000_123_457);

    fn record() -> Record {
        let id = "018bcfe5-6800-7000-8000-000000000001".parse().unwrap();
        let agent = UserAgent::clean("a \"name\" {} é".as_bytes());
        let client = ClientInfo::new(Some("2001:db8::1".parse().unwrap()), agent);
        let session = Session::begin(
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
            .with_expiry(NOW.saturating_add(Duration::from_secs(60)), absolute);
        Record::begin(&session, TokenDigest::of(&TokenId::new("t0")))
    }

    fn read(text: &str) -> Parsed<Record> {
        let session = record().session;
        Record::read(&session.user, session.id, text)
    }

    fn all(record: &Record) -> String {
        let Record { place, session, rotation } = record;
        let digests = (rotation.current.as_bytes(), rotation.previous.map(|digest| *digest.as_bytes()));
        format!("{place} {session:?} {:?} {rotation:?} {digests:?}", session.seed.expose())
    }

    #[test]
    fn a_record_is_read_as_it_was_written() {
        let mut record = record();
        record.place = u64::MAX;
        assert_eq!(all(&read(&record.write().unwrap()).unwrap()), all(&record));
        record.rotation.previous = Some(TokenDigest::from_bytes([9; 32]));
        record.rotation.rotated_at = NOW.saturating_add(Duration::from_micros(1));
        record.rotation.idle_expires_at = NOW.saturating_add(Duration::from_micros(3));
        let record = record.rotated();
        assert_eq!(record.session.last_used_at, record.rotation.rotated_at);
        assert_eq!(all(&read(&record.write().unwrap()).unwrap()), all(&record));
    }

    #[test]
    fn the_head_stands_where_the_scripts_look_for_it() {
        let text = record().write().unwrap();
        assert!(
            text.starts_with("0000000000000000000000001700000060123457fffffffffffffffe{\"seed\":"),
            "{text}"
        );
    }

    #[test]
    fn what_is_no_record_is_an_error() {
        let text = record().write().unwrap();
        for end in 0..text.len() {
            assert!(text.get(..end).is_none_or(|cut| read(cut).is_err()), "{end}");
        }
        for (from, to) in [
            ("{\"seed\"", "{\"later\":1,\"seed\""),
            ("\"seed\":\"", "\"seed\":\"AAAA"),
            ("\"current\":\"", "\"current\":\"!"),
            ("2001:db8::1", "nowhere"),
            ("\"a b\"", "\"a  \\\"\""),
            ("fffffffffffffffe", "FFFFFFFFFFFFFFFE"),
            ("\"expires_at\":", "\"expires_at\":-"),
            ("00000000000000000000", "x0000000000000000000"),
        ] {
            let broken = text.replacen(from, to, 1);
            assert_ne!(broken, text);
            assert!(read(&broken).is_err(), "{broken}");
        }
    }
}
