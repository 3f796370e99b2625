//! The application of these tests on actix-web.

use std::net::TcpListener;

use actix_web::web::{self, Data, ServiceConfig};
use actix_web::{App, HttpRequest, HttpServer, rt};
use gatewright::Auth;
use gatewright::actix_web::{
    ApiKey, Authorized, CurrentUser, Error, ExtraClaims, MaybeUser, StatelessClaims, for_request, guarded,
    install,
};
use gatewright::types::Requirement;

use super::{Numbers, Publishes, role, try_login};

pub(super) fn run(listener: TcpListener, auth: Auth) {
    rt::System::new().block_on(async {
        let server = HttpServer::new(move || App::new().configure(desk(auth.clone())));
        server.workers(1).disable_signals().listen(listener).unwrap().run().await.unwrap();
    });
}

fn desk(auth: Auth) -> impl FnOnce(&mut ServiceConfig) {
    move |app| {
        let office = guarded(&auth, Requirement::Role("admin"), |routes| {
            routes.route("/stats", web::get().to(async || "ok"));
        });
        app.configure(install(&auth, "/auth"))
            .route("/items/{id}", web::get().to(async |_: CurrentUser| "ok"))
            .route("/maybe", web::get().to(async |_: MaybeUser| "ok"))
            .route("/claims", web::get().to(async |_: StatelessClaims| "ok"))
            .route("/numbers", web::get().to(async |_: ExtraClaims<Numbers>| "ok"))
            .route("/admin", web::get().to(async |_: Authorized<role::Admin>| "ok"))
            .route("/publish", web::get().to(async |_: Authorized<Publishes>| "ok"))
            .route("/key", web::get().to(async |_: ApiKey<Publishes>| "ok"))
            .route("/plain", web::get().to(plain))
            .route("/named", web::get().to(named))
            .service(office.under("/office"));
    }
}

async fn plain(auth: Data<Auth>) -> Result<&'static str, Error> {
    Ok(try_login(&auth).await?)
}

async fn named(auth: Data<Auth>, request: HttpRequest) -> Result<&'static str, Error> {
    Ok(try_login(&for_request(&auth, &request)).await?)
}
