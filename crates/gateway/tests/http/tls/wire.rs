//! One connection at a time, with what TLS offers chosen by the test.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use openssl::pkey::PKey;
use openssl::ssl::{
    SslConnector, SslConnectorBuilder, SslMethod, SslSessionCacheMode, SslStream, SslVersion,
};
use openssl::x509::X509;
use portcullis_test_support::Issued;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

/// Longer than a client may be silent.
const PATIENCE: Duration = Duration::from_secs(30);

/// A client.
#[derive(Clone)]
pub(crate) struct Wire {
    pub(crate) ca: Vec<u8>,
    pub(crate) alpn: &'static [u8],
    pub(crate) version: Option<SslVersion>,
    pub(crate) suites: &'static str,
    pub(crate) identity: Option<Issued>,
    pub(crate) resumable: Arc<AtomicUsize>,
}

pub(crate) type Connection = SslStream<TcpStream>;

impl Wire {
    pub(crate) fn believing(ca: &[u8]) -> Self {
        let (ca, resumable) = (ca.to_vec(), Arc::default());
        Self { ca, alpn: b"", version: None, suites: "DEFAULT", identity: None, resumable }
    }

    /// How often something came with which a connection could be resumed.
    pub(crate) fn tickets(&self) -> usize {
        self.resumable.load(Ordering::Relaxed)
    }

    /// The status of a `GET` on a connection of its own, with this token if it is not empty.
    pub(crate) async fn get(&self, at: SocketAddr, path: &str, token: &str) -> Result<u16, String> {
        let (wire, path, token) = (self.clone(), path.to_owned(), token.to_owned());
        tokio::task::spawn_blocking(move || ask(&mut wire.connect(at)?, &path, &token))
            .await
            .unwrap()
    }

    /// The certificate that a new connection is shown, as PEM.
    pub(crate) async fn shown(&self, at: SocketAddr) -> Vec<u8> {
        let wire = self.clone();
        let connected = tokio::task::spawn_blocking(move || wire.connect(at)).await.unwrap();
        connected.unwrap().ssl().peer_certificate().unwrap().to_pem().unwrap()
    }

    /// Sends one part, then after `between` the other. The answer's status.
    pub(crate) fn call_in_two(
        &self,
        at: SocketAddr,
        one: &[u8],
        two: &[u8],
        between: impl FnOnce(),
    ) -> Result<u16, String> {
        let mut connection = self.connect(at)?;
        connection.write_all(one).map_err(|error| error.to_string())?;
        between();
        connection.write_all(two).map_err(|error| error.to_string())?;
        status(&mut connection)
    }

    pub(crate) fn connect(&self, at: SocketAddr) -> Result<Connection, String> {
        let stream = TcpStream::connect(at).map_err(|error| error.to_string())?;
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let connector = self.connector().build();
        connector.connect("localhost", stream).map_err(|error| error.to_string())
    }

    fn connector(&self) -> SslConnectorBuilder {
        let mut builder = SslConnector::builder(SslMethod::tls_client()).unwrap();
        for one in X509::stack_from_pem(&self.ca).unwrap() {
            builder.cert_store_mut().add_cert(one).unwrap();
        }
        if !self.alpn.is_empty() {
            builder.set_alpn_protos(self.alpn).unwrap();
        }
        builder.set_cipher_list(self.suites).unwrap();
        builder.set_min_proto_version(self.version).unwrap();
        builder.set_max_proto_version(self.version).unwrap();
        if let Some(identity) = &self.identity {
            let chain = X509::stack_from_pem(&identity.certificate).unwrap();
            let key = PKey::private_key_from_pem(&identity.private_key).unwrap();
            builder.set_certificate(&chain[0]).unwrap();
            builder.set_private_key(&key).unwrap();
        }
        let resumable = Arc::clone(&self.resumable);
        builder.set_session_cache_mode(SslSessionCacheMode::CLIENT);
        builder.set_new_session_callback(move |_, _| {
            resumable.fetch_add(1, Ordering::Relaxed);
        });
        builder
    }
}

/// One request on a connection that stays open.
pub(crate) fn ask(connection: &mut Connection, path: &str, token: &str) -> Result<u16, String> {
    let token = if token.is_empty() { "" } else { &format!("Authorization: Bearer {token}\r\n") };
    let head = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n{token}\r\n");
    connection.write_all(head.as_bytes()).map_err(|error| error.to_string())?;
    status(connection)
}

/// Answers are short: they come in one piece.
fn status(connection: &mut Connection) -> Result<u16, String> {
    let mut buffer = [0; 16384];
    let length = connection.read(&mut buffer).map_err(|error| error.to_string())?;
    let text = String::from_utf8_lossy(&buffer[..length]).into_owned();
    let status = text.split(' ').nth(1).and_then(|status| status.parse().ok());
    status.ok_or_else(|| format!("no answer: {text:?}"))
}

/// All that comes for `garbage` until the other side hangs up.
pub(crate) async fn told(at: SocketAddr, garbage: &[u8]) -> Vec<u8> {
    let (mut reading, mut writing) = tokio::net::TcpStream::connect(at).await.unwrap().into_split();
    let mut answer = Vec::new();
    // It may hang up before it has read all.
    let _ = writing.write_all(garbage).await;
    let read = reading.read_to_end(&mut answer);
    let _ = tokio::time::timeout(PATIENCE, read).await.expect("it hangs up");
    answer
}

/// The other side hangs up.
pub(crate) async fn assert_closed(stream: &mut tokio::net::TcpStream) {
    let read = tokio::time::timeout(PATIENCE, stream.read(&mut [0; 64])).await;
    assert!(matches!(read.expect("it hangs up"), Ok(0) | Err(_)));
}
