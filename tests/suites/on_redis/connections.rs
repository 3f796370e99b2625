//! Failing connections: cut, silent, refused, or to a server without a trusted certificate.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use gatewright::store::{Rotation, SessionStore};
use gatewright::{RedisFeed, RedisStore};
use gatewright_testkit::run_case;
use gatewright_tests::patience::{PATIENCE, cause_of, redis_store, until, until_ok};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::Instant;
use xtask::services::Server;

use super::{DAY, OwnServer, create, digest, exists, query, request, run, session};

const GRACE: Duration = Duration::from_secs(60);

/// The time limit of a call, with a reserve for a busy machine.
const IN_TIME: Duration = Duration::from_secs(6);

/// How long the server does not reply: longer than [`IN_TIME`].
const SILENCE: Duration = Duration::from_secs(9);

const KILL_CLIENTS: [&str; 4] = ["CLIENT", "KILL", "TYPE", "normal"];

/// Calls `find` and returns whether it succeeded.
async fn is_served_in_time(own: &OwnServer) -> bool {
    let started = Instant::now();
    let found = own.store.find(&own.session.user, own.session.id).await;
    assert!(started.elapsed() < IN_TIME, "{:?}", started.elapsed());
    found.is_ok_and(|session| session.is_some())
}

#[test]
#[ignore = "needs Redis' program"]
fn scripts_are_sent_again_after_script_flush() {
    run_case(async || {
        let mut own = OwnServer::start().await;
        let OwnServer { store, admin, .. } = &mut own;
        for _ in 0..2 {
            let one = session("eve", 0, DAY / 2);
            create(store, &one).await;
            assert!(matches!(store.rotate(&request(&one, GRACE)).await.unwrap(), Rotation::Rotated(_)));
            store.replace_all(&session("ada", 2, DAY), digest("t0")).await.unwrap();
            assert_eq!(store.delete_expired(one.expires_at).await.unwrap(), 1);
            run(admin, &["SCRIPT", "FLUSH"]).await;
        }
    });
}

#[tokio::test]
#[ignore = "needs Redis' program"]
async fn a_cut_connection_is_replaced() {
    let mut own = OwnServer::start().await;
    for _ in 0..5 {
        run(&mut own.admin, &KILL_CLIENTS).await;
        // The first call may fail on the old connection. The next call uses a new one.
        let _ = own.store.find(&own.session.user, own.session.id).await;
        assert!(exists(&own.store, &own.session).await);
    }
}

#[tokio::test]
#[ignore = "needs Redis' program"]
async fn a_refused_connection_is_retried_once_its_cause_is_gone() {
    let mut own = OwnServer::start().await;
    let old: Vec<String> = query(&mut own.admin, &["CONFIG", "GET", "requirepass"]).await;
    for (name, wrong, right) in [("requirepass", "another", &*old[1]), ("maxclients", "1", "100")] {
        own.set(name, wrong).await;
        run(&mut own.admin, &KILL_CLIENTS).await;
        for _ in 0..3 {
            assert!(!is_served_in_time(&own).await, "{name} {wrong}");
        }
        own.set(name, right).await;
        until("the connection is accepted", async || is_served_in_time(&own).await).await;
    }
}

#[tokio::test]
#[ignore = "needs Redis' program"]
async fn a_silent_server_is_an_error_in_time_for_all_callers() {
    const CALLERS: usize = 200;
    let mut own = OwnServer::start().await;
    run(&mut own.admin, &["CLIENT", "PAUSE", &SILENCE.as_millis().to_string()]).await;
    let started = Instant::now();
    let mut callers = JoinSet::new();
    for _ in 0..CALLERS {
        let (store, request) = (own.store.clone(), request(&own.session, GRACE));
        callers.spawn(async move { store.rotate(&request).await.is_err() });
    }
    assert_eq!(callers.join_all().await, [true; CALLERS]);
    assert!(started.elapsed() < IN_TIME, "{:?}", started.elapsed());
    // The outcome is unknown. A retry within the grace window returns the same successor.
    let retry = loop {
        if let Ok(retry) = own.store.rotate(&request(&own.session, GRACE)).await {
            break retry;
        }
        assert!(started.elapsed() < SILENCE + PATIENCE);
    };
    assert!(matches!(retry, Rotation::Rotated(_) | Rotation::Grace { .. }), "{retry:?}");
}

#[tokio::test]
#[ignore = "needs Redis' program"]
async fn a_killed_server_is_an_error_in_time_and_is_used_after_its_restart() {
    let mut own = OwnServer::start().await;
    own.server.kill().unwrap();
    for _ in 0..3 {
        assert!(!is_served_in_time(&own).await);
    }
    own.server.run().unwrap();
    assert!(exists(&own.store, &own.session).await);
}

/// A proxy cuts the connection after the server has executed the script and before its reply.
#[tokio::test]
#[ignore = "needs Redis' program"]
async fn a_rotation_whose_reply_is_lost_is_not_sent_again() {
    let OwnServer { server, store, session: one, .. } = OwnServer::start().await;
    // The server now knows the scripts, so each of them passes the proxy once.
    let other = session("eve", 0, DAY);
    create(&store, &other).await;
    let _ = store.rotate(&request(&other, GRACE)).await.unwrap();

    let sent = Arc::new(AtomicUsize::new(0));
    let url = proxy(server.url(), Arc::clone(&sent)).await;
    let behind_proxy = redis_store(&url).await;
    // On a busy machine the time of a call can be over before it sends the script.
    until("the script was sent", async || {
        assert!(behind_proxy.rotate(&request(&one, Duration::ZERO)).await.is_err());
        sent.load(Ordering::SeqCst) > 0
    })
    .await;
    assert_eq!(sent.load(Ordering::SeqCst), 1);
    let retry = until_ok(async || store.rotate(&request(&one, GRACE)).await).await;
    assert!(matches!(retry, Rotation::Grace { .. }), "the server executed the rotation: {retry:?}");
}

/// Forwards everything, until the reply to a script arrives: then it cuts that connection. Counts
/// the scripts.
async fn proxy(url: &str, scripts: Arc<AtomicUsize>) -> String {
    let (password, address) = url.trim_end_matches('/').rsplit_once('@').unwrap();
    let (listener, address) = (TcpListener::bind("127.0.0.1:0").await.unwrap(), address.to_owned());
    let own = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (client, _) = listener.accept().await.unwrap();
            let server = TcpStream::connect(&address).await.unwrap();
            tokio::spawn(forward(client, server, Arc::clone(&scripts)));
        }
    });
    format!("{password}@{own}/")
}

async fn forward(mut client: TcpStream, mut server: TcpStream, scripts: Arc<AtomicUsize>) {
    let (mut requests, mut replies) = ([0; 65_536], [0; 65_536]);
    let mut has_script = false;
    loop {
        tokio::select! {
            read = client.read(&mut requests) => {
                let Ok(length @ 1..) = read else { return };
                let found = requests[..length].windows(7).filter(|window| window == b"EVALSHA").count();
                scripts.fetch_add(found, Ordering::SeqCst);
                has_script |= found > 0;
                server.write_all(&requests[..length]).await.unwrap();
            }
            read = server.read(&mut replies) => {
                let Ok(length @ 1..) = read else { return };
                if has_script {
                    return;
                }
                client.write_all(&replies[..length]).await.unwrap();
            }
        }
    }
}

#[tokio::test]
#[ignore = "needs Redis' program"]
async fn connection_errors_do_not_contain_the_password() {
    let own = OwnServer::start().await;
    for url in [format!("redis://:hush@{}", own.address()), "redis://ada:hush@127.0.0.1:1/".to_owned()] {
        let errors =
            [RedisStore::connect(&url).await.unwrap_err(), RedisFeed::connect(&url).await.unwrap_err()];
        for error in errors {
            let cause = std::error::Error::source(&error).unwrap();
            let text = format!("{error} {error:?} {cause} {cause:?}");
            assert!(text.starts_with("the store could not connect to Redis"), "{text}");
            assert!(!text.contains("hush"), "{text}");
        }
    }
}

#[tokio::test]
#[ignore = "needs Redis' program"]
async fn a_server_needs_a_trusted_certificate_for_its_name() {
    let ca_key = KeyPair::generate().unwrap();
    let mut ca = CertificateParams::new([]).unwrap();
    ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let ca_pem = ca.self_signed(&ca_key).unwrap().pem();
    let issuer = Issuer::new(ca, ca_key);
    let key = KeyPair::generate().unwrap();
    let own = CertificateParams::new(["localhost".to_owned()]).unwrap().signed_by(&key, &issuer).unwrap();
    let settings = "port 0\ntls-port {port}\ntls-cert-file own.pem\ntls-key-file own.key\n\
                    tls-ca-cert-file ca.pem\ntls-auth-clients no\n";
    let ca_file = gatewright_tests::new_file("ca.pem");
    std::fs::write(&ca_file, &ca_pem).unwrap();
    let files = [("own.pem", &*own.pem()), ("own.key", &*key.serialize_pem()), ("ca.pem", &*ca_pem)];
    let server = Server::redis(settings, &files).unwrap();

    let trusted = server.url().replacen("redis:", "rediss:", 1).replacen("127.0.0.1", "localhost", 1);
    let trusted = format!("{trusted}?sslrootcert={}", ca_file.display());
    let store = redis_store(&trusted).await;
    let one = session("ada", 0, DAY);
    create(&store, &one).await;
    assert!(exists(&store, &one).await);

    let (untrusted, _) = trusted.split_once('?').unwrap();
    let wrong_name = trusted.replacen("localhost", "127.0.0.1", 1);
    for url in [untrusted, &wrong_name] {
        let cause = cause_of(async || RedisStore::connect(url).await).await;
        assert!(cause.contains("certificate"), "{cause}");
    }
}
