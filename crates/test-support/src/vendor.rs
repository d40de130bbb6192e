//! A web server on loopback that writes down to the byte what it was sent, and behaves as a test wants.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use crate::Reply;

/// One request as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// The method.
    pub method: String,
    /// Path and query, as they were written.
    pub target: String,
    /// Names in lower case, and values, sorted.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

impl Asked {
    /// The value of this header.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The body as text.
    ///
    /// # Panics
    /// Where it is none.
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("a body of text")
    }
}

/// What a [`Vendor`] does when it has read a request.
#[derive(Debug, Clone)]
pub enum Act {
    /// Says this.
    Say(Reply),
    /// Closes the connection without a word.
    Cut,
}

type Manners = Arc<Mutex<Box<dyn Fn(&Asked) -> Act + Send>>>;

/// The server; gone when dropped.
pub struct Vendor {
    url: String,
    asked: Arc<Mutex<Vec<Asked>>>,
    manners: Manners,
    ended: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Vendor {
    /// Starts one that does what `manners` says to each request.
    ///
    /// # Panics
    /// Where loopback gives no port.
    pub fn start(manners: impl Fn(&Asked) -> Act + Send + 'static) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port of loopback");
        let address = listener.local_addr().expect("a bound listener has an address");
        let manners: Manners = Arc::new(Mutex::new(Box::new(manners)));
        let (asked, ended) = (Arc::default(), Arc::new(AtomicBool::new(false)));
        let shared = (Arc::clone(&asked), Arc::clone(&manners), Arc::clone(&ended));
        let thread = std::thread::spawn(move || {
            let (asked, manners, over) = shared;
            for stream in listener.incoming().flatten() {
                if over.load(Ordering::Relaxed) {
                    return;
                }
                let (asked, manners) = (Arc::clone(&asked), Arc::clone(&manners));
                // A client that is gone before the end is no concern of the server's.
                std::thread::spawn(move || drop(serve(stream, &asked, &manners)));
            }
        });
        Self { url: format!("http://{address}"), asked, manners, ended, thread: Some(thread) }
    }

    /// Its address, without a slash at the end.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// From now on it does this to every request.
    pub fn set(&self, act: Act) {
        *lock(&self.manners) = Box::new(move |_| act.clone());
    }

    /// Every request so far, in order.
    pub fn asked(&self) -> Vec<Asked> {
        lock(&self.asked).clone()
    }

    /// Forgets the requests so far, and gives them.
    pub fn take(&self) -> Vec<Asked> {
        std::mem::take(&mut *lock(&self.asked))
    }
}

impl Drop for Vendor {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Relaxed);
        // The thread waits for a connection: this is one.
        drop(TcpStream::connect(self.url.trim_start_matches("http://")));
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

fn lock<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

fn serve(mut stream: TcpStream, all: &Mutex<Vec<Asked>>, manners: &Manners) -> std::io::Result<()> {
    let asked = read(&mut BufReader::new(stream.try_clone()?))?;
    lock(all).push(asked.clone());
    let act = lock(manners)(&asked);
    let Act::Say(reply) = act else { return stream.shutdown(Shutdown::Both) };
    std::thread::sleep(reply.delay);
    let mut head = format!("HTTP/1.1 {} x\r\nConnection: close\r\n", reply.status);
    // RFC 9110, section 8.6: these have none.
    if !matches!(reply.status, 204 | 304) {
        head.extend(["Content-Length: ", &reply.body.len().to_string(), "\r\n"]);
    }
    for (name, value) in &reply.headers {
        head.extend([name, ": ", value, "\r\n"]);
    }
    stream.write_all(format!("{head}\r\n").as_bytes())?;
    stream.write_all(&reply.body)?;
    stream.shutdown(Shutdown::Write)
}

fn read(from: &mut BufReader<TcpStream>) -> std::io::Result<Asked> {
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        from.read_line(&mut line)?;
        match line.trim_end_matches(['\r', '\n']) {
            "" => break,
            line => lines.push(line.to_owned()),
        }
    }
    let mut lines = lines.into_iter();
    let first = lines.next().unwrap_or_default();
    let mut words = first.split(' ').map(str::to_owned);
    let split = |line: String| {
        let (name, value) = line.split_once(": ").unwrap_or((&line, ""));
        (name.to_ascii_lowercase(), value.to_owned())
    };
    let mut asked = Asked {
        method: words.next().unwrap_or_default(),
        target: words.next().unwrap_or_default(),
        headers: lines.map(split).collect(),
        body: Vec::new(),
    };
    asked.headers.sort();
    let length = asked.header("content-length").and_then(|length| length.parse().ok());
    asked.body.resize(length.unwrap_or_default(), 0);
    from.read_exact(&mut asked.body)?;
    Ok(asked)
}
