//! Requests that no well-behaved client sends, byte by byte.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// The answer's status and all of its text, head included. `head` is the request line and its
/// headers, a line each; the body is sent in `pieces` for as long as the server takes them.
pub(crate) async fn raw(
    to: SocketAddr,
    head: &[&str],
    pieces: impl IntoIterator<Item = Vec<u8>>,
) -> (u16, String) {
    let stream = TcpStream::connect(to).await.unwrap();
    let (mut reading, mut writing) = stream.into_split();
    let head = format!("{}\r\nHost: {to}\r\nConnection: close\r\n\r\n", head.join("\r\n"));
    writing.write_all(head.as_bytes()).await.unwrap();
    let sending = async {
        for piece in pieces {
            if writing.write_all(&piece).await.is_err() {
                break;
            }
        }
        // The other half of the connection stays open until the answer is there.
        std::future::pending::<()>().await;
    };
    let mut answer = Vec::new();
    let read = async {
        // A server that answers before it has read all may reset the connection after its answer.
        let mut buffer = [0; 4096];
        while let Ok(n @ 1..) = reading.read(&mut buffer).await {
            answer.extend_from_slice(&buffer[..n]);
            if is_whole(&answer) {
                break;
            }
        }
    };
    tokio::time::timeout(Duration::from_mins(1), async {
        tokio::select! { () = sending => {}, () = read => {} }
    })
    .await
    .unwrap();
    let text = String::from_utf8_lossy(&answer).into_owned();
    let status = text.split(' ').nth(1).and_then(|status| status.parse().ok());
    (status.unwrap_or_else(|| panic!("no answer: {text:?}")), text)
}

/// Whether head and body are there, as far as a Content-Length says so.
pub(crate) fn is_whole(answer: &[u8]) -> bool {
    let text = String::from_utf8_lossy(answer).to_lowercase();
    let Some((head, body)) = text.split_once("\r\n\r\n") else { return false };
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
    length.and_then(|length| length.parse().ok()).is_some_and(|length: usize| body.len() >= length)
}

/// `bytes` as one chunk of a chunked body (RFC 9112, section 7.1).
pub(crate) fn chunk(bytes: &[u8]) -> Vec<u8> {
    [format!("{:x}\r\n", bytes.len()).as_bytes(), bytes, b"\r\n"].concat()
}
