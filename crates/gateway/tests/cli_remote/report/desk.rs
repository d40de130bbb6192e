//! A server that takes reports as it is told to.

use std::collections::VecDeque;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

/// What it says to one report.
#[derive(Clone)]
pub(super) struct Answer {
    status: u16,
    headers: &'static str,
    body: Value,
}

impl Answer {
    pub(super) fn taken() -> Self {
        Self { status: 204, headers: "", body: Value::Null }
    }

    /// A problem with this code.
    pub(super) fn problem(status: u16, code: &str) -> Self {
        Self { status, headers: "", body: json!({ "code": code, "detail": "no" }) }
    }

    /// The same with a line of its head.
    pub(super) fn with(self, headers: &'static str) -> Self {
        Self { headers, ..self }
    }

    /// Some were not taken.
    pub(super) fn rejected(all: &[(u64, &str)], total: u64) -> Self {
        let listed = all.iter().map(|(index, code)| json!({ "index": index, "code": code }));
        let listed: Vec<_> = listed.collect();
        let body = json!({ "code": "some_items_rejected", "detail": "x", "rejected": listed,
            "rejected_total": total });
        Self { status: 400, headers: "", body }
    }

    /// It hangs up without a word.
    pub(super) fn nothing() -> Self {
        Self { status: 0, headers: "", body: Value::Null }
    }
}

/// The server. After the answers that were given it takes all.
pub(super) struct Desk {
    pub(super) url: String,
    bodies: Arc<Mutex<Vec<Vec<Value>>>>,
}

impl Desk {
    /// One that offers `types` (first answers with each of `to_types`), and answers reports in turn.
    pub(super) fn new(types: &[&str], to_types: &[Answer], to_reports: &[Answer]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let bodies = Arc::<Mutex<Vec<Vec<Value>>>>::default();
        let seen = Arc::clone(&bodies);
        let offered = Answer { status: 200, headers: "", body: json!({ "types": types }) };
        let mut to_types = VecDeque::from(to_types.to_vec());
        let mut to_reports = VecDeque::from(to_reports.to_vec());
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let Some((get, body)) = read(&stream) else { continue };
                let answer = if get {
                    to_types.pop_front().unwrap_or_else(|| offered.clone())
                } else {
                    seen.lock().unwrap().push(serde_json::from_slice(&body).unwrap());
                    to_reports.pop_front().unwrap_or_else(Answer::taken)
                };
                write(stream, &answer);
            }
        });
        Self { url, bodies }
    }

    /// How many items each report had.
    pub(super) fn lengths(&self) -> Vec<usize> {
        self.bodies.lock().unwrap().iter().map(Vec::len).collect()
    }

    /// All items of all reports.
    pub(super) fn items(&self) -> Vec<Value> {
        self.bodies.lock().unwrap().concat()
    }
}

fn read(stream: &TcpStream) -> Option<(bool, Vec<u8>)> {
    let mut reader = BufReader::new(stream);
    let (mut head, mut length) = (String::new(), 0);
    while reader.read_line(&mut head).ok()? > 2 {
        let line = head.lines().last()?.to_ascii_lowercase();
        if let Some(value) = line.strip_prefix("content-length: ") {
            length = value.parse().ok()?;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some((head.starts_with("GET /v1/revocable_token_types "), body))
}

fn write(mut stream: TcpStream, answer: &Answer) {
    let Answer { status, headers, body } = answer;
    if *status == 0 {
        return;
    }
    let kind = if *status < 300 { "application/json" } else { "application/problem+json" };
    let body = if *status == 204 { String::new() } else { body.to_string() };
    let length =
        if *status == 204 { String::new() } else { format!("Content-Length: {}\r\n", body.len()) };
    // Who went away was told enough.
    let _ = write!(
        stream,
        "HTTP/1.1 {status} x\r\nContent-Type: {kind}\r\n{length}{headers}Connection: close\r\n\r\n{body}"
    );
}
