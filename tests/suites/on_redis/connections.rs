//! Connections to Redis that break, hang, are refused or lied to.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use gatewright::{RedisStore, Rotation, SessionStore};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use redis::cmd;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::Instant;
use xtask::services::Server;

use super::{DAY, begin, raw, request, session, user};

const GRACE: Duration = Duration::from_secs(60);

/// A call has failed by then, with something to spare for a machine that has much to do.
const IN_TIME: Duration = Duration::from_secs(6);

/// For longer than that a server says nothing.
const SILENCE: Duration = Duration::from_secs(9);

#[tokio::test]
#[ignore = "needs Redis' program"]
async fn a_server_that_forgot_the_scripts_is_told_them_again() {
    let server = Server::redis("", &[]).unwrap();
    let mut admin = raw(server.url()).await;
    let store = RedisStore::connect(server.url()).await.unwrap();
    for _ in 0..2 {
        let one = session("ada", 0, DAY);
        begin(&store, &one).await;
        assert!(matches!(store.rotate(&request(&one, GRACE)).await.unwrap(), Rotation::Rotated(_)));
        store.retain(&one.user, one.id, one.epoch).await.unwrap();
        assert_eq!(store.purge_expired(one.expires_at).await.unwrap(), 1);
        cmd("SCRIPT").arg("FLUSH").exec_async(&mut admin).await.unwrap();
    }
}

#[tokio::test]
#[ignore = "needs Redis' program"]
async fn a_connection_that_was_cut_is_replaced() {
    let server = Server::redis("", &[]).unwrap();
    let mut admin = raw(server.url()).await;
    let store = RedisStore::connect(server.url()).await.unwrap();
    let one = session("ada", 0, DAY);
    begin(&store, &one).await;
    for _ in 0..5 {
        cmd("CLIENT").arg("KILL").arg("TYPE").arg("normal").exec_async(&mut admin).await.unwrap();
        // The first call may meet the end of the old connection; what comes after it does not.
        let _ = store.find(&one.user, one.id).await;
        assert!(store.find(&one.user, one.id).await.unwrap().is_some());
    }
}

#[tokio::test]
#[ignore = "needs Redis' program"]
async fn a_refusal_while_connecting_lasts_no_longer_than_its_reason() {
    let server = Server::redis("", &[]).unwrap();
    let mut admin = raw(server.url()).await;
    let store = RedisStore::connect(server.url()).await.unwrap();
    let one = session("ada", 0, DAY);
    begin(&store, &one).await;
    let old: Vec<String> = cmd("CONFIG").arg("GET").arg("requirepass").query_async(&mut admin).await.unwrap();
    for (wrong, right) in
        [(["requirepass", "another"], ["requirepass", &old[1]]), (["maxclients", "1"], ["maxclients", "100"])]
    {
        cmd("CONFIG").arg("SET").arg(&wrong).exec_async(&mut admin).await.unwrap();
        cmd("CLIENT").arg("KILL").arg("TYPE").arg("normal").exec_async(&mut admin).await.unwrap();
        for _ in 0..3 {
            let started = Instant::now();
            assert!(store.find(&one.user, one.id).await.is_err(), "{wrong:?}");
            assert!(started.elapsed() < IN_TIME, "{:?}", started.elapsed());
        }
        cmd("CONFIG").arg("SET").arg(&right).exec_async(&mut admin).await.unwrap();
        assert!(store.find(&one.user, one.id).await.unwrap().is_some(), "{right:?}");
    }
}

#[tokio::test]
#[ignore = "needs Redis' program"]
async fn a_server_that_says_nothing_is_an_error_in_time_for_all_callers() {
    const CALLERS: usize = 200;
    let server = Server::redis("", &[]).unwrap();
    let mut admin = raw(server.url()).await;
    let store = RedisStore::connect(server.url()).await.unwrap();
    let one = session("ada", 0, DAY);
    begin(&store, &one).await;
    let silence = u64::try_from(SILENCE.as_millis()).unwrap();
    cmd("CLIENT").arg("PAUSE").arg(silence).exec_async(&mut admin).await.unwrap();
    let started = Instant::now();
    let mut callers = JoinSet::new();
    for _ in 0..CALLERS {
        let (store, request) = (store.clone(), request(&one, GRACE));
        callers.spawn(async move { store.rotate(&request).await.is_err() });
    }
    let refused = callers.join_all().await;
    assert_eq!(refused.iter().filter(|refused| **refused).count(), CALLERS);
    assert!(started.elapsed() < IN_TIME, "{:?}", started.elapsed());
    // Nobody knows whether it took place; whoever asks again in the grace window gets the same.
    let again = loop {
        if let Ok(again) = store.rotate(&request(&one, GRACE)).await {
            break again;
        }
        assert!(started.elapsed() < SILENCE + Duration::from_secs(30));
    };
    assert!(matches!(again, Rotation::Rotated(_) | Rotation::Grace(_)), "{again:?}");
}

#[tokio::test]
#[ignore = "needs Redis' program"]
async fn a_server_that_is_gone_is_an_error_in_time_and_one_that_is_back_is_used() {
    let mut server = Server::redis("", &[]).unwrap();
    let store = RedisStore::connect(server.url()).await.unwrap();
    let one = session("ada", 0, DAY);
    begin(&store, &one).await;
    server.kill().unwrap();
    for _ in 0..3 {
        let started = Instant::now();
        assert!(store.find(&one.user, one.id).await.is_err());
        assert!(started.elapsed() < IN_TIME, "{:?}", started.elapsed());
    }
    server.run().unwrap();
    assert!(store.find(&one.user, one.id).await.unwrap().is_some());
}

/// The answer to each rotation is cut off behind the server, which carried it out.
#[tokio::test]
#[ignore = "needs Redis' program"]
async fn a_rotation_whose_answer_is_lost_is_an_error_and_is_not_sent_again() {
    let server = Server::redis("", &[]).unwrap();
    let store = RedisStore::connect(server.url()).await.unwrap();
    let one = session("ada", 0, DAY);
    begin(&store, &one).await;
    // Known to the server, so that the proxy sees each script once.
    let other = session("eve", 0, DAY);
    begin(&store, &other).await;
    let _ = store.rotate(&request(&other, GRACE)).await.unwrap();

    let sent = Arc::new(AtomicUsize::new(0));
    let url = proxy(server.url(), Arc::clone(&sent)).await;
    let behind = RedisStore::connect(&url).await.unwrap();
    assert!(behind.rotate(&request(&one, Duration::ZERO)).await.is_err());
    assert_eq!(sent.load(Ordering::SeqCst), 1);
    assert!(
        matches!(store.rotate(&request(&one, GRACE)).await.unwrap(), Rotation::Grace(_)),
        "it took place"
    );
}

/// Passes everything on, but cuts a connection on which a script was sent before the script's answer comes back.
async fn proxy(url: &str, scripts: Arc<AtomicUsize>) -> String {
    let (password, address) = url.trim_end_matches('/').rsplit_once('@').unwrap();
    let (listener, address) = (TcpListener::bind("127.0.0.1:0").await.unwrap(), address.to_owned());
    let own = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (mut client, _) = listener.accept().await.unwrap();
            let mut server = TcpStream::connect(&address).await.unwrap();
            let scripts = Arc::clone(&scripts);
            tokio::spawn(async move {
                let (mut asked, mut answered) = ([0; 65_536], [0; 65_536]);
                let mut is_cut = false;
                loop {
                    tokio::select! {
                        read = client.read(&mut asked) => {
                            let Ok(length @ 1..) = read else { return };
                            let found = asked[..length].windows(7).filter(|window| window == b"EVALSHA").count();
                            scripts.fetch_add(found, Ordering::SeqCst);
                            is_cut |= found > 0;
                            server.write_all(&asked[..length]).await.unwrap();
                        }
                        read = server.read(&mut answered) => {
                            let Ok(length @ 1..) = read else { return };
                            if is_cut {
                                return;
                            }
                            client.write_all(&answered[..length]).await.unwrap();
                        }
                    }
                }
            });
        }
    });
    format!("{password}@{own}/")
}

#[tokio::test]
#[ignore = "needs Redis' program"]
async fn a_server_that_refuses_a_password_and_one_that_is_not_there_are_errors_that_do_not_show_it() {
    let server = Server::redis("", &[]).unwrap();
    let (_, address) = server.url().rsplit_once('@').unwrap();
    for url in [format!("redis://:hush@{address}"), "redis://ada:hush@127.0.0.1:1/".to_owned()] {
        let errors = [
            RedisStore::connect(&url).await.unwrap_err(),
            gatewright::RedisFeed::connect(&url).await.unwrap_err(),
        ];
        for error in errors {
            let cause = std::error::Error::source(&error).unwrap();
            let shown = format!("{error} {error:?} {cause} {cause:?}");
            assert!(
                shown.starts_with("the store could not open Redis") && !shown.contains("hush"),
                "{shown}"
            );
        }
    }
}

#[tokio::test]
#[ignore = "needs Redis' program"]
async fn a_server_must_prove_its_name_with_a_certificate_that_is_trusted() {
    let authority_key = KeyPair::generate().unwrap();
    let mut authority = CertificateParams::new([]).unwrap();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority_certificate = authority.self_signed(&authority_key).unwrap();
    let issuer = Issuer::new(authority, authority_key);
    let key = KeyPair::generate().unwrap();
    let own = CertificateParams::new(["localhost".to_owned()]).unwrap().signed_by(&key, &issuer).unwrap();
    let settings = "port 0\ntls-port {port}\ntls-cert-file own.pem\ntls-key-file own.key\n\
                    tls-ca-cert-file ca.pem\ntls-auth-clients no\n";
    let authority_file = gatewright_tests::new_file("ca.pem");
    std::fs::write(&authority_file, authority_certificate.pem()).unwrap();
    let files = [
        ("own.pem", &*own.pem()),
        ("own.key", &*key.serialize_pem()),
        ("ca.pem", &*authority_certificate.pem()),
    ];
    let server = Server::redis(settings, &files).unwrap();

    let trusted = server.url().replacen("redis:", "rediss:", 1).replacen("127.0.0.1", "localhost", 1);
    let trusted = format!("{trusted}?sslrootcert={}", authority_file.display());
    let store = RedisStore::connect(&trusted).await.unwrap();
    begin(&store, &session("ada", 0, DAY)).await;
    assert_eq!(store.list(&user("ada")).await.unwrap().len(), 1);

    let (untrusted, _) = trusted.split_once('?').unwrap();
    let misnamed = trusted.replacen("localhost", "127.0.0.1", 1);
    for url in [untrusted, &misnamed] {
        let error = RedisStore::connect(url).await.unwrap_err();
        let cause = std::error::Error::source(&error).unwrap().to_string();
        assert!(cause.contains("certificate"), "{cause}");
    }
}
