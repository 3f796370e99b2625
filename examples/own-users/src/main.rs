//! A shop with a users table of its own. Gatewright keeps only the sessions, on the shop's pool of connections.
//! `own-users add NAME BRANCH ROLE…` adds an employee, whose password comes from standard input; `own-users` serves.

use std::{convert::Infallible, env, error::Error, io, net::SocketAddr};

use async_trait::async_trait;
use axum::{Extension, Router, extract::State, http::StatusCode, routing};
use gatewright::axum::{Authorized, ExtraClaims, Path, routes};
use gatewright::password::{HashContext, PasswordHasher, PasswordRules};
use gatewright::store::{CompareAndSwap, StoreError};
use gatewright::types::{Epoch, InvalidUsername, Username};
use gatewright::{
    Auth, AuthUser, HashingPool, Jwt, LoginName, Password, PasswordHash, SqliteStore, UserId, UserStore,
};
use serde::{Deserialize, Serialize};
use sqlx::{FromRow, Row, SqlitePool, query, query_as, sqlite::SqliteRow};

gatewright::roles! { enum Role: role { Cashier = "cashier", Manager = "manager" } }

/// `name` is shown (`Username::as_str`), `login` is unique and looked up (`LoginName::throttle_key`, which is
/// `Username::key`). A new `epoch` ends all sessions of the employee. AUTOINCREMENT: tokens carry the id, so it is never
/// used again.
const TABLE: &str = "CREATE TABLE IF NOT EXISTS employees (
    id INTEGER PRIMARY KEY AUTOINCREMENT, login TEXT NOT NULL UNIQUE, name TEXT NOT NULL, branch TEXT NOT NULL,
    roles TEXT NOT NULL, password TEXT NOT NULL, locked INTEGER NOT NULL DEFAULT FALSE,
    epoch INTEGER NOT NULL DEFAULT (random())) STRICT";

struct Employee {
    id: i64,
    name: String,
    branch: String,
    roles: String,
    password: PasswordHash,
    locked: bool,
    epoch: i64,
}

impl FromRow<'_, SqliteRow> for Employee {
    fn from_row(row: &SqliteRow) -> sqlx::Result<Self> {
        let (id, name, branch) = (row.try_get("id")?, row.try_get("name")?, row.try_get("branch")?);
        let (roles, locked, epoch) = (row.try_get("roles")?, row.try_get("locked")?, row.try_get("epoch")?);
        let password = PasswordHash::new(row.try_get::<String, _>("password")?);
        Ok(Self { id, name, branch, roles, password, locked, epoch })
    }
}

impl AuthUser for Employee {
    fn id(&self) -> UserId {
        UserId::from(self.id)
    }
    fn roles(&self) -> impl Iterator<Item = &str> {
        self.roles.split_whitespace()
    }
    fn is_active(&self) -> bool {
        !self.locked
    }
    fn password_hash(&self) -> Option<PasswordHash> {
        Some(self.password.clone())
    }
    fn epoch(&self) -> Epoch {
        Epoch::from_u64(self.epoch.cast_unsigned())
    }
}

#[derive(Clone)]
struct Employees(SqlitePool);

#[async_trait]
impl UserStore for Employees {
    type User = Employee;

    async fn find_by_id(&self, id: &UserId) -> Result<Option<Employee>, StoreError> {
        // As text: "01" is no id.
        let find =
            query_as("SELECT * FROM employees WHERE id = ?1 AND CAST(id AS TEXT) = ?1").bind(id.as_str());
        find.fetch_optional(&self.0).await.map_err(failed)
    }

    async fn find_by_login(&self, name: &LoginName) -> Result<Option<Employee>, StoreError> {
        let find = query_as("SELECT * FROM employees WHERE login = ?").bind(name.throttle_key());
        find.fetch_optional(&self.0).await.map_err(failed)
    }

    async fn replace_password_hash(
        &self,
        id: &UserId,
        old: &PasswordHash,
        new: &PasswordHash,
    ) -> Result<CompareAndSwap, StoreError> {
        let update = query("UPDATE employees SET password = ? WHERE CAST(id AS TEXT) = ? AND password = ?");
        let update = update.bind(new.expose()).bind(id.as_str()).bind(old.expose());
        let changed = update.execute(&self.0).await.map_err(failed)?.rows_affected() > 0;
        Ok(if changed { CompareAndSwap::Swapped } else { CompareAndSwap::Conflict })
    }
}

fn failed(error: sqlx::Error) -> StoreError {
    StoreError::new("query the employees", error)
}

/// A claim of the shop's own in access tokens.
#[derive(Serialize, Deserialize)]
struct Workplace {
    branch: String,
}

async fn me(place: ExtraClaims<Workplace, Employee>) -> String {
    let user = place.identity.user();
    format!("hello {}, employee {} in {}\n", user.name, user.id, place.branch)
}

/// Locks an employee, and ends their sessions at once.
async fn lock(
    _manager: Authorized<role::Manager, Employee>,
    State(auth): State<Auth<Employee>>,
    Extension(pool): Extension<SqlitePool>,
    id: Path<i64, Employee>,
) -> Result<StatusCode, gatewright::axum::Error> {
    let lock = query("UPDATE employees SET locked = TRUE, epoch = random() WHERE id = ?").bind(*id);
    let locked = lock.execute(&pool).await;
    // Also after an error: the row may have been written, and only the answer was lost.
    auth.invalidate_user(&UserId::from(*id)).await?;
    let is_known = locked.map_err(|error| auth.error(failed(error)))?.rows_affected() > 0;
    if is_known { Ok(StatusCode::NO_CONTENT) } else { Err(auth.not_found().into()) }
}

async fn add(pool: &SqlitePool, name: &str, branch: &str, roles: &[String]) -> Result<(), Box<dyn Error>> {
    let name = Username::parse(name)?;
    // A Cyrillic "a" looks like a Latin one.
    name.is_single_script().then_some(()).ok_or(InvalidUsername::MixedScripts)?;
    roles.iter().try_for_each(|role| role.parse::<Role>().map(drop))?;
    let password = io::read_to_string(io::stdin())?;
    let rules = PasswordRules::new().with_words(["Shop"]);
    let password = Password::new(password.trim_end_matches(['\r', '\n']));
    let password = rules.check(&password, &[name.as_str()]).await?;
    let hash = HashingPool::new()?.hash(password, &HashContext::new()).await?;
    let insert = query("INSERT INTO employees (login, name, branch, roles, password) VALUES (?, ?, ?, ?, ?)");
    let insert =
        insert.bind(name.key()).bind(name.as_str()).bind(branch).bind(roles.join(" ")).bind(hash.expose());
    Ok(insert.execute(pool).await.map(drop)?)
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    tracing_subscriber::fmt().with_writer(io::stderr).init(); // the log says why a request was rejected
    let file = "sqlite://shop.db";
    drop(SqliteStore::connect(file).await?); // makes the file, for its owner only, and the tables of the sessions
    let pool = SqlitePool::connect(file).await?;
    query(TABLE).execute(&pool).await?;
    match &*env::args().collect::<Vec<_>>() {
        [_] => {}
        [_, command, name, branch, roles @ ..] if command == "add" => {
            return add(&pool, name, branch, roles).await;
        }
        _ => return Err("usage: own-users [add NAME BRANCH ROLE…]".into()),
    }
    let secret =
        env::var("AUTH_SECRET_KEY").map_err(|_| "AUTH_SECRET_KEY: set it to at least 32 random bytes")?;
    let tokens = Jwt::hs256(secret).issuer("https://shop.example").audience("shop").build()?;
    let sessions = SqliteStore::from_pool(pool.clone()).await?;
    let auth = Auth::builder(Employees(pool.clone()), sessions, tokens, HashingPool::new()?)
        .with_roles::<Role>()
        .with_extra_claims(|user: &Employee| Ok::<_, Infallible>(Workplace { branch: user.branch.clone() }))
        .build()?;
    let app = Router::new()
        .route("/me", routing::get(me))
        .route("/employees/{id}/lock", routing::post(lock))
        .nest("/auth", routes(&auth)) // login, refresh, logout, sessions and more
        .layer(Extension(pool))
        .with_state(auth);
    let address = env::var("BIND_ADDR").unwrap_or_else(|_| "127.0.0.1:3000".to_owned());
    let listener = tokio::net::TcpListener::bind(address).await?;
    println!("listening on http://{}", listener.local_addr()?);
    Ok(axum::serve(listener, app.into_make_service_with_connect_info::<SocketAddr>()).await?)
}

#[cfg(test)]
mod contract;
