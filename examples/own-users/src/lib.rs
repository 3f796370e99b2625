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
use gatewright::{Auth, Email, HashingPool, Jwt, Password, PasswordHasher, Revocation, SqliteStore, UserId};
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
    let options = SqliteConnectOptions::new().filename(path).create_if_missing(true);
    let customers = SqlitePool::connect_with(options).await?;
    query(TABLE).execute(&customers).await?;

    let sessions = SqliteStore::connect(&format!("sqlite://{path}")).await?;
    let tokens = Arc::new(Jwt::hs256(secret, "https://shop.example", "shop").build()?);
    let hashing = HashingPool::builder().build()?;
    let auth = Auth::builder(Customers(customers.clone()), sessions, Arc::clone(&tokens))
        .with_issuer(tokens)
        .with_hasher(hashing)
        .build()?;
    Ok(Router::new()
        .route("/me", get(me))
        .route("/customers/{number}/block", post(block))
        .nest("/auth", routes(&auth)) // login, refresh, logout, logout-all
        .with_state(App { auth, customers }))
}

/// Adds a customer: how they come to the shop is the shop's own matter.
///
/// # Errors
/// When the address is none or taken, or the database does not answer.
pub async fn add(
    path: &str,
    name: &str,
    email: &str,
    password: &str,
    staff: bool,
) -> Result<(), Box<dyn Error>> {
    let customers = SqlitePool::connect_with(SqliteConnectOptions::new().filename(path)).await?;
    let hash = HashingPool::builder().build()?.hash(Password::new(password)).await?;
    let insert = query("INSERT INTO customers (name, email, password, staff) VALUES (?, ?, ?, ?)")
        .bind(name)
        .bind(Email::parse(email)?.as_str().to_owned())
        .bind(hash.expose())
        .bind(staff);
    insert.execute(&customers).await?;
    Ok(())
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
