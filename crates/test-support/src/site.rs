//! A web server on loopback that says what a test tells it to, and keeps count.

use std::collections::HashMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

/// What it says at one path.
#[derive(Debug, Clone)]
pub struct Reply {
    /// The status.
    pub status: u16,
    /// Headers beside `Content-Length` and `Connection`.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
    /// How long it thinks before it says anything.
    pub delay: Duration,
    /// How long it waits before each byte of the body; zero sends it whole.
    pub drip: Duration,
}

impl Reply {
    /// 200 with this JSON, at once.
    #[expect(clippy::needless_pass_by_value, reason = "texts and values alike")]
    pub fn json(body: impl ToString) -> Self {
        let headers = vec![("Content-Type".to_owned(), "application/json".to_owned())];
        let body = body.to_string().into_bytes();
        Self { status: 200, headers, body, delay: Duration::ZERO, drip: Duration::ZERO }
    }

    /// This status with an empty body.
    pub fn status(status: u16) -> Self {
        Self { status, headers: Vec::new(), ..Self::json("") }
    }

    /// With one more header.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }
}

#[derive(Default)]
struct World {
    replies: HashMap<String, Reply>,
    requests: Vec<String>,
    heads: Vec<String>,
}

/// The server; gone when dropped.
pub struct Site {
    url: String,
    world: Arc<Mutex<World>>,
    ended: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Site {
    /// Starts one that says 404 to everything.
    ///
    /// # Panics
    /// Where loopback gives no port.
    pub fn start() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port of loopback");
        let address = listener.local_addr().expect("a bound listener has an address");
        let (world, ended) = (Arc::<Mutex<World>>::default(), Arc::new(AtomicBool::new(false)));
        let (shared, over) = (Arc::clone(&world), Arc::clone(&ended));
        let thread = std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if over.load(Ordering::Relaxed) {
                    return;
                }
                let world = Arc::clone(&shared);
                // A client that is gone before the end is no concern of the server's.
                std::thread::spawn(move || drop(serve(stream, &world)));
            }
        });
        Self { url: format!("http://{address}"), world, ended, thread: Some(thread) }
    }

    /// Its address, without a slash at the end.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// From now on it says this at that path.
    pub fn set(&self, path: &str, reply: Reply) {
        lock(&self.world).replies.insert(path.to_owned(), reply);
    }

    /// How often a path was asked for.
    pub fn count(&self, path: &str) -> usize {
        lock(&self.world).requests.iter().filter(|asked| *asked == path).count()
    }

    /// What was asked at a path, line by line with all headers, in order.
    pub fn heads(&self, path: &str) -> Vec<String> {
        let world = lock(&self.world);
        let both = world.requests.iter().zip(&world.heads);
        both.filter(|(asked, _)| *asked == path).map(|(_, head)| head.clone()).collect()
    }

    /// Every path that was asked for, in order.
    pub fn requests(&self) -> Vec<String> {
        lock(&self.world).requests.clone()
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Relaxed);
        // The thread waits for a connection: this is one.
        drop(TcpStream::connect(self.url.trim_start_matches("http://")));
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

fn lock(world: &Mutex<World>) -> MutexGuard<'_, World> {
    world.lock().unwrap_or_else(PoisonError::into_inner)
}

fn serve(mut stream: TcpStream, world: &Mutex<World>) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let path = line.split(' ').nth(1).unwrap_or_default().to_owned();
    let mut head = String::new();
    while line.trim_end() != "" {
        head += &line;
        line.clear();
        reader.read_line(&mut line)?;
    }
    let reply = {
        let mut world = lock(world);
        world.requests.push(path.clone());
        world.heads.push(head);
        world.replies.get(&path).cloned().unwrap_or_else(|| Reply::status(404))
    };
    std::thread::sleep(reply.delay);
    let length = reply.body.len();
    let mut head =
        format!("HTTP/1.1 {} x\r\nContent-Length: {length}\r\nConnection: close\r\n", reply.status);
    for (name, value) in &reply.headers {
        head.extend([name, ": ", value, "\r\n"]);
    }
    stream.write_all(format!("{head}\r\n").as_bytes())?;
    if reply.drip.is_zero() {
        stream.write_all(&reply.body)?;
    } else {
        for byte in &reply.body {
            std::thread::sleep(reply.drip);
            stream.write_all(&[*byte])?;
        }
    }
    stream.shutdown(Shutdown::Write)
}
