//! The ready-made endpoints: login, refresh, logout, sessions, accounts, revocation, introspection.

mod endpoint;
mod token_pair;
mod create_session;
mod login;
mod refresh;
mod logout;
mod sessions;
mod revoke;
mod introspect;
mod new_password;
mod audit;
mod accounts;
mod account_changes;
mod first_admin;
mod change_password;
mod dispatch;

pub use accounts::{Accounts, Registration};
pub use audit::Audit;
pub use change_password::PasswordChange;
pub use create_session::SessionOptions;
pub use endpoint::{Endpoint, PUBLIC_KEYS_MAX_AGE};
pub use introspect::{ActiveToken, INTROSPECTION, Introspection};
pub use login::Login;
pub use refresh::Refresh;
pub use sessions::{SessionInfo, SessionList};
pub use token_pair::TokenPair;
