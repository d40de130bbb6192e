//! A webhook on loopback that answers what a test tells it to, and keeps what it is told.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// Stands in its address, which is a secret: no log may have it.
pub(crate) const ADDRESS: &str = "Mark0fATokenOfAWebhook";

/// What a webhook answers.
#[derive(Debug, Clone)]
pub(crate) enum Say {
    /// A status, and lines of headers.
    Status(u16, String),
    /// Nothing, for ever.
    Nothing,
    /// 200, and then a body without an end.
    Endless,
}

/// A request that came.
#[derive(Debug, Clone)]
pub(crate) struct Told {
    pub(crate) head: String,
    pub(crate) body: String,
    /// The status that was answered; 0 where nothing was.
    pub(crate) status: u16,
    pub(crate) at: Instant,
}

struct World {
    say: Say,
    told: Vec<Told>,
}

/// The webhook; gone when dropped.
pub(crate) struct Hook {
    pub(crate) url: String,
    world: Arc<Mutex<World>>,
    task: JoinHandle<()>,
}

impl Hook {
    /// One that answers 200.
    pub(crate) async fn start() -> Self {
        Self::saying(Say::Status(200, String::new())).await
    }

    pub(crate) async fn saying(say: Say) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let world = Arc::new(Mutex::new(World { say, told: Vec::new() }));
        let shared = Arc::clone(&world);
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let world = Arc::clone(&shared);
                tokio::spawn(async move { drop(serve(stream, &world).await) });
            }
        });
        Self { url: format!("http://{address}/hook/{ADDRESS}?key={ADDRESS}"), world, task }
    }

    pub(crate) fn say(&self, say: Say) {
        lock(&self.world).say = say;
    }

    /// Everything that it was told, in order.
    pub(crate) fn told(&self) -> Vec<Told> {
        lock(&self.world).told.clone()
    }

    /// The notices that it has taken, of the JSON format.
    pub(crate) fn notices(&self) -> Vec<Value> {
        let taken = self.told().into_iter().filter(|told| told.status == 200);
        taken.flat_map(|told| told.notices()).collect()
    }
}

impl Told {
    /// The notices of one message of the JSON format.
    pub(crate) fn notices(&self) -> Vec<Value> {
        let mut body: Value = serde_json::from_str(&self.body).unwrap();
        body["notices"].as_array_mut().unwrap().drain(..).collect()
    }

    /// A header's value.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut lines = self.head.lines().filter_map(|line| line.split_once(": "));
        lines.find(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }
}

impl Drop for Hook {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn lock(world: &Mutex<World>) -> MutexGuard<'_, World> {
    world.lock().unwrap_or_else(PoisonError::into_inner)
}

/// One request on each connection.
async fn serve(mut stream: TcpStream, world: &Mutex<World>) -> std::io::Result<()> {
    let (head, body) = read(&mut stream).await?;
    let say = {
        let mut world = lock(world);
        let say = world.say.clone();
        let status = match &say {
            Say::Status(status, _) => *status,
            Say::Nothing => 0,
            Say::Endless => 200,
        };
        world.told.push(Told { head, body, status, at: Instant::now() });
        say
    };
    match say {
        Say::Status(status, headers) => {
            let close = "Connection: close\r\nContent-Length: 2\r\n";
            let answer = format!("HTTP/1.1 {status} X\r\n{headers}{close}\r\nok");
            stream.write_all(answer.as_bytes()).await
        }
        Say::Nothing => std::future::pending().await,
        Say::Endless => {
            stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await?;
            let piece = vec![b'x'; 65_536];
            loop {
                stream.write_all(&piece).await?;
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        }
    }
}

async fn read(stream: &mut TcpStream) -> std::io::Result<(String, String)> {
    let (mut bytes, mut buffer) = (Vec::new(), vec![0; 16_384]);
    loop {
        let text = String::from_utf8_lossy(&bytes);
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| {
                let (name, value) = line.split_once(": ")?;
                name.eq_ignore_ascii_case("content-length").then(|| value.parse::<usize>().unwrap())
            });
            if body.len() >= length.unwrap_or(0) {
                return Ok((head.to_owned(), body.to_owned()));
            }
        }
        let n = stream.read(&mut buffer).await?;
        if n == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        bytes.extend_from_slice(&buffer[..n]);
    }
}
