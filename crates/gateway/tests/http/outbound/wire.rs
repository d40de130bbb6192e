//! Everything that goes out, seen: an HTTP proxy that answers for every host by itself and keeps what it was
//! asked.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use url::Url;

/// One request as it went out.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    /// The host for which it was meant; of a tunnel, `host:port`.
    pub(crate) host: String,
    /// All of it, with the escapes of addresses and forms taken off as well.
    pub(crate) text: String,
}

/// The proxy; gone when dropped.
pub(crate) struct Wire {
    address: SocketAddr,
    calls: Arc<Mutex<Vec<Call>>>,
    task: JoinHandle<()>,
}

impl Wire {
    /// Starts one that gives `answer` for what is asked of a host: status line and headers, without the
    /// empty line.
    pub(crate) async fn start(answer: fn(&str) -> &'static str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let calls = Arc::<Mutex<Vec<Call>>>::default();
        let seen = Arc::clone(&calls);
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, Arc::clone(&seen), answer));
            }
        });
        Self { address, calls, task }
    }

    /// `[http]` with this proxy for every call.
    pub(crate) fn toml(&self) -> String {
        format!("[http]\nproxy = \"http://{}\"\n", self.address)
    }

    pub(crate) fn calls(&self) -> Vec<Call> {
        self.calls.lock().unwrap().clone()
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(
    mut stream: TcpStream,
    calls: Arc<Mutex<Vec<Call>>>,
    answer: fn(&str) -> &'static str,
) -> Option<()> {
    let mut bytes = Vec::new();
    let length = loop {
        let mut headers = [httparse::EMPTY_HEADER; 64];
        let mut request = httparse::Request::new(&mut headers);
        if let httparse::Status::Complete(head) = request.parse(&bytes).ok()? {
            let body =
                request.headers.iter().find(|h| h.name.eq_ignore_ascii_case("content-length"));
            let body = body.and_then(|h| std::str::from_utf8(h.value).ok()?.parse::<usize>().ok());
            break head + body.unwrap_or(0);
        }
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    };
    while bytes.len() < length && stream.read_buf(&mut bytes).await.ok()? > 0 {}
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let target = text.split(' ').nth(1)?.to_owned();
    let tunnel = text.starts_with("CONNECT ");
    let host = if tunnel { target } else { Url::parse(&target).ok()?.host_str()?.to_owned() };
    let head = if tunnel { "HTTP/1.1 502 x" } else { answer(&host) };
    let plain = percent_encoding::percent_decode_str(&text.replace('+', " "))
        .decode_utf8_lossy()
        .into_owned();
    calls.lock().unwrap().push(Call { host, text: format!("{text}\n{plain}") });
    let rest = "\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    stream.write_all(format!("{head}{rest}").as_bytes()).await.ok()
}
