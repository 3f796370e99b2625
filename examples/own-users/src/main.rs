//! The shop: `AUTH_SECRET_KEY=… cargo run -p own-users [NAME EMAIL PASSWORD]`. With three arguments
//! it first adds an employee.

use std::error::Error;
use std::io::IsTerminal;
use std::net::SocketAddr;
use std::process::ExitCode;

use own_users::Added;
use tokio::net::TcpListener;

const FILE: &str = "shop.db";
const ADDRESS: &str = "127.0.0.1:3000";

#[tokio::main]
async fn main() -> ExitCode {
    // The cause of a rejected request is only in the log.
    let ansi = std::io::stderr().is_terminal();
    tracing_subscriber::fmt().with_ansi(ansi).with_writer(std::io::stderr).init();
    match serve().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {}", with_causes(&*error));
            ExitCode::FAILURE
        }
    }
}

async fn serve() -> Result<(), Box<dyn Error>> {
    let secret = std::env::var("AUTH_SECRET_KEY")
        .map_err(|_| "AUTH_SECRET_KEY: is not set; generate one with \"openssl rand -base64 32\"")?;
    let app = own_users::open(FILE, &secret).await?;
    if let [_, name, email, password] = std::env::args().collect::<Vec<_>>().as_slice() {
        let added = own_users::add(FILE, name, email, password, true).await?;
        let outcome = if added == Added::New { "was added" } else { "already exists: nothing was changed" };
        println!("employee {email} {outcome}");
    }
    let listener = TcpListener::bind(ADDRESS).await.map_err(|error| format!("{ADDRESS}: {error}"))?;
    println!("listening on http://{}", listener.local_addr()?);
    // Passes the peer's address, so that sessions record the address of the client.
    Ok(axum::serve(listener, app.into_make_service_with_connect_info::<SocketAddr>()).await?)
}

fn with_causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}
