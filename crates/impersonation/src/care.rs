//! Looking after the broker's own credential while nobody asks for tokens.

use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::Broker;

/// How often the administrator's token is looked at.
const EVERY: Duration = Duration::from_mins(10);

/// How often while it is not known to be good: a new one, or new rights, are soon noticed.
const WHILE_LOST: Duration = Duration::from_mins(1);

/// How often before GitLab has said anything of it: one that was away for a moment at the start must
/// not leave operators in the dark for a minute.
const WHILE_UNKNOWN: Duration = Duration::from_secs(5);

/// A running look at the administrator's token.
#[derive(Debug)]
pub struct Care {
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Care {
    /// Looks now, and again and again.
    pub fn start(broker: Broker) -> Self {
        let (stop, stopped) = watch::channel(false);
        Self { stop, task: tokio::spawn(run(broker, stopped)) }
    }

    /// Looks no more, and returns when the call under way has been answered.
    pub async fn stop(self) {
        self.stop.send_replace(true);
        // A panic of its own was logged by the runtime.
        drop(self.task.await);
    }
}

async fn run(broker: Broker, mut stopped: watch::Receiver<bool>) {
    let mut looked: Option<Instant> = None;
    while !*stopped.borrow() {
        let good = broker.credential().standing == crate::Standing::Accepted;
        if !good || looked.is_none_or(|at| at.elapsed() >= EVERY) {
            broker.look_at_credential().await;
            looked = Some(Instant::now());
        }
        let unknown = broker.credential().standing == crate::Standing::Unknown;
        let pause = if unknown { WHILE_UNKNOWN } else { WHILE_LOST };
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            _ = stopped.changed() => {}
        }
    }
}
