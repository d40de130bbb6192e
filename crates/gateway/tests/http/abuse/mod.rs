//! Clients that take more than they should. Each test says what becomes of them, and that others are served.

pub(crate) mod addresses;
pub(crate) mod bodies;
pub(crate) mod connections;
pub(crate) mod flood;
pub(crate) mod heads;

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};

use portcullis_base::SystemRandomness;
use portcullis_gateway::config::{self, Environment, Sources};
use portcullis_gateway::data_dir::DataDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};

use crate::raw::is_whole;
use crate::support::{Database, PATIENCE, TestGateway};

/// Time-outs that a test can wait for.
const SHORT: &str = "[server.limits]\nrequest_timeout = \"1s\"\nkeep_alive = \"1s\"\n\
                     body_timeout = \"1s\"\n";

/// A gateway with these keys of `[server]`, and more TOML.
async fn start(database: &Database, server: &str, rest: &str) -> TestGateway {
    let file = database.configuration((0, 0), rest);
    let text = fs::read_to_string(&file).unwrap();
    fs::write(&file, text.replacen("[server]\n", &format!("[server]\n{server}\n"), 1)).unwrap();
    let sources = Sources {
        file: Some(file),
        data_dir: DataDir::at(database.folder().join("data")),
        environment: Environment::default(),
    };
    TestGateway::of(&config::load(&sources, &SystemRandomness).unwrap()).await
}

/// A connection, byte by byte.
struct Wire(TcpStream);

impl Wire {
    async fn open(to: SocketAddr) -> Self {
        Self(TcpStream::connect(to).await.unwrap())
    }

    /// From another address of this machine.
    async fn open_from(last: u8, to: SocketAddr) -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind((Ipv4Addr::new(127, 0, 0, last), 0).into()).unwrap();
        Self(socket.connect(to).await.unwrap())
    }

    /// Whether it could still be sent.
    async fn send(&mut self, bytes: impl AsRef<[u8]>) -> bool {
        self.0.write_all(bytes.as_ref()).await.is_ok()
    }

    /// The next answer, or what there was of one before the end.
    async fn answer(&mut self) -> String {
        self.read(|text| is_whole(text.as_bytes())).await.1
    }

    /// Everything until it is closed, while `drip` is sent every now and then.
    async fn end(&mut self, drip: &str) -> String {
        let (mut closed, mut text) = (false, String::new());
        for _ in 0..PATIENCE.as_millis() / 100 {
            let more = self.send(drip).await;
            let wait = std::time::Duration::from_millis(100);
            if let Ok((end, read)) = tokio::time::timeout(wait, self.read(|_| true)).await {
                text += &read;
                closed = end;
            }
            if closed || !more {
                return text;
            }
        }
        panic!("it stays open: {text:?}");
    }

    /// Reads until it is `enough` or the end; whether that was the end.
    async fn read(&mut self, enough: impl Fn(&str) -> bool) -> (bool, String) {
        let mut text = String::new();
        let mut buffer = [0; 4096];
        let reading = async {
            loop {
                let Ok(n @ 1..) = self.0.read(&mut buffer).await else { return true };
                text += &String::from_utf8_lossy(&buffer[..n]);
                if enough(&text) {
                    return false;
                }
            }
        };
        let end = tokio::time::timeout(PATIENCE, reading).await.expect("an answer or an end");
        (end, text)
    }
}

fn status(answer: &str) -> &str {
    answer.split(' ').nth(1).unwrap_or_else(|| panic!("no answer: {answer:?}"))
}

/// A good client, who is to be served whatever happens.
struct Good<'a> {
    gateway: &'a TestGateway,
    token: String,
}

impl<'a> Good<'a> {
    async fn of(gateway: &'a TestGateway) -> Self {
        Self { gateway, token: gateway.mint().await.token }
    }

    async fn is_served(&self) {
        assert_eq!(self.gateway.auth(&self.token).await.status, 200);
    }
}
