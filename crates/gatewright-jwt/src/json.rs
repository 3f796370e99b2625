//! Strict JSON: no duplicate members, limited depth, and strings only where strings are expected.

use std::borrow::Cow;
use std::cell::Cell;
use std::collections::BTreeSet;
use std::fmt;

use gatewright_core::TokenError;
use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

/// The maximal depth of members that are not read.
const MAX_DEPTH: u8 = 32;

/// Names that `serde_json` uses inside: an object with one of them can read as another value.
const RESERVED_NAMES: &str = "$serde_json::private::";

/// The reason for a rejection, which a serde error cannot carry.
#[derive(Default)]
pub(crate) struct Fault(Cell<Option<TokenError>>);

impl Fault {
    /// Stores the reason, and returns an error that stops serde.
    pub(crate) fn raise<E: Error>(&self, reason: TokenError) -> E {
        self.0.set(Some(reason));
        E::custom("rejected")
    }

    /// Parses a whole text with `seed`. An error without a stored reason becomes `data` if a value
    /// has a wrong type, and `syntax` if the text is not JSON.
    pub(crate) fn parse<'de, S: DeserializeSeed<'de>>(
        &self,
        text: &'de str,
        seed: S,
        data: TokenError,
        syntax: TokenError,
    ) -> Result<S::Value, TokenError> {
        let mut deserializer = serde_json::Deserializer::from_str(text);
        let parsed = seed.deserialize(&mut deserializer).and_then(|value| deserializer.end().map(|()| value));
        parsed.map_err(|error| self.0.get().unwrap_or(if error.is_data() { data } else { syntax }))
    }
}

/// An error if the text is not JSON, nests too deep, or has a duplicate member at any depth.
pub(crate) fn walk(text: &str) -> Result<(), TokenError> {
    let fault = Fault::default();
    fault.parse(text, Skip { fault: &fault, depth: 0 }, TokenError::Json, TokenError::Json)
}

/// A string, borrowed if it has no escapes. Any other type is an error.
pub(crate) struct Text;

impl<'de> DeserializeSeed<'de> for Text {
    type Value = Cow<'de, str>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for Text {
    type Value = Cow<'de, str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string")
    }

    fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Cow::Borrowed(text))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Cow::Owned(text.to_owned()))
    }
}

/// The names of the members that are not read. Finds duplicates among them.
#[derive(Default)]
pub(crate) struct Names<'de>(BTreeSet<Cow<'de, str>>);

impl<'de> Names<'de> {
    /// Adds a name and checks the member's value.
    pub(crate) fn skip<A: MapAccess<'de>>(
        &mut self,
        name: Cow<'de, str>,
        map: &mut A,
        fault: &Fault,
        depth: u8,
    ) -> Result<(), A::Error> {
        self.take(name, fault)?;
        map.next_value_seed(Skip { fault, depth })
    }

    /// Adds a name and checks that the member's value is a string.
    pub(crate) fn read_text<A: MapAccess<'de>>(
        &mut self,
        name: Cow<'de, str>,
        map: &mut A,
        fault: &Fault,
    ) -> Result<(), A::Error> {
        self.take(name, fault)?;
        map.next_value_seed(Text).map(drop)
    }

    pub(crate) fn take<E: Error>(&mut self, name: Cow<'de, str>, fault: &Fault) -> Result<(), E> {
        if name.starts_with(RESERVED_NAMES) {
            return Err(fault.raise(TokenError::Json));
        }
        if self.0.insert(name) { Ok(()) } else { Err(fault.raise(TokenError::Duplicate)) }
    }
}

/// Reads any value without keeping it. Duplicate members are an error at any depth.
pub(crate) struct Skip<'a> {
    pub(crate) fault: &'a Fault,
    pub(crate) depth: u8,
}

impl Skip<'_> {
    fn deeper<E: Error>(&self) -> Result<u8, E> {
        if self.depth >= MAX_DEPTH { Err(self.fault.raise(TokenError::Json)) } else { Ok(self.depth + 1) }
    }
}

impl<'de> DeserializeSeed<'de> for Skip<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Skip<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E: Error>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        let depth = self.deeper()?;
        while seq.next_element_seed(Skip { fault: self.fault, depth })?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let depth = self.deeper()?;
        let mut names = Names::default();
        while let Some(name) = map.next_key_seed(Text)? {
            names.skip(name, &mut map, self.fault, depth)?;
        }
        Ok(())
    }
}
