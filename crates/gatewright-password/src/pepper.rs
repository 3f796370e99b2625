//! Peppers: secrets that go into every hash and are not in the database.

use std::fmt;
use std::str::FromStr;

use aws_lc_rs::hmac;
use gatewright_core::BuildError;
use gatewright_core::types::check_secret;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

/// The least secret of a pepper: 32 bytes.
pub const MIN_PEPPER_BYTES: usize = 32;
/// The longest secret of a pepper: 1,024 bytes.
pub const MAX_PEPPER_BYTES: usize = 1024;
/// The longest id of a pepper: 8 bytes, as `keyid` of a hash may have.
pub const MAX_PEPPER_ID_BYTES: usize = 8;
/// The most peppers that verify and do not hash: 7.
pub const MAX_PREVIOUS_PEPPERS: usize = 7;

/// The bytes of a fingerprint: enough to compare two secrets, and no help to guess one.
const FINGERPRINT_BYTES: usize = 4;

/// The setting that errors about one pepper name.
const SETTING: &str = "pepper";

/// A secret that argon2 mixes into a hash (the input `K` of RFC 9106 §3.1), with its id.
///
/// Keep it apart from the database. Someone who copies the database cannot guess passwords without the pepper. Someone
/// who has both can, as if there were no pepper.
///
/// The hash names its pepper by the id, as `keyid`: so the id is no secret, and two peppers never have one id. It has 1
/// to [`MAX_PEPPER_ID_BYTES`] ASCII letters, digits, `-`, `_` or `.`. A date is a good one.
///
/// **If the pepper is lost, no password that was hashed with it can be verified any more.** Back it up.
///
/// Make one with `openssl rand -base64 32`. As text it is the id, a colon and the secret, whose characters are used as
/// they are:
///
/// ```
/// use gatewright::HashingPool;
/// use gatewright::password::{HashContext, PasswordHasher, Pepper};
/// use gatewright::Password;
///
/// # #[tokio::main] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let file = format!("2026-11:{}\n", gatewright_testkit::shared_secret("pepper"));
/// let pepper: Pepper = file.trim_end().parse()?; // for example from a mounted secret
/// assert_eq!(format!("{pepper:?}"), r#"Pepper("2026-11", ..)"#);
///
/// let pool = HashingPool::builder().with_pepper(pepper).build()?;
/// let hash = pool.hash(Password::new("correct horse battery staple"), &HashContext::new()).await?;
/// assert!(hash.expose().starts_with("$argon2id$v=19$m=19456,t=2,p=1,keyid="), "the id in base64");
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct Pepper {
    id: Box<str>,
    secret: Zeroizing<Vec<u8>>,
}

impl Pepper {
    /// Uses these bytes, unchanged. All nodes that share a database need the same ones.
    ///
    /// ```
    /// use gatewright::password::Pepper;
    ///
    /// let error = Pepper::new("2026-11", "changeme").unwrap_err();
    /// assert_eq!(error.to_string(), "pepper: the secret of 2026-11 is a placeholder; use at least 32 random bytes");
    /// ```
    ///
    /// # Errors
    /// If the id has other characters or another length, or if the secret is a placeholder, has fewer than
    /// [`MIN_PEPPER_BYTES`] or more than [`MAX_PEPPER_BYTES`], is a key file, or has fewer than 8 different bytes. The
    /// error contains no part of the secret.
    pub fn new(id: &str, secret: impl Into<Vec<u8>>) -> Result<Self, InvalidPepper> {
        let secret = Zeroizing::new(secret.into());
        if !is_id(id) {
            return Err(InvalidPepper { id: None, problem: ID_RULE });
        }
        let problem = match check_secret(&secret, MIN_PEPPER_BYTES) {
            Err(weak) => Some(weak.problem()),
            Ok(()) => (secret.len() > MAX_PEPPER_BYTES).then_some("is longer than 1024 bytes"),
        };
        match problem {
            Some(problem) => Err(InvalidPepper { id: Some(id.into()), problem }),
            None => Ok(Self { id: id.into(), secret }),
        }
    }

    /// The id, which each hash names.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// 8 hexadecimal digits that depend on the id and the secret, to compare the peppers of nodes. They can be logged: they
    /// are the begin of an HMAC-SHA-256 under the secret, which is random.
    ///
    /// ```
    /// use gatewright::password::Pepper;
    ///
    /// # let secret = gatewright_testkit::shared_secret("pepper");
    /// let pepper = Pepper::new("2026-11", secret.as_str())?;
    /// let other = Pepper::new("2026-11", format!("{secret} "))?;
    /// assert_ne!(pepper.fingerprint(), other.fingerprint());
    /// # Ok::<(), gatewright::password::InvalidPepper>(())
    /// ```
    #[must_use]
    pub fn fingerprint(&self) -> String {
        let key = hmac::Key::new(hmac::HMAC_SHA256, &self.secret);
        let tag = hmac::sign(&key, format!("gatewright pepper fingerprint {}", self.id).as_bytes());
        tag.as_ref().iter().take(FINGERPRINT_BYTES).map(|byte| format!("{byte:02x}")).collect()
    }

    /// Whether the secret has these bytes, compared in constant time: a pepper must not be another secret of the
    /// application, such as the one that signs tokens.
    #[must_use]
    pub fn has_secret(&self, bytes: &[u8]) -> bool {
        self.secret.ct_eq(bytes).into()
    }

    pub(crate) fn secret(&self) -> &[u8] {
        &self.secret
    }
}

const ID_RULE: &str =
    "the id must be 1 to 8 ASCII letters, digits, `-`, `_` or `.`; write the id, a colon and the secret";

fn is_id(id: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    (1..=MAX_PEPPER_ID_BYTES).contains(&id.len()) && id.bytes().all(is_plain)
}

/// Redacted but for the id.
impl fmt::Debug for Pepper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pepper({:?}, ..)", self.id)
    }
}

/// Reads the id, a colon and the secret. Nothing is trimmed: a secret that begins or ends with a space, or contains a control
/// character, is rejected. An editor may have added it, and then every password would be wrong.
impl FromStr for Pepper {
    type Err = InvalidPepper;

    fn from_str(text: &str) -> Result<Self, InvalidPepper> {
        let (id, secret) = text.split_once(':').ok_or(InvalidPepper { id: None, problem: ID_RULE })?;
        let is_unclean = secret.trim() != secret || secret.contains(char::is_control);
        if is_id(id) && is_unclean {
            let problem =
                "begins or ends with a space, or contains a control character; write it on one line";
            return Err(InvalidPepper { id: Some(id.into()), problem });
        }
        Self::new(id, secret)
    }
}

/// Why a [`Pepper`] is rejected. It contains no part of the secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidPepper {
    /// `None` if the id itself is invalid: a secret may stand in its place.
    id: Option<Box<str>>,
    problem: &'static str,
}

impl InvalidPepper {
    /// The problem, for a program that has a name of its own for the setting.
    #[must_use]
    pub fn explain(&self) -> String {
        match &self.id {
            Some(id) => format!("the secret of {id} {}", self.problem),
            None => self.problem.to_owned(),
        }
    }
}

impl fmt::Display for InvalidPepper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{SETTING}: {}", self.explain())
    }
}

impl std::error::Error for InvalidPepper {}

/// The peppers of a pool.
#[derive(Debug, Clone, Default)]
pub(crate) struct Peppers {
    /// The one of new hashes.
    pub(crate) current: Option<Pepper>,
    /// Those that verify and do not hash.
    pub(crate) previous: Vec<Pepper>,
}

impl Peppers {
    /// # Errors
    /// If there are too many, or two have one id or one secret.
    pub(crate) fn check(&self) -> Result<(), BuildError> {
        let setting = "previous_peppers";
        if self.previous.len() > MAX_PREVIOUS_PEPPERS {
            return Err(BuildError::new(setting, "must be at most 7").with_found(self.previous.len()));
        }
        let mut ids: Vec<&str> = self.all().map(Pepper::id).collect();
        ids.sort_unstable();
        match ids.windows(2).find_map(|pair| if let [a, b] = pair { (a == b).then_some(*a) } else { None }) {
            Some(id) => Err(BuildError::new(setting, "must have ids of their own").with_found(id)),
            None if self.has_secret_twice() => {
                Err(BuildError::new(setting, "must have secrets of their own"))
            }
            None => Ok(()),
        }
    }

    fn has_secret_twice(&self) -> bool {
        let peppers: Vec<&Pepper> = self.all().collect();
        let pairs = peppers
            .iter()
            .enumerate()
            .flat_map(|(index, one)| peppers.iter().skip(index + 1).map(move |other| (one, other)));
        pairs.filter(|(one, other)| one.has_secret(other.secret())).count() > 0
    }

    /// The pepper with this id.
    pub(crate) fn find(&self, id: &[u8]) -> Option<&Pepper> {
        self.all().find(|pepper| pepper.id.as_bytes() == id)
    }

    fn all(&self) -> impl Iterator<Item = &Pepper> {
        self.current.iter().chain(&self.previous)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "qX3vKd7RwYb2LhJc9PsEafu8F0qTz1nQ";

    #[test]
    fn an_id_has_1_to_8_plain_characters() {
        for id in ["a", "2026-11", "v1.2_x-y"] {
            assert_eq!(Pepper::new(id, SECRET).unwrap().id(), id);
        }
        for id in ["", "123456789", "a b", "a,b", "a$", "é", "a\n", "a:b"] {
            assert_eq!(Pepper::new(id, SECRET).unwrap_err().explain(), ID_RULE, "{id:?}");
        }
    }

    #[test]
    fn weak_secrets_are_rejected_and_never_repeated() {
        let long = SECRET.repeat(33);
        for (secret, problem) in [
            ("", "is missing"),
            ("supersecret", "is a placeholder"),
            ("your_secret_key_that_is_long_enough_to_pass", "is a placeholder"),
            ("qX3vKd7RwYb2LhJc9PsEafu8F0qTz1n", "is too short"),
            ("-----BEGIN PRIVATE KEY-----\nMFkwEwYHKoZIzj0CAQ", "looks like a key file"),
            ("00000000000000000000000000000000", "has too few different bytes"),
            (&long, "is longer than 1024 bytes"),
        ] {
            let error = Pepper::new("a1", secret).unwrap_err();
            assert!(error.to_string().starts_with(&format!("pepper: the secret of a1 {problem}")), "{error}");
            let repeats = |text: String| !secret.is_empty() && text.contains(secret);
            assert!(!repeats(error.to_string()) && !repeats(format!("{error:?}")), "{error:?}");
        }
        assert!(Pepper::new("a1", SECRET.repeat(32)).is_ok(), "1,024 bytes");
    }

    /// The whole text may be the secret alone, so no error repeats it.
    #[test]
    fn a_text_without_an_id_is_rejected_and_never_repeated() {
        for text in [SECRET, ":", "", "a-long-secret-with-a-colon:x"] {
            let error = text.parse::<Pepper>().unwrap_err();
            assert_eq!(error.explain(), ID_RULE);
            assert!(text.is_empty() || text == ":" || !format!("{error:?} {error}").contains(text));
        }
        let pepper: Pepper = format!("v1:{SECRET}:x").parse().unwrap();
        assert_eq!(pepper.secret(), format!("{SECRET}:x").as_bytes(), "only the first colon separates");
    }

    /// An editor adds a line feed or a blank, another system a carriage return.
    #[test]
    fn a_text_with_blanks_or_control_characters_is_rejected() {
        for text in [
            format!("a: {SECRET}"),
            format!("a:{SECRET} "),
            format!("a:{SECRET}\r"),
            format!("a:{SECRET}\u{a0}"),
            format!("a:x\n{SECRET}"),
            format!("a:{SECRET}\0"),
        ] {
            let error = text.parse::<Pepper>().unwrap_err().explain();
            assert!(error.starts_with("the secret of a begins or ends with a space"), "{text:?}: {error}");
        }
        assert!(format!("a:two words {SECRET}").parse::<Pepper>().is_ok());
    }

    #[test]
    fn a_fingerprint_depends_on_the_id_and_the_secret_and_shows_neither() {
        let fingerprint = |id, secret: &str| Pepper::new(id, secret).unwrap().fingerprint();
        let one = fingerprint("v1", SECRET);
        assert_eq!((one.len(), &one), (8, &fingerprint("v1", SECRET)));
        assert!(one != fingerprint("v2", SECRET) && one != fingerprint("v1", &format!("{SECRET}x")));
    }

    #[test]
    fn one_secret_under_two_ids_is_rejected() {
        let pepper = |id: &str| Pepper::new(id, SECRET).unwrap();
        let twice = Peppers { current: Some(pepper("a")), previous: vec![pepper("b")] };
        let error = twice.check().unwrap_err().to_string();
        assert_eq!(error, "previous_peppers: must have secrets of their own");
        assert!(pepper("a").has_secret(SECRET.as_bytes()) && !pepper("a").has_secret(b"another"));
    }

    #[test]
    fn the_debug_text_of_peppers_is_redacted() {
        let pepper = Pepper::new("v1", SECRET).unwrap();
        let peppers = Peppers { current: Some(pepper.clone()), previous: vec![pepper] };
        let text = format!("{peppers:?}");
        assert!(text.contains(r#"Pepper("v1", ..)"#) && !text.contains("qX3v"), "{text}");
    }

    #[test]
    fn peppers_have_ids_of_their_own_and_a_maximal_number() {
        let pepper = |id: &str| Pepper::new(id, format!("{SECRET}{id}")).unwrap();
        let check = |current: Option<&str>, previous: &[&str]| {
            let previous = previous.iter().map(|id| pepper(id)).collect();
            Peppers { current: current.map(pepper), previous }.check().map_err(|error| error.to_string())
        };
        let seven = ["1", "2", "3", "4", "5", "6", "7"];
        assert_eq!(check(Some("8"), &seven), Ok(()));
        assert_eq!(check(None, &["1"]), Ok(()), "a node that is to know a pepper before it is used");
        let twice = "previous_peppers: must have ids of their own, is 1";
        assert_eq!(check(Some("1"), &["2", "1"]).unwrap_err(), twice);
        assert_eq!(check(None, &["1", "2", "1"]).unwrap_err(), twice);
        let eight = ["1", "2", "3", "4", "5", "6", "7", "8"];
        assert_eq!(check(None, &eight).unwrap_err(), "previous_peppers: must be at most 7, is 8");
    }
}
