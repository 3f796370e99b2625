//! Scenarios of passwords and their hashes.

use gatewright::endpoints::Endpoint;
use gatewright::http::{Bytes, Headers, Reply, RequestView};
use gatewright::password::{HashContext, PasswordHasher};
use gatewright::store::{AccountStore, CompareAndSwap, StoredPassword};
use gatewright::throttle::Throttle;
use gatewright::types::Epoch;
use gatewright::{Email, HashingPool, Login, Password, PasswordHash, Registration};
use gatewright_testkit::TestHasher;
use gatewright_testkit::refresh::Storage;
use gatewright_tests::PASSWORD;

use super::service::{EMAIL, Service, WRONG, refusal};

/// bcrypt, cost 4, of 72 times `a`, and of [`PASSWORD`].
const BCRYPT_OF_72: &str = "$2b$04$abcdefghijklmnopqrstuuBzzIgyKkz7xMWYSzkIjUSnxEQFQ0WNe";
const BCRYPT_4: &str = "$2b$04$abcdefghijklmnopqrstuu7EJV7kdjBBQxyb0HjTh9KS7.Lah/6CG";
/// argon2id with 8 KiB and one pass, of [`PASSWORD`].
const ARGON2_8_1: &str =
    "$argon2id$v=19$m=8,t=1,p=1$c2FsdHNhbHRzYWx0c2FsdA$E/9XOcEJe3mPXG7g015mjI/Ptw7gpcl7bw+7BNqI9bQ";
/// The costs of new hashes.
const CURRENT: &str = "$argon2id$v=19$m=19456,t=2,p=1$";

/// A locked account has one failure more than may lock it here.
pub(super) async fn uniform_response<S: Storage>(storage: S)
where
    S::Sessions: Throttle,
{
    let service = Service::with(&storage, |limits| {
        limits.known_networks_only_after = 3;
        limits.lock_after = 6;
    })
    .await;
    service.add("unusable@example.com", PasswordHash::new("!kq3mW8xVbTzYcR5nYp3HdF6sGaE1cX8wQz7Lm0uP")).await;
    service.add("none@example.com", PasswordHash::new("")).await;
    let disabled = service.add("disabled@example.com", TestHasher::stored(PASSWORD)).await;
    service.auth.accounts().unwrap().set_active(&disabled.id, false).await.unwrap();
    service.add("locked@example.com", TestHasher::stored(PASSWORD)).await;
    // The one account admits only known networks. The other is locked for them as well.
    service.add("restricted@example.com", TestHasher::stored(PASSWORD)).await;
    for (email, failures) in [("restricted@example.com", 3), ("locked@example.com", 6)] {
        assert_eq!(service.status(email, PASSWORD, 9).await, 200);
        for _ in 0..failures {
            assert_eq!(service.status(email, WRONG, 9).await, 401);
        }
    }
    let attempts = [
        ("nobody@example.com", PASSWORD, 1),
        (EMAIL, WRONG, 1),
        ("disabled@example.com", PASSWORD, 1),
        ("restricted@example.com", PASSWORD, 1),
        ("locked@example.com", PASSWORD, 9),
        ("unusable@example.com", "!kq3mW8xVbTzYcR5nYp3HdF6sGaE1cX8wQz7Lm0uP", 1),
        ("none@example.com", PASSWORD, 1),
    ];
    let mut answers: Vec<Reply> = Vec::new();
    for (email, password, network) in attempts {
        let calls = service.hasher.calls();
        answers.push(refusal(service.login(email, password, network).await));
        assert_eq!(service.hasher.calls() - calls, 1, "{email}");
    }
    assert_eq!((answers.len(), answers[0].status), (7, 401));
    assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:?}");
    assert_eq!(service.status("restricted@example.com", PASSWORD, 9).await, 200, "its network is known");
}

/// bcrypt ignores the bytes after the 72nd.
pub(super) async fn bcrypt_73<S: Storage>(storage: S)
where
    S::Sessions: Throttle,
{
    let service = Service::over(&storage, HashingPool::new().unwrap(), |builder| builder).await;
    service.add(EMAIL, PasswordHash::new(BCRYPT_OF_72)).await;
    let right = "a".repeat(72);
    assert_eq!(service.status(EMAIL, &format!("{right}x"), 1).await, 401);
    assert_eq!(service.status(EMAIL, &right[1..], 1).await, 401);
    assert_eq!(service.stored_hash(EMAIL).await, BCRYPT_OF_72);
    assert_eq!(service.status(EMAIL, &right, 1).await, 200);
}

pub(super) async fn bcrypt_non_ascii_hash<S: Storage>(storage: S)
where
    S::Sessions: Throttle,
{
    let service = Service::over(&storage, HashingPool::new().unwrap(), |builder| builder).await;
    let mut texts = 0;
    for at in [0, 3, 6, 7, 28, 29, 58] {
        let stored: String =
            BCRYPT_4.char_indices().map(|(index, own)| if index == at { 'é' } else { own }).collect();
        let email = format!("user{at}@example.com");
        service.add(&email, PasswordHash::new(stored)).await;
        assert_eq!(service.status(&email, PASSWORD, 1).await, 401, "{at}");
        texts += 1;
    }
    assert_eq!(texts, 7);
}

/// The right password is accepted, and then the hash has the current costs.
pub(super) async fn hash_cost_floor<S: Storage>(storage: S)
where
    S::Sessions: Throttle,
{
    let service = Service::over(&storage, HashingPool::new().unwrap(), |builder| builder).await;
    for (email, weak) in [("argon@example.com", ARGON2_8_1), ("bcrypt@example.com", BCRYPT_4)] {
        service.add(email, PasswordHash::new(weak)).await;
        assert_eq!(service.status(email, WRONG, 1).await, 401, "{email}");
        assert_eq!(service.stored_hash(email).await, weak);
        assert_eq!(service.status(email, PASSWORD, 1).await, 200, "{email}");
        let upgraded = service.stored_hash(email).await;
        assert!(upgraded.starts_with(CURRENT), "{upgraded}");
        assert_eq!(service.status(email, PASSWORD, 1).await, 200, "{email}");
        assert_eq!(service.stored_hash(email).await, upgraded, "the second login changes nothing");
    }
}

/// Two logins have read the old hash when the password is changed.
pub(super) async fn rehash_race<S: Storage>(storage: S)
where
    S::Sessions: Throttle,
{
    let service = Service::fresh(&storage).await;
    let email = "weak@example.com";
    let account = service.add(email, TestHasher::stored_weakly(PASSWORD)).await;
    service.hasher.pause();
    let log_in = || {
        let (auth, login) = (service.auth.clone(), Login::new(email, Password::new(PASSWORD)));
        tokio::spawn(async move { auth.login(login).await.is_ok() })
    };
    let logins = [log_in(), log_in()];
    while service.hasher.paused() < 2 {
        tokio::task::yield_now().await;
    }
    let new = StoredPassword::new(TestHasher::stored("another long password"), Epoch::from_u64(7));
    let old = account.stored_password();
    let change = service.accounts.change_password(&account.id, &old, &new).await.unwrap();
    assert_eq!(change, CompareAndSwap::Swapped);
    service.hasher.resume();
    for login in logins {
        assert!(login.await.unwrap(), "the password was right when it was verified");
    }
    assert_eq!(service.stored_hash(email).await, new.hash.expose());
    assert_eq!(service.status(email, PASSWORD, 1).await, 401);
    assert_eq!(service.status(email, "another long password", 1).await, 200);
}

struct Form;

impl Headers for Form {
    fn each(&self, name: &str, see: &mut dyn FnMut(&[u8])) {
        if name == "content-type" {
            see(b"application/x-www-form-urlencoded");
        }
    }
}

/// The endpoint refuses it before any hash, whether an account exists or not. So does a call of `Auth::login`, with
/// the hash of every refusal.
pub(super) async fn empty_password<S: Storage>(storage: S)
where
    S::Sessions: Throttle,
{
    let service = Service::fresh(&storage).await;
    service.add("empty@example.com", TestHasher::stored("")).await;
    let mut answers = Vec::new();
    for name in ["empty@example.com", "nobody@example.com"] {
        let body = Bytes::from(format!("username={name}&password="));
        answers.push(service.auth.handle(Endpoint::Login, &RequestView::new("POST", &Form), Ok(body)).await);
    }
    assert_eq!((answers[0].status, service.hasher.calls()), (400, 0));
    assert_eq!(answers[0], answers[1]);
    let refused = refusal(service.login("nobody@example.com", "", 1).await);
    assert_eq!((refused.status, service.hasher.calls()), (401, 1));
    assert_eq!(
        (refusal(service.login("empty@example.com", "", 1).await), service.hasher.calls()),
        (refused, 2)
    );
}

/// The service normalises passwords to NFC before the hash.
pub(super) async fn unicode_normalise<S: Storage>(storage: S)
where
    S::Sessions: Throttle,
{
    let service = Service::fresh(&storage).await;
    let (decomposed, composed) = ("un cafe\u{301} et une brioche", "un caf\u{e9} et une brioche");
    let email = "ada.lovelace@example.com";
    service.auth.register(Registration::new(email, Password::new(decomposed)).unwrap()).await.unwrap();
    assert_eq!(service.status(email, composed, 1).await, 200);
    assert_eq!(service.status(email, decomposed, 1).await, 200);
    assert_eq!(service.status(email, "un cafe et une brioche", 1).await, 401);
}

/// Passwords of 64 code points. New ones must not repeat themselves, so those of one character come from elsewhere.
pub(super) async fn length_max<S: Storage>(storage: S)
where
    S::Sessions: Throttle,
{
    let pool = HashingPool::new().unwrap();
    let service = Service::over(&storage, pool.clone(), |builder| builder).await;
    let long = [("ascii@example.com", "a".repeat(64)), ("emoji@example.com", "\u{1f600}".repeat(64))];
    assert_eq!(long[1].1.len(), 256);
    for (email, password) in &long {
        let hash = pool.hash(Password::new(password.as_str()), &HashContext::new()).await.unwrap();
        service.add(email, hash).await;
        assert_eq!(service.status(email, password, 1).await, 200, "{email}");
        let shorter: String = password.chars().skip(1).collect();
        assert_eq!(service.status(email, &shorter, 1).await, 401, "{email}");
    }
    let registered = "sixty-four characters of a password that is typed by hand, slowly";
    assert!(registered.chars().count() >= 64);
    let registration = Registration::new("new@example.com", Password::new(registered)).unwrap();
    service.auth.register(registration).await.unwrap();
    assert_eq!(service.status("new@example.com", registered, 1).await, 200);
}

/// A text of 1 MiB is refused by its length. Nothing normalises or stores it.
pub(super) async fn long_username_dos<S: Storage>(storage: S)
where
    S::Sessions: Throttle,
{
    let service = Service::fresh(&storage).await;
    let name = "\u{fb03}".repeat((1 << 20) / 3);
    assert!(Email::parse(&name).is_err() && gatewright::LoginName::parse(&name).is_err());
    let refused = refusal(service.login(&name, PASSWORD, 1).await);
    assert_eq!((refused.status, service.hasher.calls()), (401, 1));
    assert_eq!(refusal(service.login("nobody@example.com", PASSWORD, 1).await), refused);
    assert!(Registration::new(&name, Password::new(PASSWORD)).is_err());
}

/// The whole password is compared: a common word in a long sentence is no reason.
pub(super) async fn blocklist<S: Storage>(storage: S)
where
    S::Sessions: Throttle,
{
    let service = Service::fresh(&storage).await;
    let registration =
        |password: &str| Registration::new("new@example.com", Password::new(password)).unwrap();
    let refused = service.auth.register(registration("password12345678")).await.unwrap_err();
    let body = String::from_utf8_lossy(&refused.reply().body).into_owned();
    assert_eq!(refused.reply().status, 422, "{body}");
    assert!(body.contains(r#""error":"password_common""#) && !body.contains("password12345678"), "{body}");
    assert_eq!(service.hasher.calls(), 0);
    let sentence = "the password of a tall giraffe";
    service.auth.register(registration(sentence)).await.unwrap();
    assert_eq!(service.status("new@example.com", sentence, 1).await, 200);
}
