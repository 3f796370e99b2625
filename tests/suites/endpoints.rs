//! The endpoints of an `Auth`: registration, login, refresh, sessions, logout, revocation and introspection.

mod registration;
mod usernames;
mod administration;
mod audit;
mod audited_changes;
mod login;
mod throttle;
mod locked_accounts;
mod throttle_outcomes;
mod throttled_calls;
mod unknown_peppers;
mod metrics;
mod create_session;
mod refusal_floor;
mod two_forms;
mod client_info;
mod sessions;
mod tokens;
mod refresh;
mod random_signatures;
mod change_password;
mod new_passwords;
mod extra_claims;
mod errors;
mod requests;
mod signing;

use gatewright::endpoints::PasswordChange;
use gatewright::http::RequestView;
use gatewright::types::{SessionId, TokenText};
use gatewright::{Identity, MemoryStore, Password};
use gatewright_testkit::auth_routes::claims;
use gatewright_testkit::store::Store;
use gatewright_testkit::{FailingStore, Outage};
use gatewright_tests::{Bearer, PASSWORD, World};

/// The address of the only user of a world.
pub(crate) const EMAIL: &str = "ada@example.com";

/// A world on this store, with one user.
pub(crate) async fn world_on<S: Store>(store: S) -> World<S> {
    let world = World::new(store);
    world.add(EMAIL).await;
    world
}

/// A world in memory, with one user.
pub(crate) async fn world() -> World<MemoryStore> {
    world_on(MemoryStore::new()).await
}

/// As [`world`], on a store that fails on demand.
pub(crate) async fn failing_world() -> (World<FailingStore<MemoryStore>>, Outage) {
    let (store, outage) = FailingStore::new(MemoryStore::new());
    (world_on(store).await, outage)
}

/// The password that [`new_password`] sets.
pub(crate) const NEW_PASSWORD: &str = "another correct horse";

/// A change from the usual password to [`NEW_PASSWORD`].
pub(crate) fn new_password() -> PasswordChange {
    let [old, new] = [PASSWORD, NEW_PASSWORD].map(Password::new);
    PasswordChange::new(old, new).unwrap()
}

/// The headers of a request with this token.
pub(crate) fn bearer(token: &TokenText) -> Bearer {
    Bearer(format!("Bearer {}", token.expose()))
}

/// Authenticates a request with this access token.
pub(crate) async fn authenticate<S: Store>(world: &World<S>, access_token: &TokenText) -> Identity {
    let headers = bearer(access_token);
    world.auth.authenticate(&RequestView::new("GET", &headers)).await.unwrap().unwrap()
}

/// Reads the id of the session from a token.
pub(crate) fn session_of(token: &TokenText) -> SessionId {
    claims(token.expose())["sid"].as_str().unwrap().parse().unwrap()
}
