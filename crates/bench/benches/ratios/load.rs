//! A load of HTTP requests: each connection sends the next one when it has its answer.

use std::net::SocketAddr;
use std::ops::AddAssign;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::Barrier;

use crate::measure::per_second;

const THREADS: usize = 2;
const CONNECTIONS: usize = 16;

/// The same request over and over, on 32 connections that are kept alive.
#[derive(Clone)]
pub(crate) struct Load {
    address: SocketAddr,
    request: Arc<[u8]>,
    status: u16,
}

impl Load {
    /// `GET path`, by a `credential` where there is one; the answers are to have this `status`.
    pub(crate) fn new(port: u16, path: &str, credential: Option<&str>, status: u16) -> Self {
        let credential = credential.map(|token| format!("Authorization: Bearer {token}\r\n"));
        let credential = credential.unwrap_or_default();
        let request = format!("GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n{credential}\r\n");
        let request = request.into_bytes().into();
        Self { address: SocketAddr::from(([127, 0, 0, 1], port)), request, status }
    }

    /// Answers a second, over so long.
    ///
    /// # Panics
    /// Where one has another status.
    pub(crate) async fn run(&self, time: Duration) -> f64 {
        let tally = self.tally(time).await;
        assert_eq!(tally.others, 0, "answers of another status than {}", self.status);
        tally.rate
    }

    /// The same, with answers of another status counted.
    pub(crate) async fn tally(&self, time: Duration) -> Tally {
        let begin = Arc::new(Barrier::new(THREADS * CONNECTIONS));
        let threads: Vec<_> = (0..THREADS)
            .map(|_| {
                let (load, begin) = (self.clone(), Arc::clone(&begin));
                tokio::task::spawn_blocking(move || load.thread(&begin, time))
            })
            .collect();
        let mut sum = Tally::default();
        for thread in threads {
            sum += thread.await.expect("every answer could be read");
        }
        sum
    }

    /// A runtime of its own for half of the connections: nothing is handed between threads.
    fn thread(&self, begin: &Arc<Barrier>, time: Duration) -> Tally {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let connections = async {
            let connections: Vec<_> = (0..CONNECTIONS)
                .map(|_| tokio::spawn(self.clone().connection(Arc::clone(begin), time)))
                .collect();
            let mut sum = Tally::default();
            for connection in connections {
                sum += connection.await.expect("every answer could be read");
            }
            sum
        };
        runtime.expect("a runtime").block_on(connections)
    }

    async fn connection(self, begin: Arc<Barrier>, time: Duration) -> Tally {
        let mut stream = TcpStream::connect(self.address).await.expect("it listens");
        stream.set_nodelay(true).expect("a socket takes the option");
        let (mut buffer, mut all, mut others) = (Vec::with_capacity(4096), 0, 0);
        begin.wait().await;
        let begun = Instant::now();
        while begun.elapsed() < time {
            stream.write_all(&self.request).await.expect("it takes requests");
            let status = answer(&mut stream, &mut buffer).await;
            others += u32::from(status != self.status);
            all += 1;
        }
        Tally { rate: per_second(all, begun.elapsed()), others }
    }
}

/// What came of a load.
#[derive(Default)]
pub(crate) struct Tally {
    /// Answers a second.
    pub(crate) rate: f64,
    /// Answers of another status than expected.
    pub(crate) others: u32,
}

impl AddAssign for Tally {
    fn add_assign(&mut self, more: Self) {
        self.rate += more.rate;
        self.others += more.others;
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
