//! The handle that an application builds once and clones into every handler.

mod reports;
mod refusal_floor;
mod extra_claims;
mod failure;
mod answers;
mod error;
mod build_error;
mod throttle_parts;
mod audit_parts;
mod limiter;
mod inner;
mod shared;
mod handle;
mod feed_keys;
mod limits;
mod named_roles;
mod builder;
mod starts;
mod throttle_settings;
mod audit_settings;
mod token_size;
mod dangerous;
mod password_rules;
mod usernames;
mod resource_server;
mod publish;
mod measuring;

pub use build_error::BuildError;
pub use builder::AuthBuilder;
pub use dangerous::DangerousAuthBuilder;
pub use error::Error;
pub use handle::Auth;
pub use limits::{
    DEFAULT_ACCESS_LIFETIME, DEFAULT_HASH_WAIT, DEFAULT_REFRESH_GRACE, DEFAULT_REFRESH_LIFETIME,
    DEFAULT_SESSION_LIFETIME, MAX_HASH_WAIT, MAX_REFRESH_GRACE, MAX_THROTTLED_HASH_WAIT,
};
pub use refusal_floor::{DEFAULT_REFUSAL_FLOOR, MAX_HELD_REFUSALS, MAX_REFUSAL_FLOOR};
pub use resource_server::NoUser;
pub use throttle_parts::ThrottleFailure;

pub(crate) use failure::Failure;
pub(crate) use inner::Inner;
pub(crate) use limiter::Permit;
pub(crate) use refusal_floor::shows_first_hash;
pub(crate) use shared::Shared;
