//! The receiving half of the feed: a task with one subscription for all receivers. It replaces a
//! broken subscription.

use std::time::Duration;

use gatewright_core::RevocationReceiver;
use gatewright_core::revocation::{
    FeedLog, Flood, FloodGate, HEARTBEAT_INTERVAL, HEARTBEAT_TIMEOUT, Received, RetryPauses, flood_pause,
};
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, RedisError};
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::sync::mpsc::error::TryRecvError;
use tokio::sync::oneshot;
use tokio::time::{Instant, MissedTickBehavior, interval};

use super::inbox::{Inbox, Incoming, inbox};
use super::sender::Outbox;
use super::{IDLE_TIMEOUT, SERVER};
use crate::connection::{CONNECT_TIMEOUT, check_primary, pause, until};
use crate::failure::Result;

/// How long a subscription may receive no heartbeat of this node. They should arrive every second.
const SILENCE_TIMEOUT: Duration = Duration::from_secs(2 * HEARTBEAT_TIMEOUT.as_secs());

/// Opens subscriptions.
pub(super) struct Connector {
    client: Client,
    channel: String,
}

impl Connector {
    pub(super) const fn new(client: Client, channel: String) -> Self {
        Self { client, channel }
    }

    /// Subscribes, and returns when a primary has confirmed it.
    pub(super) async fn open(&self) -> Result<Subscription> {
        let opening = async {
            let (inlet, inbox) = inbox();
            let push = move |push| {
                inlet.push(push);
                Ok::<_, RedisError>(())
            };
            let config = AsyncConnectionConfig::new().set_push_sender(push);
            let mut connection = self.client.get_multiplexed_async_connection_with_config(&config).await?;
            connection.subscribe(&self.channel).await?;
            check_primary(&mut connection).await?;
            Ok::<_, RedisError>(Subscription { connection, inbox })
        };
        Ok(until(Instant::now() + CONNECT_TIMEOUT, opening).await??)
    }
}

/// A connection that receives the channel's messages between replies. Dropping it closes the
/// connection, without reading what the server has sent.
pub(super) struct Subscription {
    connection: MultiplexedConnection,
    inbox: Inbox,
}

impl Subscription {
    /// Checks that the server is still a primary. A demoted server relays the messages of the new
    /// primary, with gaps.
    async fn check(&mut self) -> Result<(), End> {
        let check = until(Instant::now() + CONNECT_TIMEOUT, check_primary(&mut self.connection));
        tokio::select! {
            // In a flood the reply would come late, and the driver would read until then.
            biased;
            flood = self.inbox.overrun() => Err(End::Flooded(flood)),
            check = check => if matches!(check, Ok(Ok(()))) { Ok(()) } else { Err(End::Broken(NO_PRIMARY)) },
        }
    }
}

/// Why a subscription broke, and what to look at.
const CLOSED: &str = "the connection was closed; the server closes it before it sends more than its \
     client-output-buffer-limit";
const NO_PRIMARY: &str = "the server did not answer that it is a primary";

/// What prevents floods.
const ADVICE: &str = "with an ACL, let only the application's user publish on the channel";

/// Why a subscription ended.
enum End {
    /// The connection failed, or the server is not a primary any more.
    Broken(&'static str),
    /// No heartbeat of this node returned. The connection that sends may be on another server.
    Silent,
    /// There were no receivers for [`IDLE_TIMEOUT`].
    Idle,
    /// Too much arrived.
    Flooded(Flood),
}

/// The task. Its methods return `None` when the feed's last clone has been dropped.
pub(super) struct Listener {
    connector: Connector,
    outbox: Outbox,
    new_receivers: UnboundedReceiver<RevocationReceiver>,
    receivers: Vec<RevocationReceiver>,
    pauses: RetryPauses,
    log: FeedLog,
}

impl Listener {
    pub(super) fn new(
        connector: Connector,
        outbox: Outbox,
        new_receivers: UnboundedReceiver<RevocationReceiver>,
    ) -> Self {
        Self {
            connector,
            outbox,
            new_receivers,
            receivers: Vec::new(),
            pauses: RetryPauses::default(),
            log: FeedLog::of_listener(SERVER),
        }
    }

    /// Subscribes and reports the outcome. Then delivers messages until the feed's last clone has been
    /// dropped. Ends if nothing waits for the outcome any more.
    pub(super) async fn run(mut self, mut opened: oneshot::Sender<Result<()>>) {
        let subscription = tokio::select! {
            subscription = self.connector.open() => subscription,
            () = opened.closed() => return,
        };
        let (subscription, outcome) = match subscription {
            Ok(subscription) => (Some(subscription), Ok(())),
            Err(failure) => (None, Err(failure)),
        };
        if let (Ok(()), Some(subscription)) = (opened.send(outcome), subscription) {
            self.deliver_all(subscription).await;
        }
    }

    async fn deliver_all(&mut self, mut subscription: Subscription) {
        while let Some(next) = self.serve(subscription).await {
            subscription = next;
        }
    }

    /// Delivers the messages of a subscription and opens the next one. Then clears all receivers,
    /// before it delivers anything: Redis does not keep messages for subscribers that are not
    /// connected.
    async fn serve(&mut self, mut subscription: Subscription) -> Option<Subscription> {
        let end = self.deliver(&mut subscription).await?;
        if matches!(end, End::Flooded(_)) {
            self.receivers.iter().for_each(RevocationReceiver::suspend);
        }
        drop(subscription);
        match end {
            End::Broken(cause) => {
                self.log.lost(&cause, Instant::now().into_std());
                pause(self.pauses.next_pause()).await;
            }
            End::Silent => {
                self.log.lost(&"no heartbeat arrived", Instant::now().into_std());
                self.outbox.reconnect();
                pause(self.pauses.next_pause()).await;
            }
            End::Idle => self.wait_for_receiver().await?,
            End::Flooded(flood) => {
                self.log.flooded(flood, &self.connector.channel, ADVICE, Instant::now().into_std());
                pause(flood_pause()).await;
            }
        }
        let next = self.resubscribe().await?;
        self.receivers.iter().for_each(RevocationReceiver::clear);
        Some(next)
    }

    async fn wait_for_receiver(&mut self) -> Option<()> {
        let receiver = self.new_receivers.recv().await?;
        self.receivers.push(receiver);
        Some(())
    }

    async fn resubscribe(&mut self) -> Option<Subscription> {
        loop {
            let subscription = self.connector.open().await;
            self.accept_new()?;
            match subscription {
                Ok(subscription) => return Some(subscription),
                Err(failure) => self.log.lost(&failure, Instant::now().into_std()),
            };
            self.receivers.retain(|receiver| !receiver.is_gone());
            if self.receivers.is_empty() {
                self.wait_for_receiver().await?;
            }
            pause(self.pauses.next_pause()).await;
        }
    }

    /// Accepts the receivers that subscribed meanwhile.
    fn accept_new(&mut self) -> Option<()> {
        loop {
            match self.new_receivers.try_recv() {
                Ok(receiver) => self.receivers.push(receiver),
                Err(TryRecvError::Empty) => return Some(()),
                Err(TryRecvError::Disconnected) => return None,
            }
        }
    }

    /// Delivers messages and sends heartbeats until the subscription ends.
    async fn deliver(&mut self, subscription: &mut Subscription) -> Option<End> {
        let mut beats = interval(HEARTBEAT_INTERVAL);
        beats.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let (mut received_at, mut needed_at) = (Instant::now(), Instant::now());
        let mut gate = FloodGate::new(received_at.into_std());
        loop {
            tokio::select! {
                incoming = subscription.inbox.next() => {
                    match incoming.and_then(|incoming| self.pass_on(&incoming, &mut gate)) {
                        Ok(Some(Received::OwnHeartbeat)) => {
                            received_at = Instant::now();
                            self.pauses.reset();
                            self.log.works();
                        }
                        Ok(Some(_)) => {}
                        Ok(None) => return Some(End::Broken(CLOSED)),
                        Err(flood) => return Some(End::Flooded(flood)),
                    }
                }
                receiver = self.new_receivers.recv() => {
                    let receiver = receiver?;
                    self.send_heartbeat(&receiver);
                    self.receivers.push(receiver);
                    received_at = Instant::now();
                }
                _ = beats.tick() => {
                    if let Err(end) = subscription.check().await {
                        return Some(end);
                    }
                    self.receivers.retain(|receiver| !receiver.is_gone());
                    self.receivers.iter().for_each(|receiver| self.send_heartbeat(receiver));
                    if !self.receivers.is_empty() {
                        needed_at = Instant::now();
                        if received_at.elapsed() > SILENCE_TIMEOUT {
                            return Some(End::Silent);
                        }
                    } else if needed_at.elapsed() > IDLE_TIMEOUT {
                        return Some(End::Idle);
                    }
                }
            }
        }
    }

    fn send_heartbeat(&self, receiver: &RevocationReceiver) {
        if let Some(heartbeat) = receiver.heartbeat() {
            self.outbox.push_heartbeat(heartbeat, HEARTBEAT_TIMEOUT);
        }
    }

    /// Passes a message to all receivers, unless it exceeds a limit. Returns `None` at the end of the
    /// subscription.
    fn pass_on(&self, incoming: &Incoming, gate: &mut FloodGate) -> Result<Option<Received>, Flood> {
        let (length, text) = match incoming {
            Incoming::Message(bytes) => (bytes.len(), str::from_utf8(bytes).ok()),
            Incoming::TooLong(length) => (*length, None),
            Incoming::End => return Ok(None),
        };
        gate.admit(length, Instant::now().into_std())?;
        let received = if let Some(text) = text {
            let verdicts = self.receivers.iter().map(|receiver| receiver.receive(text));
            verdicts.max().unwrap_or(Received::Ignored)
        } else {
            self.receivers.iter().for_each(RevocationReceiver::reject);
            Received::Rejected
        };
        gate.count(received)?;
        Ok(Some(received))
    }
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead, BufReader, Write};
    use std::net::TcpListener;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::thread;

    use gatewright_core::revocation::FIRST_RETRY_PAUSE;
    use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
    use tracing::span::{Attributes, Id, Record};
    use tracing::{Event, Level, Metadata, Subscriber};

    use super::*;
    use crate::connection::{Address, SharedConnection};

    /// Counts the warnings of the feed.
    struct Warnings(Arc<AtomicUsize>);

    impl Subscriber for Warnings {
        fn enabled(&self, metadata: &Metadata<'_>) -> bool {
            metadata.target() == "gatewright" && *metadata.level() == Level::WARN
        }

        fn new_span(&self, _: &Attributes<'_>) -> Id {
            Id::from_u64(1)
        }

        fn record(&self, _: &Id, _: &Record<'_>) {}

        fn record_follows_from(&self, _: &Id, _: &Id) {}

        fn event(&self, _: &Event<'_>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }

        fn enter(&self, _: &Id) {}

        fn exit(&self, _: &Id) {}
    }

    /// The arguments of the next command. `None` at the end of the connection.
    fn read_command(connection: &mut impl BufRead) -> Option<Vec<String>> {
        let mut number = |kind: char| {
            let mut line = String::new();
            connection.read_line(&mut line).ok()?;
            let number = line.trim_end().strip_prefix(kind)?.parse::<usize>().ok()?;
            if kind == '*' {
                return Some((number, String::new()));
            }
            let mut text = vec![0; number + 2];
            connection.read_exact(&mut text).ok()?;
            Some((number, String::from_utf8(text).unwrap().trim_end().to_owned()))
        };
        let (count, _) = number('*')?;
        (0..count).map(|_| number('$').map(|(_, text)| text)).collect()
    }

    /// A server that confirms each subscription and then closes its connection, as a server does when
    /// more waits to be sent than `client-output-buffer-limit`. It reports each connection.
    fn confirm_and_close(server: &TcpListener, opened: &UnboundedSender<()>) {
        for connection in server.incoming() {
            let mut connection = BufReader::new(connection.unwrap());
            let (_, mut is_subscribed) = (opened.send(()), false);
            while let Some(command) = read_command(&mut connection) {
                let reply = match &*command[0] {
                    "HELLO" => "%1\r\n$4\r\nrole\r\n$6\r\nmaster\r\n".to_owned(),
                    "SUBSCRIBE" => {
                        format!(">3\r\n$9\r\nsubscribe\r\n${}\r\n{}\r\n:1\r\n", command[1].len(), command[1])
                    }
                    _ => "+OK\r\n".to_owned(),
                };
                connection.get_mut().write_all(reply.as_bytes()).unwrap();
                if is_subscribed {
                    break;
                }
                is_subscribed = command[0] == "SUBSCRIBE";
            }
        }
    }

    #[tokio::test]
    async fn subscriptions_that_break_at_once_have_pauses_between_them_and_one_warning() {
        const CONNECTIONS: u32 = 4;
        let server = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("redis://{}/", server.local_addr().unwrap());
        let (opened, mut connections) = unbounded_channel();
        thread::spawn(move || confirm_and_close(&server, &opened));

        let address = Address::parse(&url).unwrap();
        let connector = Connector::new(address.subscribing_client().unwrap(), "channel".to_owned());
        let shared = SharedConnection::for_server(&address).unwrap();
        let (outbox, _sender) = Outbox::new(shared, "channel".to_owned());
        let (_receivers, new_receivers) = unbounded_channel();
        let (opened, _outcome) = oneshot::channel();
        let warnings = Arc::new(AtomicUsize::new(0));
        let _counting = tracing::subscriber::set_default(Warnings(Arc::clone(&warnings)));
        let began = Instant::now();
        let connected = async {
            for _ in 0..CONNECTIONS {
                connections.recv().await.unwrap();
            }
        };
        tokio::select! {
            () = connected => {}
            () = Listener::new(connector, outbox, new_receivers).run(opened) => panic!("a handle exists"),
        }
        // Half of 0.1, 0.2 and 0.4 seconds.
        assert!(began.elapsed() >= FIRST_RETRY_PAUSE * 7 / 2, "{:?}", began.elapsed());
        assert_eq!(warnings.load(Ordering::Relaxed), 1);
    }
}
