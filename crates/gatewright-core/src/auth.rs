//! The handle that an application builds once and clones into every handler.

mod handle;
mod builder;
mod resource_server;
mod publish;

pub use builder::{
    AuthBuilder, BuildError, DEFAULT_ACCESS_LIFETIME, DEFAULT_REFRESH_GRACE, DEFAULT_REFRESH_LIFETIME,
    DEFAULT_SESSION_LIFETIME, MAX_REFRESH_GRACE,
};
pub use handle::Auth;
pub use resource_server::NoUser;

pub(crate) use handle::Inner;
