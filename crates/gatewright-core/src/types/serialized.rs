//! serde's traits of the types that are text on the wire.

use std::fmt;
use std::marker::PhantomData;
use std::str::FromStr;

use serde::de::{Deserialize, Deserializer, Error, Visitor};
use serde::ser::{Serialize, Serializer};

use super::email::Email;
use super::id::{SessionId, UserId};
use super::role::RoleName;
use super::scope::Scopes;

/// Writes the text of `Display`, and reads what `FromStr` accepts.
macro_rules! as_text {
    ($($name:ty)+) => {
        $(
            impl Serialize for $name {
                fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                    serializer.collect_str(self)
                }
            }

            impl<'de> Deserialize<'de> for $name {
                fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                    deserializer.deserialize_str(Text(PhantomData))
                }
            }
        )+
    };
}

as_text!(UserId SessionId RoleName Scopes Email);

/// Reads a text without copying it.
struct Text<T>(PhantomData<T>);

impl<T: FromStr<Err: fmt::Display>> Visitor<'_> for Text<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<T, E> {
        text.parse().map_err(E::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The JSON of a text, read as `T` and written again.
    fn through<T: Serialize + serde::de::DeserializeOwned>(text: &str) -> Result<String, String> {
        let json = serde_json::to_string(text).unwrap();
        let value: T = serde_json::from_str(&json).map_err(|error| error.to_string())?;
        let written: String = serde_json::from_str(&serde_json::to_string(&value).unwrap()).unwrap();
        Ok(written)
    }

    #[test]
    fn the_text_types_are_strings_in_json() {
        let session = "01890a5d-ac96-774b-bcce-b302099a8057";
        assert_eq!(through::<UserId>("42").as_deref(), Ok("42"));
        assert_eq!(through::<SessionId>(session).as_deref(), Ok(session));
        assert_eq!(through::<RoleName>("admin").as_deref(), Ok("admin"));
        assert_eq!(through::<Scopes>("a  b a").as_deref(), Ok("a b"));
        assert_eq!(through::<Email>(" Ada@Example.COM").as_deref(), Ok("Ada@example.com"));
    }

    #[test]
    fn text_that_does_not_parse_is_an_error_that_does_not_repeat_it() {
        let refused = [
            through::<UserId>("a\0b"),
            through::<SessionId>("secret"),
            through::<RoleName>("two words"),
            through::<Scopes>("\u{e9}"),
            through::<Email>("secret"),
        ];
        for error in refused.map(Result::unwrap_err) {
            assert!(error.starts_with("not a") && !error.contains("secret"), "{error}");
        }
        assert!(serde_json::from_str::<UserId>("42").is_err(), "a number is not a string");
    }
}
