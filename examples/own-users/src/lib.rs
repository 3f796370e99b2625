//! A shop with a users table of its own, and Gatewright's sessions beside it: `cargo run -p own-users`.
//!
//! `customers.rs` is all that it takes: what guards and login need of a user, and three queries. Gatewright keeps its
//! sessions in tables of its own in the same database, or in another one.

pub mod customers;

use std::error::Error;
use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::{get, post};
use customers::{Customer, Customers, TABLE};
use gatewright::axum::{Authorized, CurrentUser, HasAuth, routes};
use gatewright::{
    Auth, Email, HashingPool, Jwt, Password, PasswordHasher, Registration, Revocation, SqliteStore, UserId,
};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{SqlitePool, query};

gatewright::roles! {
    /// What somebody is to the shop, beside a customer.
    pub enum Role: role {
        /// Works there.
        Staff = "staff",
    }
}

/// The guards speak of the shop's own users.
pub type Shop = Auth<Customer>;

#[derive(Clone)]
struct App {
    auth: Shop,
    customers: SqlitePool,
}

impl HasAuth<Customer> for App {
    fn auth(&self) -> &Shop {
        &self.auth
    }
}

/// Opens the shop on the SQLite file at `path`.
///
/// # Errors
/// When the database cannot be opened, or the secret has fewer than 32 bytes.
pub async fn open(path: &str, secret: &str) -> Result<Router, Box<dyn Error>> {
    // First, since it makes the file for its owner alone.
    let sessions = SqliteStore::connect(&format!("sqlite://{path}")).await?;
    let customers = SqlitePool::connect_with(SqliteConnectOptions::new().filename(path)).await?;
    query(TABLE).execute(&customers).await?;

    let tokens = Arc::new(Jwt::hs256(secret, "https://shop.example", "shop").build()?);
    let hashing = HashingPool::builder().build()?;
    let auth = Auth::builder(Customers(customers.clone()), sessions, Arc::clone(&tokens))
        .with_issuer(tokens)
        .with_hasher(hashing)
        .build()?;
    Ok(Router::new()
        .route("/me", get(me))
        .route("/customers/{number}/block", post(block))
        .nest("/auth", routes(&auth)) // login, refresh, logout, logout-all, sessions, revoke
        .with_state(App { auth, customers }))
}

/// Whether somebody was added.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Added {
    /// Yes.
    New,
    /// No: the address is another customer's, or this one's already. Nothing was changed.
    Known,
}

/// Adds a customer: how they come to the shop is the shop's own matter. The password obeys Gatewright's rules, which
/// [`Registration`] checks, as well as the address.
///
/// # Errors
/// When address or password is refused, or the database does not answer.
pub async fn add(
    path: &str,
    name: &str,
    email: &str,
    password: &str,
    staff: bool,
) -> Result<Added, Box<dyn Error>> {
    let _ = Registration::new(email, Password::new(password))?;
    let customers = SqlitePool::connect_with(SqliteConnectOptions::new().filename(path)).await?;
    let hash = HashingPool::builder().build()?.hash(Password::new(password)).await?;
    let insert = query(
        "INSERT INTO customers (name, email, password, staff) VALUES (?, ?, ?, ?) ON CONFLICT (email) DO NOTHING",
    )
    .bind(name)
    .bind(Email::parse(email)?.as_str().to_owned())
    .bind(hash.expose())
    .bind(staff);
    let added = insert.execute(&customers).await?.rows_affected() > 0;
    Ok(if added { Added::New } else { Added::Known })
}

async fn me(customer: CurrentUser<Customer>) -> String {
    format!("hello {}, customer {}\n", customer.name, customer.number)
}

/// The shop writes to its own table and says so: whoever is signed in as that customer is out at once.
async fn block(
    _staff: Authorized<role::Staff, Customer>,
    State(app): State<App>,
    Path(number): Path<i64>,
) -> StatusCode {
    let update = query("UPDATE customers SET blocked = TRUE, epoch = random() WHERE number = ?").bind(number);
    let updated = update.execute(&app.customers).await;
    // Said even when the answer was lost: the row may have been written.
    let announced = app.auth.announce(Revocation::user(UserId::from(number))).await;
    match (updated, announced) {
        (Ok(updated), Ok(())) if updated.rows_affected() == 0 => StatusCode::NOT_FOUND,
        (Ok(_), Ok(())) => StatusCode::NO_CONTENT,
        _ => StatusCode::SERVICE_UNAVAILABLE,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_customer_is_added_once_with_a_long_password_to_a_file_of_the_owners() {
        let path = std::env::temp_dir().join(format!("own-users-{}.db", std::process::id()));
        let path = path.to_str().unwrap();
        let _shop = open(path, "a secret of at least thirty-two bytes").await.unwrap();
        let (long, short) = ("correct horse battery staple", "fourteen chars");
        assert!(add(path, "Ada", "ada@example.com", short, true).await.is_err());
        assert_eq!(add(path, "Ada", "ada@example.com", long, true).await.unwrap(), Added::New);
        assert_eq!(add(path, "Eve", "Ada@Example.com", long, false).await.unwrap(), Added::Known);
        #[cfg(unix)]
        {
            let mode =
                std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(path).unwrap().permissions());
            assert_eq!(mode & 0o077, 0);
        }
        std::fs::remove_file(path).unwrap();
    }
}
