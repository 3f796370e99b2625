//! The shop on poem.

use std::fmt;
use std::net::TcpListener;

use gatewright::poem::{CurrentUser, Error, Path, install};
use gatewright::types::SessionId;
use gatewright::{Auth, UserId};
use poem::error::ResponseError;
use poem::http::StatusCode;
use poem::listener::TcpAcceptor;
use poem::web::Data;
use poem::{EndpointExt, Response, Route, Server, get, handler};

use super::fail;

pub(super) fn run(listener: TcpListener, auth: Auth) {
    let shop = Route::new()
        .at("/answers/:answer", get(answers))
        .at("/shop/:answer", get(buy))
        .at("/users/:id", get(show))
        .at("/users/:id/sessions/:session", get(show_session));
    let shop = install(&auth, "/auth", shop).data(auth);
    gatewright_testkit::block_on(async {
        let acceptor = TcpAcceptor::from_std(listener).unwrap();
        Server::new_with_acceptor(acceptor).run(shop).await.unwrap();
    });
}

/// An error type of an application.
#[derive(Debug)]
enum ShopError {
    SoldOut,
    Auth(Error),
}

impl From<gatewright::Error> for ShopError {
    fn from(error: gatewright::Error) -> Self {
        Self::Auth(error.into())
    }
}

impl fmt::Display for ShopError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SoldOut => f.write_str("sold out"),
            Self::Auth(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for ShopError {}

impl ResponseError for ShopError {
    fn status(&self) -> StatusCode {
        match self {
            Self::SoldOut => StatusCode::GONE,
            Self::Auth(error) => error.status(),
        }
    }

    fn as_response(&self) -> Response {
        match self {
            Self::SoldOut => Response::builder().status(StatusCode::GONE).body("sold out"),
            Self::Auth(error) => error.as_response(),
        }
    }
}

#[handler]
async fn answers(auth: Data<&Auth>, answer: Path<String>) -> Result<&'static str, Error> {
    Ok(fail(&auth, &answer).await?)
}

#[handler]
async fn buy(auth: Data<&Auth>, answer: Path<String>) -> Result<&'static str, ShopError> {
    if *answer == "sold-out" {
        return Err(ShopError::SoldOut);
    }
    Ok(fail(&auth, &answer).await?)
}

#[handler]
async fn show(_: CurrentUser, auth: Data<&Auth>, id: Path<UserId>) -> Result<String, Error> {
    Ok(auth.accounts()?.find(&id).await?.email.to_string())
}

#[handler]
async fn show_session(_: CurrentUser, ids: Path<(UserId, SessionId)>) -> String {
    let (user, session) = ids.into_inner();
    format!("{user} {session}")
}
