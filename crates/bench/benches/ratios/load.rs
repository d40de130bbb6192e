//! A load of HTTP requests: each connection sends the next one when it has its answer.

use std::net::SocketAddr;
use std::ops::AddAssign;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::Barrier;

use crate::measure::{millis, per_second};

const THREADS: usize = 2;
const CONNECTIONS: usize = 32;

/// Requests in turn, over and over, on connections that are kept alive.
#[derive(Clone)]
pub(crate) struct Load {
    address: SocketAddr,
    requests: Arc<[Vec<u8>]>,
    next: Arc<AtomicUsize>,
    connections: usize,
    status: u16,
}

impl Load {
    /// `GET path` on 32 connections, by a `credential` where there is one; the answers are to have this
    /// `status`.
    pub(crate) fn new(port: u16, path: &str, credential: Option<&str>, status: u16) -> Self {
        let credential = credential.map(|token| format!("Authorization: Bearer {token}\r\n"));
        let credential = credential.unwrap_or_default();
        let request = format!("GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n{credential}\r\n");
        Self::of(port, vec![request.into_bytes()], CONNECTIONS, status)
    }

    /// `POST path` with each of these bodies in turn, on so many connections; every answer is to be a 200.
    pub(crate) fn post(port: u16, path: &str, bodies: &[String], connections: usize) -> Self {
        let head = format!("POST {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n");
        let request = |body: &String| {
            let kind = "Content-Type: application/json\r\n";
            format!("{head}{kind}Content-Length: {}\r\n\r\n{body}", body.len()).into_bytes()
        };
        Self::of(port, bodies.iter().map(request).collect(), connections, 200)
    }

    fn of(port: u16, requests: Vec<Vec<u8>>, connections: usize, status: u16) -> Self {
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        Self { address, requests: requests.into(), next: Arc::default(), connections, status }
    }

    /// Answers a second, over so long.
    ///
    /// # Panics
    /// Where one has another status.
    pub(crate) async fn run(&self, time: Duration) -> f64 {
        self.good(time).await.rate
    }

    /// The same, with how long each answer took.
    pub(crate) async fn good(&self, time: Duration) -> Tally {
        let tally = self.tally(time).await;
        assert_eq!(tally.others, 0, "answers of another status than {}", self.status);
        tally
    }

    /// The same, with answers of another status counted.
    pub(crate) async fn tally(&self, time: Duration) -> Tally {
        let threads = THREADS.min(self.connections);
        let each = self.connections / threads;
        let begin = Arc::new(Barrier::new(threads * each));
        let threads: Vec<_> = (0..threads)
            .map(|_| {
                let (load, begin) = (self.clone(), Arc::clone(&begin));
                tokio::task::spawn_blocking(move || load.thread(each, &begin, time))
            })
            .collect();
        let mut sum = Tally::default();
        for thread in threads {
            sum += thread.await.expect("every answer could be read");
        }
        sum
    }

    /// A runtime of its own for half of the connections: nothing is handed between threads.
    fn thread(&self, connections: usize, begin: &Arc<Barrier>, time: Duration) -> Tally {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let all = async {
            let connections: Vec<_> = (0..connections)
                .map(|_| tokio::spawn(self.clone().connection(Arc::clone(begin), time)))
                .collect();
            let mut sum = Tally::default();
            for connection in connections {
                sum += connection.await.expect("every answer could be read");
            }
            sum
        };
        runtime.expect("a runtime").block_on(all)
    }

    async fn connection(self, begin: Arc<Barrier>, time: Duration) -> Tally {
        let mut stream = TcpStream::connect(self.address).await.expect("it listens");
        stream.set_nodelay(true).expect("a socket takes the option");
        let (mut buffer, mut times, mut others) = (Vec::with_capacity(4096), Vec::new(), 0);
        begin.wait().await;
        let (begun, mut before) = (Instant::now(), Duration::ZERO);
        while before < time {
            let turn = self.next.fetch_add(1, Ordering::Relaxed) % self.requests.len();
            stream.write_all(&self.requests[turn]).await.expect("it takes requests");
            let status = answer(&mut stream, &mut buffer).await;
            others += u32::from(status != self.status);
            let after = begun.elapsed();
            times.push(millis(after.saturating_sub(before)));
            before = after;
        }
        Tally { rate: per_second(times.len(), before), others, times }
    }
}

/// What came of a load.
#[derive(Default)]
pub(crate) struct Tally {
    /// Answers a second.
    pub(crate) rate: f64,
    /// Answers of another status than expected.
    pub(crate) others: u32,
    /// How long each answer took, in milliseconds.
    pub(crate) times: Vec<f64>,
}

impl AddAssign for Tally {
    fn add_assign(&mut self, more: Self) {
        self.rate += more.rate;
        self.others += more.others;
        self.times.extend(more.times);
    }
}

/// Reads one whole answer and gives its status.
async fn answer(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> u16 {
    buffer.clear();
    loop {
        let read = stream.read_buf(buffer).await.expect("it answers");
        assert_ne!(read, 0, "a connection was closed");
        if let Some((status, length)) = head(buffer) {
            assert!(buffer.len() <= length, "more than one answer");
            if buffer.len() == length {
                return status;
            }
        }
    }
}

/// The status, and the length of the whole answer, once its head is there.
fn head(bytes: &[u8]) -> Option<(u16, usize)> {
    let mut headers = [httparse::EMPTY_HEADER; 32];
    let mut response = httparse::Response::new(&mut headers);
    let httparse::Status::Complete(head) = response.parse(bytes).expect("HTTP") else {
        return None;
    };
    let length = response.headers.iter().find(|h| h.name.eq_ignore_ascii_case("content-length"));
    let length = std::str::from_utf8(length.expect("a length").value).expect("digits");
    let length: usize = length.parse().expect("a number");
    Some((response.code.expect("a status"), head + length))
}
