//! `cargo run --release -p gatewright-benches --bin login_times [ATTEMPTS] [FLOOR]`: the time of refused
//! logins by their cause, 300 of each unless set, in random order. `FLOOR` is the refusal floor in
//! milliseconds, by default 400; with 0 the table shows what the floor hides. Exits with 1 if the median of a
//! cause differs by more than 3 % from that of an unknown account. Run it on a machine that does nothing else:
//! every attempt takes as long as the floor, so 300 of each take a quarter of an hour.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a panic ends a measurement that cannot continue; the time is the system's"
)]

use std::process::ExitCode;
use std::time::{Duration, Instant};

use argon2::{Algorithm, Argon2, Params, PasswordHasher as _, Version};
use gatewright::password::{HashContext, PasswordHasher};
use gatewright::store::{AccountChange, AccountStore, NewAccount};
use gatewright::types::{Clock, Epoch, SecureRandom, SystemClock, SystemRandom};
use gatewright::{
    Auth, Email, HashingPool, Jwt, Login, Password, PasswordHash, RoleName, SqliteStore, UserId,
};
use gatewright_benches::SECRET;
use gatewright_benches::statistics::{mann_whitney, median};

const PASSWORD: &str = "correct horse battery staple";

/// Hashes as other systems store them. That of bcrypt is the same for every password here: all guesses are
/// wrong.
const BCRYPT_12: &str = "$2b$12$EixZaYVK1fsbw1ZfbX3OXePaWxn96p36WQoeG6Lruj3vjPGga31lW";
const BCRYPT_10: &str = "$2a$10$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy";

/// The causes, each with the name that is logged in. The first is the one that all are compared with.
const CAUSES: [(&str, &str); 7] = [
    ("unknown", "nobody@example.com"),
    ("wrong password", "current@example.com"),
    ("disabled", "disabled@example.com"),
    ("unusable hash", "unusable@example.com"),
    ("bcrypt, cost 12", "bcrypt12@example.com"),
    ("bcrypt, cost 10", "bcrypt10@example.com"),
    ("argon2id, 64 MiB, 3, 4", "dear@example.com"),
];

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let attempts = arguments.next().map_or(300, |text| text.parse().unwrap());
    let floor = arguments.next().map_or(400, |text| text.parse().unwrap());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let times = runtime.block_on(measure(attempts, Duration::from_millis(floor)));

    let (unknown, compared) = (median(times[0].clone()), &times[0]);
    println!(
        "{:<24} {:>10} {:>10} {:>10} {:>7}",
        "refused because", "median", "difference", "P(larger)", "z"
    );
    let mut is_equal = true;
    for ((cause, _), times) in CAUSES.iter().zip(&times) {
        let (median, test) = (median(times.clone()), mann_whitney(times, compared));
        let difference = (median.as_secs_f64() / unknown.as_secs_f64() - 1.0) * 100.0;
        is_equal &= difference.abs() <= 3.0;
        println!("{cause:<24} {median:>10.1?} {difference:>9.2}% {:>10.3} {:>7.1}", test.larger, test.z);
    }
    if is_equal { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// The times of all attempts, by cause.
async fn measure(attempts: usize, floor: Duration) -> Vec<Vec<Duration>> {
    let auth = application(floor).await;
    let mut order: Vec<usize> = (0..attempts * CAUSES.len()).map(|number| number % CAUSES.len()).collect();
    shuffle(&mut order);
    let mut times = vec![Vec::new(); CAUSES.len()];
    for cause in order {
        let login = Login::new(CAUSES[cause].1, Password::new("an entirely wrong guess"));
        let start = Instant::now();
        assert!(auth.login(login).await.is_err());
        times[cause].push(start.elapsed());
    }
    times
}

/// An application on SQLite, with an account for each cause.
async fn application(floor: Duration) -> Auth {
    let folder = std::env::temp_dir().join(format!("gatewright-login-times-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let store =
        SqliteStore::connect(&format!("sqlite://{}", folder.join("users.db").display())).await.unwrap();
    let hasher = HashingPool::new().unwrap();
    let current = hasher.hash(Password::new(PASSWORD), &HashContext::new()).await.unwrap();
    for (name, hash) in [
        ("current@example.com", current.clone()),
        ("disabled@example.com", current),
        ("unusable@example.com", PasswordHash::new("!")),
        ("bcrypt12@example.com", PasswordHash::new(BCRYPT_12)),
        ("bcrypt10@example.com", PasswordHash::new(BCRYPT_10)),
        ("dear@example.com", dear_hash()),
    ] {
        let id = UserId::generate(SystemClock.now(), &SystemRandom).unwrap();
        let (email, role) = (Email::parse(name).unwrap(), RoleName::new("user").unwrap());
        let epoch = Epoch::generate(&SystemRandom).unwrap();
        let _ =
            store.create(NewAccount::new(id, email, hash, [role], epoch, SystemClock.now())).await.unwrap();
    }
    let disabled =
        store.find_by_email(&Email::parse("disabled@example.com").unwrap()).await.unwrap().unwrap();
    let mut change = AccountChange::default();
    change.is_active = Some(false);
    let _ = store.update(&disabled.id, &change, None).await.unwrap();
    let tokens =
        Jwt::hs256(SECRET.clone()).issuer("https://issuer.example").audience("my-api").build().unwrap();
    Auth::local(store, tokens, hasher).with_refusal_floor(floor).without_throttle().build().unwrap()
}

/// Argon2id with 64 MiB, three passes and four lanes, as some systems use it.
fn dear_hash() -> PasswordHash {
    let params = Params::new(64 * 1024, 3, 4, Some(32)).unwrap();
    let argon = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    PasswordHash::new(argon.hash_password(PASSWORD.as_bytes()).unwrap().to_string())
}

/// Brings the numbers into a random order.
fn shuffle(numbers: &mut [usize]) {
    for last in (1..numbers.len()).rev() {
        let mut bytes = [0; 8];
        SystemRandom.fill(&mut bytes).unwrap();
        numbers.swap(last, usize::from_le_bytes(bytes) % (last + 1));
    }
}
