//! Authentication and authorization for Rust web services: OAuth2 password login, JWT access tokens, refresh tokens
//! that rotate and notice theft, password hashing, guards for users, roles, scopes and API keys.
//!
//! This crate is the front door: it re-exports, by feature, what an application uses, and holds no logic.
//!
//! | feature | brings |
//! |---|---|
//! | `actix-web` | [`actix_web`](mod@actix_web): extractors, guards and routes for actix-web |
//! | `axum` | [`axum`](mod@axum): extractors, guards and routes for axum |
//! | `poem` | [`poem`](mod@poem): extractors, guards and routes for poem |
//! | `memory` | `MemoryStore`: accounts and sessions in memory |
//! | `mysql` | `MySqlStore`: accounts and sessions in MySQL or MariaDB |
//! | `openapi` | [`openapi`](mod@openapi): who may call what, in utoipa documents |
//! | `postgres` | `PostgresStore`: accounts and sessions in PostgreSQL |
//! | `sqlite` | `SqliteStore`: accounts and sessions in SQLite |
//! | `swagger-ui` | `openapi::SwaggerUi`: the page that shows a document and logs in |
//!
//! Begin with [`Auth::local`] for Gatewright's own accounts, or [`Auth::builder`] for an application's own users. The
//! store and hasher traits are `async` by way of the `async-trait` crate, which whoever implements them adds.

pub use gatewright_core::account::{Accounts, PasswordChange, Registration};
pub use gatewright_core::api_key::{ApiKeys, InvalidApiKey, SHORT_API_KEY_BYTES};
pub use gatewright_core::builder::{AuthBuilder, BuildError};
pub use gatewright_core::clock::{Clock, SystemClock, Timestamp};
pub use gatewright_core::error::{
    AccessRefusal, AuthError, LoginRefusal, PolicyRefusal, RefreshRefusal, RequestError,
};
pub use gatewright_core::event::{Event, EventSink, TracingSink};
pub use gatewright_core::password::{HasherError, PasswordHasher, PasswordVerdict, PolicyViolation};
pub use gatewright_core::render::{DetailRenderer, ProblemRenderer, Rendered, Renderer, TokenEndpoint};
pub use gatewright_core::requirement::{AllOf, AnyOf, Authenticated, Demand, Guards, Policy, Requirement};
pub use gatewright_core::rotation::{
    Rotation, RotationRequest, RotationState, SessionSeed, TokenDigest, TokenLife,
};
pub use gatewright_core::scope::{InvalidScopes, RoleScopes, Scopes};
pub use gatewright_core::session::{Session, SessionStore};
pub use gatewright_core::store::{
    Account, AccountChange, AccountCounts, AccountStore, AuthUser, Change, Created, NewAccount, StoreError,
    Swap, UserStore,
};
pub use gatewright_core::token::{FUTURE_TOLERANCE, IssueError, MAX_TOKEN_BYTES};
pub use gatewright_core::{
    ApiKeyIdentity, Auth, BodyCollector, Bytes, Caller, Claims, CredentialKind, Denial, Email, Epoch, Guard,
    Headers, Identity, InvalidEmail, InvalidId, Login, Operation, Password, PasswordHash, Randomness,
    RandomnessError, Refresh, Reply, RequestView, RoleName, SessionId, SystemRandomness, TokenId,
    TokenIssuer, TokenKind, TokenPair, TokenRefusal, TokenText, TokenVerifier, UnknownRole, UserId,
    VerifiedClaims, roles, scopes,
};
pub use gatewright_jwt::{Jwt, JwtBuilder, MAX_LEEWAY, MIN_SECRET_BYTES};
pub use gatewright_password::{Argon2Costs, HashingPool, HashingPoolBuilder};

/// For actix-web.
#[cfg(feature = "actix-web")]
pub mod actix_web {
    pub use gatewright_actix_web::{
        ApiKey, Authorized, CurrentUser, GuardedRouter, MaybeUser, Rejection, Require, RequireLayer,
        StatelessClaims, change_password, guarded, install, login, logout, refresh, register, require,
        routes,
    };
}

/// For axum.
#[cfg(feature = "axum")]
pub mod axum {
    pub use gatewright_axum::{
        ApiKey, Authorized, CurrentUser, GuardedRouter, HasAuth, MaybeUser, Rejection, Require, RequireLayer,
        StatelessClaims, change_password, guarded, login, logout, refresh, register, require, routes,
    };
}

/// For poem.
#[cfg(feature = "poem")]
pub mod poem {
    pub use gatewright_poem::{
        ApiKey, Authorized, CurrentUser, GuardedRouter, MaybeUser, Rejection, Require, RequireLayer,
        StatelessClaims, change_password, guarded, install, login, logout, refresh, register, require,
        routes,
    };
}

/// For OpenAPI documents.
#[cfg(feature = "openapi")]
pub mod openapi {
    #[cfg(feature = "swagger-ui")]
    pub use gatewright_openapi::SwaggerUi;
    pub use gatewright_openapi::{
        API_KEY, BEARER, Document, DocumentError, GuardedHandler, OAUTH2, document_reply,
    };
}

#[cfg(feature = "memory")]
pub use gatewright_memory::MemoryStore;

#[cfg(feature = "mysql")]
pub use gatewright_sqlx::MySqlStore;
#[cfg(feature = "postgres")]
pub use gatewright_sqlx::PostgresStore;
#[cfg(feature = "sqlite")]
pub use gatewright_sqlx::SqliteStore;
