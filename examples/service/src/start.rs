//! Builds the [`Auth`] from the settings, and creates the first admin.

use std::error::Error;

use gatewright::audit::{AuditReach, AuditSettings, AuditStore};
use gatewright::auth::AuthBuilder;
use gatewright::error::PolicyError;
use gatewright::http::TrustedProxies;
use gatewright::password::{BreachFilter, PasswordHasher, PasswordRules, PwnedPasswords};
use gatewright::store::{AccountStore, SessionStore, StoreError};
use gatewright::throttle::Throttle;
use gatewright::types::SHORT_API_KEY_BYTES;
use gatewright::{
    Account, ApiKeys, Auth, AuthError, Email, Jwt, MemoryStore, MySqlStore, Password, PostgresFeed,
    PostgresStore, RedisFeed, RedisStore, RoleScopes, SqliteStore,
};

use crate::audit;
use crate::config::{Config, random_text};
use crate::keys::ring;
use crate::model::{Role, Scope, scopes_of};
use crate::peppers::pool;

/// Opens the store and builds the [`Auth`].
///
/// # Errors
/// When a setting is invalid or unsafe, or the database cannot be opened. The error names the
/// variable.
pub async fn open(config: &Config) -> Result<Auth, Box<dyn Error>> {
    builder(config, pool(config)?).await?.build().map_err(|error| {
        let variable = match error.setting {
            "access_lifetime" => "AUTH_ACCESS_MINUTES",
            "refresh_lifetime" => "AUTH_REFRESH_DAYS",
            "session_lifetime" => "AUTH_SESSION_DAYS",
            "refresh_grace" => "AUTH_REFRESH_GRACE_SECONDS",
            "refusal_floor" => "AUTH_REFUSAL_FLOOR_MILLISECONDS",
            "audit_settings" => audit::KEY_FILE,
            other => other,
        };
        format!("{variable}: {}", error.explain()).into()
    })
}

/// Opens the store and applies the settings. `hasher` hashes the passwords.
///
/// # Errors
/// When a setting is invalid, or the database cannot be opened. The error names the variable.
pub async fn builder(
    config: &Config,
    hasher: impl PasswordHasher,
) -> Result<AuthBuilder<Account>, Box<dyn Error>> {
    let url = config.database_url.as_str();
    match url.split(':').next() {
        Some("memory") => with_sessions(MemoryStore::new(), hasher, config).await,
        Some("sqlite") => {
            // The URL of SQLite contains no password, so the error can show it.
            let store = opened(SqliteStore::connect(url).await);
            with_sessions(store.map_err(|error| format!("{error} ({url})"))?, hasher, config).await
        }
        Some("postgres" | "postgresql") => {
            let builder = with_sessions(opened(PostgresStore::connect(url).await)?, hasher, config).await?;
            if config.redis_url.is_some() {
                return Ok(builder);
            }
            // Other processes may use the database too: the feed sends them revocations.
            Ok(builder.with_revocation_feed(opened(PostgresFeed::connect(url).await)?))
        }
        Some("mysql" | "mariadb") => {
            with_sessions(opened(MySqlStore::connect(url).await)?, hasher, config).await
        }
        _ => Err("DATABASE_URL: must begin with sqlite:, postgres:, mysql:, mariadb: or memory:".into()),
    }
}

fn opened<S>(store: Result<S, StoreError>) -> Result<S, Box<dyn Error>> {
    store.map_err(|error| format!("DATABASE_URL: {error}: {}", cause(&error)).into())
}

/// Keeps the sessions and the throttle in Redis if `REDIS_URL` is set, and otherwise in the store of the users.
async fn with_sessions<S>(
    store: S,
    hasher: impl PasswordHasher,
    config: &Config,
) -> Result<AuthBuilder<Account>, Box<dyn Error>>
where
    S: AccountStore<User = Account> + SessionStore + Throttle + AuditStore + Clone,
{
    let Some(url) = &config.redis_url else { return builder_over(store, hasher, config) };
    let failed = |error: StoreError| format!("REDIS_URL: {error}: {}", cause(&error));
    let sessions = RedisStore::connect(url).await.map_err(failed)?;
    let feed = RedisFeed::connect_on(url, &config.redis_prefix).await.map_err(failed)?;
    let sessions = sessions.with_prefix(config.redis_prefix.clone());
    let builder = Auth::builder(store.clone(), sessions.clone(), tokens(config)?, hasher)
        .with_accounts(store.clone())
        .with_throttle(sessions)
        .with_revocation_feed(feed);
    let builder = match store.audit_reach() {
        AuditReach::Database => builder.with_audit(store, AuditSettings::new()),
        _ => builder,
    };
    settings(builder, config)
}

/// Applies the settings, with a store that is already open.
///
/// # Errors
/// When a setting is invalid. The error names the variable.
pub fn builder_over<S>(
    store: S,
    hasher: impl PasswordHasher,
    config: &Config,
) -> Result<AuthBuilder<Account>, Box<dyn Error>>
where
    S: AccountStore<User = Account> + SessionStore + Throttle + AuditStore,
{
    settings(Auth::local(store, tokens(config)?, hasher), config)
}

fn tokens(config: &Config) -> Result<Jwt, Box<dyn Error>> {
    let tokens =
        Jwt::builder(ring(&config.keys)?).issuer(config.issuer.as_str()).audience(config.audience.as_str());
    let tokens = tokens.build();
    Ok(tokens.map_err(|error| format!("AUTH_{}: {}", error.setting.to_uppercase(), error.explain()))?)
}

fn settings(builder: AuthBuilder<Account>, config: &Config) -> Result<AuthBuilder<Account>, Box<dyn Error>> {
    let mut scopes = RoleScopes::new();
    for role in Role::ALL {
        scopes = scopes.with(*role, scopes_of(*role)?);
    }
    let api_keys = ApiKeys::parse(&config.api_keys).map_err(|error| format!("AUTH_API_KEYS: {error}"))?;
    if api_keys.scopes().iter().any(|scope| scope.parse::<Scope>().is_err()) {
        return Err(unknown_scope().into());
    }
    if api_keys.has_short() {
        tracing::warn!(
            "AUTH_API_KEYS: a key has fewer than {SHORT_API_KEY_BYTES} characters and can be guessed"
        );
    }
    let proxies = TrustedProxies::parse(&config.trusted_proxies);
    let proxies = proxies.map_err(|error| format!("AUTH_TRUSTED_PROXIES: {error}"))?;
    Ok(audit::apply(builder, config)?
        .with_role_scopes(scopes)
        .with_api_keys(api_keys)
        .with_trusted_proxies(proxies)
        .with_roles::<Role>()
        .with_registration_role(Role::User)
        .with_usernames()
        .with_single_script_usernames()
        .with_protected_role(Role::Admin)
        .with_password_rules(password_rules(config)?)
        .with_access_lifetime(config.access_lifetime)
        .with_refresh_lifetime(config.refresh_lifetime)
        .with_session_lifetime(config.session_lifetime)
        .with_refresh_grace(config.refresh_grace)
        .with_refusal_floor(config.refusal_floor))
}

/// A list of breached passwords is a filter or the file of Pwned Passwords.
fn password_rules(config: &Config) -> Result<PasswordRules, Box<dyn Error>> {
    let rules =
        PasswordRules::new().with_words(["gatewright", config.issuer.as_str(), config.audience.as_str()]);
    let Some(path) = &config.breached_passwords else { return Ok(rules) };
    let with_list = || {
        Ok(if BreachFilter::recognizes(path)? {
            rules.with_breached_passwords(BreachFilter::open(path)?)
        } else {
            rules.with_breached_passwords(PwnedPasswords::open(path)?)
        })
    };
    with_list().map_err(|error: std::io::Error| format!("AUTH_BREACHED_PASSWORDS_FILE: {error}").into())
}

/// Does not quote the value: it can be a part of a key that contains a colon.
fn unknown_scope() -> String {
    let known: Vec<&str> = Scope::ALL.iter().map(|scope| scope.as_str()).collect();
    format!("AUTH_API_KEYS: unknown scope after a key's colon; use {}", known.join(", "))
}

/// Creates an admin if no active account is one. Unlocks the admin if failed logins have locked all of them. A generated password is shown before the account is
/// created: a password that was never shown would lock the admin out.
///
/// # Errors
/// When the store fails, the address is taken, the address or password is invalid, or the password
/// cannot be shown.
pub async fn first_admin(
    auth: &Auth,
    config: &Config,
    show: impl FnOnce(&str) -> std::io::Result<()>,
) -> Result<(), Box<dyn Error>> {
    let accounts = auth.accounts()?;
    if accounts.has_admin().await? {
        accounts.unlock_last_admin(&config.admin_email).await?;
        return Ok(());
    }
    Email::parse(&config.admin_email).map_err(|error| format!("ADMIN_EMAIL: {error}"))?;
    let password = match &config.admin_password {
        Some(password) => password.clone(),
        None => {
            let generated = random_text()?;
            show(&generated)?;
            generated
        }
    };
    let created = accounts.ensure_admin(&config.admin_email, Password::new(password)).await;
    created.map(drop).map_err(|error| match error.kind() {
        AuthError::Policy(PolicyError::Password(cause)) => format!("ADMIN_PASSWORD: {cause}").into(),
        taken @ AuthError::EmailTaken { .. } => format!("ADMIN_EMAIL: {taken}").into(),
        _ => error.into(),
    })
}

/// The error of the database driver.
fn cause(error: &dyn Error) -> String {
    error.source().map(ToString::to_string).unwrap_or_default()
}
