//! The application of these tests on poem.

use std::net::TcpListener;

use gatewright::Auth;
use gatewright::poem::{
    ApiKey, Authorized, CurrentUser, Error, ExtraClaims, MaybeUser, StatelessClaims, for_request, guarded,
    install,
};
use gatewright::types::Requirement;
use poem::listener::TcpAcceptor;
use poem::web::Data;
use poem::{Request, Route, Server, get, handler};

use super::{Numbers, Publishes, role, try_login};

pub(super) fn run(listener: TcpListener, auth: Auth) {
    let office = Route::new().at("/stats", get(ok));
    let app = Route::new()
        .at("/items/:id", get(user))
        .at("/maybe", get(maybe))
        .at("/claims", get(claims))
        .at("/numbers", get(numbers))
        .at("/admin", get(admin))
        .at("/publish", get(publish))
        .at("/key", get(key))
        .at("/plain", get(plain))
        .at("/named", get(named));
    let app =
        install(&auth, "/auth", guarded(&auth, Requirement::Role("admin"), office).under("/office", app));
    gatewright_testkit::block_on(async {
        let acceptor = TcpAcceptor::from_std(listener).unwrap();
        Server::new_with_acceptor(acceptor).run(app).await.unwrap();
    });
}

#[handler]
fn ok() -> &'static str {
    "ok"
}

#[handler]
fn user(_: CurrentUser) -> &'static str {
    "ok"
}

#[handler]
fn maybe(_: MaybeUser) -> &'static str {
    "ok"
}

#[handler]
fn claims(_: StatelessClaims) -> &'static str {
    "ok"
}

#[handler]
fn numbers(_: ExtraClaims<Numbers>) -> &'static str {
    "ok"
}

#[handler]
fn admin(_: Authorized<role::Admin>) -> &'static str {
    "ok"
}

#[handler]
fn publish(_: Authorized<Publishes>) -> &'static str {
    "ok"
}

#[handler]
fn key(_: ApiKey<Publishes>) -> &'static str {
    "ok"
}

#[handler]
async fn plain(auth: Data<&Auth>) -> Result<&'static str, Error> {
    Ok(try_login(&auth).await?)
}

#[handler]
async fn named(auth: Data<&Auth>, request: &Request) -> Result<&'static str, Error> {
    Ok(try_login(&for_request(&auth, request)).await?)
}
