//! A feed after a failover, while the old primary is still reachable: one of a node's connections stays
//! there, and new ones reach the new primary.

use std::sync::{Arc, Mutex};

use gatewright::revocation::{Revocation, RevocationFeed};
use gatewright::store::Prefix;
use gatewright::{PostgresFeed, UserId};
use gatewright_testkit::feed::{Listener, sealed};
use gatewright_tests::patience::{raw_redis, redis_feed};
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use xtask::services::{Kind, Server};

use super::server;

#[tokio::test]
#[ignore = "needs PostgreSQL's programs"]
async fn a_sender_on_another_primary_moves_the_listener_on_postgres() {
    a_node_recovers_on_the_new_primary(&OnPostgres, "pg_notify($1").await;
}

#[tokio::test]
#[ignore = "needs PostgreSQL's programs"]
async fn a_listener_on_another_primary_moves_the_sender_on_postgres() {
    a_node_recovers_on_the_new_primary(&OnPostgres, "LISTEN \"").await;
}

#[tokio::test]
#[ignore = "needs Redis' program"]
async fn a_sender_on_another_primary_moves_the_listener_on_redis() {
    a_node_recovers_on_the_new_primary(&OnRedis, "PUBLISH").await;
}

#[tokio::test]
#[ignore = "needs Redis' program"]
async fn a_listener_on_another_primary_moves_the_sender_on_redis() {
    a_node_recovers_on_the_new_primary(&OnRedis, "SUBSCRIBE").await;
}

/// The connection that has sent `marker` is lost. Revocations of another node continue to arrive on the old
/// primary: they do not show that the node's own messages reach the others.
async fn a_node_recovers_on_the_new_primary(feeds: &impl Feeds, marker: &'static str) {
    let [old, new] = [(); 2].map(|()| Server::start(feeds.kind()).unwrap());
    feeds.give_one_password(&old, &new).await;
    let (url, router) = Router::to(old.url()).await;
    let (here, on_old, on_new) =
        (feeds.connect(&url).await, feeds.connect(old.url()).await, feeds.connect(&moved(&old, &new)).await);
    let (listener, there) = (Listener::to(&*here), Listener::to(&*on_new));
    listener.until_heartbeats(2).await;
    there.until_heartbeats(1).await;

    router.move_to(server(new.url()), marker);
    let foreign = async {
        loop {
            // On a slow machine a publication can miss its deadline.
            let _ = on_old.publish(&sealed(&user("foreign"))).await;
            // One a second, as often as heartbeats.
            there.until_heartbeats(1).await;
        }
    };
    tokio::select! {
        () = foreign => {}
        // A heartbeat may have been made before the connection was lost.
        _ = listener.until_heartbeats(2) => {}
    }
    there.until_reached(&*here, &user("moved")).await;
    listener.until_received(&user("moved")).await;
}

fn user(id: &str) -> Revocation {
    Revocation::user(UserId::new(id).unwrap())
}

/// The URL of `new` with the password of `old`.
fn moved(old: &Server, new: &Server) -> String {
    old.url().replacen(server(old.url()), server(new.url()), 1)
}

/// The feeds of one kind of server.
trait Feeds {
    fn kind(&self) -> Kind;

    /// Gives `new` the password of `old`.
    async fn give_one_password(&self, old: &Server, new: &Server);

    async fn connect(&self, url: &str) -> Arc<dyn RevocationFeed>;
}

fn password(server: &Server) -> &str {
    let (user, _) = server.url().rsplit_once('@').unwrap();
    user.rsplit_once(':').unwrap().1
}

struct OnPostgres;

impl Feeds for OnPostgres {
    fn kind(&self) -> Kind {
        Kind::Postgres
    }

    async fn give_one_password(&self, old: &Server, new: &Server) {
        let mut admin = PgConnection::connect(new.url()).await.unwrap();
        let change = format!("ALTER ROLE gatewright PASSWORD '{}'", password(old));
        admin.execute(AssertSqlSafe(change)).await.unwrap();
    }

    /// The router reads the statements.
    async fn connect(&self, url: &str) -> Arc<dyn RevocationFeed> {
        Arc::new(PostgresFeed::connect(&format!("{url}?sslmode=disable")).await.unwrap())
    }
}

struct OnRedis;

impl Feeds for OnRedis {
    fn kind(&self) -> Kind {
        Kind::Redis
    }

    async fn give_one_password(&self, old: &Server, new: &Server) {
        let mut admin = raw_redis(new.url()).await;
        let change = ["SET", "requirepass", password(old)];
        redis::cmd("CONFIG").arg(&change).exec_async(&mut admin).await.unwrap();
    }

    async fn connect(&self, url: &str) -> Arc<dyn RevocationFeed> {
        Arc::new(redis_feed(url, &Prefix::default()).await)
    }
}

/// A proxy that leads new connections to another server than old ones. It runs until the current runtime
/// stops.
#[derive(Clone)]
struct Router {
    server: Arc<Mutex<String>>,
    /// Connections that have sent this text are closed.
    closed: Arc<watch::Sender<Option<&'static str>>>,
}

impl Router {
    /// A proxy for the server of this URL, and the URL that leads through it.
    async fn to(url: &str) -> (String, Self) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let at = server(url).to_owned();
        let url = url.replacen(&at, &address.to_string(), 1);
        let router = Self { server: Arc::new(Mutex::new(at)), closed: Arc::default() };
        tokio::spawn(router.clone().accept(listener));
        (url, router)
    }

    /// Leads new connections to `server`, and closes the present ones that have sent `marker`.
    fn move_to(&self, server: &str, marker: &'static str) {
        server.clone_into(&mut self.server.lock().unwrap());
        self.closed.send_replace(Some(marker));
    }

    async fn accept(self, listener: TcpListener) {
        while let Ok((client, _)) = listener.accept().await {
            let at = self.server.lock().unwrap().clone();
            let server = TcpStream::connect(&*at).await.unwrap();
            tokio::spawn(carry(client, server, self.closed.subscribe()));
        }
    }
}

/// A new connection is not closed by the move that came before it.
async fn carry(mut client: TcpStream, mut server: TcpStream, mut closed: watch::Receiver<Option<&str>>) {
    let (mut statements, mut answers) = (vec![0; 1 << 16], vec![0; 1 << 16]);
    let mut sent = String::new();
    loop {
        tokio::select! {
            Ok(()) = closed.changed() => {
                if closed.borrow().is_some_and(|marker| sent.contains(marker)) {
                    return;
                }
            }
            length = server.read(&mut answers) => {
                let Ok(length @ 1..) = length else { return };
                if client.write_all(&answers[..length]).await.is_err() {
                    return;
                }
            }
            length = client.read(&mut statements) => {
                let Ok(length @ 1..) = length else { return };
                sent.push_str(&String::from_utf8_lossy(&statements[..length]));
                if server.write_all(&statements[..length]).await.is_err() {
                    return;
                }
            }
        }
    }
}
