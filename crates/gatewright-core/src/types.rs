//! Small value types that all other folders use: ids, secrets, time, waiting, randomness, roles and scopes.

mod secret;
mod weak_secret;
mod clock;
mod timer;
mod random;
mod id;
mod characters;
mod client;
mod fold;
mod domain;
mod email;
mod username;
mod login_name;
mod network;
mod typed_names;
mod role;
mod scope;
mod requirement;
mod api_key;
mod amr;
mod serialized;

pub use amr::{Amr, InvalidAmr, MAX_AMR_BYTES};
pub use api_key::{ApiKeys, InvalidApiKey, MAX_API_KEY_BYTES, SHORT_API_KEY_BYTES};
pub use client::{ClientInfo, MAX_USER_AGENT_BYTES, UserAgent};
pub use clock::{Clock, SystemClock, Timestamp};
pub use email::{Email, InvalidEmail, MAX_EMAIL_BYTES, MAX_LOCAL_PART_BYTES};
pub use id::{Epoch, InvalidId, MAX_USER_ID_BYTES, SessionId, UserId};
pub use login_name::{InvalidLoginName, LoginName, MAX_LOGIN_NAME_BYTES};
pub use network::ClientNetwork;
pub use random::{RandomError, SecureRandom, SystemRandom};
pub use requirement::{AllOf, AnyOf, Authenticated, Policy, Requirement};
#[doc(hidden)]
pub use role::assert_roles;
pub use role::{MAX_ROLE_BYTES, RoleChange, RoleEnum, RoleName, UnknownRole};
#[doc(hidden)]
pub use scope::assert_scopes;
pub use scope::{InvalidScopes, MAX_SCOPES_BYTES, RoleScopes, Scopes};
pub use secret::{DerivedKey, Password, PasswordHash, TokenText};
pub use timer::{Deadline, SystemTimer, Timer};
#[doc(hidden)]
pub use typed_names::assert_distinct;
pub use username::{InvalidUsername, MAX_USERNAME_BYTES, MAX_USERNAME_KEY_BYTES, Username};
pub use weak_secret::{WeakSecret, check_secret};

pub(crate) use domain::unicode_address;
pub(crate) use email::search_key;
pub(crate) use fold::fold;
pub(crate) use random::random_bytes;
pub(crate) use requirement::{Missing, Verdict};
pub(crate) use scope::is_scope;
pub(crate) use timer::within;
pub(crate) use username::Usernames;
