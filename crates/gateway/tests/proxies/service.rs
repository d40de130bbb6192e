//! A server on loopback that keeps every request it gets, to the letter.

use std::io::{BufRead, BufReader, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// A request as it came.
#[derive(Debug, Clone, Default)]
pub(crate) struct Request {
    /// The method and the target.
    pub(crate) line: String,
    /// Names as they were written, and their values.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
    /// What came behind a chunked body.
    pub(crate) trailers: Vec<(String, String)>,
}

impl Request {
    /// The values of a header, in order.
    pub(crate) fn all(&self, name: &str) -> Vec<&str> {
        let named = self.headers.iter().filter(|(given, _)| given.eq_ignore_ascii_case(name));
        named.map(|(_, value)| value.as_str()).collect()
    }
}

/// The server. It answers everything with the same bytes, and ends with the process.
pub(crate) struct Service {
    address: SocketAddr,
    requests: Arc<Mutex<Vec<Request>>>,
}

impl Service {
    /// One that answers with this status line and these headers, each with its line end, and a body that
    /// no proxy would think of.
    pub(crate) fn start(status: &str, headers: &str) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let requests = Arc::<Mutex<Vec<Request>>>::default();
        let kept = Arc::clone(&requests);
        let answer = format!(
            "HTTP/1.1 {status}\r\n{headers}Content-Length: 6\r\nConnection: close\r\n\r\nserved"
        );
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (kept, answer) = (Arc::clone(&kept), answer.clone());
                std::thread::spawn(move || {
                    // One who is gone before the end did not send a request.
                    if let Ok(request) = read(&stream) {
                        kept.lock().unwrap().push(request);
                        drop((&stream).write_all(answer.as_bytes()));
                    }
                });
            }
        });
        Self { address, requests }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// The requests since the last call.
    pub(crate) fn taken(&self) -> Vec<Request> {
        std::mem::take(&mut *self.requests.lock().unwrap())
    }
}

fn read(stream: &TcpStream) -> std::io::Result<Request> {
    let mut reader = BufReader::new(stream);
    let mut request = Request { line: line(&mut reader)?, ..Request::default() };
    loop {
        let line = line(&mut reader)?;
        let Some((name, value)) = line.split_once(':') else { break };
        request.headers.push((name.to_owned(), value.trim().to_owned()));
    }
    if request.all("transfer-encoding") == ["chunked"] {
        loop {
            let length = usize::from_str_radix(&line(&mut reader)?, 16);
            let mut chunk = vec![0; length.map_err(std::io::Error::other)?];
            if chunk.is_empty() {
                break;
            }
            reader.read_exact(&mut chunk)?;
            request.body.extend(chunk);
            line(&mut reader)?;
        }
        loop {
            let line = line(&mut reader)?;
            let Some((name, value)) = line.split_once(':') else { return Ok(request) };
            request.trailers.push((name.to_owned(), value.trim().to_owned()));
        }
    }
    let length = request.all("content-length").first().map_or(0, |length| length.parse().unwrap());
    request.body = vec![0; length];
    reader.read_exact(&mut request.body)?;
    Ok(request)
}

fn line(reader: &mut impl BufRead) -> std::io::Result<String> {
    let mut line = String::new();
    match reader.read_line(&mut line)? {
        0 => Err(std::io::ErrorKind::UnexpectedEof.into()),
        _ => Ok(line.trim_end().to_owned()),
    }
}
