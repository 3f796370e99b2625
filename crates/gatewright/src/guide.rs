//! The guide: a page for each task. The pages compile as tests.
//!
//! | page | answers |
//! |---|---|
//! | [quick_start] | the first program on axum, actix-web and poem |
//! | [roles_and_scopes] | who may call a handler |
//! | [first_administrator] | how the first administrator gets an account |
//! | [accounts] | Gatewright's own accounts: user names, sessions without a password |
//! | [passwords] | rules for new passwords, lists of breached ones, peppers, costs of hashes, Unicode |
//! | [own_users] | your own table of users |
//! | [handlers] | handlers that administer accounts |
//! | [errors] | errors with `?`, and the form of their answers |
//! | [claims] | claims of your own in access tokens |
//! | [api_keys] | services that call your service |
//! | [javascript] | browsers: CORS, tokens, refresh |
//! | [testing] | tests of your application |
//! | [keys] | secrets, key pairs, rotation, other issuers |
//! | [providers] | tokens of Auth0, Entra ID, Okta, Keycloak and other providers |
//! | [revocation] | when a logout takes effect, also on many nodes |
//! | [openapi] | access control in an OpenAPI document |
//! | [stores] | databases, pools, a store of your own |
//! | [throttling] | limits of logins and registrations |
//! | [audit] | who did what, and whether anyone changed the record |
//! | [metrics] | counts and times for Prometheus, a dashboard |
//! | [operations] | what to set up before production |
//! | [endpoints] | requests and answers of the endpoints |
//! | [settings] | defaults and limits |
//! | [fastapi] | FastAPI's security tutorial, snippet by snippet |

#[doc(alias("getting started", "hello world"))]
#[doc = include_str!("../guide/quick_start.md")]
pub mod quick_start {}
#[doc(alias("acl", "middleware", "permission", "rbac"))]
#[doc = include_str!("../guide/roles_and_scopes.md")]
pub mod roles_and_scopes {}
#[doc(alias("superuser"))]
#[doc = include_str!("../guide/first_administrator.md")]
pub mod first_administrator {}
#[doc(alias("magic link", "passkey", "username"))]
#[doc = include_str!("../guide/accounts.md")]
pub mod accounts {}
#[doc(alias("argon2", "breach", "hibp", "password policy", "pepper", "pwned"))]
#[doc = include_str!("../guide/passwords.md")]
pub mod passwords {}
#[doc(alias("users table"))]
#[doc = include_str!("../guide/own_users.md")]
pub mod own_users {}
#[doc(alias("administration"))]
#[doc = include_str!("../guide/handlers.md")]
pub mod handlers {}
#[doc(alias("problem details"))]
#[doc = include_str!("../guide/errors.md")]
pub mod errors {}
#[doc(alias("custom claims"))]
#[doc = include_str!("../guide/claims.md")]
pub mod claims {}
#[doc = include_str!("../guide/api_keys.md")]
pub mod api_keys {}
#[doc(alias("browser", "cookie", "cors", "csrf", "fetch", "single-page application", "websocket"))]
#[doc = include_str!("../guide/javascript.md")]
pub mod javascript {}
#[doc(alias("mock"))]
#[doc = include_str!("../guide/testing.md")]
pub mod testing {}
#[doc(alias("auth0", "jsonwebtoken", "jwks", "jwt", "keycloak", "kms", "resource server", "rotation"))]
#[doc = include_str!("../guide/keys.md")]
pub mod keys {}
#[doc(alias("auth0", "cognito", "entra", "firebase", "keycloak", "okta", "openid connect", "supabase"))]
#[doc = include_str!("../guide/providers.md")]
pub mod providers {}
#[doc(alias("blacklist", "cluster", "logout", "session"))]
#[doc = include_str!("../guide/revocation.md")]
pub mod revocation {}
#[doc = include_str!("../guide/openapi.md")]
pub mod openapi {}
#[doc(alias("database", "migration", "pool"))]
#[doc = include_str!("../guide/stores.md")]
pub mod stores {}
#[doc(alias("rate limit", "throttle", "brute force", "lockout"))]
#[doc = include_str!("../guide/throttling.md")]
pub mod throttling {}
#[doc(alias("audit log", "compliance", "gdpr", "retention"))]
#[doc = include_str!("../guide/audit.md")]
pub mod audit {}
#[doc(alias("grafana", "monitoring", "prometheus"))]
#[doc = include_str!("../guide/metrics.md")]
pub mod metrics {}
#[doc(alias("2fa", "https", "logging", "mfa", "production", "proxy", "reset", "verification"))]
#[doc = include_str!("../guide/operations.md")]
pub mod operations {}
#[doc(alias("login", "logout", "register"))]
#[doc = include_str!("../guide/endpoints.md")]
pub mod endpoints {}
#[doc = include_str!("../guide/settings.md")]
pub mod settings {}
#[doc(alias("python"))]
#[doc = include_str!("../guide/fastapi.md")]
pub mod fastapi {}
