//! From a configuration to an [`Auth`], and the first admin.

use std::error::Error;
use std::sync::Arc;

use gatewright::{
    Account, AccountStore, ApiKeys, Auth, AuthBuilder, Email, HashingPool, Jwt, MemoryStore, MySqlStore,
    Password, PolicyRefusal, PostgresFeed, PostgresStore, RedisFeed, RedisStore, Registration, RoleScopes,
    SHORT_API_KEY_BYTES, SessionStore, SqliteStore, StoreError, TrustedProxies,
};

use crate::config::{Config, random_text};
use crate::keys::ring;
use crate::model::{Role, Scope, scopes_of};

/// Opens the store and builds the handle.
///
/// # Errors
/// When a setting is missing or unsafe, or the database cannot be opened; the error names the variable.
pub async fn open(config: &Config) -> Result<Auth, Box<dyn Error>> {
    builder(config).await?.build().map_err(|error| {
        let variable = match error.setting {
            "access_lifetime" => "AUTH_ACCESS_MINUTES",
            "refresh_lifetime" => "AUTH_REFRESH_DAYS",
            "session_lifetime" => "AUTH_SESSION_DAYS",
            "refresh_grace" => "AUTH_REFRESH_GRACE_SECONDS",
            other => other,
        };
        format!("{variable}: {}", error.problem).into()
    })
}

/// Opens the store and sets everything that the configuration says.
///
/// # Errors
/// When the key or a list is unsafe, or the database cannot be opened; the error names the variable.
pub async fn builder(config: &Config) -> Result<AuthBuilder<Account>, Box<dyn Error>> {
    let url = config.database_url.as_str();
    match url.split(':').next() {
        Some("memory") => with_sessions(MemoryStore::new(), config).await,
        Some("sqlite") => {
            // Without a password in it, unlike the others'.
            let store = opened(SqliteStore::connect(url).await);
            with_sessions(store.map_err(|error| format!("{error} ({url})"))?, config).await
        }
        Some("postgres" | "postgresql") => {
            let builder = with_sessions(opened(PostgresStore::connect(url).await)?, config).await?;
            if config.redis_url.is_some() {
                return Ok(builder);
            }
            // Other processes may use it too: what one revokes the others hear at once.
            Ok(builder.with_revocation_feed(opened(PostgresFeed::connect(url).await)?))
        }
        Some("mysql" | "mariadb") => with_sessions(opened(MySqlStore::connect(url).await)?, config).await,
        _ => Err("DATABASE_URL: must begin with sqlite:, postgres:, mysql: or memory:".into()),
    }
}

fn opened<S>(store: Result<S, StoreError>) -> Result<S, Box<dyn Error>> {
    store.map_err(|error| format!("DATABASE_URL: {error}: {}", cause(&error)).into())
}

/// Sessions are kept beside the users, or in Redis where the configuration names one.
async fn with_sessions<S>(store: S, config: &Config) -> Result<AuthBuilder<Account>, Box<dyn Error>>
where
    S: AccountStore<User = Account> + SessionStore + Clone,
{
    let Some(url) = &config.redis_url else { return builder_over(store, config) };
    let refused = |error: StoreError| format!("REDIS_URL: {error}: {}", cause(&error));
    let sessions = RedisStore::connect(url).await.map_err(refused)?;
    let feed = RedisFeed::connect_on(url, &config.redis_prefix).await.map_err(refused)?;
    let tokens = Arc::new(tokens(config)?);
    let builder =
        Auth::builder(store.clone(), sessions.with_prefix(config.redis_prefix.clone()), Arc::clone(&tokens));
    let builder = builder
        .with_accounts(store)
        .with_issuer(tokens)
        .with_hasher(HashingPool::builder().build()?)
        .with_revocation_feed(feed);
    settings(builder, config)
}

/// Sets everything that the configuration says, over a store that is open.
///
/// # Errors
/// When the key or a list is unsafe; the error names the variable.
pub fn builder_over<S>(store: S, config: &Config) -> Result<AuthBuilder<Account>, Box<dyn Error>>
where
    S: AccountStore<User = Account> + SessionStore,
{
    settings(Auth::local(store, tokens(config)?, HashingPool::builder().build()?), config)
}

fn tokens(config: &Config) -> Result<Jwt, Box<dyn Error>> {
    let tokens = Jwt::builder(ring(&config.keys)?, config.issuer.as_str(), config.audience.as_str());
    let refused =
        |error: gatewright::BuildError| format!("AUTH_{}: {}", error.setting.to_uppercase(), error.problem);
    Ok(tokens.build().map_err(refused)?)
}

fn settings(builder: AuthBuilder<Account>, config: &Config) -> Result<AuthBuilder<Account>, Box<dyn Error>> {
    let mut scopes = RoleScopes::new();
    for role in Role::ALL {
        scopes = scopes.with(role.as_str(), scopes_of(*role)?);
    }
    let api_keys = ApiKeys::parse(&config.api_keys).map_err(|error| format!("AUTH_API_KEYS: {error}"))?;
    if api_keys.scopes().iter().any(|scope| scope.parse::<Scope>().is_err()) {
        return Err(unknown_scope().into());
    }
    if api_keys.has_short() {
        tracing::warn!(
            "AUTH_API_KEYS: a key has fewer than {SHORT_API_KEY_BYTES} characters: it can be guessed"
        );
    }
    let proxies = TrustedProxies::parse(&config.trusted_proxies);
    let proxies = proxies.map_err(|error| format!("AUTH_TRUSTED_PROXIES: {error}"))?;
    Ok(builder
        .with_role_scopes(scopes)
        .with_api_keys(api_keys)
        .with_trusted_proxies(proxies)
        .with_registration_role(Role::User.name()?)
        .with_protected_role(Role::Admin.name()?)
        .with_access_lifetime(config.access_lifetime)
        .with_refresh_lifetime(config.refresh_lifetime)
        .with_session_lifetime(config.session_lifetime)
        .with_refresh_grace(config.refresh_grace))
}

/// Does not repeat what stands there: it may be the rest of a key that has a colon in it.
fn unknown_scope() -> String {
    let known: Vec<&str> = Scope::ALL.iter().map(|scope| scope.as_str()).collect();
    let known = known.join(", ");
    format!(
        "AUTH_API_KEYS: what stands behind a key's colon are not scopes of this service, which are {known}"
    )
}

/// Makes the first admin in an empty store. A password that had to be generated is shown before it counts: one that
/// nobody saw would lock everybody out.
///
/// # Errors
/// When the store does not answer, the configured address or password is refused, or the password cannot be shown.
pub async fn first_admin(
    auth: &Auth,
    config: &Config,
    show: impl FnOnce(&str) -> std::io::Result<()>,
) -> Result<(), Box<dyn Error>> {
    let accounts = auth.accounts()?;
    if accounts.count().await?.total > 0 {
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
    let admin =
        Registration::new(&config.admin_email, Password::new(password)).map_err(|error| match error {
            PolicyRefusal::Password(cause) => format!("ADMIN_PASSWORD: {cause}"),
            other => format!("ADMIN_EMAIL: {other}"),
        })?;
    // Taken: another process was quicker, and its admin is the first.
    let _ = accounts.create(admin, Role::Admin.name()?).await?;
    Ok(())
}

/// Why a store failed, as its driver says it.
fn cause(error: &dyn Error) -> String {
    error.source().map(ToString::to_string).unwrap_or_default()
}
