//! A shop with its own users table, and Gatewright's sessions in the same database. Run it with
//! `cargo run -p own-users`.
//!
//! `customers.rs` is all the code that Gatewright needs: five getters of a user, and three queries.
//! Gatewright's sessions are in tables of their own. They could also be in another database.

pub mod customers;

use std::error::Error;

use axum::Router;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::{get, post};
use customers::{Customer, Customers, TABLE};
use gatewright::axum::{Authorized, CurrentUser, HasAuth, routes};
use gatewright::password::{HashContext, PasswordHasher, PasswordRules};
use gatewright::{Auth, Email, HashingPool, Jwt, Password, SqliteStore, UserId};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{SqlitePool, query};

gatewright::roles! {
    /// The roles of the shop. A customer without a role only buys.
    pub enum Role: role {
        /// An employee.
        Staff = "staff",
    }
}

/// An [`Auth`] for the shop's own users.
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
    // This comes first: it creates the file with permissions for its owner only.
    let sessions = SqliteStore::connect(&format!("sqlite://{path}")).await?;
    let customers = SqlitePool::connect_with(SqliteConnectOptions::new().filename(path)).await?;
    query(TABLE).execute(&customers).await?;

    let tokens = Jwt::hs256(secret).issuer("https://shop.example").audience("shop").build()?;
    let users = Customers(customers.clone());
    let auth = Auth::builder(users, sessions, tokens, HashingPool::new()?).build()?;
    Ok(Router::new()
        .route("/me", get(me))
        .route("/customers/{number}/block", post(block))
        .nest("/auth", routes(&auth)) // login, refresh, logout, logout-all, sessions, revoke
        .with_state(App { auth, customers }))
}

/// The outcome of [`add`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Added {
    /// The customer was added.
    New,
    /// A customer with this address exists. Nothing was changed.
    Known,
}

/// Adds a customer. Gatewright has no registration for an application's own users, so the shop
/// writes the row itself. [`PasswordRules`] check the password.
///
/// # Errors
/// When the address or the password is invalid, or the database fails.
pub async fn add(
    path: &str,
    name: &str,
    email: &str,
    password: &str,
    staff: bool,
) -> Result<Added, Box<dyn Error>> {
    let email = Email::parse(email)?;
    let rules = PasswordRules::new().with_words(["Shop"]);
    let password = rules.check(&Password::new(password), &[name, email.as_str()]).await?;
    let customers = SqlitePool::connect_with(SqliteConnectOptions::new().filename(path)).await?;
    let hash = HashingPool::new()?.hash(password, &HashContext::new()).await?;
    let insert = query(
        "INSERT INTO customers (name, email, password, staff) VALUES (?, ?, ?, ?) \
         ON CONFLICT (email) DO NOTHING",
    )
    .bind(name)
    .bind(email.as_str())
    .bind(hash.expose())
    .bind(staff);
    let added = insert.execute(&customers).await?.rows_affected() > 0;
    Ok(if added { Added::New } else { Added::Known })
}

async fn me(customer: CurrentUser<Customer>) -> String {
    format!("hello {}, customer {}\n", customer.name, customer.number)
}

/// Blocks a customer in the shop's table and invalidates cached sessions. Sessions of the customer
/// end at once.
async fn block(
    _staff: Authorized<role::Staff, Customer>,
    State(app): State<App>,
    Path(number): Path<i64>,
) -> StatusCode {
    let update = query("UPDATE customers SET blocked = TRUE, epoch = random() WHERE number = ?").bind(number);
    let updated = update.execute(&app.customers).await;
    // Also after an error: the row may have been written and only the response was lost.
    let invalidated = app.auth.invalidate_user(&UserId::from(number)).await;
    match (updated, invalidated) {
        (Ok(updated), Ok(())) if updated.rows_affected() == 0 => StatusCode::NOT_FOUND,
        (Ok(_), Ok(())) => StatusCode::NO_CONTENT,
        _ => StatusCode::SERVICE_UNAVAILABLE,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use gatewright_testkit::shared_secret;

    use super::*;

    #[tokio::test]
    async fn customers_are_added_once_to_a_private_file() {
        let path = std::env::temp_dir().join(format!("own-users-{}.db", std::process::id()));
        let path = path.to_str().unwrap();
        let _shop = open(path, &shared_secret("shop")).await.unwrap();
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
