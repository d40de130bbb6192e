//! A provider with every trouble that one can have, one after the other.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use portcullis_fake_gitlab::{FakeGitlab, Fault, TokenState};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};

use crate::support::{Database, Setup, token};

on_both_databases![slow_then_down_then_busy_then_well];

/// Waited for once, and afterwards enough on a machine that stands still for a moment.
const DEADLINE: Duration = Duration::from_secs(3);

/// A way to a server that can be shut: then its port refuses connections.
struct Door {
    address: SocketAddr,
    to: SocketAddr,
    open: Option<JoinHandle<()>>,
}

impl Door {
    async fn to(url: &str) -> Self {
        let to = url.trim_start_matches("http://").parse().unwrap();
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let mut door = Self { address, to, open: None };
        door.open().await;
        door
    }

    async fn open(&mut self) {
        let listener = TcpListener::bind(self.address).await.unwrap();
        self.address = listener.local_addr().unwrap();
        let to = self.to;
        self.open = Some(tokio::spawn(async move {
            // Its connections are cut when it is dropped.
            let mut connections = JoinSet::new();
            while let Ok((mut near, _)) = listener.accept().await {
                connections.spawn(async move {
                    let mut far = TcpStream::connect(to).await.unwrap();
                    // Either side may go at any time.
                    drop(tokio::io::copy_bidirectional(&mut near, &mut far).await);
                });
            }
        }));
    }

    async fn shut(&mut self) {
        let open = self.open.take().unwrap();
        open.abort();
        assert!(open.await.unwrap_err().is_cancelled());
    }
}

async fn slow_then_down_then_busy_then_well(db: Database) {
    let gitlab = FakeGitlab::start();
    let mut door = Door::to(gitlab.url()).await;
    let url = format!("http://{}", door.address);
    let setup = Setup::by_way_of(&db, gitlab, url, DEADLINE).await;
    let leaked = token(1);
    setup.gitlab().add_token(&leaked);
    setup.gitlab().fault_always(Some(Fault::Delay(DEADLINE * 3)));
    setup.report(&[&leaked]).await;
    setup.once(&leaked, "timeout").await;
    door.shut().await;
    setup.once(&leaked, "unreachable").await;

    let before = setup.gitlab().requests().len();
    setup.gitlab().fault_always(None);
    setup.gitlab().fault_next(1, Fault::Status { status: 429, retry_after: Some(2) });
    door.open().await;
    let row = setup.once(&leaked, "rate_limited").await;
    assert_eq!(row.state, "pending");
    let row = setup.end_of(&leaked).await;
    assert_eq!((row.state.as_str(), row.code.as_deref()), ("revoked", Some("revoked")));
    assert_eq!(setup.gitlab().state(&leaked), Some(TokenState::Revoked));

    let asked = setup.gitlab().requests().split_off(before);
    assert_eq!(asked.len(), 3, "the one that was put off, the question, the deletion");
    let waited = asked[1].at - asked[0].at;
    assert!(waited >= Duration::from_secs(2), "no call before its time: {waited:?}");
    let mut codes = setup.codes(&leaked).await;
    // Of the question, at most, that was under way when the door was shut.
    codes.retain(|code| code != "lost");
    codes.dedup();
    assert_eq!(codes, ["timeout", "unreachable", "rate_limited", "revoked"]);
    assert_eq!(row.attempts, i64::try_from(setup.codes(&leaked).await.len()).unwrap());
}
