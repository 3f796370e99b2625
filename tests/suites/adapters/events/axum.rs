//! The application of these tests on axum.

use std::net::{SocketAddr, TcpListener};

use axum::Router;
use axum::extract::State;
use axum::http::request::Parts;
use axum::routing::get;
use gatewright::Auth;
use gatewright::axum::{
    ApiKey, Authorized, CurrentUser, Error, ExtraClaims, MaybeUser, StatelessClaims, for_request, guarded,
    routes,
};
use gatewright::types::Requirement;

use super::{Numbers, Publishes, role, try_login};

pub(super) fn run(listener: TcpListener, auth: Auth) {
    let office = Router::new().route("/stats", get(async || "ok"));
    let app = Router::new()
        .route("/items/{id}", get(async |_: CurrentUser| "ok"))
        .route("/maybe", get(async |_: MaybeUser| "ok"))
        .route("/claims", get(async |_: StatelessClaims| "ok"))
        .route("/numbers", get(async |_: ExtraClaims<Numbers>| "ok"))
        .route("/admin", get(async |_: Authorized<role::Admin>| "ok"))
        .route("/publish", get(async |_: Authorized<Publishes>| "ok"))
        .route("/key", get(async |_: ApiKey<Publishes>| "ok"))
        .route("/plain", get(plain))
        .route("/named", get(named))
        .merge(guarded(&auth, Requirement::Role("admin"), office).under("/office"))
        .nest("/auth", routes(&auth))
        .with_state(auth);
    gatewright_testkit::block_on(async {
        let listener = tokio::net::TcpListener::from_std(listener).unwrap();
        axum::serve(listener, app.into_make_service_with_connect_info::<SocketAddr>()).await.unwrap();
    });
}

async fn plain(State(auth): State<Auth>) -> Result<&'static str, Error> {
    Ok(try_login(&auth).await?)
}

async fn named(State(auth): State<Auth>, parts: Parts) -> Result<&'static str, Error> {
    Ok(try_login(&for_request(&auth, &parts)).await?)
}
