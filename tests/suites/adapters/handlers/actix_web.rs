//! The shop on actix-web, and a case that only actix-web needs.

use std::fmt;
use std::net::TcpListener;

use actix_web::http::StatusCode;
use actix_web::web::{self, Data, ServiceConfig};
use actix_web::{App, HttpResponse, HttpServer, ResponseError, rt, test};
use async_trait::async_trait;
use gatewright::actix_web::{CurrentUser, Error, Path, install};
use gatewright::store::StoreError;
use gatewright::types::SessionId;
use gatewright::{Auth, MemoryStore, UserId};
use gatewright_testkit::{Hook, Intercepted, Method};
use gatewright_tests::World;

use super::{EMAIL, fail};

pub(super) fn run(listener: TcpListener, auth: Auth) {
    rt::System::new().block_on(async {
        let server = HttpServer::new(move || App::new().configure(shop(auth.clone())));
        server.workers(1).disable_signals().listen(listener).unwrap().run().await.unwrap();
    });
}

fn shop(auth: Auth) -> impl FnOnce(&mut ServiceConfig) {
    move |app| {
        app.configure(install(&auth, "/auth"))
            .route("/answers/{answer}", web::get().to(answer))
            .route("/shop/{answer}", web::get().to(buy))
            .route("/users/{id}", web::get().to(user))
            .route("/users/{id}/sessions/{session}", web::get().to(session));
    }
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

impl ResponseError for ShopError {
    fn status_code(&self) -> StatusCode {
        match self {
            Self::SoldOut => StatusCode::GONE,
            Self::Auth(error) => error.status_code(),
        }
    }

    fn error_response(&self) -> HttpResponse {
        match self {
            Self::SoldOut => HttpResponse::Gone().body("sold out"),
            Self::Auth(error) => error.error_response(),
        }
    }
}

async fn answer(auth: Data<Auth>, answer: Path<String>) -> Result<&'static str, Error> {
    Ok(fail(&auth, &answer).await?)
}

async fn buy(auth: Data<Auth>, answer: Path<String>) -> Result<&'static str, ShopError> {
    if *answer == "sold-out" {
        return Err(ShopError::SoldOut);
    }
    Ok(fail(&auth, &answer).await?)
}

async fn user(_: CurrentUser, auth: Data<Auth>, id: Path<UserId>) -> Result<String, Error> {
    Ok(auth.accounts()?.find(&id).await?.email.to_string())
}

async fn session(_: CurrentUser, ids: Path<(UserId, SessionId)>) -> String {
    let (user, session) = ids.into_inner();
    format!("{user} {session}")
}

/// Answers later than at the first poll, as a database does.
#[derive(Debug, Clone)]
struct Slow;

#[async_trait]
impl Hook for Slow {
    async fn before(&self, _: Method) -> Result<(), StoreError> {
        tokio::task::yield_now().await;
        Ok(())
    }
}

/// actix-web runs all extractors at once and answers with the first that fails.
#[actix_web::test]
async fn a_malformed_id_waits_for_the_guard() {
    let world = World::new(Intercepted::with_hook(MemoryStore::new(), Slow));
    world.add(EMAIL).await;
    let (pair, gone) = (world.login(EMAIL).await, world.login(EMAIL).await);
    world.auth.logout_by_refresh_token(&gone.refresh_token).await.unwrap();
    let app = test::init_service(App::new().configure(shop(world.auth.clone()))).await;
    for (token, expected) in [(&pair, 404), (&gone, 401)] {
        let authorization = format!("Bearer {}", token.access_token.expose());
        let request =
            test::TestRequest::get().uri("/users/a%00b").insert_header(("authorization", authorization));
        assert_eq!(test::call_service(&app, request.to_request()).await.status().as_u16(), expected);
    }
}
