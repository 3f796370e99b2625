//! The shop on axum.

use std::net::TcpListener;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use gatewright::axum::{CurrentUser, Error, Path, routes};
use gatewright::types::SessionId;
use gatewright::{Auth, UserId};

use super::fail;

pub(super) fn run(listener: TcpListener, auth: Auth) {
    let shop = Router::new()
        .route("/answers/{answer}", get(answer))
        .route("/shop/{answer}", get(buy))
        .route("/users/{id}", get(user))
        .route("/users/{id}/sessions/{session}", get(session))
        .nest("/auth", routes(&auth))
        .with_state(auth);
    gatewright_testkit::block_on(async {
        let listener = tokio::net::TcpListener::from_std(listener).unwrap();
        axum::serve(listener, shop).await.unwrap();
    });
}

/// An error type of an application.
enum ShopError {
    SoldOut,
    Auth(Error),
}

impl From<gatewright::Error> for ShopError {
    fn from(error: gatewright::Error) -> Self {
        Self::Auth(error.into())
    }
}

impl IntoResponse for ShopError {
    fn into_response(self) -> Response {
        match self {
            Self::SoldOut => (StatusCode::GONE, "sold out").into_response(),
            Self::Auth(error) => error.into_response(),
        }
    }
}

async fn answer(State(auth): State<Auth>, answer: Path<String>) -> Result<&'static str, Error> {
    Ok(fail(&auth, &answer).await?)
}

async fn buy(State(auth): State<Auth>, answer: Path<String>) -> Result<&'static str, ShopError> {
    if *answer == "sold-out" {
        return Err(ShopError::SoldOut);
    }
    Ok(fail(&auth, &answer).await?)
}

async fn user(_: CurrentUser, State(auth): State<Auth>, id: Path<UserId>) -> Result<String, Error> {
    Ok(auth.accounts()?.find(&id).await?.email.to_string())
}

async fn session(_: CurrentUser, ids: Path<(UserId, SessionId)>) -> String {
    let (user, session) = ids.into_inner();
    format!("{user} {session}")
}
