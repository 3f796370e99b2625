//! An application with its own user type, ids and table. Gatewright stores only the sessions.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use axum::Router;
use axum::body::Body;
use axum::http::Request;
use axum::routing::get;
use gatewright::axum::{Authorized, CurrentUser, MaybeUser, StatelessClaims, routes};
use gatewright::store::{CompareAndSwap, StoreError};
use gatewright::types::Epoch;
use gatewright::{Auth, AuthUser, Login, LoginName, MemoryStore, Password, PasswordHash, UserId, UserStore};
use gatewright_testkit::TestHasher;
use gatewright_tests::{PASSWORD, jwt};
use http_body_util::BodyExt;
use tower::ServiceExt;

gatewright::roles! { enum Role: role { Member = "member", Owner = "owner" } }

#[derive(Clone)]
struct Person {
    number: i64,
    nickname: &'static str,
    hash: String,
    roles: Vec<Role>,
    epoch: u64,
}

impl AuthUser for Person {
    fn id(&self) -> UserId {
        UserId::new(self.number.to_string()).unwrap()
    }

    fn roles(&self) -> impl Iterator<Item = &str> {
        self.roles.iter().map(|role| role.as_str())
    }

    fn is_active(&self) -> bool {
        self.number > 0
    }

    fn password_hash(&self) -> Option<PasswordHash> {
        Some(PasswordHash::new(self.hash.as_str()))
    }

    fn epoch(&self) -> Epoch {
        Epoch::from_u64(self.epoch)
    }
}

#[derive(Clone)]
struct People(Arc<Mutex<Vec<Person>>>);

impl People {
    fn find(&self, fits: impl Fn(&Person) -> bool) -> Option<Person> {
        self.0.lock().unwrap().iter().find(|person| fits(person)).cloned()
    }
}

#[async_trait]
impl UserStore for People {
    type User = Person;

    async fn find_by_id(&self, id: &UserId) -> Result<Option<Person>, StoreError> {
        let Ok(number) = id.as_str().parse::<i64>() else { return Ok(None) };
        Ok(self.find(|person| person.number == number))
    }

    async fn find_by_login(&self, name: &LoginName) -> Result<Option<Person>, StoreError> {
        Ok(self.find(|person| person.nickname == name.as_str()))
    }

    async fn replace_password_hash(
        &self,
        id: &UserId,
        old: &PasswordHash,
        new: &PasswordHash,
    ) -> Result<CompareAndSwap, StoreError> {
        let mut people = self.0.lock().unwrap();
        let fits = |person: &&mut Person| person.id() == *id && person.hash == old.expose();
        let Some(person) = people.iter_mut().find(fits) else { return Ok(CompareAndSwap::Conflict) };
        person.hash = new.expose().to_owned();
        Ok(CompareAndSwap::Swapped)
    }
}

async fn get_text(app: &Router, path: &str, token: &str) -> (u16, String) {
    let request =
        Request::get(path).header("authorization", format!("Bearer {token}")).body(Body::empty()).unwrap();
    let response = app.clone().oneshot(request).await.unwrap();
    let status = response.status().as_u16();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    (status, String::from_utf8(body.to_vec()).unwrap())
}

#[tokio::test]
async fn handlers_receive_the_applications_own_user_type() {
    let hash = TestHasher::stored_weakly(PASSWORD).expose().to_owned();
    let roles = vec![Role::Member];
    let ada = Person { number: 7, nickname: "Countess", hash, roles, epoch: 1 };
    let people = People(Arc::new(Mutex::new(vec![ada])));
    let auth = Auth::builder(people.clone(), MemoryStore::new(), jwt(), TestHasher::new()).build().unwrap();
    let app: Router = Router::new()
        .route("/me", get(async |user: CurrentUser<Person>| user.nickname))
        .route("/maybe", get(async |maybe: MaybeUser<Person>| maybe.user.unwrap().nickname))
        .route("/claims", get(async |me: StatelessClaims<Person>| me.claims.subject().to_string()))
        .route("/owner", get(async |Authorized { user, .. }: Authorized<role::Owner, Person>| user.nickname))
        .nest("/auth", routes(&auth))
        .with_state(auth.clone());

    let pair = auth.login(Login::new(" Countess ", Password::new(PASSWORD))).await.unwrap();
    let token = pair.access_token.expose();
    assert_eq!(get_text(&app, "/me", token).await, (200, "Countess".to_owned()));
    assert_eq!(get_text(&app, "/maybe", token).await, (200, "Countess".to_owned()));
    assert_eq!(get_text(&app, "/claims", token).await, (200, "7".to_owned()));
    assert_eq!(get_text(&app, "/owner", token).await.0, 403);
    assert_eq!(
        people.0.lock().unwrap()[0].hash,
        TestHasher::stored(PASSWORD).expose(),
        "the hash was upgraded"
    );

    // The application changes its own table, then invalidates the cached user. Otherwise guards
    // notice the change up to five seconds later.
    let changed = async || auth.invalidate_user(&UserId::new("7").unwrap()).await;
    people.0.lock().unwrap()[0].roles.push(Role::Owner);
    changed().await.unwrap();
    assert_eq!(get_text(&app, "/owner", token).await, (200, "Countess".to_owned()));
    people.0.lock().unwrap()[0].epoch = 2;
    changed().await.unwrap();
    assert_eq!(get_text(&app, "/me", token).await.0, 401);
    assert!(auth.refresh(gatewright::endpoints::Refresh::new(pair.refresh_token)).await.is_err());
}
