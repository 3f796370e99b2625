//! The shop: `AUTH_SECRET_KEY=… cargo run -p own-users [NAME EMAIL PASSWORD]`. With three arguments it first adds somebody
//! who works there.

use std::error::Error;

use tokio::net::TcpListener;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let secret = std::env::var("AUTH_SECRET_KEY").map_err(|_| "AUTH_SECRET_KEY: at least 32 random bytes")?;
    let app = own_users::open("shop.db", &secret).await?;
    if let [_, name, email, password] = std::env::args().collect::<Vec<_>>().as_slice() {
        own_users::add("shop.db", name, email, password, true).await?;
    }
    let listener = TcpListener::bind("127.0.0.1:3000").await?;
    println!("listening on http://{}", listener.local_addr()?);
    Ok(axum::serve(listener, app).await?)
}
